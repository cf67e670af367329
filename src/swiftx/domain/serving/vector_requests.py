"""The bodies of requests for numbers: embeddings, scores, rankings, classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.serving import fields as f
from swiftx.domain.serving.fields import Field, Json
from swiftx.domain.serving.messages import MESSAGE_SCHEMA, read_messages
from swiftx.domain.serving.refusals import Problem, Refused, shown

MOST_INPUTS = 2048
"""Of one request. Source: OpenAI's API reference, embeddings, input."""

Input = str | Sequence[int] | Conversation
"""What one vector is read off: a text, which the template makes tokens of, tokens, or a conversation."""

_TEXT = {"type": "string", "minLength": 1}
_ID = {"type": "integer", "minimum": 0, "maximum": (1 << 31) - 1}
_IDS = {"type": "array", "items": _ID, "minItems": 1}
_INPUT = {
    "anyOf": [
        _TEXT,
        _IDS,
        {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MOST_INPUTS},
        {"type": "array", "items": _IDS, "minItems": 1, "maxItems": MOST_INPUTS},
    ]
}
_TEXTS = {
    "anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MOST_INPUTS}]
}
_DOCUMENT = {
    "anyOf": [_TEXT, {"type": "object", "properties": {"text": _TEXT}, "required": ["text"]}]
}

_ALL: Mapping[str, Field] = {"model": f.text(), "user": f.text()}
_SCORED: Mapping[str, Field] = {"use_activation": f.flag(), "instruction": f.text()}
_ENCODED: Mapping[str, Field] = {
    "encoding_format": f.text("float", "base64"),
    "dimensions": f.integer(1, 1 << 20),
}

