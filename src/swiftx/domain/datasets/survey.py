"""Looks at rows one by one and gathers their statistics, and what should be noticed about them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from swiftx.domain.chat.rows import MEDIA, PREFIXES, PlainRow, StandardRow
from swiftx.domain.datasets.statistics import Counts, RowStatistics
from swiftx.domain.plans.data import RowOrigin
from swiftx.domain.plans.encoded import IGNORE, Encoded, EncodedBlock
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.control_tokens import forgery


class Survey:
    """Gathers statistics row by row.

    Args:
        ends: Token ids of which one sequence ends every answer.
        bos: Id of the token that begins a sequence; None when there is none.
        control_tokens: Texts that become control tokens.
        splits: Whether several sequences of a row are the pieces of one.
    """

    def __init__(
        self,
        *,
        ends: Sequence[Sequence[int]] = (),
        bos: int | None = None,
        control_tokens: Iterable[str] = (),
        splits: bool = False,
    ) -> None:
        self._splits = splits
        self._ends = [array("i", end) for end in ends]
        self._twice_bos = None if bos is None else array("i", [bos, bos])
        self._forgery = forgery(control_tokens)
        self.counts = Counts()

    @classmethod
    def of(cls, template: ChatTemplate) -> Survey:
        """Return a survey of rows that a template encodes."""
        tokenizer = template.tokenizer
        return cls(
            ends=template.ends,
            bos=tokenizer.bos_token_id,
            control_tokens=tokenizer.control_tokens,
            splits=template.plan.truncation_strategy == "split",
        )

    def add(self, row: StandardRow, sequences: Sequence[Encoded], origin: RowOrigin) -> None:
        """Count a row that is used; what is noticed about several of its sequences counts once."""
        self.counts.kept += 1
        noticed: dict[str, str] = {}
        for encoded in sequences:
            self.counts.lengths[len(encoded)] += 1
            if self._splits:  # only the last piece has to end
                noticed.pop("endless", None)
            noticed.update(self._noticed(encoded))
        if self._splits and len(sequences) > 1:
            noticed["split"] = f"into {len(sequences)} sequences"
        media = [] if type(row) is PlainRow else [name for name in MEDIA if row.get(name)]
        if media:
            noticed["unseen_media"] = ", ".join(media)
        if self._forgery is not None:
            for text in _texts(row):
                forged = self._forgery.search(text)
                if forged is not None:
                    noticed["forged"] = forged.group()
                    break
        for what, detail in noticed.items():
            self.counts.notes.add(what, origin, detail)

    def add_all(
        self,
        rows: Sequence[StandardRow],
        encoded: Sequence[Sequence[Encoded]],
        *,
        sequences: Callable[[Encoded], Iterable[Encoded]],
        origin: Callable[[int], RowOrigin],
    ) -> None:
        """Count rows as `add` does, many times faster where there is nothing to notice.

        Args:
            encoded: What each row became, in several pieces where it was split.
            sequences: From a piece to its sequences.
            origin: From the number of an encoded row to where it was read.
        """
        quiet = self._are_plain(rows)
        for row, pieces in zip(rows, encoded, strict=True):
            if not (quiet and len(pieces) == 1 and self._counted(pieces[0])):
                parts = [part for piece in pieces for part in sequences(piece)]
                self.add(row, parts, origin(pieces[0].row))

    def add_block(self, rows: Sequence[StandardRow], block: EncodedBlock) -> bool:
        """Count rows as `add` does, all at once; False, and no row counted, if one is to be noticed."""
        if not (len(block) and self._are_plain(rows)):
            return False
        if self._twice_bos is not None:
            starts = set(block.ends)
            if any(at + 1 not in starts for at in _places(block.input_ids, self._twice_bos)):
                return False
        if not self._all_end(block) or any(
            block.labels[start] != IGNORE for start in block.ends[:-1]
        ):
            return False
        self.counts.kept += len(block)
        self.counts.lengths.update(block.lengths)
        trained = len(block.labels) - _count_ignored(block.labels)
        self.counts.trained = (self.counts.trained or 0) + trained
        return True

    def _all_end(self, block: EncodedBlock) -> bool:
        """Whether every row trains the same end last, and therefore something."""
        labels, starts = block.labels, block.ends
        for wanted in self._ends:
            count = len(wanted)
            if all(
                end - count > start and labels[end - count : end] == wanted
                for start, end in pairwise(starts)
            ):
                return True
        return False

    def drop(self, reason: str, origin: RowOrigin, detail: str) -> None:
        """Count a row that cannot be used."""
        self.counts.dropped.add(reason, origin, detail)

    def statistics(self) -> RowStatistics:
        """Return what was gathered so far."""
        return self.counts.statistics()

    def _are_plain(self, rows: Sequence[StandardRow]) -> bool:
        """Whether rows are texts alone, none of which holds a control token."""
        texts: list[str] = []
        for row in rows:
            if type(row) is not PlainRow:
                return False
            texts += row.contents
        return self._forgery is None or self._forgery.search("\n".join(texts)) is None

    def _counted(self, encoded: Encoded) -> bool:
        """Count a sequence if nothing is to be noticed about it."""
        ids, labels = encoded.input_ids, encoded.labels
        if encoded.cut or encoded.parts or not labels:
            return False
        if type(ids) is not array or type(labels) is not array:
            return False
        if not any(labels[-len(end) :] == end for end in self._ends):
            return False
        if self._twice_bos is not None and _contains(ids, self._twice_bos):
            return False
        trained = len(labels) - _count_ignored(labels) - int(labels[0] != IGNORE)
        if not trained:
            return False
        self.counts.kept += 1
        self.counts.lengths[len(ids)] += 1
        self.counts.trained = (self.counts.trained or 0) + trained
        return True

    def _noticed(self, encoded: Encoded) -> dict[str, str]:
        noticed: dict[str, str] = {}
        if encoded.cut:
            noticed["truncated"] = f"{encoded.cut} tokens were cut away"
        if self._twice_bos is not None and _contains(_in_array(encoded.input_ids), self._twice_bos):
            noticed["doubled_bos"] = ""
        if encoded.labels:
            labels = _in_array(encoded.labels)
            trained = len(labels) - _count_ignored(labels) - int(labels[0] != IGNORE)
            self.counts.trained = (self.counts.trained or 0) + trained
            if not trained:
                noticed["unlabelled"] = ""
            elif self._ends and not any(_contains(labels, end) for end in self._ends):
                noticed["endless"] = ""
        return noticed


def _texts(row: StandardRow) -> Iterator[str]:
    """Yield every text of a row that goes into a prompt as it is."""
    if type(row) is PlainRow:
        yield from row.contents
        return
    rejected = row.get("rejected_response")
    if isinstance(rejected, str):
        yield rejected
    for prefix in PREFIXES:
        for message in row.get(f"{prefix}messages") or ():
            for turn in [message] if isinstance(message, Mapping) else message:
                if isinstance(turn.get("content"), str):
                    yield turn["content"]


# A Python loop over its tokens would cost more than all else that becomes of a row, hence bytes below.


def _in_array(ids: Sequence[int]) -> array[int]:
    return ids if isinstance(ids, array) else array("i", ids)


_IGNORED = array("i", [IGNORE]).tobytes()


def _count_ignored(labels: array[int]) -> int:
    """Three bytes in a row that are all ones belong to -100 alone, as long as ids stay below 16 million."""
    return labels.tobytes().count(_IGNORED)


def _contains(ids: array[int], part: array[int]) -> bool:
    """Whether the ids follow one another somewhere; mostly they do at the very end."""
    if ids[-len(part) :] == part:
        return True
    return next(_places(ids, part), None) is not None


def _places(ids: array[int], part: array[int]) -> Iterator[int]:
    """Yield where the ids follow one another."""
    whole, wanted = ids.tobytes(), part.tobytes()
    place = whole.find(wanted)
    while place != -1:
        if place % ids.itemsize == 0:
            yield place // ids.itemsize
        place = whole.find(wanted, place + 1)
