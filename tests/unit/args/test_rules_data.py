from __future__ import annotations

import pytest
from tests.unit.args.rule_cases import KEPT, Decision, Verdict, by_rule, facts, names_in, noticed

from swiftx.domain.args.rules import data as rules

_MEDIA = facts(model={"is_multimodal": True})
_FILES = facts(files={"good.json": "[]", "bad.json": "[\n{,", "cache/": ""})

STEPS = (
    Decision(rules.validation_rows_of_their_own_need_no_split, {"val_dataset": ("v",)}, 0.0),
    Decision(rules.validation_rows_of_their_own_need_no_split, {"val_dataset": ()}, KEPT),
    Decision(rules.a_stream_cannot_be_split, {"streaming": True}, 0.0),
    Decision(rules.a_stream_cannot_be_split, {"streaming": False}, KEPT),
    Decision(rules.without_evaluation_nothing_is_split_off, {"save_strategy": "no"}, 0.0),
    Decision(rules.without_evaluation_nothing_is_split_off, {"save_strategy": "steps"}, KEPT),
    Decision(
        rules.without_evaluation_nothing_is_split_off,
        {"save_strategy": "no"},
        KEPT,
        given={"eval_strategy": "steps"},
    ),
    Decision(
        rules.without_evaluation_nothing_is_split_off,
        {"save_strategy": "steps"},
        0.0,
        given={"eval_strategy": "no"},
    ),
    Decision(
        rules.only_media_is_tokenized_when_needed, {"streaming": False, "packing": False}, False
    ),
    Decision(
        rules.only_media_is_tokenized_when_needed,
        {"streaming": False, "packing": False},
        True,
        facts=_MEDIA,
    ),
    Decision(
        rules.only_media_is_tokenized_when_needed,
        {"streaming": True, "packing": False},
        False,
        facts=_MEDIA,
    ),
    Decision(
        rules.only_media_is_tokenized_when_needed,
        {"streaming": False, "packing": True},
        False,
        facts=_MEDIA,
    ),
    Decision(rules.a_cached_dataset_is_tokenized_at_once, {"to_cached_dataset": True}, False),
    Decision(rules.a_cached_dataset_is_tokenized_at_once, {"to_cached_dataset": False}, KEPT),
    Decision(
        rules.a_packed_sequence_is_as_long_as_a_row_may_be, {"packing": True, "max_length": 9}, 9
    ),
    Decision(
        rules.a_packed_sequence_is_as_long_as_a_row_may_be,
        {"packing": False, "max_length": 9},
        KEPT,
    ),
)

_ROWS = {"dataset": ("d",), "val_dataset": ()}

CHECKS = (
    Verdict(rules.there_is_training_data, {"dataset": (), "cached_dataset": ()}, ["dataset"]),
    Verdict(rules.there_is_training_data, {"dataset": (), "cached_dataset": ("c",)}, []),
    Verdict(
        rules.inference_data_has_rows_to_answer, {**_ROWS, "split_dataset_ratio": 0.0}, ["dataset"]
    ),
    Verdict(rules.inference_data_has_rows_to_answer, {**_ROWS, "split_dataset_ratio": 0.5}, []),
    Verdict(
        rules.inference_data_has_rows_to_answer, {"dataset": (), "split_dataset_ratio": 0.0}, []
    ),
    Verdict(
        rules.lazy_tokenizing_stands_alone,
        {"lazy_tokenize": True, "packing": True, "streaming": True},
        ["lazy_tokenize", "lazy_tokenize"],
    ),
    Verdict(rules.lazy_tokenizing_stands_alone, {"lazy_tokenize": False, "packing": True}, []),
    *(
        Verdict(
            rules.a_stream_has_an_order_of_its_own,
            {
                "streaming": streamed,
                "group_by_length": True,
                "sortish_sampler": True,
                "train_sampling_strategy": "group_by_length",
            },
            ["group_by_length", "sortish_sampler", "train_sampling_strategy"] if streamed else [],
        )
        for streamed in (True, False)
    ),
    *(
        Verdict(
            rules.packed_sequences_have_a_length,
            {"packing": packed, "packing_length": length},
            wrong,
        )
        for packed, length, wrong in (
            (True, None, ["packing_length"]),
            (True, 0, ["packing_length"]),
            (True, 1, []),
            (False, None, []),
        )
    ),
    Verdict(
        rules.cached_datasets_can_be_read,
        {"cached_dataset": ("./none",)},
        ["cached_dataset"],
        facts=_FILES,
    ),
    Verdict(
        rules.cached_datasets_can_be_read,
        {"cached_dataset": ("cache",), "streaming": True},
        ["streaming"],
        facts=_FILES,
    ),
    *(
        Verdict(
            rules.only_a_dataset_is_split,
            {"dataset": dataset, "cached_dataset": cached, "split_dataset_ratio": ratio},
            wrong,
        )
        for dataset, cached, ratio, wrong in (
            ((), ("c",), 0.1, ["split_dataset_ratio"]),
            ((), ("c",), 0.0, []),
            (("d",), ("c",), 0.1, []),
            ((), (), 0.1, []),
        )
    ),
    Verdict(
        rules.dataset_registries_can_be_read,
        {"custom_dataset_info": ("good.json",)},
        [],
        facts=_FILES,
    ),
    Verdict(
        rules.dataset_registries_can_be_read,
        {"custom_dataset_info": ("none.json", "bad.json")},
        ["custom_dataset_info", "custom_dataset_info"],
        facts=_FILES,
    ),
    Verdict(
        rules.a_streamed_run_says_how_long_it_is,
        {"streaming": True, "max_steps": -1},
        ["max_steps"],
    ),
    Verdict(rules.a_streamed_run_says_how_long_it_is, {"streaming": True, "max_steps": 5}, []),
    Verdict(rules.a_streamed_run_says_how_long_it_is, {"streaming": False, "max_steps": -1}, []),
    Verdict(rules.a_ratio_is_a_share, {"split_dataset_ratio": 1.5}, ["split_dataset_ratio"]),
    Verdict(rules.a_ratio_is_a_share, {"split_dataset_ratio": 1.0}, []),
)


@pytest.mark.parametrize("cases", by_rule(STEPS))
def test_a_rule_decides(cases: list[Decision]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


@pytest.mark.parametrize("cases", by_rule(CHECKS))
def test_a_check_names_the_argument(cases: list[Verdict]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


def test_a_broken_registry_says_where() -> None:
    registry = {"custom_dataset_info": ("bad.json",)}
    view = rules.dataset_registries_can_be_read

    from swiftx.domain.args.rule import Values

    errors = view.find(Values("sft", registry, {}, frozenset(view.needs)), _FILES)

    assert "line 2, column 2" in errors[0].message


def test_every_rule_here_is_tested() -> None:
    assert names_in(rules) == {case.step.name for case in STEPS} | {
        case.check.name for case in CHECKS
    } | {rules.names_are_taught_by_self_cognition.name}


def test_names_without_the_data_that_teach_them_are_mentioned() -> None:
    notice = rules.names_are_taught_by_self_cognition

    assert len(noticed(notice, {"model_name": ("Bob",), "dataset": ("identity.json",)})) == 1
    assert noticed(notice, {"model_author": ("Me",), "dataset": ("self-cognition#9",)}) == []
    assert noticed(notice, {"dataset": ("identity.json",)}) == []
