"""Data sets that `swiftx export --to_cached_dataset` made: whether they fit a run, and all rows as one."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import Any, overload

from swiftx.domain.datasets.sequences import ANSWERS, TASK_PURPOSES, Purpose, RowUse
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.encoded import EncodedStore, OpenedFolder, StoredRows
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.packing import lengths_of
from swiftx.domain.training.tokenized import TokenizedData, TokenSet, kept_tokens, made_with
from swiftx.errors import ArgError, NotFound, UsageError

_ARGUMENT = "cached_dataset"
_AGAIN = "Make it again with `swiftx export --to_cached_dataset true`"
_COMPARED = {
    "name": "template",
    "system": "system",
    "use_chat_template": "use_chat_template",
    "template_backend": "template_backend",
    "agent_template": "agent_template",
    "loss_scale": "loss_scale",
    "sanitize_control_tokens": "sanitize_control_tokens",
}
"""Parts of the template by the argument that says them; all of them change tokens or labels."""

_ROWS_OF: Mapping[str, str] = {
    Purpose.ANSWER: "answers or texts that are learned (sft, pt, gkd)",
    Purpose.PAIR: "pairs of a chosen and a rejected answer (dpo, orpo, cpo, simpo, rm)",
    Purpose.FEEDBACK: "answers that are good or bad (kto)",
    Purpose.PROMPT: "prompts (ppo, grpo)",
    Purpose.CLASS: "texts with a label (--task_type seq_cls)",
    Purpose.DOCUMENTS: "texts that are compared (--task_type embedding)",
    Purpose.RANKING: "questions with documents (--task_type reranker, generative_reranker)",
}
_LABELS = ("num_labels", "problem_type")


def cached_sets(
    paths: Sequence[str],
    template: ChatTemplate,
    store: EncodedStore,
    *,
    use: RowUse = ANSWERS,
) -> list[TokenizedData]:
    """Return the data sets of folders.

    Args:
        paths: The folders.
        template: Of the run that is to use them.
        store: Holds the folders.
        use: What the run uses rows for.

    Raises:
        NotFound: A folder holds no cached data set.
        DataError: One is damaged.
        UsageError: One was made for another task, tokenizer or template, or with longer rows.
    """
    folders = {path: _opened(path, store) for path in paths}
    problems = [
        problem
        for path, folder in folders.items()
        for problem in _problems(path, folder, template, use)
    ]
    if problems:
        raise UsageError(problems)
    return [kept_tokens(folders[path]) for path in paths]


def _opened(path: str, store: EncodedStore) -> OpenedFolder:
    folder = store.open(path)
    if folder is None:
        raise NotFound(
            f"{path!r} holds no cached data set.",
            hint="Make one with `swiftx export --to_cached_dataset true`.",
        )
    return folder


def _problems(
    path: str, folder: OpenedFolder, template: ChatTemplate, use: RowUse
) -> Iterator[ArgError]:
    wanted, made = made_with(template, use), folder.note
    yield from _other_use(path, made.get("use", asdict(ANSWERS)), use)
    if made.get("tokenizer") is None or made["tokenizer"] != wanted["tokenizer"]:
        yield ArgError(
            _ARGUMENT,
            f"{_ARGUMENT}: {path!r} was made with another tokenizer.",
            f"{_AGAIN} for the model of this run.",
        )
    yield from _other_options(path, made.get("template") or {}, wanted["template"])
    own = wanted["template"]["template_backend"] == "jinja" or template.plan.by_default
    if own and made.get("template", {}).get("chat_template") != template.tokenizer.chat_template:
        yield ArgError(
            _ARGUMENT,
            f"{_ARGUMENT}: {path!r} was made with another chat template of the tokenizer.",
            f"{_AGAIN} for the model of this run.",
        )
    limit = template.plan.max_length
    longest = max((max(lengths_of(rows), default=0) for rows in folder.rows.values()), default=0)
    if limit is not None and longest > limit:
        yield ArgError(
            _ARGUMENT,
            f"{_ARGUMENT}: {path!r} has rows of up to {longest} tokens, more than --max_length {limit}.",
            f"{_AGAIN} and --max_length {limit}, or raise --max_length of this run.",
        )


def _other_use(path: str, made: Mapping[str, Any], wanted: RowUse) -> Iterator[ArgError]:
    if made == asdict(wanted):
        return
    if made["purpose"] != wanted.purpose:
        found = _ROWS_OF.get(made["purpose"], f"{made['purpose']!r}")
        message = f"has rows of {found}, this run needs rows of {_ROWS_OF[wanted.purpose]}."
    else:
        differing = [name for name in _LABELS if made[name] != getattr(wanted, name)]
        said = " and ".join(f"{name} {made[name]!r}" for name in differing)
        now = " and ".join(f"{name} {getattr(wanted, name)!r}" for name in differing)
        message = f"was made with {said}, this run has {now}."
    again = f"{_AGAIN} and the --task_type, --num_labels and --problem_type of this run."
    yield ArgError(
        _ARGUMENT,
        f"{_ARGUMENT}: {path!r} {message}",
        again if wanted.purpose in TASK_PURPOSES else "Give the rows to this run with --dataset.",
    )


def _other_options(
    path: str, made: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[ArgError]:
    for part, argument in _COMPARED.items():
        if made.get(part) != wanted[part]:
            yield ArgError(
                _ARGUMENT,
                f"{_ARGUMENT}: {path!r} was made with {argument} {made.get(part)!r}, "
                f"this run has {wanted[part]!r}.",
                f"{_AGAIN}, or give this run the same --{argument}.",
            )


def joined(sets: Sequence[TokenSet]) -> TokenSet:
    """Return several sets as one, one after the other."""
    if len(sets) == 1:
        return sets[0]
    rows = JoinedRows([each.rows for each in sets])
    table = {
        f"{name}, set {number}": value
        for number, each in enumerate(sets, start=1)
        for name, value in each.table.items()
    }
    return TokenSet(
        rows=rows,
        table={"rows": f"{len(rows):,} of {len(sets)} sets", **table},
        warnings=[warning for each in sets for warning in each.warnings],
        summary="; ".join(each.summary for each in sets),
    )


class JoinedRows(StoredRows):
    """The rows of several sets, one after the other."""

    def __init__(self, parts: Sequence[Sequence[Encoded]]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(map(len, parts))]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | Sequence[Encoded]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = bisect_right(self._starts, index) - 1
        return self._parts[part][index - self._starts[part]]

    @property
    def lengths(self) -> array[int]:
        joined = array("i")
        for part in self._parts:
            joined.extend(lengths_of(part))
        return joined
