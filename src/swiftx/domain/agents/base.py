"""An agent template as data: a few small functions of a format, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from swiftx.domain.agents.calls import Call, read_call
from swiftx.domain.agents.incoming import Opening
from swiftx.domain.agents.keywords import (
    REACT,
    Keywords,
    bare_results,
    keyword_opening,
    observed,
    read_keyword_calls,
    speaks,
    write_keyword_calls,
)
from swiftx.domain.agents.tools import Tool, as_json, wrapped
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import AgentTemplate, ToolCall, ToolPrompt, ToolTurn, UserTurn

Declare = Callable[[Sequence[Tool], str | None], str]
"""Tools and the text that they are to be added to (None: there is no such text) → the whole text."""

SPELLINGS: tuple[tuple[str, Callable[[object], str]], ...] = (("", str), ("_json", as_json))
"""How formats spell arguments when the reference spells them as Python does: such a format comes twice,
under its own name as in the reference, and with `_json` as its declaration tells the model to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFormat:
    """How a model family writes tools, calls and results.

    Attributes:
        name: What `--agent_template` calls it.
        declare: Writes the tools.
        declares_in: Which text `declare` gets: the system text or the first question.
        write_calls: Writes calls made at once as the assistant's text.
        write_results: Lays out results in order, from the end of the assistant's text to the start of
            the next answer.
        read_calls: Finds the calls in an answer.
        openings: How calls begin, to be read while they are written; where there are none, a call is
            read when it is complete.
        keywords: An answer that holds calls in these words gets its results in them too.
        reads_react: Whether ReAct calls are understood where `read_calls` finds none, and answered in
            the same way.
    """

    name: str
    declare: Declare
    write_calls: Callable[[Sequence[Call]], str]
    write_results: Callable[[Sequence[str], UserTurn], Pieces]
    read_calls: Callable[[str], list[ToolCall]]
    declares_in: Literal["system", "query"] = "system"
    keywords: Keywords = REACT
    reads_react: bool = True
    openings: tuple[Opening, ...] = ()

    def format_tools(self, tools: Sequence[Any], *, system: str | None, query: str) -> ToolPrompt:
        """See `AgentTemplate.format_tools`."""
        declarations = [wrapped(tool) for tool in tools]
        if self.declares_in == "query":
            return ToolPrompt(system, self.declare(declarations, query))
        return ToolPrompt(self.declare(declarations, system), query)

    def render_tool_calls(self, calls: Sequence[str]) -> str:
        """See `AgentTemplate.render_tool_calls`."""
        return self.write_calls([read_call(call) for call in calls])

    def render_tool_responses(
        self, answer: str, responses: Sequence[str], *, user_turn: UserTurn
    ) -> ToolTurn:
        """See `AgentTemplate.render_tool_responses`."""
        if self.reads_react and speaks(answer, self.keywords):
            return observed(answer, responses, self.keywords)
        return ToolTurn(answer, self.write_results(responses, user_turn))

    def parse_tool_calls(self, text: str) -> list[ToolCall]:
        """See `AgentTemplate.parse_tool_calls`."""
        calls = self.read_calls(text)
        if not calls and self.reads_react:
            return read_keyword_calls(text, keywords=REACT)
        return calls


def openings_of(agent: AgentTemplate) -> tuple[Opening, ...]:
    """Return the ways in which calls begin; none where calls are read when they are complete."""
    if not isinstance(agent, AgentFormat) or not agent.openings:
        return ()
    return (*agent.openings, keyword_opening(REACT)) if agent.reads_react else agent.openings


def observation_word(agent: AgentTemplate) -> str | None:
    """Return the word before a tool's result, where the model itself would write on past it."""
    if not isinstance(agent, AgentFormat):
        return None
    written = agent.render_tool_calls(['{"name": "a", "arguments": {}}'])
    word = agent.keywords.observation
    return word if written.rstrip().endswith(word) else None


def keyword_format(
    name: str, declare: Declare, *, spell: Callable[[object], str], keywords: Keywords = REACT
) -> AgentFormat:
    """Return a format that writes calls between key words.

    Args:
        spell: Writes the arguments: `str` as Python does, `as_json` as JSON.
    """
    return AgentFormat(
        name=name,
        declare=declare,
        write_calls=partial(write_keyword_calls, keywords=keywords, spell=spell),
        write_results=bare_results,
        read_calls=partial(read_keyword_calls, keywords=keywords),
        openings=(keyword_opening(keywords),),
        keywords=keywords,
    )
