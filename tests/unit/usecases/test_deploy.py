from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.fakes.engine import ScriptedEngine
from tests.fakes.merger import PlannedMerger
from tests.fakes.models import model_facts
from tests.fakes.pooling import CountingPooling
from tests.fakes.rows import InMemorySink
from tests.fakes.server import AskingServer
from tests.fakes.service import CHAT, echo, run
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.pooling import PoolingPlan
from swiftx.domain.plans.serving import Reply
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.ports.server import Api, Exchange
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.serving.api import Outside
from swiftx.domain.usecases.deploy import deploy
from swiftx.domain.usecases.deploy_ports import DeployFacts, DeployPorts, ServiceLimits
from swiftx.domain.usecases.merge_lora import MergePorts
from swiftx.errors import NotBuiltYet, NotFound, UsageError


class World:
    """Everything around the use case."""

    def __init__(self, ask: Callable[[Api], None] = lambda _: None, *, taken: int = 0) -> None:
        self.server = AskingServer(ask, taken=taken)
        self.reporter = RecordingReporter()
        self.served: list[ServedModel] = []
        self.engines: list[ScriptedEngine] = []
        self.sink = InMemorySink()
        self.plans: list[PoolingPlan] = []

    def engine(self, model: ServedModel, tokenizer: Tokenizer) -> ScriptedEngine:
        assert self.server.listened  # a port that cannot be had costs no loading
        self.served.append(model)
        self.engines.append(ScriptedEngine(tokenizer, echo, adapters=tuple(model.named_adapters)))
        return self.engines[-1]

    def pooling(self, model: ServedModel, plan: PoolingPlan) -> CountingPooling:
        assert self.server.listened
        self.served.append(model)
        self.plans.append(plan)
        return CountingPooling(1 if plan.task == "generative_reranker" else 3)

    def ports(self) -> DeployPorts:
        return DeployPorts(
            tokenizer=lambda _: ByteTokenizer(),
            engine=self.engine,
            pooling=self.pooling,
            merge=MergePorts(
                merger=PlannedMerger(),
                storage=InMemoryStorage({}),
                clock=TickingClock(),
                reporter=self.reporter,
                progress=lambda *_: None,
            ),
            server=self.server,
            results=self.sink,
            outside=Outside(lambda: 0.0, lambda: 1_700_000_000.0, lambda: "0" * 32),
            reporter=self.reporter,
        )

    def deploy(
        self,
        *,
        origin: Mapping[str, str] | None = None,
        limits: ServiceLimits | None = None,
        **args: Any,
    ) -> None:
        args = {"model": "org/tiny", "template": "chatml", **args}
        facts = DeployFacts(
            model=replace(model_facts("/hub/tiny"), is_multimodal=args.pop("multimodal", False)),
            device=DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2),
            origin=dict.fromkeys(args, "cli") if origin is None else origin,
            today=date(2026, 11, 24),
            limits=limits or ServiceLimits(),
            variables=TaskVariables(positive_token="y", negative_token="n"),
        )
        deploy(DeployArgs(**args), self.ports(), facts)


def test_the_model_and_its_adapters_are_served_by_name() -> None:
    names: list[str] = []

    def ask(api: Api) -> None:
        names.extend(model["id"] for model in json.loads(api.get("/v1/models").body)["data"])

    world = World(ask)
    world.deploy(adapters=("poet=/runs/poet", "/runs/always", "clerk=/runs/clerk"))

    assert names == ["tiny", "poet", "clerk"]
    (served,) = world.served
    assert served.adapters == ("/runs/always",)
    assert served.named_adapters == {"poet": "/runs/poet", "clerk": "/runs/clerk"}
    assert served.seed is None


def test_where_it_can_be_reached_is_said_once_it_can() -> None:
    world = World()

    world.deploy(served_model_name="mine", api_key="secret", port=8123)

    table = world.reporter.tables["Serving"]
    assert table["base URL"] == "http://127.0.0.1:8123/v1"
    assert table["models"] == "mine"
    assert "secret" not in str(world.reporter.tables)
    assert world.reporter.warned == []


def test_a_service_without_a_key_and_on_another_port_is_warned_of() -> None:
    world = World(taken=2)

    world.deploy()

    first, second = world.reporter.warned
    assert first == "Port 8000 is taken, so this is 8002."
    assert "No --api_key is set, so everybody who reaches this machine" in second


def test_the_plan_has_the_address_and_the_limits() -> None:
    world = World()

    world.deploy(
        host="127.0.0.1",
        ssl_certfile="/c.pem",
        limits=ServiceLimits(queue=1, body_mb=2, answer_s=3.0, drain_s=4.0),
    )

    (plan,) = world.server.plans
    assert (plan.host, plan.port, plan.ssl_certfile) == ("127.0.0.1", 8000, "/c.pem")
    assert plan.max_body_bytes == 2 << 20
    assert (plan.answer_timeout_s, plan.drain_timeout_s) == (3.0, 4.0)


