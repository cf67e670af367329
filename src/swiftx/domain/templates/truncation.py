"""What happens to sequences that are too long."""

from __future__ import annotations

from collections.abc import Collection, MutableSequence, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TypeVar

from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.templating import TruncationStrategy

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class TooLong:
    """A row that is dropped because of its length in tokens."""

    length: int
    max_length: int
    row: int = -1


def truncate(
    encoded: Encoded,
    max_length: int | None,
    strategy: TruncationStrategy,
    *,
    protected: Collection[int] = (),
) -> Encoded | TooLong:
    """Return the row cut to `max_length` tokens, or the fact that it is too long.

    Args:
        encoded: A row of T tokens.
        max_length: None for no limit.
        strategy: `delete` cuts nothing; `left` and `right` name the side that is cut away; `split` leaves
            the row whole, for `split` to make pieces of it.
        protected: Token ids that are never cut away (placeholders of images and the like). Should
            they alone be more than `max_length`, the row stays longer.

    Example:
        >>> cut = truncate(Encoded(input_ids=[5, 6, 7]), 2, "left")
        >>> list(cut.input_ids)
        [6, 7]
    """
    length = len(encoded.input_ids)
    if max_length is None or length <= max_length or strategy == "split":
        return encoded
    if strategy == "delete":
        return TooLong(length, max_length, encoded.row)
    kept = _kept(encoded.input_ids, max_length, strategy, protected)
    return replace(
        encoded,
        input_ids=_picked(encoded.input_ids, kept),
        labels=_picked(encoded.labels, kept) if encoded.labels else (),
        loss_weights=None if encoded.loss_weights is None else _picked(encoded.loss_weights, kept),
        cut=length - len(kept),
    )


def split(encoded: Encoded, max_length: int | None) -> tuple[Encoded, ...]:
    """Return the row as pieces of `max_length` tokens and a shorter last one; the row itself when it fits.

    Nothing predicts the first token of a piece, so it is not trained. A last token by itself would train
    nothing: it is cut away.

    Args:
        encoded: A row of T tokens.
        max_length: None for no limit.

    Example:
        >>> pieces = split(Encoded(input_ids=[5, 6, 7, 8, 9], labels=[-100, 6, 7, 8, 9]), 2)
        >>> [(list(piece.input_ids), list(piece.labels)) for piece in pieces]
        [([5, 6], [-100, 6]), ([7, 8], [-100, 8])]
    """
    length = len(encoded.input_ids)
    if max_length is None or length <= max_length:
        return (encoded,)
    lone = int(max_length > 1 and length % max_length == 1)
    starts = range(0, length - lone, max_length)
    pieces = [_piece(encoded, slice(start, min(start + max_length, length))) for start in starts]
    return (*pieces[:-1], replace(pieces[-1], cut=lone))


def _piece(encoded: Encoded, part: slice) -> Encoded:
    labels, weights = encoded.labels[part], encoded.loss_weights
    if weights is not None:
        weights = weights[part]
    if part.start and labels:
        labels = _with_first(labels, IGNORE)
        weights = None if weights is None else _with_first(weights, 0.0)
    return replace(encoded, input_ids=encoded.input_ids[part], labels=labels, loss_weights=weights)


def _with_first(values: Sequence[_Number], first: _Number) -> Sequence[_Number]:
    changed = copy(values)
    assert isinstance(changed, MutableSequence)
    changed[0] = first
    return changed


def _kept(
    input_ids: Sequence[int],
    max_length: int,
    strategy: TruncationStrategy,
    protected: Collection[int],
) -> list[int] | range:
    """Positions that stay, in order."""
    length = len(input_ids)
    if not protected:
        return range(length - max_length, length) if strategy == "left" else range(max_length)
    held = {i for i, token in enumerate(input_ids) if token in protected}
    free = [i for i in range(length) if i not in held]
    room = max(0, max_length - len(held))
    chosen = free[len(free) - room :] if strategy == "left" else free[:room]
    return sorted(held.union(chosen))


def _picked(values: Sequence[_Number], kept: list[int] | range) -> Sequence[_Number]:
    if isinstance(kept, range):
        return values[kept.start : kept.stop]
    return [values[i] for i in kept]
