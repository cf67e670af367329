from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.args.rule_cases import (
    CPU,
    GPU,
    KEPT,
    Decision,
    Verdict,
    act,
    by_rule,
    facts,
    flagged,
    names_in,
    noticed,
)

from swiftx.domain.args.rules import model as rules
from swiftx.domain.args.rules import rope

_FILES = facts(
    files={
        "m/config.json": "{}",
        "ckpt/adapter_config.json": "{}",
        "ckpt/args.json": "{}",
        "full/args.json": "{}",
        "tokens.txt": "<a>\n<b> <c>\n",
    }
)
_NO_BF16 = replace(GPU, bf16=False)
_MPS = replace(GPU, kind="mps")
_BF16_CPU = replace(CPU, bf16=True)
_REWARD = facts(model={"is_reward": True})
_SCALED = facts(
    model={
        "config": {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}, "other": 1},
        "max_model_len": 8192,
    }
)
_RESUMED = {"resume_from_checkpoint": "/c", "resume_only_model": True}
_dtype = rules.the_dtype_is_the_stored_one_where_the_device_computes_in_it
_rope = rope.rope_scaling_states_its_factor
_new_rope = rope.scaled_rope_of_the_model_reaches_the_new_length

STEPS = (
    Decision(rules.a_local_model_is_an_absolute_path, {"model": "m"}, "/desk/m", facts=_FILES),
    Decision(rules.a_local_model_is_an_absolute_path, {"model": "org/m"}, KEPT, facts=_FILES),
    Decision(rules.full_weights_resume_as_the_model, {**_RESUMED, "train_type": "full"}, "/c"),
    Decision(rules.full_weights_resume_as_the_model, {**_RESUMED, "train_type": "lora"}, KEPT),
    Decision(
        rules.local_adapters_are_absolute_paths,
        {"adapters": ("ckpt", "o/a")},
        ("/desk/ckpt", "o/a"),
        facts=_FILES,
    ),
    Decision(
        rules.adapter_weights_resume_as_the_adapter, {**_RESUMED, "train_type": "lora"}, ("/c",)
    ),
    Decision(rules.adapter_weights_resume_as_the_adapter, {**_RESUMED, "train_type": "full"}, KEPT),
    Decision(
        rules.the_checkpoint_is_an_absolute_path, {"ckpt_dir": "ckpt"}, "/desk/ckpt", facts=_FILES
    ),
    Decision(
        rules.the_checkpoint_is_the_folder_with_args_json,
        {"adapters": ("ckpt",)},
        "/desk/ckpt",
        facts=_FILES,
    ),
    Decision(
        rules.the_checkpoint_is_the_folder_with_args_json,
        {"adapters": (), "model": "full"},
        "/desk/full",
        facts=_FILES,
    ),
    Decision(
        rules.the_checkpoint_is_the_folder_with_args_json,
        {"adapters": (), "model": "m"},
        None,
        facts=_FILES,
    ),
    Decision(rules.the_model_type_is_recognised_from_the_folder, {}, "qwen2_5"),
    Decision(_dtype, {}, "bfloat16"),
    Decision(_dtype, {}, "float16", facts=facts(device=_NO_BF16)),
    Decision(_dtype, {}, "float32", facts=facts(device=CPU)),
    Decision(_dtype, {}, "float32", facts=facts(device=_MPS)),
    Decision(_dtype, {}, "float16", facts=facts(model={"dtype": "float16"})),
    Decision(_dtype, {}, "bfloat16", facts=facts(model={"dtype": None})),
    Decision(_dtype, {}, "float32", facts=facts(model={"dtype": "bfloat16"}, device=CPU)),
    Decision(_dtype, {}, "bfloat16", facts=facts(model={"dtype": "bfloat16"}, device=_BF16_CPU)),
    Decision(_dtype, {}, "float32", facts=facts(model={"dtype": "float32"}, device=_BF16_CPU)),
    Decision(_dtype, {"use_cpu": True}, "float32", facts=facts(model={"dtype": "bfloat16"})),
    Decision(
        rules.labels_make_a_classifier,
        {"task_type": "causal_lm"},
        "seq_cls",
        given={"num_labels": 2},
    ),
    Decision(
        rules.labels_make_a_classifier, {"task_type": "embedding"}, KEPT, given={"num_labels": 2}
    ),
    Decision(rules.labels_make_a_classifier, {"task_type": "causal_lm"}, KEPT),
    Decision(rules.labels_make_a_classifier, {"task_type": "causal_lm"}, "seq_cls", facts=_REWARD),
    Decision(
        rules.labels_make_a_classifier, {"task_type": "causal_lm", "rlhf_type": "rm"}, "seq_cls"
    ),
    Decision(rules.scores_have_one_label, {"task_type": "reranker"}, 1),
    Decision(rules.scores_have_one_label, {"task_type": "seq_cls"}, 1, facts=_REWARD),
    Decision(rules.scores_have_one_label, {"task_type": "seq_cls", "rlhf_type": "rm"}, 1),
    Decision(rules.scores_have_one_label, {"task_type": "seq_cls"}, KEPT),
    Decision(rules.a_generative_reranker_has_no_labels, {"task_type": "generative_reranker"}, None),
    Decision(rules.a_generative_reranker_has_no_labels, {"task_type": "reranker"}, KEPT),
    Decision(
        rules.one_label_is_a_regression, {"task_type": "seq_cls", "num_labels": 1}, "regression"
    ),
    Decision(
        rules.one_label_is_a_regression,
        {"task_type": "seq_cls", "num_labels": 3},
        "single_label_classification",
    ),
    Decision(rules.one_label_is_a_regression, {"task_type": "causal_lm"}, KEPT),
    Decision(
        _rope,
        {"rope_scaling": "linear"},
        {"type": "linear", "original_max_position_embeddings": 2048, "factor": 2.0},
        given={"max_model_len": 4096},
    ),
    Decision(
        _rope,
        {"rope_scaling": "yarn"},
        {"type": "yarn", "original_max_position_embeddings": 2048, "factor": 3.0},
        given={"max_model_len": 5000},
    ),
    Decision(
        _rope,
        {"rope_scaling": "yarn"},
        {"type": "yarn", "original_max_position_embeddings": 2048, "factor": 1.0},
        given={"max_model_len": 100},
    ),
    Decision(_rope, {"rope_scaling": "dynamic"}, {"type": "dynamic"}),
    Decision(
        _rope,
        {"rope_scaling": {"type": "yarn", "factor": 2.0}},
        {"type": "yarn", "factor": 2.0, "original_max_position_embeddings": 2048},
    ),
    Decision(
        _rope,
        {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}},
        {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512},
    ),
    Decision(
        _new_rope,
        {},
        {"rope_type": "yarn", "original_max_position_embeddings": 2048, "factor": 8.0},
        given={"max_model_len": 16384},
        facts=_SCALED,
    ),
    Decision(_new_rope, {}, KEPT, facts=_SCALED),
    Decision(_new_rope, {}, KEPT, given={"max_model_len": 4096}),
    Decision(
        rope.scaled_rope_sets_the_length,
        {"rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 512}},
        2048,
    ),
    Decision(rope.scaled_rope_sets_the_length, {"rope_scaling": {"type": "dynamic"}}, KEPT),
    Decision(
        rules.a_text_file_lists_new_tokens,
        {"new_special_tokens": ("<x>", "tokens.txt")},
        ("<x>", "<a>", "<b>", "<c>"),
        facts=_FILES,
    ),
)

