"""`swiftx deploy`."""

from swiftx.domain.args.commands.infer import EngineArgs
from swiftx.domain.args.groups.serving import DeploymentArgs
from swiftx.domain.args.spec import arg, arg_group


@arg_group
class DeployArgs(EngineArgs, DeploymentArgs):
    """Serve a model over HTTP."""

    vllm_use_async_engine: bool = arg(True)
