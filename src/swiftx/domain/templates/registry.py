"""Templates by name, and the template of a model type."""

from __future__ import annotations

from swiftx.domain.models import registry as models
from swiftx.domain.naming import Names
from swiftx.domain.templates.families import (
    chatml,
    deepseek,
    gemma,
    glm,
    internlm,
    labs,
    llama,
    llava,
    mistral,
    phi,
    plain,
    qwen,
)
from swiftx.domain.templates.spec import TemplateSpec

_FAMILIES = (
    chatml,
    qwen,
    llama,
    deepseek,
    glm,
    gemma,
    mistral,
    phi,
    internlm,
    labs,
    plain,
    llava,
)
TEMPLATES: Names[TemplateSpec] = Names(
    "template", (spec for family in _FAMILIES for spec in family.TEMPLATES)
)
names, register, get = TEMPLATES.names, TEMPLATES.register, TEMPLATES.get


def for_model_type(model_type: str) -> TemplateSpec | None:
    """Return the template that a model type was trained with; None when none is declared.

    Raises:
        NotFound: There is no such model type; the hint has close matches.
    """
    template = models.get(model_type).template
    return None if template is None else get(template)
