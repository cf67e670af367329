"""`swiftx export --to_cached_dataset true`: the tokens of data sets, for training later or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from swiftx.domain.args.commands.export import ExportArgs
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.exporting.support import CACHED_DATASET
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.training.task import row_use
from swiftx.domain.training.tokenized import TRAIN, VALIDATION, TokenPorts, keep_tokens
from swiftx.errors import ArgError, NotBuiltYet, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedDatasetPorts:
    """What the export needs of the world.

    Attributes:
        tokenizer: Loads the tokenizer of the model.
    """

    tokens: TokenPorts
    tokenizer: Callable[[], Tokenizer]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedDatasetFacts:
    """What is known before the export.

    Attributes:
        origin: By argument: where its value comes from.
        today: The date that some prompts state.
        random_response: Where a row has several responses, draw one.
    """

    model: ModelFacts
    origin: Mapping[str, str]
    today: date
    random_response: bool = True


def cache_dataset(args: ExportArgs, ports: CachedDatasetPorts, facts: CachedDatasetFacts) -> str:
    """Write the tokens of `dataset` and `val_dataset` into a folder, and return it.

    Args:
        args: Resolved arguments of `export`.
        ports: The world.
        facts: The model, and where the arguments come from.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError, NotFound, DataError, BackendError, StorageError: As in training.
    """
    CACHED_DATASET.refuse_unbuilt(args, facts.origin, doing="caching a data set")
    if facts.model.is_multimodal:
        raise NotBuiltYet(
            f"{facts.model.folder!r} is a multimodal model, and caching its data is not built yet.",
            hint="Name a text model.",
        )
    reporter = ports.tokens.reporter
    idle = CACHED_DATASET.ineffective(args, facts.origin)
    if idle:
        reporter.warn(f"Without effect here: {', '.join(f'--{name}' for name in idle)}.")
    if args.output_dir is None:
        message = "output_dir: there is no folder to write to."
        raise UsageError([ArgError("output_dir", message, "Add --output_dir FOLDER.")])
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    tokenizer = ports.tokenizer()
    if tokenizer.fingerprint is None:
        raise NotBuiltYet(
            f"The tokenizer of {facts.model.folder!r} is code of its own, and nobody could tell later "
            "whether the tokens fit a model.",
            hint="Train with --dataset.",
        )
    template = ChatTemplate(template_plan(args, origin=facts.origin, today=facts.today), tokenizer)
    data = keep_tokens(plan, template, ports.tokens, args.output_dir, use=row_use(args))
    for name, tokens in ((TRAIN, data.train), (VALIDATION, data.validation)):
        if tokens is not None:
            reporter.table(f"Tokens ({name})", tokens.table)
            for warning in tokens.warnings:
                reporter.warn(warning)
    reporter.say(f"Train on it:\n  {_next_command(args, args.output_dir)}")
    return args.output_dir


def _next_command(args: ExportArgs, folder: str) -> str:
    """Return the training that the tokens are for."""
    command = "sft" if args.use_chat_template else "pt"
    task = "" if args.task_type == "causal_lm" else f" --task_type {args.task_type}"
    labels = "" if args.num_labels is None else f" --num_labels {args.num_labels}"
    return f"swiftx {command} --cached_dataset {folder}{task}{labels} --model …"
