"""The ports of `deploy` and `app`."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from swiftx.bootstrap.libraries import extra, quiet_libraries
from swiftx.bootstrap.machine import task_variables
from swiftx.bootstrap.ports import merge_ports
from swiftx.bootstrap.sources import model_of
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.ports.system import Reporter

if TYPE_CHECKING:
    from swiftx.domain.usecases.chat_app import AppPorts
    from swiftx.domain.usecases.deploy_ports import DeployFacts, DeployPorts
    from swiftx.domain.usecases.merge_lora import Progress


def deploy_ports(
    resolved: Resolved[Any], facts: Facts, reporter: Reporter, *, merging: Progress
) -> DeployPorts:
    from swiftx.domain.serving.api import Outside
    from swiftx.domain.usecases.deploy_ports import DeployPorts

    quiet_libraries()
    with extra("serve"):
        from swiftx.adapters.servers.openai_http import OpenAiHttpServer
    with extra("train"):
        from swiftx.adapters.models.transformers import TransformersLoader
        from swiftx.adapters.rows.sink import JsonlSink
        from swiftx.bootstrap.engines import make_engine, make_pooling

        args = resolved.args
        # The default is for rows that are answered one after the other; clients come at the same time.
        slots = -1 if resolved.origin["max_batch_size"] == "default" else args.max_batch_size
        return DeployPorts(
            tokenizer=TransformersLoader().tokenizer,
            engine=lambda model, tokenizer: make_engine(
                args, model, tokenizer, slots=slots, debug=reporter.say
            ),
            pooling=lambda model, plan: make_pooling(args, model, plan),
            merge=merge_ports(facts, reporter, merging),
            server=OpenAiHttpServer,
            results=JsonlSink(),
            outside=Outside(time.monotonic, time.time, lambda: uuid.uuid4().hex),
            reporter=reporter,
        )


def deploy_facts(resolved: Resolved[Any], facts: Facts) -> DeployFacts:
    from swiftx.domain.usecases.deploy_ports import DeployFacts, ServiceLimits
    from swiftx.settings import load_settings

    settings = load_settings()
    return DeployFacts(
        model=model_of(facts),
        device=facts.device,
        origin=resolved.origin,
        today=facts.now.date(),
        variables=task_variables(),
        limits=ServiceLimits(
            queue=settings.serve_queue,
            body_mb=settings.serve_body_mb,
            answer_s=settings.serve_timeout_s,
            drain_s=settings.serve_drain_s,
        ),
    )


def app_ports(
    resolved: Resolved[Any], facts: Facts, reporter: Reporter, *, merging: Progress
) -> AppPorts:
    from swiftx.domain.usecases.chat_app import AppPorts

    with extra("ui"):
        from swiftx.adapters.ui.gradio_chat import GradioChat
        from swiftx.adapters.ui.openai_chat import OpenAiChat

    return AppPorts(
        deploy=lambda: deploy_ports(resolved, facts, reporter, merging=merging),
        service=OpenAiChat,
        page=GradioChat(reporter.say),
        aside=_aside,
        reporter=reporter,
    )


@contextmanager
def _aside(work: Callable[[], None]) -> Iterator[None]:
    """Do some work in a thread of its own, whose end is waited for."""
    thread = threading.Thread(target=work, name="deploy")
    thread.start()
    try:
        yield
    finally:
        thread.join()
