"""An engine without a model: it answers what it was told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence

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
from swiftx.errors import ArgError, BackendError, SwiftxError, UsageError

Answer = str | SwiftxError


class ScriptedTicket:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedEngine:
    """Answers with scripted texts, token by token, under the same stop conditions as a real engine.

    Args:
        answers: Prompt text to answer, or a function of the prompt's text; an error is raised instead.
        max_model_len: Longest prompt and answer together.
        adapters: Names that requests may ask for.
        seconds_per_token: Time that each token of a submitted request takes.
        conversations: Whether it takes conversations too; their prompt is the text of the last message.

    Attributes:
        requests: What was asked, in order.
        batch_sizes: Requests of each `generate` call.
        cancelled: Submitted requests that were cancelled before their end.
        closed: Whether it was closed.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        answers: Mapping[str, Answer] | Callable[[str], Answer],
        *,
        max_model_len: int | None = None,
        adapters: Sequence[str] = (),
        seconds_per_token: float = 0.0,
        conversations: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self._answers = answers
        self._max_model_len = max_model_len
        self._seconds = seconds_per_token
        self.facts = EngineFacts(
            name="scripted",
            max_model_len=max_model_len,
            adapters=tuple(adapters),
            beams=True,
            json_schema=True,
            conversations=conversations,
        )
        self.requests: list[Request] = []
        self.batch_sizes: list[int] = []
        self.cancelled: list[Request] = []
        self._count = threading.Lock()
        self._running = 0
        self._done: list[Completion] = []
        self.closed = False

    def submit(self, request: Request, listener: Listener) -> ScriptedTicket:
        tokens = self._tokens(request)
        ticket = ScriptedTicket()
        with self._count:
            self._running += 1
        worker = threading.Thread(
            target=self._run, args=(request, tokens, listener, ticket), daemon=True
        )
        worker.start()
        return ticket

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.batch_sizes.append(len(requests))
        tokens = [self._tokens(request) for request in requests]
        answers = list(map(self._complete, requests, tokens))
        self._done += answers
        return answers

    def stream(self, request: Request) -> Generator[Delta, None, None]:
        yield from self._pieces(request, self._tokens(request))

    def stats(self) -> EngineStats:
        with self._count:
            return EngineStats(
                running=self._running,
                requests=len(self._done),
                prompt_tokens=sum(answer.prompt_tokens for answer in self._done),
                generated_tokens=sum(len(answer.token_ids) for answer in self._done),
            )

    def close(self) -> None:
        self.closed = True

    def _run(
        self, request: Request, tokens: list[int], listener: Listener, ticket: ScriptedTicket
    ) -> None:
        try:
            for delta in self._pieces(request, tokens):
                if self._seconds:
                    time.sleep(self._seconds)
                if ticket.cancelled or self.closed:
                    self.cancelled.append(request)
                    if not ticket.cancelled:
                        listener(BackendError("The engine was closed."))
                    return
                listener(delta)
        finally:
            with self._count:
                self._running -= 1

    def _pieces(self, request: Request, tokens: list[int]) -> Generator[Delta, None, None]:
        """Yield one piece a token, and the whole answer with the last."""
        whole = self._complete(request, tokens)
        logprobs = list(whole.logprobs or ())
        answer = AnswerText(self._tokenizer, request.generation)
        for token in tokens:
            piece = answer.push(token)
            if answer.finish_reason is not None:
                break
            yield Delta(piece, logprobs=tuple(logprobs[:1]))
            logprobs = logprobs[1:]
        else:
            piece = answer.finish()
        self._done.append(whole)
        yield Delta(piece, answer.finish_reason, tuple(logprobs), whole)

    def _complete(self, request: Request, tokens: list[int]) -> Completion:
        answer = AnswerText(self._tokenizer, request.generation)
        for token in tokens:
            answer.push(token)
            if answer.finish_reason is not None:
                break
        answer.finish()
        logprobs = tuple(self._logprob(request, token) for token in answer.token_ids)
        return Completion(
            text=answer.text,
            token_ids=answer.token_ids,
            prompt_tokens=len(request.prompt_ids),
            finish_reason=answer.finish_reason or "length",
            logprobs=logprobs if request.generation.logprobs else None,
        )

    def _logprob(self, request: Request, token: int) -> TokenLogprob:
        text = self._tokenizer.decode([token])
        others = request.generation.top_logprobs or 0
        top = [(text, -0.5), *((f"<{number}>", -1.0 - number) for number in range(others))]
        return TokenLogprob(token, text, -0.5, tuple(top[:others]))

    def _tokens(self, request: Request) -> list[int]:
        """Return what the script says, and an end of turn; the room of the model permitting."""
        self.requests.append(request)
        if self.closed:
            raise BackendError("The engine is closed.")
        if request.adapter is not None and request.adapter not in self.facts.adapters:
            raise UsageError([ArgError(None, f"There is no adapter {request.adapter!r}.")])
        if request.conversation is not None:
            if not self.facts.conversations:
                raise UsageError([ArgError(None, "A conversation is no prompt.")])
            asked = request.conversation.messages[-1].content or ""
            return self._script(request, asked)[
                :-1
            ]  # without an end, which is the service's own affair
        length = len(request.prompt_ids)
        if not length or (self._max_model_len is not None and length >= self._max_model_len):
            raise UsageError(
                [ArgError("max_length", f"{length} tokens do not fit into {self._max_model_len}.")]
            )
        tokens = self._script(request, self._tokenizer.decode(request.prompt_ids))
        room = None if self._max_model_len is None else self._max_model_len - length
        return tokens[:room]

    def _script(self, request: Request, prompt: str) -> list[int]:
        answer = self._answers(prompt) if callable(self._answers) else self._answers[prompt]
        if isinstance(answer, SwiftxError):
            raise answer
        eos = self._tokenizer.eos_token_id
        tokens = [*self._tokenizer.encode(answer), *([] if eos is None else [eos])]
        forced = [token for token, bias in request.generation.logit_bias if bias >= 100]
        return forced[:1] * len(tokens) or tokens
