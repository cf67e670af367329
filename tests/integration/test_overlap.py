"""ROUGE and BLEU of answers, by hand."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rouge")

from swiftx.adapters.scorers.overlap import overlap
from swiftx.domain.inference.metrics import OVERLAP


def test_what_is_equal_has_all_of_every_score() -> None:
    scores = overlap(
        [("the cat sat here", "the cat sat here"), ("你好,今天天气很好", "你好,今天天气很好")]
    )

    assert scores == pytest.approx(dict.fromkeys(OVERLAP, 100.0), abs=1e-4)


def test_words_and_their_order_by_hand() -> None:
    scores = overlap([("the cat on mat", "the cat sat on the mat")])

    # Words count once: the, cat, on, mat of the, cat, sat, on, mat. Pairs: the cat | cat on | on mat
    # against the cat | cat sat | sat on | on the | the mat.
    assert scores["rouge-1"] == pytest.approx(100 * 2 * 1 * (4 / 5) / (1 + 4 / 5), abs=1e-4)
    assert scores["rouge-2"] == pytest.approx(
        100 * 2 * (1 / 3) * (1 / 5) / (1 / 3 + 1 / 5), abs=1e-4
    )
    assert scores["rouge-l"] == pytest.approx(100 * 2 * 1 * (4 / 5) / (1 + 4 / 5), abs=1e-4)


def test_bleu_is_of_characters_and_punishes_what_is_short() -> None:
    scores = overlap([("abcde", "abcdefghij")])

    # All of its 1-grams to 4-grams are in the label; it is half as long.
    assert scores["bleu-4"] == pytest.approx(100 * math.exp(1 - 10 / 5), abs=1e-4)


def test_chinese_is_cut_into_words() -> None:
    (same, other) = (overlap([(text, "今天天气很好")]) for text in ("今天天气不好", "昨天下了大雨"))

    # 今天天气|不好 against 今天天气|很|好: one of two words, one of three.
    assert same["rouge-1"] == pytest.approx(100 * 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3), abs=1e-4)
    assert other["rouge-1"] == 0.0


@pytest.mark.parametrize(("answer", "label"), [("", "a"), (".", "a"), ("...", "a b"), ("a", ".")])
def test_an_answer_without_a_word_scores_nothing(answer: str, label: str) -> None:
    scores = overlap([(answer, label), ("a b c d", "a b c d")])

    assert scores["rouge-l"] == pytest.approx(50.0, abs=1e-4)


def test_long_texts_are_scored_like_short_ones() -> None:
    text = " ".join(f"w{number}" for number in range(900))

    assert overlap([(text, text)])["rouge-l"] == pytest.approx(100.0, abs=1e-4)
