"""Where the argument declarations differ from the text of the reference, and why."""

from __future__ import annotations

from collections.abc import Mapping

_AS_GRPO = "rlhf starts from the value that is documented for GRPO, as the toolkit does"

BY_COMMAND: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("load_args", "Base Arguments"): {"pt": False, "sft": False, "rlhf": False},
    ("use_chat_template", "Template Arguments"): {"pt": False},
    ("loss_scale", "Template Arguments"): {"pt": "all"},
    ("verbose", "Deployment Arguments"): {"app": False, "eval": False},
    ("vllm_use_async_engine", "vLLM Arguments"): {
        "infer": False,
        "rollout": False,
        "rlhf": False,
    },
}
"""What the row itself says of single commands (`True (False for pt)`)."""

DEFAULTS: Mapping[tuple[str, str, str], str] = {
    ("beta", "GRPO Arguments", "rlhf"): "a rule has one default per algorithm",
    ("truncation_strategy", "GRPO Arguments", "rlhf"): "a rule, for GRPO only",
    ("loss_type", "GRPO Arguments", "rlhf"): "a rule has one default per algorithm",
    ("generation_batch_size", "GRPO Arguments", "rlhf"): "a rule computes it from the batch",
    ("steps_per_generation", "GRPO Arguments", "rlhf"): "a rule copies gradient_accumulation_steps",
    ("cosine_max_len", "GRPO Arguments", "rlhf"): "a rule copies max_completion_length",
    ("soft_max_length", "GRPO Arguments", "rlhf"): "a rule copies max_completion_length",
    ("top_k", "Generation Arguments", "rlhf"): _AS_GRPO,
    ("top_p", "Generation Arguments", "rlhf"): _AS_GRPO,
    ("repetition_penalty", "Generation Arguments", "rlhf"): _AS_GRPO,
    ("vllm_enable_prefix_caching", "vLLM Arguments", "rlhf"): _AS_GRPO,
    ("vera_projection_prng_key", "Vera", "*"): "a PRNG key is a number; the toolkit's own is 0",
    ("init_weights", "Tuner Arguments", "*"): "'true' is read as the boolean",
    ("eval_generation_config", "Training Arguments", "*"): "filled in where the benchmarks run",
    ("extra_eval_args", "Evaluation Arguments", "*"): "empty is None",
    ("report_to", "Seq2SeqTrainer Arguments", "*"): "a list of one",
    ("vllm_server_port", "GRPO Arguments", "*"): "a list of one",
    ("merge_lora", "Merge Arguments", "merge-lora"): "merging is what the command is for",
    ("padding_side", "Template Arguments", "sample"): "sampling generates, so it pads left",
}
"""(name, section, command or `*`) → why the declared default is another."""

KINDS: Mapping[tuple[str, str], str] = {
    ("logging_steps", "Seq2SeqTrainer Arguments"): "a share of the run, below 1, is accepted too",
    ("init_weights", "Tuner Arguments"): "true and false are booleans, other words names",
    ("reft_args", "ReFT"): "JSON text is read here instead of later",
    ("engine_kwargs", "Sampling Parameters"): "JSON text is read here instead of later",
    ("teacher_model_type", "Reward/Teacher Model Parameters"): "there is one teacher",
    ("teacher_model_revision", "Reward/Teacher Model Parameters"): "there is one teacher",
    ("report_to", "Seq2SeqTrainer Arguments"): "a list, though its default is written as text",
}
"""(name, section) → why the declared kind is another."""

MORE_CHOICES: Mapping[str, str] = {
    "truncation_strategy": "split is for plain text, in pt alone",
    "train_type": "bone and ia3 are accepted by the toolkit although not listed",
    "sampler_type": "mcts and distill exist in the toolkit although not listed",
    "sampler_engine": "the tree search and distilling need the client engine",
    "importance_sampling_level": "sequence_token exists in the toolkit although not listed",
    "quant_method": "gptq_v2 exists in the toolkit although not listed; torchao is ours",
    "save_strategy": "best is a strategy of the transformers Trainer",
}
"""Arguments with a closed list of choices that is longer than the documented one."""

OWN_COMMANDS: Mapping[str, str] = {
    "preview": "the toolkit cannot show how rows become tokens",
    "estimate": "the toolkit cannot say what memory a run needs",
}
"""Commands that the reference does not have, with their reason."""
