"""What of a run is answered already: a run that broke off goes on where it was, and no row is answered twice.

Beside the results lies `RESULTS.run.json` until all rows are answered. It says which run it is (`run`, a
digest of the rows and of all that decides their answers), how many rows the results had before (`before`),
how many of its rows they have (`answered`), and how often it was begun again (`attempt`). One process appends
its answers to the results. Several write parts, `RESULTS.part-ATTEMPT-RANK.jsonl`, whose rows have numbers,
and the first process puts them together.
"""

from __future__ import annotations

import heapq
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from swiftx.domain.inference.results import ResultRow
from swiftx.domain.ports.group import ProcessGroup
from swiftx.domain.ports.rows import RawRow, RowSink
from swiftx.domain.ports.system import Storage
from swiftx.errors import ArgError, DataError, UsageError


def run_digest(settings: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return text that is another one for other rows, and for other settings."""
    digest = sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for row in rows:
        digest.update(json.dumps(row, default=str).encode())
        digest.update(b"\n")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _State:
    run: str
    before: int
    answered: int
    attempt: int


class Kept(NamedTuple):
    """An answer to keep, with the number of its row."""

    number: int
    row: ResultRow
    prompt_tokens: int = 0
    generated_tokens: int = 0


class Counts(NamedTuple):
    """What one attempt answered, in all processes."""

    samples: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0

    def plus(self, prompt_tokens: int, generated_tokens: int) -> Counts:
        """Return the counts with one more answer."""
        return Counts(
            self.samples + 1,
            self.prompt_tokens + prompt_tokens,
            self.generated_tokens + generated_tokens,
        )


class Ledger:
    """Keeps the answers of one run.

    Args:
        path: Of the results.
        group: The processes that answer.

    Attributes:
        counts: Complete after `finish`, in the first process.
    """

    def __init__(
        self, path: str, *, results: RowSink, storage: Storage, group: ProcessGroup
    ) -> None:
        self.path = path
        self.counts = Counts()
        self._results = results
        self._storage = storage
        self._group = group
        self._state = _State("", 0, 0, 0)
        self._direct = True

    @property
    def _state_path(self) -> str:
        return f"{self.path}.run.json"

    @property
    def resumed(self) -> bool:
        """Whether the run was begun before."""
        return self._state.attempt > 0

    def begin(self, run: str, rows: int) -> Sequence[int]:
        """Return the numbers of the rows that this process is to answer, and open what it writes to.

        Args:
            run: Digest of the run.
            rows: How many it has.

        Raises:
            UsageError: The results wait for the parts of another run.
            StorageError: The results cannot be written.
        """
        if self._group.rank == 0:
            self._agree(run)
        self._group.wait()
        self._state = _State(**json.loads(self._storage.read_text(self._state_path)))
        parts = self._parts(before=self._state.attempt)
        known = {row["row"] for part in parts for row in self._results.rows(part)}
        left = [row for row in range(self._state.answered, rows) if row not in known]
        self._direct = self._group.size == 1 and not parts
        if not self._direct:
            part = f"{self.path}.part-{self._state.attempt}-{self._group.rank}.jsonl"
            self._results.open(part)
        rank, size = self._group.rank, self._group.size
        return left[len(left) * rank // size : len(left) * (rank + 1) // size]

    def write(self, answers: Sequence[Kept]) -> None:
        """Keep answers, in the order of their rows.

        Raises:
            StorageError: They cannot be written.
        """
        if not self._direct:
            self._results.write([_part_row(answer) for answer in answers])
            return
        self._results.write([answer.row for answer in answers])
        for answer in answers:
            self.counts = self.counts.plus(answer.prompt_tokens, answer.generated_tokens)

    def finish(self) -> None:
        """Put the parts together when all have ended; the results are complete then.

        Raises:
            StorageError: They cannot be written.
        """
        self._results.close()
        self._group.wait()
        if self._group.rank:
            return
        parts = self._parts()
        if parts:
            self._merge(parts)
        for part in parts:
            self._storage.take_back(part)
        self._storage.take_back(self._state_path)

    def rows(self) -> Iterator[RawRow]:
        """Yield the results of the run, those of earlier attempts included."""
        return self._results.rows(self.path, start=self._state.before)

    def _agree(self, run: str) -> None:
        """Find out whether the run was begun before, and write it down for all processes."""
        found = self._results.open(self.path)
        state = self._known_state()
        if state is not None and state.run == run and state.before <= found:
            state = _State(run, state.before, found - state.before, state.attempt + 1)
            for part in self._parts():
                self._results.open(part)  # ends a torn row
            self._results.open(self.path)
        else:
            self._refuse_parts_of_another_run()
            state = _State(run, found, 0, 0)
        self._storage.write_text(self._state_path, json.dumps(asdict(state)))

    def _known_state(self) -> _State | None:
        if not self._storage.is_file(self._state_path):
            return None
        try:
            return _State(**json.loads(self._storage.read_text(self._state_path)))
        except (ValueError, TypeError, DataError):
            return None

    def _refuse_parts_of_another_run(self) -> None:
        parts = self._parts()
        if parts:
            message = (
                f"result_path: {self.path!r} waits for the answers of another run that broke off,"
                f" which are in {', '.join(parts)}."
            )
            hint = "Run that command again, delete these files, or name another --result_path."
            raise UsageError([ArgError("result_path", message, hint)])

    def _parts(self, *, before: int | None = None) -> list[str]:
        """Return the files with parts of the results, of the attempts before this number."""
        folder, name = posixpath.split(self.path)
        pattern = re.compile(re.escape(name) + r"\.part-(\d+)-\d+\.jsonl")
        matches = map(pattern.fullmatch, self._storage.names(folder or "."))
        return [
            posixpath.join(folder, match[0])
            for match in matches
            if match and (before is None or int(match[1]) < before)
        ]

    def _merge(self, parts: Sequence[str]) -> None:
        """Append all parts in the order of the rows; each part has that order already."""
        answered = self._results.open(self.path) - self._state.before
        earlier = set(self._parts(before=self._state.attempt))
        together = heapq.merge(
            *(self._numbered(part, part not in earlier) for part in parts),
            key=lambda pair: pair[0].number,
        )
        batch: list[ResultRow] = []
        for answer, is_new in together:
            if is_new:
                self.counts = self.counts.plus(answer.prompt_tokens, answer.generated_tokens)
            if answer.number < answered:
                continue  # the run broke off in the middle of this work
            batch.append(answer.row)
            if len(batch) == _BATCH:
                self._results.write(batch)
                batch = []
        self._results.write(batch)
        self._results.close()

    def _numbered(self, part: str, is_new: bool) -> Iterator[tuple[Kept, bool]]:
        for row in self._results.rows(part):
            yield Kept(row["row"], row["result"], *row["tokens"]), is_new


def _part_row(answer: Kept) -> dict[str, Any]:
    tokens = [answer.prompt_tokens, answer.generated_tokens]
    return {"row": answer.number, "tokens": tokens, "result": answer.row}


_BATCH = 1000
