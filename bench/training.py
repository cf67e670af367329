"""Training against transformers' Trainer and PEFT, set up as they document it, in useful tokens a second.

The packaged model in float32 on all cores, rows as long as those of a real chat data set: batch 1 with four
batches a step, batch 8 with rows laid end to end or packed, and full training, also against the rate of this
machine's matrix products and in peak memory. Every run is its own process; its first step is not timed.
What else the machine does spoils single figures: run it on idle cores.

`BENCH_ROWS` names a file to take the rows from, JSON lines with `input_ids` and `labels`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.first_step import MODEL
from bench.result import Measure
from swiftx.domain.training.packing import pack

_ROWS = 16
_CAPACITY = 2048
_WARM_UP = 1  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training run; of `accumulation` batches of `batch` rows a step, or of one pack a step."""

    who: str
    lora: bool = True
    batch: int = 1
    accumulation: int = 1
    packs: Sequence[Sequence[int]] | None = None
    padding_free: bool = False
    checkpointing: bool = True
    rows: Sequence[dict[str, list[int]]] = field(repr=False)

    def steps(self) -> list[list[int]]:
        """Return the numbers of the rows of each step."""
        if self.packs is not None:
            return [list(rows) for rows in self.packs]
        size = self.batch * self.accumulation
        return [list(range(start, start + size)) for start in range(0, len(self.rows), size)]


class Trained(NamedTuple):
    """What a run came to.

    Attributes:
        seconds: Of each timed step.
        tokens: Of each timed step, padding excluded.
        peak: Bytes.
        rate: Floating-point operations a second that the machine's largest matrix products reach.
    """

    seconds: list[float]
    tokens: list[int]
    peak: float
    rate: float
    losses: list[float]

    def speed(self) -> float:
        """Return useful tokens a second."""
        return sum(self.tokens) / sum(self.seconds)


def measures() -> list[Measure]:
    rows = _rows()[:_ROWS]
    packs = _shortest_first(rows)
    plain, ours = Run(who="plain", rows=rows), Run(who="ours", rows=rows)
    packed = replace(ours, packs=packs)
    full = replace(packed, lora=False)
    small = replace(ours, lora=False, accumulation=2, rows=rows[:4])
    runs = {
        "single": replace(ours, accumulation=4),
        "single, plain": replace(plain, accumulation=4),
        "batch, plain": replace(plain, batch=8),
        "flat": replace(ours, batch=8, padding_free=True),
        "packed": packed,
        "full, plain": replace(plain, batch=8, lora=False),
        "full": full,
        "full, kept": replace(full, checkpointing=False),
        "full, single": small,
        "full, single, plain": replace(small, who="plain"),
    }
    found = _trained(runs)
    plain_batch = found["batch, plain"]
    return [
        _faster("LoRA, batch 1 x 4", found["single"], found["single, plain"], 1.15),
        _faster("LoRA, batch 8, padding_free", found["flat"], plain_batch, 1.6),
        _faster("LoRA, packing", found["packed"], plain_batch, 2.0),
        _faster("full, packing", found["full"], found["full, plain"], None),
        _busy("full, packing", full, found["full"], 0.7),
        _busy("full, packing, no checkpointing", runs["full, kept"], found["full, kept"], None),
        _smaller("full, packing", found["full"], found["full, plain"], 0.75),
        _smaller("full, batch 1", found["full, single"], found["full, single, plain"], 0.75),
        _alike("LoRA, batch 1 x 4", found["single"], found["single, plain"], 0.005),
        _alike("full, batch 1", found["full, single"], found["full, single, plain"], 1e-5),
    ]


def _shortest_first(rows: Sequence[dict[str, list[int]]]) -> list[list[int]]:
    """Return the packs of the rows; the one that is least full comes first, and so is not timed."""
    lengths = [len(row["input_ids"]) for row in rows]
    packs = [list(each) for each in pack(lengths, _CAPACITY)]
    return sorted(packs, key=lambda numbers: sum(lengths[number] for number in numbers))


def _faster(name: str, ours: Trained, plain: Trained, ratio: float | None) -> Measure:
    return Measure(
        name=f"{name}, against Trainer",
        ours=ours.speed(),
        reference=plain.speed(),
        unit="tok/s",
        goal="informative" if ratio is None else f"ratio >= {ratio}",
        kept=None if ratio is None else ours.speed() >= ratio * plain.speed(),
    )


