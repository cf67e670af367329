"""Which arguments `export` and `merge-lora` act on today; nothing is ignored without a word."""

from __future__ import annotations

from swiftx.domain.inference.support import LOADING, Support, words

EXPORT = Support(
    runs=LOADING
    | words(
        "merge_lora to_cached_dataset safe_serialization max_shard_size output_dir exist_ok "
        # kept in args.json of the merged model
        "template system truncation_strategy agent_template use_chat_template response_prefix "
        "template_backend sanitize_control_tokens task_type num_labels problem_type"
    ),
    only={
        "tuner_backend": lambda value: value == "peft",
    },
    not_built=words(
        "quant_method quant_bits quant_n_samples quant_batch_size group_size to_ollama "
        "to_mcore to_hf to_peft_format mcore_model mcore_adapters thread_count test_convert_precision "
        "test_convert_dtype push_to_hub hub_model_id hub_private_repo commit_message "
        "init_strategy"
    ),
    no_effect=words(
        # of rows and of generating
        "dataset val_dataset split_dataset_ratio data_seed dataset_num_proc load_from_cache_file "
        "dataset_shuffle val_dataset_shuffle streaming interleave_prob stopping_strategy "
        "shuffle_buffer_size download_mode columns strict remove_unused_columns model_name model_author "
        "custom_dataset_info cached_dataset packing packing_length lazy_tokenize max_length "
        "max_new_tokens temperature top_k top_p repetition_penalty num_beams stream stop_words logprobs "
        "top_logprobs "
        # of multimodal models, of training, or of something that is refused itself
        "max_pixels norm_bbox model_kwargs local_repo_path padding_free padding_side loss_scale "
        "sequence_parallel_size hqq_axis bnb_4bit_compute_dtype bnb_4bit_quant_type "
        "bnb_4bit_use_double_quant bnb_4bit_quant_storage ddp_timeout ddp_backend"
    ),
)

_ROWS = words(
    "dataset val_dataset split_dataset_ratio data_seed dataset_num_proc dataset_shuffle "
    "val_dataset_shuffle interleave_prob stopping_strategy download_mode columns strict "
    "remove_unused_columns model_name model_author custom_dataset_info lazy_tokenize max_length "
    "loss_scale template system truncation_strategy agent_template use_chat_template response_prefix "
    "template_backend sanitize_control_tokens"
)
_CACHING = (
    LOADING
    | _ROWS
    | words("to_cached_dataset output_dir exist_ok task_type num_labels problem_type")
)
_NO_CACHING = words(
    "merge_lora quant_method quant_bits to_ollama to_mcore to_hf to_peft_format "
    "streaming cached_dataset packing push_to_hub hub_model_id"
)

CACHED_DATASET = Support(
    runs=_CACHING,
    not_built=_NO_CACHING,
    no_effect=(EXPORT.runs | EXPORT.not_built | EXPORT.no_effect | frozenset(EXPORT.only))
    - _CACHING
    - _NO_CACHING,
)
"""`export --to_cached_dataset true`, which looks at rows and at no weights."""
