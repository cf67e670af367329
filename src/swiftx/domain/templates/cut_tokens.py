"""Token ids of rendered conversations that are cut at control tokens: nothing has to be located."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from swiftx.domain.ports.tokenizer import Tokenizer

_REMEMBERED = 1024
_LONGEST_HEADER = 200  # characters; it is mostly a control token and a word
_AROUND = (" \n a ", "a", "1", ".")


class Answered(NamedTuple):
    """A rendering and its answers, as (start, end) in characters, in order."""

    text: str
    answers: Sequence[tuple[int, int]]


class CutIds(NamedTuple):
    """Ids of a rendering, and its answers as (start, end) in tokens."""

    ids: array[int]
    answers: Sequence[tuple[int, int]]


class CutTokens:
    """Tokenises the stretches of a rendering by themselves, where that gives the ids of the whole.

    A tokenizer takes control tokens out of a text before it looks at the rest, so a text can be cut
    beside one. An answer ends with one; the header before it begins with one, and the answer begins
    where the tokens of the header alone end, provided that they are there.

    Args:
        tokenizer: Of the rendering.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        longest_first = sorted(filter(None, tokenizer.control_tokens), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._stands_alone = lru_cache(_REMEMBERED)(self._is_alone)
        self._header = lru_cache(_REMEMBERED)(lambda text: array("i", tokenizer.encode(text)))

    def encode(self, rows: Sequence[Answered]) -> list[CutIds | None]:
        """Return the tokens of each row; None for one that cannot be cut."""
        cuts = [self._pieces(row) for row in rows]
        ids, ends = self._tokenizer.encode_flat([piece for cut in cuts for piece in cut or ()])
        first = 0
        found: list[CutIds | None] = []
        for row, cut in zip(rows, cuts, strict=True):
            if cut is None:
                found.append(None)
                continue
            bounds = ends[first : first + len(cut) + 1]
            first += len(cut)
            start = bounds[0]
            own = ids[start : bounds[-1]]
            found.append(self._located(row, cut, own, [bound - start for bound in bounds]))
        return found

    def _pieces(self, row: Answered) -> list[str] | None:
        """Return what stands before each answer, its header with it, and in the end what is left."""
        text = row.text
        control = [match.span() for match in self._control.finditer(text)]
        ends = [end for _, end in control]
        pieces: list[str] = []
        at = 0
        for start, end in row.answers:
            before = bisect_right(ends, start) - 1
            last = bisect_right(ends, end) - 1
            if before < 0 or ends[last] != end:
                return None
            cut = control[before][0]
            beside = (slice(*control[before]), slice(*control[last]))
            if (
                cut < at
                or start - cut > _LONGEST_HEADER
                or not all(self._stands_alone(text[token]) for token in beside)
            ):
                return None
            pieces += (text[at:cut], text[cut:end])
            at = end
        return [*pieces, text[at:]]

    def _located(
        self, row: Answered, pieces: Sequence[str], ids: array[int], bounds: Sequence[int]
    ) -> CutIds | None:
        answers = []
        for number, (start, end) in enumerate(row.answers):
            piece = pieces[2 * number + 1]
            header = self._header(piece[: len(piece) - (end - start)])
            first = bounds[2 * number + 1]
            if ids[first : first + len(header)] != header:
                return None  # the answer changes the tokens of its prompt
            answers.append((first + len(header), bounds[2 * number + 2]))
        return CutIds(ids, answers)

    def _is_alone(self, token: str) -> bool:
        """Whether a control token neither takes what is beside it, nor changes its tokens."""
        encode = self._tokenizer.encode
        return all(
            encode(around + token + around) == encode(around) + encode(token) + encode(around)
            for around in _AROUND
        )
