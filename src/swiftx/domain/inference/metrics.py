"""How well responses agree with labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

# Words of alphabetic scripts and numbers stay whole; every ideograph, kana or other sign is a token.
_TOKEN = re.compile(r"[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+|[^\s]")

Pairs = Sequence[tuple[str, str]]
"""Responses with their labels."""

OVERLAP = ("rouge-1", "rouge-2", "rouge-l", "bleu-4")
"""The scores of the metric `nlg`."""


def evaluate(metric: str, pairs: Pairs) -> dict[str, float]:
    """Return the scores of a metric by name: `acc`, or `rouge-1`, `rouge-2` and `rouge-l` (in percent).

    Args:
        pairs: At least one.
    """
    return _METRICS[metric](pairs)


def _accuracy(pairs: Pairs) -> dict[str, float]:
    return {"acc": fmean(response == label for response, label in pairs)}


def _rouge(pairs: Pairs) -> dict[str, float]:
    tokens = [(tokens_of(response), tokens_of(label)) for response, label in pairs]
    scores = {
        "rouge-1": fmean(rouge_n(*pair, n=1) for pair in tokens),
        "rouge-2": fmean(rouge_n(*pair, n=2) for pair in tokens),
        "rouge-l": fmean(rouge_l(*pair) for pair in tokens),
    }
    return {name: 100 * score for name, score in scores.items()}


_METRICS: Mapping[str, Callable[[Pairs], dict[str, float]]] = {"acc": _accuracy, "rouge": _rouge}


def tokens_of(text: str) -> list[str]:
    """Return the words of a text, in lower case; Chinese, Japanese and Korean signs one by one.

    Example:
        >>> tokens_of("It's GPT-4, 你好")
        ['it', "'", 's', 'gpt', '-', '4', ',', '你', '好']
    """
    return _TOKEN.findall(text.lower())


def rouge_n(response: Sequence[str], label: Sequence[str], *, n: int) -> float:
    """Return the F1 of common n-grams, each counted as often as both texts have it.

    Source: C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004.
    """
    ours, theirs = _ngrams(response, n), _ngrams(label, n)
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def rouge_l(response: Sequence[str], label: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence. Source: as `rouge_n`."""
    return _f1(common_length(response, label), len(response), len(label))


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    A row of the table is one integer whose zero bits count the matches, so a step costs a few
    word operations instead of a pass over the row.

    Source: H. Hyyrö, Bit-Parallel LCS-length Computation Revisited, 2004.
    """
    places: dict[str, int] = {}
    for position, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << position
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        matches = row & places.get(token, 0)
        row = (row + matches | row - matches) & full
    return len(first) - row.bit_count()


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _f1(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if common else 0.0
