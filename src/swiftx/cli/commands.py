"""From a parsed command line to a finished run: gather the layers, resolve, explain or run."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from swiftx import bootstrap
from swiftx.cli.argv import UnknownOption, by_every_name
from swiftx.cli.catalog import argument_specs, arguments_of, commands_with, names_of_other_commands
from swiftx.cli.chat import ConsoleTerminal
from swiftx.cli.config_file import read_config
from swiftx.cli.explain import explain
from swiftx.cli.invocation import Explain, Invocation, with_run_options
from swiftx.cli.output import Output
from swiftx.cli.suggestions import closest, unknown_option
from swiftx.domain.args.resolution import given_arguments, named_plugins, resolve_command
from swiftx.domain.args.resolved import Resolved
from swiftx.domain.args.rule import Facts
from swiftx.domain.args.sources import Given, read_layer
from swiftx.domain.args.spec import ArgSpec, specs_of
from swiftx.errors import ArgError, UsageError
from swiftx.settings import load_settings, variables

_T = TypeVar("_T")


def execute(invocation: Invocation, output: Output) -> int:
    """Do what a command line asks for and return the exit code.

    Raises:
        SwiftxError: Whatever went wrong; a UsageError has every problem of the command line.
    """
    output.format = invocation.format
    said = _gather(invocation, output)
    said, facts = _with_plugins(said, bootstrap.run_facts(invocation.explain_device), output)
    explaining = invocation.explain is not Explain.NO
    if not explaining:  # another machine may have the data
        said = _with_data(said, facts)
    resolved = _resolve(said, facts)
    if not explaining:
        bootstrap.refuse_unbuilt(invocation.command)
        said, resolved = _with_adapters(said, resolved, facts, output)
    informed = bootstrap.with_model(facts, resolved.args, download=not explaining)
    if informed is not facts:
        resolved = _resolve(said, informed)
    for warning in (*said.warnings, *resolved.warnings):
        output.warn(warning)
    if explaining:
        explain(resolved, invocation.explain, output)
        return 0
    launched = bootstrap.launch(invocation.command, resolved, invocation.argv)
    if launched is not None:
        return launched
    if invocation.command == "preview":
        from swiftx.cli.preview import show_preview

        return show_preview(resolved, informed, output)
    if invocation.command == "estimate":
        from swiftx.cli.estimate import show_estimate

        return show_estimate(resolved, informed, output)
    terminal = ConsoleTerminal(output)
    return bootstrap.run(invocation.command, resolved, informed, output, terminal=terminal)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Everything that was said about a run, before it is resolved.

    Attributes:
        config: None without a configuration file.
        unknown: Options that the command does not have: errors, or warnings with `ignore_args_error`.
        excused: Arguments whose own problem is already reported under another name.
        errors: What is wrong apart from unknown options and values.
        warnings: What was said without effect.
    """

    command: str
    args_class: type
    cli: Mapping[str, str | Sequence[str]]
    environ: Mapping[str, str]
    config: Mapping[str, Given] | None
    known_elsewhere: frozenset[str]
    unknown: Sequence[ArgError]
    excused: frozenset[str]
    errors: Sequence[ArgError]
    warnings: Sequence[str]


def _gather(invocation: Invocation, output: Output) -> _Said:
    """Read the configuration file and the environment.

    Raises:
        UsageError: The configuration file cannot be read, so nothing that it may say can be judged.
    """
    command = invocation.command
    specs = argument_specs(command)
    environ = dict(os.environ)
    errors = list(invocation.errors)
    output.conceal(_secrets(specs, invocation.arguments, environ, {}))
    unknown = [_unknown(option, command, specs) for option in invocation.unknown]
    settings = _or_errors(load_settings, errors)
    if settings is not None:
        output.only(logging.getLevelNamesMapping()[settings.log_level])
        if settings.local_rank:
            output.mute()
    config, known_elsewhere = None, frozenset[str]()
    if invocation.config is not None:
        config = _or_errors(lambda: _located(str(invocation.config)), errors)
        if config is None:
            typed = read_layer("cli", invocation.arguments, specs).errors
            raise UsageError([*unknown, *errors, *typed])
        known_elsewhere = _known_elsewhere(config, command, specs)
        output.conceal(_secrets(specs, {}, {}, config))
    return _Said(
        command=command,
        args_class=arguments_of(command),
        cli=invocation.arguments,
        environ=environ,
        config=config,
        known_elsewhere=known_elsewhere,
        unknown=unknown,
        excused=_excused(invocation, specs),
        errors=errors,
        warnings=[
            *(f"{error.message} It is ignored." for error in unknown),
            *_idle_variables(environ, command, specs),
        ],
    )


def _with_plugins(said: _Said, facts: Facts, output: Output) -> tuple[_Said, Facts]:
    """Run the plugins that are named, so that the names they register are known; add what is wrong."""
    files = named_plugins(
        said.command,
        said.args_class,
        cli=said.cli,
        environ=said.environ,
        config=said.config,
        facts=facts,
    )
    if not files:
        return said, facts
    facts, errors = bootstrap.with_plugins(facts, files)
    for file in files:
        if file.archive is not None and facts.storage.absolute(file.path) in facts.plugins:
            output.say(f"Ran the plugin {file.path}: {file.archive} names it.")
    return replace(said, errors=[*said.errors, *errors]), facts


