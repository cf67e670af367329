"""Rotary positions: how a model's are scaled, and the length that they then reach."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.args.coerce import one_of
from swiftx.domain.args.rule import (
    KEEP,
    Facts,
    Values,
    check,
    normaliser,
    rule,
)
from swiftx.errors import ArgError

_ORIGINAL = "original_max_position_embeddings"


_ROPE_TYPES = ("linear", "dynamic", "yarn")


@normaliser("rope_scaling", needs_model=True)
def rope_scaling_states_its_factor(values: Values, facts: Facts) -> object:
    """Rules M13, M14 and M15: a type becomes the factor that reaches max_model_len."""
    asked = values.rope_scaling
    rope: dict[str, Any] = {"type": asked} if isinstance(asked, str) else dict(asked)
    wanted = values.given("max_model_len")
    if "factor" not in rope and wanted is None:
        return rope
    original = rope.get(_ORIGINAL) or _original_length(facts)
    if original is None:
        return rope
    return _with_factor(rope, original=original, wanted=wanted)


@rule("rope_scaling", needs_model=True)
def scaled_rope_of_the_model_reaches_the_new_length(values: Values, facts: Facts) -> object:
    """Rule M16: the factor in config.json is computed anew."""
    wanted = values.given("max_model_len")
    rope = dict(_config_rope(facts))
    original = _original_length(facts)
    if wanted is None or not rope or original is None:
        return KEEP
    rope.pop("factor", None)
    return _with_factor(rope, original=original, wanted=wanted)


@rule("max_model_len", needs=("rope_scaling",))
def scaled_rope_sets_the_length(values: Values, _: Facts) -> object:
    """Rule M15."""
    factor, original = (_positive(values.rope_scaling, key) for key in ("factor", _ORIGINAL))
    return int(original * factor) if factor and original else KEEP


@check("rope_scaling")
def rope_scaling_is_of_a_known_kind(values: Values, _: Facts) -> Sequence[ArgError]:
    asked = values.rope_scaling
    if isinstance(asked, str) and asked not in _ROPE_TYPES:
        message = f"rope_scaling: unknown type {asked!r}."
        return [ArgError("rope_scaling", message, one_of(asked, _ROPE_TYPES))]
    wrong = [
        key for key in ("factor", _ORIGINAL) if _stated(asked, key) and not _positive(asked, key)
    ]
    hint = 'For example {"type": "yarn", "factor": 2.0}.'
    return [
        ArgError(
            "rope_scaling", f"rope_scaling: {key} {asked[key]!r} is not a positive number.", hint
        )
        for key in wrong
    ]


@check("rope_scaling")
def rope_scaling_can_be_computed(values: Values, _: Facts) -> Sequence[ArgError]:
    """A linear or yarn factor cannot be guessed."""
    asked = values.rope_scaling
    kind = asked.get("type", asked.get("rope_type")) if isinstance(asked, Mapping) else asked
    known = _stated(asked, "factor") or values.given("max_model_len") is not None
    if kind not in ("linear", "yarn") or known:
        return ()
    hint = "Add --max_model_len TOKENS, or write the factor in JSON."
    return [ArgError("rope_scaling", f"rope_scaling {kind} needs a factor.", hint)]


def _with_factor(rope: dict[str, Any], *, original: int, wanted: int | None) -> dict[str, Any]:
    rope[_ORIGINAL] = original
    if "factor" not in rope and wanted is not None:
        rope["factor"] = max(float(math.ceil(wanted / original)), 1.0)
    return rope


def _stated(rope: object, key: str) -> bool:
    return isinstance(rope, Mapping) and key in rope


def _positive(rope: object, key: str) -> float | None:
    value = rope.get(key) if isinstance(rope, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 < value < math.inf else None


def _config_rope(facts: Facts) -> Mapping[str, Any]:
    """Return the scaling of config.json; empty when positions are not scaled."""
    config = facts.model.config if facts.model else {}
    text = config.get("text_config") or config
    rope = text.get("rope_scaling") or text.get("rope_parameters") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    return {} if kind == "default" else rope


def _original_length(facts: Facts) -> int | None:
    """Return the length in tokens before any scaling."""
    rope = _config_rope(facts)
    longest = facts.model.max_model_len if facts.model else None
    original, factor = (_positive(rope, key) for key in (_ORIGINAL, "factor"))
    if original:
        return int(original)
    return int(longest // factor) if longest and factor else longest


STEPS = (
    rope_scaling_states_its_factor,
    scaled_rope_of_the_model_reaches_the_new_length,
    scaled_rope_sets_the_length,
)
CHECKS = (rope_scaling_is_of_a_known_kind, rope_scaling_can_be_computed)
