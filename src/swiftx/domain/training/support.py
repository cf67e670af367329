"""Which arguments `sft` and `pt` act on today. Nothing that a user gives is ignored without a word.

Every argument of the two commands is in one of four places: `RUNS` (done as asked), `ONLY` (done for some of
its values), `NOT_BUILT` (refused when it is given), `NO_EFFECT` (named in a warning when it is given).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.training.extensions import METRICS, OPTIMIZERS
from swiftx.domain.training.tuner_support import TUNER_ARGUMENTS, idle_tuner_arguments
from swiftx.errors import NotBuiltYet

_TYPED = frozenset({"cli", "env", "config", "args.json"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SWANLAB = _words(
    "swanlab_token swanlab_project swanlab_workspace swanlab_exp_name swanlab_lark_webhook_url "
    "swanlab_lark_secret swanlab_mode"
)

_ANSWERING = _words(
    "max_new_tokens temperature top_k top_p repetition_penalty num_beams stop_words generation_max_length "
    "generation_num_beams generation_config"
)

RUNS = (TUNER_ARGUMENTS | _SWANLAB | _ANSWERING) | _words(
    "train_type "
    # base, model
    "adapters ckpt_dir seed load_args load_data_args use_hf hub_token trust_remote_code ddp_timeout "
    "ddp_backend ignore_args_error use_swift_lora model model_type model_revision torch_dtype attn_impl "
    "new_special_tokens rope_scaling max_model_len device_map max_memory check_model external_plugins "
    "init_strategy quant_method quant_bits hqq_axis bnb_4bit_compute_dtype bnb_4bit_quant_type "
    "bnb_4bit_use_double_quant bnb_4bit_quant_storage "
    "custom_register_path "
    # data and template
    "dataset val_dataset split_dataset_ratio data_seed dataset_shuffle val_dataset_shuffle interleave_prob "
    "stopping_strategy download_mode columns strict remove_unused_columns model_name model_author "
    "custom_dataset_info template system max_length truncation_strategy agent_template use_chat_template "
    "padding_side loss_scale response_prefix template_backend sanitize_control_tokens lazy_tokenize "
    "streaming shuffle_buffer_size dataset_num_proc load_from_cache_file cached_dataset "
    "packing packing_length padding_free sequence_parallel_size "
    # the loop
    "output_dir add_version create_checkpoint_symlink per_device_train_batch_size "
    "per_device_eval_batch_size gradient_accumulation_steps gradient_checkpointing "
    "gradient_checkpointing_kwargs learning_rate weight_decay adam_beta1 adam_beta2 adam_epsilon "
    "max_grad_norm optim optim_args optim_target_modules adafactor lr_scheduler_type lr_scheduler_kwargs "
    "warmup_ratio warmup_steps num_train_epochs max_steps max_epochs early_stop_interval bf16 fp16 tf32 "
    "use_cpu torch_compile torch_compile_backend torch_compile_mode torchdynamo torch_empty_cache_steps "
    "auto_find_batch_size neftune_noise_alpha label_smoothing_factor enable_dft_loss use_logits_to_keep "
    "acc_strategy average_tokens_across_devices full_determinism debug use_cache skip_memory_metrics "
    "deepspeed zero_hpz_partition_size fsdp fsdp_config fsdp_min_num_params "
    "fsdp_transformer_layer_cls_to_wrap parallelism_config "
    "accelerator_config ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph "
    # data loading
    "dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor "
    "dataloader_drop_last dataloader_in_order dataloader_multiprocessing_context train_dataloader_shuffle "
    "group_by_length sortish_sampler "
    # what is learned
    "task_type num_labels problem_type loss_type metric enable_channel_loss router_aux_loss_coef "
    # evaluation, checkpoints, logs
    "eval_strategy eval_steps eval_delay eval_on_start metric_for_best_model greater_is_better "
    "load_best_model_at_end save_strategy save_steps save_total_limit save_only_model resume_from_checkpoint "
    "resume_only_model ignore_data_skip logging_strategy logging_steps logging_first_step logging_dir "
    "report_to run_name project trackio_space_id trackio_bucket_id trackio_static_space_id log_level "
    "log_level_replica log_on_each_node disable_tqdm include_num_input_tokens_seen "
    "include_tokens_per_second predict_with_generate prediction_loss_only "
    "use_liger_kernel liger_kernel_config include_for_metrics include_inputs_for_metrics "
    "restore_callback_states_from_checkpoint"
)
"""Done as asked."""

ONLY: Mapping[str, Callable[[Any], bool]] = {
    "optimizer": lambda value: value in OPTIMIZERS,
    "label_names": lambda value: set(value or ()) <= {"labels"},
    "logging_nan_inf_filter": bool,
    "save_safetensors": bool,
    "train_sampling_strategy": lambda value: value in {"random", "sequential", "group_by_length"},
    "tuner_backend": lambda value: value == "peft",
}
"""Done for the values for which the function is true, refused for the others."""

NOT_BUILT = _words(
    "eval_use_evalscope eval_dataset use_flash_ckpt batch_eval_metrics "
    "deepspeed_autotp_size "
    "enable_jit_checkpoint save_on_each_node "
    "push_to_hub hub_model_id hub_private_repo"
)
"""Refused when given with another value than the default."""

NO_EFFECT = _words(
    # of multimodal models
    "max_pixels norm_bbox model_kwargs vit_gradient_checkpointing vit_lr aligner_lr freeze_llm freeze_vit "
    "freeze_aligner local_repo_path "
    # of something that is refused itself, or of generating
    "stream logprobs top_logprobs "
    "eval_dataset_args eval_limit eval_generation_config extra_eval_args "
    "hub_strategy hub_always_push hub_revision "
    "push_to_hub_organization "
    # accepted for old scripts
    "fp16_backend fp16_opt_level half_precision_backend jit_mode_eval mp_parameters overwrite_output_dir "
    # casts outside of training only; AdamW steps each parameter by itself in any case
    "bf16_full_eval fp16_full_eval galore_optim_per_parameter "
    "past_index ray_scope tpu_metrics_debug tpu_num_cores use_legacy_prediction_loop use_mps_device do_train "
    "do_eval do_predict local_rank eval_do_concat_batches eval_use_gather_object "
    "eval_accumulation_steps length_column_name"
)
"""Without meaning for what these commands can do; named in a warning."""

_TOKENS = _words(
    "loss_scale label_smoothing_factor enable_dft_loss enable_channel_loss use_logits_to_keep acc_strategy "
    "router_aux_loss_coef"
)
_FOR_PLUGINS = _words("include_for_metrics include_inputs_for_metrics")
_CLASSES = _words("num_labels problem_type")
_WITHOUT_PACKING = _words("packing_length")
_WITHOUT_PADDING = _words("padding_side use_cache")
_WITHOUT_STREAM = _words("shuffle_buffer_size")
_WITH_STREAM = _words("train_dataloader_shuffle dataset_num_proc load_from_cache_file")


def refuse_unbuilt(args: TrainingArgs, origin: Mapping[str, str]) -> None:
    """Raise when something was asked for that is not built yet.

    Args:
        args: Resolved arguments.
        origin: By argument: where its value comes from.

    Raises:
        NotBuiltYet: Names every such argument with its value.
    """
    given = _given(args, origin)
    refused = [
        f"--{name} {_shown(value)}"
        for name, value in given.items()
        if name in NOT_BUILT or (name in ONLY and not ONLY[name](value))
    ]
    if refused:
        raise NotBuiltYet(
            f"the arguments are right, but training with these is not built yet: {', '.join(refused)}",
            hint="leave them out to train without",
        )


def ineffective(args: TrainingArgs, origin: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the arguments that were given and change nothing in this run."""
    idle = NO_EFFECT | idle_tuner_arguments(args)
    if args.task_type != "causal_lm":
        idle |= _TOKENS
    if args.task_type != "seq_cls":
        idle |= _CLASSES
    if args.metric not in METRICS.names():
        idle |= _FOR_PLUGINS
    if not args.use_liger_kernel:
        idle |= {"liger_kernel_config"}
    if not args.predict_with_generate:
        idle |= _ANSWERING
    if not args.packing:
        idle |= _WITHOUT_PACKING
    if not {"swanlab", "all"} & set(args.report_to):
        idle |= _SWANLAB
    idle |= _WITH_STREAM if args.streaming else _WITHOUT_STREAM
    if args.padding_free:
        idle |= _WITHOUT_PADDING
    return tuple(name for name in _given(args, origin) if name in idle)


def _given(args: TrainingArgs, origin: Mapping[str, str]) -> dict[str, Any]:
    """Return what the user gave, where it differs from the declared default."""
    return {
        name: value
        for name, spec in specs_of(type(args)).items()
        if origin.get(name) in _TYPED and (value := getattr(args, name)) != spec.default
    }


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
