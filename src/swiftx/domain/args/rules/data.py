"""Rules about rows: which are read, how they are split, when they are tokenized."""

from __future__ import annotations

import json
from collections.abc import Sequence

from swiftx.domain.args.paths import missing_folder
from swiftx.domain.args.rule import KEEP, Facts, Values, check, notice, override, rule
from swiftx.errors import ArgError

_TRAINING = ("pt", "sft", "rlhf")


@override("split_dataset_ratio", needs=("val_dataset",))
def validation_rows_of_their_own_need_no_split(values: Values, _: Facts) -> object:
    """Rule D1."""
    return 0.0 if values.val_dataset else KEEP


@override("split_dataset_ratio", needs=("streaming",))
def a_stream_cannot_be_split(values: Values, _: Facts) -> object:
    """Rule D2."""
    return 0.0 if values.streaming else KEEP


@override("split_dataset_ratio", needs=("save_strategy",), commands=_TRAINING)
def without_evaluation_nothing_is_split_off(values: Values, _: Facts) -> object:
    """Rule T7."""
    strategy = values.given("eval_strategy") or values.save_strategy
    return 0.0 if strategy == "no" else KEEP


@rule("lazy_tokenize", needs=("streaming", "packing"), needs_model=True)
def only_media_is_tokenized_when_needed(values: Values, facts: Facts) -> object:
    """Rule D6."""
    media = facts.model is not None and facts.model.is_multimodal
    return media and not values.streaming and not values.packing


@override("lazy_tokenize", needs=("to_cached_dataset",))
def a_cached_dataset_is_tokenized_at_once(values: Values, _: Facts) -> object:
    """Rule E6."""
    return False if values.to_cached_dataset else KEEP


@rule("packing_length", needs=("packing", "max_length"))
def a_packed_sequence_is_as_long_as_a_row_may_be(values: Values, _: Facts) -> object:
    """Rule D9."""
    return values.max_length if values.packing else KEEP


