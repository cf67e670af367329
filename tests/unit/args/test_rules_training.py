from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.args.rule_cases import CPU, GPU, KEPT, Decision, Verdict, by_rule, facts, names_in

from swiftx.domain.args.rules import training as rules

_RUNS = {
    "/desk/out/v0-20261101-000000/x": "",
    "/desk/out/v11-20261102-000000/x": "",
    "/desk/out/notes": "",
}
_STAMP = "20261124-022820"
_NO_ROWS = {"val_dataset": (), "eval_dataset": (), "cached_dataset": ()}
_GRPO = {"rlhf_type": "grpo", "per_device_train_batch_size": 1, "num_generations": 8}

STEPS = (
    Decision(
        rules.a_pai_job_owns_its_folder,
        {},
        False,
        facts=facts(environ={"PAI_TRAINING_JOB_ID": "1"}),
    ),
    Decision(rules.a_pai_job_owns_its_folder, {}, KEPT),
    Decision(
        rules.each_run_has_a_folder_of_its_own,
        {"output_dir": "out", "add_version": True},
        f"/desk/out/v12-{_STAMP}",
        facts=facts(files=_RUNS),
    ),
    Decision(
        rules.each_run_has_a_folder_of_its_own,
        {"output_dir": "out", "add_version": False},
        "/desk/out",
        facts=facts(files=_RUNS),
    ),
    Decision(
        rules.output_is_named_after_the_model,
        {"model": "Qwen/Qwen2.5-7B", "add_version": True},
        f"/desk/output/Qwen2.5-7B/v0-{_STAMP}",
    ),
    Decision(rules.output_is_named_after_the_model, {"model": None, "add_version": True}, KEPT),
    Decision(rules.logs_are_in_the_output_folder, {"output_dir": "/o"}, "/o/runs"),
    Decision(
        rules.logs_are_in_the_output_folder,
        {"output_dir": "/o"},
        "/tb",
        facts=facts(environ={"PAI_TRAINING_JOB_ID": "1", "PAI_OUTPUT_TENSORBOARD": "/tb"}),
    ),
    Decision(rules.a_run_is_named_after_its_folder, {"output_dir": "/o"}, "/o"),
    Decision(rules.learning_rate_follows_train_type, {"train_type": "full"}, 1e-05),
    Decision(rules.learning_rate_follows_train_type, {"train_type": "boft"}, 0.0001),
    Decision(rules.evaluation_follows_saving, {"save_strategy": "epoch"}, "epoch"),
    Decision(rules.evaluation_follows_saving, {"save_strategy": "best"}, "steps"),
    Decision(
        rules.without_validation_rows_nothing_is_evaluated,
        {**_NO_ROWS, "split_dataset_ratio": 0.0},
        "no",
    ),
    Decision(
        rules.without_validation_rows_nothing_is_evaluated,
        {**_NO_ROWS, "split_dataset_ratio": 0.1},
        KEPT,
    ),
    *(
        Decision(
            rules.without_validation_rows_nothing_is_evaluated,
            {**_NO_ROWS, "split_dataset_ratio": 0.0, "cached_dataset": ("a", cached)},
            result,
            facts=facts(files={"a/train/rows": "", "b/val/rows": ""}),
        )
        for cached, result in (("b", KEPT), ("c", "no"))
    ),
    Decision(
        rules.evaluation_steps_follow_saving_steps, {"save_strategy": "steps", "save_steps": 33}, 33
    ),
    Decision(
        rules.evaluation_steps_follow_saving_steps,
        {"save_strategy": "epoch", "save_steps": 33},
        KEPT,
    ),
    Decision(
        rules.evaluation_steps_follow_saving_steps,
        {"save_strategy": "epoch", "save_steps": 0.1},
        0.1,
        given={"eval_strategy": "steps"},
    ),
    Decision(rules.no_evaluation_has_no_steps, {"save_strategy": "no"}, None),
    Decision(
        rules.no_evaluation_has_no_steps,
        {"save_strategy": "no"},
        KEPT,
        given={"eval_strategy": "steps"},
    ),
    Decision(rules.accumulation_fills_a_total_batch, {"per_device_train_batch_size": 1}, 16),
    Decision(rules.accumulation_fills_a_total_batch, {"per_device_train_batch_size": 3}, 6),
    Decision(rules.accumulation_fills_a_total_batch, {"per_device_train_batch_size": 32}, 1),
    Decision(
        rules.accumulation_fills_a_total_batch,
        {"per_device_train_batch_size": 2},
        2,
        facts=facts(world_size=4),
    ),
    Decision(
        rules.accumulation_fills_a_total_batch,
        {"per_device_train_batch_size": 2, "sequence_parallel_size": 2},
        4,
        facts=facts(world_size=4),
    ),
    Decision(rules.accumulation_fills_a_total_batch, {"per_device_train_batch_size": 0}, 16),
    Decision(rules.accumulation_fills_a_total_batch, _GRPO, 8),
    Decision(rules.accumulation_fills_a_total_batch, _GRPO, 2, facts=facts(world_size=4)),
    Decision(rules.accumulation_fills_a_total_batch, _GRPO, 1, given={"steps_per_generation": 8}),
    Decision(
        rules.accumulation_fills_a_total_batch, {**_GRPO, "per_device_train_batch_size": 8}, 1
    ),
    Decision(
        rules.accumulation_fills_a_total_batch,
        {**_GRPO, "per_device_train_batch_size": 8, "num_generations": 3},
        1,
        given={"per_device_train_batch_size": 8, "num_generations": 3},
    ),
    Decision(rules.generated_text_is_scored_by_overlap, {"predict_with_generate": True}, "nlg"),
    Decision(rules.generated_text_is_scored_by_overlap, {"predict_with_generate": False}, KEPT),
    Decision(
        rules.the_best_model_is_the_one_the_run_is_for, {"predict_with_generate": False}, "loss"
    ),
    Decision(
        rules.the_best_model_is_the_one_the_run_is_for, {"predict_with_generate": True}, "rouge-l"
    ),
    Decision(rules.the_best_model_is_the_one_the_run_is_for, {"rlhf_type": "grpo"}, "reward"),
    Decision(rules.the_best_model_is_the_one_the_run_is_for, {"rlhf_type": "ppo"}, KEPT),
    Decision(rules.less_loss_is_better, {"metric_for_best_model": "eval_loss"}, False),
    Decision(rules.less_loss_is_better, {"metric_for_best_model": "token_acc"}, True),
    Decision(rules.less_loss_is_better, {"metric_for_best_model": None}, KEPT),
    Decision(rules.one_process_loads_batches, {}, 1),
    Decision(
        rules.one_process_loads_batches, {}, 0, facts=facts(device=replace(GPU, system="windows"))
    ),
    Decision(rules.one_process_reads_a_stream, {"dataloader_num_workers": 4, "streaming": True}, 1),
    Decision(
        rules.one_process_reads_a_stream, {"dataloader_num_workers": 4, "streaming": False}, KEPT
    ),
    Decision(rules.loading_processes_work_ahead, {"dataloader_num_workers": 4}, 10),
    Decision(rules.loading_processes_work_ahead, {"dataloader_num_workers": 0}, KEPT),
    Decision(rules.vision_checkpoints_like_the_rest, {"gradient_checkpointing": False}, False),
    Decision(
        rules.data_parallel_checkpointing_is_not_reentrant,
        {"gradient_checkpointing": True},
        {"use_reentrant": False},
        facts=facts(world_size=2),
    ),
    Decision(
        rules.data_parallel_checkpointing_is_not_reentrant, {"gradient_checkpointing": True}, KEPT
    ),
    Decision(
        rules.data_parallel_checkpointing_is_not_reentrant,
        {"gradient_checkpointing": True, "deepspeed": "zero2"},
        KEPT,
        facts=facts(world_size=2),
    ),
    Decision(rules.special_learning_rates_have_an_optimizer, {"lorap_lr_ratio": 16.0}, "lorap"),
    Decision(rules.special_learning_rates_have_an_optimizer, {"use_galore": True}, "galore"),
    Decision(rules.special_learning_rates_have_an_optimizer, {"vit_lr": 1e-06}, "multimodal"),
    Decision(rules.special_learning_rates_have_an_optimizer, {}, KEPT),
    Decision(rules.bfloat16_weights_compute_in_bfloat16, {"torch_dtype": "bfloat16"}, True),
    Decision(
        rules.bfloat16_weights_compute_in_bfloat16,
        {"torch_dtype": "bfloat16"},
        False,
        facts=facts(device=CPU),
    ),
    Decision(
        rules.bfloat16_weights_compute_in_bfloat16,
        {"torch_dtype": "bfloat16"},
        False,
        given={"fp16": True},
    ),
    Decision(rules.bfloat16_weights_compute_in_bfloat16, {"torch_dtype": "float16"}, False),
    Decision(
        rules.other_weights_compute_in_float16_on_an_accelerator, {"torch_dtype": "float32"}, True
    ),
    Decision(
        rules.other_weights_compute_in_float16_on_an_accelerator, {"torch_dtype": "bfloat16"}, False
    ),
    Decision(
        rules.other_weights_compute_in_float16_on_an_accelerator,
        {"torch_dtype": "float32"},
        False,
        facts=facts(device=CPU),
    ),
    Decision(
        rules.other_weights_compute_in_float16_on_an_accelerator,
        {"torch_dtype": "float32", "use_cpu": True},
        False,
    ),
    Decision(rules.each_process_reads_its_own_batches, {}, {"dispatch_batches": False}),
    Decision(
        rules.the_resumed_checkpoint_is_an_absolute_path,
        {"resume_from_checkpoint": "out/checkpoint-5"},
        "/desk/out/checkpoint-5",
    ),
)

