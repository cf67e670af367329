"""A `ChatService` behind OpenAI's API."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import openai
from openai import OpenAI

from swiftx.domain.plans.page import ChatMessage, ChatSettings, Piece
from swiftx.errors import ArgError, BackendError, SwiftxError, UsageError

_NO_KEY = "none"  # the client insists on one


class OpenAiChat:
    """Asks a service with the official client.

    Args:
        base_url: Such as `http://localhost:8000/v1`.
        api_key: None when the service asks for none.
    """

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._base_url = base_url
        self._client = OpenAI(base_url=base_url, api_key=api_key or _NO_KEY, max_retries=0)

    def models(self) -> Sequence[str]:
        """Return the names of the models that answer."""
        try:
            return [model.id for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise self._failure(error) from error

    def reply(
        self, messages: Sequence[ChatMessage], settings: ChatSettings
    ) -> Generator[Piece, None, None]:
        """Yield the answer as it comes."""
        values = {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_tokens,
        }
        given: Any = {name: value for name, value in values.items() if value is not None}
        asked: Any = [dict(message) for message in messages]
        try:
            stream: Any = self._client.chat.completions.create(
                model=settings.model, messages=asked, stream=True, **given
            )
            with stream:
                for chunk in stream:
                    yield from _pieces(chunk)
        except openai.OpenAIError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _failure(self, error: openai.OpenAIError) -> SwiftxError:
        if isinstance(error, openai.APIStatusError):
            message = _said(error)
            if error.status_code < 500 and error.status_code != 429:
                return UsageError([ArgError(None, message)])
            return BackendError(message)
        if isinstance(error, openai.APIConnectionError):
            return BackendError(
                f"{self._base_url} cannot be reached: {error.__cause__ or error}.",
                hint="--base_url is the address before /chat/completions, such as http://localhost:8000/v1.",
            )
        return BackendError(str(error))


def _pieces(chunk: Any) -> Generator[Piece, None, None]:
    for choice in chunk.choices:
        reasoning = getattr(choice.delta, "reasoning_content", None)
        piece = Piece(reasoning or "", choice.delta.content or "")
        if any(piece):
            yield piece


def _said(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return error.message
