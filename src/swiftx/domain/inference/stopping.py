"""Tokens to text, one at a time, until a stop token or word ends the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from swiftx.domain.plans.inference import GenerationPlan
from swiftx.domain.ports.tokenizer import Tokenizer

_INCOMPLETE = "\ufffd"  # what decoders write for bytes that are no whole character (yet)


class AnswerText:
    """Builds the text of one answer from its tokens.

    A character appears when all its bytes are there, and text that may turn out to be the beginning of an end
    word appears when it is known not to be.
    """

    def __init__(self, tokenizer: Tokenizer, plan: GenerationPlan) -> None:
        self._decoder = _Decoder(tokenizer)
        self._scanner = WordScanner(stop_words=plan.stop_words, end_words=plan.end_words)
        self._stop_ids = frozenset(plan.stop_ids)
        self._limit = plan.max_new_tokens
        self._ids: list[int] = []
        self._starts: list[int] = []  # characters decoded before each token
        self._decoded = 0
        self._pieces: list[str] = []
        self._shown = 0  # characters of all pieces
        self._shown_tokens = 0
        self.finish_reason: str | None = None

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The generated ids without the stop id and without tokens that only spell an end word."""
        if not self._scanner.found:
            return tuple(self._ids)
        return tuple(
            token
            for token, start in zip(self._ids, self._starts, strict=True)
            if start < self._shown
        )

    @property
    def shown_tokens(self) -> int:
        """How many tokens, from the first one, have text that was shown; later ones may be held back."""
        while self._shown_tokens < len(self._ids) and (
            self._starts[self._shown_tokens] < self._shown
        ):
            self._shown_tokens += 1
        return self._shown_tokens

    def push(self, token_id: int) -> str:
        """Take the next token and return the text that it completes, often one word, sometimes none."""
        if token_id in self._stop_ids:
            return self._finish("stop")
        self._ids.append(token_id)
        self._starts.append(self._decoded)
        decoded = self._decoder.push(token_id)
        self._decoded += len(decoded)
        piece = self._show(self._scanner.push(decoded))
        if self._scanner.found:
            self.finish_reason = "stop"
        elif self._limit is not None and len(self._ids) >= self._limit:
            return piece + self._finish("length")
        return piece

    def finish(self, reason: str = "length") -> str:
        """End the answer before a stop token came; return the text that was held back."""
        return "" if self.finish_reason else self._finish(reason)

    def _finish(self, reason: str) -> str:
        piece = self._show(self._scanner.push(self._decoder.flush()) + self._scanner.flush())
        self.finish_reason = "stop" if self._scanner.found else reason
        return piece

    def _show(self, piece: str) -> str:
        self._pieces.append(piece)
        self._shown += len(piece)
        return piece


class _Decoder:
    """Decodes token by token what the whole sequence decodes to.

    A few tokens are decoded again with each new one, because decoders join neighbours (spaces, bytes of one
    character).
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._context = 0  # ids before it are done with
        self._read = 0  # ids before it are in the text that was returned

    def push(self, token_id: int) -> str:
        self._ids.append(token_id)
        text = self._rest()
        return "" if text.endswith(_INCOMPLETE) else self._take(text)

    def flush(self) -> str:
        return self._take(self._rest())

    def _rest(self) -> str:
        known = self._tokenizer.decode(self._ids[self._context : self._read])
        return self._tokenizer.decode(self._ids[self._context :])[len(known) :]

    def _take(self, text: str) -> str:
        if text:
            self._context, self._read = self._read, len(self._ids)
        return text


class _Match(NamedTuple):
    position: int
    word: str


class WordScanner:
    """Finds the first stop or end word in text that comes in pieces.

    The text of a stop word is kept, that of an end word is not; nothing after either is.
    """

    def __init__(self, *, stop_words: Iterable[str] = (), end_words: Iterable[str] = ()) -> None:
        self._end_words = frozenset(word for word in end_words if word)
        self._words = self._end_words | frozenset(word for word in stop_words if word)
        self._reach = max((len(word) for word in self._words), default=1) - 1
        self._window = ""  # enough of the text to see a word that began in an earlier piece
        self._shown = 0  # how much of the window was returned
        self.found = False

    def push(self, piece: str) -> str:
        """Return what can be shown after this piece; nothing more once a word was found."""
        if self.found:
            return ""
        self._window += piece
        match = self._first()
        if match is not None:
            self.found = True
            end = match.position if match.word in self._end_words else _end(match)
            return self._window[self._shown : end]
        return self._show(len(self._window) - self._held_back())

    def flush(self) -> str:
        """Return what was held back, when no more text comes."""
        return "" if self.found else self._show(len(self._window))

    def _show(self, stop: int) -> str:
        text = self._window[self._shown : stop]
        cut = max(min(stop, len(self._window) - self._reach), 0)
        self._window = self._window[cut:]
        self._shown = max(stop, self._shown) - cut
        return text

    def _first(self) -> _Match | None:
        matches = [
            _Match(position, word)
            for word in self._words
            if (position := self._window.find(word)) >= 0
        ]
        return min(matches, key=self._precedence, default=None)

    def _precedence(self, match: _Match) -> tuple[int, bool, int]:
        """The word that is complete first counts; of those at once, an end word, and the longest."""
        return _end(match), match.word not in self._end_words, match.position

    def _held_back(self) -> int:
        """Return how many characters at the end may be the beginning of an end word."""
        return max((_overlap(self._window, word) for word in self._end_words), default=0)


def _end(match: _Match) -> int:
    return match.position + len(match.word)


def _overlap(text: str, word: str) -> int:
    longest = min(len(text), len(word) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(word[:n])), 0)
