"""`swiftx preview` on the screen: coloured tokens, or one JSON object a row."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from swiftx import bootstrap
from swiftx.cli.invocation import Format
from swiftx.cli.output import Output, plain
from swiftx.cli.token_styles import Brush, Coloured, Marked, visible
from swiftx.domain.args.commands.preview import PreviewArgs
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.datasets.statistics import histogram_lines
from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.preview import Parity, PreviewRow
from swiftx.domain.usecases.preview import PreviewOutcome
from swiftx.errors import DataError

_LISTED = frozenset({"positive", "negative"})
"""Sides that a row may have several of."""


def show_preview(resolved: Resolved[PreviewArgs], facts: Facts, output: Output) -> int:
    """Show rows, then their statistics; return the exit code.

    A program that reads the JSON learns what is wrong from the rows, so that only a person's run fails for
    data that is useless as a whole.
    """
    view: _View = JsonView(output) if output.format is Format.JSON else TextView(output)
    is_json = output.format is Format.JSON
    outcome = bootstrap.preview(resolved, facts, output, show=view.row, texts=not is_json)
    view.end(outcome)
    for finding in outcome.findings:
        if finding.fatal:
            output.error(finding.message, hint=finding.hint)
        else:
            output.warn(f"{finding.message} {finding.hint}")
    return 0 if is_json or outcome.is_usable else DataError.exit_code


class _View(Protocol):
    def row(self, row: PreviewRow) -> None: ...
    def end(self, outcome: PreviewOutcome) -> None: ...


class JsonView:
    """One object a line on stdout; statistics are talk."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def row(self, row: PreviewRow) -> None:
        self._output.json(record(row))

    def end(self, outcome: PreviewOutcome) -> None:
        self._output.table("Rows", outcome.table)


def record(row: PreviewRow) -> dict[str, Any]:
    """Return the JSON object of a row."""
    if row.error is not None:
        return {"row": row.index, "error": row.error}
    if row.standard is not None:
        return {"row": row.index, **row.standard}
    made: dict[str, Any] = {"row": row.index}
    if row.piece is not None:
        made |= {"piece": row.piece.number, "pieces": row.piece.of}
    for sequence in row.sequences:
        prefix = "" if sequence.side is None else f"{sequence.side}_"
        for name, value in _fields(sequence.encoded).items():
            if sequence.side in _LISTED:
                made.setdefault(prefix + name, []).append(value)
            else:
                made[prefix + name] = value
    made |= row.extras
    if row.parity is not None:
        made["parity"] = _parity_record(row.parity)
    return made


def _fields(encoded: Encoded) -> dict[str, Any]:
    weights = encoded.loss_weights
    return {
        "input_ids": list(encoded.input_ids),
        "labels": list(encoded.labels),
        "loss_scale": None if weights is None else list(weights),
        "length": len(encoded),
    }


def _parity_record(parity: Parity) -> dict[str, Any]:
    if parity.reason is not None:
        return {"error": parity.reason}
    if parity.is_identical:
        return {"identical": True}
    return {
        "identical": False,
        "position": parity.position,
        "before": parity.before,
        "declared": parity.declared,
        "own": parity.own,
    }


class TextView:
    """For a person: coloured on a terminal, with marks in the text elsewhere."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._brush: Brush = Coloured() if _takes_colour(output) else Marked()
        self._explained = False

    def row(self, row: PreviewRow) -> None:
        if not self._explained and row.standard is None and self._output.format is Format.HUMAN:
            self._output.data(self._brush.legend() + "\n")
            self._explained = True
        text = "\n".join(self._lines(row))
        self._output.data(text.removesuffix("\n") + "\n")

    def end(self, outcome: PreviewOutcome) -> None:
        self._output.data(self._brush.title("All rows"))
        width = max(map(len, outcome.table), default=0)
        for name, value in outcome.table.items():
            self._output.data(f"  {name:<{width}}  {visible(value)}")
        if outcome.histogram:
            self._output.data(self._brush.title("Lengths in tokens"))
            self._output.data("\n".join(f"  {line}" for line in histogram_lines(outcome.histogram)))
        if not outcome.findings:
            self._output.data("All checks passed.")

    def _lines(self, row: PreviewRow) -> Iterator[str]:
        place = _place(row)
        if row.error is not None:
            yield self._brush.title(place)
            yield self._brush.alarm(f"left out, {visible(row.error)}")
        elif row.standard is not None:
            yield self._brush.title(place)
            yield from _columns(row.standard, self._brush)
        else:
            extras = "".join(f", {name} {_text(value)}" for name, value in row.extras.items())
            for sequence in row.sequences:
                side = place if sequence.side is None else sequence.side
                counted = f"{_counted(sequence.encoded)}{'' if sequence.side else extras}"
                yield self._brush.title(f"{side}: {counted}")
                yield self._brush.tokens(sequence)
            if row.parity is not None:
                yield from _parity_lines(row.parity, self._brush)


def _takes_colour(output: Output) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return output.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))


def _place(row: PreviewRow) -> str:
    """Return the number of a row with its file, and its number there when that is another."""
    inside = "" if row.origin.row == row.index else f", row {row.origin.row}"
    piece = "" if row.piece is None else f", piece {row.piece.number + 1} of {row.piece.of}"
    return f"Row {row.index} ({row.origin.source}{inside}){piece}"


def _counted(encoded: Encoded) -> str:
    tokens = f"{len(encoded)} tokens"
    if encoded.cut:
        tokens += f" ({encoded.cut} more were cut away)"
    if not encoded.labels:
        return tokens
    return f"{tokens}, {len(encoded) - list(encoded.labels).count(IGNORE)} trained"


def _columns(row: Mapping[str, Any], brush: Brush) -> Iterator[str]:
    for name, value in row.items():
        if name.endswith("messages") and isinstance(value, list):
            if name != "messages":
                yield f"  {name}"
            for message in value:
                yield from _turns(message, brush)
        elif value is not None:
            yield f"  {brush.name(name)}  {visible(_text(value))}"


def _turns(message: Any, brush: Brush) -> Iterator[str]:
    """Yield the lines of a message; `positive_messages` are lists of lists of them."""
    if isinstance(message, list):
        for turn in message:
            yield from _turns(turn, brush)
        return
    first, *rest = visible(str(message.get("content"))).split("\n")
    loss = message.get("loss")
    flag = "" if loss is None else f" (loss {loss:g})"
    yield f"  {brush.name(message.get('role', '') + flag)}  {first}"
    indent = " " * 4
    yield from (f"{indent}{line}" for line in rest)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def _parity_lines(parity: Parity, brush: Brush) -> Iterator[str]:
    if parity.reason is not None:
        yield f"parity: not comparable: {visible(parity.reason)}"
    elif parity.is_identical:
        yield "parity: identical"
    else:
        yield brush.alarm(f"parity: different from token {parity.position} on")
        for name, text in (
            ("after", parity.before),
            ("declared template", parity.declared),
            ("the model's own", parity.own),
        ):
            shown = visible(text, line_break="↵") if text else "(the end)"
            yield f"  {name:<17}  {shown}"
