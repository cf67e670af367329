"""Forms against rendering row by row: ids and labels are the same, whatever the template and the texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.tokenizer import CONTROL_TOKENS, ByteTokenizer

from swiftx.domain.chat.rows import StandardRow, conversation_of
from swiftx.domain.plans.encoded import Encoded, EncodedBlock
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.ports.tokenizer import Affixes
from swiftx.domain.templates import registry
from swiftx.domain.templates.chat_template import ChatTemplate, Outcome
from swiftx.domain.templates.forms import plain_turns

SPECIAL = {"bos_token": "<s>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
NAMES = registry.names()
TEXTS = st.sampled_from(
    ["a", "Hi, you!", "100 %s %d%%", "{{QUERY}} {{SYSTEM}}", " \n", "", "x<|im_end|>", "<|im_end|>",
     "<think>\nhm\n</think>\n\nyes", "\ufdd10\ufdd2", "汉字 é", "</s>", "Action: x"]
)  # fmt: skip
LOSSES = st.sampled_from([None, None, None, 0.0, 1.0])


def _template(**options: Any) -> ChatTemplate:
    plan = TemplatePlan(**{"name": "chatml", "today": date(2026, 1, 1), **options})
    return ChatTemplate(plan, ByteTokenizer(special=SPECIAL, affixes=Affixes((3,), (4,))))


PLAIN = ChatTemplate(
    TemplatePlan(name="chatml", today=date(2026, 1, 1)), ByteTokenizer(special=SPECIAL)
)
TEMPLATES = {name: _template(name=name) for name in NAMES}


@st.composite
def _rows(draw: st.DrawFn) -> StandardRow:
    roles = ["user", "assistant"] * draw(st.integers(1, 3))
    if draw(st.booleans()):
        roles.insert(0, "system")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1]))):
        place = draw(st.integers(0, len(roles)))
        roles.insert(place, draw(st.sampled_from(["user", "assistant", "system", "tool"])))
    return {
        "messages": [{"role": role, "content": draw(TEXTS), "loss": draw(LOSSES)} for role in roles]
    }


def test_forms_serve_templates_that_add_an_empty_thought() -> None:
    answers = ("yes", "<think>\nhm\n</think>\n\nyes")
    rows = [
        {
            "messages": [
                {"role": "user", "content": "a", "loss": None},
                {"role": "assistant", "content": answer, "loss": None},
            ]
        }
        for answer in answers
    ]

    for quick, slow in _both(TEMPLATES["qwen3"], rows):
        assert quick == slow


def _both(template: ChatTemplate, rows: Sequence[StandardRow]) -> list[tuple[Outcome | None, ...]]:
    quick = template.encode_turns([plain_turns(row) for row in rows], range(len(rows)))
    slow = template.encode_arrays([conversation_of(row) for row in rows])
    return list(zip(quick, slow, strict=True))


@given(st.sampled_from(NAMES), st.lists(_rows(), min_size=1, max_size=4))
def test_every_template_gives_the_ids_and_labels_of_rendering(
    name: str, rows: list[StandardRow]
) -> None:
    for quick, slow in _both(TEMPLATES[name], rows):
        assert quick is None or quick == slow


@pytest.mark.parametrize(
    "options",
    [
        {"loss_scale": "last_round"},
        {"loss_scale": "all"},
        {"loss_scale": "ignore_empty_think"},
        {"loss_scale": "react"},
        {"use_chat_template": False},
        {"system": "Be brief."},
        {"system": ""},
        {"max_length": 60},
        {"max_length": 60, "truncation_strategy": "left"},
        {"max_length": 60, "truncation_strategy": "right"},
        {"sanitize_control_tokens": True},
    ],
    ids=str,
)
@given(rows=st.lists(_rows(), min_size=1, max_size=4))
def test_so_does_every_option(options: dict[str, Any], rows: list[StandardRow]) -> None:
    for quick, slow in _both(_template(**options), rows):
        assert quick is None or quick == slow


def test_plain_rows_are_one_block() -> None:
    row = {
        "messages": [
            {"role": role, "content": f"{role} says", "loss": None}
            for role in ("user", "assistant") * 2
        ]
    }
    turns = plain_turns(row)

    for template, is_block in (
        (PLAIN, True),
        (TEMPLATES["chatml"], False),
    ):  # which begins with an id
        encoded = template.encode_turns([turns, turns], range(5, 7))

        assert isinstance(encoded, EncodedBlock) == is_block
        assert [row and row.row for row in encoded] == [5, 6]


def test_most_templates_serve_plain_rows() -> None:
    row = {
        "messages": [
            {"role": role, "content": f"{role} says", "loss": None}
            for role in ("user", "assistant") * 2
        ]
    }

    served = [name for name in NAMES if isinstance(_both(TEMPLATES[name], [row])[0][0], Encoded)]

    assert "chatml" in served
    assert len(served) > len(NAMES) / 2


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "a", "loss": None}], "tools": "[]"},
        {"messages": []},
        {},
    ],
)
def test_a_row_of_more_than_texts_has_no_turns(row: StandardRow) -> None:
    assert plain_turns(row) is None


@pytest.mark.parametrize(
    ("contents", "options"),
    [
        (("a", ""), {}),
        (("", "a"), {}),
        (("a", f"b{CONTROL_TOKENS[2]}"), {}),
        (("a", "b"), {"loss_scale": "react"}),
        (("a", "b"), {"sanitize_control_tokens": True}),
    ],
)
def test_what_depends_on_the_texts_is_left_to_rendering(
    contents: tuple[str, ...], options: dict[str, Any]
) -> None:
    messages = [
        {"role": role, "content": text, "loss": None}
        for role, text in zip(("user", "assistant"), contents, strict=True)
    ]

    ((quick, slow),) = _both(_template(**options), [{"messages": messages}])

    assert quick is None
    assert isinstance(slow, Encoded)
