from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest
from tests.fakes.pooling import CountingPooling
from tests.fakes.service import VectorApi, vector_service
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.inference.scores import Meaning, class_names, sigmoid, softmax
from swiftx.domain.ports.server import Exchange
from swiftx.errors import BackendError

EMBEDDING = Meaning(task="embedding")


def by_length(*scale: float) -> CountingPooling:
    """Return an engine whose numbers are multiples of how many tokens there are."""
    return CountingPooling(
        len(scale), score=lambda prompt: tuple(factor * len(prompt) for factor in scale)
    )


def classifier(kind: str, **more: Any) -> VectorApi:
    return vector_service(Meaning(task="seq_cls", problem_type=kind, **more), by_length(0.01, 0.03))


def test_base64_is_little_endian_float32() -> None:
    service = vector_service(EMBEDDING, CountingPooling(4))

    _, plain = service.post("/v1/embeddings", {"input": [[1, 2, 3]]})
    _, packed = service.post("/v1/embeddings", {"input": [1, 2, 3], "encoding_format": "base64"})

    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert struct.unpack("<4f", raw) == pytest.approx(plain["data"][0]["embedding"], abs=1e-6)
    assert plain["usage"] == packed["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert service.pooling.prompts == [[1, 2, 3], [1, 2, 3]]


def test_texts_go_through_the_template() -> None:
    service = vector_service(EMBEDDING, CountingPooling(4))

    service.post("/v1/embeddings", {"input": "red"})

    (prompt,) = service.pooling.prompts
    assert "<|im_start|>user\nred<|im_end|>" in ByteTokenizer().decode(prompt)


def test_documents_are_ranked_by_a_score_that_is_a_probability_unless_logits_are_wanted() -> None:
    pooling = by_length(0.01)
    service = vector_service(Meaning(task="reranker"), pooling)
    body = {"query": "which?", "documents": ["ab", {"text": "abcd"}, "a"]}

    _, ranked = service.post("/v1/rerank", body)
    _, best = service.post("/rerank", {**body, "top_n": 1, "return_documents": False})
    _, raw = service.post("/v1/rerank", {**body, "use_activation": False})

    assert [each["index"] for each in ranked["results"]] == [1, 0, 2]
    assert ranked["results"][0]["document"] == {"text": "abcd"}
    logits = [each["relevance_score"] for each in raw["results"]]
    assert logits == [0.01 * len(pooling.prompts[number]) for number in (1, 0, 2)]
    scores = [each["relevance_score"] for each in ranked["results"]]
    assert scores == [1 / (1 + math.exp(-logit)) for logit in logits]
    assert best["results"] == [{"index": 1, "relevance_score": scores[0]}]
    assert ranked["usage"]["total_tokens"] == sum(map(len, pooling.prompts[:3]))


def test_reranker_use_activation_false_gives_logits_where_nobody_asks() -> None:
    service = vector_service(Meaning(task="reranker", activation=False), by_length(0.01))

    _, answer = service.post("/v1/score", {"text_1": "a", "text_2": ["b", "cd"]})

    lengths = [len(prompt) for prompt in service.pooling.prompts]
    assert [each["score"] for each in answer["data"]] == [0.01 * length for length in lengths]


def test_pairs_are_one_with_each_or_in_step() -> None:
    service = vector_service(Meaning(task="reranker"), by_length(0.01))

    status, _ = service.post("/v1/score", {"queries": ["a", "b"], "documents": ["c", "d"]})
    wrong, answer = service.post("/v1/score", {"queries": ["a", "b"], "documents": ["c"]})
    mixed, _ = service.post("/v1/score", {"queries": ["a"], "text_2": ["c"]})

    assert (status, wrong, mixed) == (200, 400, 400)
    assert answer["error"]["param"] == "documents"


def test_embeddings_are_scored_by_their_angle_and_a_query_is_read_once() -> None:
    def turned(prompt: Any) -> tuple[float, ...]:
        angle = len(prompt) / 10
        return (math.cos(angle), math.sin(angle))

    service = vector_service(EMBEDDING, CountingPooling(2, score=turned))

    _, answer = service.post("/v1/score", {"text_1": "a", "text_2": ["b", "bcdef"]})
    _, paired = service.post("/v1/score", {"text_1": ["a", "bcdef"], "text_2": ["a", "a"]})

    assert len(service.pooling.prompts) == 3 + 4
    scores = [each["score"] for each in (*answer["data"], *paired["data"])]
    assert scores == pytest.approx([1.0, math.cos(0.4), 1.0, math.cos(0.4)])


def test_classes_have_probabilities_that_fit_the_problem() -> None:
    one = classifier("single_label_classification", labels={1: "joy"})
    several = classifier("multi_label_classification")

    _, single = one.post("/v1/classify", {"input": "Hi"})
    _, multi = several.post("/classify", {"input": "Hi"})
    _, raw = several.post("/classify", {"input": "Hi", "use_activation": False})

    length = len(one.pooling.prompts[0])
    logits = [0.01 * length, 0.03 * length]
    (item,) = single["data"]
    assert (item["label"], item["num_classes"]) == ("joy", 2)
    total = math.exp(logits[0]) + math.exp(logits[1])
    assert item["probs"] == pytest.approx([math.exp(each) / total for each in logits])
    assert multi["data"][0]["probs"] == [1 / (1 + math.exp(-each)) for each in logits]
    assert multi["data"][0]["label"] == "LABEL_1"
    assert raw["data"][0]["probs"] == logits


def test_a_reward_model_scores_conversations_and_answers_as_they_are() -> None:
    service = vector_service(Meaning(task="seq_cls", problem_type="regression"), by_length(-0.5))
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]

    _, reward = service.post("/pooling", {"messages": messages})
    _, classed = service.post("/v1/classify", {"messages": messages})
    _, score = service.post("/v1/score", {"text_1": "2+2?", "text_2": "4"})

    expected = -0.5 * len(service.pooling.prompts[0])
    assert reward["data"][0]["data"] == [expected]
    assert (classed["data"][0]["label"], classed["data"][0]["probs"]) == (None, [expected])
    assert score["data"][0]["score"] == expected


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": [10**6]}, "input"),
        ({"input": "a", "dimensions": 5}, "dimensions"),
        ({"input": ["a", "b" * 200]}, "input[1]"),
        ({"input": "a", "model": "other"}, "model"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_what_is_wrong_is_named(body: Any, param: str) -> None:
    service = vector_service(EMBEDDING, CountingPooling(4), max_model_len=100)

    status, answer = service.post("/v1/embeddings", body)

    assert status == (404 if param == "model" else 400)
    assert answer["error"]["param"] == param
    assert service.gate.waiting == 0


def test_who_would_wait_too_long_is_turned_away() -> None:
    service = vector_service(EMBEDDING, CountingPooling(4), queue_limit=1)
    first = service.api.post("/v1/embeddings", b'{"input": "a"}')
    assert isinstance(first, Exchange)
    first.start(lambda *_: None)

    status, _ = service.post("/v1/embeddings", {"input": "b"})

    assert status == 429
    first.end(499)
    assert service.post("/v1/embeddings", {"input": "b"})[0] == 200


def test_a_failure_is_an_error_and_is_counted() -> None:
    def fail(_: object) -> tuple[float, ...]:
        raise BackendError("The device's memory is full.")

    service = vector_service(EMBEDDING, CountingPooling(4, score=fail))

    status, answer = service.post("/v1/embeddings", {"input": "a"})

    assert (status, answer["error"]["type"]) == (500, "server_error")
    assert service.gate.waiting == 0
    assert b'"500":1' in service.api.get("/stats").body


def test_only_what_the_model_can_do_is_described() -> None:
    paths = vector_service(Meaning(task="reranker"), CountingPooling(1)).api.describe()

    assert "/v1/rerank" in paths
    assert not {"/v1/embeddings", "/v1/chat/completions", "/v1/classify"} & paths.keys()


def test_probabilities_do_not_overflow() -> None:
    assert sigmoid(-1000) == 0.0
    assert sigmoid(1000) == 1.0
    assert softmax([1000.0, 0.0]) == [1.0, 0.0]


def test_names_of_classes_come_from_the_configuration() -> None:
    assert class_names({"id2label": {"0": "sad", "1": "joy"}}) == {0: "sad", 1: "joy"}
    assert class_names({}) == {}
