from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.inference.stopping import AnswerText, WordScanner
from swiftx.domain.plans.inference import GenerationPlan

TOKENIZER = ByteTokenizer()
EOS = 2


def pieces_of(text: str, plan: GenerationPlan | None = None, *, eos: bool = True) -> list[str]:
    answer = AnswerText(TOKENIZER, plan or GenerationPlan(stop_ids=(EOS,)))
    pieces = []
    for token in [*TOKENIZER.encode(text), *([EOS] if eos else [])]:
        if answer.finish_reason is None:
            pieces.append(answer.push(token))
    pieces.append(answer.finish())
    assert "".join(pieces) == answer.text
    return [piece for piece in pieces if piece]


def test_text_appears_token_by_token() -> None:
    assert pieces_of("abc") == ["a", "b", "c"]


def test_characters_of_several_tokens_appear_whole() -> None:
    assert pieces_of("é数😀!") == ["é", "数", "😀", "!"]


def test_bytes_that_never_become_a_character_appear_at_the_end() -> None:
    broken = TOKENIZER.encode("数")[:2]
    answer = AnswerText(TOKENIZER, GenerationPlan())

    shown = [answer.push(token) for token in (*TOKENIZER.encode("a"), *broken)]

    assert shown == ["a", "", ""]
    assert answer.finish().strip("\ufffd") == ""
    assert answer.text == TOKENIZER.decode([*TOKENIZER.encode("a"), *broken])


@pytest.mark.parametrize(
    ("plan", "text", "expected", "reason"),
    [
        (GenerationPlan(stop_ids=(EOS,)), "one", "one", "stop"),
        (GenerationPlan(stop_ids=(EOS,), max_new_tokens=2), "one", "on", "length"),
        (GenerationPlan(stop_words=("ne",)), "one two", "one", "stop"),
        (GenerationPlan(end_words=("ne",)), "one two", "o", "stop"),
        (GenerationPlan(stop_words=("two",), end_words=("ne",)), "one two", "o", "stop"),
        (GenerationPlan(stop_words=("o",), end_words=("one",)), "one", "o", "stop"),
        (GenerationPlan(end_words=("one",)), "one", "", "stop"),
        (GenerationPlan(stop_words=("", "x"), stop_ids=(EOS,)), "one", "one", "stop"),
        (GenerationPlan(end_words=("one more",), stop_ids=(EOS,)), "one mor", "one mor", "stop"),
    ],
)
def test_answer_ends_where_the_plan_says(
    plan: GenerationPlan, text: str, expected: str, reason: str
) -> None:
    answer = AnswerText(TOKENIZER, plan)
    for token in [*TOKENIZER.encode(text), EOS]:
        if answer.finish_reason is None:
            answer.push(token)

    assert (answer.text, answer.finish_reason) == (expected, reason)
    assert TOKENIZER.decode(answer.token_ids) == expected


def test_answer_that_the_engine_ends_has_reached_its_length() -> None:
    answer = AnswerText(TOKENIZER, GenerationPlan(end_words=("later",)))
    for token in TOKENIZER.encode("see you lat"):
        answer.push(token)

    rest = answer.finish()

    assert rest == "lat"
    assert (answer.text, answer.finish_reason) == ("see you lat", "length")
    assert answer.finish() == ""


def test_beginning_of_an_end_word_is_held_back() -> None:
    plan = GenerationPlan(end_words=("<end>",), stop_ids=(EOS,))

    assert pieces_of("a<en<end>b", plan) == ["a", "<en"]
    assert pieces_of("a<e!", plan) == ["a", "<e!"]


def test_stop_words_hold_nothing_back() -> None:
    plan = GenerationPlan(stop_words=("Observation:",))

    assert pieces_of("Obs", plan, eos=False) == ["O", "b", "s"]


WORDS = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


@given(st.lists(st.text("abc", max_size=5), max_size=8), WORDS, WORDS)
def test_words_are_found_however_the_text_is_cut(
    pieces: list[str], stop_words: list[str], end_words: list[str]
) -> None:
    text = "".join(pieces)
    whole, by_piece, by_letter = (
        WordScanner(stop_words=stop_words, end_words=end_words) for _ in range(3)
    )

    expected = whole.push(text) + whole.flush()

    assert "".join(map(by_letter.push, text)) + by_letter.flush() == expected
    assert "".join(map(by_piece.push, pieces)) + by_piece.flush() == expected or by_piece.found
    assert text.startswith(expected)
    if not whole.found:
        assert expected == text
    else:
        assert not any(word in expected for word in end_words)


@given(st.text(max_size=20))
def test_pieces_add_up_to_what_the_tokens_decode_to(text: str) -> None:
    answer = AnswerText(TOKENIZER, GenerationPlan())
    ids = TOKENIZER.encode(text)
    for token in ids:
        answer.push(token)
    answer.finish()

    assert answer.text == TOKENIZER.decode(ids)
    assert answer.token_ids == tuple(ids)


def test_tokens_are_shown_with_their_text() -> None:
    answer = AnswerText(TOKENIZER, GenerationPlan(end_words=("END",)))
    shown = []
    for token in TOKENIZER.encode("aé ENx"):
        answer.push(token)
        shown.append(answer.shown_tokens)

    # The bytes of é come one by one, and `E`, `EN` may be the beginning of the end word.
    assert shown == [1, 1, 3, 4, 4, 4, 7]


def test_answer_may_end_for_a_reason_of_the_caller() -> None:
    answer = AnswerText(TOKENIZER, GenerationPlan())
    answer.push(TOKENIZER.encode("a")[0])

    assert answer.finish("stop") == ""
    assert answer.finish_reason == "stop"
