"""Arguments to a MergePlan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from swiftx.domain.exporting.sharding import parse_size
from swiftx.domain.plans.exporting import MergePlan
from swiftx.errors import ArgError, UsageError


class MergingArguments(Protocol):
    """The arguments of every command that can merge."""

    @property
    def adapters(self) -> tuple[str, ...]: ...
    @property
    def torch_dtype(self) -> str | None: ...
    @property
    def max_shard_size(self) -> str: ...
    @property
    def safe_serialization(self) -> bool: ...
    @property
    def task_type(self) -> str: ...
    @property
    def num_labels(self) -> int | None: ...
    @property
    def problem_type(self) -> str | None: ...


def merged_folder(adapters: tuple[str, ...]) -> str:
    """Return where merged weights go when nobody says: beside the last checkpoint.

    Example:
        >>> merged_folder(("/run/checkpoint-10",))
        '/run/checkpoint-10-merged'
    """
    return f"{adapters[-1].rstrip('/')}-merged"


def merge_plan(
    args: MergingArguments,
    origin: Mapping[str, str],
    *,
    base: str,
    output_dir: str | None = None,
    exist_ok: bool = False,
) -> MergePlan:
    """Return what is merged into what.

    The weights are written in `torch_dtype` when the user or the checkpoint names one: that is the
    precision in which the adapters were trained. Otherwise each tensor keeps its own, whatever this machine
    would compute in.

    Args:
        origin: By argument: where its value comes from.
        base: Folder of the base model.
        output_dir: None: beside the last checkpoint.

    Raises:
        UsageError: No adapter is given, or `max_shard_size` is no size.
    """
    if not args.adapters:
        raise UsageError(
            [
                ArgError(
                    "adapters",
                    "There is no adapter to merge.",
                    "Add --adapters CHECKPOINT, for example output/v0-…/checkpoint-100.",
                )
            ]
        )
    derived = origin.get("torch_dtype", "default").startswith(("rule:", "default"))
    return MergePlan(
        base=base,
        adapters=tuple(args.adapters),
        output_dir=output_dir or merged_folder(args.adapters),
        max_shard_size=parse_size(args.max_shard_size),
        dtype=None if derived else args.torch_dtype,
        exist_ok=exist_ok,
        safe_serialization=args.safe_serialization,
        task=args.task_type,
        num_labels=args.num_labels,
        problem_type=args.problem_type,
    )
