"""Answers with vLLM, in processes that it starts itself."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from swiftx.adapters.engines._loop import LoopEngine, Tokens
from swiftx.domain.plans.engines import VllmPlan
from swiftx.domain.plans.inference import EngineFacts, GenerationPlan, Request, TokenLogprob
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import ArgError, BackendError, UsageError

# Read when vllm is imported, also by the processes that it starts. Standard output is for answers.
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.exceptions import VLLMClientError, VLLMError
from vllm.inputs import tokens_input
from vllm.lora.request import LoRARequest
from vllm.outputs import CompletionOutput
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams
from vllm.v1.engine.async_llm import AsyncLLM

_NO_CAP = -1  # on log-probabilities; whoever serves strangers has a cap of its own


def start(plan: VllmPlan, tokenizer: Tokenizer) -> LoopEngine:
    """Load the model and return the engine.

    Raises:
        UsageError: An option that vLLM does not have or refuses, or an adapter that it cannot serve.
        BackendError: vLLM could not load the model.
    """
    options = {"max_logprobs": _NO_CAP, "enable_log_requests": False, **plan.options}
    _refuse_unknown(options)
    options |= {
        name: value for name, value in plan.withdrawn.items() if value and name in option_names()
    }
    _refuse_unservable(plan)
    args = AsyncEngineArgs(**options)

    async def source() -> _VllmSource:
        try:
            engine = AsyncLLM.from_engine_args(args)
        except (VLLMClientError, ValueError, TypeError) as error:
            raise UsageError([ArgError(None, f"vLLM refuses to start: {error}")]) from error
        except (VLLMError, RuntimeError, OSError, AssertionError) as error:
            raise BackendError(
                f"vLLM could not start: {error}",
                hint="Its own messages are above; VLLM_LOGGING_LEVEL=INFO shows more of them.",
            ) from error
        return _VllmSource(engine, plan, tokenizer)

    return LoopEngine(source, tokenizer)


class _VllmSource:
    """Tokens of vLLM's asynchronous engine."""

    def __init__(self, engine: AsyncLLM, plan: VllmPlan, tokenizer: Tokenizer) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        named = enumerate(plan.adapters.items(), start=1)
        self._adapters: dict[str | None, LoRARequest] = {
            name: LoRARequest(name, number, folder) for number, (name, folder) in named
        }
        if plan.always is not None:
            self._adapters[None] = LoRARequest(
                f"always {plan.always}", len(self._adapters) + 1, plan.always
            )
        self.facts = EngineFacts(
            name="vllm",
            max_model_len=engine.model_config.max_model_len,
            adapters=tuple(plan.adapters),
            json_schema=True,
        )

    async def tokens(self, request: Request) -> AsyncGenerator[Tokens, None]:
        alternatives = request.generation.top_logprobs or 0
        outputs = self._engine.generate(
            tokens_input(list(request.prompt_ids)),
            sampling_params(request.generation),
            str(uuid.uuid4()),
            lora_request=self._adapters.get(request.adapter),
        )
        try:
            async with aclosing(outputs):
                async for output in outputs:
                    answer = output.outputs[0]
                    if answer.finish_reason == "error":
                        raise BackendError("vLLM gave up on the request.")
                    logprobs = self._logprobs(answer, alternatives)
                    yield Tokens(answer.token_ids, logprobs, output.num_cached_tokens or 0)
        except VLLMClientError as error:
            raise UsageError([ArgError(None, f"vLLM refuses the request: {error}")]) from error
        except VLLMError as error:
            raise BackendError(f"vLLM failed: {error}") from error

    async def close(self) -> None:
        self._engine.shutdown()
        del self._engine  # or it would shut down again while the interpreter ends

    def _logprobs(self, answer: CompletionOutput, alternatives: int) -> list[TokenLogprob]:
        if answer.logprobs is None:
            return []
        return [
            self._logprob(token, position, alternatives)
            for token, position in zip(answer.token_ids, answer.logprobs, strict=True)
        ]

    def _logprob(self, token: int, position: Mapping[int, Any], alternatives: int) -> TokenLogprob:
        # vLLM adds the chosen token where it is not among the likeliest; its rank tells.
        best = sorted(position.items(), key=lambda item: item[1].rank)[:alternatives]
        return TokenLogprob(
            token,
            self._text(token),
            min(position[token].logprob, 0.0),
            tuple((self._text(each), min(entry.logprob, 0.0)) for each, entry in best),
        )

    def _text(self, token: int) -> str:
        return self._tokenizer.decode([token])


