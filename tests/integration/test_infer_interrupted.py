"""`infer` as a person uses it: a chat at a terminal, and a run that is stopped in the middle."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROMPT = r"(<<<|\.\.\.)(\[\w\])? "
WAIT_S, PATIENCE_S = 120, 15
CTRL_C = "\x03"
ROWS = 24


def command(model: str, **arguments: object) -> list[str]:
    given: dict[str, object] = {"model": model, "template": "chatml", "temperature": 0} | arguments
    flags = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "swiftx", "infer", *flags]


def environment() -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TERM": "dumb"}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Chat:
    """A chat at a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self._unread = ""

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def until(self, pattern: str) -> str:
        """Return what was shown up to and with a pattern."""
        shown = self._shown(pattern, WAIT_S)
        assert shown is not None, f"{pattern!r} did not come after {self._unread!r}"
        return shown

    def empty_the_line(self) -> None:
        """Press Ctrl-C until the next question.

        Python misses a signal that comes just before readline waits for a key, and hears of it with the next.
        """
        for _ in range(WAIT_S // PATIENCE_S):
            self.type(CTRL_C)
            if self._shown(PROMPT, PATIENCE_S) is not None:
                return
        raise AssertionError(f"Ctrl-C had no effect after {self._unread!r}")

    def _shown(self, pattern: str, seconds: float) -> str | None:
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self._unread)):
            ready, _, _ = select.select([self._terminal], [], [], max(end - time.monotonic(), 0))
            if not ready:
                return None
            self._unread += os.read(self._terminal, 4096).decode("utf-8", "replace")
        shown, self._unread = self._unread[: match.end()], self._unread[match.end() :]
        return shown

    def ask(self, *lines: str) -> str:
        """Type lines and return what is shown up to the next question."""
        for line in lines[:-1]:
            self.type(line + "\n")
            self.until(PROMPT)
        self.type(lines[-1] + "\n")
        return self.until(PROMPT)

    def left(self) -> int:
        """Wait for the end of the program and return its exit code."""
        end = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < end:
            ready, _, _ = select.select([self._terminal], [], [], 0.1)
            try:
                if ready:
                    os.read(self._terminal, 4096)
            except OSError:
                break  # the other end is closed
        return self.process.wait(WAIT_S)


@contextmanager
def chat(words: list[str], folder: Path) -> Iterator[Chat]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words, cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=_own_terminal,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Chat(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(WAIT_S)
        os.close(ours)


def _own_terminal() -> None:
    """Make standard input the terminal that Ctrl-C of this process group is typed at."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def asked(row: dict[str, Any]) -> list[str]:
    return [each["content"] for each in row["messages"] if each["role"] == "user"]


def test_a_chat_at_a_terminal(tiny_model: str, tmp_path: Path) -> None:
    said = tmp_path / "chat.jsonl"

    with chat(command(tiny_model, max_new_tokens=4, result_path=said), tmp_path) as here:
        here.until(PROMPT)
        here.ask("Hi")
        here.ask("multi-line")
        here.ask("one", "two#")
        here.ask("single-line")
        here.type("never sent")
        here.until("never sent")  # its echo
        here.empty_the_line()
        here.ask("clear")
        here.ask("Bye")
        here.type("exit\n")
        code = here.left()

    assert code == 0
    assert [asked(row) for row in rows_of(said)] == [["Hi"], ["Hi", "one\ntwo"], ["Bye"]]


def test_ctrl_c_stops_an_answer_and_the_chat_goes_on(tiny_model: str, tmp_path: Path) -> None:
    said = tmp_path / "chat.jsonl"
    words = command(
        tiny_model,
        max_new_tokens=1900,
        temperature=1,
        seed=5,
        result_path=said,
        repetition_penalty=9,
    )

    with chat(words, tmp_path) as here:
        here.until(PROMPT)
        here.type("Tell me\n")
        here.until(r"Tell me\r?\n.")  # the line as it was typed, and a first sign of the answer
        here.type(CTRL_C)
        here.until(r"\(stopped\)")
        here.until(PROMPT)
        here.type("\x04")  # Ctrl-D leaves
        code = here.left()

    assert code == 0
    (row,) = rows_of(said)
    assert asked(row) == ["Tell me"]
    assert row["response"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rows")
    rows = [{"query": f"Question {number}"} for number in range(ROWS)]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def over_rows(model: str, results: str) -> list[str]:
    return command(
        model, val_dataset="rows.jsonl", max_new_tokens=60, max_batch_size=2, write_batch_size=2,
        stream="false", result_path=results,
    )  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(tiny_model: str, folder: Path) -> list[dict[str, Any]]:
    words = over_rows(tiny_model, "whole.jsonl")
    subprocess.run(words, cwd=folder, env=environment(), check=True, capture_output=True)
    return rows_of(folder / "whole.jsonl")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    number: int, code: int, tiny_model: str, folder: Path, uninterrupted: list[dict[str, Any]]
) -> None:
    results = folder / f"stopped-by-{number}.jsonl"
    words = over_rows(tiny_model, results.name)

    process = subprocess.Popen(
        words, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + WAIT_S
    while not results.exists() or results.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=WAIT_S)
    kept = rows_of(results)
    again = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True)

    assert process.returncode == code, said
    assert 4 <= len(kept) < ROWS
    assert kept == uninterrupted[: len(kept)]
    assert again.returncode == 0, again.stderr
    left = ROWS - len(kept)
    assert re.search(rf"Going on with .*: {left} rows are left", again.stderr)
    assert rows_of(results) == uninterrupted
    assert not list(folder.glob(f"{results.name}.run*"))
