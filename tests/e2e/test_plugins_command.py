"""Plugins as users name them: with preview, with explain, and from a checkpoint."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.program import Finished, swiftx
from tests.fakes.registries import keep_registries
from tests.fakes.tiny_model import save_tiny_model

from swiftx.cli.main import run

PLUGIN = """
from beside_my_plugin import ROWS
from swiftx.plugins import *

def asked(row):
    return {"query": row["q"], "response": row["a"]}

register_dataset(DatasetDeclaration(names=("my-data",), path=ROWS, preprocess=asked))
register_template(TemplateSpec(name="mine", prompt=("Q: {{QUERY}} A:",)))
register_loss_scale(LossScale(name="numbers", patterns={r"[0-9]+": 2.0}))
print("here I am")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"q": "how many", "a": "all 42"}\n{"q": "who", "a": "7 of us"}\n')
    (tmp_path / "beside_my_plugin.py").write_text(f"ROWS = {str(rows)!r}\n")
    return _written(tmp_path / "my.py", PLUGIN)


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave nothing of a plugin in the process of the tests."""
    keep_registries(monkeypatch)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("beside_my_plugin", None)


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


class _Program:
    """Runs the program in this process: the libraries are imported once."""

    def __init__(self, model: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._model = model
        self._capsys = capsys

    def __call__(self, *argv: str) -> Finished:
        code = run(argv)
        return Finished(code, *self._capsys.readouterr())

    def preview(self, *argv: str) -> Finished:
        return self("preview", "--model", self._model, *argv, "--format", "json")


@pytest.fixture
def program(model: str, capsys: pytest.CaptureFixture[str]) -> _Program:
    return _Program(model, capsys)


def test_what_a_plugin_brings_is_used(program: _Program, plugin: str) -> None:
    mine = ("--template", "mine", "--dataset", "my-data", "--loss_scale", "numbers")

    done = program.preview("--custom_register_path", plugin, *mine)

    assert done.code == 0
    assert done.err.startswith("here I am\n")
    first, second = map(json.loads, done.out.splitlines())
    trained = [weight for weight in first["loss_scale"] if weight]
    assert trained == [1.0] * len("all ") + [2.0] * len("42") + [1.0]
    assert first["length"] == len("Q: how many A:all 42") + 1
    assert second["row"] == 1


@pytest.mark.parametrize(
    ("config", "environ"),
    [
        ("external_plugins: [{plugin}]\n", {}),
        ("custom-register-path: {plugin}\n", {}),
        ("", {"SWIFTX_EXTERNAL_PLUGINS": "{plugin}"}),
    ],
)
def test_a_plugin_is_named_as_any_argument(
    config: str,
    environ: dict[str, str],
    program: _Program,
    plugin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = _written(tmp_path / "run.yaml", config.format(plugin=plugin) + "template: mine\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(plugin=plugin))

    done = program.preview("--config", path, "--dataset", "my-data")

    assert (done.code, len(done.out.splitlines())) == (0, 2)


def test_a_misspelled_name_of_a_plugin_gets_the_right_one(program: _Program, plugin: str) -> None:
    done = program.preview(
        "--external_plugins", plugin, "--template", "minee", "--dataset", "my-data",
        "--loss_scale", "last_round+numbrs",
    )  # fmt: skip

    assert done.code == 2
    assert json.loads(done.out)["errors"] == [
        {
            "argument": "template",
            "message": "template: nothing is registered as 'minee'.",
            "hint": "Did you mean mine?",
        },
        {
            "argument": "loss_scale",
            "message": "loss_scale: nothing is registered as 'numbrs'.",
            "hint": "Did you mean numbers?",
        },
    ]


def test_without_the_plugin_its_names_are_unknown(program: _Program) -> None:
    done = program.preview("--template", "chatnl", "--dataset", "org/rows")

    assert done.code == 2
    (error,) = json.loads(done.out)["errors"]
    assert error["message"] == "template: nothing is registered as 'chatnl'."
    assert "Did you mean chatml" in error["hint"]


def test_every_plugin_that_cannot_run_is_told_with_the_other_mistakes_and_no_more(
    tmp_path: Path,
) -> None:
    _written(tmp_path / "typo.py", "x = (\n")
    _written(tmp_path / "late.py", "\n\nregister_template\n")

    done = swiftx(
        "preview", "--model", "org/model", "--external_plugins", ".",
        "--custom_register_path", "typo.py", "late.py", "none.py",
        "--template", "mine", "--dataset", "my-data", "--num_row", "3", cwd=tmp_path,
    )  # fmt: skip

    assert done.code == 2
    assert "Traceback" not in done.err
    told = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert told == [
        "Error: custom_register_path: typo.py, line 1: SyntaxError: '(' was never closed.",
        "Error: custom_register_path: late.py, line 3: NameError: name 'register_template' is not defined.",
        "Error: Unknown option '--num_row'.",
        f"Error: external_plugins: file not found: '{tmp_path}'.",
        f"Error: custom_register_path: file not found: '{tmp_path / 'none.py'}'.",
    ]


def test_a_checkpoint_brings_its_plugin_unless_it_may_be_a_stranger(
    program: _Program, model: str, plugin: str, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint-1"
    checkpoint.mkdir()
    _written(checkpoint / "adapter_config.json", "{}")
    stored = {"model": model, "template": "mine", "train_type": "lora"}
    explain = ("infer", "--adapters", str(checkpoint), "--explain", "--format", "json")

    def remembered(path: str) -> None:
        _written(checkpoint / "args.json", json.dumps({**stored, "external_plugins": [path]}))

    remembered(plugin)
    own = program(*explain)
    remembered(_written(checkpoint / "stranger.py", "print('I run')"))
    stranger, trusted = program(*explain), program(*explain, "--trust_remote_code", "true")
    named = program(*explain, "--external_plugins", plugin)

    assert (own.code, named.code) == (0, 0)
    assert f"Ran the plugin {plugin}: {checkpoint / 'args.json'} names it." in own.err
    assert json.loads(own.out)["arguments"]["template"] == {"value": "mine", "source": "args.json"}
    assert stranger.code == 2
    assert "I run" not in stranger.err
    assert "may have come with the checkpoint" in stranger.out
    assert "I run" in trusted.err


def test_the_example_of_the_guide_runs(program: _Program, tmp_path: Path) -> None:
    path = _written(tmp_path / "my.py", _examples()[0])
    rows = [{"question": "How many?", "answer": "all 42"}, {"question": "Who?", "answer": ""}]
    _written(tmp_path / "quiz.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    quiz = ("--dataset", "quiz", "--loss_scale", "numbers", "--custom_register_path", path)

    own, derived = (program.preview("--template", name, *quiz) for name in ("interview", "terse"))

    first, second = map(json.loads, own.out.splitlines())
    assert first["length"] == len("Q: How many?\nA:all 42") + 1
    assert 2.0 in first["loss_scale"]
    assert "error" in second
    assert json.loads(derived.out.splitlines()[0])["length"] > first["length"]


def _examples() -> list[str]:
    """Return the Python of the guide, block by block."""
    guide = Path(__file__).parents[2] / "docs" / "guides" / "plugins.md"
    return re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)


def test_the_examples_of_what_trains_run(model: str, tmp_path: Path) -> None:
    import torch

    _written(tmp_path / "training.py", "\n".join(_examples()[1:]))
    rows = [{"query": f"q{n}", "response": f"answer {n}", "label": n % 2} for n in range(12)]
    _written(tmp_path / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    shared = (
        "sft", "--model", model, "--external_plugins", "training.py", "--dataset", "rows.jsonl",
        "--template", "chatml", "--split_dataset_ratio", "0.3", "--max_steps", "2", "--eval_steps", "2",
        "--save_steps", "2", "--add_version", "false", "--optimizer", "sgd_momentum",
        "--optim_args", "momentum=0.5", "--train_type", "attention_only", "--lora_rank", "4",
    )  # fmt: skip

    tokens = swiftx(
        *shared, "--loss_type", "focal", "--metric", "last_token", "--output_dir", "tokens",
        "--metric_for_best_model", "last_token", cwd=tmp_path,
    )  # fmt: skip
    classes = swiftx(
        *shared, "--loss_type", "careful", "--task_type", "seq_cls", "--num_labels", "2",
        "--output_dir", "classes", cwd=tmp_path,
    )  # fmt: skip

    assert (tokens.code, classes.code) == (0, 0), tokens.err + classes.err
    for folder in ("tokens", "classes"):
        assert (tmp_path / folder / "steps.txt").read_text() == "1\n2\n"
        checkpoint = tmp_path / folder / "checkpoint-2"
        adapter = json.loads((checkpoint / "adapter_config.json").read_text())
        assert sorted(adapter["target_modules"]) == ["q_proj", "v_proj"]
        assert (adapter["r"], adapter["lora_alpha"]) == (4, 8)
        assert json.loads((checkpoint / "args.json").read_text())["optimizer"] == "sgd_momentum"
        state = torch.load(checkpoint / "optimizer.pt")
        assert state["param_groups"][0]["momentum"] == 0.5
        assert all("momentum_buffer" in each for each in state["state"].values())
    log = (tmp_path / "tokens" / "logging.jsonl").read_text().splitlines()
    assert any(0 <= json.loads(line).get("eval_last_token", -1) <= 1 for line in log)
    answered = swiftx(
        "infer", "--adapters", "tokens/checkpoint-2", "--val_dataset", "rows.jsonl#1",
        "--max_new_tokens", "1", cwd=tmp_path,
    )  # fmt: skip
    assert answered.code == 0, answered.err


def test_a_trained_checkpoint_answers_from_another_folder(
    model: str, plugin: str, tmp_path: Path
) -> None:
    trained = swiftx(
        "sft", "--model", model, "--custom_register_path", "my.py", "--template", "mine",
        "--dataset", "my-data", "--max_steps", "1", "--output_dir", "out", "--add_version", "false",
        cwd=tmp_path,
    )  # fmt: skip
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    answered = swiftx(
        "infer", "--adapters", str(tmp_path / "out" / "checkpoint-1"), "--val_dataset", "my-data",
        "--max_new_tokens", "2", "--result_path", "results.jsonl", cwd=elsewhere,
    )  # fmt: skip

    assert (trained.code, answered.code) == (0, 0), answered.err
    results = (elsewhere / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["labels"] for line in results] == ["all 42", "7 of us"]
