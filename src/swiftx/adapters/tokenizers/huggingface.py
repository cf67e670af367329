"""The `Tokenizer` port over the tokenizers of transformers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from swiftx.adapters.tokenizers.quickest import QuickestEncoder, end_to_end
from swiftx.domain.ports.tokenizer import Affixes, FlatTokens, LocatedTokens
from swiftx.errors import BackendError, DataError, NotFound

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read once, when transformers is imported

from jinja2 import TemplateError
from transformers import AutoTokenizer

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)


class HuggingFaceTokenizer:
    """A tokenizer of transformers; `raw` is the library's own object, for other adapters.

    A tokenizer without a padding token pads with its end-of-sequence token, also in what is saved.

    Args:
        raw: The library's tokenizer.
        say: Gets a line of notice for the user.
    """

    def __init__(self, raw: Any, *, say: Callable[[str], None] = lambda _: None) -> None:
        self.raw = raw
        self._say = say
        if raw.pad_token_id is None and raw.eos_token_id is not None:
            raw.pad_token = raw.eos_token
        # None for tokenizers in Python, which come with the code of some model folders.
        self._backend: Any = getattr(raw, "backend_tokenizer", None)
        if self._backend is not None:
            # tokenizer.json may ask for either; both would change lengths behind our back.
            self._backend.no_truncation()
            self._backend.no_padding()

    @property
    def vocab_size(self) -> int:
        return len(self.raw)

    @property
    def bos_token_id(self) -> int | None:
        return self.raw.bos_token_id

    @property
    def eos_token_id(self) -> int | None:
        return self.raw.eos_token_id

    @property
    def pad_token_id(self) -> int | None:
        return self.raw.pad_token_id

    @property
    def chat_template(self) -> str | None:
        template = self.raw.chat_template
        return template.get("default") if isinstance(template, Mapping) else template

    @cached_property
    def affixes(self) -> Affixes:
        bare = self.encode("a")
        whole = list(self.raw.encode("a"))
        for start in range(len(whole) - len(bare) + 1):
            if whole[start : start + len(bare)] == bare:
                return Affixes(tuple(whole[:start]), tuple(whole[start + len(bare) :]))
        return Affixes()

    @cached_property
    def fingerprint(self) -> str | None:
        if self._backend is None:  # made by code that may do anything
            return None
        parts = (
            self._backend.to_str(),
            json.dumps(self.raw.special_tokens_map, default=str, sort_keys=True),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @cached_property
    def control_tokens(self) -> Sequence[str]:
        added = self.raw.added_tokens_decoder.values()
        return tuple(str(token.content) for token in added if token.special)

    def encode(self, text: str) -> list[int]:
        if self._backend is None:
            return list(self.raw.encode(text, add_special_tokens=False)) if text else []
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        if self._backend is None:
            return [self.encode(text) for text in texts]
        # The fast variant leaves out character offsets, which nobody here reads.
        found = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [list(encoding.ids) for encoding in found]

    def encode_flat(self, texts: Sequence[str]) -> FlatTokens:
        if self._backend is None:
            return end_to_end(map(self.encode, texts))
        return self._quickest(list(texts))

    @cached_property
    def _quickest(self) -> QuickestEncoder:
        return QuickestEncoder(self._backend, self._say)

    def locate_batch(self, texts: Sequence[str]) -> list[LocatedTokens]:
        if self._backend is None:
            raise BackendError(
                f"the tokenizer of {self.raw.name_or_path!r} runs in Python and does not tell where "
                "in a text its tokens stand.",
                hint="choose a declared --template, which does not need to know",
            )
        # Post-processing adds nothing here, but some kinds of it take white space out of the spans.
        processing, self._backend.post_processor = self._backend.post_processor, None
        try:
            found = self._backend.encode_batch(list(texts), add_special_tokens=False)
        finally:
            self._backend.post_processor = processing
        return [LocatedTokens(list(each.ids), each.offsets) for each in found]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        return str(
            self.raw.decode(
                list(ids),
                skip_special_tokens=skip_special_tokens,
                clean_up_tokenization_spaces=False,
            )
        )

    def token_id(self, token: str) -> int | None:
        if self._backend is not None:
            return self._backend.token_to_id(token)
        return self.raw.get_vocab().get(token)

    def special_token(self, attribute: str) -> str | None:
        token = self.raw.special_tokens_map.get(attribute)
        return token if isinstance(token, str) else None

    def render_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Any] = (),
        add_generation_prompt: bool = False,
    ) -> str:
        if self.raw.chat_template is None:
            raise NotFound(
                f"the tokenizer of {self.raw.name_or_path!r} has no chat template.",
                hint="name one with --template",
            )
        try:
            return str(
                self.raw.apply_chat_template(
                    [dict(message) for message in messages],
                    tools=list(tools) or None,
                    add_generation_prompt=add_generation_prompt,
                    tokenize=False,
                )
            )
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            raise DataError(f"the model's chat template refuses these messages: {error}") from error


def load_tokenizer(
    folder: str,
    *,
    trust_remote_code: bool = False,
    new_special_tokens: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> HuggingFaceTokenizer:
    """Return the tokenizer of a model folder; reads nothing but that folder.

    Args:
        folder: Absolute path of the model folder.
        trust_remote_code: Whether Python files of the folder may run.
        new_special_tokens: Control tokens to add; those it has already keep their ids.
        say: Gets a line of notice for the user.

    Raises:
        NotFound: The folder holds no tokenizer.
        BackendError: Its files cannot be read, or need code that may not run.
    """
    if not any(os.path.exists(os.path.join(folder, name)) for name in _TOKENIZER_FILES):
        raise NotFound(
            f"no tokenizer in {folder!r}.",
            hint="a model folder needs tokenizer.json (or tokenizer.model) beside config.json",
        )
    try:
        raw = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except ImportError as error:
        raise BackendError(f"the tokenizer of {folder!r} needs more libraries: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendError(
            f"cannot read the tokenizer of {folder!r}: {error}",
            hint="if it comes with its own code and you trust it, add --trust_remote_code true"
            if "trust_remote_code" in str(error)
            else "check that its files are whole",
        ) from error
    for leaked in (
        "is_local",
        "local_files_only",
    ):  # how it was loaded, not what it is: never saved
        raw.init_kwargs.pop(leaked, None)
    if new_special_tokens:
        raw.add_tokens(list(new_special_tokens), special_tokens=True)
    return HuggingFaceTokenizer(raw, say=say)
