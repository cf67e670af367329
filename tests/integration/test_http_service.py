"""What HTTP adds to the service: limits, clients that leave, signals, TLS."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.http_service import PLAN, served, wait_for
from tests.fakes.pooling import HeldPooling
from tests.fakes.service import CHAT, ScriptedService, scripted_service, vector_service

from swiftx.adapters.servers.openai_http import OpenAiHttpServer
from swiftx.domain.inference.scores import Meaning
from swiftx.errors import BackendError, StorageError

ROOT = Path(__file__).parents[2]


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def until(condition: Any, *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def slow() -> ScriptedService:
    return scripted_service(seconds_per_token=0.05, real_time=True)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20, trust_env=False) as client:
        yield client


def test_requests_for_numbers_are_computed_together_but_not_of_who_left() -> None:
    pooling = HeldPooling()
    service = vector_service(Meaning(task="embedding"), pooling)
    answers: dict[int, int] = {}

    def ask(url: str, number: int, seconds: float) -> None:
        with httpx.Client(timeout=seconds, trust_env=False) as client:
            body = {"input": [[number]]}
            answers[number] = client.post(f"{url}/v1/embeddings", json=body).status_code

    with served(service) as url:
        threads = [threading.Thread(target=ask, args=(url, n, 20.0)) for n in range(4)]
        threads[0].start()
        assert pooling.begun.wait(10)
        for thread in threads[1:]:
            thread.start()
        with pytest.raises(httpx.ReadTimeout):
            ask(url, 9, 0.5)  # gives up while the model is busy
        until(lambda: service.gate.waiting == 4)
        pooling.may_go_on.set()
        for thread in threads:
            thread.join(20)

    assert answers == dict.fromkeys(range(4), 200)
    assert [sorted(batch) for batch in pooling.batches] == [[0], [1, 2, 3]]
    assert service.gate.waiting == 0


def test_an_answer_in_numbers_that_takes_too_long_is_given_up(client: httpx.Client) -> None:
    pooling = HeldPooling()
    service = vector_service(Meaning(task="embedding"), pooling)

    with served(service, replace(PLAN, answer_timeout_s=0.2)) as url:
        answer = client.post(f"{url}/v1/embeddings", json={"input": "a"})
        pooling.may_go_on.set()

    assert answer.status_code == 504
    assert "longer than 0.2 s" in answer.json()["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_the_generation(slow: ScriptedService, stream: bool) -> None:
    with served(slow) as url:
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps(said("x" * 500, stream=stream)).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head + body)
            until(lambda: slow.engine.stats().running == 1)

        until(lambda: slow.engine.cancelled)

        until(lambda: "499" in str(slow.api.get("/stats").body))
        assert slow.gate.waiting == 0


def test_an_answer_that_takes_too_long_is_given_up(
    slow: ScriptedService, client: httpx.Client
) -> None:
    with served(slow, replace(PLAN, answer_timeout_s=0.3)) as url:
        whole = client.post(url + CHAT, json=said("x" * 500))
        streamed = client.post(url + CHAT, json=said("x" * 500, stream=True))

        assert whole.status_code == 504
        assert whole.json()["error"]["code"] == "timeout"
        assert streamed.status_code == 200
        last = streamed.text.strip().rpartition("data: ")[2]
        assert json.loads(last)["error"]["code"] == "timeout"
        until(lambda: len(slow.engine.cancelled) == 2)


def test_a_request_that_is_too_large_or_too_slow_is_refused(client: httpx.Client) -> None:
    plan = replace(PLAN, max_body_bytes=1000, body_timeout_s=0.3)
    with served(scripted_service(), plan) as url:
        stated = client.post(url + CHAT, content=b"x" * 1001)
        chunked = client.post(url + CHAT, content=iter([b"x" * 600, b"x" * 600]))
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{{".encode()
            )
            answer = connection.recv(4096)

    assert stated.status_code == chunked.status_code == 413
    assert stated.json()["error"]["code"] == "request_too_large"
    assert answer.startswith(b"HTTP/1.1 408")


def test_many_clients_at_once_get_their_own_answers(slow: ScriptedService) -> None:
    texts = [f"{number:02d}" * 5 for number in range(32)]
    found: dict[str, str] = {}

    def ask(url: str, text: str) -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            answer = client.post(url + CHAT, json=said(text, stream=True)).text
        events = [json.loads(line[6:]) for line in answer.split("\n\n")[:-2]]
        found[text] = "".join(e["choices"][0]["delta"].get("content", "") for e in events)

    with served(slow) as url:
        threads = [threading.Thread(target=ask, args=(url, text)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == {text: text for text in texts}


def test_a_large_request_is_answered_too(client: httpx.Client) -> None:
    with served(scripted_service(max_model_len=None)) as url:
        answer = client.post(url + CHAT, json=said("x" * 20_000, max_tokens=3))

    assert answer.json()["choices"][0]["message"]["content"] == "xxx"


def test_metrics_are_what_prometheus_reads(client: httpx.Client) -> None:
    with served(scripted_service()) as url:
        client.post(url + CHAT, json=said("Hello"))
        answer = client.get(f"{url}/metrics")

    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert families["swiftx_generated_tokens"].samples[0].value == 5
    counts = [
        s.value for s in families["swiftx_request_seconds"].samples if s.name.endswith("_count")
    ]
    assert counts == [1]


def test_unknown_paths_and_methods_get_openais_errors(client: httpx.Client) -> None:
    with served(scripted_service()) as url:
        unknown = client.get(f"{url}/v1/nothing")
        method = client.delete(url + CHAT)
        described = client.get(f"{url}/openapi.json")

    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"] == "unknown_url"
    assert method.status_code == 405
    assert method.headers["allow"] == "POST"
    assert CHAT in described.json()["paths"]


def test_a_bug_is_told_to_the_client_without_its_traceback(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = scripted_service()

    def broken(*_: object) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("swiftx.domain.serving.exchange.Generation.hear", broken)
    with served(service) as url:
        answer = client.post(url + CHAT, json=said("Hello"))

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert "bug" not in answer.text


def test_a_taken_port_is_passed_over() -> None:
    first = OpenAiHttpServer(PLAN)
    port = first.listen().port
    second = OpenAiHttpServer(replace(PLAN, port=port))

    found = second.listen().port

    assert port < found < port + 100
    first.stop()
    second.stop()
    third = OpenAiHttpServer(replace(PLAN, port=port))
    assert third.listen().port == port
    third.stop()


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(BackendError, match=r"192\.0\.2\.1"):
        OpenAiHttpServer(replace(PLAN, host="192.0.2.1")).listen()


def test_a_missing_certificate_is_an_error_before_anything_is_served() -> None:
    with pytest.raises(StorageError, match="certificate"):
        OpenAiHttpServer(replace(PLAN, ssl_certfile="/nowhere.pem")).listen()


def test_tls(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    plan = replace(PLAN, ssl_certfile=str(certificate), ssl_keyfile=str(key))

    trusted = ssl.create_default_context(cafile=str(certificate))
    with (
        served(scripted_service(), plan) as url,
        httpx.Client(verify=trusted, trust_env=False) as client,
    ):
        answer = client.post(url + CHAT, json=said("Hello"))

    assert url.startswith("https://")
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_answers_end_and_the_process_exit_with_0(stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.fakes.http_service", "0", "0.05"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        wait_for(url)
        with (
            httpx.Client(timeout=20, trust_env=False) as client,
            client.stream("POST", url + CHAT, json=said("x" * 20, stream=True)) as answer,
        ):
            pieces = answer.iter_text()
            next(pieces)
            process.send_signal(stop)
            text = "".join(pieces)

        assert text.endswith("data: [DONE]\n\n")
        assert process.stdout.read() == "cancelled 0\n"
        assert process.wait(20) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health", trust_env=False)


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key
