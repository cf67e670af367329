"""Answers in an event loop of its own thread: for libraries that are asynchronous.

A library gives tokens (`TokenSource`); here they become text, pieces and completions, the same for all. One
that gives text (`DeltaSource`) makes its pieces itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeVar

from swiftx.domain.inference.admission import admitted
from swiftx.domain.inference.stopping import AnswerText
from swiftx.domain.plans.inference import (
    Completion,
    Delta,
    EngineFacts,
    EngineStats,
    Request,
    TokenLogprob,
)
from swiftx.domain.ports.engine import Listener
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import BackendError, SwiftxError

_T = TypeVar("_T")


class Tokens(NamedTuple):
    """The next tokens of an answer.

    Attributes:
        logprobs: One a token when they were asked for.
        cached_tokens: Tokens of the prompt that were not computed again.
    """

    ids: Sequence[int]
    logprobs: Sequence[TokenLogprob] = ()
    cached_tokens: int = 0


class TokenSource(Protocol):
    """A library that generates tokens."""

    @property
    def facts(self) -> EngineFacts: ...

    def tokens(self, request: Request) -> AsyncGenerator[Tokens, None]:
        """Yield the tokens of an answer, to a stop id or the limit; closing it ends the generation.

        Raises:
            UsageError: The library refuses the request.
            BackendError: It failed.
        """
        ...

    async def close(self) -> None: ...


class DeltaSource(Protocol):
    """What answers in pieces."""

    @property
    def facts(self) -> EngineFacts: ...

    def deltas(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yield an answer, to the piece with the completion; closing it ends the generation.

        Raises:
            UsageError, BackendError: As `TokenSource.tokens`.
        """
        ...

    async def close(self) -> None: ...


