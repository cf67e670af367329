"""ChatGLM, GLM-4 and what followed."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.templates.families import text_rumination
from swiftx.domain.templates.finishes import glm_line_break
from swiftx.domain.templates.spec import TemplateSpec, Thinking

_GLM4 = TemplateSpec(
    name="glm4",
    system_prefix=("<|system|>\n{{SYSTEM}}",),
    prompt=("<|user|>\n{{QUERY}}<|assistant|>\n",),
    suffix=("<|user|>",),
    stop_words=("<|endoftext|>", "<|user|>", "<|observation|>"),
    agent_template="glm4",
    auto_add_bos=True,
    finish=glm_line_break,
)
_GLM4_0414 = replace(
    _GLM4,
    name="glm4_0414",
    prefix=("[gMASK]<sop>",),
    system_prefix=("[gMASK]<sop><|system|>\n{{SYSTEM}}",),
    agent_template="glm4_0414",
    auto_add_bos=False,
)
_GLM4_5 = replace(
    _GLM4_0414,
    name="glm4_5",
    agent_template="glm4_5",
    thinking=Thinking(absent_prefix="<think></think>\n", history_prefix="<think></think>\n"),
    finish=None,
)

_MEDIA = ("<|image|>", "<|video|>")

TEMPLATES = (
    TemplateSpec(
        name="chatglm2",
        system_prefix=("{{SYSTEM}}",),
        prompt=("[Round {{ROUND1}}]\n\n问：{{QUERY}}\n\n答：",),
        chat_sep=("\n\n",),
        auto_add_bos=True,
    ),
    _GLM4,
    replace(
        _GLM4,
        name="codegeex4",
        finish=None,
        default_system=(
            "你是一位智能编程助手，你叫CodeGeeX。你会为用户回答关于编程、代码、计算机方面的任何问题，"
            "并提供格式规范、可以执行、准确安全的代码，并在必要时提供详细的解释。"
        ),
    ),
    _GLM4_0414,
    replace(_GLM4_0414, name="glm4_z1_rumination", default_system=text_rumination.SYSTEM),
    _GLM4_5,
    # Models that also see; the text side.
    replace(_GLM4_0414, name="glm4_1v", finish=None, media_tokens=_MEDIA),
    replace(_GLM4_5, name="glm4_5v", media_tokens=_MEDIA),
    replace(_GLM4, name="glm4v", suffix=("<|endoftext|>",), finish=None),
    replace(
        _GLM4,
        name="glm_edge_v",
        # Two characters, a backslash and an n: the model was trained that way.
        system_prefix=("<|system|>\\n{{SYSTEM}}\\n",),
        prompt=("<|user|>\\n{{QUERY}}\\n<|assistant|>\\n",),
        chat_sep=("\\n",),
        suffix=("<|endoftext|>",),
        finish=None,
    ),
)
