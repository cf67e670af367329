"""Answering with numbers: embeddings, scores, rankings and classes of one model."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.inference.scores import Meaning, cosine, shortened
from swiftx.domain.serving import vector_requests as v
from swiftx.domain.serving.exchange import Record
from swiftx.domain.serving.fields import Json
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.pooled_model import PooledModel, Vectors
from swiftx.domain.serving.refusals import Problem, Refused
from swiftx.domain.serving.vector_work import VectorWork, Write
from swiftx.domain.serving.writing import Head
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError


class VectorService:
    """Answers with one model that reads a vector off each sequence.

    Args:
        engine: Reads the vectors.
        template: Makes sequences of texts, as it did in training.
        meaning: What the vectors stand for.
        name: Of the model, for clients.
        gate: Turns away who would wait behind too many.
    """

    def __init__(
        self,
        engine: PooledModel,
        template: ChatTemplate,
        meaning: Meaning,
        *,
        name: str,
        gate: Gate,
    ) -> None:
        self.engine = engine
        self.models: Mapping[str, str | None] = {name: None}
        self._template = template
        self._meaning = meaning
        self._gate = gate
        self._vocab_size = template.tokenizer.vocab_size
        self._paths = self._answers()

    @property
    def paths(self) -> tuple[str, ...]:
        """What a model of this task answers."""
        return tuple(self._paths)

    def work(
        self,
        path: str,
        body: Json,
        *,
        head: Callable[[str, str | None], Head],
        on_end: Callable[[Record], None],
        now: Callable[[], float],
    ) -> tuple[VectorWork, Record]:
        """Return the work that a request asks for, and its record.

        Args:
            path: One of `paths`.
            body: The JSON object.
            head: Makes the head of an answer, of its kind and the model that was named.
            on_end: Hears the record in the end.
            now: Seconds, from any start.

        Raises:
            Refused: Something in the request is wrong.
        """
        kind, read = self._paths[path]
        model, prompts, write = read(body)
        top = head(kind, model)
        record = Record(id=top.id, path=path, model=top.model, body=body)
        work = VectorWork(
            prompts,
            write,
            head=top,
            record=record,
            engine=self.engine,
            gate=self._gate,
            on_end=on_end,
            now=now,
        )
        return work, record

    def _answers(self) -> dict[str, tuple[str, Callable[[Json], _Asked]]]:
        """Return by path: the kind of its answers, and what reads its requests."""
        pooling = {"/pooling": ("pool", self._pooled)}
        scores = {
            "/v1/score": ("score", self._scored),
            "/score": ("score", self._scored),
            "/v1/rerank": ("rerank", self._ranked),
            "/v2/rerank": ("rerank", self._ranked),
            "/rerank": ("rerank", self._ranked),
        }
        classes = {
            "/classify": ("classify", self._classified),
            "/v1/classify": ("classify", self._classified),
        }
        match self._meaning.task:
            case "embedding":
                return {"/v1/embeddings": ("embd", self._embedded), **scores, **pooling}
            case "reranker" | "generative_reranker":
                return {**scores, **pooling}
            case "seq_cls":
                judges = scores if self.engine.size == 1 else {}
                return {**classes, **judges, **pooling}

    def _embedded(self, body: Json) -> _Asked:
        asked = v.read_inputs(body, v.EMBEDDING_FIELDS, vocab_size=self._vocab_size)
        self._check_dimensions(asked)
        return asked.model, self._ids(asked.inputs, "input"), partial(_embeddings, asked)

    def _pooled(self, body: Json) -> _Asked:
        asked = v.read_inputs(body, v.POOLING_FIELDS, vocab_size=self._vocab_size)
        self._check_dimensions(asked)
        return asked.model, self._ids(asked.inputs, "input"), partial(_vectors, asked)

    def _classified(self, body: Json) -> _Asked:
        asked = v.read_inputs(body, v.CLASSIFY_FIELDS, vocab_size=self._vocab_size)
        write = partial(_classes, asked, self._meaning)
        return asked.model, self._ids(asked.inputs, "input"), write

    def _scored(self, body: Json) -> _Asked:
        asked = v.read_score(body)
        return asked.model, self._pair_ids(asked), self._writing(asked, _scores)

    def _ranked(self, body: Json) -> _Asked:
        asked = v.read_rerank(body)
        return asked.model, self._pair_ids(asked), self._writing(asked, _ranking)

    def _writing(self, asked: v.ScoreRequest, write: _WriteScores) -> Write:
        """Return what makes scores of vectors and writes them."""

        def written(vectors: Vectors, head: Head, used: Mapping[str, int]) -> Mapping[str, Any]:
            return write(asked, self._scores(asked, vectors), head, used)

        return written

    def _scores(self, asked: v.ScoreRequest, vectors: Sequence[tuple[float, ...]]) -> list[float]:
        if self._meaning.task != "embedding":
            return [
                self._meaning.score(vector[0], activation=asked.activation) for vector in vectors
            ]
        count = len(asked.pairs)
        queries, documents = vectors[:-count], vectors[-count:]
        if len(queries) == 1:
            queries = list(queries) * count
        return [cosine(*both) for both in zip(queries, documents, strict=True)]

    def _pair_ids(self, asked: v.ScoreRequest) -> list[Sequence[int]]:
        if self._meaning.task == "embedding":
            asking = [query for query, _ in asked.pairs]
            if len(set(asking)) == 1:
                asking = asking[:1]  # read once, as a ranking has one
            queries: list[v.Input] = [v.text(each, asked.instruction) for each in asking]
            documents: list[v.Input] = [v.text(each) for _, each in asked.pairs]
            return self._ids([*queries, *documents], None)
        return self._ids([v.pair(*each, asked.instruction) for each in asked.pairs], None)

    def _check_dimensions(self, asked: v.VectorRequest) -> None:
        if asked.dimensions is not None and asked.dimensions > self.engine.size:
            message = f"{asked.dimensions} is more than the {self.engine.size} of this model."
            raise Refused([Problem("dimensions", message)])
        if asked.dimensions is not None and self._meaning.task != "embedding":
            message = "only the numbers of an embedding can be cut."
            raise Refused([Problem("dimensions", message, "unsupported_value")])

    def _ids(self, inputs: Sequence[v.Input], name: str | None) -> list[Sequence[int]]:
        """Return the tokens of each input.

        Raises:
            Refused: One does not fit the template or the model; every one that does not is named.
        """
        conversations = {
            number: v.text(each) if isinstance(each, str) else each
            for number, each in enumerate(inputs)
            if isinstance(each, str | Conversation)
        }
        made = dict(
            zip(conversations, self._template.encode_rows([*conversations.values()]), strict=True)
        )
        problems: list[Problem] = []
        found: list[Sequence[int]] = []
        limit = self.engine.facts.max_model_len
        for number, each in enumerate(inputs):
            where = name if name is None or len(inputs) == 1 else f"{name}[{number}]"
            outcome = made.get(number)
            if isinstance(outcome, DataError):
                problems.append(Problem(where, f"{outcome.reason}."))
                continue
            if isinstance(outcome, TooLong):
                problems.append(_too_long(where, outcome.length, outcome.max_length))
                continue
            ids = each if outcome is None else outcome.input_ids
            assert not isinstance(ids, str | Conversation)
            if limit is not None and len(ids) > limit:
                problems.append(_too_long(where, len(ids), limit))
            found.append(ids)
        if problems:
            raise Refused(problems)
        return found


_Asked = tuple[str | None, Sequence[Sequence[int]], Write]
"""The model that was named, the sequences, and what writes the answer."""


_WriteScores = Callable[
    [v.ScoreRequest, Sequence[float], Head, Mapping[str, int]], Mapping[str, Any]
]
"""Makes the JSON object of scores, one a pair and in order."""


def _scores(
    _: v.ScoreRequest, scores: Sequence[float], head: Head, used: Mapping[str, int]
) -> Mapping[str, Any]:
    data = [
        {"index": index, "object": "score", "score": score} for index, score in enumerate(scores)
    ]
    return _listing(data, head, used)


def _ranking(
    asked: v.ScoreRequest, scores: Sequence[float], head: Head, used: Mapping[str, int]
) -> Mapping[str, Any]:
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[: asked.top_n]
    results = [
        {
            "index": index,
            **({"document": {"text": asked.pairs[index][1]}} if asked.with_documents else {}),
            "relevance_score": scores[index],
        }
        for index in order
    ]
    return {"id": head.id, "model": head.model, "usage": used, "results": results}


def _too_long(where: str | None, length: int, limit: int | None) -> Problem:
    message = f"This model's maximum context length is {limit} tokens, and this has {length}."
    return Problem(where, message, "context_length_exceeded")


def _embeddings(
    asked: v.VectorRequest,
    vectors: Sequence[tuple[float, ...]],
    head: Head,
    used: Mapping[str, int],
) -> Mapping[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": _numbers(vector, asked)}
        for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": head.model, "usage": used}


def _vectors(
    asked: v.VectorRequest,
    vectors: Sequence[tuple[float, ...]],
    head: Head,
    used: Mapping[str, int],
) -> Mapping[str, Any]:
    data = [
        {"index": index, "object": "pooling", "data": _numbers(vector, asked)}
        for index, vector in enumerate(vectors)
    ]
    return _listing(data, head, used)


def _classes(
    asked: v.VectorRequest,
    meaning: Meaning,
    vectors: Sequence[tuple[float, ...]],
    head: Head,
    used: Mapping[str, int],
) -> Mapping[str, Any]:
    data = [
        {
            "index": index,
            "label": meaning.label(vector),
            "probs": meaning.probabilities(vector, activation=asked.activation),
            "num_classes": len(vector),
        }
        for index, vector in enumerate(vectors)
    ]
    return _listing(data, head, used)


def _listing(
    data: Sequence[Mapping[str, Any]], head: Head, used: Mapping[str, int]
) -> Mapping[str, Any]:
    return {
        "id": head.id,
        "object": "list",
        "created": head.created,
        "model": head.model,
        "data": data,
        "usage": used,
    }


def _numbers(vector: Sequence[float], asked: v.VectorRequest) -> Sequence[float] | str:
    kept = shortened(vector, asked.dimensions)
    if not asked.base64:
        return kept
    return base64.b64encode(struct.pack(f"<{len(kept)}f", *kept)).decode()
