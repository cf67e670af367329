"""A step observer that draws a progress bar on a terminal, and writes a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from swiftx.domain.plans.training import TrainOutcome
from swiftx.domain.training.summary import spoken

_SECONDS_BETWEEN_LINES = 30.0
_SHOWN = ("loss", "eval_loss", "eval_rouge-l", "token_acc", "seq_acc", "learning_rate", "grad_norm")


class ProgressReport:
    """Shows how far training is, its loss, and when it will be done.

    Args:
        stream: Where to write; a bar needs a terminal.
        bar: Draw a bar where there is a terminal; else lines.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self, stream: TextIO, *, bar: bool = True, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._now = now
        self._progress = _bar(stream) if bar and stream.isatty() else None
        self._total = 0
        self._first = 0
        self._began = self._spoke = now()
        self._metrics: dict[str, Any] = {}

    def started(self, *, total_steps: int, resumed_at: int) -> None:
        """Begin to count; steps before `resumed_at` took no time."""
        self._total, self._first = total_steps, resumed_at
        self._began = self._spoke = self._now()
        if self._progress is not None:
            self._progress.add_task(
                "train", total=total_steps, completed=resumed_at, metrics="", left=""
            )
            self._progress.start()
        elif resumed_at:
            self._say(f"goes on after step {resumed_at} of {total_steps}")

    def advanced(self, step: int) -> None:
        """Move the bar; or write a line, if the last one is long ago."""
        if self._progress is not None:
            self._progress.update(
                self._progress.task_ids[0], completed=step, left=f"ETA {self._left(step)}"
            )
        elif self._now() - self._spoke >= _SECONDS_BETWEEN_LINES:
            self._line(step)

    def logged(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Show the newest metrics."""
        self._metrics |= {name: metrics[name] for name in _SHOWN if name in metrics}
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], metrics=_spelled(self._metrics))
        elif step == self._first + 1 or "eval_loss" in metrics:
            self._line(step)

    def saved(self, step: int, checkpoint: str) -> None:  # noqa: ARG002  (the port's signature)
        """Say where a checkpoint is."""
        self._say(f"saved {checkpoint}")

    def finished(self, outcome: TrainOutcome) -> None:
        """Leave the bar as it is, and write on below it."""
        if self._progress is None and self._metrics:
            self._line(outcome.global_step)
        self._close()

    def failed(self) -> None:
        """Give the terminal back."""
        self._close()

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _left(self, step: int) -> str:
        done = step - self._first
        seconds = self._now() - self._began
        return spoken(seconds / done * (self._total - step)) if done else "?"

    def _line(self, step: int) -> None:
        self._spoke = self._now()
        metrics = f" {_spelled(self._metrics)}" if self._metrics else ""
        self._say(
            f"step {step}/{self._total} ({step / max(self._total, 1):.0%}){metrics}, "
            f"{spoken(self._now() - self._began)} so far, {self._left(step)} left"
        )

    def _say(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, highlight=False, soft_wrap=True)
        else:
            self._stream.write(f"{text}\n")
            self._stream.flush()


class SilentObserver:
    """Hears everything and says nothing: one of several processes, or a quiet run."""

    def started(self, *, total_steps: int, resumed_at: int) -> None: ...
    def advanced(self, step: int) -> None: ...
    def logged(self, step: int, metrics: Mapping[str, Any]) -> None: ...
    def saved(self, step: int, checkpoint: str) -> None: ...
    def finished(self, outcome: TrainOutcome) -> None: ...
    def failed(self) -> None: ...


def _bar(stream: TextIO) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[metrics]}"),
        console=Console(file=stream),
    )


def _spelled(metrics: Mapping[str, Any]) -> str:
    """Return metrics in few characters.

    Example:
        >>> _spelled({"loss": 1.23456, "learning_rate": 0.0001})
        'loss 1.235 learning_rate 0.0001'
    """
    return " ".join(f"{name} {value:.4g}" for name, value in metrics.items())
