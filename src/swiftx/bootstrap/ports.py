"""The ports of each use case, made of adapters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from swiftx import __version__
from swiftx.bootstrap.libraries import extra, quiet_libraries
from swiftx.bootstrap.machine import random_response, task_variables
from swiftx.bootstrap.sources import data_ports, encoded_folder, fetch_weights, model_of, tokenizer
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.launching.plan import rank
from swiftx.domain.ports.system import Reporter

if TYPE_CHECKING:
    from swiftx.adapters.reporters.counting import CountReport
    from swiftx.domain.ports.group import ProcessGroup
    from swiftx.domain.ports.terminal import Terminal
    from swiftx.domain.ports.trainer import StepObserver
    from swiftx.domain.training.tokenized import CachePlan, TokenPorts
    from swiftx.domain.usecases.estimate import EstimateFacts, EstimatePorts
    from swiftx.domain.usecases.infer_ports import InferPorts
    from swiftx.domain.usecases.merge_lora import MergePorts, Progress
    from swiftx.domain.usecases.train_ports import TrainFacts, TrainPorts


def train_ports(args: Any, facts: Facts, reporter: Reporter) -> TrainPorts:
    from swiftx.adapters.system.allocation import keep_freed_memory
    from swiftx.domain.usecases.train_ports import TrainPorts

    quiet_libraries()
    keep_freed_memory()
    with extra("train"):
        from swiftx.adapters.models.fetching import FetchingLoader
        from swiftx.adapters.models.transformers import TransformersLoader
        from swiftx.adapters.trainers.transformers import TransformersTrainer

        return TrainPorts(
            tokens=token_ports(args, facts, reporter),
            storage=facts.storage,
            loader=FetchingLoader(
                TransformersLoader(say=reporter.say), lambda: fetch_weights(args)
            ),
            tuner=make_tuner(),
            trainer=TransformersTrainer(),
            observer=_observer(),
            reporter=reporter,
        )


def estimate_ports(args: Any, facts: Facts, reporter: Reporter) -> EstimatePorts:
    from swiftx.domain.usecases.estimate import EstimatePorts

    quiet_libraries()
    with extra("train"):
        from swiftx.adapters.models.transformers import TransformersLoader
        from swiftx.adapters.trainers.rehearsal import MetaRehearsal

        return EstimatePorts(
            tokens=token_ports(args, facts, reporter),
            tokenizer=tokenizer(args, facts, say=reporter.say),
            skeletons=TransformersLoader(say=reporter.say),
            tuner=make_tuner(),
            rehearsal=MetaRehearsal(),
            reporter=reporter,
        )


def estimate_facts(resolved: Resolved[Any], facts: Facts) -> EstimateFacts:
    from swiftx.domain.usecases.estimate import EstimateFacts

    return EstimateFacts(
        model=model_of(facts),
        device=facts.device,
        origin=resolved.origin,
        today=facts.now.date(),
        world_size=facts.world_size,
        random_response=random_response(),
        cache=_cache_plan(facts),
    )


def token_ports(args: Any, facts: Facts, reporter: Reporter) -> TokenPorts:
    from swiftx.domain.training.tokenized import TokenPorts

    with extra("train"):
        from swiftx.adapters.rows.encoded_folders import FolderStore
        from swiftx.adapters.system.clock import SystemClock
        from swiftx.adapters.system.forked_workers import ForkedWorkers

        return TokenPorts(
            data=data_ports(args, facts, reporter),
            encoded=FolderStore(encoded_folder()),
            workers=ForkedWorkers(args.dataset_num_proc),
            clock=SystemClock(),
            reporter=reporter,
        )


def train_facts(resolved: Resolved[Any], facts: Facts) -> TrainFacts:
    from swiftx.domain.args.archive import dump
    from swiftx.domain.usecases.train_ports import TrainFacts

    return TrainFacts(
        model=model_of(facts),
        device=facts.device,
        origin=resolved.origin,
        args_json=dump(resolved, version=__version__, storage=facts.storage),
        today=facts.now.date(),
        rank=rank(os.environ),
        world_size=facts.world_size,
        random_response=random_response(),
        cache=_cache_plan(facts),
        variables=task_variables(),
    )


def _cache_plan(facts: Facts) -> CachePlan | None:
    """Return where tokens are cached; None with plugins, which import what they like."""
    from swiftx.adapters.system.source_code import code_version
    from swiftx.domain.training.tokenized import CachePlan

    return None if facts.plugins else CachePlan(folder=encoded_folder(), code=code_version())


def _observer() -> StepObserver:
    from swiftx.adapters.reporters.progress import ProgressReport, SilentObserver

    return ProgressReport(sys.stderr) if rank(os.environ) == 0 else SilentObserver()


def infer_ports(
    args: Any,
    facts: Facts,
    reporter: Reporter,
    terminal: Terminal,
    *,
    group: ProcessGroup,
    answering: Progress,
    merging: Progress,
) -> InferPorts:
    from swiftx.adapters.rows.sink import JsonlSink
    from swiftx.adapters.system.clock import SystemClock
    from swiftx.bootstrap.engines import make_engine, make_pooling, make_service, make_tokenizer
    from swiftx.domain.usecases.infer_ports import InferPorts

    quiet_libraries()
    return InferPorts(
        data=data_ports(args, facts, reporter),
        group=group,
        tokenizer=make_tokenizer,
        engine=lambda model, tokenizer: make_engine(
            args, model, tokenizer, slots=args.max_batch_size, debug=reporter.say
        ),
        pooling=lambda model, plan: make_pooling(args, model, plan),
        service=make_service,
        merge=lambda: merge_ports(facts, reporter, merging),
        results=JsonlSink(),
        terminal=terminal,
        clock=SystemClock(),
        reporter=reporter,
        progress=_no_progress if group.rank else answering,
    )


@contextmanager
def process_group(facts: Facts) -> Iterator[ProcessGroup]:
    """Join the processes of the run, until the end of the context."""
    from swiftx.domain.inference.alone import Alone

    if facts.world_size == 1:
        yield Alone()
        return
    with extra("train"):
        from swiftx.adapters.system.process_group import TorchGroup

    group = TorchGroup()
    yield group
    group.leave()


def _no_progress(_done: int, _total: int) -> None: ...


def merge_ports(facts: Facts, reporter: Reporter, progress: Progress) -> MergePorts:
    from swiftx.domain.usecases.merge_lora import MergePorts

    quiet_libraries()
    with extra("train"):
        from swiftx.adapters.exporters.merge import StreamingMerger
        from swiftx.adapters.exporters.whole_model import WholeModelWriter
        from swiftx.adapters.models.transformers import TransformersLoader
        from swiftx.adapters.system.clock import SystemClock

        return MergePorts(
            merger=StreamingMerger(WholeModelWriter(TransformersLoader(), make_tuner())),
            storage=facts.storage,
            clock=SystemClock(),
            reporter=reporter,
            progress=progress,
        )


def counted(title: str) -> CountReport:
    from swiftx.adapters.reporters.counting import CountReport

    return CountReport(title, sys.stderr)
