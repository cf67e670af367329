"""What an engine takes, and what it refuses before it begins."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.plans.inference import EngineFacts, GenerationPlan, Request
from swiftx.errors import ArgError, UsageError


def admitted(request: Request, facts: EngineFacts) -> Request:
    """Return the request with no more new tokens than the model has room for.

    Raises:
        UsageError: The engine cannot serve it; names everything that is wrong.
    """
    problems = [*_prompt_problems(request, facts), *_plan_problems(request.generation, facts)]
    if request.adapter is not None and request.adapter not in facts.adapters:
        known = ", ".join(facts.adapters) or "none"
        problems.append(
            ArgError(None, f"There is no adapter {request.adapter!r}.", f"There is: {known}.")
        )
    if problems:
        raise UsageError(problems)
    if facts.max_model_len is None or request.conversation is not None:
        return request
    room = facts.max_model_len - len(request.prompt_ids)
    asked = request.generation.max_new_tokens
    limit = room if asked is None else min(asked, room)
    return replace(request, generation=replace(request.generation, max_new_tokens=limit))


def _prompt_problems(request: Request, facts: EngineFacts) -> list[ArgError]:
    if request.conversation is not None:
        message = f"The engine {facts.name} takes prompts, not conversations."
        return [] if facts.conversations else [ArgError(None, message)]
    length = len(request.prompt_ids)
    if not length:
        return [ArgError(None, "The prompt has no tokens.")]
    if facts.max_model_len is not None and length >= facts.max_model_len:
        return [
            ArgError(
                "max_length",
                f"The prompt has {length} tokens, the model takes {facts.max_model_len}.",
                "Shorten it, or use a model with a longer context.",
            )
        ]
    return []


def _plan_problems(plan: GenerationPlan, facts: EngineFacts) -> list[ArgError]:
    problems = []
    if plan.num_beams > 1 and not facts.beams:
        problems.append(
            ArgError(
                "num_beams",
                f"num_beams: {plan.num_beams}; the engine {facts.name} does no beam search.",
                "Use --infer_backend pt, or leave it out.",
            )
        )
    if plan.json_schema is not None and not facts.json_schema:
        problems.append(
            ArgError(None, f"The engine {facts.name} cannot hold answers to a JSON schema.")
        )
    return problems
