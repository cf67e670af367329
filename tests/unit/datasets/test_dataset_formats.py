from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftx.domain.chat.messages import ROLES
from swiftx.domain.chat.rows import PLAIN_ROLES, STANDARD_COLUMNS, PlainRow, ReadTurns
from swiftx.domain.datasets.columns import column_names
from swiftx.domain.datasets.formats import RowFormat, normalise
from swiftx.domain.datasets.rejection import Reason, RowRejected

U, A = "user", "assistant"


def _turns(row: Mapping[str, Any], field: str = "messages") -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in row[field]]


def _normalised(row: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    return dict(normalise(row, RowFormat(**options)))


TURNS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "one text": ({"text": "t"}, [(A, "t")]),
    "numbers": ({"question": 1, "answer": 2.5}, [(U, "1"), (A, "2.5")]),
    "empty query": ({"query": "", "response": "r"}, [(U, ""), (A, "r")]),
    "no answer": ({"query": "q"}, [(U, "q")]),
    "alpaca without an instruction": (
        {"instruction": "", "input": "x", "output": "o"},
        [(U, "x"), (A, "o")],
    ),
    "alpaca with null input": (
        {"instruction": "i", "input": None, "output": "o"},
        [(U, "i"), (A, "o")],
    ),
    "history as text": (
        {
            "query": "q",
            "response": "r",
            "history": "[['a', 'b'], [\"c\", null]]".replace("null", "None"),
        },
        [(U, "a"), (A, "b"), (U, "c"), (U, "q"), (A, "r")],
    ),
    "no history": ({"query": "q", "response": "r", "history": None}, [(U, "q"), (A, "r")]),
    "a null message column": (
        {"messages": None, "query": "q", "response": "r"},
        [(U, "q"), (A, "r")],
    ),
    "messages as JSON": (
        {"messages": '[{"role": "user", "content": null, "value": "q"}]'.replace("null", '"q"')},
        [(U, "q")],
    ),
    "an answer left empty is the one to generate": (
        {"messages": [{"role": U, "content": "q"}, {"role": A, "content": None}]},
        [(U, "q")],
    ),
    "roles in any case": (
        {"conversations": [{"from": "Human", "value": "q"}, {"from": "GPT", "value": "a"}]},
        [(U, "q"), (A, "a")],
    ),
    "role names of tools": (
        {
            "messages": [
                {"role": "function-call", "content": "{}"},
                {"role": "observations", "content": "r"},
                {"role": "function", "content": "r"},
                {"role": "developer", "content": "d"},
            ]
        },
        [("tool_call", "{}"), ("tool_response", "r"), ("tool_response", "r"), ("system", "d")],
    ),
    "system column": (
        {"system_prompt": "s", "messages": [{"role": "user", "content": "q"}]},
        [("system", "s"), (U, "q")],
    ),
    "system column beside a system message": (
        {"system": "s", "messages": [{"role": "system", "content": "own"}]},
        [("system", "own")],
    ),
    "empty system": (
        {"system": "", "query": "q", "response": "r"},
        [("system", ""), (U, "q"), (A, "r")],
    ),
    "pairs with a system": (
        {"conversation": [{"system": "s", "human": "q", "assistant": "a"}]},
        [("system", "s"), (U, "q"), (A, "a")],
    ),
    "conversational prompt and completion": (
        {
            "prompt": [{"role": "user", "content": "q"}],
            "completion": [{"role": "assistant", "content": "a"}],
        },
        [(U, "q"), (A, "a")],
    ),
    "one message as response": (
        {"query": "q", "response": {"role": "assistant", "content": "a"}},
        [(U, "q"), (A, "a")],
    ),
    "OpenAI tool calls": (
        {
            "messages": [
                {"role": "user", "content": "q"},
                {
                    "role": "assistant",
                    "content": "let me see",
                    "tool_calls": [
                        {"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                        {"function": {"name": "g", "arguments": {"y": "ü"}}},
                    ],
                },
                {"role": "tool", "content": [{"type": "text", "text": "r"}], "tool_call_id": "1"},
                {"role": "assistant", "content": None, "function_call": {"name": "h"}},
            ]
        },
        [
            (U, "q"),
            (A, "let me see"),
            ("tool_call", '{"name": "f", "arguments": {"x": 1}}'),
            ("tool_call", '{"name": "g", "arguments": {"y": "ü"}}'),
            ("tool", "r"),
            ("tool_call", '{"name": "h", "arguments": {}}'),
        ],
    ),
    "a call as an object": (
        {"messages": [{"role": "tool_call", "content": {"name": "f", "arguments": {}}}]},
        [("tool_call", '{"name": "f", "arguments": {}}')],
    ),
}


@pytest.mark.parametrize("case", TURNS)
def test_turns_of_every_format(case: str) -> None:
    row, expected = TURNS[case]

    assert _turns(_normalised(row)) == expected


REJECTED: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "no columns": ({}, Reason.NO_FORMAT, "the columns are none"),
    "unknown columns": ({"foo": 1}, Reason.NO_FORMAT, "the columns are 'foo'"),
    "only nulls": ({"query": None, "response": None}, Reason.NO_MESSAGES, "no text"),
    "no messages": ({"messages": []}, Reason.NO_MESSAGES, "empty"),
    "null messages": ({"messages": None}, Reason.NO_FORMAT, "columns are none"),
    "text for messages": ({"messages": "hello"}, Reason.BAD_MESSAGES, "neither JSON nor"),
    "number for messages": ({"messages": 3}, Reason.BAD_MESSAGES, "not 3"),
    "texts for messages": ({"messages": ["a"]}, Reason.BAD_MESSAGES, "list of {role, content}"),
    "unknown role": (
        {"messages": [{"role": "wizard", "content": ""}]},
        Reason.UNKNOWN_ROLE,
        "wizard",
    ),
    "role that is no text": ({"messages": [{"role": 1, "content": ""}]}, Reason.UNKNOWN_ROLE, "1"),
    "no role": ({"messages": [{"content": "x"}]}, Reason.UNKNOWN_ROLE, "None"),
    "null content": ({"messages": [{"role": "user", "content": None}]}, Reason.NO_CONTENT, "user"),
    "no content": ({"messages": [{"role": "user"}]}, Reason.NO_CONTENT, "no content"),
    "truth for content": (
        {"messages": [{"role": "user", "content": True}]},
        Reason.BAD_CONTENT,
        "True",
    ),
    "object for a response": ({"query": "q", "response": True}, Reason.BAD_CONTENT, "True"),
    "a bad part": (
        {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        Reason.BAD_CONTENT,
        "content part",
    ),
    "a loss that is text": (
        {"messages": [{"role": "assistant", "content": "a", "loss": "no"}]},
        Reason.BAD_LOSS,
        "'no'",
    ),
    "a call without a name": (
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [{"function": {}}]}]},
        Reason.BAD_TOOLS,
        "function name",
    ),
    "a history that is no list of pairs": (
        {"query": "q", "history": [["a"]]},
        Reason.BAD_MESSAGES,
        "pairs",
    ),
    "numbers for images": ({"text": "t", "images": [1]}, Reason.BAD_MEDIA, "not 1"),
    "boxes of three": (
        {"text": "t", "objects": {"bbox": [[1, 2, 3]]}},
        Reason.BAD_OBJECTS,
        r"\[1, 2, 3\]",
    ),
    "boxes of text": ({"text": "t", "objects": {"bbox": [["a", 2]]}}, Reason.BAD_OBJECTS, "'a'"),
    "an unknown box type": (
        {"text": "t", "objects": {"bbox": [], "bbox_type": "x"}},
        Reason.BAD_OBJECTS,
        "norm1",
    ),
    "tools that are no JSON": ({"text": "t", "tools": "[{]"}, Reason.BAD_TOOLS, "function schemas"),
    "a missing rejected answer": (
        {"query": "q", "response": "r", "rejected_response": None},
        Reason.BAD_PAIR,
        "None",
    ),
    "an equal rejected answer": (
        {"query": "q", "response": "r", "rejected_response": "r"},
        Reason.BAD_PAIR,
        "'r'",
    ),
    "documents that are no lists": (
        {"query": "q", "positive_messages": [{"role": "user", "content": "d"}]},
        Reason.BAD_DOCUMENTS,
        "list of lists",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_an_unusable_row_says_why(case: str) -> None:
    row, reason, message = REJECTED[case]

    with pytest.raises(RowRejected, match=message) as caught:
        _normalised(row)

    assert caught.value.kind is reason


def test_a_rejection_is_one_line_of_bounded_length() -> None:
    with pytest.raises(RowRejected) as caught:
        _normalised({"messages": [{"role": "x" * 10_000, "content": ""}]})

    assert len(caught.value.reason) < 500


def test_content_parts_become_placeholders_in_the_order_of_their_media() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "<image>first"},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "http://h/2.png"}},
                    {"type": "text", "text": "and <image>"},
                    {"type": "image"},
                    {"type": "video", "video": "v.mp4"},
                    {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
                ],
            },
            {"role": "assistant", "content": [{"text": "ok"}]},
        ],
        "images": ["1.png", "3.png", "4.png"],
    }

    normalised = _normalised(row)

    assert _turns(normalised) == [
        (U, "<image>first"),
        (U, "<image>and <image><image><video><audio>"),
        (A, "ok"),
    ]
    paths = [image["path"] for image in normalised["images"]]
    assert paths == ["1.png", "http://h/2.png", "3.png", "4.png"]
    assert normalised["videos"] == ["v.mp4"]
    assert normalised["audios"] == ["data:audio/mp3;base64,QUJD"]


