"""Vectors of real models: contract, agreement with transformers' own pooling, padding of any kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from tests.contract.pooling_contract import PoolingContract

from swiftx.adapters.engines.pooling import TransformersPooling
from swiftx.adapters.models.pooled import last_positions, pooled
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.pooling import PoolingPlan, PoolingTask

PROMPTS = [[5, 6, 7, 8, 2], [9], [40, 50, 60, 0], [100, 90] * 20]
"""Two end with an id that may be taken for padding."""

CLASSES: dict[PoolingTask, Any] = {
    "embedding": transformers.AutoModel,
    "seq_cls": transformers.AutoModelForSequenceClassification,
    "reranker": transformers.AutoModelForSequenceClassification,
    "generative_reranker": transformers.AutoModelForCausalLM,
}


def make_model(task: PoolingTask, config: Any) -> Any:
    config.num_labels = 3 if task == "seq_cls" else 1
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return CLASSES[task].from_config(config).eval()


def plan_of(task: PoolingTask, **settings: Any) -> PoolingPlan:
    answers = {"positive_token": 10, "negative_token": 11} if task == "generative_reranker" else {}
    return PoolingPlan(task=task, max_model_len=2048, **answers, **settings)


def llama(folder: str) -> Any:
    return transformers.AutoConfig.from_pretrained(folder)


def bert() -> Any:
    return transformers.BertConfig(
        vocab_size=259, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=2048,
    )  # fmt: skip


class TestTransformersPooling(PoolingContract):
    @pytest.fixture(params=[*CLASSES, "bert"])
    def pooling(self, request: pytest.FixtureRequest, tiny_model: str) -> TransformersPooling:
        task: PoolingTask = "seq_cls" if request.param == "bert" else request.param
        config = bert() if request.param == "bert" else llama(tiny_model)
        model = ModelHandle(make_model(task, config))
        return TransformersPooling(model, plan_of(task, max_batch_size=2))

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return PROMPTS


@pytest.mark.parametrize("task", list(CLASSES))
def test_vector_is_that_of_the_unpadded_sequence(tiny_model: str, task: PoolingTask) -> None:
    model = make_model(task, llama(tiny_model))

    vectors = TransformersPooling(ModelHandle(model), plan_of(task)).pool(PROMPTS)

    for prompt, vector in zip(PROMPTS, vectors, strict=True):
        assert vector == pytest.approx(slow_vector(model, task, prompt), abs=1e-5)


def slow_vector(model: Any, task: PoolingTask, prompt: list[int]) -> list[float]:
    """Return what the model says of one sequence without padding, by transformers' means alone."""
    with torch.no_grad():
        ids = torch.tensor([prompt])
        match task:
            case "embedding":
                last = model(ids).last_hidden_state[0, -1]
                return list((last / last.square().sum().sqrt()).tolist())
            case "generative_reranker":
                last = model(ids).logits[0, -1]
                return [float(last[10] - last[11])]
        model.config.pad_token_id = None  # then transformers takes the last token itself
        return list(model(ids).logits[0].tolist())


def test_bert_classifies_as_transformers_does() -> None:
    model = make_model("seq_cls", bert())
    with torch.no_grad():
        expected = [model(torch.tensor([prompt])).logits[0].tolist() for prompt in PROMPTS]

    vectors = TransformersPooling(ModelHandle(model), plan_of("seq_cls")).pool(PROMPTS)

    for vector, own in zip(vectors, expected, strict=True):
        assert vector == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("task", list(CLASSES))
def test_left_padding_gives_the_same_vectors(tiny_model: str, task: PoolingTask) -> None:
    model = make_model(task, llama(tiny_model))
    answers = (10, 11) if task == "generative_reranker" else None
    right = {
        "input_ids": torch.tensor([[5, 6, 2, 0, 0], [7, 8, 9, 4, 3]]),
        "attention_mask": torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]),
    }
    left = {name: torch.stack([each[0].roll(2), each[1]]) for name, each in right.items()}

    with torch.no_grad():
        first = pooled(model, left, task, answer_ids=answers)
        second = pooled(model, right, task, answer_ids=answers)

    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


def test_last_positions_lie_before_the_padding_on_either_side() -> None:
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]])

    assert last_positions(mask).tolist() == [1, 3, 3, 0]