_AMBIGUOUS = facts(model={"model_type": None, "template": None, "candidates": ("qwen2", "qwen2_5")})

CHECKS = (
    Verdict(rules.there_is_a_model, {"model": None, "adapters": ()}, ["model"]),
    Verdict(rules.there_is_a_model, {"model": "m", "adapters": ()}, []),
    Verdict(rules.there_is_a_model, {"model": None, "adapters": ("org/a",)}, []),
    Verdict(
        rules.there_is_a_model, {"model": None, "adapters": ("ckpt",)}, ["model"], facts=_FILES
    ),
    Verdict(rules.there_is_a_model, {"model": None, "eval_url": "http://x/v1"}, []),
    Verdict(rules.there_is_a_model, {"model": None, "sampler_engine": "no"}, []),
    Verdict(rules.there_is_a_model, {"model": None, "stage": "rows"}, []),
    Verdict(rules.there_is_a_model, {"model": None, "stage": "tokens"}, ["model"]),
    Verdict(rules.model_folders_exist, {"model": "/no/such"}, ["model"]),
    Verdict(rules.model_folders_exist, {"model": "org/m", "ref_model": "org/m"}, []),
    Verdict(
        rules.model_folders_exist,
        {"model": "m", "ref_model": "./r", "reward_model": ("a/b/c",), "teacher_model": "/t"},
        ["ref_model", "reward_model", "teacher_model"],
        facts=_FILES,
    ),
    Verdict(rules.adapter_folders_hold_adapters, {"adapters": ("ckpt", "org/a")}, [], facts=_FILES),
    Verdict(
        rules.adapter_folders_hold_adapters, {"adapters": ("/no",)}, ["adapters"], facts=_FILES
    ),
    Verdict(
        rules.adapter_folders_hold_adapters, {"adapters": ("ckpt2",)}, ["adapters"], facts=_FILES
    ),
    Verdict(rules.adapter_folders_hold_adapters, {"adapters": ("m",)}, ["adapters"], facts=_FILES),
    Verdict(
        rules.adapter_folders_hold_adapters,
        {"adapters": ("m",), "external_plugins": ("p.py",)},
        [],
        facts=_FILES,
    ),
    Verdict(
        rules.adapter_folders_hold_adapters,
        {"ref_adapters": ("m/none",)},
        ["ref_adapters"],
        facts=_FILES,
    ),
    Verdict(rules.plugin_files_exist, {"external_plugins": ("p.py",)}, ["external_plugins"]),
    Verdict(rules.plugin_files_exist, {"custom_register_path": ("tokens.txt",)}, [], facts=_FILES),
    Verdict(
        rules.plugin_files_exist, {"external_plugins": ("m",)}, ["external_plugins"], facts=_FILES
    ),
    Verdict(
        rules.the_model_type_is_unambiguous, {"model_type": None}, ["model_type"], facts=_AMBIGUOUS
    ),
    Verdict(
        rules.the_model_type_is_unambiguous, {"template_backend": "jinja"}, [], facts=_AMBIGUOUS
    ),
    Verdict(rules.the_model_type_is_unambiguous, {"model_type": "qwen2"}, [], facts=_AMBIGUOUS),
    Verdict(
        rules.the_model_type_is_unambiguous,
        {"model_type": None},
        [],
        given={"template": "chatml"},
        facts=_AMBIGUOUS,
    ),
    Verdict(
        rules.a_classifier_has_labels, {"task_type": "seq_cls", "num_labels": None}, ["num_labels"]
    ),
    Verdict(rules.a_classifier_has_labels, {"task_type": "seq_cls", "num_labels": 2}, []),
    Verdict(rope.rope_scaling_can_be_computed, {"rope_scaling": "linear"}, ["rope_scaling"]),
    Verdict(
        rope.rope_scaling_can_be_computed, {"rope_scaling": {"type": "yarn"}}, ["rope_scaling"]
    ),
    Verdict(
        rope.rope_scaling_can_be_computed,
        {"rope_scaling": "linear"},
        [],
        given={"max_model_len": 9},
    ),
    Verdict(rope.rope_scaling_can_be_computed, {"rope_scaling": {"type": "dynamic"}}, []),
    Verdict(rope.rope_scaling_is_of_a_known_kind, {"rope_scaling": "linaer"}, ["rope_scaling"]),
    Verdict(rope.rope_scaling_can_be_computed, {"rope_scaling": None}, []),
    Verdict(rope.rope_scaling_is_of_a_known_kind, {"rope_scaling": None}, []),
    Verdict(rope.rope_scaling_is_of_a_known_kind, {"rope_scaling": "yarn"}, []),
    Verdict(
        rope.rope_scaling_is_of_a_known_kind,
        {"rope_scaling": {"factor": "2", "original_max_position_embeddings": 0}},
        ["rope_scaling", "rope_scaling"],
    ),
)


