"""Gemma."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.templates.rewrites import system_into_first_query
from swiftx.domain.templates.spec import TemplateSpec

_GEMMA = TemplateSpec(
    name="gemma",
    prefix=("<bos>",),
    system_prefix=("<bos><start_of_turn>system\n{{SYSTEM}}<end_of_turn>\n",),
    prompt=("<start_of_turn>user\n{{QUERY}}<end_of_turn>\n<start_of_turn>model\n",),
    chat_sep=("<end_of_turn>\n",),
    suffix=("<end_of_turn>",),
)
_GEMMA3 = replace(_GEMMA, name="gemma3_text", system_prefix=None, rewrite=system_into_first_query)

TEMPLATES = (
    _GEMMA,
    _GEMMA3,
    # Models that also see or hear; the text side.
    replace(_GEMMA3, name="gemma3_vision", media_tokens=("<image_soft_token>",)),
    replace(_GEMMA3, name="gemma3n", media_tokens=("<image_soft_token>", "<audio_soft_token>")),
    TemplateSpec(
        name="paligemma",
        prompt=("{{QUERY}}\n",),
        chat_sep=None,
        suffix=("<eos>",),
        media_tokens=("<image>",),
    ),
)
