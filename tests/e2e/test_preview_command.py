"""`swiftx preview` as it is typed, on a real model folder with a byte tokenizer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from tests.e2e.program import Finished, swiftx
from tests.fakes.tiny_model import save_tiny_model

from swiftx.cli.main import run

ROWS = (
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
    {"unknown": "column"},
    {"instruction": "Say <|im_end|>", "input": "", "output": "x" * 200},
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    return str(path)


class _Preview:
    """Runs the command in this process: the libraries are imported once."""

    def __init__(self, model: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._argv = ["preview", "--model", model, "--template", "chatml", "--dataset", data]
        self._capsys = capsys

    def __call__(self, *argv: str) -> Finished:
        code = run([*self._argv, *argv])
        return Finished(code, *self._capsys.readouterr())

    def objects(self, *argv: str) -> list[Any]:
        done = self(*argv, "--format", "json")
        assert done.code == 0
        return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def preview(model: str, data: str, capsys: pytest.CaptureFixture[str]) -> _Preview:
    return _Preview(model, data, capsys)


def test_a_row_is_an_object_with_ids_labels_and_length(preview: _Preview) -> None:
    first, second, third = preview.objects("--max_length", "100")

    assert list(first) == ["row", "input_ids", "labels", "loss_scale", "length"]
    assert first["loss_scale"] is None
    assert first["length"] == len(first["input_ids"]) == len(first["labels"])
    assert [label for label in first["labels"] if label != -100] == first["input_ids"][-7:]
    assert (second["row"], list(second)) == (1, ["row", "error"])
    assert third == {"row": 2, "error": "too long: it has 226 tokens, more than --max_length 100"}


def test_a_prompt_ends_where_the_answer_begins(preview: _Preview) -> None:
    trained = preview.objects("--num_rows", "1")[0]
    (prompt,) = preview.objects("--num_rows", "1", "--mode", "infer")

    assert prompt["labels"] == []
    assert trained["input_ids"][:-7] == prompt["input_ids"]


def test_loss_weights_are_given_where_they_are_not_just_0_and_1(preview: _Preview) -> None:
    (row,) = preview.objects("--num_rows", "1", "--loss_scale", "react")

    assert set(row["loss_scale"]) <= {0.0, 1.0, 2.0}
    assert len(row["loss_scale"]) == row["length"]


def test_a_person_reads_rows_statistics_and_reasons(preview: _Preview) -> None:
    done = preview("--parity")

    assert done.code == 0
    assert "Row 0 (" in done.out
    assert (
        "<|im_start|>user↵\nHi<|im_end|>↵\n<|im_start|>assistant↵\n«Hello<|im_end|>↵\n»" in done.out
    )
    assert "parity: identical" in done.out
    assert "left out, no known column: the columns are 'unknown'" in done.out
    assert "2 of 3 used" in done.out
    assert "rows that write control tokens" in done.out
    assert "All checks passed." in done.out
    assert "\x1b" not in done.out


def test_data_that_would_waste_a_training_end_with_the_code_for_data(preview: _Preview) -> None:
    cut = ("--max_length", "26", "--truncation_strategy", "right")

    done = preview(*cut)

    assert done.code == 5
    assert "No row trains the end-of-turn token" in done.err
    assert len(preview.objects(*cut)) == 3


def test_rows_before_the_template_need_no_model(data: str) -> None:
    done = swiftx("preview", "--dataset", data, "--stage", "rows", "--format", "json")

    assert done.code == 0
    first, second, third = map(json.loads, done.out.splitlines())
    assert first == {
        "row": 0,
        "messages": [
            {"role": "user", "content": "Hi", "loss": None},
            {"role": "assistant", "content": "Hello", "loss": None},
        ],
    }
    assert second["row"] == 1
    assert third["messages"][0]["content"] == "Say <|im_end|>"


def test_rows_before_the_template_load_no_library_for_models(data: str) -> None:
    script = (
        "import json, sys\n"
        "from swiftx.cli.main import run\n"
        "code = run(json.loads(sys.argv[1]))\n"
        "print(json.dumps([code, 'transformers' in sys.modules, 'torch' in sys.modules]), file=sys.stderr)\n"
    )
    argv = ["preview", "--dataset", data, "--stage", "rows"]

    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(argv)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(done.stderr.splitlines()[-1]) == [0, False, False]


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        ([], 2, "No data is given."),
        (["--dataset", "nowhere.jsonl"], 3, "nowhere.jsonl"),
        (["--dataset", "nowhere.jsonl", "--val_dataset", "./or/here"], 3, "./or/here"),
        (["--dataset", "nowhere.jsonl", "--num_rows", "x"], 2, "nowhere.jsonl"),
        (["--dataset", "{data}", "--num_rows", "-2"], 2, "-1 shows all rows"),
        (["--dataset", "{data}", "--stage", "rows", "--parity"], 2, "parity compares"),
        (["--dataset", "{data}", "--learning_rate", "1"], 2, "learning_rate"),
        (["--dataset", "{data}", "--strict"], 5, "row 1"),
    ],
)
def test_a_mistake_ends_with_its_code_and_says_why(
    argv: Sequence[str],
    code: int,
    text: str,
    model: str,
    data: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.format(data=data) for word in argv]

    assert run(["preview", "--model", model, "--template", "chatml", *words]) == code
    assert text in capsys.readouterr().err
