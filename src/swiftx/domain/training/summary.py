"""What a person wants to read when training has ended."""

from __future__ import annotations

from swiftx.domain.plans.training import TrainOutcome


def summary(outcome: TrainOutcome) -> dict[str, str]:
    """Return the closing table: where the result is, what it cost, what it reached."""
    rows = {
        "output": outcome.output_dir,
        "last checkpoint": outcome.last_checkpoint or "none was saved",
    }
    if outcome.best_checkpoint is not None:
        rows["best checkpoint"] = f"{outcome.best_checkpoint} ({_number(outcome.best_metric)})"
    rows["steps"] = str(outcome.global_step)
    if outcome.train_loss is not None:
        rows["mean loss"] = _number(outcome.train_loss)
    rows |= {
        "trained parameters": share(outcome.trainable_parameters, outcome.total_parameters),
        "time": spoken(outcome.seconds),
        "speed": f"{outcome.tokens / max(outcome.seconds, 1e-9):.0f} tokens/s",
        "peak memory": f"{outcome.peak_memory_gib:.2f} GiB",
    }
    return rows


def next_command(outcome: TrainOutcome, *, is_adapter: bool) -> str | None:
    """Return the command that talks to the result, an adapter or a model; None when nothing was saved."""
    if outcome.last_checkpoint is None:
        return None
    return f"swiftx infer --{'adapters' if is_adapter else 'model'} {outcome.last_checkpoint}"


def share(part: int, whole: int) -> str:
    """Return a count with its share.

    Example:
        >>> share(1_500_000, 150_000_000)
        '1,500,000 of 150,000,000 (1.00%)'
    """
    return f"{part:,} of {whole:,} ({part / max(whole, 1):.2%})"


def spoken(seconds: float) -> str:
    """Return a duration as people write it.

    Example:
        >>> spoken(7.4), spoken(75), spoken(3725)
        ('7s', '1m 15s', '1h 2m 5s')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m {rest}s"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
