from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.inference.validation import Asked, validation_questions
from swiftx.domain.plans.inference import GenerationPlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.errors import DataError

TOKENIZER = ByteTokenizer()


def row(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant") * len(texts)
    return {
        "messages": [
            {"role": role, "content": text} for role, text in zip(roles, texts, strict=False)
        ]
    }


ROWS = [row("q", "a"), row("one", "1", "two", "2")]


def asked(
    rows: list[dict[str, Any]] = ROWS,
    *,
    typed: tuple[str, ...] = (),
    model_config: dict[str, Any] | None = None,
    given_config: dict[str, Any] | None = None,
    max_model_len: int | None = None,
    **changes: Any,
) -> Asked:
    args = SftArgs(
        **{"template": "chatml", "metric": "nlg", "predict_with_generate": True, **changes}
    )
    origin = dict.fromkeys(typed, "cli")
    plan = template_plan(args, origin=origin, today=date(2026, 1, 1))
    return validation_questions(
        rows,
        args,
        ChatTemplate(plan, TOKENIZER),
        origin=origin,
        model_config=model_config or {},
        given_config=given_config,
        max_model_len=max_model_len,
    )


def first(found: Asked) -> GenerationPlan:
    return found.plan.questions[0].request.generation


def test_a_row_is_asked_without_its_last_answer() -> None:
    questions = asked().plan.questions

    assert [question.label for question in questions] == ["a", "2"]
    assert TOKENIZER.decode(questions[1].request.prompt_ids).endswith(
        "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n1<|im_end|>\n"
        "<|im_start|>user\ntwo<|im_end|>\n<|im_start|>assistant\n"
    )


def test_answers_are_greedy_and_short_unless_asked_otherwise() -> None:
    generation = first(asked(model_config={"do_sample": True, "temperature": 0.7}))

    assert (generation.temperature, generation.max_new_tokens, generation.num_beams) == (0.0, 64, 1)
    assert (
        TOKENIZER.token_id("<|im_end|>") in generation.stop_ids
        or "<|im_end|>" in generation.end_words
    )


def test_a_configuration_of_its_own_counts_before_defaults_and_after_what_is_typed() -> None:
    config = {
        "do_sample": True,
        "temperature": 0.7,
        "max_new_tokens": 9,
        "num_beams": 3,
        "top_k": 7,
    }

    read = first(asked(given_config=config))
    typed = first(
        asked(
            given_config=config,
            typed=("max_new_tokens", "temperature"),
            max_new_tokens=5,
            temperature=0.0,
        )
    )

    assert (read.temperature, read.max_new_tokens, read.num_beams, read.top_k) == (0.7, 9, 3, 7)
    assert (typed.temperature, typed.max_new_tokens, typed.num_beams) == (0.0, 5, 3)


def test_beams_of_evaluations_count_before_all_others() -> None:
    generation = first(
        asked(
            typed=("num_beams",), num_beams=2, generation_num_beams=4, given_config={"num_beams": 3}
        )
    )

    assert generation.num_beams == 4


def test_every_row_has_a_seed_of_its_own() -> None:
    seeds = [question.request.generation.seed for question in asked(seed=7).plan.questions]

    assert seeds == [7, 8]


def test_the_shorter_limit_of_the_two_holds_and_leaves_long_prompts_out() -> None:
    longer = len(asked().plan.questions[1].request.prompt_ids)

    found = asked(generation_max_length=longer, max_model_len=4096)

    assert found.plan.max_model_len == longer
    assert [question.row for question in found.plan.questions] == [0]
    assert found.left_out == 1
    assert f"{longer} tokens" in found.reason


def test_rows_without_an_answer_are_left_out() -> None:
    found = asked([row("q"), row("q", "a")])

    assert [(question.row, question.label) for question in found.plan.questions] == [(1, "a")]
    assert found.reason == "it has no answer to compare with"


def test_nothing_to_ask_is_an_error() -> None:
    with pytest.raises(DataError, match="not one of the 1 validation rows"):
        asked([row("q")])
