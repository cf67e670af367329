"""Domain tests run with nothing heavy: an import of any of these libraries is an error here.

The block covers the collection and the run of this folder only, so that one session may also run
the folders that need the libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

hypothesis.settings.register_profile("swiftx", deadline=None)  # the machine may be busy
hypothesis.settings.load_profile("swiftx")

_HERE = Path(__file__).parent

HEAVY = frozenset(
    "torch numpy transformers tokenizers datasets peft trl accelerate safetensors vllm sglang lmdeploy "
    "modelscope huggingface_hub gguf pydantic pydantic_settings yaml pyarrow pandas matplotlib "
    "tensorboard gradio fastapi".split()
)


class _Blocker(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = fullname.partition(".")[0]
        # A library that another folder's tests loaded may go on: hypothesis uses numpy when it is there.
        if package in HEAVY and (package == fullname or package not in sys.modules):
            raise ImportError(f"{fullname} imported from a domain test")
        return None


@contextmanager
def _blocked() -> Iterator[None]:
    blocker = _Blocker()
    sys.meta_path.insert(0, blocker)
    try:
        yield
    finally:
        sys.meta_path.remove(blocker)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    with _blocked():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not item.path.is_relative_to(_HERE):  # pytest calls this hook for every folder's tests
        return (yield)
    with _blocked():
        return (yield)
