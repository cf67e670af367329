"""Llama and the models built on its formats."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.templates.spec import TemplateSpec

_LLAMA2_SYSTEM = (
    "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible,"
    " while being safe. Your answers should not include any harmful, unethical, racist, sexist,"
    " toxic, dangerous, or illegal content. Please ensure that your responses are socially"
    " unbiased and positive in nature.\n"
    "\n"
    "If a question does not make any sense, or is not factually coherent, explain why instead of"
    " answering something not correct. If you don't know the answer to a question, please don't"
    " share false information."
)

_LLAMA3 = TemplateSpec(
    name="llama3",
    prefix=("<|begin_of_text|>",),
    system_prefix=(
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{{SYSTEM}}<|eot_id|>",
    ),
    prompt=(
        "<|start_header_id|>user<|end_header_id|>\n\n{{QUERY}}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    chat_sep=("<|eot_id|>",),
    suffix=("<|eot_id|>",),
    agent_template="llama3",
)

_DATED_HEAD = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023\nToday Date: {{TODAY}}\n\n"
)
_LLAMA3_2 = replace(
    _LLAMA3,
    name="llama3_2",
    prefix=(f"{_DATED_HEAD}<|eot_id|>",),
    system_prefix=(f"{_DATED_HEAD}{{{{SYSTEM}}}}<|eot_id|>",),
)

TEMPLATES = (
    TemplateSpec(
        name="llama",
        prefix=("<s>[INST] ",),
        system_prefix=("<s>[INST] <<SYS>>\n{{SYSTEM}}\n<</SYS>>\n\n",),
        prompt=("{{QUERY}} [/INST]",),
        chat_sep=("</s><s>[INST] ",),
        suffix=("</s>",),
        default_system=_LLAMA2_SYSTEM,
    ),
    _LLAMA3,
    _LLAMA3_2,
    replace(
        _LLAMA3,
        name="reflection",
        default_system=(
            "You are a world-class AI system, capable of complex reasoning and reflection. Reason through"
            " the query inside <thinking> tags, and then provide your final response inside <output>"
            " tags. If you detect that you made a mistake in your reasoning at any point, correct"
            " yourself inside <reflection> tags."
        ),
    ),
    replace(
        _LLAMA3_2,
        name="skywork_o1",
        default_system=(
            "You are Skywork-o1, a thinking model developed by Skywork AI, specializing in solving"
            " complex problems involving mathematics, coding, and logical reasoning through deep thought."
            " When faced with a user's request, you first engage in a lengthy and in-depth thinking"
            " process to explore possible solutions to the problem. After completing your thoughts, you"
            " then provide a detailed explanation of the solution process in your response."
        ),
    ),
    TemplateSpec(
        name="llama4",
        prefix=("<|begin_of_text|>",),
        system_prefix=(
            "<|begin_of_text|><|header_start|>system<|header_end|>\n\n{{SYSTEM}}<|eot|>",
        ),
        prompt=(
            "<|header_start|>user<|header_end|>\n\n{{QUERY}}<|eot|>"
            "<|header_start|>assistant<|header_end|>\n\n",
        ),
        chat_sep=("<|eot|>",),
        suffix=("<|eot|>",),
        agent_template="llama4",
        media_tokens=("<|patch|>",),
    ),
    TemplateSpec(
        name="longwriter_llama",
        prefix=("[INST]",),
        system_prefix=("<<SYS>>\n{{SYSTEM}}\n<</SYS>>\n\n",),
        prompt=("{{QUERY}}[/INST]",),
        chat_sep=("[INST]",),
        suffix=("<|end_of_text|>",),
    ),
    TemplateSpec(
        name="atom",
        system_prefix=("{{SYSTEM}}",),
        prompt=("<s>Human: {{QUERY}}\n</s><s>Assistant: ",),
        chat_sep=("</s>",),
        suffix=("</s>",),
    ),
    # Models that also see; the text side.
    replace(_LLAMA3_2, name="llama3_2_vision", media_tokens=("<|image|>",)),
    replace(_LLAMA3, name="llama3_llava_next_hf", media_tokens=("<image>",)),
    replace(_LLAMA3, name="llava_llama3_hf", media_tokens=("<image>",)),
)
