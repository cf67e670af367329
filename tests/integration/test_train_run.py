"""`sft` from a data file to checkpoints, with the real libraries and a tiny model."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tests.fakes.observer import RecordingObserver
from tests.fakes.system import RecordingReporter
from tests.integration.sft_run import sft
from transformers import AutoModelForCausalLM, AutoTokenizer

from swiftx.errors import BackendError, DataError, NotBuiltYet, NotFound, StorageError, UsageError

Arguments = Mapping[str, str | Sequence[str]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a file of twelve short conversations."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = [
        {"query": f"What is {number} and {number}?", "response": f"It is {2 * number}, I think."}
        for number in range(12)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def arguments(tiny_model: str, rows: str, tmp_path: Path) -> dict[str, str | Sequence[str]]:
    """Return a LoRA run of six steps of two rows."""
    return {
        "model": tiny_model,
        "template": "chatml",
        "dataset": rows,
        "output_dir": str(tmp_path / "run"),
        "add_version": "false",
        "per_device_train_batch_size": "1",
        "gradient_accumulation_steps": "2",
        "max_steps": "6",
        "save_steps": "3",
        "logging_steps": "1",
        "learning_rate": "1e-2",
        "dataloader_num_workers": "0",
    }


def _lines(folder: str | Path) -> list[dict[str, Any]]:
    text = (Path(folder) / "logging.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _losses(arguments: Arguments, **changes: str) -> list[float]:
    observer = RecordingObserver()
    sft({**arguments, **changes}, observer=observer)
    return observer.losses


def _logits(model: Any, text: str = "What is this?") -> torch.Tensor:
    ids = torch.tensor([[byte + 3 for byte in text.encode()]])
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(ids).logits
    return logits


def test_a_lora_run_leaves_checkpoints_log_events_plots_and_arguments(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    reporter = RecordingReporter()

    outcome = sft({**arguments, "create_checkpoint_symlink": "true"}, reporter=reporter)

    run = tmp_path / "run"
    assert outcome.last_checkpoint == str(run / "checkpoint-6")
    assert {path.name for path in (run / "checkpoint-6").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "additional_config.json",
        "args.json",
        "optimizer.pt",
        "rng_state.pth",
        "scheduler.pt",
        "trainer_state.json",
        "training_args.bin",
    }
    assert os.readlink(run / "last") == "checkpoint-6"
    assert not (run / "best").exists()
    assert list((run / "runs").glob("events.out.tfevents.*"))
    assert {"train_loss.png", "train_token_acc.png", "train_grad_norm.png"} <= {
        path.name for path in (run / "images").iterdir()
    }
    assert json.loads((run / "args.json").read_text())["lora_rank"] == 8
    assert f"swiftx infer --adapters {run}/checkpoint-6" in reporter.said[-1]
    assert "rows" in reporter.tables["Tokens (train)"]


def test_every_log_line_says_where_the_run_stands(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    sft(arguments)

    *steps, last = _lines(tmp_path / "run")

    assert [line["global_step/max_steps"] for line in steps] == [f"{n}/6" for n in range(1, 7)]
    assert steps[2]["percentage"] == "50.00%"
    named = "loss grad_norm learning_rate token_acc epoch elapsed_time remaining_time"
    assert {*named.split(), "memory(GiB)", "train_speed(iter/s)", "tokens/s"} <= steps[0].keys()
    assert last["last_model_checkpoint"].endswith("checkpoint-6")
    assert last["global_step"] == 6
    assert len(last["log_history"]) >= 6
    assert "rows of" in last["train_dataset"]


def test_a_full_checkpoint_is_a_model_that_loads(
    arguments: dict[str, Any], tiny_model: str
) -> None:
    outcome = sft({**arguments, "train_type": "full"})

    folder = outcome.last_checkpoint
    tuned = AutoModelForCausalLM.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert AutoTokenizer.from_pretrained(folder).encode("hi") == AutoTokenizer.from_pretrained(
        tiny_model
    ).encode("hi")
    assert not torch.allclose(_logits(tuned), _logits(base))
    assert outcome.trainable_parameters == outcome.total_parameters


@pytest.mark.parametrize(
    "kind",
    [
        {"lora_dropout": "0.3"},
        {"train_type": "full"},
        {"init_weights": "pissa"},
        {"lorap_lr_ratio": "16", "use_rslora": "true"},
        {"use_dora": "true", "modules_to_save": "embed_tokens"},
    ],
    ids=lambda kind: next(iter(kind)),
)
def test_resuming_in_the_middle_of_an_epoch_gives_the_same_losses(
    arguments: dict[str, Any], tmp_path: Path, kind: dict[str, str]
) -> None:
    given = {**arguments, **kind, "save_steps": "4", "max_steps": "9", "logging_steps": "3"}
    whole = _losses(given)

    rest = _losses(
        given,
        output_dir=str(tmp_path / "resumed"),
        resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-4"),
    )

    assert len(whole) == 4  # steps 1, 3, 6 and 9
    assert rest == whole[2:]


def test_a_run_folder_resumes_from_its_newest_checkpoint(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    sft(arguments)
    (tmp_path / "run" / ".staging-checkpoint-7").mkdir()
    observer = RecordingObserver()

    outcome = sft(
        {**arguments, "resume_from_checkpoint": str(tmp_path / "run"), "max_steps": "8"},
        observer=observer,
    )

    assert observer.resumed_at == 6
    assert observer.steps == [7, 8]
    assert outcome.global_step == 8
    assert not (tmp_path / "run" / ".staging-checkpoint-7").exists()


def test_a_folder_without_checkpoints_cannot_be_resumed(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="holds none"):
        sft({**arguments, "resume_from_checkpoint": str(tmp_path)})


@pytest.mark.parametrize("initialisation", ["pissa", "olora"])
def test_an_adapter_that_changed_its_base_is_saved_to_fit_the_unchanged_one(
    arguments: dict[str, Any], tiny_model: str, initialisation: str
) -> None:
    """Training moves the loss; the saved adapter on the base from the disk must show the same move."""
    validation = {"val_dataset": arguments["dataset"], "eval_steps": "6"}
    outcome = sft({**arguments, **validation, "init_weights": initialisation})
    evaluated = _lines(outcome.output_dir)[6]["eval_loss"]

    started = RecordingObserver()
    sft(
        {
            **arguments,
            **validation,
            "adapters": str(outcome.last_checkpoint),
            "output_dir": f"{outcome.output_dir}-again",
            "learning_rate": "0",
            "max_steps": "1",
            "eval_on_start": "true",
        },
        observer=started,
    )

    again = next(line["eval_loss"] for _, line in started.lines if "eval_loss" in line)
    assert again == pytest.approx(evaluated, abs=1e-4)
    config = json.loads((Path(str(outcome.last_checkpoint)) / "adapter_config.json").read_text())
    assert config["init_lora_weights"] is True
    assert config["r"] == 16


def test_the_limit_of_checkpoints_spares_the_best_and_the_links_follow(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    outcome = sft(
        {
            **arguments,
            "metric_for_best_model": "loss",
            "greater_is_better": "true",  # the loss falls, so the first checkpoint stays the best
            "split_dataset_ratio": "0.2",
            "save_steps": "1",
            "eval_steps": "1",
            "save_total_limit": "2",
            "create_checkpoint_symlink": "true",
        }
    )

    run = tmp_path / "run"
    assert outcome.best_checkpoint == str(run / "checkpoint-1")
    assert {path.name for path in run.glob("checkpoint-*")} == {"checkpoint-1", "checkpoint-6"}
    assert os.readlink(run / "best") == "checkpoint-1"
    assert os.readlink(run / "last") == "checkpoint-6"
    held_out = (run / "val_dataset.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(held_out) == 2
    assert json.loads(held_out[0])["messages"][0]["role"] == "user"


def test_training_stops_when_evaluations_no_longer_get_better(arguments: dict[str, Any]) -> None:
    observer = RecordingObserver()

    outcome = sft(
        {
            **arguments,
            "learning_rate": "0",
            "max_steps": "20",
            "split_dataset_ratio": "0.2",
            "save_steps": "1",
            "early_stop_interval": "2",
            "load_best_model_at_end": "true",
        },
        observer=observer,
    )

    assert outcome.global_step == 3
    assert not outcome.interrupted


def test_max_epochs_ends_the_run_with_a_checkpoint(arguments: dict[str, Any]) -> None:
    outcome = sft({**arguments, "max_steps": "50", "max_epochs": "1", "save_steps": "500"})

    assert outcome.global_step == 6
    assert str(outcome.last_checkpoint).endswith("checkpoint-6")


def test_a_loss_that_is_not_finite_stops_the_run_with_its_step(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=r"the loss is (nan|inf) in step \d"):
        sft({**arguments, "learning_rate": "1e38", "max_grad_norm": "0", "train_type": "full"})

    assert not list((tmp_path / "run").glob(".staging*"))


def test_sigterm_saves_too(arguments: dict[str, Any]) -> None:
    def stop(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    reporter = RecordingReporter()
    outcome = sft(arguments, observer=RecordingObserver(at_step=stop), reporter=reporter)

    assert outcome.interrupted
    assert f"--resume_from_checkpoint {outcome.last_checkpoint}" in reporter.said[-1]


def test_the_output_head_gets_no_adapter(arguments: dict[str, Any]) -> None:
    outcome = sft(arguments)

    config = json.loads((Path(str(outcome.last_checkpoint)) / "adapter_config.json").read_text())
    assert set(config["target_modules"]) == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip


def test_a_trained_adapter_loads_in_peft(arguments: dict[str, Any], tiny_model: str) -> None:
    outcome = sft(arguments)

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    before = _logits(base)
    tuned = PeftModel.from_pretrained(base, outcome.last_checkpoint)
    assert not torch.allclose(_logits(tuned), before)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"target_modules": "q_proj nothing_like_it"}, "nothing_like_it"),
        ({"target_regex": "nothing"}, "nothing"),
        ({"target_regex": "("}, "regular expression"),
        ({"modules_to_save": "elsewhere"}, "elsewhere"),
        ({"train_type": "full", "freeze_parameters_ratio": "1"}, "nothing to train"),
        ({"lr_scheduler_type": "greedy"}, "eval"),
        ({"load_best_model_at_end": "true"}, "validation rows"),
    ],
    ids=str,
)
def test_targets_and_trainer_arguments_that_fit_nothing_are_refused(
    arguments: dict[str, Any], changes: dict[str, str], word: str
) -> None:
    spread = {name: text.split(" ") if " " in text else text for name, text in changes.items()}

    with pytest.raises(UsageError, match=word):
        sft({**arguments, **spread})


def test_rows_that_are_all_too_long_name_their_file(arguments: dict[str, Any], rows: str) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl") as caught:
        sft({**arguments, "max_length": "8"})

    assert "more than --max_length 8" in caught.value.message
    assert "--truncation_strategy" in str(caught.value.hint)


def test_what_is_not_built_is_refused_by_name(arguments: dict[str, Any]) -> None:
    with pytest.raises(NotBuiltYet) as caught:
        sft({**arguments, "save_on_each_node": "true", "push_to_hub": "true"})

    assert "--save_on_each_node true" in caught.value.message
    assert "--push_to_hub true" in caught.value.message


def test_an_output_folder_that_cannot_be_made_is_found_before_the_model_is_loaded(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="file"):
        sft({**arguments, "output_dir": str(tmp_path / "file" / "run"), "dataset": "nothing.jsonl"})


def test_lazy_tokenizing_trains_on_the_same_rows(arguments: dict[str, Any], tmp_path: Path) -> None:
    eager = _losses(arguments)
    lazy = _losses(arguments, lazy_tokenize="true", output_dir=str(tmp_path / "lazy"))

    assert lazy == eager


def test_loading_batches_in_another_process_changes_nothing(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    alone = _losses(arguments)
    helped = _losses(arguments, dataloader_num_workers="1", output_dir=str(tmp_path / "helped"))

    assert helped == alone


def test_a_checkpoint_of_the_model_alone_has_no_state(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    outcome = sft({**arguments, "save_only_model": "true"})

    names = {path.name for path in Path(str(outcome.last_checkpoint)).iterdir()}
    assert "adapter_model.safetensors" in names
    assert names.isdisjoint({"optimizer.pt", "scheduler.pt", "rng_state.pth"})
    with pytest.raises(UsageError, match="holds the model alone"):
        sft({
            **arguments,
            "output_dir": str(tmp_path / "resumed"),
            "resume_from_checkpoint": str(outcome.last_checkpoint),
            "max_steps": "8",
        })  # fmt: skip


def test_a_resumed_run_may_begin_the_epoch_anew(arguments: dict[str, Any], tmp_path: Path) -> None:
    given = {**arguments, "save_steps": "4", "max_steps": "8"}
    whole = _losses(given)

    checkpoint = str(tmp_path / "run" / "checkpoint-4")
    rest = _losses(
        given,
        output_dir=str(tmp_path / "resumed"),
        resume_from_checkpoint=checkpoint,
        ignore_data_skip="true",
    )

    assert len(rest) == 4
    assert rest[0] != whole[4]  # other rows
