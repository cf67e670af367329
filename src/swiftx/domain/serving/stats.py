"""What the service has done: counts, times, and tokens a second."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from swiftx.domain.plans.inference import EngineStats
from swiftx.domain.plans.serving import Metric
from swiftx.domain.serving.exchange import Record

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Times:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BUCKETS_S) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS_S, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        return sum(self._counts)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Return upper bounds with how many durations are up to each; the last bound is infinite."""
        bounds = (*_BUCKETS_S, float("inf"))
        return tuple(
            (bound, sum(self._counts[: number + 1])) for number, bound in enumerate(bounds)
        )


class Tally:
    """Counts requests by path and status."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.first_piece = Times()
        self.duration = Times()

    def add(self, record: Record) -> None:
        """Take in what became of a request."""
        self.requests[record.path, record.status] += 1
        self.prompt_tokens += record.prompt_tokens
        self.generated_tokens += record.generated_tokens
        if record.first_s is not None:
            self.first_piece.add(record.first_s)
        if record.status == 200:
            self.duration.add(record.seconds)

    def metrics(self, engine: EngineStats, *, waiting: int) -> Sequence[Metric]:
        """Return all that a monitor collects."""
        by_path = tuple(
            ({"path": path, "status": str(status)}, float(count))
            for (path, status), count in sorted(self.requests.items())
        )
        return (
            Metric("swiftx_requests", "Requests by path and HTTP status.", "counter", by_path),
            _counter("swiftx_prompt_tokens", "Tokens of prompts.", self.prompt_tokens),
            _counter("swiftx_generated_tokens", "Tokens of answers.", self.generated_tokens),
            _counter(
                "swiftx_cached_tokens",
                "Tokens of prompts that the engine did not compute again.",
                engine.cached_tokens,
            ),
            _gauge("swiftx_running", "Answers that the engine is writing.", engine.running),
            _gauge("swiftx_waiting", "Answers that wait to be begun.", waiting),
            _times(
                "swiftx_time_to_first_token_seconds",
                "From the request to the first piece of its answer.",
                self.first_piece,
            ),
            _times("swiftx_request_seconds", "From the request to its end.", self.duration),
        )


def rate_line(before: EngineStats, after: EngineStats, seconds: float, *, waiting: int) -> str:
    """Return the log line about a stretch of time."""
    read = (after.prompt_tokens - before.prompt_tokens) / seconds
    written = (after.generated_tokens - before.generated_tokens) / seconds
    return (
        f"{written:.1f} tokens/s written, {read:.1f} tokens/s read;"
        f" {after.running} running, {waiting} waiting, {after.requests} answered"
    )


def _counter(name: str, text: str, value: float) -> Metric:
    return Metric(name, text, "counter", (({}, float(value)),))


def _gauge(name: str, text: str, value: float) -> Metric:
    return Metric(name, text, "gauge", (({}, float(value)),))


def _times(name: str, text: str, times: Times) -> Metric:
    return Metric(name, text, "histogram", buckets=times.cumulative(), total=times.total)
