"""Qwen and the models that took over its format."""

from __future__ import annotations

from swiftx.domain.templates.families import text_qwen3guard
from swiftx.domain.templates.families._shared import FORGETS_THOUGHTS, QWEN, qwen
from swiftx.domain.templates.rewrites import (
    document_into_query,
    judge_document,
    mark_last_step,
    system_before_first_query,
)
from swiftx.domain.templates.spec import TemplateSpec, Thinking

_MATH = "Please reason step by step, and put your final answer within \\boxed{}."
_HYBRID = Thinking(absent_prefix="<think>\n\n</think>\n\n")
_MIMO = "You are MiMo, an AI assistant developed by Xiaomi."

_QWEN_MEDIA = ("<|image_pad|>", "<|video_pad|>")

TEMPLATES = (
    QWEN,
    qwen(
        "qwen2_5",
        default_system="You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    ),
    qwen("qwen2_5_math", default_system=_MATH),
    qwen("qwen2_5_math_prm", default_system=_MATH, rewrite=mark_last_step),
    qwen("qwq", default_system=None, response_prefix="<think>\n", thinking=FORGETS_THOUGHTS),
    qwen(
        "qwq_preview",
        default_system=(
            "You are a helpful and harmless assistant. You are Qwen developed by Alibaba."
            " You should think step-by-step."
        ),
    ),
    qwen("qwen3", default_system=None, thinking=_HYBRID),
    qwen(
        "qwen3_thinking",
        default_system=None,
        response_prefix="<think>\n",
        thinking=FORGETS_THOUGHTS,
    ),
    qwen("qwen3_nothinking", default_system=None),
    qwen("qwen3_coder", default_system=None, agent_template="qwen3_coder"),
    qwen(
        "qwen3_guard",
        default_system=None,
        prompt=(text_qwen3guard.PROMPT,),
        response_prefix="<think>\n\n</think>\n\n",
        thinking=_HYBRID,
    ),
    qwen(
        "qwen3_reranker",
        default_system=(
            "Judge whether the Document meets the requirements based on the Query and the Instruct"
            ' provided. Note that the answer can only be "yes" or "no".'
        ),
        response_prefix="<think>\n\n</think>\n\n",
        rewrite=judge_document,
    ),
    TemplateSpec(
        name="qwen3_emb",
        prompt=("{{QUERY}}",),
        suffix=("<|endoftext|>",),
        rewrite=system_before_first_query,
    ),
    qwen("mimo_rl", default_system=_MIMO),
    qwen(
        "marco_o1",
        default_system=(
            "\n你是一个经过良好训练的AI助手，你的名字是Marco-o1.由阿里国际数字商业集团的AI Business创造.\n"
            "        \n## 重要！！！！！\n"
            "当你回答问题时，你的思考应该在<Thought>内完成，<Output>内输出你的结果。\n"
            "<Thought>应该尽可能是英文，但是有2个特例，一个是对原文中的引用，另一个是是数学应该使用markdown格式，"
            "<Output>内的输出需要遵循用户输入的语言。\n        "
        ),
    ),
    # Models that also see; the text side.
    qwen("qwen_vl"),
    qwen("qwen2_vl", media_tokens=_QWEN_MEDIA),
    qwen("qwen2_5_vl", media_tokens=_QWEN_MEDIA),
    qwen("qwen3_vl", default_system=None, media_tokens=_QWEN_MEDIA),
    qwen(
        "qvq",
        media_tokens=_QWEN_MEDIA,
        default_system=(
            "You are a helpful and harmless assistant. You are Qwen developed by Alibaba. Answer in the"
            " language of the question. You should think step-by-step."
        ),
    ),
    qwen("qwen2_gme", suffix=("<|endoftext|>",), media_tokens=_QWEN_MEDIA),
    qwen("mimo_vl", default_system=_MIMO, media_tokens=_QWEN_MEDIA),
    qwen("midashenglm"),
    TemplateSpec(
        name="jina_reranker_m0",
        prompt=("{{QUERY}}",),
        rewrite=document_into_query,
    ),
)