@check("dataset", "cached_dataset", commands=_TRAINING)
def there_is_training_data(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rule T18: a validation set alone is not enough."""
    if values.dataset or values.cached_dataset:
        return ()
    hint = "Add --dataset FILE_OR_ID, such as --dataset self-cognition#500."
    return [ArgError("dataset", "No training data is given.", hint)]


@check("dataset", "val_dataset", "split_dataset_ratio", commands=("infer",))
def inference_data_has_rows_to_answer(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rule I3: only validation rows are answered."""
    if not values.dataset or values.val_dataset or values.split_dataset_ratio > 0:
        return ()
    return [
        ArgError(
            "dataset",
            "infer answers validation rows, and there are none: dataset is for training.",
            "Give the rows with --val_dataset, or split some off with --split_dataset_ratio 0.1.",
        )
    ]


@check("lazy_tokenize", "packing", "streaming", "cached_dataset")
def lazy_tokenizing_stands_alone(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rules D7 and D8."""
    if not values.lazy_tokenize:
        return ()
    reasons = {
        "packing": "needs the length of every row beforehand",
        "streaming": "tokenizes rows as they come anyway",
        "cached_dataset": "is tokenized already",
    }
    return [
        ArgError(
            "lazy_tokenize",
            f"lazy_tokenize and {name} exclude each other: {name} {reason}.",
            f"Leave out --lazy_tokenize or --{name}.",
        )
        for name, reason in reasons.items()
        if getattr(values, name)
    ]


@check("packing_length", "packing", needs_model=True)
def packed_sequences_have_a_length(values: Values, _: Facts) -> Sequence[ArgError]:
    """Without one of its own, it is that of a row, which a model need not limit."""
    length = values.packing_length
    if not values.packing or (length is not None and length > 0):
        return ()
    problem = "is needed: nothing else limits it" if length is None else f"{length} is not positive"
    message = f"packing_length: {problem}."
    return [ArgError("packing_length", message, "Add --packing_length 4096, or --max_length.")]


@check("cached_dataset", "streaming")
def cached_datasets_can_be_read(values: Values, facts: Facts) -> Sequence[ArgError]:
    errors = [
        ArgError(
            "cached_dataset",
            f"cached_dataset: folder not found: {facts.storage.absolute(path)!r}.",
            "Make one with `swiftx export --to_cached_dataset true`.",
        )
        for path in values.cached_dataset
        if missing_folder(path, facts.storage)
    ]
    if values.cached_dataset and values.streaming:
        message = "streaming and cached_dataset exclude each other."
        errors.append(ArgError("streaming", message, "Leave out --streaming."))
    return errors


@check("split_dataset_ratio", "dataset", "cached_dataset", commands=_TRAINING)
def only_a_dataset_is_split(values: Values, _: Facts) -> Sequence[ArgError]:
    if values.dataset or not values.cached_dataset or values.split_dataset_ratio <= 0:
        return ()
    return [
        ArgError(
            "split_dataset_ratio",
            f"split_dataset_ratio: {values.split_dataset_ratio} splits a --dataset, and there is none.",
            "Give it to `swiftx export --to_cached_dataset true`, which keeps both parts.",
        )
    ]


@check("custom_dataset_info")
def dataset_registries_can_be_read(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rule D5."""
    problems = ((path, _registry_problem(path, facts)) for path in values.custom_dataset_info)
    return [
        ArgError("custom_dataset_info", f"custom_dataset_info: {problem}", "It is a JSON list.")
        for _, problem in problems
        if problem
    ]


@check("max_steps", "streaming", commands=_TRAINING)
def a_streamed_run_says_how_long_it_is(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rule T38."""
    if not values.streaming or values.max_steps > 0:
        return ()
    return [
        ArgError(
            "max_steps",
            "streaming needs max_steps: a stream has no length to count epochs by.",
            "Add --max_steps N; --max_epochs may stop the run earlier.",
        )
    ]


@check(
    "streaming",
    "group_by_length",
    "sortish_sampler",
    "train_sampling_strategy",
    commands=_TRAINING,
)
def a_stream_has_an_order_of_its_own(values: Values, _: Facts) -> Sequence[ArgError]:
    if not values.streaming:
        return ()
    by_length = values.train_sampling_strategy == "group_by_length"
    wanted = {
        "group_by_length": values.group_by_length,
        "sortish_sampler": values.sortish_sampler,
        "train_sampling_strategy": by_length,
    }
    return [
        ArgError(
            name,
            f"{name} needs the length of every row beforehand, which a stream does not know.",
            f"Leave out --{name}, or --streaming.",
        )
        for name, given in wanted.items()
        if given
    ]


@check("split_dataset_ratio")
def a_ratio_is_a_share(values: Values, _: Facts) -> Sequence[ArgError]:
    if 0 <= values.split_dataset_ratio <= 1:
        return ()
    message = f"split_dataset_ratio: {values.split_dataset_ratio} is not between 0 and 1."
    return [
        ArgError("split_dataset_ratio", message, "0.1 keeps a tenth of the rows for validation.")
    ]


@notice("model_name", "model_author", "dataset", "val_dataset")
def names_are_taught_by_self_cognition(values: Values, _: Facts) -> Sequence[str]:
    given = [name for name in ("model_name", "model_author") if getattr(values, name)]
    datasets = (*(values.dataset or ()), *(values.val_dataset or ()))
    if not given or any("self-cognition" in text for text in datasets):
        return ()
    return [
        f"{' and '.join(given)}: without effect, for only the data set self-cognition has places for them. "
        "Add --dataset self-cognition."
    ]


def _registry_problem(path: str, facts: Facts) -> str | None:
    if not facts.storage.is_file(path):
        return f"file not found: {facts.storage.absolute(path)!r}."
    try:
        json.loads(facts.storage.read_text(path))
    except json.JSONDecodeError as error:
        return f"{path!r} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    return None


STEPS = (
    validation_rows_of_their_own_need_no_split,
    a_stream_cannot_be_split,
    without_evaluation_nothing_is_split_off,
    only_media_is_tokenized_when_needed,
    a_cached_dataset_is_tokenized_at_once,
    a_packed_sequence_is_as_long_as_a_row_may_be,
)
CHECKS = (
    there_is_training_data,
    inference_data_has_rows_to_answer,
    lazy_tokenizing_stands_alone,
    packed_sequences_have_a_length,
    cached_datasets_can_be_read,
    only_a_dataset_is_split,
    dataset_registries_can_be_read,
    a_streamed_run_says_how_long_it_is,
    a_stream_has_an_order_of_its_own,
    a_ratio_is_a_share,
)
NOTICES = (names_are_taught_by_self_cognition,)
