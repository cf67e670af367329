"""What an engine is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from swiftx.domain.plans.loading import LoadPlan

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The model that an engine answers with, whichever engine that is.

    Attributes:
        adapters: Folders of adapters that change every answer, one on top of the other.
        named_adapters: Name that a request may ask for → folder of the adapter.
        max_model_len: Longest prompt and answer together, in tokens; None for what the model says.
        seed: Of requests that have none of their own.
    """

    loading: LoadPlan
    adapters: tuple[str, ...] = ()
    named_adapters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    max_model_len: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmPlan:
    """How a vLLM engine is built.

    Attributes:
        options: Keyword arguments of `AsyncEngineArgs`.
        withdrawn: The same, of those that newer releases do not have.
        adapters: Name → folder of LoRA adapters that requests may ask for.
        always: Folder of the LoRA adapter of requests that ask for none; None for the bare model.
    """

    options: Mapping[str, Any]
    withdrawn: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    adapters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    always: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SglangPlan:
    """How an SGLang engine is built.

    Attributes:
        options: Keyword arguments of `ServerArgs`.
        withdrawn: The same, of those that newer releases do not have.
        adapters: Name → folder of LoRA adapters that requests may ask for.
        always: Folder of the LoRA adapter of requests that ask for none; None for the bare model.
    """

    options: Mapping[str, Any]
    withdrawn: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    adapters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    always: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LmdeployPlan:
    """How an LMDeploy pipeline is built.

    Attributes:
        folder: The model.
        options: Fields of `TurbomindEngineConfig` or `PytorchEngineConfig`, which both have.
        vision: Fields of `VisionConfig`.
        adapters: Name → folder of LoRA adapters that requests may ask for; only the PyTorch engine has them.
        always: Name, in `adapters`, of the one of requests that ask for none; None for the bare model.
        trust_remote_code: Whether code of the model folder may run.
    """

    folder: str
    options: Mapping[str, Any]
    vision: Mapping[str, Any]
    adapters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    always: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """Where a model is served that answers.

    Attributes:
        base_url: Such as `http://localhost:8000/v1`.
        api_key: None when the service asks for none.
        model: Its name there; None for the first that the service has.
        at_once: Most requests that are open at the same time.
        retries: How often a request is sent again that the service was too busy for.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    at_once: int = 32
    retries: int = 6
