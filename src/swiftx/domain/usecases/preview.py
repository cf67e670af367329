"""`swiftx preview`: what becomes of rows; no model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from swiftx.domain.args.commands.preview import PreviewArgs
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.datasets.reading import SeenRow, read_in_order
from swiftx.domain.datasets.row_encoding import EncodedRow, encode_in_order
from swiftx.domain.datasets.sequences import Purpose, purpose_of
from swiftx.domain.datasets.statistics import Bin, Finding, Notes
from swiftx.domain.datasets.survey import Survey
from swiftx.domain.inference.support import Support, words
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.plans.preview import Parity, Piece, PreviewRow, PreviewSequence
from swiftx.domain.ports.system import Reporter
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.parity import ParityCheck
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.templates.render import Mode
from swiftx.domain.templates.token_texts import token_texts
from swiftx.domain.training.packing import packing
from swiftx.errors import DataError, NotBuiltYet

SUPPORT = Support(
    runs=words(
        "adapters ckpt_dir load_args load_data_args use_hf hub_token trust_remote_code ignore_args_error "
        "external_plugins custom_register_path "
        "model model_type model_revision new_special_tokens task_type rlhf_type "
        "dataset val_dataset data_seed download_mode columns strict remove_unused_columns model_name "
        "model_author custom_dataset_info template system max_length truncation_strategy agent_template "
        "use_chat_template loss_scale response_prefix template_backend sanitize_control_tokens mode stage "
        "num_rows parity"
    ),
    not_built=frozenset(),
    no_effect=words(
        # rows are shown as they lie in their files
        "split_dataset_ratio dataset_num_proc load_from_cache_file dataset_shuffle val_dataset_shuffle "
        "streaming interleave_prob stopping_strategy shuffle_buffer_size "
        # how rows become batches
        "padding_free padding_side sequence_parallel_size "
        # of weights, and of multimodal models
        "torch_dtype attn_impl num_labels problem_type rope_scaling max_model_len device_map max_memory "
        "local_repo_path init_strategy max_pixels norm_bbox model_kwargs"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPorts:
    """What looking at rows needs of the world.

    Attributes:
        tokenizer: Loads the tokenizer of the model; not called before it is needed.
        show: Shows a row, in order.
    """

    data: DataPorts
    tokenizer: Callable[[], Tokenizer]
    show: Callable[[PreviewRow], None]
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFacts:
    """What is known before rows are read.

    Attributes:
        model: None where rows are shown before the template.
        origin: By argument: where its value comes from (`cli`, `default`, `rule:…`).
        today: The date that some prompts state.
        texts: Whether the texts of single tokens are shown.
        random_response: Where a row has several responses, draw one.
    """

    model: ModelFacts | None
    origin: Mapping[str, str]
    today: date
    texts: bool = True
    random_response: bool = True


@dataclass(frozen=True, slots=True)
class PreviewOutcome:
    """What became of all rows, shown or not.

    Attributes:
        table: Statistics as the rows of a table.
        histogram: Rows by their length; empty before the template.
        findings: What is wrong, the worst first.
    """

    table: Mapping[str, str]
    histogram: tuple[Bin, ...]
    findings: tuple[Finding, ...]

    @property
    def is_usable(self) -> bool:
        """Whether a training with the rows makes sense."""
        return not any(finding.fatal for finding in self.findings)


def preview(args: PreviewArgs, ports: PreviewPorts, facts: PreviewFacts) -> PreviewOutcome:
    """Show the first rows, in the order of their files, and look at all of them.

    Args:
        args: Resolved arguments.
        ports: The world.
        facts: What is known of the model and of the run.

    Returns:
        Statistics and findings of all rows.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: A bad address.
        NotFound: A data set is not there, or a template, or the tokenizer lacks what is needed of it.
        DataError: A file is not readable as data; or (strict) the first unusable row.
        BackendError, StorageError, MissingDependency: From the hub, the files or the tokenizer.
    """
    SUPPORT.refuse_unbuilt(args, facts.origin, doing="looking at rows")
    _say_what_changes_nothing(args, ports, facts)
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    seen = read_in_order(plan, ports.data)
    if args.stage == "rows":
        return _rows(seen, args, ports)
    if facts.model is not None and facts.model.is_multimodal:
        raise NotBuiltYet(
            f"{facts.model.folder!r} is a multimodal model, and its tokens cannot be shown yet.",
            hint="Add --stage rows to see the rows before the template.",
        )
    return _tokens(seen, args, ports, facts)


def _say_what_changes_nothing(args: PreviewArgs, ports: PreviewPorts, facts: PreviewFacts) -> None:
    idle = SUPPORT.ineffective(args, facts.origin)
    if idle:
        names = ", ".join(f"--{name}" for name in idle)
        ports.reporter.warn(f"Without effect here: {names}.")


def _rows(seen: Iterable[SeenRow], args: PreviewArgs, ports: PreviewPorts) -> PreviewOutcome:
    limit = _Limit(args.num_rows)
    survey = Survey()
    for row in seen:
        if row.row is None:
            survey.drop(row.reason, row.origin, row.detail)
        else:
            survey.add(row.row, (), row.origin)
        if limit.allows():
            error = None if row.row is not None else f"{row.reason}: {row.detail}"
            ports.show(
                PreviewRow(index=row.index, origin=row.origin, error=error, standard=row.row)
            )
    statistics = survey.statistics()
    return PreviewOutcome(statistics.table(), (), tuple(statistics.findings()))


def _tokens(
    seen: Iterable[SeenRow], args: PreviewArgs, ports: PreviewPorts, facts: PreviewFacts
) -> PreviewOutcome:
    tokenizer = ports.tokenizer()
    template = ChatTemplate(template_plan(args, origin=facts.origin, today=facts.today), tokenizer)
    purpose = purpose_of(rlhf_type=args.rlhf_type, task_type=args.task_type)
    if args.mode == "infer":
        purpose = Purpose.PROMPT
    parity = _ParityTally(template, purpose) if args.parity else None
    limit = _Limit(args.num_rows)
    survey = Survey.of(template)
    for row in encode_in_order(seen, template, purpose):
        _count(row, survey, strict=args.strict)
        compared = None if parity is None else parity.compare(row)
        if limit.allows():
            for shown in _shown(row, compared, tokenizer if facts.texts else None):
                ports.show(shown)
    statistics = survey.statistics()
    table = dict(statistics.table())
    if purpose is Purpose.ANSWER and args.max_length is not None and statistics.kept:
        packed = packing(statistics.lengths, args.max_length).table()
        table |= {f"with --packing, {name}": value for name, value in packed.items()}
    if parity is not None:
        table |= parity.table()
    return PreviewOutcome(table, statistics.histogram(), tuple(statistics.findings()))


class _Limit:
    """Lets the first few through; -1 lets all."""

    def __init__(self, count: int) -> None:
        self._left = count

    def allows(self) -> bool:
        if self._left > 0:
            self._left -= 1
            return True
        return self._left < 0


def _count(row: EncodedRow, survey: Survey, *, strict: bool) -> None:
    origin = row.seen.origin
    if row.seen.row is not None and row.sequences:
        survey.add(row.seen.row, row.sequences, origin)
    elif strict:
        raise DataError(row.detail, source=origin.source, row=origin.row)
    else:
        survey.drop(row.reason, origin, row.detail)


def _shown(
    row: EncodedRow, parity: Parity | None, tokenizer: Tokenizer | None
) -> Iterator[PreviewRow]:
    """Yield the row as it is shown, piece by piece; with a tokenizer, with the texts of its tokens."""
    seen, conversations = row.seen, row.conversations
    if conversations is None or not row.sequences:
        error = f"{row.reason}: {row.detail}"
        yield PreviewRow(index=seen.index, origin=seen.origin, error=error)
        return
    whole = PreviewRow(
        index=seen.index, origin=seen.origin, extras=dict(conversations.extras), parity=parity
    )
    if len(row.sequences) > len(conversations.all):
        for number, encoded in enumerate(row.sequences):
            yield replace(
                whole,
                piece=Piece(number, len(row.sequences)),
                parity=None if number else parity,
                sequences=(_sequence(None, encoded, tokenizer),),
            )
        return
    sides = (None, *(side for side, _ in conversations.sides))
    pairs = zip(sides, row.sequences, strict=True)
    yield replace(
        whole,
        sequences=tuple(_sequence(side, encoded, tokenizer) for side, encoded in pairs),
    )


def _sequence(side: str | None, encoded: Encoded, tokenizer: Tokenizer | None) -> PreviewSequence:
    texts = () if tokenizer is None else tuple(token_texts(encoded.input_ids, tokenizer))
    return PreviewSequence(side=side, encoded=encoded, texts=texts)


class _ParityTally:
    """Compares rows and counts the results."""

    def __init__(self, template: ChatTemplate, purpose: Purpose) -> None:
        self._check = ParityCheck(template)
        self._mode: Mode = "infer" if purpose is Purpose.PROMPT else "train"
        self._identical = 0
        self._notes = Notes()

    def compare(self, row: EncodedRow) -> Parity | None:
        """Return how a row compares; None for a row that has no conversation."""
        if row.conversations is None:
            return None
        parity = self._check.compare(row.conversations.main, self._mode)
        if parity.is_identical:
            self._identical += 1
        elif parity.reason is not None:
            self._notes.add("not comparable", row.seen.origin, parity.reason)
        else:
            self._notes.add("different", row.seen.origin, f"at token {parity.position}")
        return parity

    def table(self) -> Mapping[str, str]:
        """Return the counts as the rows of a table."""
        rows = {"parity, identical": f"{self._identical:,}"}
        return rows | {f"parity, {what}": str(noted) for what, noted in self._notes.of.items()}
