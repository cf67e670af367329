"""Training in two processes that torchrun starts; gloo carries the gradients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.processes import lines, sft_in_processes, short_run
from tests.integration.sft_run import sft

from swiftx.adapters.launchers.torchrun import TorchrunLauncher
from swiftx.domain.launching.plan import launch_plan

PACKED = {"packing": "true", "packing_length": "200"}
STREAMED = {"streaming": "true", "shuffle_buffer_size": "4", "val_dataset": "ROWS"}


@pytest.mark.parametrize("layout", [{}, PACKED, {**PACKED, **STREAMED}], ids=str)
def test_two_processes_have_the_losses_of_one_with_the_same_total_batch(
    tiny_model: str, tmp_path: Path, layout: dict[str, str]
) -> None:
    count = 40 if "streaming" in layout else 10
    arguments = short_run(tiny_model, tmp_path, rows=count, held="0.2", longest=10)
    rows = arguments["dataset"]
    arguments |= {name: value.replace("ROWS", rows) for name, value in layout.items()}

    sft({**arguments, "output_dir": str(tmp_path / "one"), "gradient_accumulation_steps": "4"})
    sft_in_processes(
        {**arguments, "output_dir": str(tmp_path / "two"), "gradient_accumulation_steps": "2"}
    )

    one, two = lines(tmp_path / "one"), lines(tmp_path / "two")
    for name in ("loss", "eval_loss", "token_acc", "eval_token_acc", "grad_norm"):
        alone = [line[name] for line in one if name in line]
        shared = [line[name] for line in two if name in line]
        assert shared == pytest.approx(alone, abs=1e-5), name
    assert {path.name for path in (tmp_path / "two" / "checkpoint-4").glob("rng_state*")} == {
        "rng_state_0.pth",
        "rng_state_1.pth",
    }


def test_embeddings_are_held_against_the_documents_of_all_processes(
    tiny_model: str, tmp_path: Path
) -> None:
    def said(role: str, text: str) -> list[dict[str, str]]:
        return [{"role": role, "content": text}]

    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(
            json.dumps(
                {
                    "messages": said("user", f"question {number}"),
                    "positive_messages": [said("assistant", "yes" * (number + 1))],
                    "negative_messages": [
                        said("assistant", f"no {each}") for each in range(number % 3)
                    ],
                }
            )
            + "\n"
            for number in range(8)
        ),
        encoding="utf-8",
    )
    arguments = {
        "model": tiny_model,
        "template": "chatml",
        "dataset": str(rows),
        "task_type": "embedding",
        "loss_type": "infonce",
        "add_version": "false",
        "lora_dropout": "0",
        "learning_rate": "1e-3",
        "gradient_accumulation_steps": "1",
        "max_steps": "3",
        "logging_steps": "1",
        "save_strategy": "no",
        "dataloader_num_workers": "0",
        "average_tokens_across_devices": "true",
        "report_to": "none",
    }

    one = {**arguments, "output_dir": str(tmp_path / "one"), "per_device_train_batch_size": "4"}
    sft(one)
    apart = {**one, "output_dir": str(tmp_path / "apart"), "per_device_train_batch_size": "2"}
    sft({**apart, "gradient_accumulation_steps": "2"})
    sft_in_processes({**apart, "output_dir": str(tmp_path / "two")})

    alone, shared, halves = (lines(tmp_path / name) for name in ("one", "two", "apart"))
    for name in ("loss", "grad_norm"):
        expected = [line[name] for line in alone if name in line]
        assert [line[name] for line in shared if name in line] == pytest.approx(expected, abs=1e-4)
        # Without the documents of the other half it is another loss.
        assert [line[name] for line in halves if name in line] != pytest.approx(expected, abs=1e-2)


def test_the_launcher_passes_the_exit_code_of_its_processes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = {"NPROC_PER_NODE": "2"}
    good = launch_plan(environ, command="--version", arguments=[], output_dir=None)
    bad = launch_plan(environ, command="sft", arguments=["--no_such_flag", "1"], output_dir=None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert good is not None
    assert bad is not None

    codes = [TorchrunLauncher().run(plan) for plan in (good, bad)]

    assert codes == [0, 2]
