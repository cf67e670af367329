"""Rows to tokens: how many a second and in how much memory, against `apply_chat_template` row by row.

The rows are conversations of two rounds, some 385 tokens of English and Python from the manual that Python
brings; no two texts are the same. Ours is the whole of it: reading, normalising, shuffling, rendering,
tokenising, statistics, and writing what training reads. The reference parses a line and calls
`apply_chat_template` with a mask of the answers. Every figure comes from a fresh child process; the shares
of one core are in CPU time, those of two processes in wall time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pydoc_data.topics
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.first_step import MODEL
from bench.result import Measure

_ROWS = 20_000
_MANY = 200_000
_REFERENCE_ROWS = 2_000
_RUNS = 3
_FEW = 200

_CLOCK = """
import json, os, resource, sys, time
def used():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024
"""

_OURS = (
    _CLOCK
    + """
from datetime import date
from swiftx.adapters.rows.encoded_folders import FolderStore
from swiftx.adapters.rows.files import FileRows
from swiftx.adapters.rows.numpy_random import NumpyShuffler
from swiftx.adapters.rows.spool import SpooledRows
from swiftx.adapters.system.clock import SystemClock
from swiftx.adapters.system.forked_workers import ForkedWorkers
from swiftx.adapters.system.local_storage import LocalStorage
from swiftx.adapters.tokenizers import quickest
from swiftx.adapters.tokenizers.huggingface import load_tokenizer
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.tokenized import TokenPorts, tokenize

class Silent:
    def say(self, text): pass
    def warn(self, text): print(text, file=sys.stderr)
    def table(self, title, rows): pass

folder, rows, scratch, processes, way, backend = sys.argv[1:]
if way == "tokenizers":
    quickest._WAYS = tuple(each for each in quickest._WAYS if each.name != "fastokens")
data = DataPorts(FileRows(), LocalStorage(), NumpyShuffler(), None, lambda: SpooledRows(scratch))
ports = TokenPorts(data=data, encoded=FolderStore(scratch), workers=ForkedWorkers(int(processes)),
                   clock=SystemClock(), reporter=Silent())
tokenizer = load_tokenizer(folder)
plan = TemplatePlan(name="chatml", today=date(2026, 1, 1), max_length=4096, template_backend=backend)
before, cpu, wall = resident(), used(), time.perf_counter()
made = tokenize(DataPlan(dataset=(rows,)), ChatTemplate(plan, tokenizer), ports, cache=None).train
cpu, wall = used() - cpu, time.perf_counter() - wall
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rows": len(made.rows), "cpu": cpu, "wall": wall, "bytes": peak - before,
                  "tokens": sum(made.rows.lengths)}))
"""
)

_REFERENCE = (
    _CLOCK
    + """
from transformers import AutoTokenizer
folder, rows, limit = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
template = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}"
    "{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}")
cpu, wall, tokens = used(), time.perf_counter(), 0
made = []
with open(rows, encoding="utf-8") as file:
    for line in file:
        row = json.loads(line)
        found = tokenizer.apply_chat_template(row["messages"], chat_template=template, tokenize=True,
                                              return_dict=True, return_assistant_tokens_mask=True)
        ids = found["input_ids"]
        made.append((ids, [i if kept else -100 for i, kept in zip(ids, found["assistant_masks"])]))
        tokens += len(ids)
        if len(made) == int(limit):
            break
print(json.dumps({"rows": len(made), "cpu": used() - cpu, "wall": time.perf_counter() - wall,
                  "tokens": tokens}))
"""
)

_FIRST_STEP = (
    _CLOCK
    + """
from swiftx.adapters.trainers.loop import Loop
from swiftx.cli.main import main
def report(*_, **__):
    print(json.dumps({"cpu": used()}), flush=True)
    os._exit(0)
