"""Port: HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from swiftx.domain.plans.inference import Delta
from swiftx.domain.plans.serving import Listening, Metric, Reply, ServePlan
from swiftx.errors import SwiftxError

Piece = Delta | Reply | SwiftxError
"""What comes of an answer: pieces of text, or all of it at once, or why there is none."""
Heard = Callable[[int, Piece], None]
"""Hears a piece of an answer and the number of the answer it belongs to; called from any thread."""


@runtime_checkable
class Exchange(Protocol):
    """A request under way. All methods are called from one thread, none of them waits."""

    @property
    def streams(self) -> bool:
        """Whether the client gets pieces (server-sent events) rather than one `reply`."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all has been heard."""
        ...

    @property
    def failed(self) -> bool:
        """Whether an error ended it; `reply` has it."""
        ...

    def start(self, heard: Heard) -> Reply | None:
        """Begin; a reply says why it cannot."""
        ...

    def hear(self, index: int, piece: Piece) -> bytes:
        """Take a piece that was heard and return what the client gets for it, often nothing."""
        ...

    def reply(self) -> Reply:
        """Return the whole answer, or the error that came instead of it, once it is finished."""
        ...

    def time_out(self, seconds: float) -> bytes:
        """Give up after so long, and return what a streaming client gets."""
        ...

    def end(self, status: int) -> None:
        """Count it, and stop what still runs: it is answered (200) or the client left (499)."""
        ...


class Api(Protocol):
    """What is served, in bytes."""

    def describe(self) -> Mapping[str, Any]:
        """Return the `paths` of an OpenAPI description."""
        ...

    def get(self, path: str) -> Reply: ...
    def post(self, path: str, body: bytes) -> Reply | Exchange:
        """Read a request; any thread may do so. What is wrong with it becomes a reply."""
        ...

    def refuse(self, status: int, message: str, *, path: str = "") -> Reply:
        """Return, and count, an error that the transport noticed."""
        ...

    def unauthorized(self, path: str, authorization: str | None) -> Reply | None:
        """Return the reply to who may not see this path; None lets them."""
        ...

    def metrics(self) -> Sequence[Metric]: ...
    def tick(self) -> None:
        """Do what is due now and then; called about once a second, and once in the end."""
        ...


class HttpServer(Protocol):
    """Serves an API until the process is told to stop; then lets answers under way end."""

    def listen(self) -> Listening:
        """Take the port, or the next free one; who connects waits for `serve`.

        Raises:
            StorageError: A certificate cannot be read.
            BackendError: The address cannot be used, or a hundred ports are taken.
        """
        ...

    def serve(self, api: Api) -> None:
        """Answer until SIGTERM, SIGINT or `stop`, then finish what is under way and return."""
        ...

    def stop(self) -> None:
        """Make `serve` end, or give up the port that it would have served; from any thread."""
        ...


MakeServer = Callable[[ServePlan], HttpServer]
