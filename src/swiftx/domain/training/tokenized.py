"""Data sets as tokens: made now, found in the cache, or kept in a folder for later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.pipeline import OpenedData, PreparedRows, open_all, read_all
from swiftx.domain.datasets.report import summary
from swiftx.domain.datasets.sequences import ANSWERS, RowUse
from swiftx.domain.datasets.statistics import RowStatistics
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.encoded import EncodedStore, FolderDraft, OpenedFolder
from swiftx.domain.ports.system import Clock, Reporter
from swiftx.domain.ports.workers import Workers
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.data_key import data_key, template_parts
from swiftx.domain.training.encoding import encode_rows
from swiftx.errors import DataError

TRAIN, VALIDATION = "train", "val"
_HELD = "val_dataset.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPorts:
    """What making tokens of data sets needs of the world."""

    data: DataPorts
    encoded: EncodedStore
    workers: Workers
    clock: Clock
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlan:
    """Where tokens are cached.

    Attributes:
        folder: Holds an entry for each key.
        code: Stands for the version of the program and of its libraries.
    """

    folder: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """The rows of training or of validation, with what is to be said of them.

    Attributes:
        table: The rows of a table.
        warnings: What is wrong with them.
        summary: All of it in one line.
    """

    rows: Sequence[Encoded]
    table: Mapping[str, str]
    warnings: Sequence[str]
    summary: str

    def note(self) -> dict[str, Any]:
        """Return what `from_note` needs besides the rows, as JSON-like values."""
        return {
            "table": dict(self.table),
            "warnings": list(self.warnings),
            "summary": self.summary,
        }

    @classmethod
    def from_note(cls, note: Mapping[str, Any], rows: Sequence[Encoded]) -> TokenSet:
        """Return the set that was noted."""
        return cls(rows=rows, **note)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizedData:
    """Data sets as tokens.

    Attributes:
        table: What became of the data sets, as the rows of a table.
        held: Yields the rows that were split off for validation, as lines of JSON.
    """

    train: TokenSet | None
    validation: TokenSet | None
    table: Mapping[str, str]
    held: Callable[[], Iterator[str]]

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(len(each.rows) for each in (self.train, self.validation) if each is not None)


def tokenize(
    plan: DataPlan,
    template: ChatTemplate,
    ports: TokenPorts,
    *,
    cache: CachePlan | None,
    use: RowUse = ANSWERS,
) -> TokenizedData:
    """Return the rows of a plan as tokens.

    Args:
        plan: Which rows.
        template: What makes tokens of them.
        ports: The world.
        cache: None makes them anew and keeps nothing.
        use: What the rows are for.

    Raises:
        UsageError, NotFound, BackendError, StorageError, MissingDependency: As `pipeline.prepare`.
        DataError: As `pipeline.prepare` and `encode_rows`.
    """
    started = ports.clock.now()
    opened = open_all(plan, ports.data)
    path = None if cache is None else _entry(opened, plan, template, ports, cache, use)
    if path is None:
        return _made(opened, plan, template, ports, ports.encoded.draft(), use)
    with ports.encoded.turn(path):
        found = _found(path, ports)
        if found is None:
            return keep_tokens(plan, template, ports, path, opened=opened, use=use)
    took = (ports.clock.now() - started).total_seconds()
    data = kept_tokens(found)
    ports.reporter.table("Data", data.table)
    ports.reporter.say(
        f"prepared data from the cache: {data.count:,} rows, "
        f"{took:.2f} s instead of {found.note['seconds']:.1f} s"
    )
    return data


def keep_tokens(
    plan: DataPlan,
    template: ChatTemplate,
    ports: TokenPorts,
    path: str,
    *,
    opened: OpenedData | None = None,
    use: RowUse = ANSWERS,
) -> TokenizedData:
    """Make the tokens of a plan, and keep them in a folder; an older one of the name gives way.

    Args:
        path: The folder; it appears when it is whole.
        opened: The data sets of the plan, when they are open already.
        use: What the rows are for.

    Raises:
        The same as `tokenize`.
    """
    started = ports.clock.now()
    draft = ports.encoded.draft(path, replaces=True)
    data = _made(opened or open_all(plan, ports.data), plan, template, ports, draft, use)
    draft.add_lines(_HELD, data.held())
    took = (ports.clock.now() - started).total_seconds()
    draft.keep({**_note(data), "seconds": took, **made_with(template, use)})
    return data


def made_with(template: ChatTemplate, use: RowUse) -> dict[str, Any]:
    """Return what tokens depend on besides rows, to be kept beside them."""
    return {
        "template": template_parts(template),
        "tokenizer": template.tokenizer.fingerprint,
        "use": asdict(use),
    }


def kept_tokens(folder: OpenedFolder) -> TokenizedData:
    """Return the tokens of a folder that `keep_tokens` made."""
    said = folder.note["sets"]
    sets = {name: TokenSet.from_note(said[name], rows) for name, rows in folder.rows.items()}
    return TokenizedData(
        train=sets.get(TRAIN),
        validation=sets.get(VALIDATION),
        table=folder.note["table"],
        held=lambda: folder.lines(_HELD),
    )


def _entry(
    opened: OpenedData,
    plan: DataPlan,
    template: ChatTemplate,
    ports: TokenPorts,
    cache: CachePlan,
    use: RowUse,
) -> str | None:
    key = data_key(opened, plan, template, ports.data.rows, code=cache.code, use=use)
    if key is not None:
        return f"{cache.folder}/{key}"
    ports.reporter.say(
        "prepared data are not cached: code of the model or of a data set takes part, "
        "and a change of it would go unnoticed"
    )
    return None


def _found(path: str, ports: TokenPorts) -> OpenedFolder | None:
    """Return a cached entry; one that is damaged is made anew."""
    try:
        return ports.encoded.open(path)
    except DataError as error:
        ports.reporter.warn(f"cached data are damaged, and made again: {error}")
        return None


def _made(
    opened: OpenedData,
    plan: DataPlan,
    template: ChatTemplate,
    ports: TokenPorts,
    draft: FolderDraft,
    use: RowUse,
) -> TokenizedData:
    data = read_all(opened, plan, ports.data)
    table = summary(data.report)
    ports.reporter.table("Data", table)

    def tokens(rows: PreparedRows, name: str) -> TokenSet:
        encoded = encode_rows(
            rows,
            template,
            use=use,
            strict=plan.strict,
            writer=draft.writer(name),
            workers=ports.workers,
        )
        return _token_set(encoded.rows, encoded.report)

    return TokenizedData(
        train=tokens(data.train, TRAIN) if plan.dataset else None,
        validation=tokens(data.validation, VALIDATION) if len(data.validation) else None,
        table=table,
        held=lambda: map(json_line, () if opened.validation else data.validation),
    )


def _token_set(rows: Sequence[Encoded], report: RowStatistics) -> TokenSet:
    return TokenSet(
        rows=rows,
        table=report.table(),
        warnings=[f"{finding.message} {finding.hint}" for finding in report.findings()],
        summary=(
            f"{report.kept} rows of {report.shortest} to {report.longest} tokens, "
            f"mean {report.mean:.1f}, {report.tokens} in all"
        ),
    )


def _note(data: TokenizedData) -> dict[str, Any]:
    sets = {TRAIN: data.train, VALIDATION: data.validation}
    said = {name: each.note() for name, each in sets.items() if each is not None}
    return {"table": dict(data.table), "sets": said}


def json_line(row: StandardRow) -> str:
    """Return a row as it can be read back; what is None is left out."""
    return json.dumps(_without_none(row), ensure_ascii=False, default=str) + "\n"


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
