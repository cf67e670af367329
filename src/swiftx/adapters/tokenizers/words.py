"""Byte-level BPE with a memory: a word that was seen before costs a look-up instead of its merges.

Such a tokenizer cuts a text into words with a regular expression and merges the bytes of each word on
its own, so the ids of a word never depend on what stands around it. Here the words of a text come
from Python's `re`, and only new ones go through the `tokenizers` library. The two know other versions of
Unicode, so only characters take part whose class never changed; texts with others, and texts of scripts
without spaces, whose words hardly come twice, are left to the library.
"""

from __future__ import annotations

import json
import re
import unicodedata
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from swiftx.domain.ports.tokenizer import FlatTokens

_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # openai/gpt-2, encoder.py
_SINGLE_DIGITS = (  # the same between digits, which are taken out one by one first
    r"\p{N}|'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
)
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
_ASCII, _WIDE = 0x80, 0x2E80  # up to where the scripts without spaces begin
_SPACES = "\t\n\v\f\r\x85"  # beside those of the classes Zs, Zl and Zp
_FOLDED = "\u017f\u212a"  # the long s and the Kelvin sign are `s` and `k` where case is ignored
_CLASSES = ("L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No")
_PROPERTY = re.compile(r"\\([pP])\{(\w+)\}|\\([sS])|\\.|\[\^?|\]", re.DOTALL)
_ID_BYTES = array("i").itemsize
_WORDS_KEPT = 16_384  # twice as many at most, some 6 MB
_LONGEST_KEPT = 64


class _Words(NamedTuple):
    """What cuts texts into words, and of which texts.

    Attributes:
        ascii: For texts of ASCII alone.
        wide: For other texts.
        strange: Finds a character that `wide` is not for.
        forms: What the tokenizer normalises texts to; only those are cut that are so already.
    """

    ascii: re.Pattern[str]
    wide: re.Pattern[str]
    strange: re.Pattern[str]
    forms: tuple[Any, ...]

    def of(self, text: str) -> re.Pattern[str] | None:
        """Return the pattern for a text; None for one that is left to the library."""
        if text.isascii():
            return self.ascii
        if self.strange.search(text) is not None:
            return None
        if not all(unicodedata.is_normalized(form, text) for form in self.forms):
            return None
        return self.wide


