"""Tests of engines that need an environment of their own; `make test-vllm` and the like make it."""

from __future__ import annotations

from importlib.util import find_spec

from tests.integration.conftest import packaged_cache, packaged_model, tiny_model

__all__ = ["packaged_cache", "packaged_model", "tiny_model"]

collect_ignore = [folder for folder in ("vllm", "sglang", "lmdeploy") if find_spec(folder) is None]
