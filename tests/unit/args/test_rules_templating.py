from __future__ import annotations

import pytest
from tests.unit.args.rule_cases import (
    KEPT,
    Decision,
    Verdict,
    act,
    by_rule,
    facts,
    names_in,
    noticed,
)

from swiftx.domain.args.rules import templating as rules
from swiftx.errors import UsageError

_UNKNOWN = facts(model={"template": None, "model_type": None, "candidates": ()})
_SYSTEMS = facts(default_systems={"qwen2_5": "You are Qwen."})
_MEDIA = facts(model={"is_multimodal": True})

STEPS = (
    Decision(rules.the_template_belongs_to_the_model, {}, "qwen2_5"),
    Decision(rules.the_template_belongs_to_the_model, {}, "dummy", facts=_UNKNOWN),
    Decision(
        rules.the_template_belongs_to_the_model, {}, None, facts=facts(model={"template": None})
    ),
    Decision(rules.a_text_file_holds_the_system_message, {"system": "a\\nb"}, "a\nb"),
    Decision(
        rules.a_text_file_holds_the_system_message,
        {"system": "s.txt"},
        "Hi",
        facts=facts(files={"s.txt": "Hi"}),
    ),
    Decision(
        rules.the_chat_page_shows_the_models_own_system_message, {}, "You are Qwen.", facts=_SYSTEMS
    ),
    Decision(rules.the_chat_page_shows_the_models_own_system_message, {}, KEPT),
    Decision(rules.a_typed_line_break_is_one, {"response_prefix": "<think>\\n"}, "<think>\n"),
    Decision(rules.a_row_may_fill_the_context, {"max_length": None}, 2048),
    Decision(rules.a_row_may_fill_the_context, {"max_length": 99}, KEPT),
    Decision(rules.grpo_cuts_prompts_at_the_left, {"rlhf_type": "grpo"}, "left"),
    Decision(rules.grpo_cuts_prompts_at_the_left, {"rlhf_type": "dpo"}, KEPT),
    Decision(rules.what_ends_or_generates_pads_left, {"task_type": "reranker"}, "left"),
    Decision(
        rules.what_ends_or_generates_pads_left,
        {"task_type": "causal_lm", "rlhf_type": "gkd"},
        "left",
    ),
    Decision(rules.what_ends_or_generates_pads_left, {"task_type": "embedding"}, KEPT),
    Decision(rules.a_prompt_is_never_split, {"truncation_strategy": "split"}, "delete"),
    Decision(rules.a_prompt_is_never_split, {"truncation_strategy": "left"}, KEPT),
    Decision(rules.packed_rows_have_no_padding, {"packing": True}, True),
    Decision(rules.packed_rows_have_no_padding, {"packing": False}, KEPT),
    Decision(rules.whole_conversations_train_every_answer, {"rlhf_type": "orpo"}, "default"),
    Decision(
        rules.whole_conversations_train_every_answer, {"rlhf_type": "orpo"}, KEPT, facts=_MEDIA
    ),
    Decision(rules.whole_conversations_train_every_answer, {"rlhf_type": "dpo"}, KEPT),
    Decision(
        rules.whole_conversations_train_every_answer,
        {"rlhf_type": "grpo", "multi_turn_scheduler": "m"},
        "default",
    ),
    Decision(rules.alignment_mostly_trains_the_last_answer, {"rlhf_type": None}, KEPT),
    Decision(rules.alignment_mostly_trains_the_last_answer, {"rlhf_type": "dpo"}, "last_round"),
    Decision(rules.alignment_mostly_trains_the_last_answer, {"rlhf_type": "orpo"}, "default"),
)


_TEXT = {"truncation_strategy": "split", "use_chat_template": False, "task_type": "causal_lm"}
_SPLIT = ["truncation_strategy"]

CHECKS = (
    *(
        Verdict(rules.a_row_has_room, {"max_length": length}, wrong)
        for length, wrong in ((None, []), (1, []), (0, ["max_length"]), (-1, ["max_length"]))
    ),
    Verdict(rules.answers_are_never_split, {"truncation_strategy": "split"}, _SPLIT),
    Verdict(rules.answers_are_never_split, {"truncation_strategy": "left"}, []),
    *(
        Verdict(rules.only_texts_are_split, {**_TEXT, **changes}, wrong, command=command)
        for command, changes, wrong in (
            ("pt", {}, []),
            ("pt", {"use_chat_template": True}, _SPLIT),
            ("pt", {"use_chat_template": True, "truncation_strategy": "right"}, []),
            ("pt", {"lazy_tokenize": True, "task_type": "embedding"}, _SPLIT * 2),
            ("preview", {"mode": "train", "lazy_tokenize": True}, []),
            ("preview", {"mode": "infer"}, _SPLIT),
            ("preview", {"rlhf_type": "dpo"}, _SPLIT),
            ("export", {"task_type": "seq_cls"}, _SPLIT),
        )
    ),
)


@pytest.mark.parametrize("cases", by_rule(CHECKS))
def test_a_check_names_the_argument(cases: list[Verdict]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


@pytest.mark.parametrize("cases", by_rule(STEPS))
def test_a_rule_decides(cases: list[Decision]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


def test_a_missing_system_file_is_not_taken_for_the_message() -> None:
    with pytest.raises(UsageError, match=r"file not found: '/desk/s\.txt'"):
        act(rules.a_text_file_holds_the_system_message, {"system": "s.txt"})


def test_a_model_without_a_chat_format_is_mentioned() -> None:
    notice = rules.an_unknown_model_has_no_chat_format

    assert len(noticed(notice, {"template": "dummy"})) == 1
    assert noticed(notice, {"template": "dummy"}, given={"template": "dummy"}) == []
    assert noticed(notice, {"template": "qwen2_5"}) == []


def test_every_rule_here_is_tested() -> None:
    tested = {case.step.name for case in STEPS} | {case.check.name for case in CHECKS}

    assert names_in(rules) == tested | {rules.an_unknown_model_has_no_chat_format.name}
