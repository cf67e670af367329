"""Formats that one laboratory's models have to themselves."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.chat.pieces import EOS
from swiftx.domain.templates.families._shared import FORGETS_THOUGHTS, HELPFUL
from swiftx.domain.templates.finishes import seed_opening
from swiftx.domain.templates.rewrites import state_thinking_budget, tag_response
from swiftx.domain.templates.spec import TemplateSpec, Thinking

_COHERE = TemplateSpec(
    name="c4ai",
    prefix=("<BOS_TOKEN>",),
    # The closing bracket is missing in the reference too (docs/decisions/0004).
    system_prefix=("<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{{SYSTEM}}<|END_OF_TURN_TOKEN|",),
    prompt=(
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{{QUERY}}<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    ),
    chat_sep=("<|END_OF_TURN_TOKEN|>",),
    suffix=("<|END_OF_TURN_TOKEN|>",),
    default_system=(
        "You are Command-R, a brilliant, sophisticated, AI-assistant trained to assist human users by"
        " providing thorough responses.You are trained by Cohere."
    ),
)
_ERNIE = TemplateSpec(
    name="ernie",
    prefix=("<|begin_of_sentence|>",),
    system_prefix=("<|begin_of_sentence|>{{SYSTEM}}\n",),
    prompt=("User: {{QUERY}}\nAssistant: ",),
    chat_sep=("<|end_of_sentence|>",),
    suffix=("</s>",),
)
_THINK_MODE = "<global_setting>\nthink_mode=True\n</global_setting><|im_end|>\n\n"
_LING = TemplateSpec(
    name="ling",
    system_prefix=("<role>SYSTEM</role>{{SYSTEM}}",),
    prompt=("<role>HUMAN</role>{{QUERY}}<role>ASSISTANT</role>",),
    suffix=("<|endoftext|>",),
)
_MEGREZ = TemplateSpec(
    name="megrez",
    system_prefix=("<|role_start|>system<|role_end|>{{SYSTEM}}<|turn_end|>",),
    prompt=(
        "<|role_start|>user<|role_end|>{{QUERY}}<|turn_end|><|role_start|>assistant<|role_end|>",
    ),
    chat_sep=("<|turn_end|>",),
    suffix=("<|turn_end|>",),
    default_system="你是Megrez-3B-Instruct，将针对用户的问题给出详细的、积极的回答。",
)
_MINIMAX = TemplateSpec(
    name="minimax",
    system_prefix=(
        "<beginning_of_sentence>system ai_setting=assistant\n{{SYSTEM}}<end_of_sentence>\n",
    ),
    prompt=(
        "<beginning_of_sentence>user name=user\n{{QUERY}}<end_of_sentence>\n"
        "<beginning_of_sentence>ai name=assistant\n",
    ),
    chat_sep=("<end_of_sentence>\n",),
    suffix=("<end_of_sentence>",),
)
_MOONLIGHT = TemplateSpec(
    name="moonlight",
    system_prefix=("<|im_system|>system<|im_middle|>{{SYSTEM}}<|im_end|>",),
    prompt=(
        "<|im_user|>user<|im_middle|>{{QUERY}}<|im_end|><|im_assistant|>assistant<|im_middle|>",
    ),
    chat_sep=("<|im_end|>",),
    suffix=("<|im_end|>",),
    default_system="You are a helpful assistant",
)
_TELECHAT = TemplateSpec(
    name="telechat",
    system_prefix=("<_system>{{SYSTEM}}\n",),
    prompt=("<_user>", "{{QUERY}}", "<_bot>"),
    chat_sep=(EOS,),
    auto_add_bos=True,
)

TEMPLATES = (
    _COHERE,
    replace(
        _COHERE,
        name="aya",
        default_system=(
            "You are Aya, a brilliant, sophisticated, multilingual AI-assistant trained to assist human"
            " users by providing thorough responses. You are able to interact and respond to questions in"
            " 23 languages and you are powered by a multilingual model built by Cohere For AI."
        ),
    ),
    _ERNIE,
    replace(_ERNIE, name="paddle_ocr"),
    TemplateSpec(
        name="ernie_thinking",
        prefix=(f"<|im_start|>system\n{_THINK_MODE}",),
        system_prefix=(
            "<|im_start|>system\n<system_setting>\n{{SYSTEM}}\n</system_setting>\n\n" + _THINK_MODE,
        ),
        prompt=("<|im_start|>user\n{{QUERY}}<|im_end|>\n\n<|im_start|>assistant\n",),
        chat_sep=("<|im_end|>\n\n",),
        suffix=("<|im_end|>",),
        response_prefix="<think>\n",
        thinking=FORGETS_THOUGHTS,
        rewrite=tag_response,
    ),
    TemplateSpec(
        name="hunyuan_moe",
        prefix=("<|startoftext|>",),
        system_prefix=("<|startoftext|>{{SYSTEM}}<|extra_4|>",),
        prompt=("{{QUERY}}<|extra_0|>",),
        chat_sep=("<|eos|><|startoftext|>",),
        suffix=("<|eos|>",),
    ),
    TemplateSpec(
        name="hunyuan",
        prefix=("<｜hy_begin▁of▁sentence｜>",),
        system_prefix=("<｜hy_begin▁of▁sentence｜>{{SYSTEM}}<｜hy_place▁holder▁no▁3｜>",),
        prompt=("<｜hy_User｜>{{QUERY}}<｜hy_Assistant｜>",),
        chat_sep=("<｜hy_place▁holder▁no▁2｜>",),
        suffix=("<｜hy_place▁holder▁no▁2｜>",),
        agent_template="hunyuan_hermes",
        thinking=Thinking(answer_tags=True),
    ),
    _LING,
    TemplateSpec(
        name="ling2",
        prefix=("<role>SYSTEM</role>detailed thinking off<|role_end|>",),
        system_prefix=("<role>SYSTEM</role>{{SYSTEM}}\ndetailed thinking off<|role_end|>",),
        prompt=("<role>HUMAN</role>{{QUERY}}<|role_end|><role>ASSISTANT</role>",),
        chat_sep=("<|role_end|>",),
        suffix=("<|role_end|>",),
    ),
    replace(_LING, name="ring2", response_prefix="<think>\n"),
    _MEGREZ,
    replace(_MEGREZ, name="megrez_omni"),
    _MINIMAX,
    replace(
        _MINIMAX,
        name="minimax_m1",
        prefix=("<begin_of_document>",),
        system_prefix=tuple(
            f"<begin_of_document>{piece}" for piece in _MINIMAX.system_prefix or ()
        ),
    ),
    TemplateSpec(
        name="minimax_m2",
        prefix=("]~!b[]~b]system\n[e~[\n",),
        system_prefix=("]~!b[]~b]system\n{{SYSTEM}}[e~[\n",),
        prompt=("]~b]user\n{{QUERY}}[e~[\n]~b]ai\n",),
        chat_sep=("[e~[\n",),
        suffix=("[e~[",),
        default_system=HELPFUL,
        response_prefix="<think>\n",
        thinking=FORGETS_THOUGHTS,
    ),
    _MOONLIGHT,
    replace(_MOONLIGHT, name="kimi_vl", media_tokens=("<|media_pad|>",)),
    replace(
        _MOONLIGHT,
        name="kimi_k2",
        default_system="You are Kimi, an AI assistant created by Moonshot AI.",
    ),
    TemplateSpec(
        name="seed_oss",
        prefix=("<seed:bos>",),
        system_prefix=("<seed:bos>system\n{{SYSTEM}}<seed:eos>",),
        prompt=("<seed:bos>user\n{{QUERY}}<seed:eos><seed:bos>assistant\n",),
        chat_sep=("<seed:eos>",),
        suffix=("<seed:eos>",),
        rewrite=state_thinking_budget,
        finish=seed_opening,
    ),
    TemplateSpec(
        name="step_audio",
        prefix=("<s>",),
        system_prefix=("<s><|BOT|>system\n{{SYSTEM}}<|EOT|>",),
        prompt=("<|BOT|>human\n{{QUERY}}<|EOT|><|BOT|>assistant\n",),
        chat_sep=("<|EOT|>",),
        suffix=("<|EOT|>",),
    ),
    _TELECHAT,
    replace(
        _TELECHAT,
        name="telechat2",
        default_system=(
            "你是中国电信星辰语义大模型，英文名是TeleChat，你是由中电信人工智能科技有限公司和"
            "中国电信人工智能研究院（TeleAI）研发的人工智能助手。"
        ),
    ),
)
