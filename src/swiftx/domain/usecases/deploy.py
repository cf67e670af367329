"""`swiftx deploy`: a model behind OpenAI's API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.args.paths import named_adapter, suffix_of
from swiftx.domain.inference.support import Support
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.serving import Listening, ServePlan
from swiftx.domain.ports.server import HttpServer
from swiftx.domain.ports.system import Reporter
from swiftx.domain.serving.api import Identity, OpenAiApi
from swiftx.domain.serving.journal import Journal
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.sampling import Defaults
from swiftx.domain.serving.support import deploy_support, vector_support
from swiftx.domain.serving.text import TextService
from swiftx.domain.serving.vectors import VectorService
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.training.task import pooling_task
from swiftx.domain.usecases.deploy_ports import DeployFacts, DeployPorts, ServiceLimits
from swiftx.domain.usecases.deploy_vectors import loaded_vectors
from swiftx.domain.usecases.merge_lora import merged_for_use
from swiftx.errors import ArgError, NotBuiltYet, UsageError


def deploy(args: DeployArgs, ports: DeployPorts, facts: DeployFacts) -> None:
    """Serve until told to stop; whatever can go wrong cheaply goes wrong before the weights are loaded.

    Args:
        args: Resolved arguments.
        ports: The world.
        facts: The model, the machine, and where the arguments come from.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: Arguments that exclude each other, or names that collide.
        NotFound: An adapter is not there.
        StorageError: A certificate cannot be read.
        BackendError: A library failed, or no port is free.
    """
    numbers = pooling_task(args.task_type) is not None
    support = vector_support() if numbers else deploy_support(args.infer_backend)
    service = prepared(args, ports, facts, support=support)
    service.greet()
    try:
        service.server.serve(service.api)
    finally:
        service.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A service that holds its port and has its model loaded.

    Attributes:
        greet: Says where it is and warns of what it lets in.
        close: Ends everything but the server.
    """

    server: HttpServer
    api: OpenAiApi
    listening: Listening
    models: tuple[str, ...]
    greet: Callable[[], None]
    close: Callable[[], None]


def prepared(
    args: DeployArgs, ports: DeployPorts, facts: DeployFacts, *, support: Support
) -> Prepared:
    """Return the service, to be served; see `deploy`.

    Args:
        args: Resolved arguments.
        ports: The world.
        facts: The model, the machine, and where the arguments come from.
        support: Where the arguments of the command stand.

    Returns:
        The service; who gets it closes it.

    Raises:
        NotBuiltYet, UsageError, NotFound, StorageError, BackendError: As `deploy`.
    """
    _check(args, ports.reporter, facts, support)
    models = _models(args)
    server = ports.server(serve_plan(args, facts.limits))
    listening = server.listen()
    try:
        task = pooling_task(args.task_type)
        service: TextService | VectorService
        if task is None:
            service, gate = _loaded(args, ports, facts, models=models)
        else:
            service, gate = loaded_vectors(args, ports, facts, task=task, name=next(iter(models)))
    except BaseException:
        server.stop()
        raise
    path = "" if task is not None else args.result_path or ""
    journal = Journal(
        ports.reporter.say,
        verbose=args.verbose,
        results=ports.results if path else None,
        result_path=path,
        held=args.write_batch_size,
    )
    api = OpenAiApi(
        service,
        identity=Identity(
            owned_by=args.owned_by, created=int(ports.outside.today()), api_key=args.api_key
        ),
        gate=gate,
        outside=ports.outside,
        journal=journal,
        log_interval_s=args.log_interval,
    )

    def close() -> None:
        journal.close()
        service.engine.close()

    return Prepared(
        server=server,
        api=api,
        listening=listening,
        models=tuple(models),
        greet=lambda: _greet(args, ports.reporter, listening, models=tuple(models), results=path),
        close=close,
    )


def serve_plan(args: DeployArgs, limits: ServiceLimits) -> ServePlan:
    """Return where the service listens and what it puts up with."""
    return ServePlan(
        host=args.host,
        port=args.port,
        ssl_keyfile=args.ssl_keyfile,
        ssl_certfile=args.ssl_certfile,
        log_level=args.log_level,
        max_body_bytes=limits.body_mb << 20,
        answer_timeout_s=limits.answer_s,
        drain_timeout_s=limits.drain_s,
    )


