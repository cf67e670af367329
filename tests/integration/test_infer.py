"""Answering with the real adapters: a tiny model, its adapters, their merged form; files in, files out."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from tests.fakes.hub import InMemoryHub
from tests.fakes.system import RecordingReporter

from swiftx.adapters.exporters.merge import StreamingMerger
from swiftx.adapters.models.inspector import ConfigInspector
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.rows.files import FileRows
from swiftx.adapters.rows.numpy_random import NumpyShuffler
from swiftx.adapters.rows.sink import JsonlSink
from swiftx.adapters.system.clock import SystemClock
from swiftx.adapters.system.local_storage import LocalStorage
from swiftx.bootstrap.engines import make_engine, make_pooling, make_service
from swiftx.cli.chat import ConsoleTerminal
from swiftx.cli.output import Output
from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.inference.alone import Alone
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.usecases.infer import infer
from swiftx.domain.usecases.infer_ports import InferFacts, InferOutcome, InferPorts
from swiftx.domain.usecases.merge_lora import MergePorts
from swiftx.errors import StorageError

CPU = DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2)


@pytest.fixture(autouse=True)
def _quiet_libraries() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def questions(tmp_path: Path) -> str:
    path = tmp_path / "questions.jsonl"
    rows = [{"query": f"Question {number}" * (number + 1), "response": "x"} for number in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def lora(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    config = LoraConfig(
        target_modules=["o_proj", "down_proj"], lora_alpha=64, init_lora_weights=False
    )
    folder = tmp_path_factory.mktemp("run") / "checkpoint-1"
    get_peft_model(model, config).save_pretrained(folder)
    (folder / "args.json").write_text(json.dumps({"template": "chatml", "adapters": ["x"]}))
    return str(folder)


def answer(
    model: str,
    result_path: Path,
    *,
    stdin: str = "",
    stdout: io.StringIO | None = None,
    **given: Any,
) -> InferOutcome:
    storage = LocalStorage()
    output = Output(stdout=stdout or io.StringIO(), stderr=io.StringIO())
    arguments: dict[str, Any] = {"stream": False, "temperature": 0.0, "max_new_tokens": 8}
    args = InferArgs(
        model=model, template="chatml", result_path=str(result_path), **(arguments | given)
    )
    ports = InferPorts(
        data=DataPorts(FileRows(), storage, NumpyShuffler(), lambda _: InMemoryHub({})),
        group=Alone(),
        tokenizer=TransformersLoader().tokenizer,
        engine=lambda model, tokenizer: make_engine(args, model, tokenizer),
        pooling=lambda model, plan: make_pooling(args, model, plan),
        service=make_service,
        merge=lambda: MergePorts(
            merger=StreamingMerger(),
            storage=storage,
            clock=SystemClock(),
            reporter=RecordingReporter(),
            progress=lambda *_: None,
        ),
        progress=lambda *_: None,
        results=JsonlSink(),
        terminal=ConsoleTerminal(output, stdin=io.StringIO(stdin)),
        clock=SystemClock(),
        reporter=RecordingReporter(),
    )
    facts = InferFacts(
        model=ConfigInspector().facts(model),
        device=CPU,
        origin=dict.fromkeys(given, "cli"),
        today=date(2026, 11, 24),
    )
    return infer(args, ports, facts)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_results_do_not_depend_on_the_batch_size(
    tiny_model: str, questions: str, tmp_path: Path
) -> None:
    singly, together = tmp_path / "singly.jsonl", tmp_path / "together.jsonl"

    answer(tiny_model, singly, val_dataset=(questions,), temperature=0.8, seed=3)
    outcome = answer(
        tiny_model, together, val_dataset=(questions,), temperature=0.8, seed=3, max_batch_size=-1
    )

    assert rows_of(singly) == rows_of(together)
    assert len(rows_of(together)) == outcome.samples == 5
    assert all(row["response"] for row in rows_of(together))
    assert outcome.generated_tokens == 40


def test_second_run_appends(tiny_model: str, questions: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "results.jsonl"

    for _ in range(2):
        answer(tiny_model, path, val_dataset=(f"{questions}#2",))

    assert len(rows_of(path)) == 4


def test_adapters_answer_as_their_merged_model_does(
    tiny_model: str, lora: str, questions: str, tmp_path: Path
) -> None:
    base, tuned, merged = (tmp_path / f"{name}.jsonl" for name in ("base", "tuned", "merged"))

    drawn: dict[str, Any] = {"val_dataset": (questions,), "temperature": 1.0}

    answer(tiny_model, base, **drawn)
    answer(tiny_model, tuned, adapters=(lora,), **drawn)
    answer(tiny_model, merged, adapters=(lora,), merge_lora=True, **drawn)

    assert rows_of(tuned) == rows_of(merged)
    assert rows_of(tuned) != rows_of(base)
    again = tmp_path / "again.jsonl"
    answer(f"{lora}-merged", again, **drawn)
    assert rows_of(again) == rows_of(merged)
    written = json.loads(Path(f"{lora}-merged", "args.json").read_text())
    assert (written["template"], written["adapters"]) == ("chatml", [])


def test_piped_questions_are_answered_line_by_line(tiny_model: str, tmp_path: Path) -> None:
    path, stdout = tmp_path / "chat.jsonl", io.StringIO()

    answer(tiny_model, path, stdin="Who are you?\nReally?\n", stdout=stdout, stream=True)

    first, second = rows_of(path)
    assert stdout.getvalue() == f"{first['response']}\n{second['response']}\n"
    assert [message["role"] for message in second["messages"]] == ["user", "assistant"] * 2


def test_row_that_is_longer_than_the_model_is_recorded(tiny_model: str, tmp_path: Path) -> None:
    data = tmp_path / "long.jsonl"
    data.write_text('{"query": "short"}\n' + json.dumps({"query": "long " * 600}) + "\n")
    path = tmp_path / "results.jsonl"

    outcome = answer(tiny_model, path, val_dataset=(str(data),), max_batch_size=2)

    assert (outcome.samples, outcome.failed) == (2, 1)
    short, long = rows_of(path)
    assert short["response"]
    assert "the model takes 2048" in long["error"]


def test_results_that_cannot_be_written_are_said_before_the_model_is_loaded(
    tiny_model: str, questions: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        answer(tiny_model, tmp_path / "file" / "results.jsonl", val_dataset=(questions,))
