"""Mistral, and Zephyr and WizardLM which build on it."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.templates.families import text_devstral
from swiftx.domain.templates.spec import TemplateSpec

_SMALL_3 = TemplateSpec(
    name="mistral_2501",
    prefix=("<s>",),
    system_prefix=("<s>[SYSTEM_PROMPT]{{SYSTEM}}[/SYSTEM_PROMPT]",),
    prompt=("[INST]{{QUERY}}[/INST]",),
    chat_sep=("</s>",),
    suffix=("</s>",),
    default_system=(
        "You are Mistral Small 3, a Large Language Model (LLM) created by Mistral AI, a French"
        " startup headquartered in Paris.\n"
        "Your knowledge base was last updated on 2023-10-01. The current date is {{TODAY_ISO}}.\n"
        "\n"
        "When you're not sure about some information, you say that you don't have the information and"
        " don't make up anything.\n"
        "If the user's question is not clear, ambiguous, or does not provide enough context for you"
        " to accurately answer the question, you do not try to answer it right away and you rather"
        ' ask the user to clarify their request (e.g. "What are some good restaurants around me?" =>'
        ' "Where are you?" or "When is the next flight to Tokyo" => "Where do you travel from?")'
    ),
)

TEMPLATES = (
    # The system text stands before the last question. Without one its slot stays in the prompt as it
    # is written: a defect of the reference that models were trained with (docs/decisions/0004).
    TemplateSpec(
        name="mistral_nemo",
        prefix=("<s>[INST] ",),
        prompt=("{{QUERY}}[/INST]",),
        system_prompt=("{{SYSTEM}}\n\n", "{{QUERY}}[/INST]"),
        chat_sep=("</s>[INST] ",),
        suffix=("</s>",),
    ),
    _SMALL_3,
    replace(_SMALL_3, name="mistral_2503"),
    replace(_SMALL_3, name="devstral", default_system=text_devstral.SYSTEM),
    TemplateSpec(
        name="pixtral",
        prefix=("<s>",),
        system_prefix=("<s>{{SYSTEM}}",),
        prompt=("[INST]{{QUERY}}[/INST]",),
        chat_sep=("</s>",),
        suffix=("</s>",),
        media_tokens=("[IMG]",),
    ),
    TemplateSpec(
        name="zephyr",
        system_prefix=("<|system|>\n{{SYSTEM}}</s>\n",),
        prompt=("<|user|>\n{{QUERY}}</s>\n<|assistant|>\n",),
        chat_sep=("</s>\n",),
        suffix=("</s>",),
    ),
    TemplateSpec(
        name="wizardlm2",
        system_prefix=("{{SYSTEM}}",),
        prompt=("User:\n{{QUERY}}\n\nAssistant:\n",),
        chat_sep=("\n\n",),
        suffix=("</s>",),
    ),
    TemplateSpec(
        name="wizardlm2_moe",
        system_prefix=("{{SYSTEM}}",),
        prompt=("USER: {{QUERY}} ASSISTANT:",),
        chat_sep=("</s>",),
        suffix=("</s>",),
        default_system=(
            "A chat between a curious user and an artificial intelligence assistant. The assistant gives"
            " helpful, detailed, and polite answers to the user's questions. "
        ),
    ),
)
