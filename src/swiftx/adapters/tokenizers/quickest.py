"""Choosing how batches are encoded: the fastest way whose ids are those of the `tokenizers` library."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tokenizers import Tokenizer

from swiftx.adapters.tokenizers.words import WordEncoder
from swiftx.domain.ports.tokenizer import FlatTokens

Encode = Callable[[Sequence[str]], FlatTokens]

_COMPARED = 256
_HARD = (
    "",
    " ",
    "\n \n\n  \t\r\n",
    "Don't they'RE 1234567 3.14e-10 a_b  c\u00a0d",
    "naïve café e\u0301 ﬁ Ａ ①½ ٣ ÀÉÎ",
    "你好，世界。こんにちは 안녕하세요 สวัสดี नमस्ते",
    "🌍👩‍👩‍👧🏽 ✓→∑ \u200b\u200d\ufeff\u2028",
    "def f(x):\n\treturn x ** 2  # comment\n\n\n<html>&amp;</html> https://a.b/c?d=e",
    "\x00\x1c\x7f",
)


class Way(NamedTuple):
    """A way to encode; `of` returns None where it cannot serve a tokenizer."""

    name: str
    of: Callable[[Tokenizer], Encode | None]


class QuickestEncoder:
    """Encodes batches of texts; the first batch decides how.

    Args:
        backend: The tokenizer whose ids count.
        say: Gets one line when a faster way is there but gives other ids.
        ways: Faster ways, the fastest first.
    """

    def __init__(
        self, backend: Tokenizer, say: Callable[[str], None], *, ways: Sequence[Way] | None = None
    ) -> None:
        self._backend = backend
        self._say = say
        self._ways = _WAYS if ways is None else ways
        self._chosen: Encode | None = None

    def __call__(self, texts: Sequence[str]) -> FlatTokens:
        """Return the ids of the texts."""
        if self._chosen is None and texts:
            self._chosen = self._choose(texts)
        return end_to_end(()) if self._chosen is None else self._chosen(texts)

    def _choose(self, texts: Sequence[str]) -> Encode:
        step = max(len(texts) // _COMPARED, 1)
        control = [token.content for token in self._backend.get_added_tokens_decoder().values()]
        sample = [*texts[::step], *_HARD, *control, f" a{' '.join(control)}b{''.join(control)} "]
        expected = self._exact(sample)
        for name, of in self._ways:
            encode = of(self._backend)
            if encode is not None:
                if encode(sample) == expected:
                    return encode
                self._say(f"{name} gives other token ids than tokenizers here, so it is not used.")
        return self._exact

    def _exact(self, texts: Sequence[str]) -> FlatTokens:
        # Equal texts are encoded once: this is the slow way, and answers may be few.
        different = dict.fromkeys(texts)
        found = self._backend.encode_batch_fast(list(different), add_special_tokens=False)
        ids_of = {text: each.ids for text, each in zip(different, found, strict=True)}
        return end_to_end(ids_of[text] for text in texts)


def end_to_end(texts: Iterable[Iterable[int]]) -> FlatTokens:
    """Return the ids of texts one after the other."""
    ids, ends = array("i"), array("q", [0])
    for each in texts:
        ids.extend(each)
        ends.append(len(ids))
    return FlatTokens(ids, ends)


def _fastokens(backend: Tokenizer) -> Encode | None:
    try:
        from swiftx.adapters.tokenizers.fast_tokens import FastokensEncoder
    except ModuleNotFoundError as error:
        if error.name != "fastokens":
            raise
        return None
    return FastokensEncoder.of(backend)


_WAYS = (Way("fastokens", _fastokens), Way("The memory of words", WordEncoder.of))
