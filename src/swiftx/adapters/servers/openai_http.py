"""The `HttpServer` of FastAPI and uvicorn.

What is asked and answered is the API's business; here are connections, limits of time and size, and signals.
Streams are sent as raw ASGI messages: a response class would cost more than the text it carries.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import MutableMapping
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from swiftx.adapters.servers.exchanges import Mailbox, Receive, Send, answer, send_reply
from swiftx.adapters.servers.prometheus import exposition
from swiftx.adapters.system.ports import free_listener
from swiftx.domain.plans.serving import Listening, Reply, ServePlan
from swiftx.domain.ports.server import Api
from swiftx.errors import StorageError

_QUICK_BYTES = 8192
"""Bodies up to this size are read between two events; larger ones in a thread, lest others wait."""
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}

Scope = MutableMapping[str, Any]


class OpenAiHttpServer:
    """Serves an API on one port."""

    def __init__(self, plan: ServePlan) -> None:
        self._plan = plan
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._stopped = False

    def listen(self) -> Listening:
        """Take the port, or the next free one."""
        plan = self._plan
        if plan.ssl_certfile is not None:
            _check_certificate(plan.ssl_certfile, plan.ssl_keyfile)
        self._socket = free_listener(plan.host, plan.port)
        port = self._socket.getsockname()[1]
        scheme = "http" if plan.ssl_certfile is None else "https"
        host = _EVERYWHERE.get(plan.host, f"[{plan.host}]" if ":" in plan.host else plan.host)
        return Listening(port, f"{scheme}://{host}:{port}")

    def serve(self, api: Api) -> None:
        """Answer until SIGTERM or SIGINT; then finish what is under way."""
        if self._stopped:
            return
        if self._socket is None:
            self.listen()
        plan = self._plan
        _log_to_stderr(plan.log_level)

        async def tick() -> None:
            api.tick()

        config = uvicorn.Config(
            application(api, plan),
            log_config=None,
            log_level=plan.log_level,
            access_log=plan.log_level in ("debug", "trace"),
            ssl_keyfile=plan.ssl_keyfile,
            ssl_certfile=plan.ssl_certfile,
            timeout_graceful_shutdown=max(round(plan.drain_timeout_s), 1),
            callback_notify=tick,
            timeout_notify=1,
            server_header=False,
            lifespan="off",
            ws="none",
        )
        self._server = _Server(config)
        self._server.should_exit = self._stopped  # `stop` may have come from another thread
        self._server.run(sockets=[self._socket] if self._socket else None)
        api.tick()

    def stop(self) -> None:
        """Do as SIGTERM does, from any thread; give the port up when nothing was served yet."""
        self._stopped = True
        if self._server is not None:
            self._server.should_exit = True
        elif self._socket is not None:
            self._socket.close()


class _Server(uvicorn.Server):
    """Ends with a return rather than with the signal that it was told by."""

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002  # uvicorn's signature
        self.force_exit = self.should_exit  # the second signal does not wait
        self.should_exit = True


def application(api: Api, plan: ServePlan) -> FastAPI:
    """Return the ASGI application of an API."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/openapi.json")  # no page from a CDN
    paths = dict(api.describe())
    description = {
        "openapi": "3.1.0",
        "info": {"title": "swiftx deploy", "version": "1"},
        "paths": paths,
    }
    app.openapi = lambda: description  # type: ignore[method-assign]  # the way FastAPI documents
    mailbox = Mailbox()
    for path, methods in paths.items():
        if "post" in methods:
            app.routes.append(Route(path, _Post(api, plan, path, mailbox), methods=["POST"]))
        else:
            app.routes.append(Route(path, _Get(api), methods=["GET"]))
    for path in ("/v1/models/{name:path}", "/ping"):
        app.routes.append(Route(path, _Get(api), methods=["GET"]))

    async def metrics(_: Request) -> Response:
        body, media_type = exposition(api.metrics())
        return Response(body, media_type=media_type)

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        where = f"{request.method} {request.url.path[:200]}"
        message = {
            404: f"Unknown request URL: {where}.",
            405: f"{where} is not supported; try another method.",
        }.get(status, "The server had an error; its log tells more.")
        reply = api.refuse(status, message)
        headers = dict(getattr(error, "headers", None) or {}) | dict(reply.headers)
        return Response(reply.body, status, headers, reply.media_type)

    app.routes.append(Route("/metrics", metrics, methods=["GET"]))
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, refused)
    return app


class _Get:
    """Answers requests without a body."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        path = str(scope["path"])
        refused = self._api.unauthorized(path, _header(scope, b"authorization"))
        await send_reply(send, refused or self._api.get(path))


class _Post:
    """Answers requests with a JSON body."""

    def __init__(self, api: Api, plan: ServePlan, path: str, mailbox: Mailbox) -> None:
        self._api = api
        self._plan = plan
        self._path = path
        self._mailbox = mailbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._api.unauthorized(self._path, _header(scope, b"authorization"))
        body = refused or await self._body(scope, receive)
        if body is None:
            return  # the client left
        if isinstance(body, Reply):
            await send_reply(send, body)
            return
        if len(body) <= _QUICK_BYTES:
            outcome = self._api.post(self._path, body)
        else:
            outcome = await asyncio.to_thread(self._api.post, self._path, body)
        if isinstance(outcome, Reply):
            await send_reply(send, outcome)
        else:
            await answer(
                outcome, receive, send, self._mailbox, timeout_s=self._plan.answer_timeout_s
            )

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Reply | None:
        """Return the body, or what is wrong with it; None when the client left."""
        most = self._plan.max_body_bytes
        stated = _header(scope, b"content-length") or "0"
        if stated.isdecimal() and int(stated) > most:
            return self._too_large(most)
        body = b""
        try:
            async with asyncio.timeout(self._plan.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > most:
                        return self._too_large(most)
                    if not message.get("more_body", False):
                        return body
        except TimeoutError:
            text = f"The request did not arrive within {self._plan.body_timeout_s:g} s."
            return self._api.refuse(408, text, path=self._path)

    def _too_large(self, most: int) -> Reply:
        text = f"The request is larger than the {most} bytes that this service reads."
        return self._api.refuse(413, text, path=self._path)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


def _check_certificate(certfile: str, keyfile: str | None) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile)
    except (OSError, ssl.SSLError) as error:
        raise StorageError(
            f"The certificate {certfile!r} cannot be used: {error}.",
            hint="--ssl_certfile and --ssl_keyfile name PEM files that belong together.",
        ) from error


def _log_to_stderr(level: str) -> None:
    """Let uvicorn's own messages go where all talk goes."""
    logger = logging.getLogger("uvicorn")
    logger.propagate = False
    logger.handlers = [logging.StreamHandler(sys.stderr)]
    if level not in ("debug", "trace"):
        logging.getLogger("uvicorn.error").addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO
