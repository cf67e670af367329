"""Single rows of the embeddings beside LoRA: PEFT's `trainable_token_indices`, by --peft_args."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tests.integration.sft_run import sft
from transformers import AutoModelForCausalLM

from swiftx.adapters.engines.transformers import TransformersEngine
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.inference import GenerationPlan, Request
from swiftx.domain.plans.loading import LoadPlan

TOKENS = [70, 71, 100]
IDS = [70, 80, 71, 100, 90]


@pytest.mark.parametrize("layout", [{}, {"padding_free": "true"}], ids=str)
def test_only_these_rows_are_trained_and_the_model_answers_with_them(
    tiny_model: str, tmp_path: Path, layout: dict[str, str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    lines = [{"query": f"CD {number}", "response": f"a CDE {number}"} for number in range(8)]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    arguments = {
        **layout,
        "model": tiny_model,
        "template": "chatml",
        "dataset": str(rows),
        "output_dir": str(tmp_path / "run"),
        "add_version": "false",
        "max_steps": "4",
        "save_steps": "2",
        "per_device_train_batch_size": "2",
        "gradient_accumulation_steps": "1",
        "learning_rate": "1e-2",
        "report_to": "none",
        "peft_args": json.dumps({"trainable_token_indices": TOKENS}),
    }

    outcome = sft(arguments)
    first = str(tmp_path / "run" / "checkpoint-2")
    resumed = sft(
        {**arguments, "output_dir": str(tmp_path / "again"), "resume_from_checkpoint": first}
    )

    checkpoint = str(outcome.last_checkpoint)
    saved = load_file(Path(checkpoint) / "adapter_model.safetensors")
    again = load_file(Path(str(resumed.last_checkpoint)) / "adapter_model.safetensors")
    assert all(torch.equal(weight, again[name]) for name, weight in saved.items())
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    before = base.get_input_embeddings().weight.detach().clone()
    merged = PeftModel.from_pretrained(base, checkpoint).merge_and_unload().eval()
    moved = (merged.get_input_embeddings().weight - before).abs().sum(dim=1).nonzero().flatten()
    assert moved.tolist() == TOKENS
    assert _answer(tiny_model, checkpoint) == _greedy(merged)


def _answer(model: str, checkpoint: str) -> list[int]:
    loaded = TransformersLoader().load(LoadPlan(folder=model, dtype="float32", device="cpu"))
    adapted = make_tuner().load(loaded.model, (checkpoint,), trainable=False)
    engine = TransformersEngine(adapted, loaded.tokenizer)
    try:
        plan = GenerationPlan(temperature=0, max_new_tokens=8)
        (answer,) = engine.generate([Request(prompt_ids=IDS, generation=plan)])
    finally:
        engine.close()
    return list(answer.token_ids)


def _greedy(model: torch.nn.Module) -> list[int]:
    ids = list(IDS)
    for _ in range(8):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(IDS) :]
