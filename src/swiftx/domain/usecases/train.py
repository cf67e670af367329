"""`swiftx sft` and `swiftx pt`: from arguments to checkpoints."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan, refuse_untrainable
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import LoadPlan, ModelHandle
from swiftx.domain.plans.training import TrainOutcome
from swiftx.domain.plans.tuning import FullPlan, LoraPlan, PeftPlan, TunerPlan
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.training.deepspeed import deepspeed_config, zero_stage
from swiftx.domain.training.fsdp import fsdp_plan, refuse_fsdp
from swiftx.domain.training.liger import refuse_liger
from swiftx.domain.training.optimisers import refuse_optimiser
from swiftx.domain.training.plan import resumed_checkpoint, train_plan
from swiftx.domain.training.sequence_parallel import refuse_sharing
from swiftx.domain.training.streamed import TokenStream
from swiftx.domain.training.summary import next_command, summary
from swiftx.domain.training.support import ineffective, refuse_unbuilt
from swiftx.domain.training.task import task_plan
from swiftx.domain.tuning.plan import tuner_plan
from swiftx.domain.usecases.train_answers import answering_plan, refuse_answering
from swiftx.domain.usecases.train_ports import TrainFacts, TrainPorts
from swiftx.domain.usecases.train_rows import (
    VALIDATION_FILE,
    rows_of_run,
    tell_dropped,
    template_of_run,
)
from swiftx.errors import ArgError, NotBuiltYet, UsageError

ARGS_FILE = "args.json"
_BEFORE_TRAINING = {ARGS_FILE, VALIDATION_FILE}


def train(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> TrainOutcome:
    """Train and report; whatever can go wrong cheaply goes wrong before the weights are loaded.

    Args:
        args: Resolved arguments of `sft` or `pt`.
        ports: The world.
        facts: The model, the machine, and where the arguments come from.

    Returns:
        What the run came to; `interrupted` when the user stopped it after a checkpoint.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: Arguments that exclude each other, or that PEFT or the trainer refuses.
        NotFound: A data set, the checkpoint to resume from, or an adapter is not there.
        DataError: No usable row, or none of whose tokens would be trained.
        StorageError: The output folder cannot be written, or the disk is full.
        BackendError: A library failed, or the loss is not finite.
    """
    refuse_unbuilt(args, facts.origin)
    _refuse_model(facts.model)
    _refuse_even_use_of_experts(args, facts.model)
    refuse_sharing(args, facts.model, world_size=facts.world_size)
    tuning = tuner_plan(args)
    _refuse_untrained_head(args, tuning)
    _refuse_spread_adapters(args, tuning)
    refuse_answering(args)
    device = "cpu" if args.use_cpu else facts.device.kind
    refuse_fsdp(args, tuning, device=device, world_size=facts.world_size)
    refuse_optimiser(args, device, world_size=facts.world_size)
    refuse_liger(args, device)
    refuse_untrainable(tuning, quantization_plan(args, facts.model, facts.device))
    if args.streaming and args.task_type != "causal_lm":
        raise NotBuiltYet(
            f"--streaming true with --task_type {args.task_type} is not built yet",
            hint="leave --streaming out",
        )
    resume_from = resumed_checkpoint(args.resume_from_checkpoint, ports.storage)
    _say_what_changes_nothing(args, ports, facts)
    with _claimed_folder(args, ports, facts):
        return _train(args, ports, facts, tuning, resume_from=resume_from)


def _train(
    args: TrainingArgs,
    ports: TrainPorts,
    facts: TrainFacts,
    tuning: TunerPlan,
    *,
    resume_from: str | None,
) -> TrainOutcome:
    loading = load_plan(
        args,
        facts.model,
        _loaded_on(args, facts),
        world_size=facts.world_size,
        trust_remote_code=args.trust_remote_code,
        new_head_seed=args.seed,
        quantization=quantization_plan(args, facts.model, facts.device),
    )
    tokenizer = ports.loader.tokenizer(loading)
    task = task_plan(args, tokenizer, facts.variables)
    template = template_of_run(args, tokenizer, facts)
    rows = rows_of_run(args, template, ports, facts)
    plan = train_plan(
        args,
        device=facts.device.kind,
        args_json=facts.args_json,
        pad_token_id=_padding(tokenizer),
        resume_from=resume_from,
        has_validation=len(rows.validation) > 0,
        packs=rows.packs,
        task=task,
        answering=answering_plan(args, rows.questions, template, ports, facts),
        statistics=rows.statistics,
    )
    ports.trainer.check(plan)
    model, tokenizer = _tuned(args, tuning, loading, ports, rows.train, resume_from=resume_from)
    outcome = ports.trainer.fit(
        model,
        tokenizer,
        plan,
        train=rows.train,
        validation=rows.validation,
        observer=ports.observer,
    )
    if isinstance(rows.train, TokenStream):
        tell_dropped(rows.train.dropped, ports)
    _report(outcome, tuning, ports, facts, talks=task is None)
    return outcome


def _refuse_model(model: ModelFacts) -> None:
    if model.is_multimodal:
        raise NotBuiltYet(
            f"{model.folder!r} is a multimodal model, and training those is not built yet",
            hint="name a text model",
        )
    if model.quantization is not None:
        raise NotBuiltYet(
            f"{model.folder!r} is quantised ({model.quantization}); training such models is not built yet",
            hint="name the model that it was made from",
        )


def _refuse_even_use_of_experts(args: TrainingArgs, model: ModelFacts) -> None:
    if args.router_aux_loss_coef and not model.is_moe:
        raise UsageError(
            [
                ArgError(
                    "router_aux_loss_coef",
                    f"router_aux_loss_coef: {model.folder!r} is no mixture of experts.",
                    "Leave --router_aux_loss_coef out.",
                )
            ]
        )


def _refuse_untrained_head(args: TrainingArgs, plan: TunerPlan) -> None:
    """Refuse adapters of our own with a head: it would be neither trained nor saved."""
    if args.task_type in ("seq_cls", "reranker") and not isinstance(plan, FullPlan | PeftPlan):
        raise NotBuiltYet(
            f"--train_type {args.train_type} does not train the head of --task_type {args.task_type} yet",
            hint="use lora or full",
        )


@contextmanager
def _claimed_folder(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> Iterator[None]:
    """Write args.json, which also proves that the folder can be written.

    A new folder in which nothing else has come when the run fails is gone with it: there was no training.
    """
    folder = str(args.output_dir)
    is_new = not ports.storage.exists(folder)
    if facts.rank == 0:
        text = json.dumps(facts.args_json, indent=2, ensure_ascii=False)
        ports.storage.write_text(f"{folder}/{ARGS_FILE}", f"{text}\n")
    try:
        yield
    except BaseException:
        if facts.rank == 0 and is_new and set(ports.storage.names(folder)) <= _BEFORE_TRAINING:
            for name in _BEFORE_TRAINING:
                ports.storage.take_back(f"{folder}/{name}")
        raise


def _refuse_spread_adapters(args: TrainingArgs, plan: TunerPlan) -> None:
    """Refuse adapters with ZeRO-3: after an evaluation, DeepSpeed's order of fetching weights breaks."""
    if zero_stage(deepspeed_config(args)) == 3 and not isinstance(plan, FullPlan):
        raise NotBuiltYet(
            f"--train_type {args.train_type} with ZeRO stage 3 is not built yet",
            hint="use --deepspeed zero2, or --train_type full",
        )


