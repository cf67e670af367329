"""The engine's answers to requests of every kind in one batch, against those to each request alone.

The model computes in float64 and normalises without going through float32, so that a difference cannot be
rounding: whatever differs is a bug.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
import transformers
from tests.contract.engine_contract import greedy

from swiftx.adapters.engines.transformers import PREFIX_BYTES, TransformersEngine
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer
from swiftx.domain.inference.scheduling import Limits
from swiftx.domain.plans.inference import Completion, Request
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.ports.tokenizer import Tokenizer

LENGTH = 512
SYSTEM = "<system> You answer in few words and never lie. " * 2
WORDS = ("The quick", "brown fox", "over", "数一数", "Who are you?", " and ", "é")


def make_engine(tokenizer: Tokenizer, **settings: Any) -> TransformersEngine:
    config = transformers.PhiConfig(
        vocab_size=259, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=LENGTH,
        bos_token_id=0, eos_token_id=2, pad_token_id=0, initializer_range=0.15,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = transformers.AutoModelForCausalLM.from_config(config)
    handle = ModelHandle(model.double().eval())
    return TransformersEngine(handle, tokenizer, max_model_len=LENGTH, **settings)


def any_request(draw: random.Random, tokenizer: Tokenizer) -> Request:
    """Return a request with any of the ways to choose tokens, often with a beginning that others have."""
    text = "".join(draw.choice(WORDS) for _ in range(draw.randint(1, 12)))
    prompt = tokenizer.encode(draw.choice(["", SYSTEM]) + text)
    ways: dict[str, tuple[float, Any]] = {
        "sampled": (0.7, {"temperature": draw.choice([0.3, 0.9, 1.5]), "seed": draw.randint(0, 999)}),
        "top_k": (0.4, {"top_k": draw.choice([1, 5, 50])}),
        "top_p": (0.4, {"top_p": draw.choice([0.3, 0.9])}),
        "min_p": (0.2, {"min_p": 0.1}),
        "repetition": (0.3, {"repetition_penalty": draw.choice([0.8, 1.3])}),
        "presence": (0.2, {"presence_penalty": 0.5}),
        "frequency": (0.2, {"frequency_penalty": 0.3}),
        "bias": (0.2, {"logit_bias": ((draw.randint(0, 258), 3.0), (draw.randint(0, 258), -100.0))}),
        "logprobs": (0.5, {"logprobs": True, "top_logprobs": draw.choice([0, 3])}),
        "least": (0.2, {"min_new_tokens": draw.randint(1, 10)}),
        "ids": (0.5, {"stop_ids": (2, 40, 50)}),
        "words": (0.2, {"stop_words": ("a", "e")}),
    }  # fmt: skip
    settings: dict[str, Any] = {"max_new_tokens": draw.randint(1, 40)}
    for chance, setting in ways.values():
        if draw.random() < chance:
            settings |= setting
    return greedy(prompt, **settings)


def gone_on(request: Request, answer: Completion, tokenizer: Tokenizer) -> Request:
    """Return the next turn of a conversation, which begins with all that was said."""
    prompt = [*request.prompt_ids, *answer.token_ids, *tokenizer.encode(" more")]
    return Request(prompt_ids=prompt, generation=request.generation)


def assert_same(found: Completion, expected: Completion, request: Request) -> None:
    def said(answer: Completion) -> tuple[object, ...]:
        return (answer.token_ids, answer.text, answer.finish_reason)

    assert said(found) == said(expected), request
    for one, other in zip(found.logprobs or (), expected.logprobs or (), strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-6), request
        assert [token for token, _ in one.top] == [token for token, _ in other.top], request


@pytest.mark.parametrize("seed", range(4))
def test_no_answer_depends_on_what_else_the_engine_does(seed: int, tiny_model: str) -> None:
    draw = random.Random(seed)
    raw = transformers.AutoTokenizer.from_pretrained(tiny_model)
    tokenizer = HuggingFaceTokenizer(raw)
    limits = Limits(
        slots=draw.choice([2, 5, 16, -1]),
        prompt_tokens=draw.choice([16, 64, 512]),
        cache_tokens=draw.choice([None, 1500]),
    )
    prefix_bytes = draw.choice([1 << 14, 1 << 20, PREFIX_BYTES])
    together = make_engine(tokenizer, limits=limits, prefix_bytes=prefix_bytes)
    alone = make_engine(tokenizer, prefix_bytes=0)
    first = [any_request(draw, tokenizer) for _ in range(draw.randint(8, 20))]

    answers = together.generate(first)
    later = [gone_on(*each, tokenizer) for each in zip(first, answers, strict=True)]
    under_way = [together.submit(each, lambda _: None) for each in later[::3]]
    for each in under_way[::2]:
        each.cancel()
    requests: Sequence[Request] = [*first, *later, *first]
    answers += together.generate(requests[len(first) :])

    for request, answer in zip(requests, answers, strict=True):
        (expected,) = alone.generate([request])
        assert_same(answer, expected, request)
    together.close()
    alone.close()
