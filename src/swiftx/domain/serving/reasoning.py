"""Thoughts (`<think>…</think>`) at the beginning of an answer, told apart while it comes."""

from __future__ import annotations

from typing import NamedTuple

from swiftx.domain.agents.incoming import beginning_of

OPENINGS = ("<think>", "<seed:think>")
_CLOSINGS = {"<think>": "</think>", "<seed:think>": "</seed:think>"}


class Split(NamedTuple):
    """A piece of an answer: what is thought and what is said."""

    reasoning: str
    content: str


class ReasoningSplitter:
    """Splits an answer that may begin with thoughts; the tags and the white space around them go.

    Args:
        opened: The tag with which the prompt itself has begun the thoughts; None when it has not.
    """

    def __init__(self, opened: str | None = None) -> None:
        self._closing = None if opened is None else _CLOSINGS[opened]
        self._decided = opened is not None
        self._held = ""
        self._thought = False  # something of the thoughts was returned
        self.passes = False

    def push(self, text: str) -> Split:
        """Return what is known after this piece. `passes` tells that all later text is said."""
        if self.passes:
            return Split("", text)
        self._held += text
        if not self._decided:
            start = self._held.lstrip()
            opening = next((tag for tag in OPENINGS if start.startswith(tag)), None)
            if opening is not None:
                self._decided, self._closing = True, _CLOSINGS[opening]
                self._held = start[len(opening) :]
            elif any(tag.startswith(start) for tag in OPENINGS):
                return Split("", "")
            else:
                return self._pass(Split("", self._held))
        if self._closing is None:  # thoughts are over, and the answer has not begun
            content = self._held.lstrip()
            return self._pass(Split("", content)) if content else Split("", "")
        return self._thoughts(self._closing)

    def finish(self) -> Split:
        """Return what was held back, when no more text comes."""
        if self.passes or self._closing is None:
            return Split("", "") if self._decided else Split("", self._held)
        return Split(self._trimmed(self._held.rstrip()), "")

    def _thoughts(self, closing: str) -> Split:
        thought, closed, rest = self._held.partition(closing)
        if closed:
            self._closing, self._held = None, ""
            reasoning = self._trimmed(thought.rstrip())
            return Split(reasoning, self.push(rest).content)
        kept = beginning_of(closing, self._held)
        shown = self._held[: len(self._held) - kept].rstrip()
        self._held = self._held[len(shown) :]
        return Split(self._trimmed(shown), "")

    def _trimmed(self, thought: str) -> str:
        if not self._thought:
            thought = thought.lstrip()
        self._thought = self._thought or bool(thought)
        return thought

    def _pass(self, split: Split) -> Split:
        self.passes, self._held = True, ""
        return split
