"""A tokenizer without a library: one token a byte of UTF-8, control tokens recognised in the text."""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from swiftx.domain.ports.tokenizer import Affixes, FlatTokens, LocatedTokens
from swiftx.errors import DataError, NotFound

CONTROL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<s>",
    "</s>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<think>",
    "</think>",
)


class Rendering(Protocol):
    """Does what a chat template does; raises ValueError where a template would refuse."""

    def __call__(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], prompt: bool, /
    ) -> str: ...


def chatml(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], prompt: bool) -> str:
    if any(message["role"] not in ("system", "user", "assistant") for message in messages):
        raise ValueError("The chat template knows system, user and assistant only.")
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(turns) + "<|im_start|>assistant\n" * prompt


class ByteTokenizer:
    """Ids 0 to `len(control_tokens) - 1` are the control tokens, the 256 bytes follow.

    Deterministic and lossless: every text survives a round trip.

    Args:
        control_tokens: Texts that are one token each, wherever they stand.
        special: Named special tokens (`bos_token`, `eos_token`, `pad_token` …) and their texts.
        affixes: What the tokenizer claims to add around a text by itself.
        chat_template: Source of the chat template; without it there is none.
        rendering: What the chat template does, whatever its source says.
    """

    def __init__(
        self,
        control_tokens: Sequence[str] = CONTROL_TOKENS,
        *,
        special: Mapping[str, str] | None = None,
        affixes: Affixes | None = None,
        chat_template: str | None = None,
        rendering: Rendering = chatml,
    ) -> None:
        self._ids = {token: i for i, token in enumerate(control_tokens)}
        self._texts = list(control_tokens)
        self._special = (
            {"bos_token": "<s>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
            if special is None
            else dict(special)
        )
        self._pattern = re.compile("|".join(re.escape(token) for token in control_tokens) or r"\Z.")
        self._affixes = affixes or Affixes()
        self._chat_template = chat_template
        self._rendering = rendering
        self.renderings = 0
        self.encoded_texts: list[str] = []

    @property
    def vocab_size(self) -> int:
        return len(self._texts) + 256

    @property
    def bos_token_id(self) -> int | None:
        return self._special_id("bos_token")

    @property
    def eos_token_id(self) -> int | None:
        return self._special_id("eos_token")

    @property
    def pad_token_id(self) -> int | None:
        return self._special_id("pad_token")

    @property
    def chat_template(self) -> str | None:
        return self._chat_template

    @property
    def affixes(self) -> Affixes:
        return self._affixes

    @property
    def fingerprint(self) -> str | None:
        return f"bytes {self._texts} {self._special} {self._affixes}"

    @property
    def control_tokens(self) -> Sequence[str]:
        return tuple(self._texts)

    def encode(self, text: str) -> list[int]:
        self.encoded_texts.append(text)
        ids: list[int] = []
        end = 0
        for match in self._pattern.finditer(text):
            ids += self._bytes(text[end : match.start()])
            ids.append(self._ids[match.group()])
            end = match.end()
        return ids + self._bytes(text[end:])

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def encode_flat(self, texts: Sequence[str]) -> FlatTokens:
        encoded = self.encode_batch(texts)
        ids = array("i", itertools.chain.from_iterable(encoded))
        return FlatTokens(ids, array("q", itertools.accumulate(map(len, encoded), initial=0)))

    def locate_batch(self, texts: Sequence[str]) -> list[LocatedTokens]:
        return [LocatedTokens(self.encode(text), list(self._spans(text))) for text in texts]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        out = b""
        for token in ids:
            if token >= len(self._texts):
                out += bytes([token - len(self._texts)])
            elif not skip_special_tokens:
                out += self._texts[token].encode()
        return out.decode(errors="replace")

    def token_id(self, token: str) -> int | None:
        if token in self._ids:
            return self._ids[token]
        as_bytes = token.encode()
        return len(self._texts) + as_bytes[0] if len(as_bytes) == 1 else None

    def special_token(self, attribute: str) -> str | None:
        return self._special.get(attribute)

    def render_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Any] = (),
        add_generation_prompt: bool = False,
    ) -> str:
        if self._chat_template is None:
            raise NotFound("The tokenizer has no chat template.")
        self.renderings += 1
        try:
            return self._rendering(messages, tools, add_generation_prompt)
        except ValueError as error:
            raise DataError(str(error)) from error

    def _special_id(self, attribute: str) -> int | None:
        token = self._special.get(attribute)
        return None if token is None else self._ids[token]

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        end = 0
        for match in self._pattern.finditer(text):
            yield from self._byte_spans(text, end, match.start())
            yield match.span()
            end = match.end()
        yield from self._byte_spans(text, end, len(text))

    def _byte_spans(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        for i in range(start, end):
            yield from ((i, i + 1) for _ in text[i].encode())

    def _bytes(self, text: str) -> list[int]:
        return [len(self._texts) + byte for byte in text.encode()]
