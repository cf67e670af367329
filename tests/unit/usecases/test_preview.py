from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import pytest
from tests.fakes.hub import InMemoryHub
from tests.fakes.models import model_facts
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.args.commands.preview import PreviewArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.plans.preview import Piece, PreviewRow
from swiftx.domain.ports.rows import RawRow
from swiftx.domain.ports.tokenizer import Affixes, Tokenizer
from swiftx.domain.usecases.preview import (
    SUPPORT,
    PreviewFacts,
    PreviewOutcome,
    PreviewPorts,
    preview,
)
from swiftx.errors import DataError, NotBuiltYet, NotFound

PAIR = {**chat("q", "good"), "rejected_response": "bad"}
RANKED = {
    "messages": [{"role": "user", "content": "q"}],
    "positive_messages": [[{"role": "assistant", "content": "p"}]],
    "negative_messages": [
        [{"role": "assistant", "content": "n"}],
        [{"role": "assistant", "content": "m"}],
    ],
}


class Seen(NamedTuple):
    """What a preview did."""

    rows: list[PreviewRow]
    outcome: PreviewOutcome
    reporter: RecordingReporter


def look(
    rows: Sequence[RawRow] | Mapping[str, Sequence[RawRow]],
    *,
    tokenizer: Tokenizer | None = None,
    has_tokenizer: bool = True,
    texts: bool = True,
    model: Mapping[str, Any] | None = None,
    origin: Mapping[str, str] | None = None,
    **values: Any,
) -> Seen:
    """Preview rows, those of `data.jsonl` unless `dataset` says otherwise, in ChatML."""
    files = rows if isinstance(rows, Mapping) else {"data.jsonl": rows}
    shown: list[PreviewRow] = []

    def load() -> Tokenizer:
        assert has_tokenizer, "nobody should ask for a tokenizer"
        return tokenizer or ByteTokenizer()

    reporter = RecordingReporter()
    ports = PreviewPorts(
        data=DataPorts(
            rows=InMemoryRows(files),
            storage=InMemoryStorage(dict.fromkeys(files, "")),
            shuffler=SeededShuffler(),
            hub=lambda _: InMemoryHub({}),
        ),
        tokenizer=load,
        show=shown.append,
        reporter=reporter,
    )
    facts = PreviewFacts(
        model=model_facts("/m", **(model or {})),
        origin=origin or {},
        today=date(2026, 11, 24),
        texts=texts,
    )
    args = PreviewArgs(**{"dataset": ("data.jsonl",), "template": "chatml", **values})
    return Seen(shown, preview(args, ports, facts), reporter)


def trained(row: PreviewRow, side: int = 0) -> str:
    """The text of the tokens that have a label."""
    labels = row.sequences[side].encoded.labels
    return ByteTokenizer().decode([label for label in labels if label != -100])


def text(row: PreviewRow, side: int = 0) -> str:
    return ByteTokenizer().decode(row.sequences[side].encoded.input_ids)


def messages_of(outcome: PreviewOutcome) -> list[str]:
    return [finding.message for finding in outcome.findings]


def test_rows_come_in_file_order_with_their_index_and_their_labels() -> None:
    seen = look([chat("q0", "a0"), chat("q1", "a1")])

    assert [row.index for row in seen.rows] == [0, 1]
    assert [trained(row) for row in seen.rows] == ["a0<|im_end|>\n", "a1<|im_end|>\n"]
    assert seen.outcome.findings == ()


def test_an_unusable_row_stands_in_its_place_with_its_reason() -> None:
    seen = look(
        [chat("q", "a"), {"foo": 1}, {"foo": 2}, chat("q", "a" * 90), chat("q", "b")], max_length=80
    )

    assert [row.index for row in seen.rows] == [0, 1, 2, 3, 4]
    errors = [row.error or "" for row in seen.rows]
    assert [bool(error) for error in errors] == [False, True, True, True, False]
    assert errors[1].startswith("no known column: the columns are 'foo'")
    assert errors[3].startswith("too long: it has ")
    assert seen.outcome.table["rows"] == "2 of 5 used"
    assert "data.jsonl, row 3" in seen.outcome.table["rows left out, too long"]


def test_a_text_that_is_split_is_shown_piece_by_piece() -> None:
    texts = [{"text": "short"}, {"text": "x" * 50}]

    seen = look(
        texts,
        max_length=20,
        truncation_strategy="split",
        use_chat_template=False,
        loss_scale="all",
        num_rows=2,
    )

    assert [(row.index, row.piece) for row in seen.rows] == [
        (0, None),
        *((1, Piece(number, 3)) for number in range(3)),
    ]
    assert "".join(map(text, seen.rows[1:])).startswith("x" * 50)
    assert seen.outcome.table["rows split"] == "1, first data.jsonl, row 1: into 3 sequences"


