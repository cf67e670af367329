"""The event loop that asynchronous libraries share, over a library that says what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.contract.engine_contract import ClosingContract, EngineContract, greedy
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.adapters.engines._loop import LoopEngine, Tokens
from swiftx.domain.plans.inference import EngineFacts, Request, TokenLogprob
from swiftx.errors import BackendError

TOKENIZER = ByteTokenizer()


class ScriptedSource:
    """Answers a prompt with itself, again and again, two tokens at a time; token 7 in a prompt breaks it."""

    facts = EngineFacts(name="scripted", max_model_len=4096)

    async def tokens(self, request: Request) -> AsyncGenerator[Tokens, None]:
        forced = [token for token, bias in request.generation.logit_bias if bias >= 100]
        prompt = forced or list(request.prompt_ids)
        for start in range(0, request.generation.max_new_tokens or 0, 2):
            await asyncio.sleep(0)
            if 7 in prompt:
                raise KeyError("broken")
            ids = [prompt[number % len(prompt)] for number in (start, start + 1)]
            yield Tokens(ids, [self._logprob(request, token) for token in ids])

    async def close(self) -> None:
        await asyncio.sleep(0)

    def _logprob(self, request: Request, token: int) -> TokenLogprob:
        top = [(TOKENIZER.decode([token]), -0.5), ("x", -2.0), ("y", -3.0)]
        return TokenLogprob(token, top[0][0], -0.5, tuple(top[: request.generation.top_logprobs]))


async def start() -> ScriptedSource:
    return ScriptedSource()


class TestLoopEngine(EngineContract, ClosingContract):
    @pytest.fixture
    def engine(self) -> LoopEngine:
        return LoopEngine(start, TOKENIZER)

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return [TOKENIZER.encode(text) for text in ("Who are you?", "数一数", "abc")]

    @pytest.fixture
    def spare(self, engine: LoopEngine) -> LoopEngine:
        return engine


def test_failure_of_the_library_reaches_who_waits() -> None:
    engine = LoopEngine(start, TOKENIZER)

    with pytest.raises(BackendError, match="KeyError: 'broken'"):
        engine.generate([greedy([7])])

    assert engine.stats().requests == 1
    engine.close()


def test_failure_to_start_leaves_no_thread() -> None:
    async def fail() -> ScriptedSource:
        raise BackendError("no model")

    with pytest.raises(BackendError, match="no model"):
        LoopEngine(fail, TOKENIZER)
