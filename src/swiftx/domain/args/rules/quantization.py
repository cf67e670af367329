"""Rules about quantizing weights, on loading or for export."""

from __future__ import annotations

from collections.abc import Sequence

from swiftx.domain.args.rule import Facts, Values, check, rule
from swiftx.errors import ArgError

_BITS = {
    "bnb": (4, 8),
    "hqq": (1, 2, 3, 4, 8),
    "eetq": (8,),
    "quanto": (2, 4, 8, "float8"),
    "torchao": (4, 8, "float8"),
    "gptq": (2, 3, 4, 8),
    "gptq_v2": (2, 3, 4, 8),
    "awq": (4,),
}


@rule("bnb_4bit_compute_dtype", needs=("torch_dtype",))
def four_bit_weights_compute_in_bfloat16_or_float32(values: Values, _: Facts) -> object:
    """Rule Q4: float32 beside float16 weights, whose range is too small."""
    return "bfloat16" if values.torch_dtype == "bfloat16" else "float32"


@check("quant_bits", "quant_method")
def bits_belong_to_a_method(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rules Q1, Q2, Q3, Q5 and E5. Bits without a method would quantize nothing, silently."""
    method, bits = values.quant_method, values.quant_bits
    if method is None:
        return () if bits is None else [_no_method(values, bits)]
    if bits is None:
        if method not in _BITS:
            return ()
        hint = f"Add --quant_bits with one of: {_listed(method)}."
        return [ArgError("quant_bits", f"quant_method {method} needs the number of bits.", hint)]
    if method in _BITS and bits not in _BITS[method]:
        message = f"quant_bits: {method} cannot quantize to {bits!r}."
        return [ArgError("quant_bits", message, f"Choose one of: {_listed(method)}.")]
    return ()


def _no_method(values: Values, bits: object) -> ArgError:
    exporting = values.command in ("export", "merge-lora")
    methods = "awq, gptq or bnb" if exporting else "bnb, hqq, eetq, quanto or torchao"
    return ArgError(
        "quant_method",
        f"quant_bits {bits} does nothing without a quantization method.",
        f"Add --quant_method {methods}.",
    )


def _listed(method: str) -> str:
    return ", ".join(str(bits) for bits in _BITS[method])


STEPS = (four_bit_weights_compute_in_bfloat16_or_float32,)
CHECKS = (bits_belong_to_a_method,)
