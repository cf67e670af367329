"""What a client asks for on top of what the service is set up with → a GenerationPlan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from swiftx.domain.inference.plan import GenerationArguments, generation_plan
from swiftx.domain.plans.inference import GenerationPlan
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.serving.requests import Sampling


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command line's generation arguments, where a request does not say otherwise."""

    max_new_tokens: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    repetition_penalty: float | None
    num_beams: int
    stop_words: tuple[str, ...]
    logprobs: bool
    top_logprobs: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """How answers are generated when a request does not say.

    Attributes:
        args: The command line's generation arguments.
        config: generation_config.json of the model.
        stop_ids, end_words: The template's ends of a turn.
    """

    args: GenerationArguments
    config: Mapping[str, Any]
    tokenizer: Tokenizer
    stop_ids: tuple[int, ...] = ()
    end_words: tuple[str, ...] = ()

    def plan(self, asked: Sampling, *, max_tokens: int | None = None) -> GenerationPlan:
        """Return the plan of a request.

        A value of the request wins over the command line's, which wins over generation_config.json. The
        request's `stop` texts are removed from the answer, as OpenAI's API does; `--stop_words` stay in it.

        Args:
            max_tokens: Length of an answer when neither the request nor the command line sets one.
        """
        args = self.args
        limit = _first(asked.max_tokens, _limited(args.max_new_tokens), max_tokens)
        overlay = _Asked(
            limit,
            _first(asked.temperature, args.temperature),
            _first(asked.top_k, args.top_k),
            _first(asked.top_p, args.top_p),
            _first(asked.repetition_penalty, args.repetition_penalty),
            args.num_beams,
            (*args.stop_words, *(asked.stop if asked.keep_stop else ())),
            asked.logprobs,
            asked.top_logprobs,
        )
        plan = generation_plan(
            overlay,
            self.config,
            self.tokenizer,
            stop_ids=(*self.stop_ids, *asked.stop_ids),
            end_words=(*self.end_words, *(() if asked.keep_stop else asked.stop)),
            seed=asked.seed,
        )
        return replace(
            plan,
            stop_ids=asked.stop_ids if asked.ignore_end else plan.stop_ids,
            min_new_tokens=min(asked.min_tokens, limit or asked.min_tokens),
            min_p=asked.min_p,
            presence_penalty=asked.presence_penalty,
            frequency_penalty=asked.frequency_penalty,
            logit_bias=asked.logit_bias,
            json_schema=asked.json_schema,
        )


def _limited(number: int | None) -> int | None:
    """-1 means without limit, as None does."""
    return None if number is None or number < 0 else number


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
