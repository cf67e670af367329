"""The environment variables that steer the process rather than the run: log level, launch, caches.

Arguments have environment variables too (`SWIFTX_<NAME>`); those belong to the argument model. Imported
only when a command really runs: pydantic costs more time than a help page.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from swiftx.errors import ArgError, UsageError


def _level(value: object) -> object:
    name = str(value).strip().upper()
    if name not in logging.getLevelNamesMapping():
        raise ValueError("expected DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return name


def _folder(value: object) -> object:
    return os.path.abspath(os.path.expanduser(value)) if isinstance(value, str) else value


_Folder = Annotated[str, BeforeValidator(_folder)]


class Settings(BaseSettings):
    """Process variables, checked; an empty variable counts as unset."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, case_sensitive=True
    )

    log_level: Annotated[str, BeforeValidator(_level)] = Field(
        default="INFO",
        validation_alias="LOG_LEVEL",
        description="Least grave of what is said; DEBUG adds the logs of libraries and tracebacks.",
    )
    swiftx_cache: _Folder = Field(
        default_factory=lambda: os.path.expanduser("~/.cache/swiftx"),
        validation_alias="SWIFTX_CACHE",
        description="Folder for converted models and prepared data. (default: ~/.cache/swiftx)",
    )
    modelscope_cache: _Folder | None = Field(
        default=None,
        validation_alias="MODELSCOPE_CACHE",
        description="Folder for downloads from ModelScope; on several nodes let all share one.",
    )
    timeout_s: float = Field(
        default=20.0,
        gt=0,
        validation_alias=AliasChoices("SWIFTX_TIMEOUT", "SWIFT_TIMEOUT"),
        description="Seconds to wait for an image, audio or video that a row names by URL.",
    )
    root_image_dir: _Folder | None = Field(
        default=None,
        validation_alias="ROOT_IMAGE_DIR",
        description="Folder that relative paths of images, audios and videos in rows start from.",
    )
    debug: bool = Field(
        default=False,
        validation_alias="SWIFT_DEBUG",  # SWIFTX_DEBUG sets the argument --debug
        description="Print the token ids that go into a model and come out of it during inference.",
    )
    weight_bucket_mb: int = Field(
        default=512,
        gt=0,
        validation_alias=AliasChoices(
            "SWIFTX_UPDATE_WEIGHTS_BUCKET_SIZE", "SWIFT_UPDATE_WEIGHTS_BUCKET_SIZE"
        ),
        description="Megabytes of weights sent at once to a rollout server.",
    )
    serve_queue: int = Field(
        default=256,
        ge=-1,
        validation_alias="SWIFTX_SERVE_QUEUE",
        description="Answers that may wait for the model in deploy; more get status 429. -1: no limit.",
    )
    serve_body_mb: int = Field(
        default=16,
        gt=0,
        validation_alias="SWIFTX_SERVE_BODY_MB",
        description="Megabytes of the largest request that deploy reads.",
    )
    serve_timeout_s: float = Field(
        default=600.0,
        gt=0,
        validation_alias="SWIFTX_SERVE_TIMEOUT",
        description="Seconds after which deploy gives an answer up.",
    )
    serve_drain_s: float = Field(
        default=30.0,
        gt=0,
        validation_alias="SWIFTX_SERVE_DRAIN",
        description="Seconds that answers under way have to end when deploy is told to stop.",
    )
    nproc_per_node: str | None = Field(
        default=None,
        validation_alias="NPROC_PER_NODE",
        description="Processes on this machine. Set, it makes pt, sft, rlhf and infer start torchrun.",
    )
    nnodes: str | None = Field(
        default=None,
        validation_alias="NNODES",
        description="Machines of the run. Set, it makes pt, sft, rlhf and infer start torchrun.",
    )
    node_rank: int | None = Field(
        default=None,
        ge=0,
        validation_alias="NODE_RANK",
        description="Number of this machine, from 0.",
    )
    master_addr: str | None = Field(
        default=None, validation_alias="MASTER_ADDR", description="Address of machine 0."
    )
    master_port: int | None = Field(
        default=None,
        gt=0,
        lt=65536,
        validation_alias="MASTER_PORT",
        description="Port on machine 0. (default: a free one on one machine, 29500 on several)",
    )
    local_rank: int | None = Field(
        default=None,
        ge=0,
        validation_alias="LOCAL_RANK",
        description="Set by torchrun: number of this process on its machine; only 0 talks.",
    )


