"""Names of cached tokens: another one when anything that they depend on has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from swiftx.domain.datasets.loading import Chunk, Dataset
from swiftx.domain.datasets.pipeline import OpenedData
from swiftx.domain.datasets.sequences import ANSWERS, RowUse
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.ports.rows import RowSource
from swiftx.domain.templates.chat_template import ChatTemplate

_DATE_SLOT = "{{TODAY"
_OWN_CODE = "swiftx."


def data_key(
    opened: OpenedData,
    plan: DataPlan,
    template: ChatTemplate,
    source: RowSource,
    *,
    code: str,
    use: RowUse = ANSWERS,
) -> str | None:
    """Return the key; None when code takes part whose changes nobody would notice.

    Args:
        opened: The data sets of the plan.
        plan: Which rows are used.
        template: What makes tokens of them.
        source: Reads the files.
        code: Stands for the version of the program and of its libraries.
        use: What the rows are for.

    Raises:
        StorageError: A data file cannot be read.
    """
    tokenizer = template.tokenizer.fingerprint
    datasets = [*opened.train, *opened.validation]
    if tokenizer is None or any(map(_is_foreign, _chunks(datasets))):
        return None
    parts = {
        "code": code,
        "plan": asdict(plan),
        "declarations": [source.digest(path) for path in plan.custom_dataset_info],
        "data": [_dataset(dataset, source) for dataset in datasets],
        "use": asdict(use),
        "template": template_parts(template),
        "tokenizer": tokenizer,
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def template_parts(template: ChatTemplate) -> dict[str, Any]:
    """Return what tokens depend on besides rows and tokenizer, as JSON-like values."""
    parts = {name: value for name, value in asdict(template.plan).items() if name != "today"}
    if _states_the_date(template):
        parts["today"] = template.plan.today.isoformat()
    return {**parts, "chat_template": template.tokenizer.chat_template}


def _states_the_date(template: ChatTemplate) -> bool:
    spec = template.spec
    own = [piece for piece in (*spec.pieces, spec.default_system) if isinstance(piece, str)]
    if spec.rewrite is not None or any(_DATE_SLOT in text for text in own):
        return True
    return "strftime_now" in (template.tokenizer.chat_template or "")


def _chunks(datasets: list[Dataset]) -> Iterator[Chunk]:
    for dataset in datasets:
        yield from dataset.chunks


def _is_foreign(chunk: Chunk) -> bool:
    """Whether rows go through a function that is not our own."""
    function: Any = chunk.preprocess
    while isinstance(function, partial):
        function = function.func
    return function is not None and not str(function.__module__).startswith(_OWN_CODE)


def _dataset(dataset: Dataset, source: RowSource) -> list[Any]:
    return [dataset.name, dataset.count, [_chunk(chunk, source) for chunk in dataset.chunks]]


def _chunk(chunk: Chunk, source: RowSource) -> list[Any]:
    if chunk.is_file:
        content = source.digest(chunk.source)
    else:
        content = json.dumps([dict(row) for row in chunk.rows(0)], default=str)
    return [chunk.source, content, dict(chunk.columns), chunk.preprocess is not None]
