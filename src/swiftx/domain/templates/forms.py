"""Forms: what a template writes around the messages of a conversation, worked out once for all of one shape.

Where nothing but their number and speakers decides what is written, a conversation of marks is rendered, and
other texts take the places of the marks. The words of most templates do not depend on the messages; those
of the others (thoughts, tools, texts that are rewritten) are rendered row by row.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import sub
from typing import NamedTuple

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.chat.pieces import SpecialToken
from swiftx.domain.chat.rows import PLAIN_ROLES, PlainRow, StandardRow
from swiftx.domain.plans.encoded import IGNORE, Encoded, EncodedBlock
from swiftx.domain.ports.tokenizer import FlatTokens, Tokenizer
from swiftx.domain.templates.encode import runs
from swiftx.domain.templates.render import RenderOptions, render
from swiftx.domain.templates.spec import TemplateSpec
from swiftx.domain.templates.thinking import thought_openings
from swiftx.errors import DataError

_MARK = re.compile("\ufdd1([0-9]+)\ufdd2")  # noncharacters: no template writes them
_KEPT = 1024
_NOTHING_TRAINED = array("i", [IGNORE]) * 4096


class Turns(NamedTuple):
    """A conversation of nothing but texts.

    Attributes:
        roles: Who speaks, message by message.
        contents: The texts.
        losses: The messages' own loss flags; empty when there are none.
    """

    roles: tuple[str, ...]
    contents: tuple[str, ...]
    losses: tuple[float | None, ...] = ()


def plain_turns(row: StandardRow) -> Turns | None:
    """Return the conversation of a row that has nothing beside it; None for any other row."""
    if type(row) is PlainRow:
        return Turns(row.roles, row.contents)
    messages = row.get("messages")
    if len(row) != 1 or not messages:
        return None
    return Turns(
        tuple([message["role"] for message in messages]),
        tuple([message["content"] for message in messages]),
        tuple([message.get("loss") for message in messages]),
    )


class _Shape(NamedTuple):
    """What decides what is written around the messages of a row.

    Attributes:
        thoughts: Which messages begin with a thought; empty where a template does not look.
    """

    roles: tuple[str, ...]
    losses: tuple[float | None, ...]
    thoughts: tuple[bool, ...] = ()


class _Run(NamedTuple):
    """What is written of one weight: text, tokenised at a time, or ids.

    Attributes:
        text: With `%s` for each of the row's `contents[first:end]`; None for ids.
    """

    text: str | None
    first: int
    end: int
    ids: tuple[int, ...]
    trained: bool


class _Stretch(NamedTuple):
    """Runs from `first` to before `end`; `between`: what is trained stands before and after them."""

    first: int
    end: int
    between: bool


class _Form(NamedTuple):
    """What is written around the messages of a row.

    Attributes:
        texts: Number of runs that are texts.
        untrained: Stretches of runs that are not trained.
    """

    runs: tuple[_Run, ...]
    texts: int
    untrained: tuple[_Stretch, ...]


class Forms:
    """The forms of a template.

    Args:
        spec: The template.
        options: How conversations are rendered for training.
        special_id: Id of a special token.
    """

    def __init__(
        self,
        spec: TemplateSpec,
        options: RenderOptions,
        special_id: Callable[[SpecialToken], int],
    ) -> None:
        self._spec = spec
        self._options = options
        self._special_id = special_id
        scale = options.loss_scale
        reads = (spec.rewrite, spec.finish, scale.keys, scale.patterns, scale.query_keys)
        forgets = spec.thinking is not None and scale.rounds == "last"
        self._serves = not any(reads) and not forgets
        self._thoughts = () if spec.thinking is None else thought_openings(spec.thinking)
        self._forms: dict[_Shape, _Form | None] = {}

    def encode(
        self,
        conversations: Sequence[Turns | None],
        tokenizer: Tokenizer,
        *,
        turn_end: array[int],
        rows: Sequence[int],
    ) -> EncodedBlock | list[Encoded | None]:
        """Return conversations as tokens, in a block where every one has a form of texts alone.

        Among others, None stands for one that must be rendered.

        Args:
            conversations: None for one that is more than texts.
            tokenizer: Turns all their texts into ids in one batch.
            turn_end: Ids that end a turn.
            rows: The conversations' numbers.
        """
        stop_texts = self._options.stop_texts
        texts: list[str] = []
        found: list[tuple[_Form, int] | None] = []
        for turns in conversations:
            form = None if turns is None else self._of(self._shape(turns))
            # An empty message, or an answer that ends with its own end, leaves pieces out.
            if (
                form is None
                or turns is None
                or not all(contents := turns.contents)
                or contents[-1].endswith(stop_texts)
            ):
                found.append(None)
                continue
            found.append((form, len(texts)))
            texts += [
                text % contents[first:end]
                for text, first, end, _, _ in form.runs
                if text is not None
            ]
        tokens = tokenizer.encode_flat(texts)
        block = _block(found, tokens, turn_end=turn_end, rows=rows)
        if block is not None:
            return block
        return [
            None if each is None else _labelled(*each, tokens, turn_end=turn_end, row=row)
            for each, row in zip(found, rows, strict=True)
        ]

    def _shape(self, turns: Turns) -> _Shape:
        if not self._thoughts:
            return _Shape(turns.roles, turns.losses)
        begins = tuple([bool(text) and text.startswith(self._thoughts) for text in turns.contents])
        return _Shape(turns.roles, turns.losses, begins)

    def _of(self, shape: _Shape) -> _Form | None:
        try:
            return self._forms[shape]
        except KeyError:
            form = self._found(shape) if self._serves else None
            if len(self._forms) < _KEPT:
                self._forms[shape] = form
            return form

    def _found(self, shape: _Shape) -> _Form | None:
        if not PLAIN_ROLES.issuperset(shape.roles) or shape.roles[-2:] == (
            "assistant",
            "assistant",
        ):
            return None  # two texts of an answer may only together end as it does
        marked = [f"\ufdd1{number}\ufdd2" for number in range(len(shape.roles))]
        for number, begins in enumerate(shape.thoughts):
            marked[number] = self._thoughts[0] * begins + marked[number]
        losses = [None if loss is None else bool(loss) for loss in shape.losses]
        messages = map(Message, shape.roles, marked, losses or [None] * len(marked))
        conversation = Conversation(messages=tuple(messages))
        try:
            written = runs(render(conversation, self._spec, self._options), self._special_id)
        except DataError:
            return None
        form = []
        next_one = 0
        for content, weight in written:
            if weight not in (0.0, 1.0):
                return None
            if not isinstance(content, str):
                form.append(_Run(None, 0, 0, content, weight > 0))
                continue
            text, *rest = _MARK.split(content)
            numbers, between = list(map(int, rest[::2])), rest[1::2]
            if numbers != list(range(next_one, next_one + len(numbers))):
                return None  # a message that is left out, or written at another place
            texts = [text, *between]
            for place, number in enumerate(numbers):
                if shape.thoughts and shape.thoughts[number]:
                    texts[place] = texts[place].removesuffix(self._thoughts[0])
            text = "%s".join(part.replace("%", "%%") for part in texts)
            form.append(_Run(text, next_one, next_one + len(numbers), (), weight > 0))
            next_one += len(numbers)
        if next_one < len(marked):
            return None
        return _Form(
            tuple(form),
            sum(run.text is not None for run in form),
            tuple(_stretches([run.trained for run in form])),
        )


def _stretches(trained: Sequence[bool]) -> Iterator[_Stretch]:
    first = 0
    for is_trained, runs_of in groupby(trained):
        end = first + len(list(runs_of))
        if not is_trained:
            yield _Stretch(first, end, first > 0 and end < len(trained))
        first = end


def _block(
    found: Sequence[tuple[_Form, int] | None],
    tokens: FlatTokens,
    *,
    turn_end: array[int],
    rows: Sequence[int],
) -> EncodedBlock | None:
    """Return all rows at once, with the labels of `_labelled`; None when one of them needs more than that."""
    ids, ends = tokens
    if None in found or 0 in map(sub, ends[1:], ends):
        return None
    labels = ids[:]
    row_ends = array("q", [0])
    close = len(turn_end)
    for each in found:
        if each is None or each[0].texts < len(each[0].runs):
            return None
        form, first = each
        for start_run, end_run, between in form.untrained:
            start, end = ends[first + start_run], ends[first + end_run]
            if between and start + close <= end and ids[start : start + close] == turn_end:
                start += close
            labels[start:end] = _ignored(end - start)
        labels[ends[first]] = IGNORE
        row_ends.append(ends[first + form.texts])
    return EncodedBlock(input_ids=ids, labels=labels, ends=row_ends, rows=rows)


def _labelled(
    form: _Form, first: int, tokens: FlatTokens, *, turn_end: array[int], row: int
) -> Encoded | None:
    """Return a row whose texts were tokenised; None when one of them has no token.

    The labels are those of `encode.encode_runs`: the ids of trained runs, and of the end of a turn
    between two of them.

    Args:
        form: Of the row.
        first: Number of the row's first text among those of `tokens`.
        tokens: Of many texts.
        turn_end: Ids that end a turn.
        row: Number of the row.
    """
    ids, ends = tokens
    if form.texts == len(form.runs):
        own = ids[ends[first] : ends[first + form.texts]]
        lengths = _lengths(ends, first, form.texts)
    else:
        own, lengths = _with_ids(form, first, tokens)
    labels = own[:]
    gap, after_trained, start = None, False, 0
    for (_, _, _, _, trained), length in zip(form.runs, lengths, strict=True):
        if not length:
            return None
        end = start + length
        if not trained:
            labels[start:end] = _ignored(length)
            if after_trained:
                gap = start
        elif gap is not None:
            close = gap + len(turn_end)
            if close <= start and own[gap:close] == turn_end:
                labels[gap:close] = turn_end
            gap = None
        after_trained, start = trained, end
    labels[0] = IGNORE
    return Encoded(input_ids=own, labels=labels, row=row)


def _lengths(ends: array[int], first: int, count: int) -> list[int]:
    bounds = ends[first : first + count + 1]
    return [end - start for start, end in pairwise(bounds)]


def _with_ids(form: _Form, first: int, tokens: FlatTokens) -> tuple[array[int], list[int]]:
    """Return the ids of a row whose form has ids of its own, and the length of each run."""
    own, lengths = array("i"), []
    for text, _, _, ids, _ in form.runs:
        if text is None:
            part = array("i", ids)
        else:
            part = tokens.ids[tokens.ends[first] : tokens.ends[first + 1]]
            first += 1
        own += part
        lengths.append(len(part))
    return own, lengths


def _ignored(count: int) -> array[int]:
    if count <= len(_NOTHING_TRAINED):
        return _NOTHING_TRAINED[:count]
    return array("i", [IGNORE]) * count
