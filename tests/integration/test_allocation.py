"""Freed memory that is used again, in processes of their own: the allocator is set up once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from swiftx.adapters.system.allocation import keep_freed_memory

_ROUNDS = """
import json, resource, sys
from swiftx.adapters.system.allocation import keep_freed_memory
kept = sys.argv[1] == "keep" and keep_freed_memory()
import torch
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(each << 20) for each in (10, 12, 11)]
    del tensors
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(json.dumps([kept, faults]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_freed_tensors_cost_no_page_faults_when_they_come_again() -> None:
    (_, returned), (kept, faults) = _faults("leave"), _faults("keep")

    assert kept
    assert returned[-1] > 10_000  # 132 MiB of pages of 4 KiB, each time anew
    assert faults[-1] < returned[-1] / 10


def test_an_allocator_that_the_environment_sets_up_is_left_alone() -> None:
    environ = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}

    assert not keep_freed_memory(environ)
    assert environ["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=1"


def test_a_wish_about_large_pages_stays() -> None:
    environ = {"THP_MEM_ALLOC_ENABLE": "0", "LD_PRELOAD": "another.so"}

    keep_freed_memory(environ)

    assert environ["THP_MEM_ALLOC_ENABLE"] == "0"


def _faults(what: str) -> tuple[bool, list[int]]:
    """Return whether memory is kept, and the page faults of each round."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MALLOC_") and not name.startswith("THP_")
    }
    done = subprocess.run(
        [sys.executable, "-c", _ROUNDS, what],
        env=inherited | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = json.loads(done.stdout)
    return kept, faults
