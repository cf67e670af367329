"""Answers of a service that speaks OpenAI's API, asked with the official client.

Conversations go to `/chat/completions`, prompts of token ids to `/completions`, always streamed. Stop words
are looked for here: a service would take them out of the text, and here they stay in it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import openai
from openai import AsyncOpenAI

from swiftx.adapters.engines._loop import DeltaLoop
from swiftx.domain.chat.tool_calling import ToolCall
from swiftx.domain.inference.openai_form import openai_messages, openai_tools
from swiftx.domain.inference.stopping import WordScanner
from swiftx.domain.plans.engines import ServicePlan
from swiftx.domain.plans.inference import (
    Completion,
    Delta,
    EngineFacts,
    GenerationPlan,
    Request,
    TokenLogprob,
)
from swiftx.errors import ArgError, BackendError, SwiftxError, UsageError

_NO_KEY = "none"  # the client insists on one
_MOST_STOPS = 4  # that OpenAI takes; the others are looked for here only
_CONNECT_S = 10.0
_ANSWER_S = 600.0


def connect(plan: ServicePlan) -> DeltaLoop:
    """Ask the service which models it has, and return the engine.

    Raises:
        UsageError: The service refuses the key, or does not have the model.
        BackendError: It cannot be reached.
    """

    async def source() -> _Service:
        client = AsyncOpenAI(
            base_url=plan.base_url,
            api_key=plan.api_key or _NO_KEY,
            max_retries=plan.retries,
            timeout=openai.Timeout(_ANSWER_S, connect=_CONNECT_S),
        )
        try:
            return await _found(client, plan)
        except BaseException:
            await client.close()
            raise

    return DeltaLoop(source)


class _Service:
    """Pieces of the answers of a service.

    Attributes:
        model: Name of the model that answers where a request names none.
    """

    def __init__(
        self, client: AsyncOpenAI, plan: ServicePlan, model: str, lengths: Mapping[str, int | None]
    ) -> None:
        self.model = model
        self._client = client
        self._base_url = plan.base_url
        self._places = asyncio.Semaphore(plan.at_once)
        self.facts = EngineFacts(
            name="openai",
            max_model_len=lengths.get(model),
            adapters=tuple(name for name in lengths if name != model),
            json_schema=True,
            token_ids=False,
            conversations=True,
        )

    async def deltas(self, request: Request) -> AsyncGenerator[Delta, None]:
        answer = _Answer(request)
        async with self._places:
            try:
                async with await self._asked(request) as chunks:
                    async for chunk in chunks:
                        yield answer.take(chunk)
                        if answer.is_cut:
                            break  # the connection is closed, and the service stops
            except openai.OpenAIError as error:
                raise _failure(error, self._base_url) from error
        yield answer.last(self._base_url)

    async def close(self) -> None:
        await self._client.close()

    async def _asked(self, request: Request) -> Any:
        asked: dict[str, Any] = {
            "model": request.adapter or self.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            **sampling(request.generation),
        }
        plan, conversation = request.generation, request.conversation
        if conversation is None:
            if plan.logprobs:
                asked["logprobs"] = plan.top_logprobs or 0
            return await self._client.completions.create(prompt=list(request.prompt_ids), **asked)
        if plan.logprobs:
            asked |= {"logprobs": True, "top_logprobs": plan.top_logprobs or 0}
        if conversation.tools:
            asked["tools"] = openai_tools(conversation.tools)
        if plan.json_schema is not None:
            asked["response_format"] = _format(plan.json_schema)
        messages: Any = openai_messages(conversation)
        return await self._client.chat.completions.create(messages=messages, **asked)


class _Answer:
    """Builds one answer of the chunks that come."""

    def __init__(self, request: Request) -> None:
        plan = request.generation
        self._request = request
        self._scanner = WordScanner(stop_words=plan.stop_words, end_words=plan.end_words)
        self._text: list[str] = []
        self._shown = self._heard = self._pieces = 0
        self._entries: list[tuple[int, TokenLogprob]] = []  # with the characters before them
        self._told = 0
        self._thinking: bool | None = None
        self._calls: dict[int, tuple[str, str]] = {}
        self._reason: str | None = None
        self._usage: Any = None

    @property
    def is_cut(self) -> bool:
        """Whether a stop or end word was found."""
        return self._scanner.found

    def take(self, chunk: Any) -> Delta:
        """Return the piece that a chunk completes."""
        self._usage = getattr(chunk, "usage", None) or self._usage
        text = ""
        for choice in chunk.choices:
            self._reason = choice.finish_reason or self._reason
            said = self._said(choice)
            self._pieces += bool(said)
            start = self._heard
            for entry in _entries(choice, self._request.generation.top_logprobs or 0):
                self._entries.append((start, entry))
                start += len(entry.token)
            self._heard += len(said)
            text += self._show(self._scanner.push(said))
        return Delta(text, logprobs=self._news())

    def last(self, base_url: str) -> Delta:
        """Return the rest, with the whole answer.

        Raises:
            BackendError: The service ended the stream before the answer.
        """
        if self._reason is None and not self.is_cut:
            raise BackendError(f"{base_url} broke off in the middle of an answer.")
        text = self._show(self._end_of_thoughts() + self._scanner.flush())
        entries = [
            entry for start, entry in self._entries if not self.is_cut or start < self._shown
        ]
        usage = self._usage
        counted = (self._request.generation.logprobs and len(entries)) or self._pieces
        whole = Completion(
            text="".join(self._text),
            token_ids=(),
            prompt_tokens=usage.prompt_tokens if usage else len(self._request.prompt_ids),
            finish_reason="length" if self._reason == "length" and not self.is_cut else "stop",
            logprobs=tuple(entries) if self._request.generation.logprobs else None,
            cached_tokens=_cached(usage),
            counted_tokens=usage.completion_tokens if usage else counted,
            tool_calls=tuple(ToolCall(*self._calls[index]) for index in sorted(self._calls)),
        )
        return Delta(text, whole.finish_reason, tuple(entries[self._told :]), whole)

    def _said(self, choice: Any) -> str:
        """Return the text of a chunk; thoughts are put between tags, as models write them."""
        if not hasattr(choice, "delta"):
            return choice.text or ""
        delta = choice.delta
        for call in delta.tool_calls or ():
            name, arguments = self._calls.get(call.index, ("", ""))
            function = call.function
            self._calls[call.index] = (
                name + (function.name or ""),
                arguments + (function.arguments or ""),
            )
        thoughts = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        text = ""
        if thoughts:
            text += "" if self._thinking else "<think>\n"
            self._thinking = True
            text += thoughts
        if delta.content:
            text += self._end_of_thoughts() + delta.content
        return text

    def _end_of_thoughts(self) -> str:
        if not self._thinking:
            return ""
        self._thinking = False
        return "\n</think>\n\n"

    def _news(self) -> tuple[TokenLogprob, ...]:
        """Return the log-probabilities of the tokens whose text was shown since the last piece."""
        shown = sum(start < self._shown for start, _ in self._entries[self._told :])
        self._told += shown
        return tuple(entry for _, entry in self._entries[self._told - shown : self._told])

    def _show(self, text: str) -> str:
        self._text.append(text)
        self._shown += len(text)
        return text


def sampling(plan: GenerationPlan) -> dict[str, Any]:
    """Return a plan in the words of the API; what only some services know goes along where it matters."""
    values: dict[str, Any] = {
        "temperature": plan.temperature,
        "top_p": plan.top_p,
        "max_tokens": plan.max_new_tokens,
        "seed": plan.seed,
        "presence_penalty": plan.presence_penalty or None,
        "frequency_penalty": plan.frequency_penalty or None,
        "logit_bias": {str(token): bias for token, bias in plan.logit_bias} or None,
        "stop": list(plan.end_words[:_MOST_STOPS]) or None,
    }
    more = {
        "top_k": plan.top_k if plan.top_k > 0 else None,
        "min_p": plan.min_p or None,
        "repetition_penalty": plan.repetition_penalty if plan.repetition_penalty != 1 else None,
        "min_tokens": plan.min_new_tokens or None,
        "stop_token_ids": list(plan.stop_ids) or None,
    }
    given = _given(values, plan.unset)
    extra = _given(more, plan.unset)
    return {**given, "extra_body": extra} if extra else given


def _given(values: Mapping[str, Any], unset: frozenset[str]) -> dict[str, Any]:
    return {n: value for n, value in values.items() if value is not None and n not in unset}


def _format(schema: str) -> dict[str, Any]:
    value = json.loads(schema)
    if value == {}:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": value}}


async def _found(client: AsyncOpenAI, plan: ServicePlan) -> _Service:
    """Return the service, once its model is known."""
    try:
        # A service that is down is told of at once; requests under way wait for one that restarts.
        models = [model async for model in client.with_options(max_retries=0).models.list()]
    except openai.NotFoundError as error:  # some services have no list
        if plan.model is None:
            raise _failure(error, plan.base_url) from error
        return _Service(client, plan, plan.model, {})
    except openai.OpenAIError as error:
        raise _failure(error, plan.base_url) from error
    lengths = {model.id: getattr(model, "max_model_len", None) for model in models}
    name = plan.model or next(iter(lengths), None)
    if name is None or name not in lengths:
        named = f" {plan.model!r}" if plan.model else ""
        message = f"{plan.base_url} has no model{named}; it has {', '.join(lengths) or 'none'}."
        raise UsageError([ArgError("model", message, "Leave --model out to take the first.")])
    return _Service(client, plan, name, lengths)


def _failure(error: openai.OpenAIError, base_url: str) -> SwiftxError:
    if isinstance(error, openai.APITimeoutError):
        return BackendError(f"{base_url} did not answer in time.")
    if isinstance(error, openai.APIConnectionError):
        return BackendError(
            f"{base_url} cannot be reached: {error.__cause__ or error}.",
            hint="--base_url is the address before /chat/completions, such as http://localhost:8000/v1.",
        )
    if not isinstance(error, openai.APIStatusError):
        return BackendError(f"{base_url} failed: {error}")
    said, status = _said_by(error), error.status_code
    if status in (401, 403):
        hint = "Set --api_key, or SWIFTX_API_KEY."
        return UsageError([ArgError("api_key", f"{base_url} refuses the key: {said}", hint)])
    if status == 404:
        hint = "Check --model, and that --base_url is the address before /chat/completions."
        return UsageError([ArgError("base_url", f"{base_url} does not find it: {said}", hint)])
    if status < 500 and status not in (408, 409, 429):
        return UsageError([ArgError(None, f"{base_url} refuses the request: {said}")])
    if status == 429:
        return BackendError(
            f"{base_url} is too busy: {said}", hint="Lower --max_batch_size, or try again later."
        )
    return BackendError(f"{base_url} failed with status {status}: {said}")


def _said_by(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return str(body["message"])
    return error.message[:500]


def _entries(choice: Any, alternatives: int) -> list[TokenLogprob]:
    """Return the log-probabilities of a chunk, in either API's form."""
    logprobs = choice.logprobs
    if logprobs is None:
        return []
    if hasattr(choice, "delta"):
        return [
            TokenLogprob(
                None,
                entry.token,
                min(entry.logprob, 0.0),
                tuple((each.token, min(each.logprob, 0.0)) for each in entry.top_logprobs or ()),
            )
            for entry in logprobs.content or ()
        ]
    tops = logprobs.top_logprobs or [{}] * len(logprobs.tokens or ())
    return [
        TokenLogprob(None, token, min(value or 0.0, 0.0), _best(top or {}, alternatives))
        for token, value, top in zip(logprobs.tokens, logprobs.token_logprobs, tops, strict=True)
    ]


def _best(top: Mapping[str, float], count: int) -> tuple[tuple[str, float], ...]:
    """Return the likeliest; services add the chosen token where it is not among them."""
    best = sorted(top.items(), key=lambda item: -item[1])[:count]
    return tuple((token, min(value, 0.0)) for token, value in best)


def _cached(usage: Any) -> int:
    details = getattr(usage, "prompt_tokens_details", None)
    return getattr(details, "cached_tokens", None) or 0
