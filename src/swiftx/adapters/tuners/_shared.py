"""Names of modules and parameters: which ones a plan means, what is wrong with them; and plugins' tuners."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peft import PeftConfig
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from swiftx.domain.plans.extending import TunerSettings
from swiftx.domain.plans.tuning import PeftPlan, PluginTunerPlan
from swiftx.domain.tuning.registry import TUNERS
from swiftx.domain.tuning.targets import ALL_LINEAR, suffixes_of
from swiftx.errors import ArgError, BackendError, UsageError

_QUANTIZED_LINEAR = ("HQQLinear", "EetqLinear")
"""Linear layers of quantizing libraries that do not derive from torch's."""


def target_modules(model: PreTrainedModel, plan: PeftPlan) -> list[str] | str:
    """Return the targets as PEFT takes them: a regular expression, or endings of module names."""
    if plan.target_regex is not None:
        return plan.target_regex
    if ALL_LINEAR not in plan.targets:
        return list(plan.targets)
    head = model.get_output_embeddings()
    wanted: list[str] = []
    unwanted: list[str] = []
    for name, module in model.named_modules():
        linear = _is_linear(module) and module is not head
        saved = any(ends_with(name, suffix) for suffix in plan.modules_to_save)
        (wanted if linear and not saved else unwanted).append(name)
    return list(suffixes_of(wanted, unwanted=unwanted))


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | Conv1D) or type(module).__name__ in _QUANTIZED_LINEAR


def embeddings_and_norms(model: PreTrainedModel) -> tuple[str, ...]:
    """Return the last names of the input embeddings and of all norms: what LongLoRA trains in full."""
    embedding = model.get_input_embeddings()
    return tuple(
        sorted(
            {
                name.rpartition(".")[2]
                for name, module in model.named_modules()
                if module is embedding
                or (
                    "norm" in type(module).__name__.lower()
                    and any(True for _ in module.parameters())
                )
            }
        )
    )


def touches_tied(model: PreTrainedModel, plan: PeftPlan) -> bool:
    """Return whether an embedding is trained that also is the output head; then both stay one."""
    if not model.config.get_text_config().tie_word_embeddings or plan.target_regex is not None:
        return False
    pair = (model.get_input_embeddings(), model.get_output_embeddings())
    names = [name for name, module in model.named_modules() if any(module is each for each in pair)]
    suffixes = (*plan.modules_to_save, *plan.targets)
    return any(ends_with(name, suffix) for name in names for suffix in suffixes)


def check_names(model: PreTrainedModel, plan: PeftPlan, *, parameters: Sequence[str] = ()) -> None:
    """Refuse a target that matches nothing; PEFT passes over it when another one matches.

    Args:
        model: The model whose modules are named.
        plan: Names modules.
        parameters: Endings of parameter names that must exist.

    Raises:
        UsageError: With every name that matches nothing, and those that there are.
    """
    modules = [name for name, _ in model.named_modules()]
    problems = []
    if plan.target_regex is not None:
        try:
            found = any(re.fullmatch(plan.target_regex, name) for name in modules)
        except re.error as error:
            problems.append(ArgError("target_regex", f"not a regular expression: {error}"))
        else:
            if not found:
                problems.append(_unknown("target_regex", plan.target_regex, modules))
    elif ALL_LINEAR not in plan.targets:
        problems += _missing("target_modules", plan.targets, modules)
    problems += _missing("modules_to_save", plan.modules_to_save, modules)
    names = [name for name, _ in model.named_parameters()]
    problems += _missing("target_parameters", parameters, names)
    if problems:
        raise UsageError(problems)


def ends_with(name: str, suffix: str) -> bool:
    """Return whether a dotted name is, or ends with, another one: the rule of PEFT."""
    return name == suffix or name.endswith(f".{suffix}")


def _missing(argument: str, suffixes: Sequence[str], names: Sequence[str]) -> list[ArgError]:
    return [
        _unknown(argument, suffix, names)
        for suffix in suffixes
        if not any(ends_with(name, suffix) for name in names)
    ]


def _unknown(argument: str, value: str, names: Sequence[str]) -> ArgError:
    endings = sorted({name.rpartition(".")[2] for name in names if name} - set("0123456789"))
    known = ", ".join(ending for ending in endings if not ending.isdigit())
    return ArgError(
        argument, f"{argument}: nothing in the model is called {value!r}", f"there are {known}"
    )


def plugin_config(plan: PluginTunerPlan, *, targets: list[str] | str, task_type: str) -> PeftConfig:
    """Return what the plugin makes of the command line.

    Raises:
        BackendError: It fails, or makes something else.
    """
    settings = TunerSettings(
        targets=targets,
        modules_to_save=plan.modules_to_save,
        task_type=task_type,
        rank=plan.rank,
        alpha=plan.alpha,
        dropout=plan.dropout,
        options=plan.options,
    )
    try:
        made = TUNERS.get(plan.method).function(settings)
    except Exception as error:  # it is the user's code: it may raise anything
        raise BackendError(
            f"the tuner {plan.method!r} of a plugin failed: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, PeftConfig):
        raise BackendError(
            f"the tuner {plan.method!r} of a plugin returned {made!r}",
            hint="return a configuration of PEFT, such as peft.LoraConfig(...)",
        )
    return made
