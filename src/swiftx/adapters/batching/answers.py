"""One answer under way: tokens in, pieces of text out to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from swiftx.adapters.batching.sampling import Choice, Grammar, Rules
from swiftx.domain.inference.stopping import AnswerText
from swiftx.domain.plans.inference import Completion, Delta, GenerationPlan, TokenLogprob
from swiftx.domain.ports.engine import Listener
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import SwiftxError


class Answer:
    """The ticket of a request, with all that is known of its answer.

    Attributes:
        ids: Prompt and answer so far; the last one is not in the cache yet.
        cached: Tokens of the prompt that were not computed again.
        adapter: What answers; None is the model as it was loaded.
        cancelled: Nobody wants the rest.
        number: The order in which the engine got it.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[int],
        plan: GenerationPlan,
        listener: Listener,
        *,
        adapter: str | None = None,
        grammar: Grammar | None = None,
        on_cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self.ids = list(prompt_ids)
        self.plan = plan
        self.adapter = adapter
        self.rules = Rules(plan, prompt_ids, grammar=grammar)
        self.prompt_tokens = len(self.ids)
        self.cached = 0
        self.cancelled = False
        self.number = 0
        self._tokenizer = tokenizer
        self._text = AnswerText(tokenizer, plan)
        self._listener = listener
        self._on_cancel = on_cancel
        self._logprobs: list[TokenLogprob] = []
        self._told = 0  # log-probabilities that went out with a piece

    def cancel(self) -> None:
        """Stop after the token that is being made."""
        self.cancelled = True
        self._on_cancel()

    @property
    def finished(self) -> bool:
        return self._text.finish_reason is not None

    @property
    def generated_tokens(self) -> int:
        return len(self._text.token_ids)

    def take(self, choice: Choice) -> str:
        """Take the next token; return the text that it completes."""
        self.ids.append(choice.token)
        if choice.scored is not None:
            self._logprobs.append(self._logprob(choice))
        piece = self._text.push(choice.token)
        if choice.complete and not self.finished:
            piece += self._text.finish("stop")
        return piece

    def finish(self) -> str:
        """End an answer that the model could not go on with; return the text that was held back."""
        return self._text.finish()

    def tell(self, piece: str) -> None:
        """Let the listener hear a piece, if there is anything to hear."""
        if self.cancelled:
            return
        if self.finished:
            answer = self.completion()
            rest = (answer.logprobs or ())[self._told :]
            self._listener(Delta(piece, answer.finish_reason, rest, answer))
        elif piece:
            told, self._told = self._told, self._text.shown_tokens if self._logprobs else 0
            self._listener(Delta(piece, logprobs=tuple(self._logprobs[told : self._told])))

    def fail(self, error: SwiftxError) -> None:
        """Let the listener hear why there is no answer."""
        if not self.cancelled:
            self.cancelled = True
            self._listener(error)

    def completion(self) -> Completion:
        token_ids = self._text.token_ids
        return Completion(
            text=self._text.text,
            token_ids=token_ids,
            prompt_tokens=self.prompt_tokens,
            finish_reason=self._text.finish_reason or "length",
            logprobs=tuple(self._logprobs[: len(token_ids)]) if self.plan.logprobs else None,
            cached_tokens=self.cached,
        )

    def _logprob(self, choice: Choice) -> TokenLogprob:
        decode = self._tokenizer.decode
        assert choice.scored is not None
        logprob, ids, values = choice.scored
        return TokenLogprob(
            choice.token,
            decode([choice.token]),
            logprob,
            tuple((decode([best]), value) for best, value in zip(ids, values, strict=True)),
        )
