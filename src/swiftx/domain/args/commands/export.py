"""`swiftx export`."""

from swiftx.domain.args.groups.base import BaseArgs
from swiftx.domain.args.groups.exporting import ExportingArgs
from swiftx.domain.args.groups.merge import MergeArgs
from swiftx.domain.args.spec import Load, arg, arg_group


@arg_group
class ExportArgs(BaseArgs, MergeArgs, ExportingArgs):
    """Merge, quantize, convert, cache or push."""

    quant_method: str | None = arg(
        None,
        group="Export",
        choices=("gptq", "gptq_v2", "awq", "bnb", "fp8"),
        load=Load.NEVER,
        help="Method that quantizes the weights; gptq and awq calibrate on --dataset.",
    )
    quant_bits: int | str | None = arg(None, load=Load.NEVER)
    max_length: int | None = arg(2048, group="Export", help="Longest calibration row in tokens.")