class TaskSettings(BaseSettings):
    """Variables of the losses of embeddings and rerankers; an empty variable counts as unset."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, case_sensitive=True
    )

    infonce_temperature: float = Field(
        default=0.01,
        gt=0,
        validation_alias="INFONCE_TEMPERATURE",
        description="Similarities are divided by it in the loss infonce.",
    )
    infonce_use_batch: bool = Field(
        default=True,
        validation_alias="INFONCE_USE_BATCH",
        description="In infonce, documents of other rows are negatives too, on all devices. (default: true)",
    )
    infonce_hard_negatives: int | None = Field(
        default=None,
        gt=0,
        validation_alias="INFONCE_HARD_NEGATIVES",
        description="Negatives of a row in infonce: the first so many, or some of them again.",
    )
    infonce_mask_fake_negative: bool = Field(
        default=False,
        validation_alias="INFONCE_MASK_FAKE_NEGATIVE",
        description="In infonce, leave out documents more similar than the positive by 0.1.",
    )
    listwise_temperature: float = Field(
        default=1.0,
        gt=0,
        validation_alias="LISTWISE_RERANKER_TEMPERATURE",
        description="Scores are divided by it in the listwise losses of rerankers.",
    )
    listwise_min_group_size: int = Field(
        default=2,
        gt=0,
        validation_alias="LISTWISE_RERANKER_MIN_GROUP_SIZE",
        description="Questions with fewer documents do not count in the listwise losses.",
    )
    positive_token: str = Field(
        default="yes",
        validation_alias="GENERATIVE_RERANKER_POSITIVE_TOKEN",
        description="What a generative reranker answers to a relevant document.",
    )
    negative_token: str = Field(
        default="no",
        validation_alias="GENERATIVE_RERANKER_NEGATIVE_TOKEN",
        description="What it answers to another one.",
    )
    max_positive_samples: int = Field(
        default=1,
        gt=0,
        validation_alias="MAX_POSITIVE_SAMPLES",
        description="Positives drawn from each row of a reranker.",
    )
    max_negative_samples: int = Field(
        default=7,
        gt=0,
        validation_alias="MAX_NEGATIVE_SAMPLES",
        description="Negatives drawn for each positive of a reranker.",
    )


PASSED_ON: Mapping[str, str] = {
    "CUDA_VISIBLE_DEVICES": "Which NVIDIA devices are used. (default: all)",
    "ASCEND_RT_VISIBLE_DEVICES": "Which Ascend devices are used. (default: all)",
    "PYTORCH_CUDA_ALLOC_CONF": "Read by PyTorch; expandable_segments:True lowers fragmentation.",
    "VLLM_USE_V1": "Read by vLLM: which generation of its engine runs.",
}
"""Variables that only the libraries read, for the reference pages."""


def load_settings() -> Settings:
    """Read the process variables.

    Raises:
        UsageError: A variable has a value that it cannot have; lists all of them.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise UsageError([_problem(detail) for detail in error.errors()]) from None


def load_task_settings() -> TaskSettings:
    """Read the variables of tasks.

    Raises:
        UsageError: A variable has a value that it cannot have; lists all of them.
    """
    try:
        return TaskSettings()
    except ValidationError as error:
        raise UsageError([_problem(detail) for detail in error.errors()]) from None


def variables() -> Mapping[str, str]:
    """Return what each variable does, in declaration order."""
    texts: dict[str, str] = {}
    fields = (*Settings.model_fields.values(), *TaskSettings.model_fields.values())
    for field in fields:
        alias = field.validation_alias
        name, *older = alias.choices if isinstance(alias, AliasChoices) else [alias]
        described = f"{field.description}{_default(field)}"
        texts |= {str(name): described, **{str(old): f"Older name of {name}." for old in older}}
    return {**texts, **PASSED_ON}


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None or field.default in (None, False):
        return ""
    return f" (default: {field.default})"


def _problem(detail: Mapping[str, object]) -> ArgError:
    variable = _variable(detail["loc"])
    reason = str(detail["msg"]).removeprefix("Value error, ")
    return ArgError(variable, f"{variable}={detail['input']!r}: {reason}.", "Change or unset it.")


def _variable(location: object) -> str:
    """Return the variable that was set, of the newer and the older name."""
    newest = str(location[0]) if isinstance(location, tuple) and location else "environment"
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        names = [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else []
        if newest in names:
            return next((name for name in names if os.environ.get(name)), newest)
    return newest
