"""Choosing the next token of every row of a batch, each by its own rules.

The choice of a row depends on its logits, its rules and its own random numbers only.

B: rows, V: vocabulary, K: candidates of a row, best first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from swiftx.domain.plans.inference import GenerationPlan

_CANDIDATES = 256
"""Candidates that a nucleus is looked for among first; sorting a whole vocabulary is slow."""


class Grammar(Protocol):
    """What tokens an answer may go on with."""

    def restrict(self, logits_V: Tensor) -> None:
        """Set the logits of all other tokens to -inf."""
        ...

    def accept(self, token: int) -> bool:
        """Take the token that was chosen; return whether the answer is complete."""
        ...


class Rules:
    """How one answer chooses its tokens, and what it remembers for that.

    Args:
        prompt_ids: The prompt; the repetition penalty counts its tokens too.
        grammar: Restricts the tokens; None allows all.
    """

    def __init__(
        self, plan: GenerationPlan, prompt_ids: Sequence[int], *, grammar: Grammar | None = None
    ) -> None:
        self.plan = plan
        self.grammar = grammar
        self.adjusts = bool(
            grammar is not None
            or plan.min_new_tokens
            or plan.repetition_penalty != 1
            or plan.presence_penalty
            or plan.frequency_penalty
            or plan.logit_bias
        )
        self._prompt_ids = prompt_ids
        self._chosen = 0
        self._generator: torch.Generator | None = None
        self._seen_V: Tensor | None = None
        self._counts_V: Tensor | None = None

    def draw(self) -> float:
        """Return the next random number of this answer, in [0, 1)."""
        if self._generator is None:
            self._generator = torch.Generator()
            if self.plan.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self.plan.seed)
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))

    def adjust(self, logits_V: Tensor) -> None:
        """Apply biases, penalties and bans to the logits, in place."""
        plan = self.plan
        for token, bias in plan.logit_bias:
            logits_V[token] += bias
        if plan.repetition_penalty != 1:
            seen = self._seen(logits_V)
            penalised = torch.where(
                logits_V < 0, logits_V * plan.repetition_penalty, logits_V / plan.repetition_penalty
            )
            torch.where(seen, penalised, logits_V, out=logits_V)
        if plan.presence_penalty or plan.frequency_penalty:
            counts = self._counted(logits_V)
            logits_V -= plan.frequency_penalty * counts + plan.presence_penalty * (counts > 0)
        if self.grammar is not None:
            self.grammar.restrict(logits_V)
        if self._chosen < plan.min_new_tokens and plan.stop_ids:
            logits_V[list(plan.stop_ids)] = -torch.inf

    def chose(self, token: int) -> bool:
        """Take note of a chosen token; return whether a grammar says that the answer is complete."""
        self._chosen += 1
        if self._seen_V is not None:
            self._seen_V[token] = True
        if self._counts_V is not None:
            self._counts_V[token] += 1
        return self.grammar is not None and self.grammar.accept(token)

    def _seen(self, logits_V: Tensor) -> Tensor:
        if self._seen_V is None:
            self._seen_V = torch.zeros_like(logits_V, dtype=torch.bool)
            self._seen_V[list(self._prompt_ids)] = True
        return self._seen_V

    def _counted(self, logits_V: Tensor) -> Tensor:
        if self._counts_V is None:
            self._counts_V = torch.zeros_like(logits_V)
        return self._counts_V


class Scored(NamedTuple):
    """Log-probability of a chosen token, and the likeliest tokens with theirs, best first."""

    logprob: float
    top_ids: list[int]
    top_logprobs: list[float]


class Choice(NamedTuple):
    """The next token of one row.

    Attributes:
        scored: Under the model's own distribution; None unless asked for.
        complete: The grammar allows nothing after it.
    """

    token: int
    scored: Scored | None
    complete: bool


def choose(logits_BV: Tensor, rows: Sequence[Rules]) -> list[Choice]:
    """Return the next token of every row.

    Args:
        logits_BV: float32; changed where a row's rules say so.
        rows: By row of the logits.
    """
    scores = _log_probabilities(logits_BV, rows)
    for index, rules in enumerate(rows):
        if rules.adjusts:
            rules.adjust(logits_BV[index])
    tokens = logits_BV.argmax(dim=-1).tolist()
    for group in _alike(rows):
        drawn = _sampled(logits_BV[group], [rows[index] for index in group])
        for index, token in zip(group, drawn, strict=True):
            tokens[index] = token
    scored = _scored(scores, tokens, rows)
    return [
        Choice(token, scored.get(index), rules.chose(token))
        for index, (token, rules) in enumerate(zip(tokens, rows, strict=True))
    ]


def _alike(rows: Sequence[Rules]) -> list[list[int]]:
    """Return the rows that sample, in groups that are sampled in the same way."""
    whole: list[int] = []
    cut: list[int] = []
    for index, rules in enumerate(rows):
        plan = rules.plan
        if plan.temperature:
            truncated = plan.top_k or plan.top_p < 1 or plan.min_p
            (cut if truncated else whole).append(index)
    return [group for group in (whole, cut) if group]


def _sampled(logits_BV: Tensor, rows: Sequence[Rules]) -> list[int]:
    device = logits_BV.device
    plans = [rules.plan for rules in rows]
    temperatures = torch.tensor([plan.temperature for plan in plans], device=device)
    scores_BV = logits_BV / temperatures[:, None]
    draws = torch.tensor([rules.draw() for rules in rows], dtype=torch.float64, device=device)
    if not any(plan.top_k or plan.top_p < 1 or plan.min_p for plan in plans):
        return _at(torch.softmax(scores_BV, dim=-1), draws).tolist()
    return _from_the_best(scores_BV, plans, draws)


def _from_the_best(scores_BV: Tensor, plans: Sequence[GenerationPlan], draws: Tensor) -> list[int]:
    """Sample from the tokens that top_k, then top_p, then min_p leave."""
    vocabulary = scores_BV.shape[1]
    widest = max(min(plan.top_k, vocabulary) if plan.top_k else 0 for plan in plans)
    unlimited = any(not plan.top_k for plan in plans)
    size = min(vocabulary, max(widest, _CANDIDATES if unlimited else 1))
    device = scores_BV.device
    top_k = torch.tensor([plan.top_k or vocabulary for plan in plans], device=device)
    top_p = torch.tensor([plan.top_p for plan in plans], device=device)
    while True:
        best_BK, ids_BK = scores_BV.topk(size)
        places = torch.arange(size, device=device)
        best_BK = best_BK.masked_fill(places >= top_k[:, None], -torch.inf)
        whole = torch.where(top_k >= vocabulary, scores_BV.logsumexp(-1), best_BK.logsumexp(-1))
        chances_BK = torch.exp(best_BK - whole[:, None])
        before_BK = chances_BK.cumsum(-1) - chances_BK  # of the tokens that are likelier
        if size == vocabulary or not _cut_short(chances_BK, before_BK, plans):
            break
        size = vocabulary
    kept_BK = before_BK < top_p[:, None]
    min_p = torch.tensor([plan.min_p for plan in plans], device=device)
    kept_BK &= chances_BK >= min_p[:, None] * chances_BK[:, :1]
    kept_BK[:, 0] = True
    chosen = _at(chances_BK * kept_BK, draws)
    return ids_BK.gather(-1, chosen[:, None])[:, 0].tolist()


def _cut_short(chances_BK: Tensor, before_BK: Tensor, plans: Sequence[GenerationPlan]) -> bool:
    """Return whether a token beyond the candidates could be among those that are kept."""
    last = zip(
        chances_BK[:, 0].tolist(),
        chances_BK[:, -1].tolist(),
        before_BK[:, -1].tolist(),
        strict=True,
    )
    return any(
        not plan.top_k
        and before + chance < plan.top_p
        and (not plan.min_p or chance >= plan.min_p * first)
        for plan, (first, chance, before) in zip(plans, last, strict=True)
    )


def _at(chances_BK: Tensor, draws: Tensor) -> Tensor:
    """Return where the draws fall when each row's chances are laid end to end: int64, shape (B,)."""
    sums_BK = chances_BK.double().cumsum(-1)
    targets = (draws * sums_BK[:, -1])[:, None]
    found = torch.searchsorted(sums_BK, targets, right=True)[:, 0]
    return found.clamp_(max=chances_BK.shape[1] - 1)


def _log_probabilities(logits_BV: Tensor, rows: Sequence[Rules]) -> dict[int, Tensor]:
    """Return log-probabilities, shape (V,), of the rows that ask for them."""
    asked = [index for index, rules in enumerate(rows) if rules.plan.logprobs]
    if not asked:
        return {}
    return dict(zip(asked, torch.log_softmax(logits_BV[asked], dim=-1), strict=True))


def _scored(
    scores: dict[int, Tensor], tokens: Sequence[int], rows: Sequence[Rules]
) -> dict[int, Scored]:
    found = {}
    for index, scores_V in scores.items():
        values, ids = scores_V.topk(rows[index].plan.top_logprobs or 0)
        found[index] = Scored(float(scores_V[tokens[index]]), ids.tolist(), values.tolist())
    return found
