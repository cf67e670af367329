"""The template of a run: conversations in, token ids, labels and loss weights out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import NamedTuple

from swiftx.domain.agents import registry as agents
from swiftx.domain.chat.messages import Conversation
from swiftx.domain.chat.pieces import Pieces, SpecialToken
from swiftx.domain.chat.tool_calling import AgentTemplate
from swiftx.domain.loss_scales import registry as loss_scales
from swiftx.domain.loss_scales.base import LossScale
from swiftx.domain.plans.encoded import Encoded, EncodedBlock
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.ports.tokenizer import Affixes, Tokenizer
from swiftx.domain.templates import registry
from swiftx.domain.templates.control_tokens import Sanitizer
from swiftx.domain.templates.encode import Run, cut_runs, encode_runs, runs, special_token_id
from swiftx.domain.templates.forms import Forms, Turns
from swiftx.domain.templates.own_template import OwnTemplate
from swiftx.domain.templates.render import Mode, RenderOptions, render
from swiftx.domain.templates.segments import Segment
from swiftx.domain.templates.spec import TemplateSpec, without_chat
from swiftx.domain.templates.truncation import TooLong, split, truncate
from swiftx.errors import ArgError, DataError, NotFound, UsageError

Outcome = Encoded | TooLong | DataError
"""What becomes of a row: tokens, too many of them, or the reason why there are none."""


class Stops(NamedTuple):
    """What ends an answer: single tokens by id, everything else by text."""

    ids: tuple[int, ...]
    words: tuple[str, ...]


class ChatTemplate:
    """A template with a tokenizer and the options of a run.

    The template is a declared one, or the tokenizer's own chat template: with `template_backend jinja`,
    and for a model without a declared one. A `dummy` that was asked for trains plain text, and prompts
    with the tokenizer's own chat template, as the reference does.

    Args:
        plan: The resolved options.
        tokenizer: Of the model that will see the tokens.
        agent: How tools are written; None looks it up by the plan, and then by the template.

    Raises:
        NotFound: No template, agent template or loss scale of that name, or the tokenizer lacks a token
            that the template writes, or has no chat template of its own where that is asked for.
    """

    def __init__(
        self, plan: TemplatePlan, tokenizer: Tokenizer, *, agent: AgentTemplate | None = None
    ) -> None:
        declared = registry.get(plan.name)
        self.plan = plan
        self.spec: TemplateSpec = declared if plan.use_chat_template else without_chat(declared)
        self._tokenizer = tokenizer
        self._scale: LossScale = loss_scales.get(plan.loss_scale)
        self._agent = agent or agents.get(plan.agent_template or self.spec.agent_template)
        self._special_id = cache(partial(special_token_id, tokenizer=tokenizer))
        self._sanitizer = (
            Sanitizer(tokenizer.control_tokens) if plan.sanitize_control_tokens else None
        )
        self._own = self._own_template()
        self._trained_own = (
            self._own if plan.template_backend == "jinja" or plan.by_default else None
        )
        written = self.spec.pieces if self._trained_own is None else ()
        for piece in written:  # a token that is missing is noticed here, not at some row
            if isinstance(piece, SpecialToken):
                self._special_id(piece)
        self._turn_end = self._ids(
            self.spec.suffix if self._trained_own is None else (self._trained_own.end,)
        )
        self._stop_texts = _stop_texts(self.spec, tokenizer)
        own_end = (self._own.end,) if self._own is not None and self._own.end else ()
        self.stops = _stops(dict.fromkeys((*self._stop_texts, *own_end)), tokenizer)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the template was made with."""
        return self._tokenizer

    @property
    def ends(self) -> tuple[tuple[int, ...], ...]:
        """Token ids that end an answer; any of these sequences does."""
        after = self._tokenizer.affixes.after if self.spec.auto_add_bos else ()
        sequences = (tuple(self._turn_end), after, *((token,) for token in self.stops.ids))
        return tuple(dict.fromkeys(sequence for sequence in sequences if sequence))

    def encode(self, conversation: Conversation) -> Encoded | TooLong:
        """Return one row for training.

        Raises:
            DataError: The row cannot be rendered.
        """
        outcome = self.encode_rows([conversation])[0]
        if isinstance(outcome, DataError):
            raise outcome
        return outcome

    def encode_rows(self, conversations: Sequence[Conversation]) -> list[Outcome]:
        """Return what becomes of each row in training, in order; `row` is the index in this list.

        With `truncation_strategy split` a row that is too long is returned whole: see `pieces`.

        All texts go through the tokenizer in one batch, so hand over a few hundred rows at a time.

        Raises:
            UsageError: No row at all can be trained on with the tokenizer's own chat template.
        """
        return [_in_lists(outcome) for outcome in self.encode_arrays(conversations)]

    def encode_arrays(self, conversations: Sequence[Conversation]) -> list[Outcome]:
        """Return what `encode_rows` does, but numbers in arrays, where they take least time and room."""
        if self._trained_own is not None:
            self._refuse_untrainable(self._trained_own)
            own = self._trained_own.encode_rows(conversations)
            return [_in_arrays(self._cut(outcome)) for outcome in own]
        return self._encode(conversations, "train")

    def encode_turns(
        self, conversations: Sequence[Turns | None], rows: Sequence[int]
    ) -> EncodedBlock | list[Encoded | TooLong | None]:
        """Return what `encode_arrays` does of conversations that need no rendering, many times faster.

        Args:
            conversations: None for one that is more than texts.
            rows: The conversations' numbers.

        Returns:
            One outcome a conversation, None for one that is left to `encode_arrays`; or all of them as one
            block, where there is nothing else.
        """
        if self._trained_own is not None or self._sanitizer is not None:
            return [None] * len(conversations)
        encoded = self._forms.encode(
            conversations, self._tokenizer, turn_end=array("i", self._turn_end), rows=rows
        )
        limit = self.plan.max_length
        if isinstance(encoded, EncodedBlock):
            if limit is None or max(encoded.lengths, default=0) <= limit:
                return encoded
        elif limit is None:
            return list(encoded)
        return [
            each if each is None or len(each.input_ids) <= limit else self._shortened(each)
            for each in encoded
        ]

    def encode_prompt(self, conversation: Conversation) -> Encoded:
        """Return the prompt for the answer that comes next, without labels.

        Raises:
            DataError: The row cannot be rendered, or is too long and must not be cut.
        """
        outcome = self.encode_prompts([conversation])[0]
        if isinstance(outcome, TooLong):
            raise DataError(
                f"The prompt has {outcome.length} tokens, more than --max_length {outcome.max_length}.",
                hint="Raise --max_length, or pass --truncation_strategy left.",
            )
        if isinstance(outcome, DataError):
            raise outcome
        return outcome

    def encode_prompts(self, conversations: Sequence[Conversation]) -> list[Outcome]:
        """Return the prompts of several rows, in order, all tokenised in one batch.

        An assistant message at the end that has a content is what the answer begins with.
        """
        if self._own is not None:
            return [self._cut(outcome) for outcome in self._own.encode_prompts(conversations)]
        return [
            replace(outcome, input_ids=list(outcome.input_ids), labels=(), loss_weights=None)
            if isinstance(outcome, Encoded)
            else outcome
            for outcome in self._encode(conversations, "infer")
        ]

    def pieces(self, row: Encoded) -> Sequence[Encoded]:
        """Return what is trained of a row: the row, or with `truncation_strategy split` the parts of it."""
        if self.plan.truncation_strategy != "split":
            return (row,)
        return split(row, self.plan.max_length)

    def segments(self, conversation: Conversation, *, mode: Mode = "train") -> list[Segment]:
        """Return the rendered row before it becomes tokens, for showing it.

        Raises:
            DataError: The row cannot be rendered.
        """
        return render(conversation, self.spec, self._options(mode))

    def _encode(self, conversations: Sequence[Conversation], mode: Mode) -> list[Outcome]:
        options = self._options(mode)
        outcomes: dict[int, Outcome] = {}
        rendered: list[tuple[int, list[Run]]] = []
        for i, conversation in enumerate(conversations):
            try:
                if self._sanitizer is not None:
                    conversation = self._sanitizer.mark(conversation)
                row = runs(render(conversation, self.spec, options), self._special_id)
            except DataError as error:
                outcomes[i] = error
            else:
                sanitizer = self._sanitizer
                rendered.append((i, row if sanitizer is None else cut_runs(row, sanitizer.pieces)))
        for encoded in encode_runs(
            rendered,
            self._tokenizer,
            turn_end=self._turn_end,
            is_binary=options.loss_scale.is_binary,
        ):
            outcomes[encoded.row] = self._cut(encoded)
        return [outcomes[i] for i in range(len(conversations))]

    def _options(self, mode: Mode) -> RenderOptions:
        return RenderOptions(
            mode=mode,
            loss_scale=self._scale if mode == "train" else loss_scales.get("default"),
            today=self.plan.today,
            count_tokens=lambda text: len(self._tokenizer.encode(text)),
            system=self.plan.system,
            response_prefix=self.plan.response_prefix,
            agent=self._agent,
            stop_texts=self._stop_texts,
            affixes=self._tokenizer.affixes if self.spec.auto_add_bos else Affixes(),
        )

    @cached_property
    def _forms(self) -> Forms:
        return Forms(self.spec, self._options("train"), self._special_id)

    def _cut(self, outcome: Encoded | DataError) -> Outcome:
        return outcome if isinstance(outcome, DataError) else self._shortened(outcome)

    def _shortened(self, encoded: Encoded) -> Encoded | TooLong:
        return truncate(
            encoded,
            self.plan.max_length,
            self.plan.truncation_strategy,
            protected=self._media_ids,
        )

    @cached_property
    def _media_ids(self) -> frozenset[int]:
        """Ids of the tokens in whose places images, videos and audios come."""
        found = map(self._tokenizer.token_id, self.spec.media_tokens)
        return frozenset(token for token in found if token is not None)

    def _ids(self, pieces: Pieces) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            if isinstance(piece, str):
                ids += self._tokenizer.encode(piece)
            elif isinstance(piece, SpecialToken):
                ids.append(self._special_id(piece))
            else:
                ids += piece
        return ids

    def _own_template(self) -> OwnTemplate | None:
        plan, tokenizer = self.plan, self._tokenizer
        if not plan.use_chat_template:
            return None
        if tokenizer.chat_template is None:
            if plan.template_backend == "jinja":
                raise NotFound(
                    "The tokenizer has no chat template of its own for --template_backend jinja.",
                    hint=f"Use --template_backend swift (template {self.spec.name!r}).",
                )
            return None
        if plan.template_backend != "jinja" and self.spec.name != "dummy":
            return None
        return OwnTemplate(
            tokenizer,
            scale=self._scale,
            system=plan.system,
            response_prefix=plan.response_prefix,
            sanitizer=self._sanitizer,
        )

    def _refuse_untrainable(self, own: OwnTemplate) -> None:
        if own.refusal is not None:
            argument = "template_backend" if self.plan.template_backend == "jinja" else "template"
            raise UsageError([ArgError(argument, f"{argument}: {own.refusal}.")])


