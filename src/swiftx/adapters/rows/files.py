"""Data files: jsonl, json, csv, tsv and txt with the standard library; parquet and arrow through pyarrow.

Any of the text kinds may be gzipped. Text is UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import Any, cast

from swiftx.adapters.rows.folders import data_files, kind_of
from swiftx.domain.ports.rows import RawRow
from swiftx.errors import DataError, NotFound, StorageError

_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8_HINT = "Save it as UTF-8, for example: iconv -f gb18030 -t utf-8 old.jsonl > new.jsonl"


class FileRows:
    """The `RowSource` of this machine's files."""

    def files(self, path: str, *, subset: str | None = None, split: str = "train") -> Sequence[str]:
        return data_files(path, subset=subset, split=split)

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        kind = kind_of(path)
        if not Path(path).exists():
            raise NotFound(f"There is no data file {path!r}.")
        if kind is None:
            raise NotFound(
                f"{path!r} is not a data file.",
                hint=f"Known endings: {', '.join(_READERS)}, parquet, arrow (text also with .gz).",
            )
        try:
            yield from _reader(kind)(path, start)
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise DataError(f"the gzip data is broken: {error}", source=path) from error
        except OSError as error:
            raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error

    def digest(self, path: str) -> str:
        try:
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise NotFound(f"There is no file {path!r}.") from None
        except OSError as error:
            raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _reader(kind: str) -> Callable[[str, int], Iterator[RawRow]]:
    if kind in _READERS:
        return _READERS[kind]
    from swiftx.adapters.rows import arrow  # pyarrow is optional, and slow to import

    return arrow.READERS[kind]


def _jsonl(path: str, start: int = 0) -> Iterator[RawRow]:
    quick = _quick_turns()
    row = -1
    for number, raw in _raw_lines(path):
        turns = quick(raw)
        line = "" if turns is not None else _decoded(raw, number, path=path)
        if turns is None and line.isspace():
            continue
        row += 1
        if row < start:
            continue  # the text was read, for only it tells where a line ends; it is not parsed
        yield turns or _object(
            _parsed(line, path=path, row=row, line_number=number), path=path, row=row
        )


def _quick_turns() -> Callable[[bytes], RawRow | None]:
    """Return what reads a line of plain messages quickly, where `msgspec` is installed."""
    try:
        from swiftx.adapters.rows.plain_turns import plain_turns
    except ModuleNotFoundError as error:
        if error.name != "msgspec":
            raise
        return lambda _: None
    return plain_turns


def _json(path: str, start: int) -> Iterator[RawRow]:
    """Yield the objects of a JSON list, one object, or (as many a .json file is) JSON lines."""
    return islice(_json_rows(path), start, None)


def _json_rows(path: str) -> Iterator[RawRow]:
    text = "".join(line for _, line in _lines(path))
    if not text.strip():
        return
    try:
        value = json.loads(text)
    except RecursionError:
        raise DataError("the JSON is nested too deeply", source=path) from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            yield from _jsonl(path)
            return
        raise DataError(f"line {error.lineno}: {_json_problem(error)}", source=path) from None
    except ValueError as error:
        raise DataError(f"not valid JSON: {error}", source=path) from None
    _refuse_surrogates(text, value, path=path, row=None)
    for row, item in enumerate(value if isinstance(value, list) else [value]):
        yield _object(item, path=path, row=row)


def _csv(path: str, start: int) -> Iterator[RawRow]:
    return islice(_table(path, delimiter=","), start, None)


def _tsv(path: str, start: int) -> Iterator[RawRow]:
    return islice(_table(path, delimiter="\t"), start, None)


def _txt(path: str, start: int) -> Iterator[RawRow]:
    return islice(_texts(path), start, None)


def _texts(path: str) -> Iterator[RawRow]:
    for _, line in _lines(path):
        text = line.removesuffix("\n").removesuffix("\r")
        for part in text.split("\r"):  # an old kind of line end
            yield {"text": part}


_READERS: dict[str, Callable[[str, int], Iterator[RawRow]]] = {
    "jsonl": _jsonl,
    "json": _json,
    "csv": _csv,
    "tsv": _tsv,
    "txt": _txt,
}


def _table(path: str, *, delimiter: str) -> Iterator[RawRow]:
    """Yield the lines below the header; every cell is text, and an empty one is the empty text."""
    csv.field_size_limit(sys.maxsize)  # the default refuses texts over 128 KiB
    lines = (line for _, line in _lines(path))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    row = -1
    try:
        for cells in reader:
            if not cells:
                continue
            if header is None:
                header = _header(cells, path=path)
                continue
            row += 1
            if len(cells) > len(header):
                raise DataError(
                    f"line {reader.line_num} has {len(cells)} cells, the header has {len(header)}",
                    source=path,
                    row=row,
                    hint="Put quotes around cells that contain the separator.",
                )
            yield dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
    except csv.Error as error:
        reason = f"line {reader.line_num} is not valid csv: {error}"
        raise DataError(reason, source=path, row=row + 1) from None


def _header(cells: list[str], *, path: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"the header names {', '.join(map(repr, repeated))} twice", source=path)
    return names


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, text with its line end)."""
    for number, raw in _raw_lines(path):
        yield number, _decoded(raw, number, path=path)


def _raw_lines(path: str) -> Iterator[tuple[int, bytes]]:
    with _opened(path) as file:
        for number, raw in enumerate(file, start=1):
            yield number, _without_bom(raw, path=path) if number == 1 else raw


def _decoded(raw: bytes, number: int, *, path: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"line {number} is not UTF-8 (byte {error.start} of the line)",
            source=path,
            hint=_UTF8_HINT,
        ) from None


def _without_bom(raw: bytes, *, path: str) -> bytes:
    for bom, name in _OTHER_BOMS.items():
        if raw.startswith(bom):
            raise DataError(f"the file is {name}, not UTF-8", source=path, hint=_UTF8_HINT)
    return raw.removeprefix(_BOM)


def _opened(path: str) -> BufferedIOBase:
    if path.lower().endswith(".gz"):
        return cast(BufferedIOBase, gzip.open(path, "rb"))
    return open(path, "rb")


def _parsed(line: str, *, path: str, row: int, line_number: int) -> object:
    try:
        value = json.loads(line)
    except RecursionError:
        reason = f"line {line_number} is nested too deeply"
        raise DataError(reason, source=path, row=row) from None
    except json.JSONDecodeError as error:
        reason = f"line {line_number}: {_json_problem(error)}"
        raise DataError(reason, source=path, row=row) from None
    except ValueError as error:
        raise DataError(f"line {line_number}: {error}", source=path, row=row) from None
    _refuse_surrogates(line, value, path=path, row=row)
    return value


def _json_problem(error: json.JSONDecodeError) -> str:
    return f"not valid JSON, {error.msg} at column {error.colno}"


def _refuse_surrogates(text: str, value: object, *, path: str, row: int | None) -> None:
    r"""Refuse half a character, which `\ud83d` without its second half is and no tokenizer takes."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        reason = "holds an unpaired surrogate (\\ud800 to \\udfff), which is not text"
        raise DataError(reason, source=path, row=row) from None


def _object(value: object, *, path: str, row: int) -> RawRow:
    if isinstance(value, dict):
        return cast(dict[str, Any], value)
    kind = {list: "a list", str: "text", type(None): "null"}.get(type(value), "a value")
    raise DataError(f"an object was expected, not {kind}", source=path, row=row)
