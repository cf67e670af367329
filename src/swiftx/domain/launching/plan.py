"""From the environment to what torchrun starts, or to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from swiftx.domain.plans.launching import LaunchPlan
from swiftx.errors import ArgError, UsageError

_COUNTS = {"NPROC_PER_NODE": frozenset({"auto", "cpu", "gpu", "xpu"}), "NNODES": frozenset[str]()}
_NUMBERS = ("NODE_RANK", "MASTER_PORT")


def launch_plan(
    environ: Mapping[str, str],
    *,
    command: str,
    arguments: Sequence[str],
    output_dir: str | None,
    result_path: str | None = None,
) -> LaunchPlan | None:
    """Return how to start the run's processes; None when this process is the run.

    `NPROC_PER_NODE` or `NNODES` asks for torchrun. A process that torchrun started (it has `LOCAL_RANK`)
    never starts another. Without an address of a master, on one node, torchrun picks a free port itself, so
    that two runs on one machine do not meet.

    Args:
        environ: The environment, or the part of it that is named above.
        command: Name of the swiftx command (`sft`).
        arguments: What the user typed after the command.
        output_dir: The resolved run folder, the same for all processes; None when the command has none.
        result_path: The same for the resolved file of results.

    Raises:
        UsageError: A variable is not what torchrun takes; lists all of them.
    """
    processes, nodes = environ.get("NPROC_PER_NODE"), environ.get("NNODES")
    if "LOCAL_RANK" in environ or not (processes or nodes):
        return None
    _check(environ)
    return LaunchPlan(
        options=_torchrun_options(environ),
        arguments=(
            command,
            *arguments,
            *(() if output_dir is None else _fixed_folder(output_dir)),
            *(() if result_path is None else ("--result_path", result_path)),
        ),
        processes=processes or "1",
    )


def world_size(environ: Mapping[str, str]) -> int:
    """Return the number of processes of the run that `environ` describes; 1 where it cannot be known.

    Inside a process of torchrun that is `WORLD_SIZE`; before torchrun, processes times nodes.
    """
    if "WORLD_SIZE" in environ:
        return max(1, _number(environ["WORLD_SIZE"]))
    per_node = _number(environ.get("NPROC_PER_NODE") or "1")
    return max(1, per_node * _number(environ.get("NNODES") or "1"))


def rank(environ: Mapping[str, str]) -> int:
    """Return the number of this process in the run; 0 is the one that talks and saves."""
    return int(environ.get("RANK", "0"))


def _torchrun_options(environ: Mapping[str, str]) -> tuple[str, ...]:
    alone = (environ.get("NNODES") or "1") == "1" and not any(
        environ.get(name) for name in ("MASTER_ADDR", "MASTER_PORT")
    )
    options = ["--standalone"] if alone else []
    for name in ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        if environ.get(name):
            options += [f"--{name.lower()}", environ[name]]
    return tuple(options)


def _fixed_folder(output_dir: str) -> tuple[str, ...]:
    return ("--output_dir", output_dir, "--add_version", "false")


def _check(environ: Mapping[str, str]) -> None:
    problems = [
        ArgError(name, f"{name}={environ[name]!r} is not a positive number")
        for name, words in _COUNTS.items()
        if environ.get(name) and environ[name] not in words and _number(environ[name]) < 1
    ]
    problems += [
        ArgError(name, f"{name}={environ[name]!r} is not a number")
        for name in _NUMBERS
        if environ.get(name) and not environ[name].isdecimal()
    ]
    if problems:
        raise UsageError(problems)


def _number(text: str) -> int:
    """Return a count; 0 for what is none (NNODES may be a range `1:4`: its upper end counts)."""
    last = text.rpartition(":")[2]
    return int(last) if last.isdecimal() else 0
