"""Arguments and generation_config.json to a GenerationPlan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from swiftx.domain.plans.inference import GenerationPlan
from swiftx.domain.ports.tokenizer import Tokenizer

_DEFAULTS = {"temperature": 1.0, "top_k": 50, "top_p": 1.0, "repetition_penalty": 1.0}
"""What generation_config.json means where it is silent. Source: transformers, GenerationConfig."""


class GenerationArguments(Protocol):
    """The arguments under the heading Generation; None reads generation_config.json."""

    @property
    def max_new_tokens(self) -> int | None: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def top_k(self) -> int | None: ...
    @property
    def top_p(self) -> float | None: ...
    @property
    def repetition_penalty(self) -> float | None: ...
    @property
    def num_beams(self) -> int: ...
    @property
    def stop_words(self) -> tuple[str, ...]: ...
    @property
    def logprobs(self) -> bool: ...
    @property
    def top_logprobs(self) -> int | None: ...


def generation_plan(
    args: GenerationArguments,
    config: Mapping[str, Any],
    tokenizer: Tokenizer,
    *,
    stop_ids: tuple[int, ...] = (),
    end_words: tuple[str, ...] = (),
    seed: int | None = None,
) -> GenerationPlan:
    """Return how answers are generated.

    The model samples when generation_config.json says so (`do_sample`) or when a sampling argument is given;
    temperature 0 and top_k 1 are greedy.

    Args:
        config: generation_config.json of the model; empty when it has none.
        stop_ids, end_words: The template's ends of a turn; the tokenizer's and generation_config.json's
            end tokens are added.
    """
    eos = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
    values = {
        name: _first(getattr(args, name), config.get(name), default)
        for name, default in _DEFAULTS.items()
    }
    return GenerationPlan(
        max_new_tokens=_positive(args.max_new_tokens),
        temperature=values["temperature"] if _samples(args, config, values) else 0.0,
        top_k=max(int(values["top_k"]), 0),
        top_p=values["top_p"],
        repetition_penalty=values["repetition_penalty"],
        num_beams=args.num_beams,
        stop_words=tuple(word for word in args.stop_words if word),
        stop_ids=tuple(dict.fromkeys((*stop_ids, *eos, *_eos_ids(config)))),
        end_words=end_words,
        logprobs=args.logprobs,
        top_logprobs=args.top_logprobs if args.logprobs else None,
        seed=seed,
    )


def service_generation_plan(args: GenerationArguments, *, seed: int | None) -> GenerationPlan:
    """Return how a service generates; what nobody gave is left to it."""
    values = {name: getattr(args, name) for name in _DEFAULTS}
    return GenerationPlan(
        max_new_tokens=_positive(args.max_new_tokens),
        stop_words=tuple(word for word in args.stop_words if word),
        logprobs=args.logprobs,
        top_logprobs=args.top_logprobs if args.logprobs else None,
        seed=seed,
        unset=frozenset(name for name, value in values.items() if value is None),
        **{name: value for name, value in values.items() if value is not None},
    )


def _samples(
    args: GenerationArguments, config: Mapping[str, Any], values: Mapping[str, float]
) -> bool:
    if values["temperature"] == 0 or values["top_k"] == 1:
        return False
    given = (args.temperature, args.top_k, args.top_p)
    return bool(config.get("do_sample")) or any(value is not None for value in given)


def _eos_ids(config: Mapping[str, Any]) -> tuple[int, ...]:
    ids = config.get("eos_token_id")
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)


def _positive(number: int | None) -> int | None:
    """Treat -1 as unlimited, as None is."""
    return None if number is None or number < 0 else number


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
