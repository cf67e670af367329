"""What the model is asked while it is trained, for `--predict_with_generate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.inference.validation import validation_questions
from swiftx.domain.plans.training import AnsweringPlan
from swiftx.domain.ports.system import Storage
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.deepspeed import deepspeed_config, zero_stage
from swiftx.domain.usecases.train_ports import TrainFacts, TrainPorts
from swiftx.errors import ArgError, NotBuiltYet, UsageError

_FILE = "generation_config.json"


def refuse_answering(args: TrainingArgs) -> None:
    """Refuse what cannot answer during training.

    Raises:
        NotBuiltYet: No process has the whole weights.
    """
    if args.predict_with_generate and zero_stage(deepspeed_config(args)) == 3:
        raise NotBuiltYet(
            "--predict_with_generate with ZeRO stage 3 is not built yet",
            hint="use --deepspeed zero2, or leave --predict_with_generate out",
        )


def answering_plan(
    args: TrainingArgs,
    rows: Sequence[StandardRow],
    template: ChatTemplate,
    ports: TrainPorts,
    facts: TrainFacts,
) -> AnsweringPlan | None:
    """Return what the model is asked in evaluations, and say which rows it is not; None asks nothing.

    Args:
        rows: The validation rows, when they are asked.
        template: Makes prompts of them.

    Raises:
        UsageError: --generation_config holds no configuration.
        DataError: Not one row can be asked.
    """
    if not rows or args.prediction_loss_only:
        return None
    asked = validation_questions(
        rows,
        args,
        template,
        origin=facts.origin,
        model_config=facts.model.generation_config,
        given_config=_given_config(args.generation_config, ports.storage),
        max_model_len=args.max_model_len or facts.model.max_model_len,
    )
    if asked.left_out:
        ports.reporter.warn(
            f"{asked.left_out} of {len(rows)} validation rows are not asked, the first one because "
            f"{asked.reason}"
        )
    return asked.plan


def _given_config(path: str | None, storage: Storage) -> Mapping[str, Any] | None:
    """Return the configuration that a file or folder holds; None where none was named."""
    if path is None:
        return None
    file = f"{path}/{_FILE}" if storage.is_dir(path) else path
    found: object = None
    problem = "there is no such file"
    if storage.is_file(file):
        try:
            found = json.loads(storage.read_text(file))
            problem = "it holds no JSON object"
        except ValueError as error:
            problem = str(error)
    if not isinstance(found, dict):
        raise UsageError(
            [
                ArgError(
                    "generation_config",
                    f"generation_config={path!r} cannot be used: {problem}.",
                    f"Name a {_FILE} or the folder that holds one.",
                )
            ]
        )
    return found
