"""Everything that PEFT does: LoRA and its variants, and its other methods, by one table of configurations."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import torch
from peft import PeftConfig, PeftModel, PeftType, TaskType, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from transformers import PreTrainedModel

from swiftx.adapters.models.lora_files import (
    adapter_dtype,
    cast_adapters,
    had_shifted_attention,
    is_adapter,
    remember_initial,
)
from swiftx.adapters.models.pooled import heads_of
from swiftx.adapters.models.sampled_inits import finish_init, prepare_init
from swiftx.adapters.models.shifted_attention import SHIFTED
from swiftx.adapters.tuners._shared import (
    check_names,
    embeddings_and_norms,
    plugin_config,
    target_modules,
    touches_tied,
)
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import (
    AdaLoraPlan,
    BoftPlan,
    BonePlan,
    FourierFtPlan,
    LoraPlan,
    PeftPlan,
    PluginTunerPlan,
    TunerPlan,
    VeraPlan,
)
from swiftx.domain.tuning.targets import ALL_LINEAR
from swiftx.errors import ArgError, BackendError, NotFound, UsageError

_CHANGES_BASE = ("pissa", "olora", "lora_ga", "corda")
_OWN_TARGETS = frozenset({"IA3", "LN_TUNING"})
"""Methods that change particular modules, which PEFT knows for each family of models."""
_INIT_FIELDS = ("init_lora_weights", "init_ia3_weights", "init_weights")
_REMARKS = (
    "Failed to load the CUDA extension|Setting boft_n_butterfly_factor|Unsupported layer type"
    "|lora with eva init|Full backward hook|Detected that the base layer has no bias"
)
"""Beginnings of warnings about what is as it should be."""
_NO_END = 10**9  # steps; the trainer sets the real number before the first


class PeftTuner:
    """Puts adapters of PEFT on a model."""

    def attach(
        self, model: ModelHandle, plan: TunerPlan, samples: Sequence[Encoded] = ()
    ) -> ModelHandle:
        """Return the model with new adapters, the only trainable parameters beside those of the plan."""
        if not isinstance(plan, PeftPlan):
            raise TypeError(f"PeftTuner cannot carry out {plan!r}")
        base = cast(PreTrainedModel, model)
        plan = _with_heads(base, plan)
        if isinstance(plan, LoraPlan) and plan.shifted_attention:
            plan = replace(
                plan, modules_to_save=(*plan.modules_to_save, *embeddings_and_norms(base))
            )
            base.set_attn_implementation(SHIFTED)
        lora = plan if isinstance(plan, LoraPlan) else None
        check_names(base, plan, parameters=lora.target_parameters if lora else ())
        with _refusals(plan):
            config = _config(base, plan)
            torch.manual_seed(plan.seed)
            if lora and lora.sampled:
                prepare_init(base, config, samples, lora.sampled)
            tuned = get_peft_model(base, config)
            if lora and lora.sampled:
                finish_init(tuned, samples, lora.sampled)
        if lora and str(config.init_lora_weights).startswith(_CHANGES_BASE):
            remember_initial(tuned)
        if lora:
            cast_adapters(tuned, lora.dtype)
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
            model = cast(ModelHandle, tuned) if last else self.fold(cast(ModelHandle, tuned))
        return model

    def fold(self, model: ModelHandle) -> ModelHandle:
        """Return the base model with the adapter in its weights."""
        if not isinstance(model, PeftModel):
            return model
        method = model.active_peft_config.peft_type.value
        try:
            return cast(ModelHandle, model.merge_and_unload(safe_merge=True))
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            raise BackendError(
                f"adapters of {method} cannot be merged into the weights: {error}",
                hint="use them as they are, with --adapters",
            ) from error


def _with_heads(model: PreTrainedModel, plan: PeftPlan) -> PeftPlan:
    """Train a head for classes whole: it may be new, and it is small."""
    saved = dict.fromkeys((*plan.modules_to_save, *heads_of(model)))
    return replace(plan, modules_to_save=tuple(saved))


def _task_type(model: PreTrainedModel) -> TaskType:
    if heads_of(model):
        return TaskType.SEQ_CLS
    tokens = model.get_output_embeddings() is not None
    return TaskType.CAUSAL_LM if tokens else TaskType.FEATURE_EXTRACTION


def _lora(plan: LoraPlan) -> dict[str, Any]:
    return {
        "r": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": plan.dropout,
        "bias": plan.bias,
        "target_parameters": list(plan.target_parameters) or None,
        "use_dora": plan.use_dora,
        "use_rslora": plan.use_rslora,
        "lora_ga_config": None if plan.lora_ga is None else dict(plan.lora_ga),
        "eva_config": {} if plan.init_weights == "eva" else None,
        "corda_config": {} if plan.init_weights == "corda" else None,
    }


def _adalora(plan: AdaLoraPlan) -> dict[str, Any]:
    return {
        "target_r": plan.target_r,
        "init_r": plan.init_r,
        "tinit": plan.tinit,
        "tfinal": plan.tfinal,
        "deltaT": plan.delta_t,
        "beta1": plan.beta1,
        "beta2": plan.beta2,
        "orth_reg_weight": plan.orth_reg_weight,
        "lora_alpha": plan.alpha,
        "lora_dropout": plan.dropout,
        "total_step": _NO_END,
    }


def _vera(plan: VeraPlan) -> dict[str, Any]:
    return {
        "r": plan.rank,
        "projection_prng_key": plan.projection_prng_key,
        "vera_dropout": plan.dropout,
        "d_initial": plan.d_initial,
    }


def _boft(plan: BoftPlan) -> dict[str, Any]:
    return {
        "boft_block_size": plan.block_size,
        "boft_block_num": plan.block_num,
        "boft_n_butterfly_factor": plan.n_butterfly_factor,
        "boft_dropout": plan.dropout,
    }


def _fields(plan: PeftPlan) -> dict[str, Any]:
    """Return what a plan sets of PEFT's configuration of its method, beside the modules."""
    match plan:
        case LoraPlan():
            return _lora(plan)
        case AdaLoraPlan():
            return _adalora(plan)
        case VeraPlan():
            return _vera(plan)
        case BoftPlan():
            return _boft(plan)
        case FourierFtPlan():
            return {"n_frequency": plan.n_frequency, "scaling": plan.scaling}
        case BonePlan():
            return {"r": plan.rank, "miss_dropout": plan.dropout}
        case _:
            return {}


