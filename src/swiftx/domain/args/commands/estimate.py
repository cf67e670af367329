"""`swiftx estimate`."""

from swiftx.domain.args.groups.training import LossArgs, TrainingArgs
from swiftx.domain.args.spec import arg_group


@arg_group
class EstimateArgs(TrainingArgs, LossArgs):
    """The arguments of `sft`; without data, every row is as long as --max_length."""
