"""One answer as it comes: what is thought, what is said, what is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from swiftx.domain.chat.tool_calling import AgentTemplate
from swiftx.domain.serving.reasoning import ReasoningSplitter
from swiftx.domain.serving.tool_calls import CallPiece, ToolCallReader, joined


class Part(NamedTuple):
    """A piece of an answer; any of the three may be empty."""

    reasoning: str = ""
    content: str = ""
    calls: Sequence[CallPiece] = ()


class AnswerReader:
    """Takes an answer apart while it comes.

    Args:
        agent: How calls are written; None when there are no tools to call.
        thoughts: Whether thoughts are told apart.
        opened: The tag with which the prompt has begun the thoughts already.
    """

    def __init__(
        self,
        *,
        agent: AgentTemplate | None = None,
        thoughts: bool = True,
        opened: str | None = None,
    ) -> None:
        self._splitter = ReasoningSplitter(opened) if thoughts else None
        self._tools = None if agent is None else ToolCallReader(agent)

    @property
    def passes(self) -> bool:
        """Whether all text from here on is said."""
        return self._tools is None and (self._splitter is None or self._splitter.passes)

    @property
    def called(self) -> bool:
        """Whether a tool was called."""
        return self._tools is not None and self._tools.called

    def push(self, text: str) -> Part:
        """Return what is known after this piece."""
        if self._splitter is None:
            return self._said("", text)
        reasoning, content = self._splitter.push(text)
        return self._said(reasoning, content)

    def finish(self) -> Part:
        """Return what was held back, when no more text comes."""
        part = Part() if self._splitter is None else self._said(*self._splitter.finish())
        if self._tools is None:
            return part
        content, calls = self._tools.finish()
        return Part(part.reasoning, part.content + content, [*part.calls, *calls])

    def _said(self, reasoning: str, content: str) -> Part:
        if self._tools is None or not content:
            return Part(reasoning, content)
        return Part(reasoning, *self._tools.push(content))


def whole(reader: AnswerReader, text: str) -> Part:
    """Return a whole answer taken apart, each call in one piece."""
    first, last = reader.push(text), reader.finish()
    return Part(
        first.reasoning + last.reasoning,
        first.content + last.content,
        joined([*first.calls, *last.calls]),
    )
