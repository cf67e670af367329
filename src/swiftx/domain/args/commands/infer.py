"""`swiftx infer`."""

from swiftx.domain.args.groups.base import BaseArgs
from swiftx.domain.args.groups.lmdeploy import LmdeployArgs
from swiftx.domain.args.groups.merge import MergeArgs
from swiftx.domain.args.groups.serving import InferenceArgs, ServiceArgs
from swiftx.domain.args.groups.sglang import SglangArgs
from swiftx.domain.args.groups.vllm import VllmArgs
from swiftx.domain.args.spec import arg_group


@arg_group
class EngineArgs(BaseArgs, InferenceArgs, MergeArgs, VllmArgs, SglangArgs, LmdeployArgs):
    """What every command has that answers with a model."""


@arg_group
class InferArgs(EngineArgs, ServiceArgs):
    """Chat with a model, or answer a data set."""