def _busy(name: str, run: Run, found: Trained, share: float | None) -> Measure:
    """Hold the arithmetic of the steps against the rate of large matrix products."""
    done = sum(_operations(run, rows) for rows in run.steps()[_WARM_UP:]) / sum(found.seconds)
    return Measure(
        name=f"{name}: arithmetic",
        ours=done / 1e9,
        reference=found.rate / 1e9,
        unit="GFLOP/s",
        goal="informative" if share is None else f"ratio >= {share}",
        kept=None if share is None else done >= share * found.rate,
    )


def _smaller(name: str, ours: Trained, plain: Trained, ratio: float) -> Measure:
    return Measure(
        name=f"{name}: peak memory",
        ours=ours.peak / 1e9,
        reference=plain.peak / 1e9,
        unit="GB",
        goal=f"ratio <= {ratio}",
        kept=ours.peak <= ratio * plain.peak,
    )


def _alike(name: str, ours: Trained, plain: Trained, share: float) -> Measure:
    """The first losses are of the same weights; dropout, where there is one, is all that differs."""
    return Measure(
        name=f"{name}: loss of the first step",
        ours=ours.losses[0],
        reference=plain.losses[0],
        unit="",
        goal=f"within {share:.3%}",
        kept=abs(ours.losses[0] / plain.losses[0] - 1) <= share,
    )


_LAYERS, _HIDDEN, _INNER, _KEYS, _VOCABULARY = 30, 576, 1536, 192, 49152
_LAYER_WEIGHTS = 2 * _HIDDEN * _HIDDEN + 2 * _HIDDEN * _KEYS + 3 * _HIDDEN * _INNER


def _operations(run: Run, rows: Iterable[int]) -> float:
    """Return the floating-point operations that a step of full training needs.

    Two a weight and token in the forward pass, twice that backward, and the layers' forward again where
    activations are not kept. For `l` tokens of a row, of which `k` have a label, with `p` passes of 4 (or 3
    where activations are kept): `p * layers * (2 l w + 2 l^2 h) + 6 k h v`. A token attends to those before
    it only, hence 2 and not 4; logits are of tokens with a label; norms and activations count for nothing.
    """
    passes = 4 if run.checkpointing else 3
    total = 0.0
    for number in rows:
        row = run.rows[number]
        length = len(row["input_ids"])
        labels = sum(label != -100 for label in row["labels"][1:])
        layer = 2 * length * _LAYER_WEIGHTS + 2 * length * length * _HIDDEN
        total += passes * _LAYERS * layer + 3 * 2 * labels * _HIDDEN * _VOCABULARY
    return total


def _rows() -> list[dict[str, list[int]]]:
    """Return token rows: a prompt that is not trained on, and an answer of about 60 % of the row."""
    given = os.environ.get("BENCH_ROWS")
    if given:
        return [json.loads(line) for line in Path(given).read_text().splitlines()]
    draws = random.Random(0)
    rows = []
    for _ in range(_ROWS):
        length = min(1023, max(52, int(draws.lognormvariate(5.45, 0.64))))
        ids = [draws.randrange(1000, 40000) for _ in range(length)]
        prompt = 2 * length // 5
        rows.append({"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]})
    return rows


def _trained(runs: dict[str, Run]) -> dict[str, Trained]:
    """Return the outcome of each run."""
    from swiftx.adapters.hubs.packaged import PackagedModels
    from swiftx.settings import load_settings

    folder = PackagedModels(load_settings().swiftx_cache).snapshot(MODEL)
    return {name: _outcome(run, _in_process(run, folder)) for name, run in runs.items()}


def _outcome(run: Run, found: dict[str, Any]) -> Trained:
    timed = run.steps()[_WARM_UP:]
    return Trained(
        seconds=found["seconds"],
        tokens=[sum(len(run.rows[row]["input_ids"]) for row in rows) for rows in timed],
        peak=found["peak"],
        rate=found["rate"],
        losses=found["losses"],
    )


def _in_process(run: Run, folder: str) -> dict[str, Any]:
    """Return what `bench.training_run` measures in a process of its own."""
    with tempfile.TemporaryDirectory() as work:
        asked = Path(work) / "run.json"
        asked.write_text(json.dumps(asdict(run) | {"model": folder, "steps": len(run.steps())}))
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "bench.training_run", str(asked)],
            env={"OMP_NUM_THREADS": str(os.cpu_count())} | os.environ | {"HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=1200,
        )
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found
