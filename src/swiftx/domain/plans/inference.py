"""Requests to an engine and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.chat.tool_calling import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationPlan:
    """How tokens are chosen and when to stop.

    Attributes:
        max_new_tokens: None: up to the model's length.
        min_new_tokens: Stop ids are not chosen before so many tokens.
        temperature: 0 is greedy.
        min_p: Tokens less likely than this share of the likeliest one's probability are not sampled.
        presence_penalty: Taken off the logits of tokens that the answer has already.
        frequency_penalty: Taken off the logits of tokens, as often as the answer has them.
        logit_bias: Token ids, and what is added to their logits before the penalties.
        length_penalty: Exponent of the length by which beam scores are divided.
        stop_words: Text that ends the answer; stays in it (the end-of-turn token does not).
        stop_ids: Token ids that end the answer and are removed from it.
        end_words: Text that ends the answer and is removed from it: an end of turn that is no single token.
        top_logprobs: Number of alternatives per token; None returns none.
        json_schema: The answer is JSON of this schema (its text; `{}` for any JSON object); None: free text.
        unset: Fields that nobody decided; an engine with defaults of its own uses these.
    """

    max_new_tokens: int | None = None
    min_new_tokens: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    num_beams: int = 1
    length_penalty: float = 1.0
    stop_words: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    end_words: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int | None = None
    seed: int | None = None
    json_schema: str | None = None
    unset: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt, already rendered and tokenised; or a conversation, for engines that do this themselves.

    Attributes:
        prompt_ids: int, shape (T,); empty with a conversation.
        adapter: Name of the adapter that answers; None is the model as it was loaded.
        conversation: What is asked instead of a prompt; only of engines whose facts have `conversations`.
    """

    prompt_ids: Sequence[int]
    generation: GenerationPlan
    adapter: str | None = None
    conversation: Conversation | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Log-probability (natural log, at most 0) of one generated token, with the best alternatives.

    Attributes:
        token_id: None from engines that know no ids.
    """

    token_id: int | None
    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The answer to one request.

    Attributes:
        token_ids: Generated ids without the stop id; empty from engines that know no ids.
        prompt_tokens: 0 where the engine was not told.
        finish_reason: `stop` or `length`.
        logprobs: One entry a generated token; None unless asked for.
        cached_tokens: Tokens of the prompt that were not computed again; equal answers may differ in it.
        counted_tokens: Tokens generated, from engines that know no ids; None: those of `token_ids`.
        tool_calls: Calls that the engine read out of the answer; others leave them in the text.
    """

    text: str
    token_ids: tuple[int, ...]
    prompt_tokens: int
    finish_reason: str
    logprobs: tuple[TokenLogprob, ...] | None = None
    cached_tokens: int = field(default=0, compare=False)
    counted_tokens: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def generated_tokens(self) -> int:
        """How many tokens were generated, the stop id not counted where it is known."""
        return len(self.token_ids) if self.counted_tokens is None else self.counted_tokens


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer.

    Attributes:
        finish_reason: Set on the last piece only.
        logprobs: Of the tokens that the piece ends; those of all pieces are the completion's.
        completion: The whole answer, on the last piece only.
    """

    text: str
    finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    completion: Completion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What an engine can do.

    Attributes:
        name: `pt`, `vllm`, `sglang`, `lmdeploy` or `openai`.
        max_model_len: Longest prompt and answer together, in tokens; None for no limit.
        adapters: Names that requests may ask for.
        beams: Whether it does beam search.
        json_schema: Whether it can hold an answer to a JSON schema.
        token_ids: Whether it knows the ids of the tokens that it generates.
        conversations: Whether it takes conversations and makes the prompt itself.
    """

    name: str
    max_model_len: int | None = None
    adapters: tuple[str, ...] = ()
    beams: bool = False
    json_schema: bool = False
    token_ids: bool = True
    conversations: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """What an engine is doing, and what it has done since it began.

    Attributes:
        running: Requests whose tokens are being made.
        waiting: Requests that wait for room.
        requests: Requests answered, those that failed or were cancelled included.
        cached_tokens: Tokens of prompts that were not computed again.
    """

    running: int = 0
    waiting: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    cached_tokens: int = 0
