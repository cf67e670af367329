"""Agent templates by name."""

from __future__ import annotations

from swiftx.domain.agents import (
    deepseek,
    glm4,
    hermes,
    llama,
    mistral,
    qwen,
    qwen3_coder,
    react,
    seed_oss,
    toolbench,
)
from swiftx.domain.chat.tool_calling import AgentTemplate
from swiftx.domain.naming import Names

_FAMILIES = (
    react,
    qwen,
    qwen3_coder,
    hermes,
    toolbench,
    glm4,
    llama,
    deepseek,
    seed_oss,
    mistral,
)
TEMPLATES: Names[AgentTemplate] = Names(
    "agent template", (each for family in _FAMILIES for each in family.FORMATS)
)
names, register, get = TEMPLATES.names, TEMPLATES.register, TEMPLATES.get
