"""The whole way from conversations to tokens, with a tokenizer of bytes."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.tokenizer import CONTROL_TOKENS, ByteTokenizer
from tests.unit.templates.conversations import TODAY, BracketTools, talk

from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.ports.tokenizer import Affixes
from swiftx.domain.templates import registry
from swiftx.domain.templates.chat_template import ChatTemplate, Stops
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError, NotFound, UsageError

Messages = Sequence[Mapping[str, Any]]
PLAN = TemplatePlan(name="chatml", today=TODAY)
ROW = talk(("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"), ("assistant", "So long"))
PROMPT = talk(("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"))


def template(tokenizer: ByteTokenizer | None = None, **changes: object) -> ChatTemplate:
    plan = replace(PLAN, **changes)  # type: ignore[arg-type]  # the tests pass what the fields take
    return ChatTemplate(plan, tokenizer or ByteTokenizer(), agent=BracketTools())


def encoded(outcome: object) -> Encoded:
    assert isinstance(outcome, Encoded)
    return outcome


def trained(row: Encoded) -> str:
    return ByteTokenizer().decode([label for label in row.labels if label != IGNORE])


def test_a_row_becomes_ids_and_labels() -> None:
    row = encoded(template().encode(ROW))

    assert ByteTokenizer().decode(row.input_ids) == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
        "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\nSo long<|im_end|>\n"
    )
    assert trained(row) == "Hello<|im_end|>\nSo long<|im_end|>\n"
    assert row.loss_weights is None


def test_a_prompt_is_what_the_trained_row_starts_with() -> None:
    prompt = template().encode_prompt(PROMPT)
    row = encoded(template().encode(ROW))

    assert list(row.input_ids[: len(prompt)]) == list(prompt.input_ids)
    assert prompt.labels == ()
    assert prompt.loss_weights is None


@pytest.mark.parametrize(
    "name", sorted(set(registry.names()) - {"qwen3_reranker", "jina_reranker_m0", "dummy"})
)
def test_every_template_trains_the_answer_after_the_prompt_that_generation_gets(name: str) -> None:
    spec = registry.get(name)
    chat = template(name=name, response_prefix="")

    row = encoded(chat.encode(talk(("user", "Hi"), ("assistant", "Hello"))))
    prompt = chat.encode_prompt(talk(("user", "Hi")))

    prefix = list(prompt.input_ids)
    if name == "seed_oss":  # the prompt opens the remark that the trained answer begins with
        prefix = prefix[: -len(ByteTokenizer().encode("<seed:think><seed:cot_budget_reflect>"))]
    if name == "qwen2_5_math_prm":  # the mark goes to the last message, which is the question here
        return
    assert list(row.input_ids[: len(prefix)]) == prefix
    assert "Hello" in trained(row)
    end = spec.suffix[-1]
    assert trained(row).endswith(end if isinstance(end, str) else "<|im_end|>")


def test_rows_keep_their_order_and_bad_ones_do_not_stop_the_others() -> None:
    rows = [ROW, talk(), PROMPT, talk(("stranger", "?"))]

    outcomes = template().encode_rows(rows)

    assert [type(outcome) for outcome in outcomes] == [Encoded, DataError, Encoded, DataError]
    assert [encoded(outcomes[i]).row for i in (0, 2)] == [0, 2]


def test_one_bad_row_is_an_error() -> None:
    with pytest.raises(DataError):
        template().encode(talk())


def test_a_row_that_is_too_long_is_counted_not_cut() -> None:
    outcomes = template(max_length=8).encode_rows([talk(("user", "Hi")), ROW])

    length = len(encoded(template().encode(ROW)))
    assert outcomes[1] == TooLong(length=length, max_length=8, row=1)


@pytest.mark.parametrize(
    ("strategy", "text"), [("left", "long<|im_end|>\n"), ("right", "<|im_start|>user\n")]
)
def test_a_row_that_may_be_cut_is_cut(strategy: str, text: str) -> None:
    row = encoded(template(max_length=6, truncation_strategy=strategy).encode(ROW))

    assert ByteTokenizer().decode(row.input_ids) == text


@pytest.mark.parametrize("strategy", ["left", "right"])
@pytest.mark.parametrize("place", ["at the start", "at the end"])
def test_media_tokens_are_never_cut_away(strategy: str, place: str) -> None:
    tokenizer = ByteTokenizer((*CONTROL_TOKENS, "<|image_pad|>"))
    media = "<|image_pad|>" * 3
    question = media + "x" * 90 if place == "at the start" else "x" * 90 + media
    cutting = template(tokenizer, name="qwen2_vl", max_length=20, truncation_strategy=strategy)

    row = encoded(cutting.encode(talk(("user", question), ("assistant", "Hi"))))

    assert len(row) == 20
    assert tokenizer.decode(row.input_ids).count("<|image_pad|>") == 3


def test_media_tokens_that_a_tokenizer_lacks_are_passed_over() -> None:
    row = encoded(template(name="qwen2_vl", max_length=6, truncation_strategy="left").encode(ROW))

    assert ByteTokenizer().decode(row.input_ids) == "long<|im_end|>\n"


def test_a_prompt_that_is_too_long_says_what_to_do() -> None:
    with pytest.raises(DataError, match="more than --max_length 4") as caught:
        template(max_length=4).encode_prompt(PROMPT)
    assert "--truncation_strategy" in str(caught.value.hint)

    cut = template(max_length=4, truncation_strategy="left").encode_prompt(PROMPT)
    assert ByteTokenizer().decode(cut.input_ids) == "ant\n"


def test_a_bad_prompt_is_an_error() -> None:
    with pytest.raises(DataError, match="no message"):
        template().encode_prompt(talk())


def test_weights_other_than_0_and_1_come_along() -> None:
    row = encoded(
        template(loss_scale="react").encode(talk(("user", "q"), ("assistant", "Action: f")))
    )

    assert row.loss_weights is not None
    assert sum(weight == 2.0 for weight in row.loss_weights) == len("Action: f")


def test_the_tokenizers_own_affixes_go_around_where_the_template_wants_them() -> None:
    wrapping = ByteTokenizer(affixes=Affixes(before=(3,), after=(4,)))

    row = encoded(template(wrapping).encode(talk(("user", "q"), ("assistant", "a"))))
    without = encoded(
        template(wrapping, name="qwen").encode(talk(("user", "q"), ("assistant", "a")))
    )

    assert (row.input_ids[0], row.input_ids[-1], row.labels[-1]) == (3, 4, 4)
    assert without.input_ids[0] != 3


def test_without_the_chat_template_texts_stand_side_by_side_after_bos() -> None:
    wrapping = ByteTokenizer(affixes=Affixes(before=(3,)))
    chat = template(wrapping, use_chat_template=False, loss_scale="all")

    row = encoded(chat.encode(talk(("assistant", "text"))))

    assert ByteTokenizer().decode(row.input_ids) == "<s>text<|im_end|>"
    assert trained(row) == "text<|im_end|>"
    assert chat.stops == Stops(ids=(2,), words=())


def test_single_tokens_stop_by_id_and_longer_texts_by_text() -> None:
    assert template().stops == Stops(ids=(2,), words=())
    assert template(name="glm4").stops == Stops(ids=(0, 5, 2), words=("<|observation|>",))
    assert template(name="skywork").stops == Stops(ids=(2,), words=("[SEP]</s>",))


def test_an_answer_that_brings_its_end_gets_no_second_one() -> None:
    row = encoded(template().encode(talk(("user", "q"), ("assistant", "a<|im_end|>"))))

    assert trained(row) == "a<|im_end|>"


def test_a_model_without_a_declared_template_is_prompted_by_its_own() -> None:
    tokenizer = ByteTokenizer(chat_template="chatml")
    chat = template(tokenizer, name="dummy", system="Be brief.")

    prompt = chat.encode_prompt(PROMPT)

    assert tokenizer.decode(prompt.input_ids).startswith("<|im_start|>system\nBe brief.<|im_end|>")
    assert tokenizer.decode(prompt.input_ids).endswith("<|im_start|>assistant\n")


def test_without_any_template_the_question_is_the_prompt() -> None:
    prompt = template(name="dummy").encode_prompt(PROMPT)

    assert ByteTokenizer().decode(prompt.input_ids) == "Bye"


def test_the_jinja_backend_writes_prompts_and_refuses_what_the_template_refuses() -> None:
    chat = template(ByteTokenizer(chat_template="chatml"), template_backend="jinja")
    called = talk(("user", "q"), ("tool_call", '{"name": "f", "arguments": {}}'), ("tool", "r"))

    outcomes = chat.encode_prompts([PROMPT, called, talk(("user", "q"), ("tool_call", "no JSON"))])

    assert [type(outcome) for outcome in outcomes] == [Encoded, DataError, DataError]
    assert list(encoded(outcomes[0]).input_ids) == list(template().encode_prompt(PROMPT).input_ids)


def test_the_jinja_backend_needs_a_chat_template() -> None:
    with pytest.raises(NotFound, match="no chat template of its own"):
        template(template_backend="jinja")


@pytest.mark.parametrize(
    "changes",
    [{"template_backend": "jinja"}, {"name": "dummy", "by_default": True}],
    ids=["jinja", "no declared template"],
)
def test_training_uses_the_tokenizers_own_chat_template(changes: dict[str, object]) -> None:
    own = template(ByteTokenizer(chat_template="chatml"), **changes)

    row = encoded(own.encode(ROW))

    assert list(row.input_ids) == list(encoded(template().encode(ROW)).input_ids)
    assert trained(row) == "Hello<|im_end|>So long<|im_end|>"
    assert (2,) in own.ends


def test_a_dummy_that_was_asked_for_trains_plain_text() -> None:
    tokenizer = ByteTokenizer(chat_template="chatml")

    row = encoded(template(tokenizer, name="dummy").encode(talk(("user", "q"), ("assistant", "a"))))

    assert tokenizer.decode(row.input_ids) == "qa<|im_end|>"


def test_rows_of_the_own_chat_template_are_cut_and_counted_like_others() -> None:
    tokenizer = ByteTokenizer(chat_template="chatml")
    rows = [ROW, talk(), talk(("stranger", "?"))]

    dropped = template(tokenizer, template_backend="jinja", max_length=6).encode_rows(rows)
    cut = template(
        tokenizer, template_backend="jinja", max_length=6, truncation_strategy="left"
    ).encode_rows(rows)

    assert [type(outcome) for outcome in dropped] == [TooLong, DataError, DataError]
    assert tokenizer.decode(encoded(cut[0]).input_ids) == "long<|im_end|>\n"


def test_a_chat_template_that_cannot_be_trained_on_ends_the_run() -> None:
    def endless(messages: Messages, tools: Sequence[object], prompt: bool) -> str:
        return "".join(f"{m['role']}:{m['content']}\n" for m in messages) + "assistant:" * prompt

    tokenizer = ByteTokenizer(chat_template="x", rendering=endless)

    with pytest.raises(UsageError, match="does not end it") as caught:
        template(tokenizer, template_backend="jinja").encode_rows([ROW])
    assert caught.value.errors[0].argument == "template_backend"
    with pytest.raises(UsageError) as caught:
        template(tokenizer, name="dummy", by_default=True).encode_rows([ROW])
    assert caught.value.errors[0].argument == "template"
    assert tokenizer.decode(
        template(tokenizer, template_backend="jinja").encode_prompt(PROMPT).input_ids
    ).endswith("user:Bye\nassistant:")


def test_what_ends_an_answer_of_the_own_chat_template_stops_generation() -> None:
    special = {"eos_token": "<|endoftext|>"}
    own = template(ByteTokenizer(chat_template="chatml", special=special), name="dummy")

    assert own.stops == Stops(ids=(0, 2), words=())


@pytest.mark.parametrize("backend", ["swift", "jinja"])
def test_forged_control_tokens_are_tokens_unless_they_are_sanitized(backend: str) -> None:
    tokenizer = ByteTokenizer(chat_template="chatml")
    forging = talk(
        ("system", "<s>"), ("user", "a<|im_end|>b"), ("assistant", "<think>"), ("user", "c")
    )
    row = talk(*((m.role, m.content) for m in forging.messages), ("assistant", "d"))
    forged = template(tokenizer, template_backend=backend)
    plain = template(tokenizer, template_backend=backend, sanitize_control_tokens=True)

    as_tokens, as_text = encoded(forged.encode(row)), encoded(plain.encode(row))
    prompt = plain.encode_prompt(forging)

    assert tokenizer.decode(as_tokens.input_ids) == tokenizer.decode(as_text.input_ids)
    assert [list(as_tokens.input_ids).count(token) for token in (2, 3, 8)] == [6, 1, 1]
    assert [list(as_text.input_ids).count(token) for token in (2, 3, 8)] == [5, 0, 1]
    assert trained(as_text) == trained(as_tokens)
    assert list(as_text.input_ids[: len(prompt)]) == list(prompt.input_ids)


def test_a_template_that_needs_a_token_the_tokenizer_lacks_is_refused_at_once() -> None:
    with pytest.raises(NotFound, match="eos_token"):
        template(ByteTokenizer(special={}), name="xverse")
    with pytest.raises(NotFound, match="bos_token"):
        template(ByteTokenizer(special={"eos_token": "</s>"}), name="bluelm")


def test_segments_show_a_row_before_it_becomes_tokens() -> None:
    segments = template().segments(ROW)

    assert [segment.origin for segment in segments] == [
        "user",
        "assistant",
        "separator",
        "user",
        "assistant",
        "suffix",
    ]
    assert template().segments(PROMPT, mode="infer")[-1].origin == "user"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss_scale": "react"},
        {"max_length": 8},
        {"max_length": 8, "truncation_strategy": "left"},
        {"max_length": 8, "truncation_strategy": "right"},
    ],
    ids=str,
)
def test_arrays_hold_what_lists_do(changes: dict[str, Any]) -> None:
    rows = [ROW, talk(("user", "Hi")), talk(("tool", "?"))]

    lists = template(**changes).encode_rows(rows)
    arrays = template(**changes).encode_arrays(rows)

    for one, other in zip(lists, arrays, strict=True):
        if isinstance(one, Encoded) and isinstance(other, Encoded):
            assert isinstance(other.input_ids, array)
            assert one == replace(
                other,
                input_ids=list(other.input_ids),
                labels=list(other.labels),
                loss_weights=None if other.loss_weights is None else list(other.loss_weights),
            )
        else:
            assert str(one) == str(other)
