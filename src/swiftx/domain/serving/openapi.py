"""The service described for programs: OpenAPI's `paths`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from swiftx.domain.serving import vector_requests as v
from swiftx.domain.serving.fields import Table, schema_of
from swiftx.domain.serving.reading import CHAT_FIELDS, COMPLETION_FIELDS

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}
_USAGE = {
    "type": "object",
    "properties": {
        "prompt_tokens": _NUMBER,
        "completion_tokens": _NUMBER,
        "total_tokens": _NUMBER,
    },
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
}
_MODEL = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "object": {"const": "model"},
        "created": _NUMBER,
        "owned_by": _TEXT,
    },
    "required": ["id", "object", "created", "owned_by"],
}
_MODELS = {
    "type": "object",
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}},
    "required": ["object", "data"],
}


def _answers(kind: str, choice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "object": {"const": kind},
            "created": _NUMBER,
            "model": _TEXT,
            "choices": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "index": _NUMBER,
                        "finish_reason": {"enum": ["stop", "length", "tool_calls"]},
                        **choice,
                    },
                    "required": ["index", "finish_reason", *choice],
                },
            },
            "usage": _USAGE,
        },
        "required": ["id", "object", "created", "model", "choices", "usage"],
    }


_MESSAGE = {
    "type": "object",
    "properties": {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]}},
    "required": ["role", "content"],
}
_READ = {
    "type": "object",
    "properties": {"prompt_tokens": _NUMBER, "total_tokens": _NUMBER},
    "required": ["prompt_tokens", "total_tokens"],
}
_FLOAT = {"type": "number"}
_VECTOR = {"anyOf": [{"type": "array", "items": _FLOAT}, _TEXT]}


def _items(name: str, item: Mapping[str, Any], *beside: str) -> dict[str, Any]:
    """Return the schema of an answer that is a list, an item an input."""
    properties = {"index": _NUMBER, **item}
    listed = {"type": "object", "properties": properties, "required": list(properties)}
    known = {"object": {"const": "list"}, "id": _TEXT, "created": _NUMBER}
    return {
        "type": "object",
        "properties": {
            **{each: known[each] for each in beside},
            "model": _TEXT,
            name: {"type": "array", "items": listed},
            "usage": _READ,
        },
        "required": [*beside, "model", name, "usage"],
    }


_SCORE = (
    "Score pairs of texts.",
    v.SCORE_FIELDS,
    _items("data", {"object": {"const": "score"}, "score": _FLOAT}, "id", "object", "created"),
)
_RERANK = (
    "Order documents by their relevance.",
    v.RERANK_FIELDS,
    _items("results", {"relevance_score": _FLOAT}, "id"),
)
_CLASSIFY = (
    "Classify texts.",
    v.CLASSIFY_FIELDS,
    _items(
        "data",
        {
            "label": {"type": ["string", "null"]},
            "probs": {"type": "array", "items": _FLOAT},
            "num_classes": _NUMBER,
        },
        "id",
        "object",
        "created",
    ),
)
_POSTS: Mapping[str, tuple[str, Table, Mapping[str, Any]]] = {
    "/v1/chat/completions": (
        "Answer a conversation.",
        CHAT_FIELDS,
        _answers("chat.completion", {"message": _MESSAGE}),
    ),
    "/v1/completions": (
        "Go on with a text.",
        COMPLETION_FIELDS,
        _answers("text_completion", {"text": _TEXT}),
    ),
    "/v1/embeddings": (
        "Embed texts.",
        v.EMBEDDING_FIELDS,
        _items("data", {"object": {"const": "embedding"}, "embedding": _VECTOR}, "object"),
    ),
    "/pooling": (
        "Return what the model says as it is.",
        v.POOLING_FIELDS,
        _items(
            "data", {"object": {"const": "pooling"}, "data": _VECTOR}, "id", "object", "created"
        ),
    ),
    "/v1/score": _SCORE,
    "/score": _SCORE,
    "/v1/rerank": _RERANK,
    "/v2/rerank": _RERANK,
    "/rerank": _RERANK,
    "/v1/classify": _CLASSIFY,
    "/classify": _CLASSIFY,
}
_GETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "/v1/models": ("The models that requests may name.", _MODELS),
    "/health": ("Whether the service answers.", {"type": "object"}),
    "/stats": ("What the service does and has done.", {"type": "object"}),
}
_STREAM = {"text/event-stream": {"schema": _TEXT}}


def described(posts: Collection[str]) -> dict[str, Any]:
    """Return the paths of an OpenAPI description.

    Args:
        posts: Paths of requests with a body that the service answers.
    """
    paths: dict[str, Any] = {
        path: {"get": {"summary": summary, "responses": _responses(schema, (401,))}}
        for path, (summary, schema) in _GETS.items()
    }
    for path in posts:
        summary, table, schema = _POSTS[path]
        responses = _responses(schema, (400, 401, 404, 408, 413, 429, 500, 504))
        if "stream" in table:
            responses["200"]["content"] |= _STREAM
        body = {"required": True, "content": _json(schema_of(table))}
        paths[path] = {"post": {"summary": summary, "requestBody": body, "responses": responses}}
    return paths


def _responses(schema: Mapping[str, Any], errors: Collection[int]) -> dict[str, Any]:
    return {
        "200": {"description": "Done.", "content": _json(schema)},
        **{
            str(status): {"description": "An error.", "content": _json(_ERROR)} for status in errors
        },
    }


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
