"""Rules about estimating memory."""

from __future__ import annotations

from collections.abc import Sequence

from swiftx.domain.args.rule import Facts, Values, check
from swiftx.errors import ArgError

_COMMANDS = ("estimate",)


@check("dataset", "cached_dataset", "max_length", "streaming", commands=_COMMANDS)
def rows_have_a_length(values: Values, _: Facts) -> Sequence[ArgError]:
    has_rows = (values.dataset or values.cached_dataset) and not values.streaming
    if has_rows or values.max_length:
        return ()
    return [
        ArgError(
            "max_length",
            "Nothing says how long the rows are.",
            "Add --dataset FILE_OR_ID to measure them, or --max_length for the longest that may come.",
        )
    ]


CHECKS = (rows_have_a_length,)
