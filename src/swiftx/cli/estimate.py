"""`swiftx estimate` on the screen: a table, or one JSON object."""

from __future__ import annotations

from collections.abc import Mapping

from swiftx import bootstrap
from swiftx.cli.invocation import Format
from swiftx.cli.output import Output
from swiftx.domain.args.commands.estimate import EstimateArgs
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.training.summary import share
from swiftx.domain.usecases.estimate import Estimate

_GIB = 1 << 30


def show_estimate(resolved: Resolved[EstimateArgs], facts: Facts, output: Output) -> int:
    """Show what a run needs; return 0, whether or not it fits."""
    found = bootstrap.estimate(resolved, facts, output)
    if output.format is Format.JSON:
        output.json(record(found))
        return 0
    rows = table(found)
    width = max(map(len, rows))
    for name, value in rows.items():
        output.data(f"{name:<{width}}  {value}")
    if found.fits is False:
        output.warn(
            "It does not fit. Less memory takes: --gradient_checkpointing true, a smaller "
            "--per_device_train_batch_size with more --gradient_accumulation_steps, a smaller --max_length, "
            "--train_type lora."
        )
    return 0


def record(found: Estimate) -> dict[str, object]:
    """Return the JSON object of an estimate, in bytes."""
    memory = found.memory
    return {
        "parts": _parts(found),
        "total": found.total,
        "available": memory.available,
        "fits": found.fits,
        "batch": {"rows": found.batch.rows, "tokens": found.batch.tokens},
        "trained": memory.trained,
        "weights": memory.total_weights,
    }


def table(found: Estimate) -> Mapping[str, str]:
    """Return the rows of a table."""
    memory, batch = found.memory, found.batch
    rows = {
        "largest batch": f"{batch.rows} x {batch.tokens:,} tokens",
        "trained weights": share(memory.trained, memory.total_weights),
    }
    rows |= {name: _gib(size) for name, size in _parts(found).items() if size}
    rows["peak of a process"] = _gib(found.total)
    if memory.available is not None:
        rows["available now"] = _gib(memory.available)
    return rows


def _parts(found: Estimate) -> dict[str, int]:
    memory = found.memory
    return {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "exchanged gradients": found.buckets,
        "optimizer": memory.optimizer,
        "activations": memory.activations,
        "logits and loss": memory.logits,
        "passing": memory.passing,
        "heap": memory.heap,
        "program": memory.process,
    }


def _gib(size: int) -> str:
    return f"{size / _GIB:6.2f} GiB"
