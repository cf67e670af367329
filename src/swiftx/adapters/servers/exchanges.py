"""Answers on their way to clients: pieces come from the engine's threads, bytes leave on the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from swiftx.domain.plans.serving import Reply
from swiftx.domain.ports.server import Exchange, Piece
from swiftx.domain.serving.exchange import GIVEN_UP

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class _Client:
    """One client that waits for an answer."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self.exchange = exchange
        self.events: list[bytes] = []
        self.gone = False
        self.bug: Exception | None = None
        self._loop = loop
        self._waiting: asyncio.Future[None] | None = None

    @property
    def over(self) -> bool:
        return self.exchange.finished or self.gone or self.bug is not None

    def take(self) -> bytes:
        events, self.events = b"".join(self.events), []
        return events

    def wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def news(self) -> None:
        if not self.events and not self.over:
            self._waiting = self._loop.create_future()
            await self._waiting

    def left(self, _: object) -> None:
        self.gone = True
        self.wake()

    def expire(self, seconds: float) -> None:
        self.events.append(self.exchange.time_out(seconds))
        self.wake()


class Mailbox:
    """Takes pieces from any thread to the event loop: one call wakes it for all that has come by then."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[_Client, int, Piece]] = deque()
        self._called = False

    def put(self, client: _Client, index: int, piece: Piece) -> None:
        """Take a piece; called by the engine."""
        self._pieces.append((client, index, piece))
        if not self._called:
            self._called = True
            try:
                client._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                self._pieces.clear()  # the loop is closed: nobody waits any more

    def _deliver(self) -> None:
        self._called = False  # first: a piece that comes from now on may need another call
        touched: dict[_Client, None] = {}
        while self._pieces:
            client, index, piece = self._pieces.popleft()
            if client.gone:
                continue
            try:
                events = client.exchange.hear(index, piece)
            except Exception as error:
                client.bug = error  # raised where the request is handled
                events = b""
            if events:
                client.events.append(events)
            touched[client] = None
        for client in touched:
            client.wake()


async def answer(
    exchange: Exchange, receive: Receive, send: Send, mailbox: Mailbox, *, timeout_s: float
) -> None:
    """Answer one request; a client that leaves ends the generation."""
    loop = asyncio.get_running_loop()
    client = _Client(exchange, loop)
    watch = asyncio.ensure_future(receive())  # says only that the client left
    watch.add_done_callback(client.left)
    timer = loop.call_later(timeout_s, client.expire, timeout_s)
    try:
        refusal = exchange.start(partial(mailbox.put, client))
        if refusal is not None:
            await send_reply(send, refusal)
        elif exchange.streams:
            await _stream(client, send)
        else:
            while not client.over:
                await client.news()
            if not client.gone and client.bug is None:
                await send_reply(send, exchange.reply())
        if client.bug is not None:
            raise client.bug
    finally:
        timer.cancel()
        watch.remove_done_callback(client.left)
        watch.cancel()
        exchange.end(200 if exchange.finished and client.bug is None else GIVEN_UP)


async def _stream(client: _Client, send: Send) -> None:
    begun = False
    while True:
        await client.news()
        if client.gone or (client.bug is not None and not begun):
            return
        if client.exchange.failed and not begun:
            await send_reply(send, client.exchange.reply())
            return
        over, events = client.over, client.take()
        if not begun:
            begun = True
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})
        await send({"type": "http.response.body", "body": events, "more_body": not over})
        if over:
            return


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a whole answer."""
    headers = [
        (b"content-type", reply.media_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in reply.headers.items()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
