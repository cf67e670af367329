"""What every Storage promises; subclass and provide `storage` and `root`, a folder it can write in."""

from __future__ import annotations

import pytest

from swiftx.domain.ports.system import Storage
from swiftx.errors import DataError, StorageError


class StorageContract:
    def put_bytes(self, storage: Storage, path: str, content: bytes) -> None:
        """Put bytes where `read_text` will find them; the port itself writes text only."""
        raise NotImplementedError

    @pytest.mark.parametrize(
        "text", ["", "plain", "two\nlines\r\n", "\ufeffmark", "汉字 🦊", "\x00\t"], ids=ascii
    )
    def test_a_text_is_read_back_as_written(self, storage: Storage, root: str, text: str) -> None:
        storage.write_text(f"{root}/file.txt", text)

        assert storage.read_text(f"{root}/file.txt") == text

    def test_lines_are_written_as_one_text(self, storage: Storage, root: str) -> None:
        storage.write_lines(f"{root}/a/file.txt", (f"{number} 汉字\n" for number in range(3)))

        assert storage.read_text(f"{root}/a/file.txt") == "0 汉字\n1 汉字\n2 汉字\n"

    def test_writing_makes_missing_folders(self, storage: Storage, root: str) -> None:
        storage.write_text(f"{root}/a/b/file.txt", "x")

        assert storage.is_dir(f"{root}/a/b")
        assert storage.names(f"{root}/a") == ["b"]

    def test_writing_replaces_the_whole_file_and_leaves_nothing_beside_it(
        self, storage: Storage, root: str
    ) -> None:
        storage.write_text(f"{root}/file.txt", "a long first version")
        storage.write_text(f"{root}/file.txt", "short")

        assert storage.read_text(f"{root}/file.txt") == "short"
        assert storage.names(root) == ["file.txt"]

    def test_a_file_that_is_taken_back_leaves_no_empty_folder(
        self, storage: Storage, root: str
    ) -> None:
        storage.write_text(f"{root}/a/b/one.txt", "x")
        storage.write_text(f"{root}/a/b/two.txt", "x")
        storage.write_text(f"{root}/a/three.txt", "x")

        storage.take_back(f"{root}/a/b/one.txt")
        assert storage.names(f"{root}/a/b") == ["two.txt"]

        storage.take_back(f"{root}/a/b/two.txt")
        storage.take_back(f"{root}/a/b/two.txt")
        assert storage.names(f"{root}/a") == ["three.txt"]

    def test_names_are_sorted_and_hold_files_and_folders(self, storage: Storage, root: str) -> None:
        for name in ("b.txt", "a.txt", "c/inner.txt"):
            storage.write_text(f"{root}/{name}", "")

        assert list(storage.names(root)) == ["a.txt", "b.txt", "c"]

    def test_probes_tell_files_from_folders(self, storage: Storage, root: str) -> None:
        storage.write_text(f"{root}/file.txt", "")
        storage.make_dir(f"{root}/folder")

        assert storage.exists(f"{root}/file.txt")
        assert storage.exists(f"{root}/folder")
        assert storage.is_file(f"{root}/file.txt")
        assert not storage.is_file(f"{root}/folder")
        assert storage.is_dir(f"{root}/folder")
        assert not storage.is_dir(f"{root}/file.txt")

    @pytest.mark.parametrize(
        "path", ["absent", "", "a\0b", "x" * 5000], ids=["no", "empty", "zero", "long"]
    )
    def test_probes_of_what_is_not_there_are_false_and_never_raise(
        self, storage: Storage, root: str, path: str
    ) -> None:
        target = f"{root}/nowhere/{path}"

        assert not storage.exists(target)
        assert not storage.is_file(target)
        assert not storage.is_dir(target)
        assert list(storage.names(target)) == []

    def test_a_file_has_no_names(self, storage: Storage, root: str) -> None:
        storage.write_text(f"{root}/file.txt", "")

        assert list(storage.names(f"{root}/file.txt")) == []

    def test_making_a_folder_twice_is_fine(self, storage: Storage, root: str) -> None:
        storage.make_dir(f"{root}/a/b")
        storage.make_dir(f"{root}/a/b")

        assert storage.is_dir(f"{root}/a/b")

    def test_absolute_keeps_absolute_paths_and_drops_dots(
        self, storage: Storage, root: str
    ) -> None:
        assert storage.absolute(root) == root
        assert storage.absolute(f"{root}/a/../b/.") == f"{root}/b"
        assert storage.absolute("relative").endswith("/relative")

    def test_reading_a_missing_file_names_it(self, storage: Storage, root: str) -> None:
        with pytest.raises(StorageError, match="absent"):
            storage.read_text(f"{root}/absent.txt")

    def test_reading_a_folder_is_an_error(self, storage: Storage, root: str) -> None:
        storage.make_dir(f"{root}/folder")

        with pytest.raises(StorageError, match="folder"):
            storage.read_text(f"{root}/folder")

    def test_writing_below_a_file_is_an_error_and_keeps_the_file(
        self, storage: Storage, root: str
    ) -> None:
        storage.write_text(f"{root}/file.txt", "kept")

        with pytest.raises(StorageError, match="file"):
            storage.write_text(f"{root}/file.txt/below", "x")

        assert storage.read_text(f"{root}/file.txt") == "kept"

    def test_a_folder_in_place_of_the_file_is_an_error(self, storage: Storage, root: str) -> None:
        storage.make_dir(f"{root}/folder")

        with pytest.raises(StorageError, match="folder"):
            storage.write_text(f"{root}/folder", "x")

    def test_bytes_that_are_not_utf8_name_the_file_and_the_offset(
        self, storage: Storage, root: str
    ) -> None:
        storage.make_dir(root)
        self.put_bytes(storage, f"{root}/latin.txt", b"abc\xe9")

        with pytest.raises(DataError, match=r"latin\.txt.*offset 3"):
            storage.read_text(f"{root}/latin.txt")
