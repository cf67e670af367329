"""Segments to token ids, labels and loss weights; many rows in one call of the tokenizer."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from swiftx.domain.chat.pieces import SpecialToken
from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.segments import Segment
from swiftx.errors import NotFound


class Run(NamedTuple):
    """Text or ids of one weight; what is tokenised at a time."""

    content: str | tuple[int, ...]
    weight: float


def runs(segments: Iterable[Segment], special_id: Callable[[SpecialToken], int]) -> list[Run]:
    """Return the segments with special tokens resolved and neighbouring texts of equal weight joined."""
    joined: list[Run] = []
    for content, weight, _ in segments:
        if isinstance(content, str):
            if joined and isinstance(joined[-1].content, str) and joined[-1].weight == weight:
                joined[-1] = Run(joined[-1].content + content, weight)
            elif content:
                joined.append(Run(content, weight))
        elif isinstance(content, SpecialToken):
            joined.append(Run((special_id(content),), weight))
        else:
            joined.append(Run(content, weight))
    return joined


def cut_runs(row: Iterable[Run], pieces: Callable[[str], Sequence[str]]) -> list[Run]:
    """Return the runs with each text cut into pieces, which are then tokenised one by one."""
    return [
        Run(piece, weight)
        for content, weight in row
        for piece in (pieces(content) if isinstance(content, str) else (content,))
        if piece
    ]


def special_token_id(token: SpecialToken, *, tokenizer: Tokenizer) -> int:
    """Return the id of a special token.

    Raises:
        NotFound: The tokenizer does not have it.
    """
    text = tokenizer.special_token(token.attribute)
    found = None if text is None else tokenizer.token_id(text)
    if found is None:
        raise NotFound(
            f"The tokenizer has no {token.attribute}, which the template writes.",
            hint="Choose another --template, or a model whose tokenizer defines the token.",
        )
    return found


def encode_runs(
    rows: Sequence[tuple[int, Sequence[Run]]],
    tokenizer: Tokenizer,
    *,
    turn_end: Sequence[int],
    is_binary: bool,
) -> list[Encoded]:
    """Return rows as tokens, in arrays; equal texts are tokenised once.

    Args:
        rows: Index and runs of each row.
        tokenizer: Turns all their texts into ids in one batch.
        turn_end: Ids that end a turn. Where they follow a trained answer and another trained answer
            comes later they are trained as well, so that the model learns to end every answer.
        is_binary: Leave the loss weights out, the labels say it all.

    Returns:
        One `Encoded` a row. The first token is never trained: nothing predicts it.
    """
    texts = dict.fromkeys(
        content for _, row in rows for content, _ in row if isinstance(content, str)
    )
    ids, ends = tokenizer.encode_flat(list(texts))
    ids_of = {text: ids[ends[i] : ends[i + 1]] for i, text in enumerate(texts)}
    end = array("i", turn_end)
    encoded = []
    for index, row in rows:
        tokens = _Tokens(end, weighted=not is_binary)
        for content, weight in row:
            tokens.add(ids_of[content] if isinstance(content, str) else array("i", content), weight)
        encoded.append(tokens.row(index))
    return encoded


class _Tokens:
    """A row that grows run by run. Whole runs are copied at once; no token is looked at alone."""

    def __init__(self, turn_end: array[int], *, weighted: bool) -> None:
        self._turn_end = turn_end
        self._ids = array("i")
        self._labels = array("i")
        self._weights = array("d") if weighted else None
        self._gap: int | None = None  # where the untrained stretch after a trained one starts

    def add(self, ids: array[int], weight: float) -> None:
        """Append a run."""
        if not ids:
            return
        start = len(self._ids)
        self._ids += ids
        if self._weights is not None:
            self._weights += array("d", [weight]) * len(ids)
        if weight > 0:
            if self._gap is not None:
                self._train_turn_end(range(self._gap, start))
                self._gap = None
            self._labels += ids
        else:
            if self._gap is None and start and self._labels[-1] != IGNORE:
                self._gap = start
            self._labels += _ignored(len(ids))

    def row(self, index: int) -> Encoded:
        """Return the row."""
        if self._labels:
            self._labels[0] = IGNORE
            if self._weights is not None:
                self._weights[0] = 0.0
        return Encoded(
            input_ids=self._ids, labels=self._labels, loss_weights=self._weights, row=index
        )

    def _train_turn_end(self, gap: range) -> None:
        count = len(self._turn_end)
        end = gap.start + count
        if count <= len(gap) and self._ids[gap.start : end] == self._turn_end:
            self._labels[gap.start : end] = self._turn_end
            if self._weights is not None:
                self._weights[gap.start : end] = array("d", [1.0]) * count


_NOTHING_TRAINED = array("i", [IGNORE]) * 4096


def _ignored(count: int) -> array[int]:
    if count <= len(_NOTHING_TRAINED):
        return _NOTHING_TRAINED[:count]
    return array("i", [IGNORE]) * count
