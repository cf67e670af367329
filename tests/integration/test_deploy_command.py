"""`swiftx deploy` as a user starts it: a tiny model in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.fakes.http_service import wait_for

KEY = "open-sesame"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def deployed(
    *arguments: str, cwd: Path, **environ: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the command, and yield its address and process once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "swiftx", "deploy", "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--port", str(port), *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, seconds=100, alive=lambda: process.poll() is None)
            yield url, process
        finally:
            if process.poll() is None:
                process.kill()


def test_a_model_is_served_from_the_command_line_to_sigterm(
    tiny_model: str, tmp_path: Path
) -> None:
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    results = tmp_path / "answers.jsonl"
    with deployed(
        "--model", tiny_model, "--template", "chatml", "--served_model_name", "tiny",
        "--result_path", str(results),
        cwd=tmp_path, SWIFTX_API_KEY=KEY, SWIFTX_SERVE_BODY_MB="1",
    ) as (url, process):  # fmt: skip
        with httpx.Client(
            base_url=url, timeout=60, trust_env=False, headers={"authorization": f"Bearer {KEY}"}
        ) as client:
            answer: Any = client.post("/v1/chat/completions", json={"model": "tiny", **body}).json()
            stream = client.post("/v1/chat/completions", json={**body, "stream": True}).text
            large = client.post("/v1/chat/completions", content=b" " * (1 << 20) + b"  ")
        stranger = httpx.post(f"{url}/v1/chat/completions", json=body, trust_env=False)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert answer["model"] == "tiny"
    assert answer["usage"]["completion_tokens"] <= 4
    assert stream.endswith("data: [DONE]\n\n")
    assert large.status_code == 413
    assert stranger.status_code == 401
    assert out == ""
    assert f"{url}/v1" in err
    assert KEY not in err
    assert "Traceback" not in err
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["model"] for row in rows] == ["tiny", "tiny"]
    assert rows[0]["response"] == answer["choices"][0]["message"]["content"]
