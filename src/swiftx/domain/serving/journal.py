"""What was asked and answered: lines for who watches, rows for a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from swiftx.domain.ports.rows import RowSink
from swiftx.domain.serving.exchange import Record
from swiftx.domain.serving.fields import Json
from swiftx.domain.serving.refusals import Refused
from swiftx.errors import StorageError

_SHOWN = 300
_QUESTIONS = ("prompt", "input", "query", "text_1", "queries", "data_1")
_DOCUMENTS = ("documents", "text_2", "data_2")
_NOT_SHOWN = frozenset(
    {"model", "messages", "tools", "response_format", "user", *_QUESTIONS, *_DOCUMENTS}
)


class Journal:
    """Keeps a log and a file of results.

    Args:
        say: Prints a line.
        verbose: Whether each request and answer gets lines.
        results: Gets a row an answer; None keeps none. The file appears with the first one.
        held: Rows that are held before they are written, besides those of one tick.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        verbose: bool,
        results: RowSink | None = None,
        result_path: str = "",
        held: int = 1000,
    ) -> None:
        self.say = say
        self._verbose = verbose
        self._results = results
        self._path = result_path
        self._held = held
        self._opened = False
        self._rows: list[dict[str, Any]] = []

    def asked(self, record: Record) -> None:
        """Take note of a request that is going to be answered."""
        if not self._verbose:
            return
        body = record.body
        question: object = next((body[name] for name in _QUESTIONS if body.get(name)), None)
        if messages := body.get("messages"):
            question = messages[-1].get("content") or messages[-1].get("tool_calls")
        others = {name: value for name, value in body.items() if name not in _NOT_SHOWN}
        settings = f" {json.dumps(others, ensure_ascii=False)}" if others else ""
        self.say(f"{record.id} POST {record.path} {record.model}{settings} <- {_short(question)}")

    def answered(self, record: Record) -> None:
        """Take note of what became of it."""
        if self._verbose:
            self.say(_line(record))
        if self._results is None:
            return
        for answer in record.completions:
            self._rows.append(
                {
                    "response": answer.text,
                    **_question(record.body, answer.text),
                    "id": record.id,
                    "model": record.model,
                    "finish_reason": answer.finish_reason,
                    "prompt_tokens": answer.prompt_tokens,
                    "generated_tokens": len(answer.token_ids),
                }
            )
        if 0 < self._held <= len(self._rows):
            self.flush()

    def refused(self, path: str, error: Refused) -> None:
        """Take note of a request that is not answered."""
        if self._verbose:
            where = f" POST {path}" if path else ""  # the message names a path that there is not
            self.say(f"{error.status}{where}: {_short(error.error()['message'])}")

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._results is None or not self._rows:
            return
        rows, self._rows = self._rows, []
        try:
            if not self._opened:
                self._results.open(self._path)
                self._opened = True
            self._results.write(rows)
        except StorageError as error:  # a full disk is no reason to stop answering
            self.say(f"Results are not written any more. {error.message}")
            self._results = None

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        if self._results is not None and self._opened:
            self._results.close()


def _line(record: Record) -> str:
    first = "" if record.first_s is None else f", first token after {record.first_s:.3f} s"
    reasons = "/".join(dict.fromkeys(record.finish_reasons))
    texts = " | ".join(_short(answer.text) for answer in record.completions)
    return (
        f"{record.id} {record.status} in {record.seconds:.3f} s{first}, {record.prompt_tokens} +"
        f" {record.generated_tokens} tokens{f', {reasons}' if reasons else ''} -> {texts}"
    ).removesuffix(" -> ")


def _question(body: Json, answer: str) -> dict[str, Any]:
    messages: Sequence[Any] | None = body.get("messages")
    if messages is None:
        return {"prompt": body.get("prompt")}
    return {"messages": [*messages, {"role": "assistant", "content": answer}]}


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
