"""A chat page in the browser, and what is asked through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePlan:
    """What the page shows at first, and where it is served.

    Attributes:
        models: Names to choose from; at least one.
        is_multimodal: Whether images, audio and video can be attached.
        port: The first that is tried; 0 lets the system choose.
        share: Whether a public link is opened through Gradio's own service.
        texts: What is written on the page, by meaning; see `domain.serving.page_texts`.
        system, temperature, top_p, max_tokens: Settings to begin with; None leaves it to the service.
    """

    title: str
    models: tuple[str, ...]
    texts: Mapping[str, str]
    host: str
    port: int
    is_multimodal: bool = False
    share: bool = False
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """How the next answer is generated; None leaves it to the service."""

    model: str
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


class Piece(NamedTuple):
    """A piece of an answer."""

    reasoning: str = ""
    content: str = ""


ChatMessage = Mapping[str, Any]
"""`role` and `content` (text, or OpenAI's content parts)."""
