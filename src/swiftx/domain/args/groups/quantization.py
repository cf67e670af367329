"""Quantization arguments: quantize weights while loading them."""

from typing import Literal

from swiftx.domain.args.spec import Load, arg, arg_group


@arg_group("Quantization")
class QuantizationArgs:
    """Quantize the weights while they are loaded; `export` adds methods that need data."""

    quant_method: str | None = arg(
        None,
        starred=True,
        choices=("bnb", "hqq", "eetq", "quanto", "torchao", "fp8"),
        load=Load.IF_UNSET,
        help="Quantize the weights on loading with this method; None loads them as they are.",
    )
    quant_bits: int | str | None = arg(
        None,
        starred=True,
        choices=("1", "2", "3", "4", "8", "float8"),
        aliases=("quantization_bit",),
        load=Load.IF_UNSET,
        help="Bits per weight; --quant_method says which are possible. None: only fp8 needs none.",
    )
    hqq_axis: int | None = arg(
        None,
        load=Load.IF_UNSET,
        help="Axis along which HQQ groups the weights; None is HQQ's own default.",
    )
    bnb_4bit_compute_dtype: Literal["float16", "bfloat16", "float32"] | None = arg(
        None,
        aliases=("bnb_4bit_comp_dtype",),
        value_aliases={"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"},
        load=Load.IF_UNSET,
        help="Number format that 4-bit bitsandbytes computes in; None follows --torch_dtype.",
    )
    bnb_4bit_quant_type: Literal["fp4", "nf4"] = arg(
        "nf4",
        load=Load.FORCE,
        help="4-bit data type of bitsandbytes.",
    )
    bnb_4bit_use_double_quant: bool = arg(
        True,
        load=Load.FORCE,
        help="Quantize the scales of 4-bit bitsandbytes as well.",
    )
    bnb_4bit_quant_storage: str | None = arg(
        None,
        help="Number format that 4-bit bitsandbytes stores packed weights in; None is its own default.",
    )
