"""Names of cached tokens: the same for the same tokens, another one for anything that changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from tests.fakes.hub import InMemoryHub
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.pipeline import open_all
from swiftx.domain.datasets.registry import DatasetDeclaration, DatasetRegistry
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.data_key import data_key

FILES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "a.jsonl": [chat("q", "a")],
    "b.jsonl": [chat("q", "b")],
    "same.jsonl": [chat("q", "a")],
}
DECLARED = '[{"dataset_name": "mine", "dataset_path": "/desk/a.jsonl"}]'
PLAN = DataPlan(dataset=("a.jsonl",))
TEMPLATE = TemplatePlan(name="chatml", today=date(2026, 1, 1))
DATED = replace(TEMPLATE, name="llama3_2")


def key(
    plan: DataPlan = PLAN,
    template: TemplatePlan = TEMPLATE,
    *,
    files: Mapping[str, Sequence[Mapping[str, Any]]] = FILES,
    tokenizer: ByteTokenizer | None = None,
    code: str = "1",
    declarations: Sequence[DatasetDeclaration] = (),
) -> str | None:
    texts = {**dict.fromkeys(files, ""), "info.json": DECLARED}
    rows = InMemoryRows({**files, "info.json": [{"text": DECLARED}]})
    hub = InMemoryHub({})
    ports = DataPorts(rows, InMemoryStorage(texts), SeededShuffler(), lambda _: hub)
    opened = open_all(plan, ports, registry=DatasetRegistry(declarations))
    made = ChatTemplate(template, tokenizer or ByteTokenizer())
    return data_key(opened, plan, made, rows, code=code)


def test_the_same_is_the_same() -> None:
    assert key() is not None
    assert key() == key()


@pytest.mark.parametrize(
    "change",
    [
        {"plan": DataPlan(dataset=("b.jsonl",))},
        {"plan": DataPlan(dataset=("a.jsonl#1",))},
        {"plan": DataPlan(dataset=("a.jsonl", "b.jsonl"))},
        {"plan": replace(PLAN, val_dataset=("b.jsonl",))},
        {"plan": replace(PLAN, split_dataset_ratio=0.5)},
        {"plan": replace(PLAN, data_seed=1)},
        {"plan": replace(PLAN, dataset_shuffle=False)},
        {"plan": replace(PLAN, columns={"q": "query"})},
        {"plan": replace(PLAN, random_response=False)},
        {"plan": replace(PLAN, custom_dataset_info=("info.json",))},
        {"files": {**FILES, "a.jsonl": [chat("q", "another")]}},
        {"template": replace(TEMPLATE, name="qwen2_5")},
        {"template": replace(TEMPLATE, system="Be brief.")},
        {"template": replace(TEMPLATE, max_length=10)},
        {"template": replace(TEMPLATE, loss_scale="all")},
        {"template": replace(TEMPLATE, use_chat_template=False)},
        {"tokenizer": ByteTokenizer(special={"eos_token": "</s>", "bos_token": "<s>"})},
        {"tokenizer": ByteTokenizer(chat_template="{{ messages }}")},
        {"code": "2"},
    ],
    ids=[
        "dataset", "count", "datasets", "val_dataset", "split", "seed", "shuffle", "columns", "response",
        "declarations", "content", "template", "system", "max_length", "loss_scale", "chat_template",
        "special_tokens", "own_template", "code",
    ],
)  # fmt: skip
def test_whatever_tokens_depend_on_gives_another_key(change: dict[str, Any]) -> None:
    assert key(**change) != key()


def test_the_content_of_the_declarations_counts() -> None:
    plan = DataPlan(dataset=("mine",), custom_dataset_info=("info.json",))
    files = {"/desk/a.jsonl": FILES["a.jsonl"]}

    assert key(plan, files=files) is not None
    assert key(plan, files=files) != key(plan, files={"/desk/a.jsonl": FILES["b.jsonl"]})


def test_the_date_counts_only_for_templates_that_state_it() -> None:
    tomorrow = date(2026, 1, 2)

    assert key() == key(template=replace(TEMPLATE, today=tomorrow))
    assert key(template=DATED) != key(template=replace(DATED, today=tomorrow))


def _ours(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return row


def test_rows_that_foreign_code_makes_have_no_key() -> None:
    for preprocess in (_ours, partial(_ours)):
        declared = DatasetDeclaration(names=("mine",), path="a.jsonl", preprocess=preprocess)

        assert key(DataPlan(dataset=("mine",)), declarations=[declared]) is None


def test_a_tokenizer_that_cannot_be_told_has_no_key() -> None:
    class Unknown(ByteTokenizer):
        @property
        def fingerprint(self) -> str | None:
            return None

    assert key(tokenizer=Unknown()) is None


def test_bundled_rows_have_a_key_by_what_fills_them() -> None:
    plan = DataPlan(dataset=("self-cognition",), model_name=("A",), model_author=("B",))

    assert key(plan) is not None
    assert key(plan) == key(plan)
    assert key(plan) != key(replace(plan, model_name=("C",)))
