"""Base arguments: accepted by every command that has a model."""

from typing import Literal

from swiftx.domain.args.groups.data import DataArgs
from swiftx.domain.args.groups.generation import GenerationArgs
from swiftx.domain.args.groups.model import ModelArgs
from swiftx.domain.args.groups.packing import PackingArgs
from swiftx.domain.args.groups.quantization import QuantizationArgs
from swiftx.domain.args.groups.template import TemplateArgs
from swiftx.domain.args.spec import JsonObject, Load, arg, arg_group
from swiftx.domain.plans.tuner_names import PEFT_METHODS


@arg_group("Base")
class SourceArgs(ModelArgs, DataArgs, TemplateArgs):
    """What is needed to read a model's configuration and rows: where they are, and the code they bring."""

    adapters: tuple[str, ...] = arg(
        (),
        starred=True,
        aliases=("lora_modules",),
        help="Adapters to load, as folders or hub ids; `name=folder` serves one under a name.",
    )
    ckpt_dir: str | None = arg(
        None,
        help="Checkpoint folder, in old scripts: an adapter folder counts as --adapters, any other as --model.",
    )
    external_plugins: tuple[str, ...] = arg(
        (),
        load=Load.IF_UNSET,
        help="Python files to run first; they register rewards, losses, optimizers and the like.",
    )
    model_kwargs: JsonObject | None = arg(
        None,
        help='Values that only some models know, such as {"fps_max_frames": 12}; they win over environment variables.',
    )
    load_args: bool = arg(
        True,
        help="Take unset arguments from the args.json of the checkpoint or adapter.",
    )
    load_data_args: bool = arg(
        False,
        help="With --load_args, take the data arguments too, to reuse the validation split of the training.",
    )
    use_hf: bool = arg(
        False,
        env=("USE_HF",),
        help="Use the Hugging Face hub for models, data sets and uploads; otherwise ModelScope.",
    )
    hub_token: str | None = arg(
        None,
        secret=True,
        aliases=("push_to_hub_token",),
        help="Access token of the hub; None uses the stored login.",
    )
    custom_register_path: tuple[str, ...] = arg(
        (),
        load=Load.IF_UNSET,
        help="Python files that register models, templates or data sets.",
    )
    trust_remote_code: bool = arg(
        False,
        help="Run Python code that the model repository brings. Only for repositories you trust.",
    )
    ignore_args_error: bool = arg(
        False,
        help="Ignore unknown arguments, as a notebook may pass them.",
    )


@arg_group("Base")
class BaseArgs(SourceArgs, GenerationArgs, QuantizationArgs, PackingArgs):
    """What a run is about: model, data, template, generation, and how it starts."""

    tuner_backend: Literal["peft", "unsloth"] = arg(
        "peft",
        starred=True,
        help="Library that applies the tuner.",
    )
    train_type: str = arg(
        "lora",
        starred=True,
        choices=(
            "lora",
            "full",
            "longlora",
            "adalora",
            "llamapro",
            "adapter",
            "vera",
            "boft",
            "fourierft",
            "reft",
            "bone",
            *PEFT_METHODS,
        ),
        open_choices=True,
        aliases=("tuner_type", "sft_type"),
        load=Load.FORCE,
        help="What is trained: a kind of adapter, or all weights with `full`.",
    )
    seed: int = arg(
        42,
        help="Seed of every random number outside the data set, which has --data_seed.",
    )
    ddp_timeout: int = arg(
        18000000,
        help="Seconds that processes wait for each other before the run fails.",
    )
    ddp_backend: Literal["nccl", "gloo", "mpi", "ccl", "hccl", "cncl", "mccl"] | None = arg(
        None,
        help="Library for communication between processes; None picks by device.",
    )
    use_swift_lora: bool = arg(
        False,
        help="Accepted for old scripts: LoRA always comes from PEFT.",
    )
