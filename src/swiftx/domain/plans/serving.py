"""How a model is served over HTTP, and what goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePlan:
    """Where a service listens and what it puts up with.

    Attributes:
        port: The first port that is tried; 0 lets the system choose.
        log_level: How much the web server itself logs, in lower case.
        max_body_bytes: Largest request.
        body_timeout_s: Seconds that a client has to send its request.
        answer_timeout_s: Seconds after which an answer under way is given up.
        drain_timeout_s: Seconds that answers under way have to end when the service stops.
    """

    host: str
    port: int
    ssl_keyfile: str | None = None
    ssl_certfile: str | None = None
    log_level: str = "info"
    max_body_bytes: int = 16 << 20
    body_timeout_s: float = 60.0
    answer_timeout_s: float = 600.0
    drain_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a service can be reached.

    Attributes:
        url: Without a path; of this machine itself when the service listens on all addresses.
    """

    port: int
    url: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer.

    Attributes:
        body: JSON unless `media_type` says otherwise.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure for a monitor.

    Attributes:
        name: Without the suffix `_total` of counters.
        samples: Labels and value, of counters and gauges.
        buckets: Upper bounds with how many are up to each, of histograms.
        total: Sum of all, of histograms.
    """

    name: str
    text: str
    kind: Literal["counter", "gauge", "histogram"]
    samples: tuple[tuple[Mapping[str, str], float], ...] = ()
    buckets: tuple[tuple[float, int], ...] = ()
    total: float = 0.0
