"""Rules about how messages become tokens."""

from __future__ import annotations

from collections.abc import Sequence

from swiftx.domain.args.rule import (
    KEEP,
    Facts,
    Values,
    check,
    normaliser,
    notice,
    override,
    rule,
)
from swiftx.errors import ArgError, UsageError

_PASS_THROUGH = "dummy"
_LEFT_PADDED = ("ppo", "gkd")
_LEFT_PADDED_TASKS = ("reranker", "generative_reranker")


@rule("template", needs_model=True)
def the_template_belongs_to_the_model(_: Values, facts: Facts) -> object:
    """Rule M3: a model that nothing matches gets the template that changes nothing."""
    if facts.model is None:
        return KEEP
    if facts.model.template is None and not facts.model.candidates:
        return _PASS_THROUGH
    return facts.model.template


@normaliser("system")
def a_text_file_holds_the_system_message(values: Values, facts: Facts) -> object:
    r"""Rule D13; `\n` typed in a shell is a line break."""
    if not values.system.endswith(".txt"):
        return _line_breaks(values.system)
    if facts.storage.is_file(values.system):
        return facts.storage.read_text(values.system)
    message = f"system: file not found: {facts.storage.absolute(values.system)!r}."
    raise UsageError([ArgError("system", message, "A name that ends in .txt is read as a file.")])


@rule("system", commands=("app",))
def the_chat_page_shows_the_models_own_system_message(_: Values, facts: Facts) -> object:
    """Rule I8: that of the model type, also where another template is chosen."""
    template = facts.model.template if facts.model else None
    return facts.default_systems.get(template or "") or KEEP


@normaliser("response_prefix")
def a_typed_line_break_is_one(values: Values, _: Facts) -> object:
    """Rule D13."""
    return _line_breaks(values.response_prefix)


@rule("max_length", needs_model=True)
def a_row_may_fill_the_context(values: Values, facts: Facts) -> object:
    """Rule D12; `export` declares a length."""
    if facts.model is None or values.max_length is not None:
        return KEEP
    return facts.model.max_model_len


@rule("truncation_strategy", needs=("rlhf_type",))
def grpo_cuts_prompts_at_the_left(values: Values, _: Facts) -> object:
    """Rules D14 and G8."""
    return "left" if values.rlhf_type == "grpo" else KEEP


@override("truncation_strategy", commands=("infer", "deploy", "rollout", "app", "eval", "sample"))
def a_prompt_is_never_split(values: Values, _: Facts) -> object:
    """A checkpoint of `pt` brings the strategy along."""
    return "delete" if values.truncation_strategy == "split" else KEEP


@check("max_length")
def a_row_has_room(values: Values, _: Facts) -> Sequence[ArgError]:
    if values.max_length is None or values.max_length > 0:
        return ()
    message = f"max_length: {values.max_length} is not positive."
    return [ArgError("max_length", message, "Leave it out for the length of the model's context.")]


@check("truncation_strategy", commands=("sft", "rlhf"))
def answers_are_never_split(values: Values, _: Facts) -> Sequence[ArgError]:
    if values.truncation_strategy != "split":
        return ()
    hint = "Use left, right or delete; or train on plain text with `swiftx pt`."
    return [
        ArgError(
            "truncation_strategy",
            "truncation_strategy split is for texts: an answer would lose its question.",
            hint,
        )
    ]


@check(
    "truncation_strategy",
    "use_chat_template",
    "task_type",
    "rlhf_type",
    "mode",
    "lazy_tokenize",
    commands=("pt", "preview", "export"),
)
def only_texts_are_split(values: Values, _: Facts) -> Sequence[ArgError]:
    if values.truncation_strategy != "split":
        return ()
    refused = {
        "use_chat_template": (
            "true",
            values.use_chat_template,
            "an answer would lose its question",
        ),
        "task_type": (
            values.task_type,
            values.task_type not in (None, "causal_lm"),
            "its rows are no texts to go on with",
        ),
        "rlhf_type": (values.rlhf_type, values.rlhf_type, "an answer would lose its question"),
        "mode": ("infer", values.mode == "infer", "a prompt is never split"),
        "lazy_tokenize": (
            "true",
            values.lazy_tokenize and values.command == "pt",
            "how many rows there are must be known beforehand",
        ),
    }
    return [
        ArgError(
            "truncation_strategy",
            f"truncation_strategy split and {name} {value} exclude each other: {reason}.",
            f"Use left, right or delete, or another --{name}.",
        )
        for name, (value, wrong, reason) in refused.items()
        if wrong
    ]


@rule("padding_side", needs=("task_type", "rlhf_type"))
def what_ends_or_generates_pads_left(values: Values, _: Facts) -> object:
    """Rules D15 and M21: the last position is read, or generation goes on from it."""
    left = values.rlhf_type in _LEFT_PADDED or values.task_type in _LEFT_PADDED_TASKS
    return "left" if left else KEEP


@override("padding_free", needs=("packing",))
def packed_rows_have_no_padding(values: Values, _: Facts) -> object:
    """Rule D10."""
    return True if values.packing else KEEP


@rule("loss_scale", needs=("rlhf_type", "multi_turn_scheduler"), commands=("rlhf",))
def whole_conversations_train_every_answer(values: Values, facts: Facts) -> object:
    """Rule R8; the default of `rlhf` is last_round."""
    return "default" if _trains_every_answer(values, facts) else KEEP


@rule("loss_scale", needs=("rlhf_type", "multi_turn_scheduler"), commands=("preview",))
def alignment_mostly_trains_the_last_answer(values: Values, facts: Facts) -> object:
    """Rule R8, where no algorithm is the usual case."""
    if values.rlhf_type is None:
        return KEEP
    return "default" if _trains_every_answer(values, facts) else "last_round"


@notice("template", needs_model=True)
def an_unknown_model_has_no_chat_format(values: Values, facts: Facts) -> Sequence[str]:
    if values.template != _PASS_THROUGH or values.given("template"):
        return ()
    kind = facts.model.config_model_type if facts.model else None
    return [
        f"template: none is declared for model type {kind!r}, so the chat template of its tokenizer is "
        "used; without one messages stay as they are. Choose another with --template."
    ]


def _trains_every_answer(values: Values, facts: Facts) -> bool:
    media = facts.model is not None and facts.model.is_multimodal
    if values.rlhf_type == "orpo":
        return not media
    return values.rlhf_type == "grpo" and bool(values.multi_turn_scheduler)


def _line_breaks(text: str) -> str:
    return text.replace("\\n", "\n")


STEPS = (
    the_template_belongs_to_the_model,
    a_text_file_holds_the_system_message,
    the_chat_page_shows_the_models_own_system_message,
    a_typed_line_break_is_one,
    a_row_may_fill_the_context,
    grpo_cuts_prompts_at_the_left,
    a_prompt_is_never_split,
    what_ends_or_generates_pads_left,
    packed_rows_have_no_padding,
    whole_conversations_train_every_answer,
    alignment_mostly_trains_the_last_answer,
)
CHECKS = (a_row_has_room, answers_are_never_split, only_texts_are_split)
NOTICES = (an_unknown_model_has_no_chat_format,)
