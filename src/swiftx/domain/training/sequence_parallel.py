"""Processes that share rows: which process is where, which tokens and heads it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import gcd

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.training.fsdp import fsdp_plan
from swiftx.errors import ArgError, NotBuiltYet, UsageError

_NAME = "sequence_parallel_size"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGrid:
    """The processes of a run as groups of `group_size`, each of which shares its rows.

    Neighbours are a group, because they are on one node where that can be.

    Attributes:
        rank: Number of this process, from 0.
        world_size: Number of processes; a multiple of `group_size`.
        group_size: Processes that share a row.

    Example:
        >>> grid = ProcessGrid(rank=3, world_size=6, group_size=2)
        >>> grid.group, grid.groups, grid.place
        (1, 3, 1)
    """

    rank: int
    world_size: int
    group_size: int = 1

    @property
    def groups(self) -> int:
        """Return the number of groups: how many have rows of their own."""
        return self.world_size // self.group_size

    @property
    def group(self) -> int:
        """Return the number of this process's group, from 0."""
        return self.rank // self.group_size

    @property
    def place(self) -> int:
        """Return the number of this process in its group, from 0."""
        return self.rank % self.group_size


def part_lengths(tokens: int, parts: int) -> tuple[int, ...]:
    """Return how many tokens each part of a sequence has; they differ by one at most.

    Example:
        >>> part_lengths(11, 4)
        (3, 3, 3, 2)
    """
    each, rest = divmod(tokens, parts)
    return tuple(each + (place < rest) for place in range(parts))


def part(tokens: int, parts: int, place: int) -> slice:
    """Return the tokens of one part.

    Example:
        >>> part(11, 4, 3)
        slice(9, 11, None)
    """
    ends = list(accumulate(part_lengths(tokens, parts), initial=0))
    return slice(ends[place], ends[place + 1])


def key_repeats(key_heads: int, parts: int) -> int:
    """Return how often each key head is needed so that all parts get as many.

    Where `parts` divides the query heads, and `key_heads` does too, the heads still match: query heads that
    had a key head in common have one of its copies in common.

    Example:
        >>> [key_repeats(heads, 4) for heads in (8, 6, 2, 1)]
        [1, 2, 2, 4]
    """
    return parts // gcd(key_heads, parts)


def refuse_sharing(args: TrainingArgs, model: ModelFacts, *, world_size: int) -> None:
    """Refuse processes that are to share rows where the run has no such groups, or cannot use them.

    Args:
        args: Resolved arguments.
        model: What is trained; whether its attention can be shared at all is found out when it is loaded.
        world_size: Processes of the run.

    Raises:
        UsageError: The size fits neither the processes nor the heads of the model.
        NotBuiltYet: The size goes together with something that takes whole rows; names all of that.
    """
    size = args.sequence_parallel_size
    if size == 1:
        return
    if problems := [*_misfits(size, model, world_size)]:
        raise UsageError(problems)
    if refused := [*_needs_whole_rows(args)]:
        raise NotBuiltYet(
            f"--{_NAME} {size} is not built yet together with {', '.join(refused)}",
            hint=f"leave the one or the other out; without --{_NAME} each process has whole rows",
        )


def _misfits(size: int, model: ModelFacts, world_size: int) -> Iterator[ArgError]:
    if size < 1:
        yield ArgError(_NAME, f"{_NAME}={size} is no number of processes.", "Use 1 or more.")
        return
    if world_size % size:
        yield ArgError(
            _NAME,
            f"{_NAME}={size}: {world_size} processes cannot be divided into groups of {size}.",
            f"Start a multiple of {size}, such as NPROC_PER_NODE={size}.",
        )
    heads = model.config.get("num_attention_heads")
    if isinstance(heads, int) and heads % size:
        fitting = ", ".join(str(each) for each in range(2, heads + 1) if heads % each == 0)
        yield ArgError(
            _NAME,
            f"{_NAME}={size}: the {heads} attention heads of {model.folder!r} cannot be divided by {size}.",
            f"Use one of {fitting}." if fitting else "Leave it out.",
        )


def _needs_whole_rows(args: TrainingArgs) -> Iterator[str]:
    """Yield what does not go with parts of rows, or is not proven to."""
    if args.task_type != "causal_lm":
        yield f"--task_type {args.task_type}"
    if args.deepspeed is not None:
        yield "--deepspeed"
    if fsdp_plan(args) is not None:
        yield "--fsdp"
    if args.attn_impl not in (None, "sdpa"):
        yield f"--attn_impl {args.attn_impl}"
    if args.torch_compile or args.torchdynamo:
        yield "--torch_compile true"
    if args.train_type in ("longlora", "reft"):  # groups of tokens; first and last tokens
        yield f"--train_type {args.train_type}"
    if args.neftune_noise_alpha:  # less noise the longer a sequence is
        yield f"--neftune_noise_alpha {args.neftune_noise_alpha}"
    if args.router_aux_loss_coef:  # no sum over tokens
        yield f"--router_aux_loss_coef {args.router_aux_loss_coef}"
    if args.acc_strategy == "seq":
        yield "--acc_strategy seq"
    if args.use_liger_kernel:
        yield "--use_liger_kernel true"
    if args.predict_with_generate:
        yield "--predict_with_generate true"
    elif args.metric is not None:
        yield f"--metric {args.metric}"
