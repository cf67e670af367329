"""The chat page over a service that answers what it was told to: `python -m tests.fakes.chat_page`.

It says how many questions it has read, with which system text, and the last of them, token by token.
"""

from __future__ import annotations

import sys

from tests.fakes.http_service import served
from tests.fakes.service import echo, scripted_service

from swiftx.adapters.ui.gradio_chat import GradioChat
from swiftx.adapters.ui.openai_chat import OpenAiChat
from swiftx.domain.plans.page import Language, PagePlan
from swiftx.domain.serving.page_texts import TEXTS


def answers(prompt: str) -> str:
    system = prompt.partition("<|im_start|>system\n")[2].partition("<|im_end|>")[0]
    asked = prompt.count("<|im_start|>user")
    return f"<think>Well.</think>Question {asked} under [{system}]: {echo(prompt)}"


def main(language: Language, *, is_multimodal: bool) -> None:
    service = scripted_service(answers, seconds_per_token=0.02, real_time=True)
    plan = PagePlan(
        title="A scripted model",
        models=("scripted",),
        texts=TEXTS[language],
        host="127.0.0.1",
        port=0,
        system="Be brief.",
        is_multimodal=is_multimodal,
    )
    with served(service) as url:
        page = GradioChat(lambda text: print(text, flush=True))
        page.serve(plan, OpenAiChat(f"{url}/v1", None))
    print(f"cancelled {len(service.engine.cancelled)}", flush=True)


if __name__ == "__main__":
    main("zh" if "zh" in sys.argv else "en", is_multimodal="media" in sys.argv)
