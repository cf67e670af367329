"""What every source of rows keeps to. Subclass, provide `source` and `put`, get the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from swiftx.domain.ports.rows import RowSource
from swiftx.errors import NotFound

ROWS: Sequence[Mapping[str, Any]] = [
    {"query": "q0", "response": "r0", "label": 1},
    {"query": "汉字 🦊\n", "response": "", "label": None},
    {"messages": [{"role": "user", "content": "x"}], "score": 0.5, "flags": [True, False]},
]


class RowSourceContract:
    @pytest.fixture
    def root(self) -> str:
        """A folder that the files of a test are in."""
        raise NotImplementedError

    def source(self, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> RowSource:
        """Return a source in which these files are, named by their whole paths."""
        raise NotImplementedError

    def test_rows_come_in_order_and_whole(self, root: str) -> None:
        source = self.source({f"{root}/rows.jsonl": ROWS})

        assert list(source.rows(f"{root}/rows.jsonl")) == list(ROWS)

    def test_reading_can_begin_at_any_row(self, root: str) -> None:
        source = self.source({f"{root}/rows.jsonl": ROWS})

        for start in range(len(ROWS) + 2):
            assert list(source.rows(f"{root}/rows.jsonl", start=start)) == list(ROWS)[start:]

    def test_rows_can_be_read_again_and_changed_without_harm(self, root: str) -> None:
        source = self.source({f"{root}/rows.jsonl": ROWS})
        for row in source.rows(f"{root}/rows.jsonl"):
            dict(row).clear()
            for value in row.values():
                if isinstance(value, list):
                    value.clear()

        assert list(source.rows(f"{root}/rows.jsonl")) == list(ROWS)

    def test_files_have_one_digest_when_they_hold_the_same(self, root: str) -> None:
        source = self.source(
            {f"{root}/a.jsonl": ROWS, f"{root}/b.jsonl": ROWS, f"{root}/c.jsonl": ROWS[:2]}
        )

        first, same, other = (source.digest(f"{root}/{name}.jsonl") for name in "abc")

        assert first == same != other
        with pytest.raises(NotFound):
            source.digest(f"{root}/none.jsonl")

    def test_an_empty_file_has_no_rows(self, root: str) -> None:
        source = self.source({f"{root}/rows.jsonl": []})

        assert list(source.rows(f"{root}/rows.jsonl")) == []

    def test_nothing_is_read_before_the_first_row_is_asked_for(self, root: str) -> None:
        source = self.source({f"{root}/rows.jsonl": ROWS})

        rows = source.rows(f"{root}/absent.jsonl")

        with pytest.raises(NotFound, match=r"absent\.jsonl"):
            next(rows)

    def test_a_file_is_its_own_only_file(self, root: str) -> None:
        source = self.source({f"{root}/a.jsonl": ROWS, f"{root}/b.jsonl": ROWS})

        assert list(source.files(f"{root}/a.jsonl")) == [f"{root}/a.jsonl"]

    def test_a_folder_has_its_files_in_a_fixed_order(self, root: str) -> None:
        source = self.source({f"{root}/{name}.jsonl": ROWS for name in ("b", "c", "a")})

        files = list(source.files(root))

        assert files == [f"{root}/{name}.jsonl" for name in ("a", "b", "c")]

    def test_a_subset_is_the_folder_of_its_name(self, root: str) -> None:
        source = self.source({f"{root}/{name}/x.jsonl": ROWS for name in ("one", "two")})

        assert list(source.files(root, subset="two")) == [f"{root}/two/x.jsonl"]

    def test_files_named_after_splits_belong_to_them(self, root: str) -> None:
        names = ("train", "test", "validation")
        source = self.source({f"{root}/{name}.jsonl": ROWS for name in names})

        for name in names:
            assert list(source.files(root, split=name)) == [f"{root}/{name}.jsonl"]
        assert list(source.files(root)) == [f"{root}/train.jsonl"]

    @pytest.mark.parametrize(
        ("path", "subset", "split"),
        [("absent", None, "train"), ("", "absent", "train"), ("", None, "test")],
    )
    def test_what_has_no_data_file_is_not_found(
        self, root: str, path: str, subset: str | None, split: str
    ) -> None:
        source = self.source({f"{root}/rows.jsonl": ROWS})

        with pytest.raises(NotFound, match="no data file"):
            source.files(f"{root}/{path}".rstrip("/"), subset=subset, split=split)
