"""Requests made from the service's own OpenAPI description, right ones and wrong ones."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.fakes.http_service import PLAN
from tests.fakes.pooling import CountingPooling
from tests.fakes.service import (
    CHAT,
    COMPLETIONS,
    VECTORS,
    echo,
    scripted_service,
    vector_service,
)

from swiftx.adapters.servers.openai_http import application
from swiftx.domain.inference.scores import Meaning

SERVICE = scripted_service(lambda prompt: str(echo(prompt))[:20], max_model_len=None)
OPERATIONS = [(CHAT, "POST"), (COMPLETIONS, "POST"), ("/v1/models", "GET"), ("/stats", "GET")]


MEANINGS = [
    (Meaning(task="embedding"), 4),
    (Meaning(task="reranker"), 1),
    (Meaning(task="seq_cls", problem_type="single_label_classification"), 3),
]
NUMBERS = {
    str(meaning.task): vector_service(meaning, CountingPooling(size), max_model_len=None)
    for meaning, size in MEANINGS
}


@pytest.fixture(scope="module")
def api() -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", application(SERVICE.api, PLAN))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("task", "path"), [(t, p) for t in VECTORS for p in VECTORS[t]])
def test_numbers_are_answered_as_described(task: str, path: str, mode: GenerationMode) -> None:
    service = NUMBERS[task]
    api = schemathesis.openapi.from_asgi("/openapi.json", application(service.api, PLAN))

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path]["POST"].as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        # A schema cannot say all: which model there is, or that two lists go in step.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])
        assert service.gate.waiting == 0

    run()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(
    api: Any, path: str, method: str, mode: GenerationMode
) -> None:
    if method == "GET" and mode is GenerationMode.NEGATIVE:
        mode = GenerationMode.POSITIVE  # nothing is sent that could be wrong

    @settings(
        max_examples=100 if method == "POST" else 5,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        # A schema cannot say all: what names a model that is not there, or a tool choice without tools.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])
        assert SERVICE.gate.waiting == 0

    run()
