"""`swiftx merge-lora`, and merging before another command goes on with the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from swiftx.domain.args.commands.export import ExportArgs
from swiftx.domain.exporting.plan import MergingArguments, merge_plan
from swiftx.domain.exporting.support import EXPORT
from swiftx.domain.plans.exporting import MERGE_NOTE
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.ports.exporter import Merger
from swiftx.domain.ports.group import ProcessGroup
from swiftx.domain.ports.system import Clock, Reporter, Storage
from swiftx.errors import NotBuiltYet, StorageError

Progress = Callable[[int, int], None]
"""Hears (done, total)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePorts:
    """What merging needs of the world."""

    merger: Merger
    storage: Storage
    clock: Clock
    reporter: Reporter
    progress: Progress


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """Where the merged model is, and how long that took."""

    output_dir: str
    seconds: float


def merge_lora(
    args: ExportArgs, ports: MergePorts, *, model: ModelFacts, origin: Mapping[str, str]
) -> MergeOutcome:
    """Write the base model with its adapters folded in.

    Args:
        args: Resolved arguments of `merge-lora`, or of `export` with `merge_lora`.
        ports: The world.
        model: The base model.
        origin: By argument: where its value comes from.

    Returns:
        Where the merged model is.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: No adapter, or `max_shard_size` is no size.
        NotFound: The base or an adapter is not there.
        StorageError: The output exists already, or cannot be written.
        BackendError: An adapter does not fit the base, or cannot be merged.
    """
    EXPORT.refuse_unbuilt(args, origin, doing="merging")
    _refuse_model(model)
    idle = EXPORT.ineffective(args, origin)
    if idle:
        ports.reporter.warn(f"Without effect here: {', '.join(f'--{name}' for name in idle)}.")
    plan = merge_plan(
        args, origin, base=model.folder, output_dir=args.output_dir, exist_ok=args.exist_ok
    )
    started = ports.clock.now()
    ports.merger.merge(plan, progress=ports.progress)
    outcome = MergeOutcome(plan.output_dir, (ports.clock.now() - started).total_seconds())
    ports.reporter.table(
        "Merged",
        {
            "base model": plan.base,
            "adapters": ", ".join(plan.adapters),
            "written to": plan.output_dir,
            "data type": plan.dtype or model.dtype or "as stored",
            "seconds": round(outcome.seconds, 1),
        },
    )
    ports.reporter.say(f"Talk to it:\n  swiftx infer --model {plan.output_dir}")
    return outcome


def merged_for_use(
    args: MergingArguments, ports: MergePorts, *, model: ModelFacts, origin: Mapping[str, str]
) -> str:
    """Return the folder of the merged model for a command that goes on with it.

    The result of an earlier merge is used again while the adapters are the same, and replaced when not.

    Raises:
        UsageError, NotFound, StorageError, BackendError: As `merge_lora`.
    """
    plan = merge_plan(args, origin, base=model.folder)
    if ports.merger.is_current(plan):
        ports.reporter.say(f"The merged model is there already: {plan.output_dir}")
        return plan.output_dir
    ours = ports.storage.is_file(f"{plan.output_dir}/{MERGE_NOTE}")
    if not ours and ports.storage.exists(plan.output_dir):
        raise StorageError(
            f"{plan.output_dir} exists, and was not merged by swiftx from these adapters.",
            hint="Move it away, or leave out --merge_lora.",
        )
    ports.merger.merge(replace(plan, exist_ok=ours), progress=ports.progress)
    ports.reporter.say(f"The merged model is in {plan.output_dir}")
    return plan.output_dir


def merged_by_one(
    args: MergingArguments,
    make_ports: Callable[[], MergePorts],
    group: ProcessGroup,
    *,
    model: ModelFacts,
    origin: Mapping[str, str],
) -> str:
    """Return the folder of the merged model, which one process writes and the others find.

    Raises:
        UsageError, NotFound, StorageError, BackendError: As `merge_lora`.
    """
    if group.rank:
        group.wait()
    folder = merged_for_use(args, make_ports(), model=model, origin=origin)
    if not group.rank:
        group.wait()
    return folder


def _refuse_model(model: ModelFacts) -> None:
    if model.is_multimodal:
        raise NotBuiltYet(
            f"{model.folder!r} is a multimodal model, and merging those is not built yet.",
            hint="Name a text model.",
        )
