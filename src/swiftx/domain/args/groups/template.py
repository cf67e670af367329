"""Template arguments: how messages become text, tokens and loss weights."""

from typing import Literal

from swiftx.domain.args.spec import Load, arg, arg_group


@arg_group("Template")
class TemplateArgs:
    """How messages become text, tokens and loss weights."""

    template: str | None = arg(
        None,
        starred=True,
        aliases=("template_type",),
        load=Load.IF_UNSET,
        help="Chat template by name; None takes the model's own.",
    )
    system: str | None = arg(
        None,
        starred=True,
        load=Load.IF_UNSET,
        help="System message, or a .txt file with it; a row's own wins. None takes the template's.",
    )
    max_length: int | None = arg(
        None,
        starred=True,
        help="Longest row in tokens; longer ones meet --truncation_strategy. In PPO, GRPO and inference the prompt. None: the model's context.",
    )
    truncation_strategy: Literal["delete", "left", "right", "split"] = arg(
        "delete",
        load=Load.IF_UNSET,
        help="A row over --max_length is left out, or cut at its left or right (media tokens are kept), or for `pt` split into several. GRPO cuts left.",
    )
    max_pixels: int | None = arg(
        None,
        starred=True,
        help="Largest image in pixels (height times width); larger ones are scaled down. None keeps all.",
    )
    agent_template: str | None = arg(
        None,
        starred=True,
        choices=(
            "react_en",
            "react_zh",
            "react_grpo",
            "qwen_en",
            "qwen_zh",
            "qwen_en_parallel",
            "qwen_zh_parallel",
            "qwen3_coder",
            "hermes",
            "hunyuan_hermes",
            "toolbench",
            "glm4",
            "glm4_0414",
            "glm4_5",
            "llama3",
            "llama4",
            "deepseek_v3_1",
            "mistral",
        ),
        open_choices=True,
        load=Load.IF_UNSET,
        help="How tools, tool calls and tool results are written and parsed; None follows the model.",
    )
    norm_bbox: Literal["norm1000", "none"] | None = arg(
        None,
        load=Load.IF_UNSET,
        help="Bounding boxes in thousandths of the image, or in pixels; None follows the model.",
    )
    use_chat_template: bool = arg(
        True,
        load=Load.IF_UNSET,
        help="Format rows as a chat; otherwise as plain text to continue, the way `pt` does.",
    )
    padding_free: bool = arg(
        False,
        starred=True,
        help="Lay the rows of a batch end to end instead of padding them; they do not see each other.",
    )
    padding_side: Literal["left", "right"] = arg(
        "right",
        help="Side on which shorter rows of a batch are padded. PPO, GKD and rerankers pad left.",
    )
    loss_scale: str = arg(
        "default",
        choices=(
            "default",
            "last_round",
            "all",
            "ignore_empty_think",
            "last_round_with_ignore_empty_think",
            "react",
            "hermes",
            "qwen",
            "agentflan",
            "alpha_umi",
        ),
        open_choices=True,
        help="Weight of each token in the loss: `default` trains all answers, `last_round` the last one, `all` every token.",
    )
    sequence_parallel_size: int = arg(
        1,
        help="Processes that share one row. For pt, sft, dpo and grpo.",
    )
    response_prefix: str | None = arg(
        None,
        load=Load.IF_UNSET,
        help="Text that every generated answer starts with; None follows the model.",
    )
    template_backend: Literal["swift", "jinja"] = arg(
        "swift",
        load=Load.IF_UNSET,
        help="Render with the built-in templates, or with the chat template that the tokenizer brings.",
    )
    sanitize_control_tokens: bool = arg(
        False,
        load=Load.IF_UNSET,
        help="Keep control tokens that a message of the user, the system or a tool spells out (`<|im_end|>`) plain text.",
    )
