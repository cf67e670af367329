"""The `fastokens` library (optional): the ids of a tokenizer.json, many times faster."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from typing import Any

import fastokens
from tokenizers import Tokenizer


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

    def __call__(self, texts: Sequence[str]) -> list[array[int]]:
        """Return the ids of each text."""
        flat, ends = self._backend.encode_batch_flat(list(texts), add_special_tokens=False)
        ids, bounds = array("i", flat), array("Q", ends)
        return [ids[start:end] for start, end in itertools.pairwise(bounds)]