CHECKS = (
    Verdict(
        rules.the_resumed_checkpoint_exists,
        {"resume_from_checkpoint": "/no"},
        ["resume_from_checkpoint"],
    ),
    Verdict(
        rules.the_resumed_checkpoint_exists,
        {"resume_from_checkpoint": "/c"},
        [],
        facts=facts(files={"/c/": ""}),
    ),
    Verdict(rules.one_half_precision_at_a_time, {"fp16": True, "bf16": True}, ["fp16"]),
    Verdict(rules.one_half_precision_at_a_time, {"fp16": False, "bf16": True}, []),
    Verdict(rules.deepspeed_has_a_configuration, {"deepspeed": "zero2"}, []),
    Verdict(rules.deepspeed_has_a_configuration, {"deepspeed": {"zero_optimization": {}}}, []),
    Verdict(rules.deepspeed_has_a_configuration, {"deepspeed": "zero9"}, ["deepspeed"]),
    Verdict(
        rules.deepspeed_places_the_model_itself,
        {"deepspeed": "zero2", "device_map": "auto"},
        ["device_map"],
    ),
    Verdict(
        rules.deepspeed_places_the_model_itself,
        {"deepspeed_autotp_size": 2},
        ["deepspeed_autotp_size"],
    ),
    Verdict(
        rules.deepspeed_places_the_model_itself,
        {"deepspeed_autotp_size": 2, "deepspeed": "zero1", "train_type": "full"},
        [],
    ),
    *(
        Verdict(
            rules.shared_copies_are_of_sharded_weights,
            {"zero_hpz_partition_size": size, "deepspeed": config},
            told,
        )
        for size, config, told in (
            (None, None, []),
            (8, "zero3_offload", []),
            (8, {"zero_optimization": {"stage": 3}}, []),
            (8, {"zero_optimization": {"stage": 2}}, ["zero_hpz_partition_size"]),
            (0, "zero3", ["zero_hpz_partition_size"]),
            (8, None, ["zero_hpz_partition_size"]),
        )
    ),
    Verdict(
        rules.liger_runs_whole_language_models,
        {"use_liger_kernel": True, "device_map": "auto", "task_type": "embedding"},
        ["device_map", "use_liger_kernel"],
    ),
    Verdict(
        rules.liger_runs_whole_language_models,
        {"use_liger_kernel": True, "task_type": "causal_lm"},
        [],
    ),
    Verdict(
        rules.batches_hold_something,
        {
            "per_device_train_batch_size": 0,
            "per_device_eval_batch_size": 1,
            "gradient_accumulation_steps": None,
        },
        ["per_device_train_batch_size"],
    ),
)


@pytest.mark.parametrize("cases", by_rule(STEPS))
def test_a_rule_decides(cases: list[Decision]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


@pytest.mark.parametrize("cases", by_rule(CHECKS))
def test_a_check_names_the_argument(cases: list[Verdict]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


def test_every_rule_here_is_tested() -> None:
    assert names_in(rules) == {case.step.name for case in STEPS} | {
        case.check.name for case in CHECKS
    }
