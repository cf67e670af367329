"""What is written on the chat page, in English and Chinese, and what its conversation becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.plans.page import ChatMessage, Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "ask": "Type a message…",
        "settings": "Settings",
        "model": "Model",
        "system": "System prompt",
        "system_hint": "Empty: the one of the model's template",
        "temperature": "Temperature",
        "temperature_hint": "0 always takes the likeliest token; -1 leaves it to the model",
        "top_p": "Top-p",
        "max_tokens": "Longest answer, in tokens",
        "max_tokens_hint": "0: no limit but the model's",
        "thoughts": "Thoughts",
        "failed": "The answer failed",
        "clear": "New conversation",
    },
    "zh": {
        "ask": "输入消息……",
        "settings": "设置",
        "model": "模型",
        "system": "系统提示词",
        "system_hint": "留空则使用模型模板自带的提示词",
        "temperature": "温度",
        "temperature_hint": "0 表示总取最可能的词元，-1 表示由模型决定",
        "top_p": "Top-p",
        "max_tokens": "回答的最大长度（词元）",
        "max_tokens_hint": "0 表示仅受模型长度限制",
        "thoughts": "思考过程",
        "failed": "回答失败",
        "clear": "新对话",
    },
}


def conversation(
    turns: Sequence[ChatMessage], question: str | Sequence[Mapping[str, Any]], *, system: str
) -> list[ChatMessage]:
    """Return the messages to send for the next answer.

    Args:
        turns: What was said so far, without thoughts.
        question: Text, or content parts.
        system: Empty for none.
    """
    first: list[ChatMessage] = [{"role": "system", "content": system}] if system.strip() else []
    return [*first, *turns, {"role": "user", "content": question}]


def media_part(media_type: str, base64: str) -> dict[str, Any] | None:
    """Return the content part of an attached file; None when it is no image, audio or video.

    Source: OpenAI's API reference, chat completions (image_url, input_audio); vLLM's for video_url.

    Args:
        media_type: Such as `image/png`.
    """
    kind, _, form = media_type.partition("/")
    address = f"data:{media_type};base64,{base64}"
    match kind:
        case "image":
            return {"type": "image_url", "image_url": {"url": address}}
        case "audio":
            form = {"x-wav": "wav", "wave": "wav", "mpeg": "mp3"}.get(form, form)
            return {"type": "input_audio", "input_audio": {"data": base64, "format": form}}
        case "video":
            return {"type": "video_url", "video_url": {"url": address}}
    return None
