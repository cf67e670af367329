"""InternLM before its ChatML days, and the seeing models around it (their text side)."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.templates.families._shared import FORGETS_THOUGHTS, chatml
from swiftx.domain.templates.families.phi import PHI3
from swiftx.domain.templates.rewrites import harmony
from swiftx.domain.templates.spec import TemplateSpec

_INTERNLM = (
    "You are an AI assistant whose name is InternLM (书生·浦语).\n"
    "- InternLM (书生·浦语) is a conversational language model that is developed by Shanghai AI"
    " Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and harmless.\n"
    "- InternLM (书生·浦语) can understand and communicate fluently in the language chosen by the user"
    " such as English and 中文."
)
_INTERNVL2 = (
    "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，"
    "英文名叫InternVL, 是一个有用无害的人工智能助手。"
)
_XCOMPOSER2 = TemplateSpec(
    name="ixcomposer2",
    prefix=("<s>",),
    system_prefix=("<s>[UNUSED_TOKEN_146]system\n{{SYSTEM}}[UNUSED_TOKEN_145]\n",),
    prompt=("[UNUSED_TOKEN_146]user\n{{QUERY}}[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n",),
    chat_sep=("[UNUSED_TOKEN_145]\n",),
    suffix=("[UNUSED_TOKEN_145]",),
    default_system=(
        "You are an AI assistant whose name is InternLM-XComposer (浦语·灵笔).\n"
        "- InternLM-XComposer (浦语·灵笔) is a conversational language model that is developed by"
        " Shanghai AI Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and harmless.\n"
        "- InternLM-XComposer (浦语·灵笔) can understand and communicate fluently in the language chosen"
        " by the user such as English and 中文."
    ),
)
_XCOMPOSER2_5 = replace(
    _XCOMPOSER2,
    name="xcomposer2_5",
    default_system=(
        "You are an AI assistant whose name is InternLM-XComposer (浦语·灵笔).\n"
        "- InternLM-XComposer (浦语·灵笔) is a multi-modality conversational language model that is"
        " developed by Shanghai AI Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and"
        " harmless.\n"
        "- InternLM-XComposer (浦语·灵笔) can understand and communicate fluently in the language chosen"
        " by the user such as English and 中文.\n"
        "- InternLM-XComposer (浦语·灵笔) is capable of comprehending and articulating responses"
        " effectively based on the provided image."
    ),
)
_GPT_OSS = TemplateSpec(
    name="gpt_oss",
    system_prefix=("{{SYSTEM}}",),
    prompt=("<|start|>user<|message|>{{QUERY}}<|end|><|start|>assistant",),
    chat_sep=("<|end|>",),
    suffix=("<|return|>",),
    rewrite=harmony,
)

_INTERNVL = ("<IMG_CONTEXT>",)

TEMPLATES = (
    TemplateSpec(
        name="internlm",
        prefix=("<s>",),
        system_prefix=("<s><|System|>:{{SYSTEM}}\n",),
        prompt=("<|User|>:{{QUERY}}\n<|Bot|>:",),
        chat_sep=("<eoa>\n",),
        suffix=("<eoa>",),
        default_system=_INTERNLM,
    ),
    _XCOMPOSER2,
    _XCOMPOSER2_5,
    replace(_XCOMPOSER2_5, name="xcomposer2_4khd"),
    chatml(
        "internvl",
        media_tokens=_INTERNVL,
        default_system="You are an AI assistant whose name is InternLM (书生·浦语).",
    ),
    chatml("internvl2", default_system=_INTERNVL2, media_tokens=_INTERNVL),
    chatml(
        "internvl2_5",
        media_tokens=_INTERNVL,
        default_system=(
            "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的"
            "多模态大语言模型。"
        ),
    ),
    chatml("internvl3_5", media_tokens=_INTERNVL),
    chatml("internvl_hf", media_tokens=_INTERNVL),
    chatml(
        "interns1",
        response_prefix="<think>",
        thinking=FORGETS_THOUGHTS,
        default_system=(
            "You are an expert reasoner with extensive experience in all areas. You approach problems"
            " through systematic thinking and rigorous reasoning. Your response should reflect deep"
            " understanding and precise logical thinking, making your solution path and reasoning clear"
            " to others. Please put your thinking process within <think>...</think> tags."
        ),
    ),
    replace(
        PHI3,
        name="internvl_phi3",
        media_tokens=_INTERNVL,
        default_system="You are an AI assistant whose name is Phi-3.",
    ),
    replace(PHI3, name="internvl2_phi3", media_tokens=_INTERNVL, default_system=_INTERNVL2),
    _GPT_OSS,
    replace(_GPT_OSS, name="internvl3_5_gpt", media_tokens=_INTERNVL),
)
