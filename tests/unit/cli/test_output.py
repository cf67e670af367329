"""Data goes to stdout, talk to stderr, secrets to neither."""

from __future__ import annotations

import io
import json
import logging
from enum import StrEnum
from typing import NoReturn

import pytest

from swiftx.cli.errors import report, report_bug
from swiftx.cli.invocation import Format
from swiftx.cli.output import Output, plain
from swiftx.errors import (
    ArgError,
    BackendError,
    DataError,
    Interrupted,
    MissingDependency,
    NotBuiltYet,
    NotFound,
    StorageError,
    SwiftxError,
    UsageError,
)


class _Stream(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def _output(
    format: Format = Format.HUMAN, *, terminal: bool = False
) -> tuple[Output, _Stream, _Stream]:
    out, err = _Stream(terminal=terminal), _Stream(terminal=terminal)
    return Output(format, stdout=out, stderr=err), out, err


def _everything(output: Output) -> None:
    output.data("data")
    output.say("said")
    output.warn("warned")
    output.error("failed", hint="next")
    output.table("Table", {"a": 1, "longer": 0.123456789})


@pytest.mark.parametrize(
    ("format", "talk"),
    [
        (
            Format.HUMAN,
            "said\nWarning: warned\nError: failed\n  next\nTable\n  a       1\n  longer  0.123457\n",
        ),
        (
            Format.JSON,
            "said\nWarning: warned\nError: failed\n  next\nTable\n  a       1\n  longer  0.123457\n",
        ),
        (Format.QUIET, "Error: failed\n  next\n"),
    ],
)
def test_data_and_talk_have_a_stream_each(format: Format, talk: str) -> None:
    output, out, err = _output(format)

    _everything(output)

    assert out.getvalue() == "data\n"
    assert err.getvalue() == talk


def test_a_muted_process_only_tells_errors() -> None:
    output, _, err = _output()

    output.mute()
    _everything(output)

    assert err.getvalue() == "Error: failed\n  next\n"


def test_a_concealed_value_appears_nowhere() -> None:
    output, out, err = _output()

    output.conceal(["hush-hush", "hush", "", "x"])
    output.data("a hush-hush b")
    output.say("hush-hush-hush xx")
    output.table("t", {"hush": "hush"})

    assert out.getvalue() == "a *** b\n"
    assert "hush" not in err.getvalue()
    assert "xx" in err.getvalue()


def test_talk_to_nobody_is_dropped() -> None:
    output, _, err = _output()

    err.close()
    output.say("x")
    output.warn("x")
    output.error("x", hint="y")
    output.table("x", {})


class _Full(_Stream):
    def write(self, _: str) -> NoReturn:
        raise OSError(28, "No space left on device")


def test_a_result_that_cannot_be_written_is_an_error() -> None:
    with pytest.raises(StorageError, match="No space left"):
        Output(stdout=_Full(), stderr=_Stream()).data("x")


class _Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("a", 1), ["a", 1]),
        ({1: (2.5, None)}, {"1": [2.5, None]}),
        (float("inf"), "inf"),
        (_Colour.RED, "red"),
        (True, True),
        (b"x", [120]),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_every_value_has_a_json_form(value: object, expected: object) -> None:
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


ERRORS: list[tuple[SwiftxError, int]] = [
    (UsageError([ArgError("a", "A is bad.", "Do b."), ArgError(None, "And more.")]), 2),
    (NotBuiltYet("Not built."), 2),
    (MissingDependency("vllm", extra="vllm"), 2),
    (NotFound("No such model.", hint="Check."), 3),
    (BackendError("Broke."), 4),
    (StorageError("Full."), 4),
    (DataError("bad", source="x.jsonl", row=3), 5),
    (Interrupted("Stopped."), 130),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_an_error_has_its_exit_code_and_goes_to_stderr(error: SwiftxError, code: int) -> None:
    output, out, err = _output()

    assert report(error, output) == code
    assert out.getvalue() == ""
    assert err.getvalue().startswith("Warning: " if isinstance(error, Interrupted) else "Error: ")
    assert "Traceback" not in err.getvalue()


def test_every_problem_is_told_with_its_hint() -> None:
    output, _, err = _output()

    report(ERRORS[0][0], output)

    assert err.getvalue() == "Error: A is bad.\n  Do b.\nError: And more.\n"


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_in_json_an_error_is_one_object_on_stdout(error: SwiftxError, code: int) -> None:
    output, out, err = _output(Format.JSON)

    assert report(error, output) == code
    errors = json.loads(out.getvalue())["errors"]
    assert all(each.keys() == {"argument", "message", "hint"} for each in errors)
    assert err.getvalue() == ""


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_says_so_and_shows_its_place_only_when_asked(debug: bool) -> None:
    output, _, err = _output()
    output.conceal(["hush-hush"])
    try:
        raise KeyError("hush-hush")
    except KeyError as error:
        code = report_bug(error, output, debug=debug)

    assert code == 1
    assert "this is a bug" in err.getvalue()
    assert "KeyError" in err.getvalue()
    assert "hush" not in err.getvalue()
    assert ("Traceback" in err.getvalue()) is debug


def test_less_is_said_the_graver_the_level() -> None:
    stderr = io.StringIO()
    output = Output(stderr=stderr)

    output.only(logging.WARNING)
    output.say("a")
    output.table("b", {"x": 1})
    output.warn("c")
    output.only(logging.ERROR)
    output.warn("d")
    output.error("e")

    assert stderr.getvalue() == "Warning: c\nError: e\n"
