"""The `fastokens` library (optional): the ids of a tokenizer.json, many times faster."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import fastokens
from tokenizers import Tokenizer

from swiftx.domain.ports.tokenizer import FlatTokens


class FastokensEncoder:
    """Encodes texts in batches without a Python object for each token; made by `of`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    @classmethod
    def of(cls, backend: Tokenizer) -> FastokensEncoder | None:
        """Return the encoder; None for a tokenizer that the library does not know."""
        try:
            return cls(fastokens.Tokenizer.from_json_str(backend.to_str()))
        except ValueError:
            return None

    def __call__(self, texts: Sequence[str]) -> FlatTokens:
        """Return the ids of the texts."""
        ids, ends = self._backend.encode_batch_flat(list(texts), add_special_tokens=False)
        return FlatTokens(array("i", ids), array("q", ends))
