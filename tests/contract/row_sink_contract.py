"""What every sink of rows keeps to. Subclass, provide `sink`, `root` and `read`, get the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from swiftx.domain.ports.rows import RowSink
from swiftx.errors import StorageError


class RowSinkContract:
    def read(self, sink: RowSink, path: str) -> list[Mapping[str, Any]]:
        """Return the rows that are in a file now."""
        raise NotImplementedError

    def test_rows_are_there_when_write_returns(self, sink: RowSink, root: str) -> None:
        sink.open(f"{root}/rows.jsonl")

        sink.write([{"a": 1}, {"b": "汉字\n"}])

        assert self.read(sink, f"{root}/rows.jsonl") == [{"a": 1}, {"b": "汉字\n"}]
        sink.close()

    def test_a_file_is_continued(self, sink: RowSink, root: str) -> None:
        for number in range(2):
            sink.open(f"{root}/rows.jsonl")
            sink.write([{"n": number}])
            sink.close()

        assert self.read(sink, f"{root}/rows.jsonl") == [{"n": 0}, {"n": 1}]

    def test_opening_counts_the_rows_that_are_there(self, sink: RowSink, root: str) -> None:
        assert sink.open(f"{root}/rows.jsonl") == 0
        sink.write([{"n": 1}, {"n": 2}])
        sink.close()

        assert sink.open(f"{root}/rows.jsonl") == 2
        sink.close()

    def test_rows_are_read_again_from_any_of_them(self, sink: RowSink, root: str) -> None:
        sink.open(f"{root}/rows")
        sink.write([{"n": 1}, {"a\n": "汉"}, {"n": 3}])
        sink.close()

        assert list(sink.rows(f"{root}/rows")) == [{"n": 1}, {"a\n": "汉"}, {"n": 3}]
        assert list(sink.rows(f"{root}/rows", start=2)) == [{"n": 3}]
        assert list(sink.rows(f"{root}/rows", start=3)) == []

    def test_opening_makes_an_empty_file_and_missing_folders(
        self, sink: RowSink, root: str
    ) -> None:
        sink.open(f"{root}/a/b/rows.jsonl")
        sink.write([])
        sink.close()

        assert self.read(sink, f"{root}/a/b/rows.jsonl") == []

    def test_opening_another_file_leaves_the_first(self, sink: RowSink, root: str) -> None:
        sink.open(f"{root}/one.jsonl")
        sink.write([{"n": 1}])
        sink.open(f"{root}/two.jsonl")
        sink.write([{"n": 2}])
        sink.close()

        assert self.read(sink, f"{root}/one.jsonl") == [{"n": 1}]
        assert self.read(sink, f"{root}/two.jsonl") == [{"n": 2}]

    def test_writing_to_a_closed_sink_is_an_error(self, sink: RowSink, root: str) -> None:
        sink.open(f"{root}/rows.jsonl")
        sink.close()
        sink.close()

        with pytest.raises(StorageError):
            sink.write([{"a": 1}])