def _loaded_on(args: TrainingArgs, facts: TrainFacts) -> DeviceFacts:
    """Return where weights are put first: in memory those that the devices will have parts of only."""
    sharded = zero_stage(deepspeed_config(args)) == 3 or fsdp_plan(args) is not None
    return replace(facts.device, kind="cpu") if sharded else facts.device


def _say_what_changes_nothing(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> None:
    idle = ineffective(args, facts.origin)
    if idle:
        ports.reporter.warn(
            f"without effect in this run: {', '.join(f'--{name}' for name in idle)}"
        )
    if args.new_special_tokens and args.train_type != "full" and not _trains_embeddings(args):
        ports.reporter.warn(
            "the embeddings of --new_special_tokens are not trained: "
            "add --modules_to_save embed_tokens lm_head (named as in the model)"
        )
    narrower = facts.model.dtype in {"bfloat16", "float16"} and args.torch_dtype == "float32"
    if facts.device.kind == "cpu" and narrower:
        ports.reporter.say(
            f"The weights are {facts.model.dtype}; this CPU trains in float32, which it computes faster."
        )


def _trains_embeddings(args: TrainingArgs) -> bool:
    return args.train_type == "longlora" or bool(args.modules_to_save)


def _tuned(
    args: TrainingArgs,
    plan: TunerPlan,
    loading: LoadPlan,
    ports: TrainPorts,
    rows: Sequence[Encoded] | TokenStream,
    *,
    resume_from: str | None,
) -> tuple[ModelHandle, Tokenizer]:
    """Return the model with what is to be trained, and its tokenizer.

    `--adapters` are where training starts; with `--resume_only_model` the resumed adapter is. The weights
    of a run that is resumed whole are the trainer's business.
    """
    only_model = args.resume_only_model and resume_from is not None
    adapters = (str(resume_from),) if only_model else args.adapters
    model, tokenizer = ports.loader.load(loading)
    if adapters and not isinstance(plan, FullPlan):
        return ports.tuner.load(model, adapters, trainable=True), tokenizer
    return ports.tuner.attach(model, plan, _samples(plan, rows)), tokenizer


def _samples(plan: TunerPlan, rows: Sequence[Encoded] | TokenStream) -> list[Encoded]:
    """Return the rows that the initialisation looks at: the first ones, which are in random order."""
    sampled = plan.sampled if isinstance(plan, LoraPlan) else None
    count = 0 if sampled is None else sampled.batch_size * sampled.batches
    if isinstance(rows, TokenStream):  # they are trained on as well: the stream stays where it is
        streamed = (row for batch in rows.batches(1) for row in batch.rows)
        return list(itertools.islice(streamed, count))
    return [rows[index] for index in range(min(count, len(rows)))]


def _report(
    outcome: TrainOutcome, plan: TunerPlan, ports: TrainPorts, facts: TrainFacts, *, talks: bool
) -> None:
    if facts.rank != 0:
        return
    ports.reporter.table("Stopped" if outcome.interrupted else "Trained", summary(outcome))
    if outcome.interrupted:
        ports.reporter.say(
            f"Go on with the same command and\n  --resume_from_checkpoint {outcome.last_checkpoint}"
        )
        return
    command = next_command(outcome, is_adapter=not isinstance(plan, FullPlan))
    if talks and command is not None:  # `infer` does not know the other tasks yet
        ports.reporter.say(f"Talk to it:\n  {command}")


def _padding(tokenizer: Tokenizer) -> int:
    """Return what fills up short rows; any token will do, for it is masked."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return token
    return 0
