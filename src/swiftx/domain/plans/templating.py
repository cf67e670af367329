"""How conversations become prompts and labels, after every argument is resolved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

TruncationStrategy = Literal["delete", "left", "right", "split"]
TemplateBackend = Literal["swift", "jinja"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePlan:
    """Everything the template needs to know.

    Attributes:
        name: Name of a declared template.
        today: The date that some prompts state.
        system: System text for rows that bring none; None leaves the template's own, an empty text
            means no system text.
        max_length: Longest sequence in tokens; None for no limit.
        truncation_strategy: What happens to longer ones: dropped, cut on the left or on the right, or
            split into several.
        loss_scale: Name of a loss scale, or several joined by `+`.
        use_chat_template: False writes question and answer one after the other, with nothing around them.
        response_prefix: What an answer to be generated begins with; None leaves the template's own.
        template_backend: `jinja` writes and trains with the chat template of the tokenizer.
        agent_template: Name of the format for tools; None takes the template's own.
        by_default: Nobody chose the template; then the chat template of the tokenizer, if there is one,
            takes the place of `dummy` in training too.
        sanitize_control_tokens: Control tokens that a row spells out stay text.
    """

    name: str
    today: date
    system: str | None = None
    max_length: int | None = None
    truncation_strategy: TruncationStrategy = "delete"
    loss_scale: str = "default"
    use_chat_template: bool = True
    response_prefix: str | None = None
    template_backend: TemplateBackend = "swift"
    agent_template: str | None = None
    by_default: bool = False
    sanitize_control_tokens: bool = False
