"""The service behind real HTTP, in a thread or a process of its own.

`python -m tests.fakes.http_service PORT SECONDS_PER_TOKEN` serves until it is told to stop.
"""

from __future__ import annotations

import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.fakes.service import ScriptedService, VectorApi, scripted_service

from swiftx.adapters.servers.openai_http import OpenAiHttpServer
from swiftx.domain.plans.serving import ServePlan

PLAN = ServePlan(host="127.0.0.1", port=0, log_level="critical", drain_timeout_s=10)


@contextmanager
def served(service: ScriptedService | VectorApi, plan: ServePlan = PLAN) -> Iterator[str]:
    """Serve in a thread; yields the address without a path."""
    server = OpenAiHttpServer(replace(plan, port=0))
    url = server.listen().url
    thread = threading.Thread(target=server.serve, args=(service.api,))
    thread.start()
    try:
        yield url
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def wait_for(url: str, *, seconds: float = 60, alive: Callable[[], bool] = lambda: True) -> None:
    """Return when a service answers `/health`; raise when it ends before, or takes too long."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=seconds):
                return
        except OSError:
            if time.monotonic() > end or not alive():
                raise
            time.sleep(0.05)


def main() -> None:
    port, seconds_per_token = int(sys.argv[1]), float(sys.argv[2])
    service = scripted_service(seconds_per_token=seconds_per_token, real_time=True)
    server = OpenAiHttpServer(replace(PLAN, port=port))
    print(server.listen().url, flush=True)
    server.serve(service.api)
    print(f"cancelled {len(service.engine.cancelled)}", flush=True)


if __name__ == "__main__":
    main()