class WordEncoder:
    """Encodes texts word by word; made by `of`.

    Args:
        backend: The tokenizer whose ids are wanted.
        words: What cuts texts into words.
    """

    def __init__(self, backend: Tokenizer, words: _Words) -> None:
        self._backend = backend
        self._words = words
        added = backend.get_added_tokens_decoder()
        contents = sorted((token.content for token in added.values()), key=len, reverse=True)
        self._parts_of = re.compile(f"({'|'.join(map(re.escape, contents)) or '(?!)'})").split
        tokens: dict[str, bytes | None] = {}
        for token_id, token in added.items():
            moves = token.lstrip or token.rstrip or token.single_word or not token.content.isascii()
            tokens[token.content] = None if moves else array("i", [token_id]).tobytes()
        self._ids = _Ids(_without_splitting(backend), tokens)

    @classmethod
    def of(cls, backend: Tokenizer) -> WordEncoder | None:
        """Return the encoder; None for a tokenizer that works otherwise."""
        words = _words(backend)
        return None if words is None else cls(backend, words)

    def __call__(self, texts: Sequence[str]) -> FlatTokens:
        """Return the ids of the texts."""
        found = list(map(self._encoded, texts))
        missing = [index for index, ids in enumerate(found) if ids is None]
        if missing:
            left = [texts[index] for index in missing]
            others = self._backend.encode_batch_fast(left, add_special_tokens=False)
            for index, each in zip(missing, others, strict=True):
                found[index] = array("i", each.ids).tobytes()
        whole = [ids for ids in found if ids is not None]
        ends = accumulate((len(ids) // _ID_BYTES for ids in whole), initial=0)
        return FlatTokens(array("i", b"".join(whole)), array("q", ends))

    def _encoded(self, text: str) -> bytes | None:
        """Return the ids as bytes; None where the library is to encode the text."""
        pattern = self._words.of(text)
        if pattern is None:
            return None
        pieces: list[str] = []
        for index, part in enumerate(self._parts_of(text)):
            if index % 2:
                pieces.append(part)
            elif part:
                pieces += pattern.findall(part)
        try:
            return b"".join(map(self._ids.__getitem__, pieces))
        except TypeError:  # None among them: an added token that takes more than its own text
            return None


class _Ids(dict[str, Any]):
    """Words and added tokens → their ids as bytes, looked up in the library when they are new.

    When the memory is full it begins anew, and takes over what is met again of the memory before: words
    that come often stay, and those that come once (numbers, names) do not pile up.

    Args:
        merges: The library's tokenizer of single words.
        added: Added tokens with their ids, which are never forgotten; None for one that needs the library.
    """

    def __init__(self, merges: Tokenizer, added: Mapping[str, bytes | None]) -> None:
        super().__init__(added)
        self._merges = merges
        self._added = added
        self._before: dict[str, bytes] = {}

    def __missing__(self, word: str) -> bytes:
        ids = self._before.get(word)
        if ids is None:
            found = self._merges.encode(word, add_special_tokens=False).ids
            ids = array("i", found).tobytes()
        if len(word) <= _LONGEST_KEPT:
            if len(self) >= _WORDS_KEPT + len(self._added):
                self._before = dict(self)
                self.clear()
                self.update(self._added)
            self[word] = ids
        return ids


def _without_splitting(backend: Tokenizer) -> Tokenizer:
    """Return a tokenizer that takes every text as one word and knows no added tokens."""
    merges = Tokenizer(backend.model)
    merges.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    return merges


def _words(backend: Tokenizer) -> _Words | None:
    """Return what cuts as the tokenizer does; None when it is of another kind."""
    if type(backend.model).__name__ != "BPE" or backend.model.dropout:
        return None
    forms = _forms(_state(backend.normalizer))
    source = _word_pattern(_state(backend.pre_tokenizer))
    if forms is None or source is None:
        return None
    try:
        ascii_, wide = (re.compile(_translated(source, _classes(end))) for end in (_ASCII, _WIDE))
    except (re.error, KeyError):
        return None
    probes = {ascii_: _probes(range(_ASCII), step=1), wide: _probes(_stable(_WIDE), step=8)}
    for pattern, texts in probes.items():
        cut = pattern.findall
        if pattern.groups or any(
            cut(each) != _pieces(backend.pre_tokenizer, each) for each in texts
        ):
            return None
    known = "".join(map(re.escape, map(chr, _stable(_WIDE))))
    return _Words(ascii_, wide, re.compile(f"[^{known}]"), forms)


def _state(component: Any) -> Mapping[str, Any] | None:
    """Return a part of a tokenizer as tokenizer.json has it."""
    return None if component is None else json.loads(component.__getstate__())


def _forms(normalizer: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Return what texts are normalised to; None when something else is done to them."""
    if normalizer is None:
        return ()
    if normalizer["type"] != "Sequence":
        return (normalizer["type"],) if normalizer["type"] in _FORMS else None
    forms = [_forms(each) for each in normalizer["normalizers"]]
    known = [form for form in forms if form is not None]
    return tuple(form for each in known for form in each) if len(known) == len(forms) else None


def _word_pattern(splitter: Mapping[str, Any] | None) -> str | None:
    """Return the regular expression of a byte-level splitter; None for other kinds."""
    match splitter:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return _GPT2
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            ],
        }:
            return _SINGLE_DIGITS
        case {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": pattern},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            return str(pattern)
    return None


@cache
def _stable(end: int) -> tuple[int, ...]:
    """Return the code points below an end whose class has been the same since Unicode 3.2."""
    old = unicodedata.ucd_3_2_0.category
    return tuple(
        point
        for point in range(end)
        if unicodedata.category(chr(point)) == old(chr(point)) not in ("Cn", "Co", "Cs")
        and chr(point) not in _FOLDED
    )


@cache
def _classes(end: int) -> Mapping[str, str]:
    r"""Return the members of classes, as a regular expression has them between brackets; `s` for `\s`."""
    members: dict[str, list[int]] = {name: [] for name in (*_CLASSES, "s")}
    for point in _stable(end):
        category = unicodedata.category(chr(point))
        for name in (category, category[0]):
            if name in members:
                members[name].append(point)
        if category[0] == "Z" or chr(point) in _SPACES:
            members["s"].append(point)
    return {name: _ranges(points) for name, points in members.items()}


def _ranges(points: Iterable[int]) -> str:
    spans: list[list[int]] = []
    for point in points:
        if spans and spans[-1][1] == point - 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return "".join(f"\\U{start:08x}-\\U{end:08x}" for start, end in spans)


def _translated(pattern: str, classes: Mapping[str, str]) -> str:
    r"""Return a pattern with classes of Unicode (`\p{L}`, `\s`) as ranges of characters.

    Raises:
        KeyError: A class that is not known here.
    """
    depth = 0

    def translated(match: re.Match[str]) -> str:
        nonlocal depth
        text = match.group()
        if text in ("[", "[^") and not depth:
            depth = 1
            return text
        if text == "]":
            depth = 0
            return text
        kind, name, space = match.groups()
        if not kind and not space:
            return text
        members = classes["s" if space else name]
        if (kind or space).isupper():
            if depth:
                raise KeyError(text)  # "not a letter" inside a class has no short form
            return f"[^{members}]" if members else r"[\U00000000-\U0010ffff]"
        return members if depth else f"[{members}]" if members else "(?!)"

    # A class that has nothing here leaves "[]" or "[^]" behind, which `re` refuses or reads otherwise.
    translation = _PROPERTY.sub(translated, pattern)
    if "[]" in translation or "[^]" in translation:
        raise KeyError(pattern)
    return translation


def _probes(points: Sequence[int], *, step: int) -> list[str]:
    """Texts with characters beside letters, digits, spaces, line breaks and themselves."""
    return [
        f"ab{char}Cd 12{char}3 {char}{char} x\n{char}\n\n. {char}a  {char} 1{char}"
        for char in map(chr, points[::step])
    ] + ["  don't  I'LL\r\n\t(he'd) 1234567 x==y; HTTPServer camelCase...\n\n\n  end  ", "'s'"]


def _pieces(splitter: Any, text: str) -> list[str]:
    return [text[start:end] for _, (start, end) in splitter.pre_tokenize_str(text)]
