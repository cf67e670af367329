"""`router_aux_loss_coef`: the loss that makes a mixture of experts use them evenly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.integration.sft_run import sft
from transformers import AutoTokenizer, MixtralConfig, MixtralForCausalLM

EXPERTS, CHOSEN = 4, 2
PROMPT, ANSWER = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n", "an answer<|im_end|>\n"


@pytest.fixture(scope="module")
def experts(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A mixture of four experts with the tiny model's tokenizer."""
    folder = tmp_path_factory.mktemp("moe")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = MixtralConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, num_local_experts=EXPERTS,
            num_experts_per_tok=CHOSEN, max_position_embeddings=512, bos_token_id=0, pad_token_id=0,
            eos_token_id=2, initializer_range=0.5,
        )  # fmt: skip
        MixtralForCausalLM(config).save_pretrained(folder)
    return str(folder)


def _run(folder: str, output: Path, **changes: str) -> list[float]:
    """Return the losses of a run over one row, again and again."""
    rows = output.with_suffix(".jsonl")
    rows.write_text(json.dumps({"query": "q", "response": "an answer"}) + "\n", encoding="utf-8")
    sft(
        {
            "model": folder,
            "template": "chatml",
            "dataset": str(rows),
            "output_dir": str(output),
            "add_version": "false",
            "train_type": "full",
            "gradient_accumulation_steps": "1",
            "max_steps": "1",
            "logging_steps": "1",
            "learning_rate": "1e-9",
            "save_strategy": "no",
            "dataloader_num_workers": "0",
            "report_to": "none",
            **changes,
        }
    )
    text = (output / "logging.jsonl").read_text(encoding="utf-8")
    lines = map(json.loads, text.splitlines())
    return [line["loss"] for line in lines if "loss" in line and "learning_rate" in line]


def _unevenness(folder: str) -> float:
    """Return experts × Σ share of choices × mean probability, over all layers and tokens, in lists.

    Source: https://arxiv.org/abs/2101.03961, equations 4 to 6, for several experts a token.
    """
    model = MixtralForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(PROMPT + ANSWER, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        layers = model(ids, output_router_logits=True).router_logits
    tokens = [torch.softmax(token, dim=-1).tolist() for layer in layers for token in layer]
    choices, probabilities = [0.0] * EXPERTS, [0.0] * EXPERTS
    for token in tokens:
        for expert in sorted(range(EXPERTS), key=lambda expert: -token[expert])[:CHOSEN]:
            choices[expert] += 1 / len(tokens)
        for expert in range(EXPERTS):
            probabilities[expert] += token[expert] / len(tokens)
    return EXPERTS * sum(a * b for a, b in zip(choices, probabilities, strict=True))


def test_the_loss_has_the_unevenness_of_the_experts_added(experts: str, tmp_path: Path) -> None:
    (plain,) = _run(experts, tmp_path / "plain")
    (added,) = _run(experts, tmp_path / "added", router_aux_loss_coef="0.5")

    assert added - plain == pytest.approx(0.5 * _unevenness(experts), abs=1e-5)


def test_training_with_it_makes_their_use_more_even(experts: str, tmp_path: Path) -> None:
    output = tmp_path / "even"
    _run(
        experts,
        output,
        router_aux_loss_coef="10",
        learning_rate="1e-2",
        max_steps="20",
        save_strategy="steps",
        save_steps="20",
    )

    assert _unevenness(str(output / "checkpoint-20")) < _unevenness(experts) - 0.05