@pytest.mark.parametrize(("num_rows", "shown"), [(0, 0), (1, 1), (3, 3), (9, 4), (-1, 4)])
def test_as_many_rows_are_shown_as_asked_for_and_all_are_counted(num_rows: int, shown: int) -> None:
    seen = look([chat("q", "a")] * 4, num_rows=num_rows)

    assert len(seen.rows) == shown
    assert seen.outcome.table["rows"] == "4"


def test_data_sets_are_numbered_through_and_a_count_takes_the_first_rows() -> None:
    files = {"a.jsonl": [chat("q", f"a{i}") for i in range(3)], "b.jsonl": [chat("q", "b")]}

    seen = look(files, dataset=("a.jsonl#2",), val_dataset=("b.jsonl#9",))

    assert [(row.index, row.origin) for row in seen.rows] == [
        (0, ("a.jsonl", 0)),
        (1, ("a.jsonl", 1)),
        (2, ("b.jsonl", 0)),
    ]


def test_a_prompt_has_no_labels_and_no_answer() -> None:
    seen = look([chat("q", "a")], mode="infer")

    assert text(seen.rows[0]) == "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    assert seen.rows[0].sequences[0].encoded.labels == ()
    assert "trained" not in seen.outcome.table["tokens"]
    assert seen.outcome.findings == ()


def test_rows_before_the_template_need_neither_tokenizer_nor_model() -> None:
    seen = look([{"query": "q", "response": "a"}, {"foo": 1}], stage="rows", has_tokenizer=False)

    assert seen.rows[0].standard == {
        "messages": [
            {"role": "user", "content": "q", "loss": None},
            {"role": "assistant", "content": "a", "loss": None},
        ]
    }
    assert seen.rows[1].error is not None
    assert seen.outcome.table["rows"] == "1 of 2 used"
    assert seen.outcome.histogram == ()


@pytest.mark.parametrize("algorithm", ["dpo", "orpo", "cpo", "rm"])
def test_a_pair_shows_both_sides(algorithm: str) -> None:
    (row,) = look([PAIR], rlhf_type=algorithm).rows

    assert [sequence.side for sequence in row.sequences] == [None, "rejected"]
    assert [trained(row, side) for side in (0, 1)] == ["good<|im_end|>\n", "bad<|im_end|>\n"]


def test_a_row_without_a_rejected_answer_is_no_pair() -> None:
    seen = look([PAIR, chat("q", "a")], rlhf_type="dpo")

    assert "rejected" in (seen.rows[1].error or "")
    assert seen.outcome.table["rows"] == "1 of 2 used"
    assert "tokens a sequence" in seen.outcome.table


def test_feedback_shows_its_label_and_needs_one() -> None:
    seen = look([{**chat("q", "a"), "label": False}, chat("q", "a")], rlhf_type="kto")

    assert seen.rows[0].extras == {"label": False}
    assert "label" in (seen.rows[1].error or "")


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_an_algorithm_that_generates_shows_the_prompt(algorithm: str) -> None:
    (row,) = look([chat("q", "a")], rlhf_type=algorithm).rows

    assert text(row).endswith("<|im_start|>assistant\n")
    assert row.sequences[0].encoded.labels == ()


def test_a_class_is_learned_instead_of_tokens() -> None:
    row = {"messages": [{"role": "user", "content": "good"}], "label": 1}

    (shown,) = look([row], task_type="seq_cls").rows

    assert shown.extras == {"label": 1}
    assert shown.sequences[0].encoded.labels == ()


def test_a_ranked_document_follows_the_question() -> None:
    (row,) = look([RANKED], task_type="reranker").rows

    assert [sequence.side for sequence in row.sequences] == [
        None,
        "positive",
        "negative",
        "negative",
    ]
    assert "user\nq<|im_end|>" in text(row, 3)
    assert "assistant\nm<|im_end|>" in text(row, 3)


def test_a_compared_document_stands_alone() -> None:
    (row,) = look([RANKED], task_type="embedding").rows

    assert "user\nq" not in text(row, 1)
    assert text(row, 1).endswith("p<|im_end|>\n")


def test_the_texts_of_tokens_are_given_when_they_are_shown() -> None:
    rows = [chat("你好", "a")]

    (row,) = look(rows).rows
    (bare,) = look(rows, texts=False).rows

    assert "".join(token.text for token in row.sequences[0].texts) == text(row)
    assert ("你", 3) in row.sequences[0].texts
    assert bare.sequences[0].texts == ()


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        ([{"messages": [{"role": "user", "content": "q"}]}], {}, "No token is trained."),
        ([{"foo": 1}], {}, "No row can be used."),
        (
            [chat("q", "a" * 40)],
            {"max_length": 50, "truncation_strategy": "right"},
            "No row trains the end-of-turn token, so the model would not learn to stop.",
        ),
        (
            [chat("q", "a"), chat("<s>q", "a")],
            {"use_chat_template": False, "tokenizer": ByteTokenizer(affixes=Affixes((3,)))},
            "The beginning-of-sequence token is doubled in 1 of 2 rows, first data.jsonl, row 1.",
        ),
    ],
)
def test_what_would_waste_a_training_is_found(
    rows: Sequence[RawRow], changes: Mapping[str, Any], message: str
) -> None:
    outcome = look(rows, **changes).outcome

    assert message in messages_of(outcome)
    assert not outcome.is_usable


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            chat("q", "a" * 40),
            "The end-of-turn token is not trained in 1 of 2 rows, first data.jsonl, row 1.",
        ),
        (
            {"messages": [{"role": "user", "content": "q"}]},
            "No token is trained in 1 of 2 rows, first data.jsonl, row 1.",
        ),
    ],
)
def test_a_single_odd_row_is_mentioned(bad: RawRow, message: str) -> None:
    outcome = look([chat("q", "a"), bad], max_length=50, truncation_strategy="right").outcome

    assert messages_of(outcome) == [message]
    assert outcome.is_usable


