"""Runs `sft` as the composition root does, with the real adapters and arguments as they are typed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime

from tests.fakes.observer import RecordingObserver
from tests.fakes.system import RecordingReporter

from swiftx.adapters.models.inspector import ConfigInspector
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.rows.encoded_folders import FolderStore
from swiftx.adapters.rows.files import FileRows
from swiftx.adapters.rows.numpy_random import NumpyShuffler
from swiftx.adapters.system.clock import SystemClock
from swiftx.adapters.system.forked_workers import ForkedWorkers
from swiftx.adapters.system.local_storage import LocalStorage
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.args.archive import dump
from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.args.resolution import resolve_command
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.launching.plan import rank, world_size
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.plans.training import TrainOutcome
from swiftx.domain.ports.hubs import DatasetHub
from swiftx.domain.ports.trainer import StepObserver
from swiftx.domain.training.tokenized import TokenPorts
from swiftx.domain.usecases.train import train
from swiftx.domain.usecases.train_ports import TrainFacts, TrainPorts

TUNER = make_tuner()
ENCODED = os.path.join(tempfile.gettempdir(), "swiftx-tests-encoded")
CPU = DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2)


def sft(
    arguments: Mapping[str, str | Sequence[str]],
    *,
    observer: StepObserver | None = None,
    reporter: RecordingReporter | None = None,
    variables: TaskVariables | None = None,
) -> TrainOutcome:
    """Run `swiftx sft` with a local model on this machine's CPU."""
    storage = LocalStorage()
    reporter = reporter or RecordingReporter()
    facts = _facts(arguments, storage)
    settled = _resolved(arguments, facts)
    assert facts.model is not None
    return train(
        settled.args,
        TrainPorts(
            tokens=TokenPorts(
                data=DataPorts(FileRows(), storage, NumpyShuffler(), _no_hub),
                encoded=FolderStore(ENCODED),
                workers=ForkedWorkers(settled.args.dataset_num_proc),
                clock=SystemClock(),
                reporter=reporter,
            ),
            storage=storage,
            loader=TransformersLoader(),
            tuner=TUNER,
            trainer=TransformersTrainer(),
            observer=observer or RecordingObserver(),
            reporter=reporter,
        ),
        TrainFacts(
            variables=variables or TaskVariables(),
            model=facts.model,
            device=CPU,
            origin=settled.origin,
            args_json=dump(settled, version="0", storage=storage),
            today=facts.now.date(),
            rank=rank(os.environ),
            world_size=facts.world_size,
        ),
    )


def resolved(arguments: Mapping[str, str | Sequence[str]]) -> SftArgs:
    """Return the arguments of a run."""
    return _resolved(arguments, _facts(arguments, LocalStorage())).args


def _facts(arguments: Mapping[str, str | Sequence[str]], storage: LocalStorage) -> Facts:
    return Facts(
        device=CPU,
        model=ConfigInspector().facts(str(arguments["model"])),
        storage=storage,
        now=datetime.now(),
        cwd=os.getcwd(),
        environ={},
        world_size=world_size(os.environ),
    )


def _resolved(arguments: Mapping[str, str | Sequence[str]], facts: Facts) -> Resolved[SftArgs]:
    return resolve_command("sft", SftArgs, cli=arguments, environ={}, config=None, facts=facts)


def _no_hub(use_hf: bool) -> DatasetHub:
    raise AssertionError(f"a test asked a hub (use_hf={use_hf})")


if __name__ == "__main__":
    pairs = [word.partition("=") for word in sys.argv[1:]]
    sft({name: value.split(" ") if " " in value else value for name, _, value in pairs})
