"""Answering the rows of a data set: in one go, in several attempts, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.datasets.pipeline import PreparedRows, prepare
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.datasets.report import summary as data_summary
from swiftx.domain.datasets.sampling import sampled
from swiftx.domain.inference.answering import Answer, Answering, RowAnswering
from swiftx.domain.inference.batching import batches
from swiftx.domain.inference.ledger import Kept, Ledger, run_digest
from swiftx.domain.inference.metrics import evaluate
from swiftx.domain.inference.support import settings_of
from swiftx.domain.usecases.infer_ports import InferFacts, InferOutcome, InferPorts
from swiftx.errors import DataError, SwiftxError

_JUDGED_AT_ONCE = 64
_AHEAD = 8
"""Rows that the engine has, for each that it answers at once: room for answers that wait for a longer one."""


def rows_to_answer(args: InferArgs, ports: InferPorts, facts: InferFacts) -> PreparedRows:
    """Return the rows to answer: the validation rows, or those of `dataset` when nothing is split off."""
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    data = prepare(plan, ports.data)
    ports.reporter.table("Data", data_summary(data.report))
    rows = data.validation if len(data.validation) else data.train
    if args.val_dataset_sample is None:
        return rows
    draws = ports.data.shuffler.draws(args.data_seed) if args.dataset_shuffle else None
    return rows.select(sampled(len(rows), args.val_dataset_sample, draws=draws))


def answer_rows(
    args: InferArgs,
    ports: InferPorts,
    rows: PreparedRows,
    *,
    outcome: InferOutcome,
    load: Callable[[], RowAnswering],
) -> InferOutcome:
    """Answer the rows that are not answered yet, and judge all of them.

    Args:
        load: Loads what answers; not called when nothing is left.

    Raises:
        UsageError: The results wait for another run.
        StorageError: The results cannot be written.
        BackendError: A library failed.
        DataError: Not one row could be answered.
    """
    ledger = Ledger(
        outcome.result_path, results=ports.results, storage=ports.data.storage, group=ports.group
    )
    try:
        left = ledger.begin(run_digest(settings_of(args), rows), len(rows))
        if ledger.resumed:
            ports.reporter.say(f"Going on with {outcome.result_path}: {len(left)} rows are left.")
        # Processes wait for the one that merges, also those to which no row is left.
        if left or (args.merge_lora and ports.group.size > 1):
            desk = _Desk(args, ports, ledger, left)
            _answer_some(desk, rows, load)
            outcome.seconds = desk.seconds
        ledger.finish()
    finally:
        ports.results.close()
    if ports.group.rank == 0:
        _judge(args, ports, outcome, ledger)
    return outcome


def _answer_some(desk: _Desk, rows: PreparedRows, load: Callable[[], RowAnswering]) -> None:
    """Answer the rows of a desk."""
    answering = load()
    started = desk.ports.clock.now()
    try:
        for number, answer in _answers(desk, answering, rows):
            desk.take(number, answer)
    finally:
        desk.flush()
        desk.seconds = (desk.ports.clock.now() - started).total_seconds()
        answering.close()
        if desk.done < len(desk.left):
            desk.ports.reporter.say(
                f"{desk.done} of {len(desk.left)} rows are answered. The same command with "
                f"--result_path {desk.ledger.path} goes on from there."
            )


def _answers(
    desk: _Desk, answering: RowAnswering, rows: PreparedRows
) -> Iterator[tuple[int, Answer]]:
    """Yield the answers with the numbers of their rows, in order, streamed one by one or in batches."""
    args = desk.args
    if args.stream:
        for number in desk.left:
            question = answering.question(rows[number])
            yield number, answering.streamed(question, desk.ports.terminal, number=number)
        return
    if isinstance(answering, Answering) and args.infer_backend == "pt" and args.base_url is None:
        asked = ((number, answering.question(rows[number])) for number in desk.left)
        size = args.max_batch_size
        ahead = size * _AHEAD if size > 1 else size
        with closing(answering.flowing(asked, ahead=ahead)) as answers:
            yield from answers
        return
    # The other engines make batches of their own, of all that they are given.
    size = args.write_batch_size
    if args.task_type != "causal_lm" and args.base_url is None:
        size = _JUDGED_AT_ONCE  # of which the engine makes batches of rows of like length
    for batch in batches(desk.left, size):
        questions = [answering.question(rows[number]) for number in batch]
        yield from zip(batch, answering.batch(questions, batch), strict=True)


class _Desk:
    """Takes the answers to the rows of this process, and has them written.

    Attributes:
        left: Numbers of the rows.
        done: How many of them are answered.
        seconds: That it took.
    """

    def __init__(
        self, args: InferArgs, ports: InferPorts, ledger: Ledger, left: Sequence[int]
    ) -> None:
        self.args = args
        self.ports = ports
        self.ledger = ledger
        self.left = left
        self.done = 0
        self.seconds = 0.0
        self._pending: list[Kept] = []
        self._warned = False

    def take(self, number: int, answer: Answer) -> None:
        """Write an answer, perhaps with later ones.

        Raises:
            SwiftxError: The row failed, and the run is strict.
        """
        self.done += 1
        self._pending.append(
            Kept(number, answer.row, answer.prompt_tokens, answer.generated_tokens)
        )
        if answer.error is not None:
            self._fail(number, answer.error)
        if 0 < self.args.write_batch_size <= len(self._pending):
            self.flush()
        if not self.args.stream:  # the answers themselves show how far it is
            self.ports.progress(self.done, len(self.left))

    def flush(self) -> None:
        """Write the rows that wait."""
        rows, self._pending = self._pending, []
        if rows:
            self.ledger.write(rows)

    def _fail(self, number: int, error: SwiftxError) -> None:
        if self.args.strict:
            raise error
        if not self._warned:
            self._warned = True
            message = f"Row {number} failed and is recorded with its error: {error.message}"
            self.ports.reporter.warn(f"{message} {error.hint or ''}".rstrip())


def _judge(args: InferArgs, ports: InferPorts, outcome: InferOutcome, ledger: Ledger) -> None:
    """Count and score all rows of the run, also those of an attempt that broke off.

    Raises:
        DataError: Not one could be answered.
    """
    pairs: list[tuple[str, str]] = []
    total, first = 0, None
    counts = ledger.counts
    outcome.samples, outcome.prompt_tokens, outcome.generated_tokens = counts
    for row in ledger.rows():
        total += 1
        if row.get("error") is not None and row["response"] is None:
            outcome.failed += 1
            first = first or row["error"]
        elif args.metric and row["labels"] is not None:
            pairs.append((str(row["response"]), str(row["labels"])))
    if args.metric and pairs:
        outcome.metrics = evaluate(args.metric, pairs)
    elif args.metric:
        ports.reporter.warn(f"No row has a label, so there is no {args.metric}.")
    ports.reporter.table("Answered", outcome.table())
    if outcome.failed and outcome.failed == total:
        raise DataError(f"Not one of {total} rows could be answered; the first: {first}")
