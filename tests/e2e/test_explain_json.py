"""`--explain --format json` is a contract with programs: one object, every argument, its source."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.program import swiftx

from swiftx.cli.catalog import COMMANDS, argument_specs
from swiftx.domain.args.spec import ArgSpec, Kind

LINES = {
    "pt": ["--model", "org/model", "--dataset", "a.txt"],
    "sft": ["--model", "org/model", "--dataset", "a.jsonl"],
    "rlhf": ["--model", "org/model", "--dataset", "a.jsonl"],
    "infer": ["--model", "org/model"],
    "preview": ["--model", "org/model", "--dataset", "a.jsonl"],
    "estimate": ["--model", "org/model", "--dataset", "a.jsonl"],
    "deploy": ["--model", "org/model"],
    "rollout": ["--model", "org/model"],
    "sample": ["--model", "org/model", "--dataset", "a.jsonl"],
    "eval": ["--model", "org/model", "--eval_dataset", "arc"],
    "export": ["--model", "org/model"],
    "merge-lora": ["--model", "org/model", "--adapters", "org/adapter"],
    "app": ["--model", "org/model"],
    "web-ui": [],
}
SOURCE = re.compile(r"cli|env|config|args\.json|default|rule:[a-z0-9-]+")


def test_every_command_has_a_line_here() -> None:
    assert COMMANDS.keys() <= LINES.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_object_has_every_argument_with_a_value_and_a_source(
    command: str, tmp_path: Path
) -> None:
    done = swiftx(
        command, *LINES[command], "--explain", "--explain_device", "cuda", "--format", "json",
        cwd=tmp_path,
    )  # fmt: skip

    explained = done.json()
    specs = argument_specs(command)
    assert done.code == 0
    assert explained.keys() == {"command", "arguments"}
    assert explained["command"] == command
    assert list(explained["arguments"]) == list(specs)
    for name, told in explained["arguments"].items():
        assert told.keys() == {"value", "source"}
        assert SOURCE.fullmatch(told["source"]), name
        assert _fits(specs[name], told["value"]), (name, told)
    assert list(tmp_path.iterdir()) == []


def _fits(spec: ArgSpec, value: object) -> bool:
    if value is None:
        return True
    if spec.many:
        return isinstance(value, list) or spec.single
    kinds: dict[Kind, tuple[type, ...]] = {
        Kind.BOOL: (bool,),
        Kind.INT: (int,),
        Kind.FLOAT: (int, float),
        Kind.JSON: (dict, str),
    }
    return isinstance(value, kinds.get(spec.kind, (str, int, float, bool, dict)))


def test_merge_lora_is_export_that_merges(tmp_path: Path) -> None:
    done = swiftx("merge-lora", *LINES["merge-lora"], "--explain", "--format=json", cwd=tmp_path)

    assert done.json()["arguments"]["merge_lora"]["value"] is True


def test_errors_are_one_object_on_stdout_and_nothing_on_stderr(tmp_path: Path) -> None:
    done = swiftx("sft", "--modeel", "x", "--lora_rank", "y", "--format", "json", cwd=tmp_path)

    errors = done.json()["errors"]
    assert done.code == 2
    assert done.err == ""
    assert all(error.keys() == {"argument", "message", "hint"} for error in errors)
    assert {"modeel", "lora_rank", "dataset"} <= {error["argument"] for error in errors}


def test_warnings_stay_out_of_the_object(tmp_path: Path) -> None:
    done = swiftx(
        "infer", "--model", "a/b", "--num_beams", "2", "--stream", "true", "--explain",
        "--format", "json", cwd=tmp_path,
    )  # fmt: skip

    assert done.json()["arguments"]["stream"]["value"] is False
    assert "Warning: " in done.err


@pytest.mark.parametrize("format", ["human", "json", "quiet"])
@pytest.mark.parametrize("given", ["cli", "env", "config"])
def test_a_secret_is_never_shown(format: str, given: str, tmp_path: Path) -> None:
    argv, environ = ["infer", "--model", "a/b", "--explain=all", "--format", format], {}
    if given == "cli":
        argv += ["--hub_token", "hush-hush"]
    elif given == "env":
        environ = {"SWIFTX_HUB_TOKEN": "hush-hush"}
    else:
        (tmp_path / "run.yaml").write_text("hub_token: hush-hush\n")
        argv += ["--config", "run.yaml"]

    done = swiftx(*argv, cwd=tmp_path, environ=environ)

    assert done.code == 0
    assert "hush" not in done.out + done.err
    if format == "json":
        assert done.json()["arguments"]["hub_token"] == {"value": "***", "source": given}


def test_a_secret_that_is_not_set_is_null(tmp_path: Path) -> None:
    done = swiftx("infer", "--model", "a/b", "--explain", "--format", "json", cwd=tmp_path)

    assert done.json()["arguments"]["hub_token"]["value"] is None


def test_a_person_sees_what_differs_and_can_see_all(tmp_path: Path) -> None:
    line = ["sft", "--model", "org/model", "--dataset", "a", "--explain_device", "cpu"]

    short = swiftx(*line, cwd=tmp_path)
    whole = swiftx(*line, "--explain", "all", cwd=tmp_path)

    assert 'model = "org/model"  # cli' in short.out.splitlines()
    assert any(row.startswith("learning_rate = 0.0001  # rule:") for row in short.out.splitlines())
    assert "lora_rank" not in short.out
    assert "lora_rank = 8  # default" in whole.out.splitlines()
    assert len(whole.out.splitlines()) == len(argument_specs("sft"))


def test_explaining_imports_no_deep_learning_library(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from swiftx.cli.main import run\n"
        f"code = run(['sft', *{LINES['sft']}, '--explain', '--format', 'quiet'])\n"
        "heavy = {'torch', 'transformers', 'datasets', 'peft', 'modelscope', 'huggingface_hub'}\n"
        "sys.exit(code or sorted(heavy & sys.modules.keys()) or 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