Loop.training_step = report
sys.argv = ["swiftx", *sys.argv[1:]]
main()
"""
)

_FOLDER = """
import json, sys
from swiftx.adapters.hubs.packaged import PackagedModels
from swiftx.settings import load_settings
print(json.dumps({"folder": PackagedModels(load_settings().swiftx_cache).snapshot(sys.argv[1])}))
"""


def measures() -> list[Measure]:
    folder = _printed(_FOLDER, MODEL)["folder"]
    with tempfile.TemporaryDirectory() as work:
        rows, many, few = (Path(work) / f"{count}.jsonl" for count in (_ROWS, _MANY, _FEW))
        for path, count in ((rows, _ROWS), (many, _MANY), (few, _FEW)):
            write_rows(path, count)
        return [
            *_speeds(folder, str(rows), work),
            *_memory(folder, str(rows), str(many), work),
            _first_step(str(rows), str(few), work),
        ]


def _speeds(folder: str, rows: str, work: str) -> list[Measure]:
    ways = {"tokenizers": ("1", "tokenizers", "swift"), "two": ("2", "tokenizers", "swift"),
            "own": ("1", "tokenizers", "jinja")}  # fmt: skip
    if importlib.util.find_spec("fastokens"):
        ways["fast"] = ("1", "fastest", "swift")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in (*ways, "reference")}
    for _ in range(_RUNS):  # in turns: what slows the machine down slows all of them down
        for name, options in ways.items():
            runs[name].append(_printed(_OURS, folder, rows, work, *options))
        runs["reference"].append(_printed(_REFERENCE, folder, rows, str(_REFERENCE_ROWS)))

    def compared(name: str, what: str, clock: str, goal: float | None) -> Measure:
        ours, reference = (
            max(run["rows"] / run[clock] for run in runs[which]) for which in (name, "reference")
        )
        return Measure(
            name=what,
            ours=ours,
            reference=reference,
            unit="rows/s",
            goal="" if goal is None else f"ratio >= {goal}",
            kept=None if goal is None else ours >= goal * reference,
        )

    found = [
        compared("tokenizers", "jsonl to tokens, one core", "cpu", 2.5),
        compared("two", "jsonl to tokens, --dataset_num_proc 2", "wall", 4.0),
        compared("own", "jsonl to tokens, the tokenizer's own template", "cpu", None),
    ]
    if "fast" in ways:
        found.append(compared("fast", "jsonl to tokens, one core, extra `fast`", "cpu", 20.0))
    return found


def _memory(folder: str, rows: str, many: str, work: str) -> list[Measure]:
    small, large = (
        _printed(_OURS, folder, path, work, "1", "tokenizers", "swift")["bytes"] / 1e6
        for path in (rows, many)
    )
    return [
        Measure(
            name=f"memory over the imports, {_MANY:,} rows against {_ROWS:,}",
            ours=large,
            reference=small,
            unit="MB",
            goal="ratio <= 1.1, < 400 MB",
            kept=large <= 1.1 * small and large < 400,
        )
    ]


def _first_step(rows: str, few: str, work: str) -> Measure:
    def seconds(path: str) -> float:
        run = ("sft", "--model", MODEL, "--dataset", path, "--load_from_cache_file", "true")
        return float(_printed(_FIRST_STEP, *run, "--output_dir", f"{work}/run")["cpu"])

    for path in (rows, few):
        seconds(path)  # warms the cache
    ours, reference = (min(seconds(path) for _ in range(_RUNS)) for path in (rows, few))
    return Measure(
        name=f"first step, warm cache, {_ROWS:,} rows against {_FEW}",
        ours=ours,
        reference=reference,
        unit="s CPU",
        goal="ratio <= 1.3",
        kept=ours <= 1.3 * reference,
    )


def write_rows(path: Path, count: int) -> None:
    """Write conversations of two rounds and some 385 tokens."""
    draws = random.Random(0)
    manual = "\n\n".join(pydoc_data.topics.topics.values())
    sentences = [text for text in re.split(r"(?<=[.:])\s+|\n\n", manual) if 20 < len(text) < 400]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            texts = [
                " ".join([*draws.choices(sentences, k=size), str(number)]) for size in (1, 6, 1, 6)
            ]
            roles = ("user", "assistant", "user", "assistant")
            messages = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")


def _printed(script: str, *arguments: str) -> dict[str, Any]:
    """Return the object that a child process prints last."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
           "RAYON_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found