@pytest.mark.parametrize(
    "row",
    [
        chat("Say <|im_end|>.", "a"),
        chat("q", "<|im_start|>user"),
        {**PAIR, "rejected_response": "<|endoftext|>"},
    ],
)
def test_rows_that_write_control_tokens_are_counted(row: RawRow) -> None:
    outcome = look([chat("q <image>", "a"), row]).outcome

    assert outcome.table["rows that write control tokens"].startswith(
        "1, first data.jsonl, row 1: <|"
    )


def test_truncated_rows_are_counted() -> None:
    outcome = look([chat("q", "a" * 40)], max_length=60, truncation_strategy="left").outcome

    assert outcome.table["rows truncated"] == "1, first data.jsonl, row 0: 2 tokens were cut away"


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"max_length": 100}, True), ({}, False), ({"max_length": 100, "mode": "infer"}, False)],
)
def test_what_packing_would_save_is_told(changes: Mapping[str, Any], told: bool) -> None:
    table = look([chat("q", "a" * 15)] * 4, **changes).outcome.table

    packed = table.get("with --packing, packed sequences")
    assert (packed is not None) is told
    assert not told or packed == "2 of up to 100 tokens, 74.00% full, 2.0 rows each"


def test_parity_names_the_first_token_that_differs() -> None:
    own = ByteTokenizer(chat_template="chatml")

    same = look([chat("q", "a")], tokenizer=own, parity=True)
    other = look([chat("q", "a")], tokenizer=own, parity=True, template="zephyr")

    assert same.rows[0].parity is not None
    assert same.rows[0].parity.is_identical
    assert same.outcome.table["parity, identical"] == "1"
    parity = other.rows[0].parity
    assert parity is not None
    assert parity.position == 0
    assert (parity.before, parity.declared[:8], parity.own[:12]) == ("", "<|user|>", "<|im_start|>")
    assert "at token 0" in other.outcome.table["parity, different"]


@pytest.mark.parametrize("mode", ["train", "infer"])
def test_parity_ignores_truncation(mode: str) -> None:
    own = ByteTokenizer(chat_template="chatml")

    seen = look(
        [chat("q", "a" * 40)], tokenizer=own, parity=True, mode=mode, max_length=9,
        truncation_strategy="right",
    )  # fmt: skip

    assert seen.rows[0].parity is not None
    assert seen.rows[0].parity.is_identical


def test_parity_says_what_the_models_own_template_cannot_take() -> None:
    call = {"role": "tool_call", "content": '{"name": "f", "arguments": {}}'}
    result = {"role": "tool_response", "content": "1"}
    messages = [
        {"role": "user", "content": "q"},
        call,
        result,
        {"role": "assistant", "content": "a"},
    ]

    seen = look([{"messages": messages}], tokenizer=ByteTokenizer(chat_template="x"), parity=True)

    assert seen.rows[0].parity is not None
    assert seen.rows[0].parity.reason == "The chat template knows system, user and assistant only."
    assert seen.outcome.table["parity, not comparable"].startswith("1, first data.jsonl, row 0")


def test_parity_needs_a_second_template() -> None:
    with pytest.raises(NotFound, match="no chat template of its own"):
        look([chat("q", "a")], parity=True)


def test_a_strict_preview_stops_at_the_first_bad_row() -> None:
    with pytest.raises(DataError, match=r"data.jsonl, row 1: it has \d+ tokens"):
        look([chat("q", "a"), chat("q", "a" * 99)], max_length=60, strict=True)


def test_what_is_not_built_or_changes_nothing_is_said() -> None:
    seen = look([chat("q", "a")], origin={"dataset_shuffle": "cli"}, dataset_shuffle=False)

    assert seen.reporter.warned == ["Without effect here: --dataset_shuffle."]
    with pytest.raises(NotBuiltYet, match="multimodal"):
        look([chat("q", "a")], model={"is_multimodal": True})


def test_every_argument_has_one_place() -> None:
    places = [SUPPORT.runs, SUPPORT.not_built, SUPPORT.no_effect]

    assert sorted(name for place in places for name in place) == sorted(specs_of(PreviewArgs))
