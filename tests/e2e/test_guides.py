"""The commands that guides show can be typed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.e2e.program import swiftx

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
_VARIABLE = re.compile(r"[A-Z_]+=\S*")
_FILES = ("questions.jsonl",)


def commands_of(guide: str) -> list[list[str]]:
    """Return the words of each `swiftx` command that a guide shows after a prompt."""
    text = (GUIDES / guide).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    found = []
    for line in lines:
        words = shlex.split(line.rpartition(" | ")[2].removesuffix(" &"))
        while words and _VARIABLE.fullmatch(words[0]):
            words.pop(0)
        if words[:1] == ["swiftx"]:
            found.append(words[1:])
    return found


@pytest.mark.parametrize("guide", ["infer.md"])
def test_commands_of_a_guide_resolve(guide: str, tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "Hi"}]}
    for name in _FILES:
        (tmp_path / name).write_text(json.dumps(row) + "\n")
    commands = {tuple(command) for command in commands_of(guide)}
    assert len(commands) > 4

    for command in sorted(commands):
        done = swiftx(*command, "--explain", "--format", "json", cwd=tmp_path)

        assert done.code == 0, (command, done.out, done.err)