def sampling_params(plan: GenerationPlan) -> SamplingParams:
    """Return a plan in vLLM's words.

    Text is ours, so vLLM makes none; and only the plan's stop ids end an answer, not those of the model's
    files, which the plan has where they are wanted.
    """
    schema = plan.json_schema
    return SamplingParams(
        temperature=plan.temperature,
        top_k=plan.top_k,
        top_p=plan.top_p,
        min_p=plan.min_p,
        repetition_penalty=plan.repetition_penalty,
        presence_penalty=plan.presence_penalty,
        frequency_penalty=plan.frequency_penalty,
        logit_bias=dict(plan.logit_bias) or None,
        seed=plan.seed,
        max_tokens=plan.max_new_tokens,
        min_tokens=plan.min_new_tokens,
        stop_token_ids=list(plan.stop_ids),
        ignore_eos=True,
        logprobs=(plan.top_logprobs or 0) if plan.logprobs else None,
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
        structured_outputs=None if schema is None else _structure(schema),
    )


def _structure(schema: str) -> StructuredOutputsParams:
    if json.loads(schema) == {}:
        return StructuredOutputsParams(json_object=True)
    return StructuredOutputsParams(json=schema)


def option_names() -> frozenset[str]:
    """Return the names of all options of the installed vLLM."""
    return frozenset(field.name for field in dataclasses.fields(AsyncEngineArgs))


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = option_names()
    problems = []
    for name in options.keys() - known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Leave it out."
        problems.append(
            ArgError("vllm_engine_kwargs", f"The installed vLLM has no option {name!r}.", hint)
        )
    if problems:
        raise UsageError(problems)


def _refuse_unservable(plan: VllmPlan) -> None:
    """Refuse adapters that vLLM would refuse only after the model is loaded, or with the first request."""
    folders = [*plan.adapters.values(), *([] if plan.always is None else [plan.always])]
    problems = [
        problem for folder in folders for problem in _adapter_problems(folder, plan.options)
    ]
    if problems:
        raise UsageError(problems)


def _adapter_problems(folder: str, options: Mapping[str, Any]) -> list[ArgError]:
    try:
        with open(os.path.join(folder, "adapter_config.json"), encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError) as error:
        return [ArgError("adapters", f"{folder!r} is no adapter that can be read: {error}")]
    problems = []
    largest = options.get("max_lora_rank", 16)
    rank = max([config.get("r") or 0, *(config.get("rank_pattern") or {}).values()])
    if rank > largest:
        problems.append(
            ArgError(
                "vllm_max_lora_rank",
                f"The adapter {folder!r} has rank {rank}, more than {largest}.",
                f"Set --vllm_max_lora_rank {_next_rank(rank)}.",
            )
        )
    kinds = {
        "peft_type": config.get("peft_type") not in (None, "LORA") and config.get("peft_type"),
        "use_dora": bool(config.get("use_dora")) and "DoRA",
        "modules_to_save": bool(config.get("modules_to_save")) and "whole modules",
        "bias": config.get("bias") not in (None, "none") and "biases",
    }
    problems += [
        ArgError(
            "adapters",
            f"The adapter {folder!r} has {what}, which vLLM does not serve.",
            "Add --merge_lora true.",
        )
        for what in kinds.values()
        if what
    ]
    return problems


def _next_rank(rank: int) -> int:
    """Return the smallest rank that vLLM can be built for. Source: vllm/config/lora.py, MaxLoRARanks."""
    return next((each for each in (8, 16, 32, 64, 128, 256, 320, 512) if each >= rank), rank)
