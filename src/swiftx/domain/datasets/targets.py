"""Labels of rows as the numbers that a head is trained towards."""

from __future__ import annotations

import math
from typing import Any

from swiftx.errors import DataError

REGRESSION = "regression"
SINGLE = "single_label_classification"
MULTI = "multi_label_classification"


def class_target(label: Any, *, num_labels: int, problem_type: str | None) -> tuple[float, ...]:
    """Return what a classifier is to answer.

    Args:
        label: As the row has it.
        num_labels: Classes, or numbers to estimate.
        problem_type: `regression` (one number, or a list of `num_labels`), `multi_label_classification` (a
            list of the classes that apply, perhaps empty), else one class.

    Returns:
        The class; or 1 and 0 for each class; or the numbers.

    Raises:
        DataError: The label is something else, or there is no such class.

    Example:
        >>> class_target([0, 2], num_labels=3, problem_type="multi_label_classification")
        (1.0, 0.0, 1.0)
        >>> class_target(2, num_labels=3, problem_type="single_label_classification")
        (2.0,)
        >>> class_target(0.5, num_labels=1, problem_type="regression")
        (0.5,)
    """
    if problem_type == REGRESSION:
        return _numbers(label, num_labels)
    if problem_type == MULTI:
        applying = _classes(label, num_labels)
        return tuple(float(each in applying) for each in range(num_labels))
    return (float(_class(label, num_labels)),)


def similarity_target(label: Any) -> tuple[float, ...]:
    """Return how alike two texts are: the label, or 1 for a row without one.

    Raises:
        DataError: The label is no number.
    """
    return (1.0,) if label is None else (_number(label),)


def _class(label: Any, num_labels: int) -> int:
    number = _number(label)
    if not number.is_integer():
        raise DataError(f"{label!r} is no class; a whole number was expected", field="label")
    if not 0 <= number < num_labels:
        raise DataError(
            f"there is no class {label!r}; with --num_labels {num_labels} they are 0 to {num_labels - 1}",
            field="label",
        )
    return int(number)


def _classes(label: Any, num_labels: int) -> set[int]:
    if not isinstance(label, list | tuple):
        raise DataError(
            f"{label!r} is no list; with several labels a row lists the classes that apply",
            field="label",
        )
    classes = [_class(each, num_labels) for each in label]
    if len(set(classes)) < len(classes):
        raise DataError(
            f"{label!r} names a class twice; list those that apply, such as [0, 2]",
            field="label",
        )
    return set(classes)


def _numbers(label: Any, num_labels: int) -> tuple[float, ...]:
    numbers = tuple(map(_number, label)) if isinstance(label, list | tuple) else (_number(label),)
    if len(numbers) != num_labels:
        raise DataError(
            f"{label!r} has {len(numbers)} numbers, and --num_labels is {num_labels}", field="label"
        )
    return numbers


def _number(label: Any) -> float:
    """Return a label as a number; those of csv files are numbers already when they can be."""
    if isinstance(label, bool | int | float) and math.isfinite(label):
        return float(label)
    raise DataError(f"{label!r} is no number", field="label")
