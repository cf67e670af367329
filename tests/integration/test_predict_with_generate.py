"""Evaluations in which the model answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rouge")

from tests.fakes.observer import RecordingObserver
from tests.fakes.registries import keep_registries
from tests.fakes.system import RecordingReporter
from tests.integration.processes import sft_in_processes
from tests.integration.sft_run import sft
from transformers import AutoModelForCausalLM, AutoTokenizer

from swiftx import plugins
from swiftx.adapters.trainers.answering import lent
from swiftx.domain.plans.extending import Predictions
from swiftx.errors import DataError, NotBuiltYet, UsageError

Arguments = Mapping[str, str | Sequence[str]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a file of conversations whose answers all are the same; prompts are of many lengths."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = [{"query": "why " * (number % 5 + 1), "response": "so be it"} for number in range(8)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def arguments(tiny_model: str, rows: str, tmp_path: Path) -> dict[str, str | Sequence[str]]:
    return {
        "model": tiny_model,
        "template": "chatml",
        "dataset": rows,
        "val_dataset": rows,
        "output_dir": str(tmp_path / "run"),
        "add_version": "false",
        "train_type": "full",
        "per_device_train_batch_size": "4",
        "per_device_eval_batch_size": "3",
        "gradient_accumulation_steps": "1",
        "max_steps": "20",
        "eval_steps": "10",
        "save_steps": "10",
        "logging_steps": "1",
        "learning_rate": "1e-2",
        "lr_scheduler_type": "constant",
        "warmup_ratio": "0",
        "dataloader_num_workers": "0",
        "report_to": "none",
        "predict_with_generate": "true",
        "max_new_tokens": "12",
    }


_SPEEDS = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


def _steps(count: int, every: int | None = None) -> dict[str, str]:
    """Return the arguments of so many steps, evaluated at the end or more often."""
    evaluated = str(every or count)
    return {"max_steps": str(count), "eval_steps": evaluated, "save_steps": evaluated}


def _said(folder: object) -> list[dict[str, Any]]:
    text = (Path(str(folder)) / "predict.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _evaluations(observer: RecordingObserver, name: str) -> list[float]:
    return [metrics[name] for _, metrics in observer.lines if name in metrics]


@pytest.mark.parametrize(
    "layout",
    [
        {"train_type": "lora", "lora_rank": "16", "target_modules": "all-linear"},
        {"padding_free": "true"},
        {"packing": "true", "packing_length": "200"},
        {"generation_num_beams": "2"},
    ],
    ids=str,
)
def test_what_is_learned_is_said(arguments: Arguments, layout: dict[str, str]) -> None:
    observer = RecordingObserver()

    outcome = sft(
        {**arguments, "max_steps": "60", "eval_steps": "30", "save_steps": "30", **layout},
        observer=observer,
    )

    rouge = _evaluations(observer, "eval_rouge-l")
    assert len(rouge) == 2
    assert rouge[-1] == pytest.approx(100.0, abs=1e-3)
    assert outcome.best_metric == max(rouge)
    assert _evaluations(observer, "eval_bleu-4")[-1] == pytest.approx(100.0, abs=1e-3)
    assert len(_evaluations(observer, "eval_loss")) == 2
    last = _said(arguments["output_dir"])[-8:]
    assert [line["row"] for line in last] == list(range(8))
    assert {line["response"] for line in last} == {"so be it"}


def test_answers_are_those_of_each_prompt_alone(arguments: Arguments, tiny_model: str) -> None:
    """Batches of prompts of several lengths leave no trace."""
    outcome = sft({**arguments, **_steps(3)})

    model = AutoModelForCausalLM.from_pretrained(outcome.last_checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    for line in _said(arguments["output_dir"]):
        query = [{"role": "user", "content": "why " * (line["row"] % 5 + 1)}]
        ids = tokenizer.apply_chat_template(
            query, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        alone = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
        assert line["response"] == tokenizer.decode(alone).removesuffix("<|im_end|>"), line


def test_training_goes_on_as_if_nothing_had_been_asked(arguments: Arguments) -> None:
    asked, silent = RecordingObserver(), RecordingObserver()
    layout = {
        "train_type": "lora",
        "lora_dropout": "0.1",
        "temperature": "0.9",
        "padding_free": "true",
    }

    sft({**arguments, **layout}, observer=asked)
    sft(
        {
            **arguments,
            **layout,
            "predict_with_generate": "false",
            "output_dir": f"{arguments['output_dir']}2",
        },
        observer=silent,
    )

    assert asked.losses == silent.losses
    assert _evaluations(asked, "eval_loss") == _evaluations(silent, "eval_loss")


def test_sampled_answers_are_the_same_again_and_in_other_batches(arguments: Arguments) -> None:
    sampled = {
        **arguments,
        "temperature": "1.0",
        "top_p": "0.9",
        "max_steps": "2",
        "eval_steps": "2",
    }
    said = []
    for number, size in enumerate(("8", "3")):
        folder = f"{arguments['output_dir']}{number}"
        sft({**sampled, "output_dir": folder, "per_device_eval_batch_size": size})
        said.append(_said(folder))

    assert said[0] == said[1]
    assert len({line["response"] for line in said[0]}) > 1


def test_processes_share_the_questions(arguments: Arguments, tmp_path: Path) -> None:
    few = {
        **{name: str(value) for name, value in arguments.items()},
        **_steps(2),
        "learning_rate": "1e-8",  # a sum in another order must not choose another token
        "per_device_train_batch_size": "2",
        "average_tokens_across_devices": "true",
    }
    sft({**few, "output_dir": str(tmp_path / "one"), "per_device_train_batch_size": "4"})
    sft_in_processes({**few, "output_dir": str(tmp_path / "two")})

    assert _said(tmp_path / "two") == _said(tmp_path / "one")


def test_a_metric_of_a_plugin_reads_texts(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registries(monkeypatch)

    @plugins.metric("lengths")
    def lengths(predictions: Predictions) -> dict[str, float]:
        said, true = predictions.predictions, predictions.labels
        return {"said": float(sum(map(len, said))), "true": float(sum(map(len, true)))}

    observer = RecordingObserver()

    sft(
        {
            **arguments,
            "metric": "lengths",
            "metric_for_best_model": "said",
            "max_steps": "2",
            "eval_steps": "2",
        },
        observer=observer,
    )

    said = _said(arguments["output_dir"])
    assert _evaluations(observer, "eval_said") == [sum(len(line["response"]) for line in said)]
    assert _evaluations(observer, "eval_true") == [8 * len("so be it")]


def test_acc_is_the_share_of_answers_that_are_right(arguments: Arguments) -> None:
    observer = RecordingObserver()

    sft(
        {
            **arguments,
            "metric": "acc",
            "metric_for_best_model": "acc",
            "max_steps": "60",
            "eval_steps": "60",
        },
        observer=observer,
    )

    assert _evaluations(observer, "eval_acc") == [1.0]


def test_a_configuration_of_generating_is_read(arguments: Arguments, tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"max_new_tokens": 3}', encoding="utf-8")
    given = {name: value for name, value in arguments.items() if name != "max_new_tokens"}

    sft({**given, "generation_config": str(tmp_path), **_steps(2)})

    assert all(len(line["response"]) <= 3 for line in _said(arguments["output_dir"]))


def test_nothing_but_the_loss_is_measured_when_only_that_is_wanted(arguments: Arguments) -> None:
    observer = RecordingObserver()

    only = {"prediction_loss_only": "true", "metric_for_best_model": "loss", **_steps(1)}
    sft({**arguments, **only}, observer=observer)

    (evaluation,) = [line for _, line in observer.lines if "eval_loss" in line]
    assert {name for name in evaluation if name.startswith("eval_")} <= {"eval_loss", *_SPEEDS}
    assert not (Path(str(arguments["output_dir"])) / "predict.jsonl").exists()


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        (
            {"val_dataset": ()},
            UsageError,
            "predict_with_generate needs evaluations with validation rows",
        ),
        ({"generation_config": "/nowhere"}, UsageError, "no such file"),
        ({"metric_for_best_model": "rouge"}, UsageError, "'rouge' is not measured"),
        ({"prediction_loss_only": "true"}, UsageError, "'rouge-l' is not measured"),
        ({"metric": "mrr"}, UsageError, "metric='mrr' is not for"),
        ({"task_type": "seq_cls", "num_labels": "2"}, UsageError, "generates no text"),
        ({"predict_with_generate": "false", "metric": "nlg"}, UsageError, "metric='nlg'"),
        ({"generation_max_length": "8"}, DataError, "room for 8"),
        ({"deepspeed": "zero3", "predict_with_generate": "true"}, NotBuiltYet, "ZeRO stage 3"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_said(
    arguments: Arguments, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        sft({**arguments, **changes})


def test_rows_that_are_no_question_are_named(arguments: Arguments, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    long = {"query": "why " * 40, "response": "so be it"}
    path.write_text(
        f"{json.dumps({'query': 'why', 'response': 'so'})}\n{json.dumps(long)}\n", encoding="utf-8"
    )
    reporter = RecordingReporter()

    sft(
        {
            **arguments,
            "val_dataset": str(path),
            "generation_max_length": "120",
            "max_steps": "1",
            "eval_steps": "1",
        },
        reporter=reporter,
    )

    assert any("1 of 2 validation rows are not asked" in warning for warning in reporter.warned)
    assert [line["row"] for line in _said(arguments["output_dir"])] == [0]


def test_a_model_that_was_lent_is_as_it_was(tiny_model: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model).train()
    settings = model.generation_config
    attention = model.config._attn_implementation

    with lent(model):
        assert not model.training
        model.set_attn_implementation("eager")
        model.generation_config = None

    assert model.training
    assert model.config._attn_implementation == attention
    assert model.generation_config is settings
