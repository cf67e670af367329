"""What every tokenizer keeps to. Subclass, provide the fixtures, get the tests."""

from __future__ import annotations

from itertools import pairwise

import pytest

from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import DataError, NotFound

TEXTS = ("Hello, world!", " two  spaces\n\nand lines ", "naïve 你好 🌍", "{'a': [1, 2.5]}", "x")


class TokenizerContract:
    """Provide `tokenizer` (with an end-of-sequence token), `control_token` and `chat_tokenizer`.

    `control_token` is the text of a control token; `chat_tokenizer` is a tokenizer with a chat template,
    or None where the technology has none.
    """

    @pytest.fixture
    def tokenizer(self) -> Tokenizer:
        raise NotImplementedError

    @pytest.fixture
    def control_token(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def chat_tokenizer(self) -> Tokenizer | None:
        return None

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_text_survives_the_round_trip(self, tokenizer: Tokenizer, text: str) -> None:
        assert tokenizer.decode(tokenizer.encode(text)) == text

    def test_an_empty_text_has_no_tokens(self, tokenizer: Tokenizer) -> None:
        assert tokenizer.encode("") == []
        assert tokenizer.encode_batch([]) == []
        assert tokenizer.encode_batch([""]) == [[]]
        assert tokenizer.decode([]) == ""

    def test_a_batch_equals_its_texts_one_by_one(
        self, tokenizer: Tokenizer, control_token: str
    ) -> None:
        texts = [*TEXTS, "", control_token + "a" + control_token, *TEXTS]

        assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]

    def test_flat_ids_are_those_of_the_batch(
        self, tokenizer: Tokenizer, control_token: str
    ) -> None:
        texts = [*TEXTS, "", control_token + "a" + control_token, *TEXTS]

        ids, ends = tokenizer.encode_flat(texts)

        assert (ids.typecode, len(ends), ends[0], ends[-1]) == ("i", len(texts) + 1, 0, len(ids))
        assert [list(ids[start:end]) for start, end in pairwise(ends)] == tokenizer.encode_batch(
            texts
        )
        assert [list(each) for each in tokenizer.encode_flat([])] == [[], [0]]

    def test_the_fingerprint_does_not_change_with_use(self, tokenizer: Tokenizer) -> None:
        before = tokenizer.fingerprint

        tokenizer.encode_flat(TEXTS)

        assert before
        assert tokenizer.fingerprint == before

    def test_located_tokens_are_those_of_the_batch(
        self, tokenizer: Tokenizer, control_token: str
    ) -> None:
        texts = [*TEXTS, "", control_token + "a" + control_token, *TEXTS]

        located = tokenizer.locate_batch(texts)

        assert [list(each.ids) for each in located] == tokenizer.encode_batch(texts)
        assert [len(each.spans) for each in located] == [len(each.ids) for each in located]
        assert tokenizer.locate_batch([]) == []

    def test_tokens_stand_in_the_text_one_after_the_other(
        self, tokenizer: Tokenizer, control_token: str
    ) -> None:
        text = f" a\n\n{control_token}\n two  naïve 你好 🌍{control_token}"

        (located,) = tokenizer.locate_batch([text])

        spans = list(located.spans)
        assert spans == sorted(spans)
        assert {at for start, end in spans for at in range(start, end)} == set(range(len(text)))
        control = [
            span
            for token, span in zip(located.ids, spans, strict=True)
            if token == tokenizer.token_id(control_token)
        ]
        assert [text[start:end] for start, end in control] == [control_token] * 2
        first = tokenizer.locate_batch([text[: control[0][0]]])[0]
        assert list(first.ids) == list(located.ids[: len(first.ids)])

    def test_encode_adds_no_token_of_its_own(self, tokenizer: Tokenizer) -> None:
        edge = {tokenizer.bos_token_id, tokenizer.eos_token_id} - {None}

        assert not edge & set(tokenizer.encode("plain text"))

    def test_a_control_token_in_the_text_is_one_token(
        self, tokenizer: Tokenizer, control_token: str
    ) -> None:
        token = tokenizer.token_id(control_token)

        assert tokenizer.encode(control_token) == [token]
        assert tokenizer.encode(f"a{control_token}b").count(token or -1) == 1

    def test_it_lists_its_control_tokens(self, tokenizer: Tokenizer, control_token: str) -> None:
        assert control_token in tokenizer.control_tokens
        for token in tokenizer.control_tokens:
            assert tokenizer.encode(token) == [tokenizer.token_id(token)]

    def test_decoding_can_leave_control_tokens_out(
        self, tokenizer: Tokenizer, control_token: str
    ) -> None:
        ids = tokenizer.encode(f"a{control_token}b")

        assert tokenizer.decode(ids) == f"a{control_token}b"
        assert tokenizer.decode(ids, skip_special_tokens=True) == "ab"

    def test_ids_lie_in_the_vocabulary(self, tokenizer: Tokenizer, control_token: str) -> None:
        ids = tokenizer.encode("".join(TEXTS) + control_token)

        assert all(0 <= token < tokenizer.vocab_size for token in ids)

    def test_the_end_token_is_known_by_name_and_by_text(self, tokenizer: Tokenizer) -> None:
        text = tokenizer.special_token("eos_token")

        assert text is not None
        assert tokenizer.token_id(text) == tokenizer.eos_token_id

    def test_an_unknown_token_or_name_is_none(self, tokenizer: Tokenizer) -> None:
        assert tokenizer.token_id("<|no such token|>") is None
        assert tokenizer.special_token("no_such_token") is None

    def test_affixes_are_ids_of_the_vocabulary(self, tokenizer: Tokenizer) -> None:
        before, after = tokenizer.affixes

        assert all(0 <= token < tokenizer.vocab_size for token in (*before, *after))

    def test_a_chat_template_renders_messages_and_the_prompt_of_an_answer(
        self, chat_tokenizer: Tokenizer | None
    ) -> None:
        if chat_tokenizer is None:
            return
        messages = [{"role": "user", "content": "QUESTION"}]

        text = chat_tokenizer.render_chat(messages)
        prompt = chat_tokenizer.render_chat(messages, add_generation_prompt=True)

        assert chat_tokenizer.chat_template is not None
        assert "QUESTION" in text
        assert prompt.startswith(text)
        assert len(prompt) > len(text)

    def test_a_tokenizer_without_a_chat_template_says_so(self, tokenizer: Tokenizer) -> None:
        if tokenizer.chat_template is not None:
            return
        with pytest.raises(NotFound):
            tokenizer.render_chat([{"role": "user", "content": "a"}])

    def test_messages_that_the_chat_template_refuses_are_a_data_error(
        self, refusing_tokenizer: Tokenizer | None
    ) -> None:
        if refusing_tokenizer is None:
            return
        with pytest.raises(DataError):
            refusing_tokenizer.render_chat([{"role": "stranger", "content": "a"}])

    @pytest.fixture
    def refusing_tokenizer(self) -> Tokenizer | None:
        """A tokenizer whose chat template refuses the role `stranger`; None where there is none."""
        return None
