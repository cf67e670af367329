"""The thread that owns the model: it reads prompts, lets answers grow, and tells who listens.

Between two passes anything may change: requests arrive, are cancelled, end, or give way to others.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import psutil
import torch

from swiftx.adapters.batching.answers import Answer
from swiftx.adapters.batching.batch import Reading, Running
from swiftx.adapters.batching.model import SharedModel
from swiftx.adapters.batching.plain import PlainGeneration
from swiftx.adapters.batching.sampling import choose
from swiftx.adapters.batching.slots import States
from swiftx.domain.inference.prefixes import PrefixBlocks
from swiftx.domain.inference.scheduling import Candidate, Limits, next_group, to_give_way
from swiftx.domain.plans.inference import EngineStats
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import BackendError, SwiftxError

_LOOK_AHEAD = 64
"""Waiting requests among which those are looked for that are read together."""

_LINGER_S = 5.0
"""Seconds that the thread waits for more before it ends; the next request starts another one."""

_SHARE_OF_MEMORY = 0.25
"""Of the free memory, for keys and values; they are copied when their buffers grow."""


class Worker:
    """Answers what is put into its queue.

    Args:
        limits: What it does at once; where they name no room, the memory that is free decides.
        prefix_bytes: Memory for the beginnings of prompts.
    """

    def __init__(
        self, model: SharedModel, tokenizer: Tokenizer, *, limits: Limits, prefix_bytes: int
    ) -> None:
        self._model = model
        self._plain = PlainGeneration(model.whole, model.base, tokenizer)
        self._limits = limits
        self._prefixes: PrefixBlocks[States] = PrefixBlocks(prefix_bytes)
        self._changed = threading.Condition()
        self._arrived: deque[Answer] = deque()
        self._waiting: deque[Answer] = deque()
        self._single: deque[Answer] = deque()  # are read alone: together, they failed
        self._reading: Reading | None = None
        self._running: dict[str | None, Running] = {}
        self._thread: threading.Thread | None = None
        self._numbers = itertools.count()
        self._closed = False
        self._done = EngineStats()

    def put(self, answer: Answer) -> None:
        """Take a request.

        Raises:
            BackendError: The engine is closed.
        """
        with self._changed:
            if self._closed:
                raise BackendError("The engine is closed.")
            answer.number = next(self._numbers)
            self._arrived.append(answer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
                self._thread.start()
            self._changed.notify()

    def wake(self) -> None:
        """Let it look at what was cancelled."""
        with self._changed:
            self._changed.notify()

    def stats(self) -> EngineStats:
        running = sum(len(batch.answers) for batch in tuple(self._running.values()))
        reading = self._reading
        return replace(
            self._done,
            running=running + (len(reading.answers) if reading else 0),
            waiting=len(self._arrived) + len(self._waiting) + len(self._single),
        )

    def close(self) -> None:
        """End all answers, wait for the thread, and forget the model."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._prefixes.clear()

    def _run(self) -> None:
        try:
            with torch.inference_mode():
                while self._has_work():
                    self._step()
        except BaseException as error:  # nobody may wait for a thread that is gone
            with self._changed:
                self._closed = True
                self._end_all(BackendError(f"The engine broke: {error!r}"))
            raise

    def _has_work(self) -> bool:
        """Wait for something to do; return False when the thread is to end."""
        with self._changed:
            while not self._closed and not self._busy():
                if not self._changed.wait(_LINGER_S):
                    break
            if self._closed:
                self._end_all(BackendError("The engine was closed."))
            if self._closed or not self._busy():
                self._thread = None
                return False
            self._waiting += self._arrived
            self._arrived.clear()
            return True

    def _busy(self) -> bool:
        return bool(
            self._arrived
            or self._waiting
            or self._single
            or self._reading
            or any(batch.answers for batch in self._running.values())
        )

    def _step(self) -> None:
        """Read one piece of the prompts that are next, and let every running answer have a token."""
        self._drop_cancelled()
        if self._waiting and self._goes_alone(self._waiting[0]):
            self._answer_alone(self._waiting.popleft())
        self._read()
        self._make_room()
        for batch in tuple(self._running.values()):
            if batch.answers:
                self._grow(batch)
        # An empty batch would keep the buffers of its largest hour.
        self._running = {name: batch for name, batch in self._running.items() if batch.answers}

    def _goes_alone(self, answer: Answer) -> bool:
        return self._model.alone is not None or answer.plan.num_beams > 1

    def _answer_alone(self, answer: Answer) -> None:
        try:
            self._model.activate(answer.adapter)
            self._plain.run(answer)
        except Exception as error:  # whatever it is, only this request ends
            self._fail([answer], error)
        else:
            self._count(answer)

    def _read(self) -> None:
        if self._reading is None:
            group = self._next_group()
            if not group:
                return
            self._reading = self._begin(group)
        reading = self._reading
        try:
            if not reading.read():
                return
            self._reading = None
            self._settle(reading)
        except Exception as error:
            self._reading = None
            self._failed_reading(reading.answers, error)

    def _failed_reading(self, answers: Sequence[Answer], error: Exception) -> None:
        """One of several failed: read them one by one, to find which."""
        left = [each for each in answers if not each.finished and not self._is_running(each)]
        if len(left) > 1:
            self._single += left
        else:
            self._fail(left, error)

    def _is_running(self, answer: Answer) -> bool:
        batch = self._running.get(answer.adapter)
        return answer.finished or (batch is not None and answer in batch.answers)

    def _next_group(self) -> list[Answer]:
        if self._single:
            return [self._single.popleft()]
        waiting: list[Answer] = []
        for answer in self._waiting:
            if self._goes_alone(answer) or len(waiting) == _LOOK_AHEAD:
                break
            waiting.append(answer)
        candidates = [
            Candidate(answer.ids, _length(self._known(answer)), answer.adapter)
            for answer in waiting
        ]
        chosen = next_group(candidates, self._limits, running=self._lengths())
        group = [waiting[position] for position in chosen]
        for position in reversed(chosen):
            del self._waiting[position]
        return group

    def _lengths(self) -> list[int]:
        return [len(answer.ids) for batch in self._running.values() for answer in batch.answers]

    def _known(self, answer: Answer) -> list[States]:
        return self._prefixes.longest(answer.ids, answer.adapter)

    def _begin(self, group: Sequence[Answer]) -> Reading:
        known = [_joined(self._known(answer)) for answer in group]
        for answer, states in zip(group, known, strict=True):
            if len(answer.ids) == answer.prompt_tokens:
                answer.cached = _length([states] if states else [])
        piece = max(self._limits.prompt_tokens // len(group), 1)
        return Reading(self._model, group, known, piece=piece)

    def _settle(self, reading: Reading) -> None:
        """Give the prompts that were read their first tokens, and let the answers run."""
        choices = choose(reading.logits(), [answer.rules for answer in reading.answers])
        batch = self._running.get(reading.adapter)
        if batch is None:
            batch = self._running[reading.adapter] = Running(self._model, reading.adapter)
        for row, answer in enumerate(reading.answers):
            length = len(answer.ids)
            states = reading.states(row, 0, length)
            self._limit_room(states)
            self._keep(answer, length, reading, row)
            piece = answer.take(choices[row])
            if answer.finished:
                self._count(answer)
            answer.tell(piece)
            if not answer.finished:
                batch.join(answer, states)

    def _grow(self, batch: Running) -> None:
        """Let every answer of a batch have its next token."""
        try:
            logits = batch.next_logits()
            choices = choose(logits, [answer.rules for answer in batch.answers])
        except torch.OutOfMemoryError as error:
            self._shrink(batch, error)
            return
        except Exception as error:
            self._running.pop(batch.adapter)
            self._fail(batch.answers, error)
            return
        answers = tuple(batch.answers)
        pieces = [answer.take(choice) for answer, choice in zip(answers, choices, strict=True)]
        for row in reversed(range(len(answers))):
            if answers[row].finished:
                self._keep(answers[row], len(answers[row].ids) - 1, batch, row)
                self._count(batch.leave(row))
        for answer, piece in zip(answers, pieces, strict=True):
            answer.tell(piece)

    def _keep(self, answer: Answer, length: int, source: Reading | Running, row: int) -> None:
        """Keep what was computed of an answer's first tokens, for prompts that begin with them."""

        def copied(start: int, end: int) -> tuple[States, int]:
            states = [
                (keys.clone(), values.clone()) for keys, values in source.states(row, start, end)
            ]
            return states, sum(keys.nbytes + values.nbytes for keys, values in states)

        self._prefixes.keep(answer.ids[:length], answer.adapter, copied)

    def _limit_room(self, states: States) -> None:
        """Find out how many tokens fit into the memory, once it is known how large one is."""
        if self._limits.cache_tokens is None:
            size = sum(keys.nbytes + values.nbytes for keys, values in states)
            per_token = max(size // states[0][0].shape[-2], 1)
            room = int(_free_bytes(self._model.device) * _SHARE_OF_MEMORY)
            self._limits = replace(self._limits, cache_tokens=max(room // per_token, 1))

    def _make_room(self) -> None:
        """Let the youngest answers wait again when the memory is full."""
        places = [(batch, answer) for batch in self._running.values() for answer in batch.answers]
        places.sort(key=lambda place: place[1].number)
        leaving = to_give_way([len(answer.ids) for _, answer in places], self._limits)
        for position in reversed(leaving):
            batch, answer = places[position]
            self._waiting.appendleft(batch.leave(batch.answers.index(answer)))

    def _shrink(self, batch: Running, error: Exception) -> None:
        """Go on with half the answers after the device's memory was full; one alone fails."""
        if len(batch.answers) == 1:
            self._running.pop(batch.adapter)
            self._fail(batch.answers, error)
            return
        lengths = self._lengths()
        self._limits = replace(
            self._limits, cache_tokens=max(len(lengths) // 2, 1) * (max(lengths) + 1)
        )

    def _drop_cancelled(self) -> None:
        for queue in (self._waiting, self._single):
            for answer in [answer for answer in queue if answer.cancelled]:
                queue.remove(answer)
                self._count(answer)
        if self._reading and all(answer.cancelled for answer in self._reading.answers):
            for answer in self._reading.answers:
                self._count(answer)
            self._reading = None
        for batch in self._running.values():
            for row in reversed(range(len(batch.answers))):
                if batch.answers[row].cancelled:
                    self._count(batch.leave(row))

    def _end_all(self, error: SwiftxError) -> None:
        answers = [*self._arrived, *self._waiting, *self._single]
        if self._reading:
            answers += self._reading.answers
        for batch in self._running.values():
            answers += batch.answers
        self._arrived.clear()
        self._waiting.clear()
        self._single.clear()
        self._reading = None
        self._running.clear()
        self._fail(answers, error)

    def _fail(self, answers: Sequence[Answer], error: Exception) -> None:
        for answer in answers:
            self._count(answer)
            answer.fail(_translated(error))

    def _count(self, answer: Answer) -> None:
        done = self._done
        self._done = replace(
            done,
            requests=done.requests + 1,
            prompt_tokens=done.prompt_tokens + answer.prompt_tokens,
            generated_tokens=done.generated_tokens + answer.generated_tokens,
            cached_tokens=done.cached_tokens + answer.cached,
        )


def _joined(blocks: Sequence[States]) -> States:
    """Return blocks one after the other as the states of one sequence; no blocks are no states."""
    return [
        (
            torch.cat([keys for keys, _ in layer], dim=-2),
            torch.cat([values for _, values in layer], dim=-2),
        )
        for layer in zip(*blocks, strict=True)
    ]


def _length(blocks: Sequence[States]) -> int:
    return sum(states[0][0].shape[-2] for states in blocks)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def _translated(error: Exception) -> SwiftxError:
    if isinstance(error, SwiftxError):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        failure = BackendError(
            "The device's memory is full.", hint="Lower --max_batch_size or --max_new_tokens."
        )
    else:
        failure = BackendError(f"The model failed while generating: {error}")
    failure.__cause__ = error
    return failure