def _config(model: PreTrainedModel, plan: PeftPlan) -> PeftConfig:
    if isinstance(plan, PluginTunerPlan):
        return plugin_config(
            plan, targets=target_modules(model, plan), task_type=_task_type(model).value
        )
    kind = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[plan.method]]
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    unknown = sorted(plan.options.keys() - known)
    if unknown:
        raise UsageError(
            [
                ArgError(
                    "peft_args",
                    f"peft_args: {plan.method} has no {', '.join(unknown)}",
                    f"it has {', '.join(sorted(known))}",
                )
            ]
        )
    leaves_targets = plan.method in _OWN_TARGETS and plan.targets == (ALL_LINEAR,)
    shared: dict[str, Any] = {
        "task_type": _task_type(model),
        "target_modules": None
        if leaves_targets and plan.target_regex is None
        else target_modules(model, plan),
        "modules_to_save": list(plan.modules_to_save) or None,
        "ensure_weight_tying": touches_tied(model, plan),
    }
    if plan.init_weights != "true":  # what is true for one method is called otherwise in another
        shared |= dict.fromkeys(_INIT_FIELDS, _initialisation(plan.init_weights))
    taken = {name: value for name, value in shared.items() if name in known}
    return kind(**{**taken, **_fields(plan), **plan.options})


def _initialisation(name: str) -> bool | str:
    words: dict[str, bool | str] = {"false": False, "lora-ga": "lora_ga"}
    return words.get(name, name)


@contextmanager
def _refusals(plan: PeftPlan) -> Iterator[None]:
    """Turn what PEFT does not want into advice."""
    try:
        with _without_remarks():
            yield
    except UsageError:
        raise
    except (ValueError, TypeError, NotImplementedError, KeyError, AttributeError) as error:
        raise UsageError(
            [ArgError(None, f"PEFT refuses this {plan.method}: {error}", _advice(plan))]
        ) from error
    except ImportError as error:
        raise UsageError(
            [ArgError("train_type", f"PEFT's {plan.method} needs another library: {error}")]
        ) from error
    except AssertionError as error:
        if "CUDA" not in str(error):
            raise
        raise UsageError(
            [
                ArgError(
                    "init_weights",
                    f"PEFT computes init_weights={plan.init_weights!r} on a CUDA device only",
                    "there is none here; use pissa, olora, eva, corda or lora-ga",
                )
            ]
        ) from error


@contextmanager
def _without_remarks() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_REMARKS)
        yield


def _advice(plan: PeftPlan) -> str | None:
    if type(plan) is not PeftPlan:
        return None
    return "its options are the fields of its configuration in PEFT; set them by --peft_args JSON"


def _loaded(model: PreTrainedModel, folder: str, *, trainable: bool) -> PeftModel:
    try:
        with _without_remarks():
            tuned = PeftModel.from_pretrained(model, folder, is_trainable=trainable)
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise BackendError(
            f"the adapter in {folder!r} does not fit the model: {error}",
            hint="use the model that it was trained on (base_model_name_or_path in its adapter_config.json)",
        ) from error
    cast_adapters(tuned, adapter_dtype(folder))
    if trainable and had_shifted_attention(folder):
        tuned.get_base_model().set_attn_implementation(SHIFTED)
    return tuned
