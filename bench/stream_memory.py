"""Memory of `--streaming`: a whole epoch of many rows against one of few; it must not grow with them.

No object stays behind (tracemalloc); the bound leaves room for the steps in which the allocator takes memory.

The rows are those of `data_path`. A fresh child process reads, shuffles, tokenises and packs all of them, and
takes every batch as training does; what is measured is its peak above what it had after the imports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.data_path import write_rows
from bench.first_step import MODEL
from bench.result import Measure

_ROWS = 20_000
_MANY = 200_000

_STREAMED = """
import json, resource, sys
from datetime import date
from swiftx.adapters.hubs.packaged import PackagedModels
from swiftx.adapters.rows.files import FileRows
from swiftx.adapters.rows.numpy_random import NumpyShuffler
from swiftx.adapters.system.local_storage import LocalStorage
from swiftx.adapters.tokenizers.huggingface import load_tokenizer
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.streaming import stream
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.streamed import TokenStream
from swiftx.settings import load_settings

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024

model, rows = sys.argv[1:]
ports = DataPorts(FileRows(), LocalStorage(), NumpyShuffler(), None, list)
folder = PackagedModels(load_settings().swiftx_cache).snapshot(model)
plan = TemplatePlan(name="chatml", today=date(2026, 1, 1), max_length=4096)
template = ChatTemplate(plan, load_tokenizer(folder))
before = resident()
made = TokenStream(stream(DataPlan(dataset=(rows,)), ports).train, template, capacity=4096)
used = 0
for batch in made.batches(2):
    used += len(batch.rows)
    if made.take(batch):
        break
    if used % 50 == 0:
        made.state()  # goes into checkpoints
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rows": used, "bytes": peak - before}))
"""


def measures() -> list[Measure]:
    with tempfile.TemporaryDirectory() as work:
        small, large = (_peak(Path(work) / f"{count}.jsonl", count) for count in (_ROWS, _MANY))
    return [
        Measure(
            name=f"streaming memory, {_MANY:,} rows against {_ROWS:,}",
            ours=large,
            reference=small,
            unit="MB",
            goal="ratio <= 1.2, < 200 MB",
            kept=large <= 1.2 * small and large < 200,
        )
    ]


def _peak(path: Path, count: int) -> float:
    """Return the peak of a stream over so many rows, in MB."""
    write_rows(path, count)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _STREAMED, MODEL, str(path)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["rows"] >= 0.99 * count, found
    return float(found["bytes"]) / 1e6
