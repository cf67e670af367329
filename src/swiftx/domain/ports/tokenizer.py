"""Port: text to token ids and back."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Affixes(NamedTuple):
    """Token ids that a tokenizer itself puts before and after a text (BOS, SEP, EOS)."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


class LocatedTokens(NamedTuple):
    """Token ids with where each stands in the text, as (start, end) in characters.

    Starts never decrease. A character that takes several tokens is in the span of each of them;
    white space that a tokenizer drops is in none.
    """

    ids: list[int]
    spans: Sequence[tuple[int, int]]


class FlatTokens(NamedTuple):
    """Ids of N texts, end to end.

    Attributes:
        ids: C ints.
        ends: shape (N + 1,); text i has the ids from `ends[i]` to before `ends[i + 1]`.
    """

    ids: array[int]
    ends: array[int]


class Tokenizer(Protocol):
    """A tokenizer of one model.

    `encode` adds no BOS or EOS of its own and turns control tokens written in the text into their
    ids. An empty text is an empty list. `encode_batch` equals `encode` on each text.
    """

    @property
    def vocab_size(self) -> int: ...
    @property
    def bos_token_id(self) -> int | None: ...
    @property
    def eos_token_id(self) -> int | None: ...
    @property
    def pad_token_id(self) -> int | None: ...
    @property
    def chat_template(self) -> str | None:
        """The model's own jinja chat template; None when it has none."""
        ...

    @property
    def affixes(self) -> Affixes:
        """What the tokenizer's own post-processing adds around a text, and `encode` leaves out."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """Text that is another one for every tokenizer that could give other ids; None when unknown.

        It says nothing of the chat template, nor of the version of a library.
        """
        ...

    @property
    def control_tokens(self) -> Sequence[str]:
        """Texts that `encode` makes one control token of, wherever they stand (`<|im_end|>`)."""
        ...

    def encode(self, text: str) -> list[int]: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...
    def encode_flat(self, texts: Sequence[str]) -> FlatTokens:
        """The ids of `encode_batch` end to end, in the fastest way there is."""
        ...

    def locate_batch(self, texts: Sequence[str]) -> list[LocatedTokens]:
        """The ids of `encode_batch`, and where they stand.

        Raises:
            BackendError: The tokenizer does not keep track of that.
        """
        ...

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str: ...

    def token_id(self, token: str) -> int | None:
        """Id of a token of the vocabulary given by its text (`<|im_end|>`); None when it is not one."""
        ...

    def special_token(self, attribute: str) -> str | None:
        """Text of a named special token (`bos_token`, `eos_token`, `pad_token`, …); None when unset."""
        ...

    def render_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Any] = (),
        add_generation_prompt: bool = False,
    ) -> str:
        """Text that the model's own chat template makes of OpenAI-style messages.

        Raises:
            NotFound: The tokenizer has no chat template.
            DataError: The template refuses these messages.
        """
        ...
