"""Fields of a JSON body: read, checked and described by one table, with every problem found at once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swiftx.domain.serving.refusals import Problem, Refused, shown

Json = Mapping[str, Any]

_ID = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. Every field may be null, which is as if it were absent.

    Attributes:
        schema: JSON Schema of the value, for the OpenAPI description.
        wrong: Returns what is wrong with a value; None when nothing is.
        required: Whether it must be there.
    """

    schema: Json
    wrong: Callable[[Any], str | None]
    required: bool = False


Table = Mapping[str, Field]


def read_body(body: bytes) -> Json:
    """Return the JSON object of a request.

    Raises:
        Refused: It is none.
    """
    try:
        value = json.loads(body, parse_constant=_no_constant)
        if b"\\u" in body:  # only an escape can spell half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused([Problem(None, "The text has half of a surrogate pair.")]) from None
    except (ValueError, RecursionError) as error:
        raise Refused([Problem(None, f"The body is not JSON: {_reason(error)}.")]) from None
    if not isinstance(value, dict):
        raise Refused([Problem(None, f"The body is {shown(value)}; a JSON object was expected.")])
    return value


def read_fields(values: Json, table: Table, problems: list[Problem], *, path: str = "") -> Json:
    """Return the fields that are there and right; what is wrong is added to `problems`.

    Args:
        path: What stands before a field's name in a problem: `stream_options.`.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        field = table.get(name)
        if field is None:
            message = f"Unrecognized request argument supplied: {path}{name[:80]}"
            problems.append(Problem(None if not path else f"{path}{name[:80]}", message))
        elif value is not None:
            message = field.wrong(value) or ""
            if message:
                problems.append(Problem(f"{path}{name}", message))
            else:
                found[name] = value
    for name, field in table.items():
        if field.required and values.get(name) is None:
            problems.append(
                Problem(f"{path}{name}", f"Missing required parameter: '{path}{name}'.")
            )
    return found


def schema_of(table: Table) -> dict[str, Any]:
    """Return the JSON Schema of a body with these fields."""
    return {
        "type": "object",
        "properties": {
            name: dict(field.schema) if field.required else _or_null(field.schema)
            for name, field in table.items()
        },
        "required": [name for name, field in table.items() if field.required],
        "additionalProperties": False,
    }


def number(low: float, high: float = math.inf, *, above: bool = False) -> Field:
    """Return a number from `low` to `high`; `above`: `low` itself is too little."""
    bounds: dict[str, Any] = {"exclusiveMinimum" if above else "minimum": low}
    if high < math.inf:
        bounds["maximum"] = high
    start = f"above {low:g}" if above else f"from {low:g}"
    expected = f"a number {start}" + (f" to {high:g}" if high < math.inf else "")

    def wrong(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _not(value, expected)
        inside = low < value if above else low <= value
        return None if inside and value <= high and math.isfinite(value) else _not(value, expected)

    return Field(schema={"type": "number", **bounds}, wrong=wrong)


def integer(low: int, high: int) -> Field:
    """Return a whole number from `low` to `high`."""
    expected = f"an integer from {low} to {high}"

    def wrong(value: Any) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and low <= value <= high else _not(value, expected)

    return Field(schema={"type": "integer", "minimum": low, "maximum": high}, wrong=wrong)


def flag() -> Field:
    """Return a truth value."""
    return Field(
        schema={"type": "boolean"},
        wrong=lambda value: None if isinstance(value, bool) else _not(value, "true or false"),
    )


def text(*choices: str, required: bool = False) -> Field:
    """Return a text, one of these when there are some."""
    expected = f"one of {', '.join(choices)}" if choices else "a text"
    schema: dict[str, Any] = {"type": "string"}
    if choices:
        schema["enum"] = list(choices)

    def wrong(value: Any) -> str | None:
        fits = isinstance(value, str) and (not choices or value in choices)
        return None if fits else _not(value, expected)

    return Field(schema=schema, wrong=wrong, required=required)


def texts(*, at_most: int) -> Field:
    """Return a text, or a list of up to so many; none of them empty."""
    one = {"type": "string", "minLength": 1}
    schema = {"anyOf": [one, {"type": "array", "items": one, "maxItems": at_most}]}

    def wrong(value: Any) -> str | None:
        values = value if isinstance(value, list) else [value]
        fits = len(values) <= at_most and all(isinstance(each, str) and each for each in values)
        return None if fits else _not(value, f"a text or a list of up to {at_most}, none empty")

    return Field(schema=schema, wrong=wrong)


def integers(low: int, high: int, *, at_most: int) -> Field:
    """Return a list of up to so many whole numbers."""
    item = integer(low, high)

    def wrong(value: Any) -> str | None:
        fits = isinstance(value, list) and len(value) <= at_most
        if fits and not any(item.wrong(each) for each in value):
            return None
        return _not(value, f"a list of up to {at_most} integers from {low} to {high}")

    return Field(
        schema={"type": "array", "items": dict(item.schema), "maxItems": at_most}, wrong=wrong
    )


def numbers_by_id(low: float, high: float, *, at_most: int) -> Field:
    """Return a JSON object of up to so many token ids (its keys, as text) and numbers."""
    item = number(low, high)
    expected = f"up to {at_most} token ids, each with a number from {low:g} to {high:g}"

    def wrong(value: Any) -> str | None:
        fits = isinstance(value, dict) and len(value) <= at_most
        if fits and all(_ID.fullmatch(key) and not item.wrong(value[key]) for key in value):
            return None
        return _not(value, expected)

    schema = {
        "type": "object",
        "propertyNames": {"pattern": f"^{_ID.pattern}$"},
        "additionalProperties": dict(item.schema),
        "maxProperties": at_most,
    }
    return Field(schema=schema, wrong=wrong)


def mapping(schema: Json | None = None, *, required: bool = False) -> Field:
    """Return a JSON object; who reads it looks inside."""
    return Field(
        schema=schema or {"type": "object"},
        wrong=lambda value: None if isinstance(value, dict) else _not(value, "a JSON object"),
        required=required,
    )


def listing(items: Json, *, required: bool = False) -> Field:
    """Return a list; who reads it looks inside."""
    return Field(
        schema={"type": "array", "items": items, "minItems": 1},
        wrong=lambda value: (
            None if isinstance(value, list) and value else _not(value, "a list that is not empty")
        ),
        required=required,
    )


def anything(schema: Json, *, required: bool = False) -> Field:
    """Return a field that who reads it checks alone."""
    return Field(schema=schema, wrong=lambda _: None, required=required)


def unused() -> Field:
    """Return a field of OpenAI's that means nothing to one machine: it may be there."""
    return Field(schema={}, wrong=lambda _: None)


def unsupported(reason: str, *, neutral: Sequence[object] = ()) -> Field:
    """Return a field that cannot be obeyed, except where its value asks for nothing."""

    def wrong(value: Any) -> str | None:
        return None if value in neutral else f"{shown(value)} is not supported: {reason}."

    return Field(schema={"enum": [*neutral, None]}, wrong=wrong)


def _or_null(schema: Json) -> dict[str, Any]:
    if not schema or None in schema.get("enum", ()):
        return dict(schema)
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _not(value: object, expected: str) -> str:
    return f"{shown(value)} is not {expected}."


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
