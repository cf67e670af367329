"""What became of the rows of a data set: how many were kept, how long they are, what is wrong with them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import NamedTuple, overload

from swiftx.domain.datasets.report import DropTally, describe
from swiftx.domain.plans.data import Dropped, RowOrigin

_BAR = 40


class Noted(NamedTuple):
    """Rows that something was noticed about.

    Attributes:
        first: None when there is no such row.
        detail: What was noticed about the first one.
    """

    rows: int = 0
    first: RowOrigin | None = None
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.rows:,}{self.example}"

    @property
    def example(self) -> str:
        """Where the first one is; empty when there is none."""
        if self.first is None:
            return ""
        detail = f": {self.detail}" if self.detail else ""
        return f", first {self.first.source}, row {self.first.row}{detail}"


NOTHING = Noted()


class Notes:
    """Counts rows by what was noticed about them."""

    def __init__(self) -> None:
        self.of: dict[str, Noted] = {}

    def add(self, what: str, origin: RowOrigin, detail: str = "") -> None:
        """Count one row."""
        before = self.of.get(what, Noted(0, origin, detail))
        self.of[what] = before._replace(rows=before.rows + 1)

    def extend(self, other: Notes) -> None:
        """Count the rows of others, which come after those of these."""
        for what, noted in other.of.items():
            before = self.of.get(what, noted._replace(rows=0))
            self.of[what] = before._replace(rows=before.rows + noted.rows)


class Finding(NamedTuple):
    """Something that is wrong with the data or the template.

    Attributes:
        fatal: A training with it would be wasted.
    """

    message: str
    hint: str
    fatal: bool


class Bin(NamedTuple):
    """Sequences of `shortest` to `longest` tokens."""

    shortest: int
    longest: int
    sequences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStatistics:
    """What became of the rows.

    Attributes:
        kept: Rows that are used.
        lengths: Tokens of each of their sequences, sorted; a pair of answers is two sequences.
        trained: Tokens with a label that can be predicted (the first token of a row cannot); None
            where no token is to be trained, as in prompts.
        truncated: Rows that lost tokens.
        split: Rows that became several sequences because of their length.
        unlabelled: Rows without a trained token.
        endless: Rows that train an answer but not its end.
        doubled_bos: Rows where the beginning of a sequence follows itself.
        forged: Rows whose text holds control tokens.
        unseen_media: Rows with media, none of which become tokens.
    """

    kept: int
    dropped: tuple[Dropped, ...]
    lengths: Sequence[int]
    trained: int | None
    truncated: Noted = NOTHING
    split: Noted = NOTHING
    unlabelled: Noted = NOTHING
    endless: Noted = NOTHING
    doubled_bos: Noted = NOTHING
    forged: Noted = NOTHING
    unseen_media: Noted = NOTHING

    @property
    def read(self) -> int:
        return self.kept + sum(entry.count for entry in self.dropped)

    @property
    def tokens(self) -> int:
        return sum(self.lengths)

    @property
    def shortest(self) -> int:
        return self.lengths[0] if self.lengths else 0

    @property
    def longest(self) -> int:
        return self.lengths[-1] if self.lengths else 0

    @property
    def mean(self) -> float:
        return self.tokens / max(len(self.lengths), 1)

    def at_most(self, share: float) -> int:
        """Return the length that at least this share of the sequences, 0 to 1, does not exceed."""
        if not self.lengths:
            return 0
        return self.lengths[max(math.ceil(share * len(self.lengths)) - 1, 0)]

    def table(self) -> Mapping[str, str]:
        """Return the statistics as the rows of a table."""
        rows = {"rows": f"{self.kept:,}"}
        if self.dropped:
            rows["rows"] += f" of {self.read:,} used"
        for entry in self.dropped:
            rows[f"rows left out, {entry.reason}"] = describe(entry)
        if self.truncated.rows:
            rows["rows truncated"] = str(self.truncated)
        if self.split.rows:
            rows["rows split"] = str(self.split)
        if self.lengths:
            unit = "row" if len(self.lengths) == self.kept else "sequence"
            rows[f"tokens a {unit}"] = (
                f"{self.shortest:,} to {self.longest:,}, mean {self.mean:,.0f}, "
                f"median {self.at_most(0.5):,}, 95% have at most {self.at_most(0.95):,}"
            )
            rows["tokens"] = f"{self.tokens:,}"
        if self.lengths and self.trained is not None:
            rows["tokens"] += f", {self.trained / max(self.tokens, 1):.1%} of them trained"
        if self.forged.rows:
            rows["rows that write control tokens"] = str(self.forged)
        return rows

    def histogram(self) -> tuple[Bin, ...]:
        """Return how many sequences are how long, in steps that double."""
        counts: dict[int, int] = {}
        for length in self.lengths:
            counts[length.bit_length()] = counts.get(length.bit_length(), 0) + 1
        if not counts:
            return ()
        return tuple(
            Bin(1 << bits >> 1, (1 << bits) - 1, counts.get(bits, 0))
            for bits in range(min(counts), max(counts) + 1)
        )

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong, the worst first."""
        if not self.kept:
            yield Finding("No row can be used.", "See why the rows were left out.", fatal=True)
            return
        if self.trained is not None:
            yield from self._findings_of_labels()
        if self.doubled_bos.rows:
            yield Finding(
                f"The beginning-of-sequence token is doubled in {self._share(self.doubled_bos)}.",
                "Texts must not begin with the token that the template writes.",
                fatal=True,
            )
        if self.unseen_media.rows:
            yield Finding(
                f"Images, videos or audios are not seen by a text model in {self._share(self.unseen_media)}.",
                "The rows are used without them; leave out rows whose answers need them.",
                fatal=False,
            )

    def _findings_of_labels(self) -> Iterator[Finding]:
        if not self.trained:
            yield Finding(
                "No token is trained.",
                "Rows need an answer of the assistant that the loss scale trains: see --loss_scale.",
                fatal=True,
            )
            return
        if self.endless.rows and self.endless.rows + self.unlabelled.rows == self.kept:
            yield Finding(
                "No row trains the end-of-turn token, so the model would not learn to stop.",
                "Long rows lose their end to --truncation_strategy right; else choose another --template.",
                fatal=True,
            )
        elif self.endless.rows:
            yield Finding(
                f"The end-of-turn token is not trained in {self._share(self.endless)}.",
                "Such rows teach the model not to stop; --truncation_strategy delete leaves them out.",
                fatal=False,
            )
        if self.unlabelled.rows:
            yield Finding(
                f"No token is trained in {self._share(self.unlabelled)}.",
                "They cost time and teach nothing.",
                fatal=False,
            )

    def _share(self, noted: Noted) -> str:
        return f"{noted.rows:,} of {self.kept:,} rows{noted.example}"