@pytest.mark.parametrize("cases", by_rule(STEPS))
def test_a_rule_decides(cases: list[Decision]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


@pytest.mark.parametrize("cases", by_rule(CHECKS))
def test_a_check_names_the_argument(cases: list[Verdict]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


def test_a_serving_command_may_name_its_adapters() -> None:
    step = rules.local_adapters_are_absolute_paths
    values = {"adapters": ("poet=ckpt", "ckpt")}

    assert act(step, values, facts=_FILES, command="deploy") == ("poet=/desk/ckpt", "/desk/ckpt")
    assert act(step, values, facts=_FILES, command="infer") == ("poet=ckpt", "/desk/ckpt")


def test_an_exported_model_is_quantized_from_float16() -> None:
    assert act(_dtype, {"quant_method": "awq"}, command="export") == "float16"
    assert act(_dtype, {"quant_method": "fp8"}, command="export") == "bfloat16"


def test_a_chat_page_on_a_remote_service_needs_no_model() -> None:
    values = {"model": None, "base_url": "http://127.0.0.1:8000/v1"}

    assert flagged(rules.there_is_a_model, values, command="app") == []
    assert flagged(rules.there_is_a_model, values, command="sample") == ["model"]


@pytest.mark.parametrize(
    ("dtype", "device", "said"), [("bfloat16", CPU, 1), ("bfloat16", GPU, 0), ("float32", CPU, 0)]
)
def test_emulated_bfloat16_is_mentioned(dtype: str, device: Any, said: int) -> None:
    found = noticed(rules.bfloat16_is_emulated, {"torch_dtype": dtype}, facts=facts(device=device))

    assert len(found) == said


def test_every_rule_here_is_tested() -> None:
    tested = {case.step.name for case in STEPS} | {case.check.name for case in CHECKS}

    assert names_in(rules) | names_in(rope) == tested | {rules.bfloat16_is_emulated.name}
