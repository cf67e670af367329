"""The `ChatPage` of Gradio: everything comes from this machine, nothing is reported to anybody."""

from __future__ import annotations

import base64
import mimetypes
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr

from swiftx.adapters.system.ports import free_listener
from swiftx.domain.plans.page import ChatMessage, ChatSettings, PagePlan
from swiftx.domain.ports.page import ChatService
from swiftx.domain.serving.page_texts import conversation, media_part
from swiftx.errors import BackendError, SwiftxError

_FONTS = ("system-ui", "sans-serif")
_MONO = ("ui-monospace", "monospace")
_MOST_AT_ONCE = 64

Shown = list[dict[str, Any]]


class GradioChat:
    """Serves a chat page.

    Args:
        say: Prints where the page is.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._ended = threading.Event()

    def serve(self, plan: PagePlan, service: ChatService) -> None:
        """Serve the page until it is told to stop."""
        listener = free_listener(plan.host, plan.port)
        port = listener.getsockname()[1]
        listener.close()
        page = chat_page(plan, service)
        try:
            _, url, public = page.launch(
                server_name=plan.host,
                server_port=port,
                share=plan.share,
                prevent_thread_lock=True,
                quiet=True,
                show_error=True,
                ssr_mode=False,
                footer_links=[],
                enable_monitoring=False,
                theme=gr.themes.Default(font=_FONTS, font_mono=_MONO),
            )
        except (OSError, RuntimeError) as error:
            raise BackendError(f"The page cannot be served: {error}.") from error
        try:
            shown = url.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")
            self._say(f"The page is at {shown}" + (f" and at {public}" if public else ""))
            with _told_by_signals(self._ended):
                self._ended.wait()
        finally:
            page.close(verbose=False)

    def stop(self) -> None:
        """Do as SIGTERM does; from any thread."""
        self._ended.set()


def chat_page(plan: PagePlan, service: ChatService) -> gr.Blocks:
    """Return the page, not served yet."""
    texts = plan.texts
    box = gr.MultimodalTextbox if plan.is_multimodal else gr.Textbox
    return gr.ChatInterface(
        _answers(plan, service),
        multimodal=plan.is_multimodal,
        title=plan.title,
        chatbot=gr.Chatbot(
            show_label=False,
            scale=1,
            elem_id="chat",
            sanitize_html=True,
            buttons=["copy", "copy_all"],  # and none that shares a conversation elsewhere
        ),
        textbox=box(
            placeholder=texts["ask"],
            show_label=False,
            container=False,
            elem_id="ask",
            scale=7,
            submit_btn=True,
            stop_btn=True,
        ),
        additional_inputs=_settings(plan),
        additional_inputs_accordion=gr.Accordion(texts["settings"], open=False),
        analytics_enabled=False,
        flagging_mode="never",
        editable=True,
        fill_height=True,
        concurrency_limit=_MOST_AT_ONCE,
        api_visibility="private",
    )


def _settings(plan: PagePlan) -> list[Any]:
    texts = plan.texts
    temperature = -1 if plan.temperature is None else plan.temperature
    return [
        gr.Dropdown(list(plan.models), value=plan.models[0], label=texts["model"]),
        gr.Textbox(plan.system or "", label=texts["system"], info=texts["system_hint"], lines=2),
        gr.Slider(
            -1,
            2,
            temperature,
            step=0.05,
            label=texts["temperature"],
            info=texts["temperature_hint"],
        ),
        gr.Slider(
            0.05, 1, 1 if plan.top_p is None else plan.top_p, step=0.05, label=texts["top_p"]
        ),
        gr.Number(
            plan.max_tokens or 0,
            label=texts["max_tokens"],
            info=texts["max_tokens_hint"],
            precision=0,
            minimum=0,
        ),
    ]


def _answers(plan: PagePlan, service: ChatService) -> Callable[..., Iterator[Shown]]:
    def answer(
        asked: Any,
        history: Sequence[Mapping[str, Any]],
        model: str,
        system: str,
        temperature: float,
        top_p: float,
        max_tokens: float,
    ) -> Iterator[Shown]:
        messages = conversation(_turns(history), _question(asked), system=system)
        settings = ChatSettings(
            model=model,
            temperature=None if temperature < 0 else temperature,
            top_p=None if top_p >= 1 else top_p,
            max_tokens=int(max_tokens) or None,
        )
        thoughts = said = ""
        try:
            with closing(service.reply(messages, settings)) as pieces:
                for piece in pieces:
                    thoughts += piece.reasoning
                    said += piece.content
                    yield _shown(plan, thoughts, said)
        except SwiftxError as error:
            raise gr.Error(error.message, title=plan.texts["failed"], duration=None) from error

    return answer


def _shown(plan: PagePlan, thoughts: str, said: str) -> Shown:
    shown: Shown = []
    if thoughts:
        metadata = {"title": plan.texts["thoughts"], "status": "done" if said else "pending"}
        shown.append({"role": "assistant", "content": thoughts, "metadata": metadata})
    if said or not shown:
        shown.append({"role": "assistant", "content": said})
    return shown


def _turns(history: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
    """Return what was said so far; thoughts are left out, and what stands together is one message."""
    turns: list[ChatMessage] = []
    for message in history:
        if (message.get("metadata") or {}).get("title"):
            continue
        content = _content(message["content"])
        last = turns[-1] if turns else None
        if last is not None and last["role"] == message["role"]:
            turns[-1] = {"role": last["role"], "content": _joined(last["content"], content)}
        else:
            turns.append({"role": message["role"], "content": content})
    return turns


def _content(content: Any) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        elif part.get("type") == "text":
            parts.append({"type": "text", "text": part["text"]})
        else:
            file = part.get("file") or part
            parts += _attached([file["path"]])
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n{second}" if first and second else first or second
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[dict[str, Any]]:
    if not isinstance(content, str):
        return list(content)
    return [{"type": "text", "text": content}] if content else []


def _question(asked: Any) -> str | list[dict[str, Any]]:
    if isinstance(asked, str):
        return asked
    files = _attached(asked.get("files") or ())
    text = asked.get("text") or ""
    return [*files, {"type": "text", "text": text}] if files else text


def _attached(paths: Sequence[str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for path in paths:
        kind = mimetypes.guess_type(path)[0] or ""
        part = media_part(kind, base64.b64encode(Path(path).read_bytes()).decode("ascii"))
        if part is None:
            raise gr.Error(f"{Path(path).name} is no image, audio or video.", duration=None)
        parts.append(part)
    return parts


@contextmanager
def _told_by_signals(ended: threading.Event) -> Iterator[None]:
    """Set the event at SIGTERM and SIGINT; only the main thread hears signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
