"""Generating text for requests: names, prompts, tools, and what writes the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from swiftx.domain.agents import registry as agents
from swiftx.domain.agents.base import observation_word
from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.chat.tool_calling import AgentTemplate
from swiftx.domain.plans.inference import GenerationPlan, Request
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.domain.serving.answer import AnswerReader
from swiftx.domain.serving.exchange import Generation, Record
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.reading import Bounds
from swiftx.domain.serving.reasoning import OPENINGS
from swiftx.domain.serving.refusals import Problem, Refused
from swiftx.domain.serving.requests import ChatRequest, CompletionRequest
from swiftx.domain.serving.sampling import Defaults
from swiftx.domain.serving.tool_calls import call_opening
from swiftx.domain.serving.writing import ChatWriter, CompletionWriter, Head, Writer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError

_COMPLETION_TOKENS = 16
"""Of an answer whose length nobody sets. Source: OpenAI's API reference, completions, max_tokens."""
_LAST_TOKENS = 16  # enough to hold a tag that begins thoughts, and the white space after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How the service knows the time, and what hears of the end of each request."""

    now: Callable[[], float]
    on_end: Callable[[Record], None]


class TextService:
    """Answers chats and completions with one model and its adapters.

    Args:
        models: By the name that clients use: the adapter that answers; None is the model as it was loaded.
        max_logprobs: Most alternatives a token that clients may ask for.
    """

    def __init__(
        self,
        engine: InferenceEngine,
        template: ChatTemplate,
        defaults: Defaults,
        *,
        models: Mapping[str, str | None],
        max_logprobs: int,
        gate: Gate,
    ) -> None:
        self.engine = engine
        self.models = models
        self.bounds = Bounds(
            max_logprobs=max_logprobs,
            json_schema=engine.facts.json_schema,
            vocab_size=template.tokenizer.vocab_size,
            thinks=template.spec.thinking is not None,
        )
        self._template = template
        self._tokenizer = template.tokenizer
        self._defaults = defaults
        self._gate = gate
        plan = template.plan
        self._agent = agents.get(plan.agent_template or template.spec.agent_template)
        prefix = plan.response_prefix
        self._prefix = template.spec.response_prefix if prefix is None else prefix

    def chat(self, asked: ChatRequest, head: Head, watch: Watch, record: Record) -> Generation:
        """Return the answers to a conversation, to be started.

        Raises:
            Refused: The conversation does not fit the template or the model.
        """
        tools = self._declared(asked)
        agent = self._agent if tools else None
        begun = self._forced(asked, agent)
        conversation = replace(asked.conversation, tools=tuple(tools))
        if begun:
            answer = Message("assistant", self._prefix + begun)
            conversation = replace(conversation, messages=(*conversation.messages, answer))
        prompt_ids = self._prompt(conversation)
        plan = self._defaults.plan(asked.sampling)
        word = None if agent is None else observation_word(agent)
        if word is not None:
            plan = replace(plan, end_words=(*plan.end_words, word))
        prefix = begun or ("" if _is_continued(asked.conversation) else self._prefix)
        opened = None if prefix else self._opened(prompt_ids)
        readers = [
            AnswerReader(
                agent=agent, thoughts=asked.separate_reasoning and not begun, opened=opened
            )
            for _ in range(asked.n)
        ]
        writer = ChatWriter(head, readers, prefix=prefix, usage=asked.include_usage)
        requests = self._requests([prompt_ids], plan, asked.n, asked.model)
        return self._generation(requests, writer, asked, watch, record, prompts=1)

    def complete(
        self, asked: CompletionRequest, head: Head, watch: Watch, record: Record
    ) -> Generation:
        """Return the continuations of prompts, to be started.

        Raises:
            Refused: A prompt does not fit the model.
        """
        before = self._tokenizer.affixes.before
        prompts = [
            (*before, *self._tokenizer.encode(prompt)) if isinstance(prompt, str) else prompt
            for prompt in asked.prompts
        ]
        for prompt in prompts:
            self._check_length(len(prompt))
        plan = self._defaults.plan(asked.sampling, max_tokens=_COMPLETION_TOKENS)
        echoes = [
            ""
            if not asked.echo
            else text
            if isinstance(text, str)
            else self._tokenizer.decode(text)
            for text in asked.prompts
            for _ in range(asked.n)
        ]
        writer = CompletionWriter(head, echoes, usage=asked.include_usage)
        requests = self._requests(prompts, plan, asked.n, asked.model)
        return self._generation(requests, writer, asked, watch, record, prompts=len(prompts))

    def _generation(
        self,
        requests: Sequence[Request],
        writer: Writer,
        asked: ChatRequest | CompletionRequest,
        watch: Watch,
        record: Record,
        *,
        prompts: int,
    ) -> Generation:
        return Generation(
            self.engine,
            requests,
            writer,
            streams=asked.stream,
            usage=asked.include_usage,
            prompts=prompts,
            record=record,
            gate=self._gate,
            on_end=watch.on_end,
            now=watch.now,
        )

    def _requests(
        self,
        prompts: Sequence[Sequence[int]],
        plan: GenerationPlan,
        n: int,
        model: str | None,
    ) -> list[Request]:
        """Return the requests, each sample with a seed of its own."""
        adapter = None if model is None else self.models[model]
        plans = [
            plan if plan.seed is None or not number else replace(plan, seed=plan.seed + number)
            for number in range(n)
        ]
        return [
            Request(prompt_ids=prompt, generation=each, adapter=adapter)
            for prompt in prompts
            for each in plans
        ]

    def _declared(self, asked: ChatRequest) -> list[Mapping[str, object]]:
        """Return the tools that the prompt declares: none, all, or the one that must be called."""
        if asked.tool_choice == "none":
            return []
        if isinstance(asked.tool_choice, tuple):
            (name,) = asked.tool_choice
            return [tool for tool in asked.tools if tool["function"]["name"] == name]
        return list(asked.tools)

    def _forced(self, asked: ChatRequest, agent: AgentTemplate | None) -> str:
        """Return the beginning of a call, to begin the answer with, when a tool must be called."""
        if agent is None or asked.tool_choice in ("auto", "none"):
            return ""
        names = [str(tool["function"]["name"]) for tool in asked.tools]
        if isinstance(asked.tool_choice, tuple):
            names = list(asked.tool_choice)
        opening = call_opening(agent, names)
        if not opening:
            message = f"required is not supported with several tools in the format {agent.name!r}; name one."
            raise Refused([Problem("tool_choice", message, "unsupported_value")])
        return opening

    def _prompt(self, conversation: Conversation) -> Sequence[int]:
        (outcome,) = self._template.encode_prompts([conversation])
        if isinstance(outcome, TooLong):
            raise self._too_long(outcome.length, outcome.max_length)
        if isinstance(outcome, DataError):
            raise Refused([Problem(outcome.field, outcome.reason)])
        self._check_length(len(outcome.input_ids))
        return outcome.input_ids

    def _check_length(self, length: int) -> None:
        limit = self.engine.facts.max_model_len
        if limit is not None and length >= limit:
            raise self._too_long(length, limit)

    def _too_long(self, length: int, limit: int | None) -> Refused:
        message = (
            f"This model's maximum context length is {limit} tokens, and the prompt has {length}."
            " Shorten it."
        )
        return Refused([Problem("messages", message, "context_length_exceeded")])

    def _opened(self, prompt_ids: Sequence[int]) -> str | None:
        """Return the tag with which the prompt itself begins the thoughts of the answer."""
        end = self._tokenizer.decode(prompt_ids[-_LAST_TOKENS:]).rstrip()
        return next((tag for tag in OPENINGS if end.endswith(tag)), None)


def _is_continued(conversation: Conversation) -> bool:
    """Whether the client has begun the answer itself."""
    last = conversation.messages[-1] if conversation.messages else None
    return last is not None and last.role == "assistant" and bool(last.content)
