"""Holding an answer to a JSON schema, through llguidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llguidance
import llguidance.hf
import numpy as np
import torch
from torch import Tensor

from swiftx.errors import ArgError, UsageError

ANY_OBJECT = '{"type": "object"}'

_WRITTEN: Any = {"whitespace_flexible": False}
"""Without this a model may write white space for ever, which every schema allows."""


class Grammars:
    """Makes grammars for one tokenizer.

    Args:
        raw: transformers' fast tokenizer.
        vocabulary: Rows of the model's output; more than the tokenizer has tokens, perhaps.
    """

    def __init__(self, raw: Any, *, vocabulary: int) -> None:
        self._raw = raw
        self._vocabulary = vocabulary
        self._tokenizer: llguidance.LLTokenizer | None = None

    def json(self, schema: str, stop_ids: Sequence[int]) -> JsonGrammar:
        """Return what holds one answer to a schema; the first one takes about a second.

        Raises:
            UsageError: The schema is not one, or has parts that are not supported.
        """
        if self._tokenizer is None:
            self._tokenizer = llguidance.hf.from_tokenizer(self._raw, n_vocab=self._vocabulary)
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(
                ANY_OBJECT if schema.strip() == "{}" else schema, defaults=_WRITTEN
            )
            matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        except ValueError as error:
            raise _refused(str(error)) from error
        if matcher.is_error():
            raise _refused(matcher.get_error())
        return JsonGrammar(matcher, stop_ids)


class JsonGrammar:
    """The `Grammar` of one answer."""

    def __init__(self, matcher: llguidance.LLMatcher, stop_ids: Sequence[int]) -> None:
        self._matcher = matcher
        self._stop_ids = list(stop_ids)

    def restrict(self, logits_V: Tensor) -> None:
        """Set the logits of tokens that the schema does not allow to -inf; an end needs it to be met."""
        bits = np.unpackbits(
            np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8), bitorder="little"
        )
        allowed = torch.from_numpy(bits[: len(logits_V)].astype(bool)).to(logits_V.device)
        if self._stop_ids:
            allowed[self._stop_ids] = self._matcher.is_accepting()
        logits_V.masked_fill_(~allowed, -torch.inf)

    def accept(self, token: int) -> bool:
        """Take the token that was chosen; return whether nothing may follow."""
        if token not in self._stop_ids:
            self._matcher.consume_token(token)
        return self._matcher.is_stopped()


def _refused(reason: str) -> UsageError:
    return UsageError([ArgError(None, f"The JSON schema cannot be used: {reason}")])
