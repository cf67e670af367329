"""Rules about fully sharded data parallel training: what `--fsdp` and its configuration may say.

The names are those of transformers and of accelerate's files, with or without `fsdp_` before them. They were
made for FSDP1; what FSDP2 always does may be said, what it cannot do is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.args.coerce import one_of
from swiftx.domain.args.rule import Facts, Values, check
from swiftx.errors import ArgError

SHARDINGS = ("full_shard", "shard_grad_op", "hybrid_shard", "hybrid_shard_zero2")
_OPTIONS = (*SHARDINGS, "offload", "auto_wrap")
_WRAPS = ("TRANSFORMER_BASED_WRAP", "NO_WRAP")
_STATES = ("SHARDED_STATE_DICT", "FULL_STATE_DICT")
_SWITCHES = ("reshard_after_forward", "cpu_offload", "offload_params", "activation_checkpointing")
_SETTINGS = (
    *_SWITCHES,
    "auto_wrap_policy",
    "transformer_layer_cls_to_wrap",
    "state_dict_type",
)
_ALWAYS: Mapping[str, object] = {
    "version": 2,
    "use_orig_params": True,
    "sync_module_states": True,
    "limit_all_gathers": True,
    "min_num_params": 0,
    "forward_prefetch": False,
    "cpu_ram_efficient_loading": False,
    "xla": False,
    "xla_fsdp_v2": False,
    "xla_fsdp_grad_ckpt": False,
}
_BY_SIZE = "FSDP2 gathers layers, and cannot gather the lists of layers that are larger than they"
_WHY: Mapping[str, str] = {
    "min_num_params": _BY_SIZE,
    "version": "FSDP1 is on its way out of PyTorch and transformers; swiftx shards with FSDP2",
    "cpu_ram_efficient_loading": "every process looks at the whole model before it is spread",
}
_ADD = "Add --fsdp full_shard, or leave it out."
_SIZES = ("dp_replicate_size", "dp_shard_size")
_OTHER_SIZES: Mapping[str, str] = {
    "tp_size": "it needs models loaded by a tensor parallel plan, and rows dealt to groups of processes",
    "cp_size": "it needs sequences cut over processes, which packed rows and their attention are not",
    "sp_size": "it needs sequences cut over processes, which packed rows and their attention are not",
}


def fsdp_options(value: str | None) -> tuple[str, ...]:
    """Return the options that `--fsdp` names; none where it is off.

    Example:
        >>> fsdp_options("shard_grad_op auto_wrap")
        ('shard_grad_op', 'auto_wrap')
        >>> fsdp_options("true"), fsdp_options("false")
        (('full_shard',), ())
    """
    words = tuple((value or "").lower().replace(",", " ").split())
    if words == ("false",):
        return ()
    return ("full_shard",) if words == ("true",) else words


def fsdp_settings(value: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the configuration under plain names.

    Example:
        >>> fsdp_settings({"fsdp_offload_params": True})
        {'offload_params': True}
    """
    if not isinstance(value, Mapping):
        return {}
    return {name.removeprefix("fsdp_"): setting for name, setting in value.items()}


def is_on(value: object) -> bool:
    """Return whether a switch is on; files also write it as text."""
    return value is True or str(value).lower() == "true"


@check("fsdp_min_num_params")
def layers_are_gathered_whatever_their_size(values: Values, _: Facts) -> Sequence[ArgError]:
    if not values.fsdp_min_num_params:
        return ()
    message = f"fsdp_min_num_params={values.fsdp_min_num_params} cannot be: {_BY_SIZE}."
    return [ArgError("fsdp_min_num_params", message, "Leave it out.")]


@check("fsdp", "deepspeed", "device_map", "fsdp_config", "parallelism_config")
def one_engine_spreads_the_model(values: Values, _: Facts) -> Sequence[ArgError]:
    options = fsdp_options(values.fsdp)
    if not options:
        idle = [name for name in ("fsdp_config", "parallelism_config") if getattr(values, name)]
        return [
            ArgError(name, f"{name} says how FSDP spreads a model, and --fsdp is off.", _ADD)
            for name in idle
        ]
    errors = [
        ArgError(name, f"fsdp and {name} exclude each other: {reason}.", f"Leave out --{name}.")
        for name, reason in (
            ("deepspeed", "both spread the model"),
            ("device_map", "FSDP places the model"),
        )
        if getattr(values, name)
    ]
    return [*errors, *_wrong_options(options)]


