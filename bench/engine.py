"""Tokens a second of the pt engine, against one `generate` after the other, static batches, and vLLM.

The packaged model, float32, greedy, all cores: 64 prompts of 5 to 200 tokens, 4 to 128 new tokens each, none
of which ends earlier. Static batches are filled in the order of the prompts, padded on the left, and as long
as their longest answer; one `generate` after the other is measured on every eighth prompt. vLLM runs in the
environment that `make test-vllm` builds, if that is there.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.result import Measure
from swiftx.domain.plans.inference import Completion, GenerationPlan, Request

_MODEL = "smollm2-135m-instruct"
_PROMPTS = 64
_SINGLES = slice(None, None, 8)
_SIZES = (16, 32, 64)
_VLLM = Path(".venv-vllm/bin/python")


class Asked(NamedTuple):
    """A prompt, and how many tokens are wanted."""

    ids: list[int]
    new_tokens: int


def measures() -> list[Measure]:
    from swiftx.adapters.hubs.packaged import PackagedModels
    from swiftx.settings import load_settings

    folder = PackagedModels(load_settings().swiftx_cache).snapshot(_MODEL)
    found = _in_process(sys.executable, "pt", folder)
    ours, static = found["engine"], found["static"]
    size = max(static, key=static.get)
    lines = [
        _against("one generate after the other", ours, found["single"], 3.0),
        _against(f"static batches of {size}, the best", ours, static[size], 1.5),
    ]
    if _VLLM.exists():
        vllm = _in_process(str(_VLLM), "vllm", folder)
        lines.append(_against("vLLM", ours, vllm["engine"], 0.7))
    equal, compared = found["equal"], len(range(_PROMPTS)[_SINGLES])
    same = Measure(
        name="pt engine, answers equal to generate",
        ours=equal,
        reference=compared,
        unit="",
        goal="all",
        kept=equal == compared,
    )
    return [*lines, same]


def _against(what: str, ours: float, reference: float, ratio: float) -> Measure:
    return Measure(
        name=f"pt engine, {what}",
        ours=ours,
        reference=reference,
        unit="tok/s",
        goal=f"ratio >= {ratio}",
        kept=ours >= ratio * reference,
    )


def _in_process(python: str, engine: str, folder: str) -> dict[str, Any]:
    """Return what this module's `main` measures in a process of its own."""
    with tempfile.TemporaryFile("w+") as said:
        ended = subprocess.run(
            [python, "-W", "ignore", "-m", "bench.engine", engine, folder],
            env=os.environ | {"OMP_NUM_THREADS": str(os.cpu_count()), "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            timeout=1200,
        )
        if ended.returncode:
            said.seek(0)
            raise RuntimeError(said.read())
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure one engine, and print what was found as JSON."""
    engine, folder = sys.argv[1:]
    draws = random.Random(0)
    asked = [
        Asked(_prompt(draws, length=draws.randint(5, 200)), draws.randint(4, 128))
        for _ in range(_PROMPTS)
    ]
    print(json.dumps({"pt": _pt, "vllm": _vllm}[engine](folder, asked)))


def _prompt(draws: random.Random, *, length: int) -> list[int]:
    return [draws.randrange(20, 49_000) for _ in range(length)]


def _pt(folder: str, asked: Sequence[Asked]) -> dict[str, Any]:
    import torch
    import transformers

    from swiftx.adapters.engines.transformers import TransformersEngine
    from swiftx.adapters.tokenizers.huggingface import load_tokenizer
    from swiftx.domain.plans.loading import ModelHandle

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    _generated(model, asked[:1])
    singles, single = _timed(partial(_in_batches, model, asked[_SINGLES], 1))
    static = {size: _timed(partial(_in_batches, model, asked, size))[1] for size in _SIZES}
    engine = TransformersEngine(ModelHandle(model), load_tokenizer(folder))
    answers, ours = _timed(lambda: _ids(engine.generate(_requests(asked))))
    engine.close()
    equal = sum(one == other for one, other in zip(answers[_SINGLES], singles, strict=True))
    return {"single": single, "static": static, "engine": ours, "equal": equal}


def _vllm(folder: str, asked: Sequence[Asked]) -> dict[str, Any]:
    from swiftx.adapters.engines import vllm
    from swiftx.adapters.tokenizers.huggingface import load_tokenizer
    from swiftx.domain.args.commands.infer import InferArgs
    from swiftx.domain.inference.engine_options import vllm_plan
    from swiftx.domain.plans.engines import ServedModel
    from swiftx.domain.plans.loading import LoadPlan

    served = ServedModel(loading=LoadPlan(folder=folder, dtype="float32", device="cpu"), seed=0)
    args = InferArgs(
        vllm_enforce_eager=True,
        vllm_max_num_seqs=_PROMPTS,
        vllm_max_model_len=2048,
        vllm_engine_kwargs={"kv_cache_memory_bytes": 1 << 30},
    )
    engine = vllm.start(vllm_plan(args, served), load_tokenizer(folder))
    engine.generate(_requests(asked[:2]))
    _, theirs = _timed(lambda: _ids(engine.generate(_requests(asked))))
    engine.close()
    return {"engine": theirs}


def _in_batches(model: Any, asked: Sequence[Asked], size: int) -> list[list[int]]:
    batches = [asked[start : start + size] for start in range(0, len(asked), size)]
    return [answer for batch in batches for answer in _generated(model, batch)]


def _generated(model: Any, rows: Sequence[Asked]) -> list[list[int]]:
    """Return what the library's own `generate` says to these together."""
    import torch

    longest = max(len(row.ids) for row in rows)
    ids_BT = torch.zeros(len(rows), longest, dtype=torch.long)
    mask_BT = torch.zeros_like(ids_BT)
    for number, row in enumerate(rows):
        ids_BT[number, longest - len(row.ids) :] = torch.tensor(row.ids)
        mask_BT[number, longest - len(row.ids) :] = 1
    output = model.generate(
        ids_BT,
        attention_mask=mask_BT,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=None,
        max_new_tokens=max(row.new_tokens for row in rows),
    )
    return [
        output[number, longest : longest + row.new_tokens].tolist()
        for number, row in enumerate(rows)
    ]


def _requests(asked: Sequence[Asked]) -> list[Request]:
    return [
        Request(
            prompt_ids=row.ids,
            generation=GenerationPlan(temperature=0, max_new_tokens=row.new_tokens),
        )
        for row in asked
    ]


def _ids(answers: Sequence[Completion]) -> list[list[int]]:
    return [list(answer.token_ids) for answer in answers]


def _timed(work: Callable[[], list[list[int]]]) -> tuple[list[list[int]], float]:
    """Return what some work makes, and how many tokens a second."""
    started = time.perf_counter()
    made = work()
    return made, sum(map(len, made)) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
