"""Errors as OpenAI's API words them: one object with message, type, param and code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from swiftx.domain.plans.serving import Reply
from swiftx.errors import BackendError, DataError, NotFound, SwiftxError, UsageError

INVALID = "invalid_request_error"
_TYPES = {401: INVALID, 404: INVALID, 405: INVALID, 408: INVALID, 413: INVALID, 429: "requests"}
_CODES = {
    401: "invalid_api_key",
    404: "unknown_url",
    405: "method_not_supported",
    408: "request_timeout",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "service_unavailable",
    504: "timeout",
}


class Problem(NamedTuple):
    """One thing that is wrong with a request.

    Attributes:
        param: Where, as `messages[2].content`; None when no single field is to blame.
        code: OpenAI's word for it, where there is one.
    """

    param: str | None
    message: str
    code: str | None = None


class Refused(Exception):  # a refusal is an answer, not a failure
    """A request that is answered with an error; carries every problem found.

    Args:
        problems: At least one.
        status: HTTP status.
        headers: Such as `Retry-After`.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)
        self.status = status
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        """Return the HTTP answer."""
        return Reply(self.status, encoded({"error": self.error()}), self.headers)

    def error(self) -> dict[str, Any]:
        """Return OpenAI's error object; several problems are listed beside it too."""
        first = self.problems[0]
        found: dict[str, Any] = {
            "message": _together(self.problems),
            "type": _TYPES.get(self.status, INVALID if self.status < 500 else "server_error"),
            "param": first.param,
            "code": first.code or _CODES.get(self.status),
        }
        if len(self.problems) > 1:
            found["problems"] = [each._asdict() for each in self.problems]
        return found


def refused(error: SwiftxError) -> Refused:
    """Return what a client is told of one of our errors."""
    if isinstance(error, UsageError):
        problems = [
            Problem(None, _sentence(each.message, each.hint), _code(each.argument))
            for each in error.errors
        ]
        return Refused(problems or [Problem(None, str(error))])
    if isinstance(error, DataError):
        return Refused([Problem(error.field, _sentence(error.message, error.hint))])
    if isinstance(error, NotFound):
        return Refused([Problem(None, error.message, "not_found")], status=404)
    status = 500 if isinstance(error, BackendError) else 400
    return Refused([Problem(None, error.message)], status=status)


def encoded(value: object) -> bytes:
    """Return JSON; ASCII, so that text which is no valid Unicode cannot break it."""
    return json.dumps(value, separators=(",", ":")).encode()


def shown(value: object) -> str:
    """Return a value as an error message shows it."""
    try:
        text = json.dumps(value)
    except (ValueError, TypeError):
        text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _together(problems: Iterable[Problem]) -> str:
    messages = [
        problem.message if problem.param is None else f"{problem.param}: {problem.message}"
        for problem in problems
    ]
    if len(messages) == 1:
        return messages[0]
    return f"{len(messages)} problems: " + " ".join(
        f"({number}) {message}" for number, message in enumerate(messages, 1)
    )


def _sentence(message: str, hint: str | None) -> str:
    return f"{message} {hint}" if hint else message


def _code(argument: str | None) -> str | None:
    return "context_length_exceeded" if argument == "max_length" else None
