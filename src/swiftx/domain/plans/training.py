"""What a training run does, after every argument is resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swiftx.domain.plans.inference import Request
from swiftx.domain.plans.sharding import FsdpPlan
from swiftx.domain.plans.tasks import TaskPlan
from swiftx.domain.plans.tuning import GaLorePlan, LisaPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SwanlabPlan:
    """The SwanLab experiment that metrics go to.

    Attributes:
        mode: `cloud`, or `local`: written to a folder and sent nowhere.
        experiment: Its name.
        folder: Where SwanLab writes.
        project: None leaves it to SwanLab.
        workspace: None is the user of the key.
        token: API key; None uses the stored login.
        lark_url: Webhook that is told when the run ends; None tells nobody.
        lark_secret: Signs what the webhook is told.
    """

    mode: str
    experiment: str
    folder: str
    project: str | None = None
    workspace: str | None = None
    token: str | None = field(default=None, repr=False)
    lark_url: str | None = field(default=None, repr=False)
    lark_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationQuestion:
    """A validation row that the model is to answer.

    Attributes:
        row: Its number among the validation rows.
        label: The answer that the data have.
    """

    row: int
    request: Request
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringPlan:
    """What the model is asked in every evaluation.

    Attributes:
        questions: At least one.
        metric: `nlg`, `acc`, or the name of a plugin's metric.
        prefix: What every answer begins with, although the model does not say it.
        metric_sees_prompts: Whether the metric of a plugin is given them.
        max_model_len: Longest prompt and answer together, in tokens; None for no limit.
        at_once: Most questions that a process answers together.
    """

    questions: Sequence[ValidationQuestion]
    metric: str
    prefix: str = ""
    metric_sees_prompts: bool = False
    max_model_len: int | None = None
    at_once: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """Everything the training loop needs to know.

    Attributes:
        output_dir: Absolute path of the (versioned) run folder.
        device: `cuda`, `npu`, `mps` or `cpu`.
        trainer_arguments: Trainer values under the reference's names (`warmup_ratio`, `logging_dir`, …);
            the adapter translates them to the installed transformers in one table.
        args_json: What every checkpoint's args.json holds (secrets removed).
        additional_config: What every checkpoint's additional_config.json holds.
        padding_side: Side on which short rows of a batch are filled up.
        padding_free: Lay the rows of a batch end to end in one sequence, in which they do not see each other,
            instead of filling up the short ones.
        packs: Numbers of the training rows that go together, every row once; a batch then has so many packs
            instead of rows. None: each row by itself. Only with `padding_free`.
        sequence_parallel_size: Processes that share each row; 1: each process has rows of its own.
        train_dataloader_shuffle: Rows in the order of a permutation seeded with the data seed plus the
            epoch; else in the order given.
        resume_from: Checkpoint folder to continue from; None starts afresh.
        resume_only_model: The position in the data is taken from `resume_from`, the state of the optimiser
            and of the random numbers is not; the model given to the trainer holds the weights already.
        create_checkpoint_symlink: Make `best` and `last` in `output_dir`.
        max_epochs: Stop, evaluate and save after so many epochs.
        early_stop_interval: Stop when the best metric has not improved for so many evaluations.
        acc_strategy: `token` or `seq`: what the logged accuracy is a share of.
        use_logits_to_keep: Compute logits where labels are only; None does so where the model can.
        enable_dft_loss: Weigh each token's loss with its own probability (https://arxiv.org/abs/2508.05629).
        task: How whole rows are learned; None where tokens are.
        token_loss: Name of a plugin's loss of tokens; None for the cross entropy.
        token_metric: Name of a plugin's metric of tokens.
        metric_sees: What the metric of a plugin is given besides answers and labels: `inputs`, `loss`.
        optimizer: Name of a plugin's optimiser; None for that of the trainer's arguments.
        answering: What the model is asked in evaluations, besides the loss; None asks nothing.
        enable_channel_loss: Log the loss of each channel of the rows.
        router_aux_loss_coef: Weight of the loss that makes a mixture of experts use them evenly; 0: without.
        lora_plus_ratio: Learning rate of the B matrices over that of the A matrices; None for equal.
        lisa: Train a few layers at a time; None trains all that are trainable.
        galore: Project gradients to a low rank; None leaves the optimiser to the trainer's arguments.
        deepspeed: DeepSpeed's configuration, with `auto` where the trainer's arguments decide; None trains
            without it.
        fsdp: How PyTorch spreads the model over the processes; None where it does not.
        swanlab: The experiment of `--report_to swanlab` (or `all`, where it is installed); None without.
        plots: Draw `images/*.png` from the log at the end.
        statistics: What the last line of logging.jsonl says of the data.
    """

    output_dir: str
    device: str
    trainer_arguments: Mapping[str, Any]
    args_json: Mapping[str, Any]
    pad_token_id: int
    additional_config: Mapping[str, Any] = field(default_factory=dict)
    padding_side: str = "right"
    padding_free: bool = False
    packs: Sequence[Sequence[int]] | None = None
    sequence_parallel_size: int = 1
    train_dataloader_shuffle: bool = True
    resume_from: str | None = None
    resume_only_model: bool = False
    create_checkpoint_symlink: bool = False
    max_epochs: int | None = None
    early_stop_interval: int | None = None
    acc_strategy: str = "token"
    use_logits_to_keep: bool | None = None
    enable_dft_loss: bool = False
    task: TaskPlan | None = None
    token_loss: str | None = None
    token_metric: str | None = None
    metric_sees: frozenset[str] = frozenset()
    optimizer: str | None = None
    answering: AnsweringPlan | None = None
    enable_channel_loss: bool = False
    router_aux_loss_coef: float = 0.0
    lora_plus_ratio: float | None = None
    lisa: LisaPlan | None = None
    galore: GaLorePlan | None = None
    deepspeed: Mapping[str, Any] | None = None
    fsdp: FsdpPlan | None = None
    swanlab: SwanlabPlan | None = None
    plots: bool = True
    statistics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """What a finished run reports.

    Attributes:
        seconds: Wall time of the training loop.
        tokens: Tokens that this run has trained on (all processes), padding excluded.
        peak_memory_gib: Peak of the device memory, or of the process on a CPU.
        trainable_parameters: Number of parameters that were trained.
    """

    output_dir: str
    last_checkpoint: str | None
    best_checkpoint: str | None
    best_metric: float | None
    global_step: int
    train_loss: float | None
    seconds: float
    tokens: int
    peak_memory_gib: float
    trainable_parameters: int
    total_parameters: int
    interrupted: bool = False
