"""The commands, as text: naming them must not import their argument classes."""

CATALOG: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "pt": (
        "swiftx.domain.args.commands.pt:PtArgs",
        "Pre-train further on plain text.",
        (
            "swiftx pt --model smollm2-135m-instruct --dataset notes.txt --train_type full",
            "swiftx pt --model <model> --dataset corpus.jsonl --streaming --max_steps 1000",
        ),
    ),
    "sft": (
        "swiftx.domain.args.commands.sft:SftArgs",
        "Fine-tune on questions and answers.",
        (
            "swiftx sft --model smollm2-135m-instruct --dataset self-cognition"
            " --model_name 小黄 'Xiao Huang' --model_author 魔搭 ModelScope",
            "swiftx sft --model <model> --dataset train.jsonl --val_dataset val.jsonl --lora_rank 16",
            "swiftx sft run.yaml --learning_rate 2e-5 --explain",
        ),
    ),
    "rlhf": (
        "swiftx.domain.args.commands.rlhf:RlhfArgs",
        "Align with preferences or rewards: dpo, orpo, simpo, kto, cpo, rm, ppo, grpo, gkd.",
        (
            "swiftx rlhf --rlhf_type dpo --model <model> --dataset pairs.jsonl",
            "swiftx rlhf --rlhf_type grpo --model <model> --dataset maths.jsonl"
            " --reward_funcs accuracy format --per_device_train_batch_size 8",
        ),
    ),
    "infer": (
        "swiftx.domain.args.commands.infer:InferArgs",
        "Chat with a model, or answer a data set.",
        (
            "swiftx infer --model smollm2-135m-instruct",
            "swiftx infer --adapters output/<run>/checkpoint-100",
            "swiftx infer --model <model> --val_dataset questions.jsonl --max_batch_size 8",
        ),
    ),
    "preview": (
        "swiftx.domain.args.commands.preview:PreviewArgs",
        "Show how rows become tokens, labels and loss weights.",
        (
            "swiftx preview --model smollm2-135m-instruct --dataset train.jsonl",
            "swiftx preview --model <model> --dataset train.jsonl --num_rows -1 --format json",
            "swiftx preview --dataset train.jsonl --stage rows",
            "swiftx preview --model <model> --dataset pairs.jsonl --rlhf_type dpo --parity",
        ),
    ),
    "estimate": (
        "swiftx.domain.args.commands.estimate:EstimateArgs",
        "Say what memory a training run needs, before anything is loaded.",
        (
            "swiftx estimate --model smollm2-135m-instruct --dataset train.jsonl --train_type full",
            "swiftx estimate --model <model> --max_length 4096 --per_device_train_batch_size 4",
        ),
    ),
    "deploy": (
        "swiftx.domain.args.commands.deploy:DeployArgs",
        "Serve a model over an OpenAI-compatible API.",
        (
            "swiftx deploy --model <model> --port 8000",
            "swiftx deploy --model <model> --adapters tidy=<folder> witty=<folder>",
        ),
    ),
    "rollout": (
        "swiftx.domain.args.commands.rollout:RolloutArgs",
        "Serve answers to a GRPO training run.",
        ("swiftx rollout --model <model> --infer_backend vllm",),
    ),
    "sample": (
        "swiftx.domain.args.commands.sample:SampleArgs",
        "Generate many answers per prompt and keep the best.",
        (
            "swiftx sample --model <model> --dataset maths.jsonl --orm_model math"
            " --num_return_sequences 8",
        ),
    ),
    "eval": (
        "swiftx.domain.args.commands.evaluate:EvalArgs",
        "Run benchmarks on a model or a service.",
        (
            "swiftx eval --model <model> --eval_dataset gsm8k --eval_limit 100",
            "swiftx eval --model <name> --eval_url http://localhost:8000/v1 --eval_dataset arc",
        ),
    ),
    "export": (
        "swiftx.domain.args.commands.export:ExportArgs",
        "Merge, quantize, convert, pre-tokenize or push a model.",
        (
            "swiftx export --adapters <folder> --merge_lora true",
            "swiftx export --model <model> --quant_method awq --quant_bits 4 --dataset rows.jsonl#256",
        ),
    ),
    "merge-lora": (
        "swiftx.domain.args.commands.merge_lora:MergeLoraArgs",
        "Merge adapters into the weights of their model.",
        ("swiftx merge-lora --adapters output/<run>/checkpoint-100",),
    ),
    "app": (
        "swiftx.domain.args.commands.app:AppArgs",
        "Chat with a model in the browser.",
        (
            "swiftx app --model <model> --server_port 7860",
            "swiftx app --model <name> --base_url http://localhost:8000/v1",
        ),
    ),
    "web-ui": (
        "swiftx.domain.args.commands.web_ui:WebUiArgs",
        "Set up and start runs in the browser.",
        ("swiftx web-ui --lang en",),
    ),
}
"""Command name → argument class as `module:Class`, summary, examples."""
