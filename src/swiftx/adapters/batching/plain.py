"""One answer at a time through the library's own `generate`: beam search, and models that cannot share."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria

from swiftx.adapters.batching.answers import Answer
from swiftx.adapters.batching.sampling import Choice, Scored, choose
from swiftx.domain.plans.inference import GenerationPlan
from swiftx.domain.ports.tokenizer import Tokenizer

_ENDLESS = 2**30  # tokens; more than any model's length, for models that have none


class PlainGeneration:
    """Answers with `generate` of a loaded model, transformers' or PEFT's."""

    def __init__(self, model: Any, base: Any, tokenizer: Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        base.generation_config = _without_choices(base.generation_config)
        ids = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        self._padding = next(token for token in ids if token is not None)

    def run(self, answer: Answer) -> None:
        """Answer and tell, token by token without beams, at once with them."""
        if answer.plan.num_beams > 1:
            self._search(answer)
        else:
            self._step_by_step(answer)

    def _step_by_step(self, answer: Answer) -> None:
        self._generate(
            answer,
            self._config(answer.plan),
            logits_processor=LogitsProcessorList([_Chosen(answer)]),
            stopping_criteria=[_Ended(answer)],
        )
        if not answer.finished:
            answer.tell(answer.finish())

    def _search(self, answer: Answer) -> None:
        plan = answer.plan
        config = self._config(
            plan,
            num_beams=plan.num_beams,
            length_penalty=plan.length_penalty,
            do_sample=plan.temperature > 0,
            temperature=plan.temperature or None,
            top_k=plan.top_k if plan.temperature else None,
            top_p=plan.top_p if plan.temperature else None,
            min_p=plan.min_p or None if plan.temperature else None,
            min_new_tokens=plan.min_new_tokens or None,
            repetition_penalty=plan.repetition_penalty,
            sequence_bias=[[[token], float(bias)] for token, bias in plan.logit_bias] or None,
            eos_token_id=list(plan.stop_ids) or None,
            return_dict_in_generate=True,
            output_logits=plan.logprobs,
        )
        words = _WordsEnded(self._tokenizer, answer)
        with torch.random.fork_rng():
            if plan.seed is not None:
                torch.manual_seed(plan.seed)
            output = self._generate(answer, config, stopping_criteria=[words])
        tokens = output.sequences[0, answer.prompt_tokens :].tolist()
        piece = ""
        for step, token in enumerate(tokens):
            if not answer.finished:
                scored = _beam_score(output, step, token, plan) if plan.logprobs else None
                piece += answer.take(Choice(token, scored, complete=False))
        if not answer.finished:
            piece += answer.finish()
        answer.tell(piece)

    def _config(self, plan: GenerationPlan, **settings: Any) -> GenerationConfig:
        return GenerationConfig(
            **{"do_sample": False, "num_beams": 1} | settings,
            max_new_tokens=_ENDLESS if plan.max_new_tokens is None else plan.max_new_tokens,
            pad_token_id=self._padding,
        )

    def _generate(self, answer: Answer, config: GenerationConfig, **hooks: Any) -> Any:
        ids = torch.tensor([answer.ids[: answer.prompt_tokens]], device=self._model.device)
        return self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=config,
            **hooks,
        )


class _Chosen(LogitsProcessor):
    """Lets the answer choose its next token and leaves no other choice to the caller."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, _: Tensor, scores: Tensor) -> Tensor:
        """Return scores, shape (1, V), that are 0 at the chosen token and -inf elsewhere."""
        (choice,) = choose(scores.float().clone(), [self._answer.rules])
        self._answer.tell(self._answer.take(choice))
        chosen = torch.full_like(scores, -torch.inf)
        chosen[0, choice.token] = 0
        return chosen


class _Ended(StoppingCriteria):
    """Ends the generation with the answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, input_ids: Tensor, *_: object, **__: object) -> Tensor:
        """Return bool, shape (1,)."""
        ended = self._answer.finished or self._answer.cancelled
        return torch.full((len(input_ids),), ended, device=input_ids.device)


class _WordsEnded(StoppingCriteria):
    """Ends a beam that wrote a stop or end word. Beams change places, so nothing is remembered of them."""

    def __init__(self, tokenizer: Tokenizer, answer: Answer) -> None:
        self._tokenizer = tokenizer
        self._answer = answer
        self._words = (*answer.plan.stop_words, *answer.plan.end_words)
        # A token writes at least one byte, so a word lies within as many tokens as it has bytes.
        self._reach = max((len(word.encode()) for word in self._words), default=0) + 1

    def __call__(self, input_ids: Tensor, *_: object, **__: object) -> Tensor:
        """Return bool, shape (B,)."""
        start = max(self._answer.prompt_tokens, input_ids.shape[1] - self._reach)
        return torch.tensor(
            [
                self._answer.cancelled or self._has_word(ids)
                for ids in input_ids[:, start:].tolist()
            ],
            device=input_ids.device,
        )

    def _has_word(self, ids: Sequence[int]) -> bool:
        text = self._tokenizer.decode(ids) if self._words else ""
        return any(word in text for word in self._words)


def _beam_score(output: Any, step: int, token: int, plan: GenerationPlan) -> Scored:
    beam = int(output.beam_indices[0, step])
    logprobs_V = torch.log_softmax(output.logits[step][beam].float(), dim=-1)
    values, ids = logprobs_V.topk(plan.top_logprobs or 0)
    return Scored(float(logprobs_V[token]), ids.tolist(), values.tolist())


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
        min_p=None,
        repetition_penalty=None,
        num_beams=1,
        length_penalty=None,
        min_new_tokens=None,
        max_length=None,
        max_new_tokens=None,
        eos_token_id=None,
        stop_strings=None,
    )
    return kept
