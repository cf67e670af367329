"""The chat page's way to a service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.fakes.http_service import served
from tests.fakes.service import ScriptedService, scripted_service

from swiftx.adapters.ui.openai_chat import OpenAiChat
from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.plans.page import ChatSettings
from swiftx.errors import BackendError, UsageError

HELLO = [{"role": "user", "content": "Hello"}]
SETTINGS = ChatSettings(model="scripted")


@pytest.fixture
def service() -> ScriptedService:
    args = DeployArgs(model="scripted", temperature=0, api_key="k")
    return scripted_service(
        lambda _: "<think>Hm.</think>Yes" + "!" * 200,
        args=args,
        seconds_per_token=0.005,
        real_time=True,
    )


@pytest.fixture
def url(service: ScriptedService) -> Iterator[str]:
    with served(service) as url:
        yield f"{url}/v1"


def test_an_answer_comes_in_pieces_with_its_thoughts_apart(url: str) -> None:
    with closing(OpenAiChat(url, "k")) as chat:
        pieces = list(chat.reply(HELLO, SETTINGS))

        assert chat.models() == ["scripted"]
    assert "".join(piece.reasoning for piece in pieces) == "Hm."
    assert "".join(piece.content for piece in pieces) == "Yes" + "!" * 200
    assert len(pieces) > 50


def test_settings_reach_the_service(url: str, service: ScriptedService) -> None:
    settings = ChatSettings(model="scripted", temperature=0.5, top_p=0.25, max_tokens=3)
    with closing(OpenAiChat(url, "k")) as chat:
        list(chat.reply(HELLO, settings))

    plan = service.engine.requests[0].generation
    assert (plan.temperature, plan.top_p, plan.max_new_tokens) == (0.5, 0.25, 3)


def test_closing_an_answer_ends_its_generation(url: str, service: ScriptedService) -> None:
    with closing(OpenAiChat(url, "k")) as chat:
        pieces = chat.reply(HELLO, SETTINGS)
        assert any(next(pieces))
        pieces.close()

        end = time.monotonic() + 10
        while not service.engine.cancelled:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_refusals_are_told_in_the_services_words(url: str) -> None:
    with closing(OpenAiChat(url, "k")) as chat, pytest.raises(UsageError, match="gpt-9"):
        list(chat.reply(HELLO, ChatSettings(model="gpt-9")))
    with closing(OpenAiChat(url, "wrong")) as chat, pytest.raises(UsageError, match="API key"):
        chat.models()


def test_a_service_that_is_not_there_is_an_error_with_advice() -> None:
    with (
        closing(OpenAiChat("http://127.0.0.1:9/v1", None)) as chat,
        pytest.raises(BackendError, match="cannot be reached") as caught,
    ):
        chat.models()

    assert "--base_url" in (caught.value.hint or "")
