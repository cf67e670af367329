"""Answers as OpenAI's API writes them: one JSON object, or a stream of chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from swiftx.domain.plans.inference import Completion, Delta, TokenLogprob
from swiftx.domain.serving.answer import AnswerReader, Part, whole
from swiftx.domain.serving.refusals import encoded
from swiftx.domain.serving.tool_calls import CallPiece

DONE = b"data: [DONE]\n\n"


class Head(NamedTuple):
    """What every answer states of itself.

    Attributes:
        created: Seconds since 1970.
    """

    id: str
    created: int
    model: str


class Writer(Protocol):
    """Writes the answers to one request; `index` is the number of an answer."""

    def chunk(self, index: int, delta: Delta) -> bytes:
        """Return the events of a piece, often one, sometimes none."""
        ...

    def last(self, usage: dict[str, Any] | None) -> bytes:
        """Return the events after all pieces."""
        ...

    def whole(self, completions: Sequence[Completion], usage: dict[str, Any]) -> bytes:
        """Return all answers as one object."""
        ...


class ChatWriter:
    """Chat completions.

    Args:
        readers: One for each answer.
        prefix: What the answers begin with already: it belongs to them, but the model did not write it.
        usage: Whether the stream ends with the usage.
    """

    def __init__(
        self, head: Head, readers: Sequence[AnswerReader], *, prefix: str = "", usage: bool = False
    ) -> None:
        self._head = head
        self._readers = readers
        self._prefix = prefix
        self._begun = [False] * len(readers)
        self._waiting: list[list[TokenLogprob]] = [[] for _ in readers]
        stated = _stated(head, "chat.completion.chunk", usage=usage)
        self._start = stated[:-1] + ',"choices":[{"index":'
        self._stated = stated
        self._quick = [
            f'data: {self._start}{index},"delta":{{"content":'.encode()
            for index in range(len(readers))
        ]

    def chunk(self, index: int, delta: Delta) -> bytes:
        """Return the events of a piece."""
        if (
            self._begun[index]
            and delta.finish_reason is None
            and not delta.logprobs
            and self._readers[index].passes
        ):
            if not delta.text:
                return b""
            text = json.dumps(delta.text).encode()
            return self._quick[index] + text + _QUICK_END
        return self._slow_chunk(index, delta)

    def last(self, usage: dict[str, Any] | None) -> bytes:
        """Return the usage, if it is wanted, and the end."""
        return _usage_event(self._stated, usage) + DONE

    def whole(self, completions: Sequence[Completion], usage: dict[str, Any]) -> bytes:
        """Return all answers as one object."""
        choices = []
        for index, (reader, completion) in enumerate(zip(self._readers, completions, strict=True)):
            part = whole(reader, self._prefix + completion.text)
            message: dict[str, Any] = {
                "role": "assistant",
                "content": part.content if part.content or not part.calls else None,
                "refusal": None,
            }
            if part.reasoning:
                message["reasoning_content"] = part.reasoning
            if part.calls:
                message["tool_calls"] = [_call(self._head, index, call) for call in part.calls]
            choices.append(
                {
                    "index": index,
                    "message": message,
                    "logprobs": None
                    if completion.logprobs is None
                    else chat_logprobs(completion.logprobs),
                    "finish_reason": _reason(completion.finish_reason, reader),
                }
            )
        return encoded(_object(self._head, "chat.completion", choices, usage))

    def _slow_chunk(self, index: int, delta: Delta) -> bytes:
        reader = self._readers[index]
        text = delta.text if self._begun[index] else self._prefix + delta.text
        parts = [reader.push(text)]
        if delta.finish_reason is not None:
            parts.append(reader.finish())
        self._waiting[index] += delta.logprobs
        deltas = [each for part in parts for each in self._deltas(index, part)]
        if not self._begun[index]:
            self._begun[index] = True
            first = {"role": "assistant", "content": "", "refusal": None}
            deltas.insert(0, first)
        events = [self._event(index, each) for each in deltas]
        if delta.finish_reason is not None:
            events.append(self._event(index, {}, _reason(delta.finish_reason, reader)))
        return "".join(events).encode()

    def _deltas(self, index: int, part: Part) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if part.reasoning:
            found.append({"reasoning_content": part.reasoning})
        if part.content:
            found.append({"content": part.content})
        for piece in part.calls:
            described: dict[str, Any] = {"index": piece.number}
            if piece.name:
                described |= _call(self._head, index, piece)
            else:
                described["function"] = {"arguments": piece.arguments}
            found.append({"tool_calls": [described]})
        return found

    def _event(self, index: int, delta: dict[str, Any], reason: str | None = None) -> str:
        waiting = self._waiting[index]
        logprobs = None
        if waiting and ("role" not in delta or reason is not None):
            logprobs = chat_logprobs(waiting)
            self._waiting[index] = []
        return (
            f'data: {self._start}{index},"delta":{_dumps(delta)},"logprobs":{_dumps(logprobs)},'
            f'"finish_reason":{_dumps(reason)}}}]}}\n\n'
        )


class CompletionWriter:
    """Plain completions.

    Args:
        echoes: What each answer begins with: its prompt, when that is asked for.
        usage: Whether the stream ends with the usage.
    """

    def __init__(self, head: Head, echoes: Sequence[str], *, usage: bool = False) -> None:
        self._head = head
        self._echoes = echoes
        self._begun = [False] * len(echoes)
        self._lengths = [len(echo) for echo in echoes]
        self._stated = _stated(head, "text_completion", usage=usage)
        self._quick = [
            f'data: {self._stated[:-1]},"choices":[{{"index":{index},"text":'.encode()
            for index in range(len(echoes))
        ]

    def chunk(self, index: int, delta: Delta) -> bytes:
        """Return the events of a piece."""
        text = delta.text
        if not self._begun[index]:
            self._begun[index] = True
            text = self._echoes[index] + text
        logprobs: dict[str, Any] | None = None
        if delta.logprobs:
            logprobs = completion_logprobs(delta.logprobs, self._lengths[index])
            self._lengths[index] += sum(len(each.token) for each in delta.logprobs)
        if not text and logprobs is None and delta.finish_reason is None:
            return b""
        end = _QUICK_END
        if logprobs is not None or delta.finish_reason is not None:
            rest = f',"logprobs":{_dumps(logprobs)},"finish_reason":{_dumps(delta.finish_reason)}'
            end = f"{rest}}}]}}\n\n".encode()
            return self._quick[index] + json.dumps(text).encode() + end
        return self._quick[index] + json.dumps(text).encode() + end[1:]

    def last(self, usage: dict[str, Any] | None) -> bytes:
        """Return the usage, if it is wanted, and the end."""
        return _usage_event(self._stated, usage) + DONE

    def whole(self, completions: Sequence[Completion], usage: dict[str, Any]) -> bytes:
        """Return all answers as one object."""
        choices = [
            {
                "index": index,
                "text": echo + completion.text,
                "logprobs": None
                if completion.logprobs is None
                else completion_logprobs(completion.logprobs, len(echo)),
                "finish_reason": completion.finish_reason,
            }
            for index, (echo, completion) in enumerate(zip(self._echoes, completions, strict=True))
        ]
        return encoded(_object(self._head, "text_completion", choices, usage))


def usage_of(completions: Sequence[Completion], *, prompts: int) -> dict[str, Any]:
    """Return the tokens of a request; a prompt with several answers counts once.

    Args:
        prompts: How many different prompts there were.
    """
    each = len(completions) // max(prompts, 1) or 1
    asked = sum(completion.prompt_tokens for completion in completions[::each])
    cached = sum(completion.cached_tokens for completion in completions[::each])
    answered = sum(len(completion.token_ids) for completion in completions)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def chat_logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Return log-probabilities in the form of chat completions."""
    content = [
        {
            **_logprob(each.token, each.logprob),
            "top_logprobs": [_logprob(token, logprob) for token, logprob in each.top],
        }
        for each in tokens
    ]
    return {"content": content, "refusal": None}


