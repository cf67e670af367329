"""Exit codes, and that nothing a user does shows a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.program import swiftx

from swiftx import __version__, bootstrap
from swiftx.cli.main import run
from swiftx.errors import BackendError, DataError, Interrupted, NotFound, SwiftxError


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        ([], 0, "Usage: swiftx COMMAND"),
        (["--help"], 0, "merge-lora"),
        (["-h"], 0, "merge-lora"),
        (["--version"], 0, f"swiftx {__version__}"),
        (["sft", "-h"], 0, "--dataset"),
        (["--help", "sft"], 0, "Usage: swiftx sft"),
        (["stf"], 2, "Did you mean sft?"),
        (["merge_lora"], 2, "Did you mean merge-lora?"),
        (["zzz"], 2, "Commands: pt, sft"),
        (["--verison"], 2, "Did you mean --version?"),
        (["--model", "x"], 2, "Options of a command follow its name."),
        (["sft"], 2, "No model is given."),
        (["sft", "--learnig_rate", "1"], 2, "Did you mean --learning_rate"),
        (["sft", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["sft", "stray"], 2, "Unexpected 'stray'"),
    ],
)
def test_a_line_ends_with_its_code_and_says_why(
    argv: list[str], code: int, text: str, tmp_path: Path
) -> None:
    done = swiftx(*argv, cwd=tmp_path)

    assert done.code == code
    assert text in (done.err if code else done.out)
    assert "Traceback" not in done.err
    assert (done.out == "") is bool(code)


@pytest.mark.parametrize(
    "argv",
    [
        ["sample", "--model", "org/model", "--dataset", "org/rows"],
        ["web-ui"],
    ],
)
def test_what_is_not_built_says_so_after_its_arguments_are_checked(argv: list[str]) -> None:
    good, bad = swiftx(*argv), swiftx(*argv, "--foo")

    assert (good.code, bad.code) == (2, 2)
    assert "not built yet" in good.err
    assert "not built yet" not in bad.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("No such model."), 3),
        (BackendError("The library failed."), 4),
        (DataError("no text", source="a.jsonl", row=2), 5),
        (Interrupted("Stopped; the checkpoint is saved."), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("division by zero"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_of_a_run_ends_with_its_code(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(bootstrap, "refuse_unbuilt", lambda _: None)
    monkeypatch.setattr(bootstrap, "run", fail)

    assert run(["web-ui"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    if isinstance(error, SwiftxError):
        assert error.message in printed.err


def test_a_bug_shows_its_place_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(bootstrap, "refuse_unbuilt", lambda _: None)
    monkeypatch.setattr(bootstrap, "run", fail)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    assert run(["web-ui"]) == 1
    assert "in fail" in capsys.readouterr().err


def test_the_code_of_a_run_is_the_code_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "refuse_unbuilt", lambda _: None)
    monkeypatch.setattr(bootstrap, "run", lambda *_, **__: 7)

    assert run(["web-ui"]) == 7


def test_the_code_of_launched_processes_is_the_code_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "refuse_unbuilt", lambda _: None)
    monkeypatch.setattr(bootstrap, "launch", lambda *_, **__: 9)

    assert run(["web-ui"]) == 9


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_causes_no_traceback(stream: str) -> None:
    read, write = os.pipe()
    os.close(read)
    argv = ["rlhf", "--help-all"] if stream == "stdout" else ["zzz"]
    other = "stderr" if stream == "stdout" else "stdout"
    done = subprocess.run(
        [sys.executable, "-m", "swiftx", *argv],
        **{stream: write, other: subprocess.PIPE},  # type: ignore[call-overload]
        timeout=60,
        check=False,
    )
    os.close(write)

    assert done.returncode != 0
    assert not done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_help_and_errors_are_printed_in_any_encoding(encoding: str) -> None:
    for argv in (["sft", "--help"], ["小黄"]):
        done = subprocess.run(
            [sys.executable, "-m", "swiftx", *argv],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            timeout=60,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert done.stdout or done.stderr
