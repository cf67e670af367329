"""`swiftx app`: a chat page on a model that is served here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from swiftx.domain.args.commands.app import AppArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.plans.page import PagePlan
from swiftx.domain.ports.page import ChatPage, ChatService
from swiftx.domain.ports.system import Reporter
from swiftx.domain.serving.page_texts import TEXTS
from swiftx.domain.serving.support import app_support
from swiftx.domain.usecases.deploy import prepared
from swiftx.domain.usecases.deploy_ports import DeployFacts, DeployPorts
from swiftx.errors import ArgError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPorts:
    """What the page needs of the world.

    Attributes:
        deploy: Makes the ports that a model of this machine needs.
        service: Makes what talks to a service, of its address and key.
        aside: Does work in a thread of its own while the context lasts, and waits for its end.
    """

    deploy: Callable[[], DeployPorts]
    service: Callable[[str, str | None], ChatService]
    page: ChatPage
    aside: Callable[[Callable[[], None]], AbstractContextManager[None]]
    reporter: Reporter


def chat_app(
    args: AppArgs, ports: AppPorts, facts: DeployFacts | None, *, origin: Mapping[str, str]
) -> None:
    """Serve the page until told to stop.

    Args:
        args: Resolved arguments.
        ports: The world.
        facts: The model and the machine; None with `base_url`, when the model is elsewhere.
        origin: By argument: where its value comes from.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: Arguments that exclude each other, or a model that the service does not have.
        NotFound: An adapter is not there.
        StorageError: The model's files cannot be read.
        BackendError: A library failed, the service cannot be reached, or no port is free.
    """
    _check_port(args)
    if facts is None:
        _show_remote(args, ports, origin)
    else:
        _show_local(args, ports, facts)


def _show_remote(args: AppArgs, ports: AppPorts, origin: Mapping[str, str]) -> None:
    support = app_support(args.infer_backend, remote=True, names=specs_of(AppArgs).keys())
    idle = support.ineffective(args, origin)
    if idle:
        names = ", ".join(f"--{name}" for name in idle)
        ports.reporter.warn(f"Without effect with --base_url: {names}.")
    service = ports.service(str(args.base_url), args.api_key)
    models = tuple(service.models())
    wanted = args.served_model_name or args.model
    if wanted is not None and wanted not in models:
        message = f"{args.base_url} has no model {wanted!r}; it has {', '.join(models) or 'none'}."
        raise UsageError([ArgError("model", message, "Leave --model out to take the first.")])
    if not models:
        raise UsageError([ArgError("base_url", f"{args.base_url} has no model.")])
    first = wanted or models[0]
    _serve(args, ports, service, (first, *(name for name in models if name != first)))


def _show_local(args: AppArgs, ports: AppPorts, facts: DeployFacts) -> None:
    if args.is_multimodal and not facts.model.is_multimodal:
        message = (
            f"is_multimodal: {facts.model.folder!r} reads text only, so nothing can be attached."
        )
        hint = "Leave it out, or name a multimodal service with --base_url."
        raise UsageError([ArgError("is_multimodal", message, hint)])
    support = app_support(args.infer_backend, remote=False)
    deployed = prepared(args, ports.deploy(), facts, support=support)
    try:
        deployed.greet()
        with ports.aside(lambda: deployed.server.serve(deployed.api)):
            try:
                service = ports.service(f"{deployed.listening.url}/v1", args.api_key)
                _serve(args, ports, service, deployed.models)
            finally:
                deployed.server.stop()
    finally:
        deployed.close()


def _serve(args: AppArgs, ports: AppPorts, service: ChatService, models: tuple[str, ...]) -> None:
    limit = args.max_new_tokens
    plan = PagePlan(
        title=args.studio_title or models[0],
        models=models,
        texts=TEXTS[args.lang],
        host=args.server_name,
        port=args.server_port,
        is_multimodal=bool(args.is_multimodal),
        share=args.share,
        system=args.system,
        temperature=args.temperature,
        top_p=args.top_p,
        max_tokens=limit if limit is not None and limit > 0 else None,
    )
    if args.share:
        ports.reporter.warn(
            "--share opens the page to the internet, through a service of Gradio's."
        )
    ports.page.serve(plan, service)


def _check_port(args: AppArgs) -> None:
    if not 0 <= args.server_port < 1 << 16:
        message = f"server_port: {args.server_port} is not from 0 to 65535."
        raise UsageError([ArgError("server_port", message)])
