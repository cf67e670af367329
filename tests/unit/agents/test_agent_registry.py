"""Agent templates are found by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.registries import keep_registries

from swiftx.domain.agents import registry
from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.chat.tool_calling import ToolCall
from swiftx.domain.templates import registry as templates
from swiftx.errors import NotFound


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    keep_registries(monkeypatch)


def test_a_template_is_found_by_its_own_name() -> None:
    assert all(registry.get(name).name == name for name in registry.names())
    assert len(registry.names()) == 29


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(NotFound, match="'hermess'") as caught:
        registry.get("hermess")

    assert caught.value.hint == "Did you mean hermes?"


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(NotFound) as caught:
        registry.get("0")

    assert caught.value.hint is not None
    assert "toolbench" in caught.value.hint


@pytest.mark.usefixtures("unchanged")
def test_a_plugin_can_add_a_template() -> None:
    hermes = registry.get("hermes")
    assert isinstance(hermes, AgentFormat)
    registry.register(replace(hermes, name="own", read_calls=lambda text: [ToolCall(text, "{}")]))

    assert registry.get("own").parse_tool_calls("f") == [ToolCall("f", "{}")]
    assert "own" in registry.names()


def test_every_prompt_template_names_an_agent_template_that_exists() -> None:
    for name in templates.names():
        registry.get(templates.get(name).agent_template)