def test_the_engine_is_closed_in_the_end_whatever_happens() -> None:
    def fail(_: Api) -> None:
        raise KeyboardInterrupt

    world = World(fail)

    with pytest.raises(KeyboardInterrupt):
        world.deploy()

    assert world.engines[0].closed


def test_mistakes_are_told_all_at_once_before_anything_is_loaded() -> None:
    world = World()

    with pytest.raises(UsageError) as caught:
        world.deploy(
            port=70_000, max_logprobs=-1, max_batch_size=0, ssl_keyfile="/k", api_key="", merge_lora=True,
            adapters=("a=/runs/a",),
        )  # fmt: skip

    assert [error.argument for error in caught.value.errors] == [
        "port", "max_logprobs", "max_batch_size", "ssl_certfile", "api_key", "merge_lora",
    ]  # fmt: skip
    assert world.server.plans == []


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="'tiny'"):
        World().deploy(adapters=("tiny=/runs/a",))


@pytest.mark.parametrize("args", [{"num_labels": 2}, {"multimodal": True}])
def test_what_is_not_built_is_refused(args: dict[str, Any]) -> None:
    world = World()

    with pytest.raises(NotBuiltYet):
        world.deploy(**args)

    assert world.served == []


def test_what_has_no_meaning_for_a_service_is_named() -> None:
    world = World()

    world.deploy(val_dataset=("rows.jsonl",), stream=True)

    (warning, _) = world.reporter.warned
    assert "--val_dataset" in warning
    assert "--stream" in warning
    assert "--model" not in warning


def test_max_logprobs_bounds_what_clients_ask_for() -> None:
    replies: list[Reply] = []

    def ask(api: Api) -> None:
        body = {"messages": [{"role": "user", "content": "a"}], "logprobs": True, "top_logprobs": 4}
        outcome = api.post(CHAT, json.dumps(body).encode())
        assert isinstance(outcome, Reply)
        replies.append(outcome)

    World(ask).deploy(max_logprobs=3)

    assert replies[0].status == 400
    assert b"4 is more than the 3" in replies[0].body


def test_the_port_is_given_up_when_the_model_cannot_be_loaded() -> None:
    world = World()

    with pytest.raises(NotFound):
        world.deploy(agent_template="none of this name")

    assert world.server.stopped


def test_a_classifier_is_served_with_its_adapters_and_its_head() -> None:
    found: list[Any] = []

    def ask(api: Api) -> None:
        work = api.post("/v1/classify", b'{"input": "Hi"}')
        assert isinstance(work, Exchange)
        assert run(work) == (b"", None)
        found.append(json.loads(work.reply().body))
        found.append(json.loads(api.refuse(404, "Unknown request URL: POST /x.").body))

    world = World(ask)
    world.deploy(
        task_type="seq_cls",
        num_labels=3,
        problem_type="single_label_classification",
        adapters=("/runs/a",),
        result_path="/desk/a.jsonl",
    )

    (served,), (plan,) = world.served, world.plans
    assert (plan.task, plan.max_batch_size) == ("seq_cls", 16)
    assert (served.adapters, served.loading.num_labels) == (("/runs/a",), 3)
    assert served.loading.new_head_seed is not None
    assert found[0]["data"][0]["num_classes"] == 3
    assert "This model answers POST /classify, /v1/classify" in found[1]["error"]["message"]
    assert world.reporter.tables["Serving"]["task"] == "seq_cls"
    assert "results" not in world.reporter.tables["Serving"]
    assert any("--result_path" in line for line in world.reporter.warned)


def test_a_head_is_never_made_up_for_a_model_without_adapters() -> None:
    world = World()

    world.deploy(task_type="generative_reranker", max_batch_size=4)

    (served,), (plan,) = world.served, world.plans
    assert served.loading.new_head_seed is None
    assert (plan.positive_token, plan.negative_token) == tuple(ByteTokenizer().encode("yn"))
    assert plan.max_batch_size == 4


def test_what_answers_with_numbers_is_merged_on_request() -> None:
    world = World()

    world.deploy(task_type="reranker", num_labels=1, merge_lora=True, adapters=("/runs/a",))

    (served,) = world.served
    assert (served.loading.folder, served.adapters) == ("/runs/a-merged", ())
    assert served.loading.new_head_seed is None


def test_what_answers_with_numbers_has_no_named_adapters() -> None:
    with pytest.raises(UsageError, match="answer with text only"):
        World().deploy(task_type="embedding", adapters=("a=/runs/a",))
    with pytest.raises(NotBuiltYet, match="infer_backend"):
        World().deploy(task_type="embedding", infer_backend="vllm")
