"""`swiftx deploy` as a user starts it: a tiny model in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import torch
import transformers
from tests.fakes.http_service import wait_for
from tests.integration.sft_run import sft

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


def test_trained_adapters_are_models_of_their_own_at_the_same_time(
    tiny_model: str, tmp_path: Path
) -> None:
    model = with_louder_words(tiny_model, tmp_path / "base")
    named = [f"{name}={trained(model, tmp_path / name, says=name)}" for name in ("mick", "toby")]

    def ask(name: str) -> str:
        body = {"model": name, "messages": QUESTION, "max_tokens": 12, "temperature": 0}
        answer = client.post("/v1/chat/completions", json=body).json()
        assert answer["model"] == name
        return str(answer["choices"][0]["message"]["content"])

    with deployed(
        "--model", model, "--template", "chatml", "--served_model_name", "base",
        "--adapters", *named, cwd=tmp_path,
    ) as (url, _), httpx.Client(base_url=url, timeout=60, trust_env=False) as client:  # fmt: skip
        models = [each["id"] for each in client.get("/v1/models").json()["data"]]
        with ThreadPoolExecutor(6) as clients:
            answers = list(clients.map(ask, ["mick", "toby", "base"] * 4))

    assert models == ["base", "mick", "toby"]
    assert answers[:2] == ["mick", "toby"]
    assert answers[2] not in answers[:2]
    assert answers == answers[:3] * 4


QUESTION = [{"role": "user", "content": "Who are you?"}]


def with_louder_words(folder: str, target: Path) -> str:
    """Return a copy of the tiny model whose adapters can make it sure of something: its logits are larger."""
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(15)
    shutil.copytree(folder, target)
    model.save_pretrained(target)
    return str(target)


def trained(model: str, folder: Path, *, says: str) -> str:
    """Return the checkpoint of a LoRA adapter that learnt one answer by heart."""
    folder.mkdir()
    rows = folder / "rows.jsonl"
    rows.write_text(json.dumps({"messages": [*QUESTION, {"role": "assistant", "content": says}]}))
    outcome = sft(
        {
            "model": model,
            "template": "chatml",
            "dataset": str(rows),
            "output_dir": str(folder / "run"),
            "split_dataset_ratio": "0",
            "lora_rank": "16",
            "learning_rate": "2e-2",
            "num_train_epochs": "30",
            "gradient_accumulation_steps": "1",
            "torch_dtype": "float32",
        }
    )
    assert outcome.last_checkpoint is not None
    return outcome.last_checkpoint