EMBEDDING_FIELDS: Mapping[str, Field] = {
    "input": f.anything(_INPUT, required=True),
    **_ALL,
    **_ENCODED,
}
POOLING_FIELDS: Mapping[str, Field] = {
    "input": f.anything(_INPUT),
    "messages": f.listing(MESSAGE_SCHEMA),
    **_ALL,
    **_ENCODED,
}
CLASSIFY_FIELDS: Mapping[str, Field] = {
    "input": f.anything(_INPUT),
    "messages": f.listing(MESSAGE_SCHEMA),
    **_ALL,
    "use_activation": f.flag(),
}
RERANK_FIELDS: Mapping[str, Field] = {
    "query": f.anything(_TEXT, required=True),
    "documents": f.listing(_DOCUMENT, required=True),
    **_ALL,
    **_SCORED,
    "top_n": f.integer(0, MOST_INPUTS),
    "return_documents": f.flag(),
}
_PAIRS = (("text_1", "text_2"), ("queries", "documents"), ("data_1", "data_2"))
SCORE_FIELDS: Mapping[str, Field] = {
    **{name: f.anything(_TEXTS) for pair in _PAIRS for name in pair},
    **_ALL,
    **_SCORED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRequest:
    """Inputs, a vector each.

    Attributes:
        model: None: the first that is served.
        dimensions: The first so many numbers; None for all.
        base64: Whether numbers are sent as little-endian float32 in base64.
        activation: Whether probabilities are wanted rather than logits; None: as the service is set up.
    """

    model: str | None
    inputs: Sequence[Input]
    dimensions: int | None = None
    base64: bool = False
    activation: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """Pairs of a query and a document, a score each.

    Attributes:
        instruction: What relevance means, where a template has a place for it.
        top_n: The best so many, of a ranking; None for all.
        with_documents: Whether a ranking repeats the documents.
    """

    model: str | None
    pairs: Sequence[tuple[str, str]]
    activation: bool | None = None
    instruction: str | None = None
    top_n: int | None = None
    with_documents: bool = True


def read_inputs(body: Json, table: Mapping[str, Field], *, vocab_size: int) -> VectorRequest:
    """Return what is asked of `/v1/embeddings`, `/pooling` or `/classify`.

    Args:
        body: The JSON object.
        table: Its fields.
        vocab_size: Token ids are below it.

    Raises:
        Refused: With every problem there is.
    """
    problems: list[Problem] = []
    found = f.read_fields(body, table, problems)
    inputs: list[Input] = []
    if "messages" in table and ("input" in found) == ("messages" in found):
        problems.append(Problem("input", "Exactly one of input and messages is needed."))
    elif "messages" in found:
        messages = read_messages(found["messages"], problems, thinks=False)
        inputs = [Conversation(messages=messages)]
    elif "input" in found:
        inputs = _inputs(found["input"], vocab_size, problems)
    if problems:
        raise Refused(problems)
    return VectorRequest(
        model=found.get("model"),
        inputs=inputs,
        dimensions=found.get("dimensions"),
        base64=found.get("encoding_format") == "base64",
        activation=found.get("use_activation"),
    )


def read_rerank(body: Json) -> ScoreRequest:
    """Return what is asked of `/v1/rerank`.

    Raises:
        Refused: With every problem there is.
    """
    problems: list[Problem] = []
    found = f.read_fields(body, RERANK_FIELDS, problems)
    (query,) = _texts("query", [found.get("query", "-")], problems)
    documents = [
        each["text"] if isinstance(each, Mapping) and "text" in each else each
        for each in found.get("documents", ())
    ]
    texts = _texts("documents", documents, problems)
    if problems:
        raise Refused(problems)
    return ScoreRequest(
        model=found.get("model"),
        pairs=[(query, text) for text in texts],
        activation=found.get("use_activation"),
        instruction=found.get("instruction"),
        top_n=found.get("top_n") or None,
        with_documents=found.get("return_documents", True),
    )


def read_score(body: Json) -> ScoreRequest:
    """Return what is asked of `/v1/score`: one text with each other text, or two lists in step.

    Raises:
        Refused: With every problem there is.
    """
    problems: list[Problem] = []
    found = f.read_fields(body, SCORE_FIELDS, problems)
    given = [pair for pair in _PAIRS if any(name in found for name in pair)]
    pairs: list[tuple[str, str]] = []
    if len(given) != 1 or not all(name in found for name in given[0]):
        names = "; ".join(" and ".join(pair) for pair in _PAIRS)
        problems.append(Problem("text_1", f"Two texts or lists of texts are needed: {names}."))
    else:
        first, second = (
            _texts(name, found[name] if isinstance(found[name], list) else [found[name]], problems)
            for name in given[0]
        )
        if len(first) == 1:
            first = first * len(second)
        if len(first) == len(second):
            pairs = list(zip(first, second, strict=True))
        else:
            message = (
                f"There are {len(first)} and {len(second)} texts; one, or as many, was expected."
            )
            problems.append(Problem(given[0][1], message))
    if problems:
        raise Refused(problems)
    return ScoreRequest(
        model=found.get("model"),
        pairs=pairs,
        activation=found.get("use_activation"),
        instruction=found.get("instruction"),
    )


def _inputs(value: Any, vocab_size: int, problems: list[Problem]) -> list[Input]:
    if isinstance(value, list) and value and all(map(_is_id, value)):
        values: list[Any] = [value]
    else:
        values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MOST_INPUTS:
        problems.append(Problem("input", f"{len(values)} inputs are not from 1 to {MOST_INPUTS}."))
    for number, each in enumerate(values):
        where = "input" if values is not value else f"input[{number}]"
        if isinstance(each, list) and each and all(map(_is_id, each)):
            if not all(0 <= token < vocab_size for token in each):
                message = f"token ids of this model are from 0 to {vocab_size - 1}."
                problems.append(Problem(where, message))
        elif not isinstance(each, str) or not each:
            message = f"{shown(each)} is not a text or a list of token ids, and not empty."
            problems.append(Problem(where, message))
    return values


def _texts(name: str, values: Sequence[Any], problems: list[Problem]) -> list[str]:
    if not 0 < len(values) <= MOST_INPUTS:
        problems.append(Problem(name, f"{len(values)} texts are not from 1 to {MOST_INPUTS}."))
    for number, each in enumerate(values):
        if not isinstance(each, str) or not each:
            where = name if len(values) == 1 else f"{name}[{number}]"
            problems.append(Problem(where, f"{shown(each)} is not a text that is not empty."))
    return list(values)


def pair(query: str, document: str, instruction: str | None) -> Conversation:
    """Return a question with the document that is judged, as rerankers are trained on it."""
    system = () if instruction is None else (Message("system", instruction),)
    messages = (*system, Message("user", query), Message("assistant", document))
    return Conversation(messages=messages)


def text(content: str, instruction: str | None = None) -> Conversation:
    """Return one text, as embeddings and classifiers are trained on it."""
    system = () if instruction is None else (Message("system", instruction),)
    return Conversation(messages=(*system, Message("user", content)))


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
