"""Who is served next: which waiting prompts are read together, and who gives way when memory is full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from swiftx.domain.inference.prefixes import BLOCK, common_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an engine does at once.

    Attributes:
        slots: Answers under way; -1 for any number.
        prompt_tokens: Tokens of prompts that one forward pass reads; a longer prompt is read in pieces, and
            the answers under way go on between them.
        cache_tokens: Room for prompts and answers under way, each taking that of the longest; None for no
            limit.
        padding: Share of the tokens read together that may be padding.
    """

    slots: int = -1
    prompt_tokens: int = 512
    cache_tokens: int | None = None
    padding: float = 0.3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request that waits.

    Attributes:
        ids: Its tokens, those already answered included.
        cached: How many of them are known from other prompts.
        adapter: What reads it; prompts that are read together have the same.
    """

    ids: Sequence[int]
    cached: int = 0
    adapter: str | None = None

    @property
    def unread(self) -> int:
        return len(self.ids) - self.cached


def next_group(
    waiting: Sequence[Candidate], limits: Limits, *, running: Sequence[int] = ()
) -> list[int]:
    """Return the positions of the waiting requests that are read next, together; none when there is no room.

    The first one that waits is always among them, so nobody waits for ever. Others join while they fit, are
    of a similar length, and do not begin like one of them: whoever does finds that part known soon.

    Args:
        waiting: In the order of their arrival.
        running: Tokens of each answer under way.
    """
    group: list[int] = []
    longest = max(running, default=0)
    for position, candidate in enumerate(waiting):
        rows = len(running) + len(group) + 1
        if 0 <= limits.slots < rows:
            break
        width = max(longest, len(candidate.ids) + 1)
        fits = limits.cache_tokens is None or rows * width <= limits.cache_tokens
        if not group:
            if not fits and running:
                break  # an answer that ends will make room
        elif not fits or not _joins(candidate, [waiting[i] for i in group], limits):
            continue
        group.append(position)
        longest = width
    return group


def _joins(candidate: Candidate, group: Sequence[Candidate], limits: Limits) -> bool:
    first = group[0]
    if candidate.adapter != first.adapter:
        return False
    unread = [member.unread for member in (*group, candidate)]
    area = max(unread) * len(unread)
    if area > limits.prompt_tokens or sum(unread) < (1 - limits.padding) * area:
        return False
    return all(
        common_length(candidate.ids, member.ids) < candidate.cached + BLOCK for member in group
    )


def to_give_way(running: Sequence[int], limits: Limits) -> list[int]:
    """Return the positions of the answers that must wait again before the others get one more token.

    The youngest give way first; the oldest never does.

    Args:
        running: Tokens of each answer under way, oldest first.
    """
    stay = len(running)
    if limits.cache_tokens is not None:
        while stay > 1 and stay * (max(running[:stay]) + 1) > limits.cache_tokens:
            stay -= 1
    return list(range(stay, len(running)))
