"""Which files of a folder are the data of a subset and split.

A hub's README may say so in its front matter (`configs:`); without it the names of files and folders
tell, as they do for the `datasets` library: `train`, `test`, `validation` and their kin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from swiftx.errors import NotFound

KINDS = {
    ".jsonl": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "txt",
    ".parquet": "parquet",
    ".arrow": "arrow",
}
_BINARY = ("parquet", "arrow")
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "dev", "val"),
}
# Files about the data rather than of it; hubs and the `datasets` library write them beside it.
_NOT_DATA = frozenset(
    (
        "dataset_info.json",
        "dataset_infos.json",
        "dataset_dict.json",
        "state.json",
        "config.json",
        "configuration.json",
        "requirements.txt",
        "license.txt",
        "readme.txt",
    )
)


def kind_of(path: str | Path) -> str | None:
    """Return what kind of data file a name promises; None for no data file."""
    name = Path(path).name.lower()
    plain = name.removesuffix(".gz")
    kind = KINDS.get(Path(plain).suffix)
    return None if plain != name and kind in _BINARY else kind


def data_files(path: str, *, subset: str | None, split: str) -> Sequence[str]:
    """Return the files of a folder, or the file itself; see `RowSource.files`."""
    root = Path(path)
    if root.is_file():
        return [path]
    if not root.is_dir():
        raise NotFound(f"There is no data file or folder {path!r}.")
    files = _declared(root, subset=subset, split=split)
    if files is None:
        files = _of_split(_of_subset(root, subset), split=split, root=root)
    if not files:
        wanted = f"split {split!r}" if subset is None else f"subset {subset!r}, split {split!r}"
        raise NotFound(f"The folder {path!r} has no data file for {wanted}.", hint=_contents(root))
    return [str(file) for file in files]


def _all_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if kind_of(file) is not None
        and file.name.lower() not in _NOT_DATA
        and not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
        and file.is_file()
    )


def _declared(root: Path, *, subset: str | None, split: str) -> list[Path] | None:
    """Return the files that the README declares; None when it declares nothing of this subset."""
    configs = _configs(root / "README.md")
    if subset is None:
        chosen = next((c for c in configs if c.get("default")), None) or next(
            (c for c in configs if c.get("config_name", "default") == "default"), None
        )
        if chosen is None and len(configs) == 1:
            chosen = configs[0]
    else:
        chosen = next((c for c in configs if c.get("config_name") == subset), None)
    if chosen is None:
        return None
    patterns = _patterns(chosen, split=split)
    if patterns is None:
        return _of_split(_files_in(str(chosen.get("data_dir", ".")), root), split=split, root=root)
    return [file for file in _all_files(root) if _matches(file.relative_to(root), patterns)]


def _files_in(name: str, root: Path) -> list[Path]:
    """Return the data files of a folder inside another one; none for a name that leads out of it."""
    try:
        folder = (root / name).resolve()
    except ValueError:  # no name of a folder at all
        return []
    inside = folder.is_relative_to(root.resolve())
    return _all_files(root / name) if inside else []


def _configs(readme: Path) -> list[dict[str, Any]]:
    try:
        head = readme.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    front = re.match(r"\A---\r?\n(.*?)\r?\n---\r?(?:\n|\Z)", head, re.DOTALL)
    if front is None:
        return []
    try:
        fields = yaml.safe_load(front[1])
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: 2024-99-99 is no date
        return []
    configs = fields.get("configs") if isinstance(fields, dict) else None
    return [config for config in _list(configs) if isinstance(config, dict)]


def _patterns(config: dict[str, Any], *, split: str) -> list[str] | None:
    """Return the glob patterns of a split; None when the configuration leaves the files open."""
    declared = config.get("data_files")
    if declared is None:
        return None
    if isinstance(declared, dict):
        declared = [{"split": name, "path": paths} for name, paths in declared.items()]
    patterns: list[str] = []
    for entry in _list(declared):
        fields = entry if isinstance(entry, dict) else {"path": entry}
        if fields.get("split", "train") == split:
            patterns += map(str, _list(fields.get("path")))
    return patterns


def _list(value: object) -> list[Any]:
    """Return a list as it is, one value as a list, and nothing as an empty one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _matches(path: Path, patterns: Iterable[str]) -> bool:
    name = path.as_posix()
    return any(fnmatch(name, pattern.removeprefix("./")) for pattern in patterns)


def _of_subset(root: Path, subset: str | None) -> list[Path]:
    if subset is None:
        return _all_files(root)
    folder = root / subset
    if folder.is_dir() and root.resolve() in folder.resolve().parents:
        return _all_files(folder)
    return [file for file in _all_files(root) if file.name.split(".")[0] == subset]


def _of_split(files: list[Path], *, split: str, root: Path) -> list[Path]:
    """Return the files of a split; where no name tells a split, every file is a training file."""
    named = {file: _split_of(file.relative_to(root)) for file in files}
    if all(name is None for name in named.values()):
        return files if split == "train" else []
    return [file for file, name in named.items() if (name or "train") == split]


def _split_of(path: Path) -> str | None:
    words = set(re.split(r"[^a-z]+", path.as_posix().lower()))
    return next((split for split, names in _SPLIT_WORDS.items() if words & set(names)), None)


def _contents(root: Path) -> str:
    names = [file.relative_to(root).as_posix() for file in _all_files(root)[:5]]
    configs = [str(config.get("config_name", "default")) for config in _configs(root / "README.md")]
    if configs:
        return f"Its subsets: {', '.join(configs[:20])}."
    if not names:
        return "It has no data file at all."
    return (
        f"Its data files: {', '.join(names)}. Pass one of them itself to use it whatever its name."
    )
