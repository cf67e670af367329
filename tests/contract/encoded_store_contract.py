"""What every store of encoded rows keeps to. Subclass, provide `store` and `root`, get the tests."""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Sequence

import pytest

from swiftx.domain.plans.encoded import IGNORE, Encoded, EncodedBlock, Part
from swiftx.domain.ports.encoded import EncodedStore

ROWS = (
    Encoded(input_ids=[5, 6, 7], labels=[IGNORE, 6, 7], row=3),
    Encoded(
        input_ids=[8],
        labels=[IGNORE],
        loss_weights=array("d", [0.5]),  # as a template makes them
        row=1,
        channel="chat",
        cut=9,
    ),
    Encoded(input_ids=[], labels=[], row=0),
    Encoded(input_ids=[2**31 - 1, 0], labels=[], row=2**40),
)

PARTED = (
    Encoded(
        input_ids=[5, 6, 7], row=0, parts=(Part("main", 2), Part("negative", 1)), target=(0.5,)
    ),
    Encoded(input_ids=[5], row=1),
    Encoded(input_ids=[5], row=2, target=(1.0, 0.0)),
    Encoded(input_ids=[5], row=3, target=()),
)
"""Rows of several sequences, and rows with a target."""


def plain(rows: Sequence[Encoded]) -> list[tuple[object, ...]]:
    return [
        (
            list(row.input_ids),
            list(row.labels),
            None if row.loss_weights is None else list(row.loss_weights),
            row.row,
            row.channel,
            row.cut,
            row.parts,
            row.target,
        )
        for row in rows
    ]


class EncodedStoreContract:
    @pytest.fixture
    def store(self) -> EncodedStore:
        raise NotImplementedError

    @pytest.fixture
    def root(self) -> str:
        raise NotImplementedError

    def test_rows_come_back_as_they_were_added(self, store: EncodedStore) -> None:
        writer = store.draft().writer("train")

        writer.add(ROWS[:2])
        writer.add([])
        writer.add(ROWS[2:])
        rows = writer.finish()

        assert plain(rows) == plain(ROWS)
        assert plain([rows[1], rows[-1]]) == plain([ROWS[1], ROWS[-1]])
        assert plain(rows[1:3]) == plain(ROWS[1:3])
        assert list(rows.lengths) == [3, 1, 0, 2]

    def test_parts_and_targets_come_back(self, store: EncodedStore) -> None:
        writer = store.draft().writer("train")

        writer.add(PARTED)
        rows = writer.finish()

        assert plain(rows) == plain(PARTED)

    def test_a_block_comes_back_as_its_rows(self, store: EncodedStore) -> None:
        block = EncodedBlock(
            input_ids=array("i", [5, 6, 7, 8]),
            labels=array("i", [IGNORE, 6, IGNORE, 8]),
            ends=array("q", [0, 2, 4]),
            rows=range(7, 9),
        )
        writer = store.draft().writer("train")

        for rows in (ROWS, block, PARTED, block):
            writer.add(rows)

        expected = [*ROWS, *block, *PARTED, *block]
        assert plain(writer.finish()) == plain(expected)

    def test_numbers_are_arrays(self, store: EncodedStore) -> None:
        writer = store.draft().writer("train")
        writer.add(ROWS)

        row = writer.finish()[1]

        assert row.input_ids == array("i", [8])
        assert row.labels == array("i", [IGNORE])
        assert row.loss_weights == array("f", [0.5])

    def test_an_index_that_is_too_large_is_an_index_error(self, store: EncodedStore) -> None:
        writer = store.draft().writer("train")
        writer.add(ROWS)
        rows = writer.finish()

        for index in (4, -5):
            with pytest.raises(IndexError):
                rows[index]

    def test_no_rows_are_no_rows(self, store: EncodedStore) -> None:
        rows = store.draft().writer("train").finish()

        assert len(rows) == 0
        assert list(rows.lengths) == []

    def test_rows_can_be_pickled(self, store: EncodedStore) -> None:
        writer = store.draft().writer("train")
        writer.add(ROWS)
        rows = writer.finish()

        assert plain(pickle.loads(pickle.dumps(rows))) == plain(ROWS)

    def test_a_folder_is_there_when_it_is_kept_and_not_before(
        self, store: EncodedStore, root: str
    ) -> None:
        draft = store.draft(f"{root}/kept")
        rows = {}
        for name, count in (("train", 4), ("val", 1)):
            writer = draft.writer(name)
            writer.add(ROWS[:count])
            rows[name] = writer.finish()
        assert store.open(f"{root}/kept") is None

        draft.keep({"said": ["a", 1, None], "Wörter": {"x": 0.5}})

        opened = store.open(f"{root}/kept")
        assert opened is not None
        assert opened.note == {"said": ["a", 1, None], "Wörter": {"x": 0.5}}
        assert {name: plain(each) for name, each in opened.rows.items()} == {
            "train": plain(ROWS),
            "val": plain(ROWS[:1]),
        }
        assert plain(rows["train"]) == plain(ROWS)
        assert plain(pickle.loads(pickle.dumps(rows["train"]))) == plain(ROWS)

    def test_lines_are_kept_with_the_rows(self, store: EncodedStore, root: str) -> None:
        lines = ["{}\n", '{"a": "\u2028汉字\\r"}\r\n', "\n"]
        draft = store.draft(f"{root}/kept")

        draft.add_lines("rows.jsonl", iter(lines))
        draft.keep({})

        opened = store.open(f"{root}/kept")
        assert opened is not None
        assert list(opened.lines("rows.jsonl")) == lines
        assert list(opened.lines("other.jsonl")) == []

    def test_a_turn_can_be_taken_before_there_is_anything(
        self, store: EncodedStore, root: str
    ) -> None:
        with store.turn(f"{root}/kept"):
            assert store.open(f"{root}/kept") is None
        with store.turn(f"{root}/kept"):
            pass

    def test_the_first_of_two_folders_of_a_name_stays(self, store: EncodedStore, root: str) -> None:
        drafts = [store.draft(f"{root}/kept") for _ in range(2)]
        finished = []
        for number, draft in enumerate(drafts):
            writer = draft.writer("train")
            writer.add(ROWS[number : number + 1])
            finished.append(writer.finish())

        for number, draft in enumerate(drafts):
            draft.keep({"number": number})

        opened = store.open(f"{root}/kept")
        assert opened is not None
        assert opened.note == {"number": 0}
        assert [plain(rows) for rows in finished] == [plain(ROWS[:1]), plain(ROWS[1:2])]

    def test_a_folder_gives_way_to_one_that_replaces_it(
        self, store: EncodedStore, root: str
    ) -> None:
        kept = []
        for number in range(2):
            draft = store.draft(f"{root}/kept", replaces=True)
            writer = draft.writer("train")
            writer.add(ROWS[number : number + 1])
            kept.append(writer.finish())
            draft.keep({"number": number})

        opened = store.open(f"{root}/kept")
        assert opened is not None
        assert opened.note == {"number": 1}
        assert plain(opened.rows["train"]) == plain(ROWS[1:2])
        assert plain(kept[0]) == plain(ROWS[:1])