def test_media_columns_are_lists() -> None:
    row = {"text": "t", "image": {"bytes": b"x", "path": None}, "Video": "v.mp4", "audios": ["a"]}

    normalised = _normalised(row)

    assert normalised["images"] == [{"bytes": b"x", "path": None}]
    assert normalised["videos"] == ["v.mp4"]
    assert normalised["audios"] == ["a"]


def test_corners_are_sorted_and_points_are_kept() -> None:
    objects = {"bbox": [[10, 20, 5, 8], [3, 4]], "bbox_type": "real", "more": 1}

    normalised = _normalised({"text": "t", "objects": objects})

    assert normalised["objects"] == {
        "ref": None,
        "bbox": [[5.0, 8.0, 10.0, 20.0], [3.0, 4.0]],
        "bbox_type": "real",
        "image_id": None,
    }


def test_the_loss_flag_is_kept() -> None:
    messages = [
        {"role": "assistant", "content": "a", "loss": flag} for flag in (True, False, 0, 1.0, None)
    ]

    normalised = _normalised({"messages": messages})

    assert [message["loss"] for message in normalised["messages"]] == [1.0, 0.0, 0.0, 1.0, None]


PAIRS: dict[str, tuple[dict[str, Any], list[tuple[str, str]], object]] = {
    "answers": ({"prompt": "p", "chosen": "g", "rejected": "b"}, [(U, "p"), (A, "g")], "b"),
    "messages after turns": (
        {
            "conversations": [{"from": "human", "value": "p"}],
            "chosen": {"from": "gpt", "value": "g"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        [(U, "p"), (A, "g")],
        "b",
    ),
    "answers instead of the last one": (
        {
            "messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x"}],
            "chosen": "g",
            "rejected": "b",
        },
        [(U, "p"), (A, "g")],
        "b",
    ),
    "turns after a prompt": (
        {
            "prompt": [{"role": "user", "content": "p"}],
            "chosen": [{"role": "assistant", "content": "g"}],
            "rejected": [{"role": "assistant", "content": "b"}],
        },
        [(U, "p"), (A, "g")],
        [(U, "p"), (A, "b")],
    ),
    "whole conversations": (
        {
            "system": "s",
            "prompt": "p",
            "chosen": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "g"}],
            "rejected": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "b"}],
        },
        [("system", "s"), (U, "p"), (A, "g")],
        [("system", "s"), (U, "p"), (A, "b")],
    ),
    "whole conversations after a system column": (
        {
            "system": "s",
            "chosen": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "g"}],
            "rejected": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "b"}],
        },
        [("system", "s"), (U, "p"), (A, "g")],
        [("system", "s"), (U, "p"), (A, "b")],
    ),
    "whole conversations beside empty messages": (
        {
            "messages": [],
            "chosen": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "g"}],
            "rejected": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "b"}],
        },
        [(U, "p"), (A, "g")],
        [(U, "p"), (A, "b")],
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_chosen_and_rejected_make_a_pair(case: str) -> None:
    row, chosen, rejected = PAIRS[case]

    normalised = _normalised(row, remove_unused_columns=False)

    assert _turns(normalised) == chosen
    assert not normalised.keys() & {"chosen", "rejected"}
    if isinstance(rejected, str):
        assert normalised["rejected_response"] == rejected
    else:
        assert _turns(normalised, "rejected_messages") == rejected


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("same", "same"),
        ([{"role": "assistant", "content": "x"}], [{"role": "assistant", "content": "x"}]),
        ([{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}], "b"),
    ],
)
def test_a_pair_of_equal_or_unlike_sides_is_refused(chosen: object, rejected: object) -> None:
    with pytest.raises(RowRejected) as caught:
        _normalised({"prompt": "p", "chosen": chosen, "rejected": rejected})

    assert caught.value.kind is Reason.BAD_PAIR