def _wrong_options(options: Sequence[str]) -> list[ArgError]:
    errors = [
        ArgError(
            "fsdp",
            "fsdp: no_shard is plain data parallel training.",
            "Leave out --fsdp.",
        )
        if option == "no_shard"
        else ArgError("fsdp", f"fsdp: {option!r} is no option.", one_of(option, _OPTIONS))
        for option in options
        if option not in _OPTIONS
    ]
    ways = [option for option in options if option in SHARDINGS]
    if not errors and len(ways) != 1:
        message = f"fsdp: {' '.join(options)!r} names {len(ways)} ways to shard; one is expected."
        errors.append(ArgError("fsdp", message, f"Choose one of: {', '.join(SHARDINGS)}."))
    return errors


@check("fsdp_config", "fsdp")
def fsdp_has_a_configuration_that_it_can_follow(values: Values, _: Facts) -> Sequence[ArgError]:
    config = values.fsdp_config
    if isinstance(config, str):
        message = f"fsdp_config: {config!r} is neither JSON nor a file that exists."
        return [ArgError("fsdp_config", message, 'Write {"activation_checkpointing": true}.')]
    return [
        ArgError("fsdp_config", f"fsdp_config: {problem[0]}.", problem[1])
        for name, setting in fsdp_settings(config).items()
        if (problem := _problem(name, setting)) is not None
    ]


def _problem(name: str, setting: object) -> tuple[str, str | None] | None:
    """Return what is wrong with one setting and what to do; None when nothing is."""
    if name in _ALWAYS:
        if str(setting).lower() == str(_ALWAYS[name]).lower():
            return None
        why = _WHY.get(name, "FSDP2 has no such choice")
        return f"{name}={setting} cannot be: {why}", "Leave it out."
    if name == "backward_prefetch":
        return f"{name} is FSDP1's; FSDP2 fetches ahead by itself", "Leave it out."
    if name not in _SETTINGS:
        return f"{name!r} is no setting", one_of(name, (*_SETTINGS, *_ALWAYS))
    if name in _SWITCHES and str(setting).lower() not in ("true", "false"):
        return f"{name}={setting!r} is neither true nor false", None
    if name == "auto_wrap_policy" and str(setting).upper() == "SIZE_BASED_WRAP":
        return f"{name}={setting} cannot be: {_BY_SIZE}", "Leave it out."
    for wanted, choices in (("auto_wrap_policy", _WRAPS), ("state_dict_type", _STATES)):
        if name == wanted and str(setting).upper() not in choices:
            return f"{name}={setting!r} is unknown", one_of(str(setting), choices)
    return None


@check("parallelism_config", "fsdp")
def processes_are_grouped_for_data_only(values: Values, _: Facts) -> Sequence[ArgError]:
    """Sizes of accelerate: FSDP spreads a model inside a group and keeps a copy a group."""
    errors = []
    for name, size in (values.parallelism_config or {}).items():
        if name not in (*_SIZES, *_OTHER_SIZES):
            message = f"parallelism_config: {name!r} is no size."
            hint = one_of(name, (*_SIZES, *_OTHER_SIZES))
            errors.append(ArgError("parallelism_config", message, hint))
        elif not isinstance(size, int) or size < 1:
            message = f"parallelism_config: {name}={size!r} is no number of processes."
            errors.append(ArgError("parallelism_config", message, "Use 1 or more."))
        elif name in _OTHER_SIZES and size > 1:
            message = f"parallelism_config: {name}={size} is not built: {_OTHER_SIZES[name]}."
            errors.append(
                ArgError("parallelism_config", message, "Use dp_replicate_size and dp_shard_size.")
            )
    return errors


CHECKS = (
    layers_are_gathered_whatever_their_size,
    one_engine_spreads_the_model,
    fsdp_has_a_configuration_that_it_can_follow,
    processes_are_grouped_for_data_only,
)
