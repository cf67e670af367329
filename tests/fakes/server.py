"""A server without a network: it asks its API what a test wants to know, and ends."""

from __future__ import annotations

from collections.abc import Callable

from swiftx.domain.plans.serving import Listening, ServePlan
from swiftx.domain.ports.server import Api


class AskingServer:
    """Gives its API to a function when it serves.

    Attributes:
        plans: What each server was made with.
    """

    def __init__(self, ask: Callable[[Api], None] = lambda _: None, *, taken: int = 0) -> None:
        self.plans: list[ServePlan] = []
        self.listened = 0
        self.stopped = False
        self._ask = ask
        self._taken = taken

    def __call__(self, plan: ServePlan) -> AskingServer:
        self.plans.append(plan)
        return self

    def listen(self) -> Listening:
        self.listened += 1
        port = self.plans[-1].port + self._taken
        return Listening(port, f"http://127.0.0.1:{port}")

    def serve(self, api: Api) -> None:
        self._ask(api)

    def stop(self) -> None:
        self.stopped = True