def completion_logprobs(tokens: Sequence[TokenLogprob], start: int) -> dict[str, Any]:
    """Return log-probabilities in the form of completions.

    Args:
        start: Characters of the answer before the first token.
    """
    offsets: list[int] = []
    for each in tokens:
        offsets.append(start)
        start += len(each.token)
    return {
        "tokens": [each.token for each in tokens],
        "token_logprobs": [each.logprob for each in tokens],
        "top_logprobs": [{each.token: each.logprob, **dict(each.top)} for each in tokens],
        "text_offset": offsets,
    }


_QUICK_END = b'},"logprobs":null,"finish_reason":null}]}\n\n'


def _stated(head: Head, kind: str, *, usage: bool) -> str:
    stated = {"id": head.id, "object": kind, "created": head.created, "model": head.model}
    return _dumps({**stated, "usage": None} if usage else stated)


def _object(head: Head, kind: str, choices: Sequence[Any], usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": kind,
        "created": head.created,
        "model": head.model,
        "choices": choices,
        "usage": usage,
    }


def _usage_event(stated: str, usage: dict[str, Any] | None) -> bytes:
    if usage is None:
        return b""
    without = stated.removesuffix(',"usage":null}').removesuffix("}")
    return f'data: {without},"choices":[],"usage":{_dumps(usage)}}}\n\n'.encode()


def _call(head: Head, index: int, call: CallPiece) -> dict[str, Any]:
    return {
        "id": f"call_{head.id.rpartition('-')[2][:20]}{index:02x}{call.number:02x}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _reason(reason: str, reader: AnswerReader) -> str:
    return "tool_calls" if reader.called and reason == "stop" else reason


def _logprob(token: str, logprob: float) -> dict[str, Any]:
    return {
        "token": token,
        "logprob": max(logprob, -9999.0),  # JSON has no -inf
        "bytes": list(token.encode("utf-8", "surrogatepass")),
    }


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