class DeltaLoop:
    """An `InferenceEngine` over a source of pieces.

    Args:
        start: Makes the source, in the event loop that it will live in.
    """

    def __init__(self, start: Callable[[], Awaitable[DeltaSource]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open: set[_Job] = set()
        self._guard = threading.Lock()
        self._done = EngineStats()
        self._closed = False
        try:
            self._source = self._in_loop(_awaited(start))
        except BaseException:
            self._end_loop()
            raise

    @property
    def facts(self) -> EngineFacts:
        """What the library can do."""
        return self._source.facts

    def submit(self, request: Request, listener: Listener) -> _Job:
        """Begin to answer."""
        return self._submit(self._admitted(request), listener)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer all requests together."""
        admissible = [self._admitted(request) for request in requests]
        heard: SimpleQueue[tuple[int, Completion | SwiftxError]] = SimpleQueue()
        jobs = [
            self._submit(request, _last_of(index, heard))
            for index, request in enumerate(admissible)
        ]
        answers: dict[int, Completion] = {}
        try:
            while len(answers) < len(jobs):
                index, answer = heard.get()
                if isinstance(answer, SwiftxError):
                    raise answer
                answers[index] = answer
        finally:
            for job in jobs:
                job.cancel()
        return [answers[index] for index in range(len(jobs))]

    def stream(self, request: Request) -> Generator[Delta, None, None]:
        """Yield the answer in pieces."""
        heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()
        job = self.submit(request, heard.put)
        try:
            while True:
                delta = heard.get()
                if isinstance(delta, SwiftxError):
                    raise delta
                yield delta
                if delta.finish_reason is not None:
                    return
        finally:
            job.cancel()

    def stats(self) -> EngineStats:
        """Count; a request counts as waiting until its first token comes."""
        with self._guard:
            waiting = sum(not job.begun for job in self._open)
            done = self._done
            return EngineStats(
                running=len(self._open) - waiting,
                waiting=waiting,
                requests=done.requests,
                prompt_tokens=done.prompt_tokens,
                generated_tokens=done.generated_tokens,
                cached_tokens=done.cached_tokens,
            )

    def close(self) -> None:
        """Tell those who wait, and end the library."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            jobs = list(self._open)
        for job in jobs:
            job.say(BackendError("The engine was closed before the answer was there."))
            job.cancel()
        try:
            self._in_loop(self._source.close())
        finally:
            self._end_loop()

    def _admitted(self, request: Request) -> Request:
        if self._closed:
            raise BackendError("The engine is closed.")
        return admitted(request, self._source.facts)

    def _submit(self, request: Request, listener: Listener) -> _Job:
        job = _Job(request, listener)
        with self._guard:
            if self._closed:
                raise BackendError("The engine is closed.")
            self._open.add(job)
            job.future = asyncio.run_coroutine_threadsafe(self._answer(job), self._loop)
        job.future.add_done_callback(lambda _: self._count(job, None))
        return job

    async def _answer(self, job: _Job) -> None:
        try:
            await self._generated(job)
        except SwiftxError as error:
            self._count(job, None)
            job.say(error)
        except Exception as error:  # who waits for an answer must hear of it, whatever it is
            self._count(job, None)
            failure = BackendError(f"The engine failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            job.say(failure)

    async def _generated(self, job: _Job) -> None:
        """Say the answer of a job, piece by piece."""
        async with aclosing(self._source.deltas(job.request)) as deltas:
            async for delta in deltas:
                job.begun = True
                if delta.completion is not None:
                    self._count(job, delta.completion)
                if delta.text or delta.logprobs or delta.finish_reason is not None:
                    job.say(delta)

    def _count(self, job: _Job, answer: Completion | None) -> None:
        """Count a job that ended, however it did, once."""
        with self._guard:
            if job not in self._open:
                return
            self._open.remove(job)
            done = self._done
            self._done = EngineStats(
                requests=done.requests + 1,
                prompt_tokens=done.prompt_tokens + (answer.prompt_tokens if answer else 0),
                generated_tokens=done.generated_tokens + (answer.generated_tokens if answer else 0),
                cached_tokens=done.cached_tokens + (answer.cached_tokens if answer else 0),
            )

    def _in_loop(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        async def rest() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._in_loop(rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LoopEngine(DeltaLoop):
    """An `InferenceEngine` over a token source.

    Args:
        start: Makes the source, in the event loop that it will live in.
        tokenizer: The model's own.
    """

    def __init__(self, start: Callable[[], Awaitable[TokenSource]], tokenizer: Tokenizer) -> None:
        async def source() -> _TextSource:
            return _TextSource(await start(), tokenizer)

        super().__init__(source)


class _TextSource:
    """Text of a library's tokens."""

    def __init__(self, source: TokenSource, tokenizer: Tokenizer) -> None:
        self._source = source
        self._tokenizer = tokenizer
        self.facts = source.facts

    async def deltas(self, request: Request) -> AsyncGenerator[Delta, None]:
        answer = AnswerText(self._tokenizer, request.generation)
        logprobs: list[TokenLogprob] = []
        told = cached = 0
        text = ""
        async with aclosing(self._source.tokens(request)) as chunks:
            async for chunk in chunks:
                logprobs += chunk.logprobs
                cached = max(cached, chunk.cached_tokens)
                text += _pushed(answer, chunk.ids)
                if answer.finish_reason is not None:
                    break
                news = tuple(logprobs[told : answer.shown_tokens])
                yield Delta(text, logprobs=news)
                text, told = "", told + len(news)
        text += answer.finish()
        whole = _completion(request, answer, logprobs, cached)
        yield Delta(text, whole.finish_reason, (whole.logprobs or ())[told:], whole)

    async def close(self) -> None:
        await self._source.close()


class _Job:
    """A request under way; its ticket too.

    Attributes:
        begun: Whether a token came.
    """

    def __init__(self, request: Request, listener: Listener) -> None:
        self.request = request
        self.begun = False
        self.future: Future[None] | None = None
        self._listener = listener
        self._silent = False
        self._telling = threading.RLock()

    def say(self, news: Delta | SwiftxError) -> None:
        """Tell the listener, unless it wants to hear no more."""
        with self._telling:
            if not self._silent:
                self._silent = isinstance(news, SwiftxError) or news.finish_reason is not None
                self._listener(news)

    def cancel(self) -> None:
        """Stop; what is already said stays said."""
        with self._telling:
            self._silent = True
        if self.future is not None:
            self.future.cancel()


async def _awaited(start: Callable[[], Awaitable[_T]]) -> _T:
    return await start()


def _last_of(index: int, heard: SimpleQueue[tuple[int, Completion | SwiftxError]]) -> Listener:
    """Return what puts the end of an answer into the queue, and nothing before it."""

    def listen(delta: Delta | SwiftxError) -> None:
        if isinstance(delta, SwiftxError):
            heard.put((index, delta))
        elif delta.completion is not None:
            heard.put((index, delta.completion))

    return listen


def _pushed(answer: AnswerText, ids: Sequence[int]) -> str:
    """Return the text that tokens complete, to the end of the answer."""
    text = ""
    for token in ids:
        text += answer.push(token)
        if answer.finish_reason is not None:
            break
    return text


def _completion(
    request: Request, answer: AnswerText, logprobs: Sequence[TokenLogprob], cached: int
) -> Completion:
    token_ids = answer.token_ids
    return Completion(
        text=answer.text,
        token_ids=token_ids,
        prompt_tokens=len(request.prompt_ids),
        finish_reason=answer.finish_reason or "length",
        logprobs=tuple(logprobs[: len(token_ids)]) if request.generation.logprobs else None,
        cached_tokens=cached,
    )