def _check(args: DeployArgs, reporter: Reporter, facts: DeployFacts, support: Support) -> None:
    support.refuse_unbuilt(args, facts.origin, doing="serving")
    if facts.model.is_multimodal:
        raise NotBuiltYet(
            f"{facts.model.folder!r} is a multimodal model, and serving those is not built yet.",
            hint="Name a text model.",
        )
    errors = []
    if not 0 <= args.port < 1 << 16:
        errors.append(ArgError("port", f"port: {args.port} is not from 0 to 65535."))
    if args.max_logprobs < 0:
        errors.append(ArgError("max_logprobs", f"max_logprobs: {args.max_logprobs} is below 0."))
    if args.max_batch_size < 1 and args.max_batch_size != -1:
        message = f"max_batch_size: {args.max_batch_size} is out of range."
        errors.append(ArgError("max_batch_size", message, "It is 1 or more, or -1 for no limit."))
    if args.ssl_keyfile and not args.ssl_certfile:
        message = "ssl_keyfile needs a certificate."
        errors.append(ArgError("ssl_certfile", message, "Add --ssl_certfile FILE."))
    if args.api_key == "":
        errors.append(ArgError("api_key", "api_key is empty.", "Leave it out to ask for no key."))
    named = [text for text in args.adapters if named_adapter(text).name is not None]
    if named and args.task_type != "causal_lm":
        message = f"adapters with names ({', '.join(named)}) answer with text only."
        hint = f"With --task_type {args.task_type}, leave the names out, and serve one model each."
        errors.append(ArgError("adapters", message, hint))
    if args.merge_lora and named:
        message = (
            f"merge_lora folds adapters into the weights, and {', '.join(named)} are to stay apart."
        )
        errors.append(ArgError("merge_lora", message, "Leave out --merge_lora, or the names."))
    if errors:
        raise UsageError(errors)
    idle = support.ineffective(args, facts.origin)
    if idle:
        reporter.warn(f"Without effect here: {', '.join(f'--{name}' for name in idle)}.")


def _models(args: DeployArgs) -> dict[str, str | None]:
    """Return the adapter behind each name that clients may ask for; the model itself comes first.

    Raises:
        UsageError: Two have the same name.
    """
    base = args.served_model_name or suffix_of(args.model or "model")
    models: dict[str, str | None] = {base: None}
    for name, _ in map(named_adapter, args.adapters):
        if name is None:
            continue
        if name in models:
            hint = "Give each a name of its own; --served_model_name names the model."
            raise UsageError([ArgError("adapters", f"Two models are called {name!r}.", hint)])
        models[name] = name
    return models


def _loaded(
    args: DeployArgs, ports: DeployPorts, facts: DeployFacts, *, models: Mapping[str, str | None]
) -> tuple[TextService, Gate]:
    """Load the model and return what answers with it."""
    model = facts.model
    adapters = [named_adapter(text) for text in args.adapters]
    unnamed = tuple(place for name, place in adapters if name is None)
    if args.merge_lora:
        folder = merged_for_use(args, ports.merge, model=model, origin=facts.origin)
        model, unnamed = replace(model, folder=folder), ()
    loading = load_plan(
        args,
        model,
        facts.device,
        trust_remote_code=args.trust_remote_code,
        quantization=quantization_plan(args, model, facts.device),
    )
    tokenizer = ports.tokenizer(loading)
    template = ChatTemplate(template_plan(args, origin=facts.origin, today=facts.today), tokenizer)
    served = ServedModel(
        loading=loading,
        adapters=unnamed,
        named_adapters={name: place for name, place in adapters if name is not None},
        max_model_len=args.max_model_len or model.max_model_len,
    )
    defaults = Defaults(
        args=args,
        config=model.generation_config,
        tokenizer=tokenizer,
        stop_ids=template.stops.ids,
        end_words=template.stops.words,
    )
    gate = Gate(facts.limits.queue, ports.outside.now)
    engine = ports.engine(served, tokenizer)
    service = TextService(
        engine, template, defaults, models=models, max_logprobs=args.max_logprobs, gate=gate
    )
    return service, gate


def _greet(
    args: DeployArgs,
    reporter: Reporter,
    listening: Listening,
    *,
    models: Sequence[str],
    results: str,
) -> None:
    reporter.table(
        "Serving",
        {
            "base URL": f"{listening.url}/v1",
            "models": ", ".join(models),
            "API key": "asked for" if args.api_key else "none",
            **({"task": args.task_type} if args.task_type != "causal_lm" else {}),
            **({"results": results} if results else {}),
        },
    )
    if args.port and listening.port != args.port:
        reporter.warn(f"Port {args.port} is taken, so this is {listening.port}.")
    if args.api_key is None:
        reach = (
            "everybody who reaches this machine" if args.host in _EVERYWHERE else "everybody there"
        )
        reporter.warn(
            f"No --api_key is set, so {reach} can use the model"
            + (" (--host 127.0.0.1 keeps it to this machine)." if args.host in _EVERYWHERE else ".")
        )


_EVERYWHERE = ("0.0.0.0", "::", "")
