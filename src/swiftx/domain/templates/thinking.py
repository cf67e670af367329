"""Thoughts in answers: what earlier ones keep, what answers without any begin with."""

from __future__ import annotations

from swiftx.domain.templates.rounds import Round
from swiftx.domain.templates.spec import Thinking


def apply_thinking(rounds: list[Round], thinking: Thinking, *, forget_history: bool) -> list[Round]:
    """Return the rounds as the family writes them.

    Args:
        rounds: The conversation.
        thinking: The family's habits.
        forget_history: Whether answers before the last round lose their thoughts.
    """
    if thinking.absent_prefix:
        rounds = [_with_absent_prefix(each, thinking) for each in rounds]
    if forget_history:
        rounds = [*(_forgotten(each, thinking) for each in rounds[:-1]), *rounds[-1:]]
    return rounds


def thought_openings(thinking: Thinking) -> tuple[str, ...]:
    """Return how answers begin that bring their thoughts; empty when the family looks for none."""
    return ("<think>", thinking.absent_prefix) if thinking.absent_prefix else ()


def _with_absent_prefix(each: Round, thinking: Thinking) -> Round:
    if each.answer is None or each.answer.startswith(thought_openings(thinking)):
        return each
    if each.tool_pieces is not None and not thinking.after_tools:
        return each
    return each._replace(answer=thinking.absent_prefix + each.answer)


def _forgotten(each: Round, thinking: Thinking) -> Round:
    if each.answer is None:
        return each
    if thinking.answer_tags:
        kept = each.answer.rpartition("<answer>")[2].rstrip().removesuffix("</answer>").strip()
        return each._replace(answer=kept)
    kept = each.answer.rpartition("</think>")[2].strip()
    return each._replace(answer=thinking.history_prefix + kept)
