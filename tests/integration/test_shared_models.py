"""Answers of many requests at once are, token for token, those of `generate` on each alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import transformers
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.adapters.batching.model import SharedModel
from swiftx.adapters.engines.transformers import TransformersEngine
from swiftx.domain.inference.scheduling import Limits
from swiftx.domain.plans.inference import GenerationPlan, Request
from swiftx.domain.plans.loading import ModelHandle

SIZES = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
LAYERS = ["sliding_attention", "full_attention"]
SHARED: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "mistral": {"sliding_window": 16},
    "gemma2": {"head_dim": 8, "sliding_window": 12},
    "gemma3_text": {
        "head_dim": 8,
        "sliding_window": 12,
        "num_hidden_layers": 4,
        "layer_types": LAYERS * 2,
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "falcon": {"alibi": True, "new_decoder_architecture": False},
    "qwen3_moe": {
        "head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
    },
    "gpt_oss": {"head_dim": 8, "sliding_window": 12, "num_local_experts": 4, "layer_types": LAYERS},
    "deepseek_v3": {
        "num_key_value_heads": 4,
        "q_lora_rank": 8,
        "kv_lora_rank": 8,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 12,
        "n_routed_experts": 4,
        "moe_intermediate_size": 16,
        "n_group": 1,
        "topk_group": 1,
        "num_experts_per_tok": 2,
        "first_k_dense_replace": 1,
    },
}
ALONE: dict[str, tuple[dict[str, Any], str]] = {
    "llama": (
        {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
        "positions depend on the longest",
    ),
    "llama4_text": (
        {"attention_chunk_size": 16, "num_local_experts": 2, "head_dim": 8},
        "see chunks",
    ),
    "mamba": ({"state_size": 4}, "attention"),
    "minimax": ({"num_local_experts": 2}, "LinearAttentionLayer"),
    "bloom": ({"n_layer": 2, "n_head": 4}, "attention"),
}
LIMITS = {
    "all at once": Limits(),
    "few slots and long prompts in pieces": Limits(slots=3, prompt_tokens=16),
    "too little memory": Limits(prompt_tokens=32, cache_tokens=200),
}


def prompts() -> list[list[int]]:
    draws = random.Random(0)

    def ids(length: int) -> list[int]:
        return [draws.randrange(3, 259) for _ in range(length)]

    system = ids(40)
    return [*map(ids, (1, 5, 17, 33, 3, 60)), *([*system, *ids(length)] for length in (1, 7, 30))]


NEW_TOKENS = (12, 25, 5, 20, 1, 14, 9, 30, 11)


@pytest.fixture(autouse=True)
def _one_model_a_test() -> Iterator[None]:
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity(level)


def made(kind: str, **changes: Any) -> Any:
    """Return a random model whose greedy answers vary."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **{**SIZES, **changes})
    model = transformers.AutoModelForCausalLM.from_config(config).eval().float()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, 0, 0.25)
    return model


def generated(model: Any, prompt: list[int], new_tokens: int) -> list[int]:
    ids = torch.tensor([prompt])
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=new_tokens,
        eos_token_id=None,
    )
    return output[0, len(prompt) :].tolist()


def answered(model: Any, limits: Limits) -> list[list[int]]:
    engine = TransformersEngine(ModelHandle(model), ByteTokenizer(), limits=limits)
    requests = [
        Request(prompt_ids=prompt, generation=GenerationPlan(temperature=0, max_new_tokens=number))
        for prompt, number in zip(prompts(), NEW_TOKENS, strict=True)
    ]
    answers = engine.generate(requests)
    engine.close()
    return [list(answer.token_ids) for answer in answers]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SHARED)
def test_answers_of_a_batch_are_those_of_each_alone(kind: str) -> None:
    model = made(kind, **SHARED[kind])
    expected = [
        generated(model, prompt, number)
        for prompt, number in zip(prompts(), NEW_TOKENS, strict=True)
    ]
    assert len(set(map(tuple, expected))) == len(expected)
    assert SharedModel(model).alone is None

    for name, limits in LIMITS.items():
        assert answered(model, limits) == expected, name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ALONE)
def test_models_that_cannot_share_answer_one_by_one(kind: str) -> None:
    changes, reason = ALONE[kind]
    model = made(kind, **changes)
    expected = [
        generated(model, prompt, number)
        for prompt, number in zip(prompts(), NEW_TOKENS, strict=True)
    ]

    assert reason in (SharedModel(model).alone or "")
    assert answered(model, Limits()) == expected