def _in_lists(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Encoded):
        return outcome
    weights = outcome.loss_weights
    return replace(
        outcome,
        input_ids=list(outcome.input_ids),
        labels=list(outcome.labels),
        loss_weights=None if weights is None else list(weights),
    )


def _in_arrays(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Encoded):
        return outcome
    weights = outcome.loss_weights
    return replace(
        outcome,
        input_ids=array("i", outcome.input_ids),
        labels=array("i", outcome.labels),
        loss_weights=None if weights is None else array("d", weights),
    )


def _stop_texts(spec: TemplateSpec, tokenizer: Tokenizer) -> tuple[str, ...]:
    """Texts that end an answer, without line breaks around them."""
    suffix = [piece for piece in spec.suffix if isinstance(piece, str)]
    candidates = [
        *spec.stop_words,
        "".join(suffix) if len(suffix) == len(spec.suffix) else "",
        tokenizer.special_token("eos_token") or "",
    ]
    return tuple(dict.fromkeys(text.strip() for text in candidates if text.strip()))


def _stops(texts: Iterable[str], tokenizer: Tokenizer) -> Stops:
    ids: list[int] = []
    words: list[str] = []
    for text in texts:
        token = tokenizer.token_id(text)
        if token is None:
            words.append(text)
        else:
            ids.append(token)
    return Stops(tuple(ids), tuple(words))
