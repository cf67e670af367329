"""Tuner arguments that several kinds of training share."""

from swiftx.domain.args.groups.adalora import AdaLoraArgs
from swiftx.domain.args.groups.adapter import AdapterArgs
from swiftx.domain.args.groups.boft import BoftArgs
from swiftx.domain.args.groups.fourierft import FourierFtArgs
from swiftx.domain.args.groups.full import FullArgs
from swiftx.domain.args.groups.galore import GaLoreArgs
from swiftx.domain.args.groups.lisa import LisaArgs
from swiftx.domain.args.groups.llamapro import LlamaProArgs
from swiftx.domain.args.groups.lora import LoraArgs
from swiftx.domain.args.groups.lora_ga import LoraGaArgs
from swiftx.domain.args.groups.reft import ReftArgs
from swiftx.domain.args.groups.vera import VeraArgs
from swiftx.domain.args.spec import JsonObject, arg, arg_group


@arg_group("Tuner")
class TunerArgs(
    FullArgs,
    LoraArgs,
    LoraGaArgs,
    FourierFtArgs,
    BoftArgs,
    VeraArgs,
    GaLoreArgs,
    LisaArgs,
    LlamaProArgs,
    AdaLoraArgs,
    ReftArgs,
    AdapterArgs,
):
    """Which modules are trained, and how their adapters start."""

    freeze_llm: bool = arg(
        False,
        starred=True,
        help="Multimodal models: keep the language model as it is (full), or without adapters.",
    )
    freeze_vit: bool = arg(
        True,
        starred=True,
        help="Multimodal models: keep the vision and audio towers as they are (full), or without adapters.",
    )
    freeze_aligner: bool = arg(
        True,
        starred=True,
        help="Multimodal models: keep the aligner as it is (full), or without adapters.",
    )
    target_modules: tuple[str, ...] = arg(
        ("all-linear",),
        starred=True,
        aliases=("lora_target_modules",),
        value_aliases={"ALL": "all-linear"},
        help="Modules that get an adapter, by the end of their name. `all-linear`: every linear layer but lm_head.",
    )
    target_regex: str | None = arg(
        None,
        starred=True,
        help="Regular expression over module names; replaces --target_modules.",
    )
    target_parameters: tuple[str, ...] | None = arg(
        None,
        help="Parameters that get LoRA though they belong to no linear module, such as fused experts.",
    )
    init_weights: bool | str = arg(
        True,
        choices=(
            "true",
            "false",
            "gaussian",
            "pissa",
            "pissa_niter_4",
            "olora",
            "loftq",
            "lora-ga",
            "eva",
            "corda",
            "orthogonal",
            "mica",
            "bat",
        ),
        open_choices=True,
        help="How adapter weights start: true is the method's own way; pissa_niter_N sets the iterations.",
    )
    peft_args: JsonObject | None = arg(
        None,
        help='Further fields of PEFT\'s configuration of the method, as JSON, such as {"r": 8}; they win over other arguments.',
    )
    modules_to_save: tuple[str, ...] = arg(
        (),
        starred=True,
        help="Modules trained in full beside the adapter and saved with it, such as embed_tokens lm_head.",
    )
