"""Model types by name."""

from __future__ import annotations

from swiftx.domain.models import lab_types, llama_types, qwen_types, vision_types
from swiftx.domain.models.model_type import ModelType
from swiftx.domain.naming import Names

TYPES: Names[ModelType] = Names(
    "model type",
    (
        each
        for module in (llama_types, qwen_types, lab_types, vision_types)
        for each in module.TYPES
    ),
    advice="Leave --model_type out to find it by the model's own configuration.",
)
names, all_types, register, get = TYPES.names, TYPES.all, TYPES.register, TYPES.get


def template_of(name: str) -> str | None:
    """Return the name of the template that a model type declares; None when it declares none.

    Raises:
        NotFound: There is no such model type; the hint has close matches.
    """
    return get(name).template
