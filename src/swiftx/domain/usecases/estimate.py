"""`swiftx estimate`: the memory of a training run, before its weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from swiftx.domain.args.commands.estimate import EstimateArgs
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.memory import BatchShape, StepMemory
from swiftx.domain.plans.tuning import LoraPlan, PeftPlan, TunerPlan
from swiftx.domain.ports.rehearsal import Rehearsal, SkeletonLoader
from swiftx.domain.ports.system import Reporter
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.ports.tuner import Tuner
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.training.batch_shapes import largest_batch
from swiftx.domain.training.cached_sets import joined
from swiftx.domain.training.packing import lengths_of, packing
from swiftx.domain.training.plan import train_plan
from swiftx.domain.training.support import ineffective, refuse_unbuilt
from swiftx.domain.training.tokenized import CachePlan, TokenPorts
from swiftx.domain.tuning.plan import tuner_plan
from swiftx.domain.usecases.train_rows import token_sets
from swiftx.errors import DataError, NotBuiltYet

_SAME_SHAPES = frozenset({"true", "false", "gaussian"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatePorts:
    """What estimating needs of the world.

    Attributes:
        tokenizer: That of the model.
    """

    tokens: TokenPorts
    tokenizer: Tokenizer
    skeletons: SkeletonLoader
    tuner: Tuner
    rehearsal: Rehearsal
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateFacts:
    """What is known before.

    Attributes:
        origin: By argument: where its value comes from.
        today: The date that some prompts state.
        random_response: Where a row has several responses, draw one.
        cache: Where tokens are cached; None with plugins.
    """

    model: ModelFacts
    device: DeviceFacts
    origin: Mapping[str, str]
    today: date
    world_size: int = 1
    random_response: bool = True
    cache: CachePlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one process of a run needs.

    Attributes:
        memory: At the moment when a step holds most.
        batch: The largest batch, which that step has.
        buckets: Copies of gradients that several processes exchange, in bytes.
    """

    memory: StepMemory
    batch: BatchShape
    buckets: int

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return self.memory.total + self.buckets

    @property
    def fits(self) -> bool | None:
        """Whether the machine has that much now; None when nobody can say."""
        available = self.memory.available
        return None if available is None else self.total <= available


def estimate(args: EstimateArgs, ports: EstimatePorts, facts: EstimateFacts) -> Estimate:
    """Return what a training run with these arguments needs.

    Raises:
        NotBuiltYet: Something that was asked for cannot be trained, or not be estimated yet.
        DataError: No usable row.
        NotFound, UsageError, StorageError: From the data sets or the arguments.
        BackendError: The model cannot be run without its numbers.
    """
    refuse_unbuilt(args, facts.origin)
    _refuse_unestimated(args, facts)
    for name in ineffective(args, facts.origin):
        ports.reporter.warn(f"without effect on the memory: --{name}")
    tuning = _of_the_same_shape(tuner_plan(args))
    batch = _batch(args, ports, facts)
    loading = load_plan(
        args,
        facts.model,
        facts.device,
        world_size=facts.world_size,
        trust_remote_code=args.trust_remote_code,
    )
    plan = train_plan(
        args,
        device=facts.device.kind,
        args_json={},
        pad_token_id=0,
        resume_from=None,
        has_validation=False,
        statistics={},
    )
    model = ports.tuner.attach(ports.skeletons.skeleton(loading), tuning)
    memory = ports.rehearsal.measure(model, plan, batch)
    for note in memory.notes:
        ports.reporter.warn(note)
    return Estimate(
        memory=memory,
        batch=batch,
        buckets=memory.all_gradients if facts.world_size > 1 else 0,
    )


def _refuse_unestimated(args: EstimateArgs, facts: EstimateFacts) -> None:
    spread = facts.device.count > 1 and args.device_map is not None
    quantized = facts.model.quantization or quantization_plan(args, facts.model, facts.device)
    asked = {
        f"--task_type {args.task_type}": args.task_type != "causal_lm",
        f"the multimodal model {facts.model.folder!r}": facts.model.is_multimodal,
        "quantized weights": quantized is not None,
        f"--deepspeed {args.deepspeed}": args.deepspeed is not None,
        "--fsdp": bool(args.fsdp),
        "--sequence_parallel_size": args.sequence_parallel_size > 1,
        "--device_map": spread,
        "--adapters": bool(args.adapters),
        "--use_galore": args.use_galore,
        "--lisa_activated_layers": args.lisa_activated_layers > 0,
    }
    refused = [what for what, is_asked in asked.items() if is_asked]
    if refused:
        raise NotBuiltYet(
            f"the memory of a run with {', '.join(refused)} cannot be estimated yet",
            hint="without, the estimate is an upper bound for most of them",
        )


def _of_the_same_shape(plan: TunerPlan) -> TunerPlan:
    """Return a plan whose adapters are as large, and begin with no numbers of the weights."""
    if isinstance(plan, LoraPlan):
        plan = replace(plan, sampled=None, lora_ga=None)
    if isinstance(plan, PeftPlan) and plan.init_weights not in _SAME_SHAPES:
        return replace(plan, init_weights="true")
    return plan


def _batch(args: EstimateArgs, ports: EstimatePorts, facts: EstimateFacts) -> BatchShape:
    """Return the largest batch: of the rows, or of rows as long as may be."""
    size = args.per_device_train_batch_size
    flat = args.padding_free or args.packing
    has_rows = (args.dataset or args.cached_dataset) and not args.streaming
    if has_rows:
        lengths = _lengths(args, ports, facts)
        packs = None
        if args.packing and args.packing_length is not None:
            packs = packing(lengths, args.packing_length).bins
        shape = largest_batch(lengths, size, flat=flat, packs=packs, seed=args.data_seed)
    else:
        longest = (args.packing_length if args.packing else args.max_length) or 0
        shape = largest_batch([longest] * size, size, flat=flat)
    masked = shape.rows > 1 and not str(args.attn_impl).startswith("flash")
    return replace(shape, masked=masked)


def _lengths(args: EstimateArgs, ports: EstimatePorts, facts: EstimateFacts) -> Sequence[int]:
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    template = ChatTemplate(
        template_plan(args, origin=facts.origin, today=facts.today), ports.tokenizer
    )
    cache = facts.cache if args.load_from_cache_file else None
    sets, _ = token_sets(args, plan, template, ports.tokens, cache)
    rows = joined([each.train for each in sets if each.train is not None]).rows
    if not len(rows):
        raise DataError("there is no row to train on", hint="see --dataset")
    return lengths_of(rows)
