"""Validation rows as questions, for a model that answers them while it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.chat.rows import StandardRow, conversation_of
from swiftx.domain.inference.asking import TemplateAsker
from swiftx.domain.inference.plan import generation_plan
from swiftx.domain.inference.results import question_of
from swiftx.domain.plans.inference import GenerationPlan, Request
from swiftx.domain.plans.training import AnsweringPlan, ValidationQuestion
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.task import metric_sees
from swiftx.errors import DataError, SwiftxError


class Asked(NamedTuple):
    """The questions, and what became of the other rows.

    Attributes:
        left_out: Rows that are no question to this model.
        reason: Why the first of them is none.
    """

    plan: AnsweringPlan
    left_out: int = 0
    reason: str = ""


def validation_questions(
    rows: Sequence[StandardRow],
    args: TrainingArgs,
    template: ChatTemplate,
    *,
    origin: Mapping[str, str],
    model_config: Mapping[str, Any],
    given_config: Mapping[str, Any] | None,
    max_model_len: int | None,
) -> Asked:
    """Return what the model is asked: each row without the answer at its end, which is the label.

    Args:
        rows: Validation rows.
        args: Resolved arguments of training.
        template: Makes prompts.
        origin: By argument: where its value comes from.
        model_config: generation_config.json of the model; empty when it has none.
        given_config: What --generation_config holds; None without.
        max_model_len: Longest prompt and answer together, in tokens; None for no limit.

    Raises:
        DataError: Not one row can be asked.
    """
    generation = _generation(args, template, origin, model_config, given_config)
    asker = TemplateAsker(template, generation)
    limits = [limit for limit in (args.generation_max_length, max_model_len) if limit is not None]
    limit = min(limits, default=None)
    asked: list[ValidationQuestion] = []
    reasons: list[str] = []
    for number, row in enumerate(rows):
        found = _question(number, row, asker, limit)
        if isinstance(found, ValidationQuestion):
            asked.append(found)
        else:
            reasons.append(found)
    if rows and not asked:
        raise DataError(
            f"not one of the {len(rows)} validation rows can be asked: {reasons[0]}",
            hint="--predict_with_generate needs rows that end with an answer of the assistant",
        )
    plan = AnsweringPlan(
        questions=asked,
        metric=args.metric or "nlg",
        prefix=asker.prefix,
        metric_sees_prompts="inputs" in metric_sees(args),
        max_model_len=limit,
        at_once=args.per_device_eval_batch_size,
    )
    return Asked(plan, len(reasons), reasons[0] if reasons else "")


def _question(
    number: int, row: StandardRow, asker: TemplateAsker, limit: int | None
) -> ValidationQuestion | str:
    """Return a row as a question, or why it is none. Its number decides what is sampled."""
    asked, label = question_of(row)
    if not isinstance(label, str):
        return "it has no answer to compare with"
    try:
        (request,) = asker.requests([conversation_of(asked)])
    except DataError as error:
        return error.message
    if isinstance(request, SwiftxError):
        return request.message
    length = len(request.prompt_ids)
    if not length:
        return "its prompt has no tokens"
    if limit is not None and length >= limit:
        return f"its prompt has {length} tokens, and prompt and answer have room for {limit}"
    return ValidationQuestion(row=number, request=_seeded(request, number), label=label)


def _seeded(request: Request, number: int) -> Request:
    plan = request.generation
    return replace(request, generation=replace(plan, seed=(plan.seed or 0) + number))


def _generation(
    args: TrainingArgs,
    template: ChatTemplate,
    origin: Mapping[str, str],
    model_config: Mapping[str, Any],
    given_config: Mapping[str, Any] | None,
) -> GenerationPlan:
    """Return how answers are generated.

    The arguments count before --generation_config, and that before their defaults and generation_config.json.
    """
    changes: dict[str, Any] = {}
    for name in ("temperature", "max_new_tokens", "num_beams"):
        if given_config and origin.get(name, "default") == "default":
            if name == "temperature":
                changes[name] = None  # what the file says of sampling is read with the rest of it
            elif given_config.get(name) is not None:
                changes[name] = given_config[name]
    if args.generation_num_beams is not None:
        changes["num_beams"] = args.generation_num_beams
    tokenizer: Tokenizer = template.tokenizer
    return generation_plan(
        replace(args, **changes, logprobs=False),
        model_config if given_config is None else given_config,
        tokenizer,
        stop_ids=template.stops.ids,
        end_words=template.stops.words,
        seed=args.seed,
    )