def test_documents_keep_their_form_and_get_standard_roles() -> None:
    row = {
        "messages": [{"role": "user", "content": "q"}],
        "positive_messages": [[{"role": "assistant", "content": "d"}]],
        "negative_messages": [[{"from": "gpt", "value": "n"}]],
    }

    normalised = _normalised(row)

    assert normalised["positive_messages"] == row["positive_messages"]
    assert normalised["negative_messages"] == [[{"role": "assistant", "content": "n"}]]


@pytest.mark.parametrize(
    ("cell", "label"),
    [("1", 1), ("0.5", 0.5), ("True", True), ("false", False), ("cat", "cat"), ([0, 2], [0, 2])],
)
def test_labels_of_csv_files_are_numbers_again(cell: object, label: object) -> None:
    normalised = _normalised({"text": "t", "label": cell})

    assert normalised["label"] == label
    assert type(normalised["label"]) is type(label)


def test_one_of_several_responses_is_picked() -> None:
    row = {"query": "q", "response": ["a", "b", "c"]}

    assert _turns(_normalised(row))[1] == (A, "a")
    assert _turns(_normalised(row, pick=lambda count: count - 1))[1] == (A, "c")


def test_unused_columns_go_or_stay() -> None:
    row = {"text1": "q", "text2": "r", "label": 1, "foo": 2, "channel": "c"}
    columns = column_names({"text1": "query", "text2": "response"})

    assert _normalised(row, columns=columns).keys() == {"messages", "label", "channel"}
    kept = _normalised(row, columns=columns, remove_unused_columns=False)
    assert kept.keys() == {"messages", "label", "channel", "foo"}


