"""Conversations to requests: as prompts of token ids, or as they are, where a service makes the prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from swiftx.domain.agents import registry as agents
from swiftx.domain.agents.base import observation_word
from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.plans.inference import GenerationPlan, Request
from swiftx.domain.templates.chat_template import ChatTemplate, Outcome
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError, SwiftxError


class Asker(Protocol):
    """Makes requests."""

    @property
    def takes_system(self) -> bool:
        """Whether a conversation may have a system text."""
        ...

    @property
    def prefix(self) -> str:
        """What every answer begins with, although the engine does not say it."""
        ...

    def requests(self, conversations: Sequence[Conversation]) -> list[Request | SwiftxError]:
        """Return one request a conversation, or why there is none."""
        ...


class TemplateAsker:
    """Makes prompts with the template of the model.

    Args:
        plan: How answers are generated. An `--agent_template` that is named counts as tools, which a chat
            at a terminal can only describe in its system text.
    """

    def __init__(self, template: ChatTemplate, plan: GenerationPlan) -> None:
        self._template = template
        self._plan = plan
        named = template.plan.agent_template
        self._result_word = observation_word(agents.get(named or template.spec.agent_template))
        self._always_calls = named is not None
        self.takes_system = template.spec.takes_system
        prefix = template.plan.response_prefix
        self.prefix = template.spec.response_prefix if prefix is None else prefix

    def requests(self, conversations: Sequence[Conversation]) -> list[Request | SwiftxError]:
        outcomes = self._template.encode_prompts(list(conversations))
        return list(map(self._request, conversations, outcomes))

    def _request(self, conversation: Conversation, outcome: Outcome) -> Request | SwiftxError:
        if isinstance(outcome, TooLong):
            return _too_long(outcome)
        if isinstance(outcome, DataError):
            return outcome
        return Request(prompt_ids=outcome.input_ids, generation=self._plan_for(conversation))

    def _plan_for(self, conversation: Conversation) -> GenerationPlan:
        """Return the plan; where tools may be called, an answer ends where a tool's result would begin."""
        if self._result_word is None or not (conversation.tools or self._always_calls):
            return self._plan
        return replace(self._plan, end_words=(*self._plan.end_words, self._result_word))


class ServiceAsker:
    """Hands conversations on.

    Args:
        system: System text of the conversations that have none.
    """

    takes_system = True
    prefix = ""

    def __init__(self, plan: GenerationPlan, system: str | None) -> None:
        self._plan = plan
        self._system = system

    def requests(self, conversations: Sequence[Conversation]) -> list[Request | SwiftxError]:
        return [
            Request(prompt_ids=(), generation=self._plan, conversation=self._complete(conversation))
            for conversation in conversations
        ]

    def _complete(self, conversation: Conversation) -> Conversation:
        messages = conversation.messages
        if self._system is None or (messages and messages[0].role == "system"):
            return conversation
        return replace(conversation, messages=(Message("system", self._system), *messages))


def _too_long(outcome: TooLong) -> DataError:
    return DataError(
        f"the prompt has {outcome.length} tokens, more than --max_length {outcome.max_length}",
        hint="raise --max_length, or cut long prompts with --truncation_strategy left",
    )
