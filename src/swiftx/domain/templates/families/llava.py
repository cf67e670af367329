"""LLaVA and other seeing models with formats of their own; the text side."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.templates.families._shared import HELPFUL, chatml, qwen
from swiftx.domain.templates.spec import TemplateSpec

_MPLUG_OWL3 = qwen(
    "mplug_owl3",
    prefix=("<|im_start|>system\n<|im_end|>\n",),
    default_system=None,
)

TEMPLATES = (
    TemplateSpec(
        name="llava1_5_hf",
        media_tokens=("<image>",),
        prefix=("<s>",),
        system_prefix=("<s>{{SYSTEM}}\n",),
        prompt=("USER: {{QUERY}}\nASSISTANT:",),
        chat_sep=("</s>",),
        suffix=("</s>",),
    ),
    TemplateSpec(
        name="llava1_6_mistral_hf",
        media_tokens=("<image>",),
        prefix=("<s>[INST] ",),
        # The slot is misspelt in the reference, so the system text is lost (docs/decisions/0004).
        system_prefix=("<<SYS>>\n{{system}}\n<</SYS>>\n\n",),
        prompt=("{{QUERY}} [/INST]",),
        chat_sep=("</s>[INST] ",),
        suffix=("</s>",),
    ),
    TemplateSpec(
        name="llava1_6_vicuna_hf",
        media_tokens=("<image>",),
        prefix=("<s>",),
        system_prefix=("<s>{{SYSTEM}} ",),
        prompt=("USER: {{QUERY}} ASSISTANT:",),
        chat_sep=("</s>",),
        suffix=("</s>",),
        default_system=(
            "A chat between a curious human and an artificial intelligence assistant. The assistant gives"
            " helpful, detailed, and polite answers to the human's questions."
        ),
    ),
    TemplateSpec(
        name="llava_next_video_hf",
        media_tokens=("<image>", "<video>"),
        prefix=(" ",),
        system_prefix=("{{SYSTEM}} ",),
        prompt=("USER: {{QUERY}} ASSISTANT:",),
        chat_sep=(" ",),
        auto_add_bos=True,
    ),
    chatml("llava1_6_yi_hf", media_tokens=("<image>",)),
    qwen("llava_next_qwen_hf", media_tokens=("<image>",)),
    qwen("llava_onevision_hf", default_system=None, media_tokens=("<image>", "<video>")),
    qwen("llava_onevision1_5"),
    _MPLUG_OWL3,
    replace(_MPLUG_OWL3, name="mplug_owl3_241101"),
    TemplateSpec(
        name="doc_owl2",
        prefix=("<s>",),
        prompt=(" USER: {{QUERY}} ASSISTANT:",),
        chat_sep=("</s>",),
        suffix=("</s>",),
    ),
    TemplateSpec(
        name="idefics3",
        media_tokens=("<image>",),
        prefix=("<|begin_of_text|>",),
        system_prefix=("System:{{SYSTEM}}<end_of_utterance>\n",),
        prompt=("User:{{QUERY}}<end_of_utterance>\nAssistant:",),
        chat_sep=("<end_of_utterance>\n",),
        suffix=("<end_of_utterance>",),
    ),
    chatml("keye_vl"),
    chatml("keye_vl_1_5", default_system=HELPFUL),
    chatml(
        "got_ocr2_hf",
        default_system=(
            "        You should follow the instructions carefully and explain your answers in detail."
        ),
    ),
    chatml(
        "valley",
        default_system=(
            "You are Valley, a large language and vision assistant trained by ByteDance."
            "You are able to understand the visual content or video that the user provides, and assist"
            " the user with a variety of tasks using natural language."
            "Follow the instructions carefully and explain your answers in detail."
        ),
    ),
)