_TEXT = st.sampled_from(["", "a", "user", "<image>", "[1]", "{", "\ud800", "[[['x'"])
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("role from content value text type image loss human gpt bbox".split()),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
_COLUMN = st.sampled_from(
    "messages conversations system query prompt instruction input output response history images "
    "video objects tools label chosen rejected rejected_response rejected_messages "
    "positive_messages foo Query".split()
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_COLUMN, _VALUE, max_size=4))
def test_any_row_is_normalised_or_refused_and_left_as_it_was(row: dict[str, Any]) -> None:
    before = pformat(row)  # sorted by key; and nan is itself
    with contextlib.suppress(RowRejected):
        _check(_normalised(row))
    assert pformat(row) == before


@settings(max_examples=150, deadline=None)
@given(
    row=st.dictionaries(_COLUMN, _VALUE, max_size=4),
    columns=st.dictionaries(_COLUMN, _COLUMN | _TEXT, max_size=3),
    keeps=st.booleans(),
)
def test_so_is_any_row_under_any_names_for_its_columns(
    row: dict[str, Any], columns: dict[str, str], keeps: bool
) -> None:
    names = column_names(columns)
    with contextlib.suppress(RowRejected):
        made = _normalised(row, columns=names, remove_unused_columns=not keeps)
        assert made["messages"]
        assert keeps or made.keys() <= STANDARD_COLUMNS


def _check(normalised: dict[str, Any]) -> None:
    assert normalised.keys() <= STANDARD_COLUMNS
    assert normalised["messages"]
    for message in normalised["messages"]:
        assert message.keys() == {"role", "content", "loss"}
        assert message["role"] in ROLES
        assert isinstance(message["content"], str)
    once_more = {key: value for key, value in normalised.items() if value is not None}
    # As JSON: the order of keys says nothing, and 0.0 is not false.
    again, once = (json.dumps(each, sort_keys=True) for each in (_normalised(once_more), once_more))
    assert again == once


_TURN = st.dictionaries(
    st.sampled_from(["role", "content", "loss"]),
    st.sampled_from(["user", "assistant", "system", "tool", "a", "", "\ud800", None, 1]),
    max_size=3,
)


@given(st.lists(_TURN, max_size=3), st.sampled_from([{}, {}, {"tools": "[]"}, {"label": 1}]))
def test_rows_of_plain_messages_are_normalised_the_short_way_as_the_long_one(
    turns: list[dict[str, Any]], beside: dict[str, Any]
) -> None:
    short: dict[str, Any] | None = None
    long: dict[str, Any] | None = None
    row = {"messages": turns, **beside}
    with contextlib.suppress(RowRejected):
        short = dict(normalise(row, RowFormat()))
    with contextlib.suppress(RowRejected):  # with a null column a row takes the long way
        long = dict(normalise({**row, "videos": None}, RowFormat()))
        assert long.pop("videos") is None

    assert short == long
    if long is not None and all(turn["loss"] is None for turn in long["messages"]):
        assert (type(normalise(row, RowFormat())) is PlainRow) == (
            not beside and {turn["role"] for turn in long["messages"]} <= PLAIN_ROLES
        )


def test_a_row_read_in_compact_form_is_the_same_standard_row() -> None:
    read = ReadTurns(("user", "assistant"), ("a", "b"))

    compact = normalise(read, RowFormat())

    assert compact == normalise(dict(read), RowFormat())
    assert type(compact) is PlainRow
