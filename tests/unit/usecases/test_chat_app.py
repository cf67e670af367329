from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.fakes.models import model_facts
from tests.fakes.system import RecordingReporter
from tests.unit.usecases.test_deploy import World

from swiftx.domain.args.commands.app import AppArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.page import ChatMessage, ChatSettings, PagePlan, Piece
from swiftx.domain.ports.page import ChatService
from swiftx.domain.serving.support import app_support
from swiftx.domain.usecases.chat_app import AppPorts, chat_app
from swiftx.domain.usecases.deploy_ports import DeployFacts
from swiftx.errors import BackendError, NotBuiltYet, UsageError


class NamedModels:
    """A service that only lists its models."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def models(self) -> Sequence[str]:
        return self._names

    def reply(
        self, messages: Sequence[ChatMessage], settings: ChatSettings
    ) -> Generator[Piece, None, None]:
        raise NotImplementedError


class Room:
    """Everything around the use case; `events` are in the order in which they happened."""

    def __init__(self, *models: str, fail: bool = False) -> None:
        self.world = World()
        self.reporter = RecordingReporter()
        self.events: list[Any] = []
        self.plans: list[PagePlan] = []
        self._models = models
        self._fail = fail

    def serve(self, plan: PagePlan, service: ChatService) -> None:
        self.events.append("page")
        self.plans.append(plan)
        if self._fail:
            raise BackendError("no port")

    @contextmanager
    def aside(self, work: Callable[[], None]) -> Iterator[None]:
        self.events.append("aside")
        yield
        assert self.world.server.stopped  # or the end would be waited for for ever
        work()

    def service(self, base_url: str, api_key: str | None) -> ChatService:
        self.events.append((base_url, api_key))
        return NamedModels(*self._models)

    def run(self, *, multimodal: bool = False, **args: Any) -> None:
        ports = AppPorts(
            deploy=self.world.ports,
            service=self.service,
            page=self,
            aside=self.aside,
            reporter=self.reporter,
        )
        origin = dict.fromkeys(args, "cli")
        facts = None
        if not args.get("base_url"):
            args = {"model": "org/tiny", "template": "chatml", **args}
            facts = DeployFacts(
                model=replace(model_facts("/hub/tiny"), is_multimodal=multimodal),
                device=DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2),
                origin=origin,
                today=date(2026, 11, 24),
            )
        chat_app(AppArgs(**args), ports, facts, origin=origin)


def test_a_model_of_this_machine_is_served_while_the_page_is_shown() -> None:
    room = Room()

    room.run(studio_title="Mine", system="Be brief.", max_new_tokens=7, port=8100, api_key="k")

    assert room.events == ["aside", ("http://127.0.0.1:8100/v1", "k"), "page"]
    (plan,) = room.plans
    assert (plan.title, plan.models) == ("Mine", ("tiny",))
    assert (plan.system, plan.max_tokens, plan.temperature) == ("Be brief.", 7, None)
    assert room.world.engines[0].closed


def test_everything_ends_when_the_page_cannot_be_shown() -> None:
    room = Room(fail=True)

    with pytest.raises(BackendError):
        room.run()

    assert room.world.server.stopped
    assert room.world.engines[0].closed


def test_a_service_elsewhere_needs_no_model_here() -> None:
    room = Room("first", "second")

    room.run(base_url="http://elsewhere/v1", lang="zh", is_multimodal=True, model="second")

    (plan,) = room.plans
    assert plan.models == ("second", "first")
    assert plan.title == "second"
    assert plan.is_multimodal
    assert plan.texts["model"] == "模型"
    assert room.world.served == []


@pytest.mark.parametrize(("models", "model"), [(("a", "b"), "c"), ((), None)])
def test_a_model_that_the_service_does_not_have_is_refused(
    models: tuple[str, ...], model: str | None
) -> None:
    with pytest.raises(UsageError, match="has no model"):
        Room(*models).run(base_url="http://elsewhere/v1", model=model)


def test_what_means_nothing_elsewhere_is_named() -> None:
    room = Room("a")

    room.run(base_url="http://elsewhere/v1", torch_dtype="float32", temperature=0.5)

    (warning,) = room.reporter.warned
    assert "--torch_dtype" in warning
    assert "--temperature" not in warning


def test_media_are_not_offered_for_a_model_that_reads_text() -> None:
    with pytest.raises(UsageError, match="reads text only"):
        Room().run(is_multimodal=True)


def test_a_multimodal_model_and_certificates_are_not_built() -> None:
    with pytest.raises(NotBuiltYet):
        Room().run(multimodal=True)
    with pytest.raises(NotBuiltYet, match="ssl_certfile"):
        Room().run(ssl_certfile="/c.pem")


def test_a_public_link_is_warned_of_and_a_port_checked() -> None:
    room = Room("a")

    room.run(base_url="http://elsewhere/v1", share=True)

    assert any("internet" in text for text in room.reporter.warned)
    with pytest.raises(UsageError, match="server_port"):
        Room("a").run(base_url="http://elsewhere/v1", server_port=70_000)


@pytest.mark.parametrize("remote", [True, False])
def test_every_argument_has_one_place(remote: bool) -> None:
    names = specs_of(AppArgs).keys()
    support = app_support("vllm", remote=remote, names=names)

    places = [support.runs, frozenset(support.only), support.not_built, support.no_effect]
    assert frozenset().union(*places) == names
    assert sum(map(len, places)) == len(names)
