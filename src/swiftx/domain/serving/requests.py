"""What a client asks for, after its JSON is read. None means: as the service is set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from swiftx.domain.chat.messages import Conversation

ToolChoice = Literal["none", "auto", "required"] | tuple[str]
"""Whether tools may or must be called; a tuple names the one that must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are generated.

    Attributes:
        logit_bias: Token ids, and what is added to their logits.
        stop: Texts that end an answer; removed from it unless `keep_stop`.
        stop_ids: Further token ids that end an answer.
        ignore_end: Go on after the end of a turn.
        json_schema: Text of the schema that the answer keeps to; `{}` for any JSON object.
    """

    max_tokens: int | None = None
    min_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float = 0.0
    repetition_penalty: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    stop: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    keep_stop: bool = False
    ignore_end: bool = False
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    json_schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """An answer to a conversation, or `n` of them.

    Attributes:
        model: None: the first that is served.
        tools: As declared, also when `tool_choice` forbids to call them.
        separate_reasoning: Whether thoughts go into a field of their own.
    """

    model: str | None
    conversation: Conversation
    sampling: Sampling
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: ToolChoice = "auto"
    separate_reasoning: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """Text that goes on, or `n` continuations of each prompt.

    Attributes:
        prompts: Texts or token ids.
        echo: Whether an answer begins with its prompt.
    """

    model: str | None
    prompts: Sequence[str | Sequence[int]]
    sampling: Sampling
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    echo: bool = False
