"""LoRA and its variants, through PEFT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from swiftx.adapters.models.lora_files import (
    adapter_dtype,
    cast_adapters,
    is_adapter,
    remember_initial,
)
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import LoraPlan, TunerPlan
from swiftx.domain.tuning.targets import ALL_LINEAR, suffixes_of
from swiftx.errors import ArgError, BackendError, NotFound, UsageError

_CHANGES_BASE = ("pissa", "olora")


class PeftTuner:
    """Puts low-rank adapters on a model."""

    def attach(self, model: ModelHandle, plan: TunerPlan) -> ModelHandle:
        """Return the model with new adapters, the only trainable parameters beside those of the plan."""
        if not isinstance(plan, LoraPlan):
            raise TypeError(f"PeftTuner cannot carry out {plan!r}")
        base = cast(PreTrainedModel, model)
        _check_names(base, plan)
        config = LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=plan.rank,
            lora_alpha=plan.alpha,
            lora_dropout=plan.dropout,
            bias=plan.bias,
            target_modules=_targets(base, plan),
            target_parameters=list(plan.target_parameters) or None,
            modules_to_save=list(plan.modules_to_save) or None,
            ensure_weight_tying=_touches_tied(base, plan),
            init_lora_weights=_initialisation(plan.init_weights),
            use_dora=plan.use_dora,
            use_rslora=plan.use_rslora,
        )
        torch.manual_seed(plan.seed)
        try:
            tuned = get_peft_model(base, config)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise UsageError([ArgError(None, f"PEFT refuses this LoRA: {error}")]) from error
        if plan.init_weights.startswith(_CHANGES_BASE):
            remember_initial(tuned)
        cast_adapters(tuned, plan.dtype)
        return cast(ModelHandle, tuned)

    def load(
        self, model: ModelHandle, adapters: Sequence[str], *, trainable: bool = False
    ) -> ModelHandle:
        """Return the model with the last adapter on it; those before it are folded into the weights."""
        for folder in adapters:
            if not is_adapter(folder):
                raise NotFound(
                    f"{folder!r} holds no adapter_config.json, so it is not an adapter",
                    hint="name the checkpoint folder itself, such as output/…/checkpoint-100",
                )
        for position, folder in enumerate(adapters):
            last = position == len(adapters) - 1
            tuned = _loaded(cast(PreTrainedModel, model), folder, trainable=trainable and last)
            model = cast(ModelHandle, tuned if last else tuned.merge_and_unload())
        return model


def _loaded(model: PreTrainedModel, folder: str, *, trainable: bool) -> PeftModel:
    try:
        tuned = PeftModel.from_pretrained(model, folder, is_trainable=trainable)
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise BackendError(
            f"the adapter in {folder!r} does not fit the model: {error}",
            hint="use the model that it was trained on (base_model_name_or_path in its adapter_config.json)",
        ) from error
    cast_adapters(tuned, adapter_dtype(folder))
    return tuned


def _initialisation(name: str) -> bool | str:
    return {"true": True, "false": False}.get(name.lower(), name)


def _targets(model: PreTrainedModel, plan: LoraPlan) -> list[str] | str:
    if plan.target_regex is not None:
        return plan.target_regex
    if ALL_LINEAR not in plan.targets:
        return list(plan.targets)
    head = model.get_output_embeddings()
    wanted: list[str] = []
    unwanted: list[str] = []
    for name, module in model.named_modules():
        linear = isinstance(module, nn.Linear | Conv1D) and module is not head
        saved = any(_ends_with(name, suffix) for suffix in plan.modules_to_save)
        (wanted if linear and not saved else unwanted).append(name)
    return list(suffixes_of(wanted, unwanted=unwanted))


def _touches_tied(model: PreTrainedModel, plan: LoraPlan) -> bool:
    """Return whether an embedding is trained that also is the output head; then both stay one."""
    if not model.config.get_text_config().tie_word_embeddings or plan.target_regex is not None:
        return False
    pair = (model.get_input_embeddings(), model.get_output_embeddings())
    names = [name for name, module in model.named_modules() if any(module is each for each in pair)]
    suffixes = (*plan.modules_to_save, *plan.targets)
    return any(_ends_with(name, suffix) for name in names for suffix in suffixes)


def _check_names(model: PreTrainedModel, plan: LoraPlan) -> None:
    """Refuse a target that matches nothing; PEFT passes over it when another one matches."""
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
    parameters = [name for name, _ in model.named_parameters()]
    problems += _missing("target_parameters", plan.target_parameters, parameters)
    if problems:
        raise UsageError(problems)


def _missing(argument: str, suffixes: Sequence[str], names: Sequence[str]) -> list[ArgError]:
    return [
        _unknown(argument, suffix, names)
        for suffix in suffixes
        if not any(_ends_with(name, suffix) for name in names)
    ]


def _ends_with(name: str, suffix: str) -> bool:
    return name == suffix or name.endswith(f".{suffix}")


def _unknown(argument: str, value: str, names: Sequence[str]) -> ArgError:
    endings = sorted({name.rpartition(".")[2] for name in names if name} - set("0123456789"))
    known = ", ".join(ending for ending in endings if not ending.isdigit())
    return ArgError(
        argument, f"{argument}: nothing in the model is called {value!r}", f"there are {known}"
    )
