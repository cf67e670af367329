"""What a template is: data, plus at most two small named functions where data cannot say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from swiftx.domain.chat.pieces import EOS, Piece, Pieces
from swiftx.domain.templates.rounds import Draft
from swiftx.domain.templates.segments import Segment

_SLOT = re.compile(r"\{\{([A-Z_0-9]+)\}\}")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class RewriteContext(NamedTuple):
    """What a rewrite may know besides the conversation."""

    today: date
    count_tokens: Callable[[str], int]


Rewrite = Callable[[Draft, RewriteContext], Draft]
"""Changes the texts of a conversation before they are laid out; sees the system text that the row or
the user gives, not the template's own."""

Finish = Callable[[list[Segment]], list[Segment]]
"""Changes the laid-out prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """How a family treats thoughts (`<think>…</think>`) in earlier and in trained answers.

    Earlier answers lose their thoughts when a prompt is written, and in training when only the last
    answer is trained: that is how the model is going to see them.

    Attributes:
        absent_prefix: Put before every answer that has no thoughts, for models that may think or not.
        after_tools: Whether `absent_prefix` also goes before an answer to a tool result.
        history_prefix: What remains of the thoughts of an earlier answer.
        answer_tags: Earlier answers keep only what `<answer>…</answer>` holds.
    """

    absent_prefix: str = ""
    after_tools: bool = True
    history_prefix: str = ""
    answer_tags: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSpec:
    """A prompt format.

    Texts may hold the slots `{{SYSTEM}}`, `{{QUERY}}`, `{{ROUND0}}` and `{{ROUND1}}` (number of the round
    from 0 or 1), `{{TODAY}}` (`24 Nov 2026`) and `{{TODAY_ISO}}`. A sequence is: prefix, then for every
    round prompt, answer, separator; after the last answer the suffix.

    Attributes:
        prefix: Start of a conversation without system text.
        system_prefix: Start of one with it; None when the format has no place for one.
        prompt: From the question to where the answer starts.
        system_prompt: The same for the last round when it carries the system text; None when the
            prefix carries it.
        chat_sep: Between an answer and the next question; None when the format holds one round only
            (of a longer conversation the last round is used).
        suffix: End of the last answer; trained.
        default_system: System text when nobody gives one.
        response_prefix: What a generated answer begins with; belongs to the prompt.
        stop_words: Texts that end an answer, besides the suffix and the tokenizer's end token.
        agent_template: Name of the format for tools.
        auto_add_bos: Whether the tokenizer's own affixes (BOS, SEP) go around the sequence.
        media_tokens: Tokens in whose places images, videos and audios come; truncation keeps them. Those
            that the tokenizer does not have are passed over.
        thinking: None: thoughts are text like any other.
        rewrite: Changes the texts first.
        finish: Changes the laid-out prompt last.
    """

    name: str
    prompt: Pieces
    prefix: Pieces = ()
    system_prefix: Pieces | None = None
    system_prompt: Pieces | None = None
    chat_sep: Pieces | None = ()
    suffix: Pieces = (EOS,)
    default_system: str | None = None
    response_prefix: str = ""
    stop_words: tuple[str, ...] = ()
    agent_template: str = "react_en"
    auto_add_bos: bool = False
    media_tokens: tuple[str, ...] = ()
    thinking: Thinking | None = None
    rewrite: Rewrite | None = None
    finish: Finish | None = None

    @property
    def pieces(self) -> Pieces:
        """All that the format may write of its own."""
        parts = (self.prefix, self.system_prefix, self.prompt, self.system_prompt, self.chat_sep)
        return (*(piece for part in parts for piece in part or ()), *self.suffix)

    @property
    def takes_system(self) -> bool:
        """Whether a system text has a place in this format."""
        return self.system_prefix is not None or self.system_prompt is not None


def without_chat(spec: TemplateSpec) -> TemplateSpec:
    """Return the format that puts question and answer side by side, as pre-training wants it."""
    return replace(
        spec,
        prefix=(),
        system_prefix=None,
        system_prompt=None,
        prompt=("{{QUERY}}",),
        chat_sep=None,
        suffix=(EOS,),
        default_system=None,
        response_prefix="",
        stop_words=(),
        auto_add_bos=True,
        thinking=None,
        rewrite=None,
        finish=None,
    )


@lru_cache(maxsize=8)
def date_slots(today: date) -> Mapping[str, str]:
    """Return the values of the date slots; month names are English whatever the locale."""
    return {
        "TODAY": f"{today.day:02d} {_MONTHS[today.month - 1]} {today.year}",
        "TODAY_ISO": today.isoformat(),
    }


def fill(piece: Piece, values: Mapping[str, str]) -> Piece:
    """Return the piece with its slots filled; a slot without a value stays as it is written.

    A filled-in text is not searched again, so a question may contain `{{SYSTEM}}`.
    """
    if not isinstance(piece, str):
        return piece
    parts = _parts(piece)
    if len(parts) == 1:
        return piece
    if len(parts) == 3 and parts[1] in values:
        return f"{parts[0]}{values[parts[1]]}{parts[2]}"
    return "".join(
        part if i % 2 == 0 else values.get(part, f"{{{{{part}}}}}") for i, part in enumerate(parts)
    )


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[str, ...]:
    """Text and slot names in turn, text first."""
    return tuple(_SLOT.split(text))
