"""Answers with a transformers model in this process, several prompts at a time.

One `generate` call runs a batch; every row has its own sampling parameters, random numbers and stop
conditions, so that an answer does not depend on its neighbours.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, cast

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from swiftx.adapters.engines._shared import (
    Choices,
    Row,
    RowsFinished,
    WordsFinished,
    logprobs_of,
)
from swiftx.domain.inference.stopping import AnswerText
from swiftx.domain.plans.inference import (
    Completion,
    Delta,
    EngineFacts,
    EngineStats,
    GenerationPlan,
    Request,
    TokenLogprob,
)
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.ports.engine import Listener
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import ArgError, BackendError, SwiftxError, UsageError

_ENDLESS = 2**30  # tokens; more than any model's length, for models that have none


class _Ticket:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class TransformersEngine:
    """Generates with a loaded model, which is this engine's own from then on."""

    def __init__(
        self, model: ModelHandle, tokenizer: Tokenizer, *, max_model_len: int | None = None
    ) -> None:
        self._model = cast(Any, model)
        self._tokenizer = tokenizer
        self._max_model_len = max_model_len
        base = self._model.get_base_model() if hasattr(model, "get_base_model") else self._model
        base.generation_config = _without_choices(base.generation_config)
        self.facts = EngineFacts(name="pt", max_model_len=max_model_len, beams=True)
        self._one_at_a_time = threading.Lock()
        self._stats = EngineStats()
        self._closed = False

    def submit(self, request: Request, listener: Listener) -> _Ticket:
        """Answer in a thread, one request after the other."""
        self._limited(request)
        ticket = _Ticket()
        threading.Thread(target=self._tell, args=(request, listener, ticket), daemon=True).start()
        return ticket

    def _tell(self, request: Request, listener: Listener, ticket: _Ticket) -> None:
        try:
            with self._one_at_a_time:
                for delta in self.stream(request):
                    if ticket.cancelled:
                        return
                    listener(delta)
        except SwiftxError as error:
            listener(error)

    def stats(self) -> EngineStats:
        """Return what it has done."""
        return self._stats

    def close(self) -> None:
        """Refuse what comes later."""
        self._closed = True

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Return one completion a request, in order."""
        answers = self._answers(requests)
        self._count(answers)
        return answers

    def _count(self, answers: Sequence[Completion]) -> None:
        done = self._stats
        self._stats = EngineStats(
            requests=done.requests + len(answers),
            prompt_tokens=done.prompt_tokens + sum(answer.prompt_tokens for answer in answers),
            generated_tokens=done.generated_tokens
            + sum(len(answer.token_ids) for answer in answers),
        )

    def _answers(self, requests: Sequence[Request]) -> list[Completion]:
        plans = [self._limited(request) for request in requests]
        found: dict[int, Completion] = {}
        plain = [index for index, plan in enumerate(plans) if plan.num_beams == 1]
        if plain:
            rows = [
                Row(self._tokenizer, requests[index].prompt_ids, plans[index]) for index in plain
            ]
            self._run(rows)
            found |= zip(plain, (row.completion() for row in rows), strict=True)
        for index, plan in enumerate(plans):
            if plan.num_beams > 1:
                found[index] = self._search(requests[index].prompt_ids, plan)
        return [found[index] for index in range(len(requests))]

    def stream(self, request: Request) -> Generator[Delta, None, None]:
        """Yield the answer in pieces; closing the generator stops the model after the current token."""
        plan = self._limited(request)
        if plan.num_beams > 1:
            answer = self._search(request.prompt_ids, plan)
            self._count([answer])
            yield Delta(answer.text, answer.finish_reason, answer.logprobs or (), answer)
        else:
            yield from self._stream(Row(self._tokenizer, request.prompt_ids, plan))

    def _stream(self, row: Row) -> Generator[Delta, None, None]:
        deltas: SimpleQueue[Delta | BaseException] = SimpleQueue()
        row.listener = deltas.put
        worker = threading.Thread(target=self._feed, args=(row, deltas), daemon=True)
        worker.start()
        try:
            while True:
                delta = deltas.get()
                if isinstance(delta, BaseException):
                    raise delta
                if delta.finish_reason is not None:
                    answer = row.completion()
                    self._count([answer])
                    yield replace(delta, logprobs=answer.logprobs or (), completion=answer)
                    return
                yield delta
        finally:
            row.cancel()
            worker.join()

    def _feed(self, row: Row, deltas: SimpleQueue[Delta | BaseException]) -> None:
        try:
            self._run([row])
        except BaseException as error:  # raised again in the thread that reads
            deltas.put(error)

    def _limited(self, request: Request) -> GenerationPlan:
        """Return the plan with as many new tokens as the model has room for.

        Raises:
            UsageError: There is no room for any, or there is no prompt.
        """
        if self._closed:
            raise BackendError("The engine is closed.")
        if request.adapter is not None:
            raise UsageError([ArgError(None, f"There is no adapter {request.adapter!r}.")])
        plan, length = request.generation, len(request.prompt_ids)
        if plan.json_schema is not None:
            raise UsageError(
                [ArgError(None, "The pt engine cannot hold answers to a JSON schema.")]
            )
        if not length:
            raise UsageError([ArgError(None, "The prompt has no tokens.")])
        if self._max_model_len is None:
            return plan
        room = self._max_model_len - length
        if room < 1:
            raise UsageError(
                [
                    ArgError(
                        "max_length",
                        f"The prompt has {length} tokens, the model takes {self._max_model_len}.",
                        "Shorten it, or use a model with a longer context.",
                    )
                ]
            )
        limit = room if plan.max_new_tokens is None else min(plan.max_new_tokens, room)
        return replace(plan, max_new_tokens=limit)

    def _run(self, rows: Sequence[Row]) -> None:
        """Let every row choose tokens until all are finished."""
        config = self._config(max(row.limit or _ENDLESS for row in rows))
        self._generate(
            [row.prompt_ids for row in rows],
            config,
            logits_processor=LogitsProcessorList([Choices(rows)]),
            stopping_criteria=StoppingCriteriaList([RowsFinished(rows)]),
        )
        for row in rows:
            row.finish()

    def _search(self, prompt_ids: Sequence[int], plan: GenerationPlan) -> Completion:
        """Answer one prompt by beam search."""
        config = self._config(
            plan.max_new_tokens or _ENDLESS,
            num_beams=plan.num_beams,
            do_sample=plan.temperature > 0,
            temperature=plan.temperature or None,
            top_k=plan.top_k if plan.temperature else None,
            top_p=plan.top_p if plan.temperature else None,
            repetition_penalty=plan.repetition_penalty,
            eos_token_id=list(plan.stop_ids) or None,
            return_dict_in_generate=True,
            output_logits=plan.logprobs,
        )
        words = WordsFinished(self._tokenizer, plan, len(prompt_ids))
        with torch.random.fork_rng():
            if plan.seed is not None:
                torch.manual_seed(plan.seed)
            output = self._generate([prompt_ids], config, stopping_criteria=[words])
        answer = AnswerText(self._tokenizer, plan)
        for token in output.sequences[0, len(prompt_ids) :].tolist():
            if answer.finish_reason is None:
                answer.push(token)
        answer.finish()
        return Completion(
            text=answer.text,
            token_ids=answer.token_ids,
            prompt_tokens=len(prompt_ids),
            finish_reason=answer.finish_reason or "length",
            logprobs=self._beam_logprobs(output, answer, plan) if plan.logprobs else None,
        )

    def _beam_logprobs(
        self, output: Any, answer: AnswerText, plan: GenerationPlan
    ) -> tuple[TokenLogprob, ...]:
        return tuple(
            logprobs_of(output.logits[step][beam], token, self._tokenizer, plan.top_logprobs)
            for step, (token, beam) in enumerate(
                zip(answer.token_ids, output.beam_indices[0].tolist(), strict=False)
            )
        )

    def _config(self, max_new_tokens: int, **settings: Any) -> GenerationConfig:
        return GenerationConfig(
            **{"do_sample": False, "num_beams": 1} | settings,
            max_new_tokens=max_new_tokens,
            pad_token_id=self._padding,
        )

    @property
    def _padding(self) -> int:
        ids = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id, 0)
        return next(token for token in ids if token is not None)

    def _generate(
        self, prompts: Sequence[Sequence[int]], config: GenerationConfig, **hooks: Any
    ) -> Any:
        device = self._model.device
        input_ids, mask = padded_left(prompts, self._padding)
        try:
            with torch.inference_mode():
                return self._model.generate(
                    input_ids=input_ids.to(device),
                    attention_mask=mask.to(device),
                    generation_config=config,
                    **hooks,
                )
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"The device's memory is full with {len(prompts)} prompts at once.",
                hint="Lower --max_batch_size or --max_new_tokens.",
            ) from error
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise BackendError(f"The model failed while generating: {error}") from error


def padded_left(prompts: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask, int64, shape (B, T): prompts end together, padding is masked."""
    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), padding)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(list(prompt))
        mask[row, longest - len(prompt) :] = 1
    return ids, mask


def _without_choices(config: GenerationConfig | None) -> GenerationConfig:
    """Return the model's generation_config.json without what requests say themselves.

    The library fills unset values from it, so a default of the model would change a request.
    """
    kept = GenerationConfig() if config is None else copy.deepcopy(config)
    kept.update(
        do_sample=False,
        temperature=None,
        top_k=None,
        top_p=None,
        repetition_penalty=None,
        num_beams=1,
        max_length=None,
        max_new_tokens=None,
        eos_token_id=None,
        stop_strings=None,
    )
    return kept
