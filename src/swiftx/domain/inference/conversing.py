"""A chat from the first line to the last."""

from __future__ import annotations

from swiftx.domain.inference.answering import Answering
from swiftx.domain.inference.chat import HELP, Ask, ChatSession, Leave, Say
from swiftx.domain.ports.rows import RowSink
from swiftx.domain.ports.terminal import Terminal
from swiftx.errors import SwiftxError


class ChatLog:
    """Keeps every answer with the conversation before it; the file appears with the first one."""

    def __init__(self, results: RowSink, path: str) -> None:
        self._results = results
        self._path = path
        self.answers = 0

    def keep(self, session: ChatSession, answer: str) -> None:
        """Append the answer that the session ends with."""
        if not self.answers:
            self._results.open(self._path)
        self._results.write([{"response": answer, "messages": list(session.messages)}])
        self.answers += 1


def converse(answering: Answering, terminal: Terminal, log: ChatLog, *, stream: bool) -> None:
    """Answer line after line until there are no more, or one says `exit`.

    A question that cannot be answered is taken back; when nobody is there to ask another one, that is an
    error.

    Raises:
        SwiftxError: A question from a pipe could not be answered.
        StorageError: The conversation cannot be written.
    """
    session = ChatSession(takes_system=answering.takes_system)
    if terminal.interactive:
        terminal.say(HELP)
    while (line := terminal.read(session.prompt)) is not None:
        match session.read(line):
            case Leave():
                return
            case Say(text):
                terminal.say(text)
            case Ask() as question:
                answer = _reply(
                    question, session, answering, terminal, stream=stream, number=log.answers
                )
                if answer:
                    log.keep(session, answer)


def _reply(
    question: Ask,
    session: ChatSession,
    answering: Answering,
    terminal: Terminal,
    *,
    stream: bool,
    number: int,
) -> str:
    """Return the answer that was shown, the part that came before an interrupt, or nothing."""
    try:
        request = answering.request(question.conversation, number)
        answer = terminal.show(answering.pieces(request, stream=stream))
    except SwiftxError as error:
        if not terminal.interactive:
            raise
        terminal.say(f"{error.message} {error.hint or ''}".rstrip())
        answer = ""
    if answer:
        session.answered(answer)
    else:
        session.withdraw()
    return answer
