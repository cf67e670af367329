"""From what was given to what holds: layers, then rules in the order of their needs, then checks.

Every problem of every layer, rule and check is reported at once. What depends on a bad value is not
judged, so that one mistake is one message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any, TypeVar

from swiftx.domain.args.archive import FILE_NAME, checkpoint_dir, read_archive
from swiftx.domain.args.paths import is_adapter, joined
from swiftx.domain.args.plugins import PluginFile, plugin_files
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import (
    KEEP,
    Check,
    Facts,
    Normaliser,
    Notice,
    Override,
    Rule,
    Step,
    Values,
)
from swiftx.domain.args.rules.json_files import json_steps
from swiftx.domain.args.rules.rulebook import CHECKS, NOTICES, STEPS
from swiftx.domain.args.sources import Given, Reading, read_env, read_layer
from swiftx.domain.args.spec import ArgSpec, Load, specs_of
from swiftx.errors import ArgError, SwiftxError, UsageError

__all__ = ["Facts", "Resolved", "named_plugins", "resolve_command"]

_A = TypeVar("_A")


def resolve_command(
    command: str,
    args_class: type[_A],
    *,
    cli: Mapping[str, object],
    environ: Mapping[str, str],
    config: Mapping[str, object] | None,
    facts: Facts,
    known_elsewhere: Collection[str] = (),
) -> Resolved[_A]:
    """Return every argument of a command, decided.

    Call it once with `facts.model` None, to learn which model to look at and to refuse mistakes
    before anything is fetched, and again with the model's facts.

    Args:
        command: Name of the command, such as `merge-lora`.
        args_class: Its argument class.
        cli: What was typed: text, or a list of texts.
        environ: The environment; only `SWIFTX_*` and the declared variables are read.
        config: Contents of the configuration file; None without one.
        facts: What is known of machine and model.
        known_elsewhere: Names of other commands' arguments, which a configuration file may hold.

    Raises:
        UsageError: With everything that is wrong.
    """
    specs = specs_of(args_class)
    run = _Run(command, specs, facts)
    run.take(_readings(specs, cli, environ, config, known_elsewhere))
    run.apply(_steps(command, specs))
    run.judge(_applicable(CHECKS, command, specs), _applicable(NOTICES, command, specs))
    if run.errors:
        raise UsageError(run.errors)
    return Resolved(command, args_class(**run.values), run.origin, tuple(run.warnings))


def named_plugins(
    command: str,
    args_class: type,
    *,
    cli: Mapping[str, object],
    environ: Mapping[str, str],
    config: Mapping[str, object] | None,
    facts: Facts,
) -> tuple[PluginFile, ...]:
    """Return the Python files that are to run before `resolve_command` can judge names.

    Arguments as in `resolve_command`, which also tells what is wrong with them.
    """
    return plugin_files(
        given_arguments(command, args_class, cli=cli, environ=environ, config=config, facts=facts)
    )


def given_arguments(
    command: str,
    args_class: type,
    *,
    cli: Mapping[str, object],
    environ: Mapping[str, str],
    config: Mapping[str, object] | None,
    facts: Facts,
) -> Mapping[str, Given]:
    """Return what the layers give, merged; bad values are left out.

    Arguments as in `resolve_command`, which also tells what is wrong with them.
    """
    specs = specs_of(args_class)
    run = _Run(command, specs, facts)
    return run.take(_readings(specs, cli, environ, config))


def _readings(
    specs: Mapping[str, ArgSpec],
    cli: Mapping[str, object],
    environ: Mapping[str, str],
    config: Mapping[str, object] | None,
    known_elsewhere: Collection[str] = (),
) -> list[Reading]:
    """Return the layers that are given, strongest first."""
    return [
        read_layer("cli", cli, specs),
        read_env(specs, environ),
        read_layer("config", config or {}, specs, known_elsewhere=known_elsewhere),
    ]


class _Run:
    """One resolution under way."""

    def __init__(self, command: str, specs: Mapping[str, ArgSpec], facts: Facts) -> None:
        self.command = command
        self.specs = specs
        self.facts = facts
        self.values: dict[str, Any] = {name: spec.default for name, spec in specs.items()}
        self.origin = dict.fromkeys(specs, "default")
        self.errors: list[ArgError] = []
        self.warnings: list[str] = []
        self._given: dict[str, object] = {}
        self._bad: set[str] = set()  # no trustworthy value: whatever needs it is left alone
        self._open: set[str] = set()  # waits for the model

    def take(self, readings: Sequence[Reading]) -> Mapping[str, Given]:
        """Merge the layers, strongest first, and the args.json of the checkpoint below them."""
        given: dict[str, Given] = {}
        for reading in readings:
            for name, value in reading.layer.items():
                given.setdefault(name, value)
            self.errors.extend(reading.errors)
            self._bad |= reading.bad
        self._read_old_checkpoint_name(given)
        self._take_archive(given)
        for name, value in given.items():
            self.values[name] = self._given[name] = value.value
            self.origin[name] = value.source
        return given

    def apply(self, steps: Mapping[str, Sequence[Step]]) -> None:
        for name in _in_order(steps):
            for step in steps[name]:
                self._apply(step)

    def judge(self, checks: Iterable[Check], notices: Iterable[Notice]) -> None:
        for check in checks:
            if self._ready(check.needs, needs_model=check.needs_model):
                self.errors.extend(check.find(self._view(check.needs), self.facts))
        for notice in notices:
            if self._ready(notice.needs, needs_model=notice.needs_model):
                self.warnings.extend(notice.find(self._view(notice.needs), self.facts))

    def _apply(self, step: Step) -> None:
        name = step.sets
        was_given = name in self._given
        if name in self._bad or (isinstance(step, Rule) and was_given):
            return
        if isinstance(step, Normaliser) and not was_given:
            return
        if not self._ready(step.needs, needs_model=step.needs_model):
            self._leave_open(step)
            return
        try:
            value = step.act(self._view((name, *step.needs)), self.facts)
        except UsageError as error:
            self.errors.extend(error.errors)
            self._bad.add(name)
            return
        except SwiftxError as error:  # a file that cannot be read
            self.errors.append(ArgError(name, f"{name}: {error.message}", error.hint))
            self._bad.add(name)
            return
        if value is not KEEP:
            self._set(step, value)

    def _set(self, step: Step, value: object) -> None:
        name = step.sets
        before = self.values[name]
        self.values[name] = value
        if not isinstance(step, Normaliser) and (isinstance(step, Rule) or value != before):
            if name in self._given:
                self.warnings.append(self._overruled(step, before, value))
            self.origin[name] = f"rule:{step.name}"

    def _overruled(self, step: Step, before: object, value: object) -> str:
        secret = self.specs[step.sets].secret
        shown = "***" if secret else f"{value!r} is used instead of {before!r}"
        return f"{step.sets}: {shown}: {step.name.replace('-', ' ')}."

    def _ready(self, needs: Iterable[str], *, needs_model: bool) -> bool:
        if needs_model and self.facts.model is None:
            return False
        return not any(name in self._bad or name in self._open for name in needs)

    def _leave_open(self, step: Step) -> None:
        if any(name in self._bad for name in step.needs):
            self._bad.add(step.sets)
        elif isinstance(step, Rule):
            self._open.add(step.sets)

    def _view(self, readable: Iterable[str]) -> Values:
        return Values(self.command, self.values, self._given, frozenset(readable))

    def _read_old_checkpoint_name(self, given: dict[str, Given]) -> None:
        """`--ckpt_dir` of old scripts means --adapters or --model (rule B3)."""
        old = given.get("ckpt_dir")
        if old is None:
            return
        adapter = is_adapter(str(old.value), self.facts.storage)
        name, value = ("adapters", (old.value,)) if adapter else ("model", old.value)
        given.setdefault(name, Given(value, old.source, old.detail))
        self.warnings.append(f"ckpt_dir is the old name: {old.value!r} is taken as --{name}.")

    def _take_archive(self, given: dict[str, Given]) -> None:
        """Add what args.json of the checkpoint holds, where the command loads it (rules B10 to B14)."""
        folder = self._archive_folder(given)
        if folder is None:
            return
        path = joined(folder, FILE_NAME)
        reading = read_archive(
            self.specs,
            self.facts.storage.read_text(path),
            load_data_args=bool(self._wanted(given, "load_data_args")),
            place=path,
        )
        for name, stored in reading.layer.items():
            stronger = given.setdefault(name, stored)
            if self.specs[name].load is Load.FORCE and stronger.value != stored.value:
                self.warnings.append(
                    f"{name}: {stored.value!r} is used instead of {stronger.value!r}: "
                    f"the checkpoint was made with it ({path})."
                )
                given[name] = stored
        self._bad |= reading.bad - given.keys()
        self.errors += [error for error in reading.errors if error.argument not in given]

    def _archive_folder(self, given: Mapping[str, Given]) -> str | None:
        if not self._wanted(given, "load_args"):
            return None
        adapters, model, resumed = (
            self._wanted(given, name) for name in ("adapters", "model", "resume_from_checkpoint")
        )
        return checkpoint_dir(adapters, model, resumed, self.facts.storage)

    def _wanted(self, given: Mapping[str, Given], name: str) -> Any:
        return given[name].value if name in given else self.values.get(name)


_Judge = TypeVar("_Judge", Check, Notice)


def _applicable(
    judges: Iterable[_Judge], command: str, specs: Mapping[str, ArgSpec]
) -> list[_Judge]:
    """Return what concerns a command: it has the argument that is named first."""
    return [
        judge
        for judge in judges
        if judge.needs[0] in specs and (not judge.commands or command in judge.commands)
    ]


def _steps(command: str, specs: Mapping[str, ArgSpec]) -> dict[str, list[Step]]:
    """Return the steps of each argument: its form, then its rule, then what overrules it."""
    steps: dict[str, list[Step]] = {}
    for step in sorted((*json_steps(specs), *STEPS), key=_rank):
        if step.sets in specs and (not step.commands or command in step.commands):
            steps.setdefault(step.sets, []).append(step)
    return steps


def _rank(step: Step) -> int:
    return (Normaliser, Rule, Override).index(type(step))


def _in_order(steps: Mapping[str, Sequence[Step]]) -> list[str]:
    """Return the arguments so that each comes after those that its steps need."""
    graph = {
        name: [need for step in own for need in step.needs if need in steps and need != name]
        for name, own in steps.items()
    }
    return list(TopologicalSorter(graph).static_order())
