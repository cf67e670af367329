"""The composition root: the only package that names adapters.

`commands.py` of the CLI calls these functions. Every heavy import is inside a function: asking for
facts imports no library, and running a command imports those of its own use case.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from swiftx.bootstrap.machine import (
    default_systems,
    devices,
    random_response,
    registered_names,
    task_variables,
    working_folder,
)
from swiftx.bootstrap.sources import data_ports, fetch_weights, model_folder, model_of, tokenizer
from swiftx.domain.args.plugins import ARGUMENTS as PLUGINS
from swiftx.domain.args.plugins import PluginFile, all_ran, run_plugins
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.args.sources import Given
from swiftx.domain.launching.plan import launch_plan, world_size
from swiftx.domain.ports.system import Reporter
from swiftx.errors import ArgError, DataError, Interrupted, NotBuiltYet

if TYPE_CHECKING:
    from swiftx.domain.plans.preview import PreviewRow
    from swiftx.domain.ports.terminal import Terminal
    from swiftx.domain.usecases.estimate import Estimate
    from swiftx.domain.usecases.preview import PreviewOutcome

_LAUNCHED = frozenset({"pt", "sft", "rlhf", "infer"})
_BUILT = frozenset(
    {"pt", "sft", "infer", "preview", "estimate", "export", "merge-lora", "deploy", "app"}
)


def run_facts(explain_device: str | None) -> Facts:
    """Return what is known before the model: this machine's facts, or those of a described one.

    Raises:
        StorageError: The working folder is gone.
    """
    from swiftx.adapters.system.clock import SystemClock
    from swiftx.adapters.system.local_storage import LocalStorage

    return Facts(
        device=devices(explain_device).facts(),
        model=None,
        storage=LocalStorage(),
        now=SystemClock().now(),
        cwd=working_folder(),
        environ=dict(os.environ),
        world_size=world_size(os.environ),
        known=registered_names(),
        default_systems=default_systems(),
    )


def with_plugins(facts: Facts, files: Sequence[PluginFile]) -> tuple[Facts, list[ArgError]]:
    """Run plugins, and return the facts with the names they register, and what is wrong with them."""
    from swiftx.adapters.system.plugins import PythonPlugins

    ran, errors = run_plugins(files, PythonPlugins(), facts.storage)
    known, systems = registered_names(), default_systems()
    return replace(facts, known=known, default_systems=systems, plugins=ran), errors


def missing_data(given: Mapping[str, Given], facts: Facts) -> list[ArgError]:
    """Return which data sets are not there, of those that can only be on this machine.

    A plugin may bring some, so they are judged when every one that was named has run.
    """
    from swiftx.domain.datasets.pipeline import missing_data as missing
    from swiftx.domain.plans.data import DataPlan

    def texts(name: str) -> tuple[str, ...]:
        value = given[name].value if name in given else ()
        return tuple(map(str, value)) if isinstance(value, tuple) else ()

    plugins = [path for name in PLUGINS for path in texts(name)]
    if plugins and not all_ran(plugins, facts.plugins, facts.storage):
        return []
    plan = DataPlan(
        dataset=texts("dataset"),
        val_dataset=texts("val_dataset"),
        custom_dataset_info=texts("custom_dataset_info"),
    )
    return missing(plan, facts.storage)


def with_model(
    facts: Facts,
    args: Any,
    *,
    download: bool,
    say: Callable[[str], None] | None = None,
) -> Facts:
    """Return the facts with those of the model of `args`, when its small files are here or may be fetched.

    Returns `facts` itself when there is no model, or when it is elsewhere and `download` is off.

    Raises:
        NotFound: No such model, or its folder has no config.json.
        BackendError: The hub cannot be reached.
    """
    from swiftx.adapters.models.inspector import ConfigInspector

    model = getattr(args, "model", None)
    if model is None or _answers_elsewhere(args):
        return facts
    folder = model_folder(args, model, download=download, weights=False, say=say)
    if folder is None:
        return facts
    found = ConfigInspector().facts(folder, model_type=args.model_type)
    return replace(facts, model=found)


def _answers_elsewhere(args: Any) -> bool:
    """Whether the model is a name on another service, and no files of it are needed."""
    return hasattr(args, "infer_backend") and bool(getattr(args, "base_url", None))


def fetched_adapters(args: Any, *, say: Callable[[str], None]) -> dict[str, tuple[str, ...]]:
    """Return, by argument, adapters as folders, where some had to be fetched from a hub.

    Raises:
        NotFound: No such adapter.
        BackendError: The hub cannot be reached.
    """
    from swiftx.bootstrap import sources

    return sources.fetched_adapters(args, say=say)


def refuse_unbuilt(command: str) -> None:
    """Say that a command does not run yet, before anything is downloaded for it.

    Raises:
        NotBuiltYet: The command's use case does not exist yet.
    """
    if command not in _BUILT:
        raise NotBuiltYet(
            f"The arguments are right, but running `swiftx {command}` is not built yet.",
            hint="`--explain` shows what each argument resolves to.",
        )


def launch(command: str, resolved: Resolved[Any], argv: Sequence[str]) -> int | None:
    """Start the processes of a run and return their exit code; None when this process is the run.

    Raises:
        UsageError: The environment does not describe a run.
        MissingDependency: torch is not installed.
    """
    if command not in _LAUNCHED:
        return None
    plan = launch_plan(
        os.environ,
        command=command,
        arguments=argv,
        output_dir=getattr(resolved.args, "output_dir", None),
        result_path=resolved.args.result_path if command == "infer" else None,
    )
    if plan is None:
        return None
    fetch_weights(resolved.args)  # once, before the processes ask for them all at the same time
    from swiftx.adapters.launchers.torchrun import TorchrunLauncher

    return TorchrunLauncher().run(plan)


def run(
    command: str,
    resolved: Resolved[Any],
    facts: Facts,
    reporter: Reporter,
    *,
    terminal: Terminal,
) -> int:
    """Run a command whose arguments are resolved and return its exit code.

    Args:
        terminal: Where a chat is held.

    Raises:
        SwiftxError: Whatever stopped it.
    """
    match command:
        case "pt" | "sft":
            return _train(resolved, facts, reporter)
        case "infer":
            return _infer(resolved, facts, reporter, terminal)
        case "export" | "merge-lora":
            return _export(resolved, facts, reporter)
        case "deploy":
            return _deploy(resolved, facts, reporter)
        case "app":
            return _app(resolved, facts, reporter)
    raise AssertionError(f"`swiftx {command}` passed refuse_unbuilt()")


def preview(
    resolved: Resolved[Any],
    facts: Facts,
    reporter: Reporter,
    *,
    show: Callable[[PreviewRow], None],
    texts: bool,
) -> PreviewOutcome:
    """Show rows as they are trained, and return what became of all of them.

    Args:
        show: Gets the rows, in order.
        texts: Whether it wants the texts of single tokens.

    Raises:
        SwiftxError: Whatever stopped it.
    """
    from swiftx.domain.usecases import preview as usecase

    args = resolved.args
    ports = usecase.PreviewPorts(
        data=data_ports(args, facts, reporter),
        tokenizer=lambda: tokenizer(args, facts),
        show=show,
        reporter=reporter,
    )
    known = usecase.PreviewFacts(
        model=facts.model,
        origin=resolved.origin,
        today=facts.now.date(),
        texts=texts,
        random_response=random_response(),
    )
    return usecase.preview(args, ports, known)


def estimate(resolved: Resolved[Any], facts: Facts, reporter: Reporter) -> Estimate:
    """Return what memory a training run needs.

    Raises:
        SwiftxError: Whatever stopped it.
    """
    from swiftx.bootstrap.ports import estimate_facts, estimate_ports
    from swiftx.domain.usecases import estimate as usecase

    ports = estimate_ports(resolved.args, facts, reporter)
    return usecase.estimate(resolved.args, ports, estimate_facts(resolved, facts))


def _train(resolved: Resolved[Any], facts: Facts, reporter: Reporter) -> int:
    from swiftx.bootstrap.ports import train_facts, train_ports
    from swiftx.domain.usecases.train import train

    ports = train_ports(resolved.args, facts, reporter)
    outcome = train(resolved.args, ports, train_facts(resolved, facts))
    if outcome.interrupted:
        raise Interrupted(
            f"Stopped at step {outcome.global_step}; the checkpoint is {outcome.last_checkpoint}.",
            hint=f"Go on with `--resume_from_checkpoint {outcome.last_checkpoint}`.",
        )
    return 0


def _infer(resolved: Resolved[Any], facts: Facts, reporter: Reporter, terminal: Terminal) -> int:
    from swiftx.adapters.system.signals import sigterm_interrupts
    from swiftx.bootstrap.ports import counted, infer_ports, process_group
    from swiftx.domain.usecases.infer import infer
    from swiftx.domain.usecases.infer_ports import InferFacts

    known = InferFacts(
        model=None if resolved.args.base_url else model_of(facts),
        device=facts.device,
        origin=resolved.origin,
        today=facts.now.date(),
        world_size=facts.world_size,
        random_response=random_response(),
        variables=task_variables(),
    )
    with (
        sigterm_interrupts(),
        process_group(facts) as group,
        counted("Answering") as answering,
        counted("Merging") as merging,
    ):
        ports = infer_ports(
            resolved.args,
            facts,
            reporter,
            terminal,
            group=group,
            answering=answering,
            merging=merging,
        )
        outcome = infer(resolved.args, ports, known)
    return DataError.exit_code if outcome.failed else 0


def _deploy(resolved: Resolved[Any], facts: Facts, reporter: Reporter) -> int:
    from swiftx.bootstrap.ports import counted
    from swiftx.bootstrap.serving import deploy_facts, deploy_ports
    from swiftx.domain.usecases.deploy import deploy

    with counted("Merging") as merging:
        ports = deploy_ports(resolved, facts, reporter, merging=merging)
        deploy(resolved.args, ports, deploy_facts(resolved, facts))
    return 0


def _app(resolved: Resolved[Any], facts: Facts, reporter: Reporter) -> int:
    from swiftx.bootstrap.ports import counted
    from swiftx.bootstrap.serving import app_ports, deploy_facts
    from swiftx.domain.usecases.chat_app import chat_app

    with counted("Merging") as merging:
        ports = app_ports(resolved, facts, reporter, merging=merging)
        known = None if resolved.args.base_url else deploy_facts(resolved, facts)
        chat_app(resolved.args, ports, known, origin=resolved.origin)
    return 0


def _export(resolved: Resolved[Any], facts: Facts, reporter: Reporter) -> int:
    from swiftx.bootstrap.ports import counted, merge_ports
    from swiftx.domain.usecases.export import export

    if resolved.args.to_cached_dataset:
        return _cache_dataset(resolved, facts, reporter)
    fetch_weights(resolved.args)
    with counted("Merging") as merging:
        ports = merge_ports(facts, reporter, merging)
        export(resolved.args, ports, model=model_of(facts), origin=resolved.origin)
    return 0


def _cache_dataset(resolved: Resolved[Any], facts: Facts, reporter: Reporter) -> int:
    from swiftx.bootstrap.ports import token_ports
    from swiftx.domain.usecases import cached_dataset as usecase

    args = resolved.args
    ports = usecase.CachedDatasetPorts(
        tokens=token_ports(args, facts, reporter),
        tokenizer=lambda: tokenizer(args, facts, say=reporter.say),
    )
    known = usecase.CachedDatasetFacts(
        model=model_of(facts),
        origin=resolved.origin,
        today=facts.now.date(),
        random_response=random_response(),
    )
    usecase.cache_dataset(args, ports, known)
    return 0
