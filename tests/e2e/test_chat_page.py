"""The chat page in a real browser.

Needs chromium; where there is none, and it cannot be installed, these tests are reported as not run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.tiny_model import save_tiny_model

ROOT = Path(__file__).parents[2]
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="NOT RUN: chromium is not installed"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_playwright = pytest.importorskip(
        "playwright.sync_api", reason="NOT RUN: playwright is not installed"
    ).sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def running(*command: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a page, and yield its address and process."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if found := re.search(r"The page is at (http://\S+)", line):
                    break
            else:
                pytest.fail("".join(lines))
            yield found[1], process
        finally:
            if process.poll() is None:
                process.kill()


def visit(browser: Any, url: str) -> tuple[Any, list[str]]:
    """Open a page, and return it with a list that gets the address of every request."""
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    page.set_default_timeout(30_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.locator("#ask textarea").wait_for()
    return page, asked


def ask(page: Any, text: str) -> None:
    box = page.locator("#ask textarea")
    box.fill(text)
    box.press("Enter")


def test_a_conversation_streams_remembers_and_stops(browser: Any) -> None:
    with running("-m", "tests.fakes.chat_page") as (url, process):
        page, asked = visit(browser, url)
        chat = page.locator("#chat")

        assert page.title() == "A scripted model"
        assert page.locator("#ask textarea").get_attribute("placeholder") == "Type a message…"
        ask(page, "One?" + "x" * 100)
        chat.get_by_text(re.compile(r"Question 1 under \[Be brief\.\]: One\?x{1,60}$")).wait_for()
        chat.get_by_text("One?" + "x" * 100).nth(1).wait_for()
        chat.get_by_text("Thoughts").wait_for()

        page.get_by_text("Settings").click()
        page.get_by_label("System prompt").fill("Be kind.")
        ask(page, "Two?")
        chat.get_by_text("Question 2 under [Be kind.]: Two?").wait_for()

        page.get_by_label("Longest answer, in tokens").fill("9")
        page.get_by_label("Longest answer, in tokens").press("Tab")
        ask(page, "Three?")
        chat.locator(".bot").nth(2).wait_for()
        page.wait_for_timeout(1000)
        assert "Question 3" not in chat.inner_text()

        page.get_by_label("Longest answer, in tokens").fill("0")
        page.get_by_label("Longest answer, in tokens").press("Tab")
        ask(page, "Four?" + "y" * 2000)
        chat.get_by_text(re.compile("Question 4")).wait_for()
        page.locator("#ask .stop-button").click()
        page.wait_for_timeout(1000)
        page.close()
        process.send_signal(signal.SIGTERM)
        out = process.stdout.read() if process.stdout else ""

    assert process.wait(20) == 0
    assert "cancelled 1" in out
    strangers = {each for each in asked if not each.startswith((url, "data:", "blob:"))}
    assert strangers == set()


def test_a_page_in_chinese_tells_why_media_are_refused(browser: Any, tmp_path: Path) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(_png())
    with running("-m", "tests.fakes.chat_page", "zh", "media") as (url, _):
        page, _ = visit(browser, url)

        assert page.get_by_text("设置").is_visible()
        page.locator("#ask input[type=file]").set_input_files(str(picture))
        page.wait_for_timeout(1000)
        ask(page, "What is this?")

        page.get_by_text("This model reads text only").first.wait_for()
        page.close()


def test_the_command_serves_a_model_and_its_page(browser: Any, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "tiny")
    with running(
        "-m", "swiftx", "app", "--model", model, "--template", "chatml", "--max_new_tokens", "8",
        "--host", "127.0.0.1", "--port", "18500", "--server_name", "127.0.0.1",
        "--server_port", "18600", "--studio_title", "Tiny", "--result_path", str(tmp_path / "r.jsonl"),
    ) as (url, process):  # fmt: skip
        page, _ = visit(browser, url)
        assert page.title() == "Tiny"
        ask(page, "Hello")
        page.locator("#chat .bot").first.wait_for()
        page.wait_for_timeout(2000)
        assert page.get_by_text("Error").count() == 0
        page.close()
        process.send_signal(signal.SIGTERM)
        out = process.stdout.read() if process.stdout else ""

    assert process.wait(60) == 0, out
    assert "Traceback" not in out
    assert (tmp_path / "r.jsonl").read_text().count("\n") == 1


def _png() -> bytes:
    """Return a picture of one red point."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        code = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + code

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
