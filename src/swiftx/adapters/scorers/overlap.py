"""How much of a label an answer says: ROUGE over the words that jieba finds, BLEU over characters."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean

import jieba
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge import Rouge

from swiftx.domain.inference.metrics import OVERLAP

jieba.setLogLevel(logging.WARNING)
_ROUGE = tuple(name for name in OVERLAP if name.startswith("rouge"))
_SPARE_FRAMES = 1000


def overlap(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Return `rouge-1`, `rouge-2`, `rouge-l` (F1) and `bleu-4`, each the mean over the pairs, in percent.

    A word or n-gram counts once however often a text has it, and the longest common subsequence is taken
    sentence by sentence: the two peculiarities of the library `rouge`. An answer without a word scores 0.

    Args:
        pairs: Answers with their labels; at least one.
    """
    scores = [_scores(answer, label) for answer, label in pairs]
    return {name: round(100 * fmean(each[name] for each in scores), 6) for name in OVERLAP}


def _scores(answer: str, label: str) -> dict[str, float]:
    if not answer or not label:
        return dict.fromkeys(OVERLAP, 0.0)
    smoothing = SmoothingFunction().method3
    bleu = sentence_bleu([list(label)], list(answer), smoothing_function=smoothing)
    return {**_rouge(jieba.lcut(answer), jieba.lcut(label)), "bleu-4": float(bleu)}


def _rouge(answer: Sequence[str], label: Sequence[str]) -> dict[str, float]:
    said, true = " ".join(answer), " ".join(label)
    if not said.strip(".") or not true.strip("."):  # no sentence, for which the library raises
        return dict.fromkeys(_ROUGE, 0.0)
    with _deep_enough(len(answer) + len(label)):
        scores = Rouge(metrics=list(_ROUGE)).get_scores(said, true)[0]
    return {name: float(scores[name]["f"]) for name in _ROUGE}


@contextmanager
def _deep_enough(words: int) -> Iterator[None]:
    """Let the library walk back through its table, which it does with a call a word."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, words + _SPARE_FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