def _with_data(said: _Said, facts: Facts) -> _Said:
    """Add which data are not there to what is wrong."""
    given = given_arguments(
        said.command,
        said.args_class,
        cli=said.cli,
        environ=said.environ,
        config=said.config,
        facts=facts,
    )
    return replace(said, errors=[*said.errors, *bootstrap.missing_data(given, facts)])


def _with_adapters(
    said: _Said, resolved: Resolved[Any], facts: Facts, output: Output
) -> tuple[_Said, Resolved[Any]]:
    """Fetch adapters that are named by hub id, and resolve again with what their args.json says.

    Code that such a file names does not run: plugins have run before, and only those of this machine.
    """
    fetched = bootstrap.fetched_adapters(resolved.args, say=output.say)
    if not fetched:
        return said, resolved
    said = replace(said, cli={**said.cli, **fetched})
    return said, _resolve(said, facts)


def _resolve(said: _Said, facts: Facts) -> Resolved[Any]:
    """Return the resolved arguments.

    Raises:
        UsageError: With what is wrong with the line, the file, the environment and the values.
    """
    errors: list[ArgError] = []
    resolved: Resolved[Any] | None = _or_errors(
        lambda: resolve_command(
            said.command,
            said.args_class,
            cli=said.cli,
            environ=said.environ,
            config=said.config,
            facts=facts,
            known_elsewhere=said.known_elsewhere,
        ),
        errors,
    )
    errors = [error for error in errors if error.argument not in said.excused]
    if not _ignores_unknown(said, resolved):
        errors = [*said.unknown, *errors]
    if resolved is None or errors or said.errors:
        raise UsageError([*said.errors, *errors])
    return resolved


def _ignores_unknown(said: _Said, resolved: Resolved[Any] | None) -> bool:
    if resolved is not None:
        return bool(getattr(resolved.args, "ignore_args_error", False))
    reading = read_layer("cli", said.cli, specs_of(said.args_class))
    return "ignore_args_error" in reading.layer and bool(reading.layer["ignore_args_error"].value)


def _unknown(option: UnknownOption, command: str, specs: Mapping[str, ArgSpec]) -> ArgError:
    return unknown_option(
        option,
        names=by_every_name(with_run_options(specs)),
        command=command,
        commands_with=commands_with,
    )


def _excused(invocation: Invocation, specs: Mapping[str, ArgSpec]) -> frozenset[str]:
    """Return the arguments that were probably meant: for them to be missing is no second mistake."""
    misspelled = (closest(option.name, specs)[:1] for option in invocation.unknown)
    meant = {name for names in misspelled for name in names} - invocation.arguments.keys()
    return frozenset(meant | {error.argument for error in invocation.errors if error.argument})


def _or_errors(read: Callable[[], _T], errors: list[ArgError]) -> _T | None:
    """Return what `read` returns; or None, with its problems added to `errors`."""
    try:
        return read()
    except UsageError as error:
        errors.extend(error.errors)
        return None


def _located(path: str) -> dict[str, Given]:
    config = read_config(path)
    return {
        name: Given(value, "config", config.where(name)) for name, value in config.values.items()
    }


def _known_elsewhere(
    config: Mapping[str, Given], command: str, specs: Mapping[str, ArgSpec]
) -> frozenset[str]:
    """One file may serve every command, so names that only other commands have are skipped."""
    if config.keys() <= by_every_name(specs).keys():
        return frozenset()  # the usual case, without importing the other commands
    return names_of_other_commands(command)


def _idle_variables(
    environ: Mapping[str, str], command: str, specs: Mapping[str, ArgSpec]
) -> Iterator[str]:
    """Yield a warning for each SWIFTX_ variable that nothing reads."""
    for variable in sorted(environ):
        name = variable.removeprefix("SWIFTX_").lower()
        if not variable.startswith("SWIFTX_") or name in specs or variable in variables():
            continue
        if name not in names_of_other_commands(command):
            near = " or ".join(f"SWIFTX_{each.upper()}" for each in closest(name, specs))
            yield f"Nothing reads {variable}." + (f" Did you mean {near}?" if near else "")


def _secrets(
    specs: Mapping[str, ArgSpec],
    cli: Mapping[str, str | Sequence[str]],
    environ: Mapping[str, str],
    config: Mapping[str, Given],
) -> Iterator[str]:
    """Yield every text that some source gives to a secret argument."""
    for spec in (spec for spec in specs.values() if spec.secret):
        typed = cli.get(spec.name, ())
        yield from [typed] if isinstance(typed, str) else typed
        for variable in (f"SWIFTX_{spec.name.upper()}", *spec.env):
            yield environ.get(variable, "")
        for name in (spec.name, *spec.aliases):
            if name in config:
                yield str(config[name].value)