class Counts:
    """What a survey has gathered."""

    def __init__(self) -> None:
        self.kept = 0
        self.lengths: Counter[int] = Counter()  # how many sequences are so long
        self.trained: int | None = None
        self.dropped = DropTally()
        self.notes = Notes()

    def extend(self, other: Counts) -> None:
        """Add what was gathered of rows that come after these."""
        self.kept += other.kept
        self.lengths.update(other.lengths)
        if other.trained is not None:
            self.trained = (self.trained or 0) + other.trained
        self.dropped.extend(other.dropped)
        self.notes.extend(other.notes)

    def statistics(self) -> RowStatistics:
        """Return the statistics of the rows."""
        return RowStatistics(
            kept=self.kept,
            dropped=self.dropped.dropped(),
            lengths=SortedLengths(self.lengths),
            trained=self.trained,
            **self.notes.of,
        )


class SortedLengths(Sequence[int]):
    """Lengths in ascending order, which take room by how different they are: there may be millions.

    Args:
        counts: How many there are of each length.
    """

    def __init__(self, counts: Mapping[int, int]) -> None:
        self._lengths = sorted(counts)
        self._counts = [counts[length] for length in self._lengths]
        self._ends = list(accumulate(self._counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SortedLengths):
            return NotImplemented
        return (self._lengths, self._counts) == (other._lengths, other._counts)

    def __hash__(self) -> int:
        return hash((*self._lengths, *self._counts))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(map(repeat, self._lengths, self._counts))

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        place = range(len(self))[index]
        if isinstance(place, range):
            return [self[each] for each in place]
        return self._lengths[bisect_right(self._ends, place)]


def histogram_lines(bins: Sequence[Bin]) -> list[str]:
    """Return a histogram as text, a line for each bin."""
    most = max((each.sequences for each in bins), default=1)
    ranges = [f"{each.shortest:,} to {each.longest:,}" for each in bins]
    width = max(map(len, ranges), default=0)
    counts = [f"{each.sequences:,}" for each in bins]
    count_width = max(map(len, counts), default=0)
    return [
        f"{span:>{width}}  {count:>{count_width}}  {'█' * _bar(each.sequences, most)}".rstrip()
        for span, count, each in zip(ranges, counts, bins, strict=True)
    ]


def _bar(count: int, most: int) -> int:
    """A bin that is not empty is seen."""
    return max(round(_BAR * count / most), 1) if count else 0
