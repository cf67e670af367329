"""Absent libraries, and libraries that talk too much."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from swiftx.bootstrap.machine import settings
from swiftx.errors import MissingDependency

_CHATTERERS = (
    "torchao",
    "bitsandbytes.autograd._functions",
    "bitsandbytes.backends.cpu.ops",
    "DeepSpeed",
    "torch.utils._pytree",
)
"""Loggers of libraries that warn of parts for other devices as soon as somebody imports them."""


@contextmanager
def extra(extra: str) -> Iterator[None]:
    """Turn the import error of an absent library into the advice to install the extra that has it."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if not name or name == "swiftx":
            raise
        raise MissingDependency(name, extra=extra) from error


def quiet_libraries() -> None:
    """Keep libraries from sending usage data, and from advice about their own options.

    What they log is seen with LOG_LEVEL=DEBUG only.
    """
    for name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "TRANSFORMERS_NO_ADVISORY_WARNINGS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if settings().log_level == "DEBUG":
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "info")
        return
    for name in _CHATTERERS:
        logging.getLogger(name).addFilter(_is_grave)  # their level they set themselves, on import


def _is_grave(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr)
