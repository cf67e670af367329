from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from tests.fakes.engine import Answer, ScriptedEngine
from tests.fakes.hub import InMemoryHub
from tests.fakes.merger import PlannedMerger
from tests.fakes.models import InMemoryLoader, model_facts
from tests.fakes.pooling import CountingPooling
from tests.fakes.rows import InMemoryRows, InMemorySink, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock
from tests.fakes.terminal import ScriptedTerminal
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.inference.alone import Alone
from swiftx.domain.plans.engines import ServedModel, ServicePlan
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.pooling import PoolingPlan
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.domain.ports.group import ProcessGroup
from swiftx.domain.ports.rows import RawRow
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.usecases.infer import infer
from swiftx.domain.usecases.infer_ports import InferFacts, InferOutcome, InferPorts
from swiftx.domain.usecases.merge_lora import MergePorts
from swiftx.errors import (
    BackendError,
    DataError,
    NotBuiltYet,
    StorageError,
    SwiftxError,
    UsageError,
)

TEN = [chat(f"q{row}", f"a{row}") for row in range(10)]
OUT = "/desk/out.jsonl"
REACT = "Action: add\nObservation: 3"


def question_in(prompt: str) -> str:
    """Return the last question of a ChatML prompt."""
    return prompt.rsplit("<|im_start|>user\n", 1)[1].split("<|im_end|>")[0]


def answer_by_number(prompt: str) -> Answer:
    return question_in(prompt).replace("q", "a")


class World:
    """Everything around the use case."""

    def __init__(
        self,
        answers: Callable[[str], Answer] = answer_by_number,
        *,
        files: Mapping[str, Sequence[RawRow]] | None = None,
        terminal: ScriptedTerminal | None = None,
        max_model_len: int = 2048,
    ) -> None:
        files = {"ten.jsonl": TEN} if files is None else files
        tokenizer = ByteTokenizer()
        self.storage = InMemoryStorage(dict.fromkeys(files, ""))
        self.engines: list[ScriptedEngine] = []
        self.sink = InMemorySink(self.storage)
        self.terminal = terminal or ScriptedTerminal()
        self.reporter = RecordingReporter()
        self.served: list[ServedModel] = []
        self.services: list[ServicePlan] = []
        self.group: ProcessGroup = Alone()
        self.merger = PlannedMerger()
        self.loader = InMemoryLoader({"/m": tokenizer, "/run/ckpt-merged": tokenizer})
        self.progress: list[tuple[int, int]] = []
        self.merged: list[tuple[int, int]] = []
        self.facts = model_facts("/m", max_model_len=max_model_len)
        self.pooling = CountingPooling()
        self._answers = answers
        self._rows = InMemoryRows(files)

    def engine(self, model: ServedModel, tokenizer: Tokenizer) -> InferenceEngine:
        self.served.append(model)
        length = model.max_model_len
        self.engines.append(ScriptedEngine(tokenizer, self._answers, max_model_len=length))
        return self.engines[-1]

    def judge(self, model: ServedModel, _: PoolingPlan) -> CountingPooling:
        self.served.append(model)
        return self.pooling

    def service(self, plan: ServicePlan) -> InferenceEngine:
        self.services.append(plan)
        answers = self._answers
        self.engines.append(ScriptedEngine(ByteTokenizer(), answers, conversations=True))
        return self.engines[-1]

    def infer(self, *, origin: Mapping[str, str] | None = None, **given: Any) -> InferOutcome:
        arguments: dict[str, Any] = {"template": "chatml", "result_path": OUT, "stream": False}
        args = InferArgs(**({"model": "/m"} | arguments | given))
        ports = InferPorts(
            data=DataPorts(self._rows, self.storage, SeededShuffler(), lambda _: InMemoryHub({})),
            group=self.group,
            tokenizer=self.loader.tokenizer,
            engine=self.engine,
            pooling=self.judge,
            service=self.service,
            merge=lambda: MergePorts(
                merger=self.merger,
                storage=self.storage,
                clock=TickingClock(),
                reporter=self.reporter,
                progress=lambda done, total: self.merged.append((done, total)),
            ),
            results=self.sink,
            terminal=self.terminal,
            clock=TickingClock(),
            reporter=self.reporter,
            progress=lambda done, total: self.progress.append((done, total)),
        )
        facts = InferFacts(
            model=None if args.base_url else self.facts,
            device=DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2),
            origin={**dict.fromkeys(given, "cli"), **(origin or {})},
            today=date(2026, 11, 24),
        )
        return infer(args, ports, facts)

    @property
    def results(self) -> list[RawRow]:
        return self.sink.files.get(OUT, [])


# --- a data set -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, -1])
def test_rows_are_answered_side_by_side_and_kept_in_order(size: int) -> None:
    world = World()

    outcome = world.infer(val_dataset=("ten.jsonl",), max_batch_size=size)

    assert [row["response"] for row in world.results] == [f"a{number}" for number in range(10)]
    assert [row["labels"] for row in world.results] == [f"a{number}" for number in range(10)]
    assert world.results[3]["messages"] == [
        {"role": "user", "content": "q3"},
        {"role": "assistant", "content": "a3"},
    ]
    assert world.progress == [(number, 10) for number in range(1, 11)]
    assert (outcome.samples, outcome.failed, outcome.result_path) == (10, 0, OUT)


@pytest.mark.parametrize(
    ("tools", "given", "answer"),
    [
        (True, {}, "Action: add\n"),
        (False, {}, REACT),
        (False, {"agent_template": "react_en"}, "Action: add\n"),
        (True, {"agent_template": "hermes"}, REACT),
    ],
)
def test_answers_with_tools_end_where_a_result_would_begin(
    tools: bool, given: dict[str, Any], answer: str
) -> None:
    tool = {"name": "add", "description": "", "parameters": {}}
    row = {**chat("q1", "a1"), **({"tools": [tool]} if tools else {})}
    world = World(lambda _: REACT, files={"one.jsonl": [row]})

    world.infer(val_dataset=("one.jsonl",), **given)

    assert [row["response"] for row in world.results] == [answer]


def test_tokens_and_time_are_counted() -> None:
    world = World()

    outcome = world.infer(val_dataset=("ten.jsonl",))

    assert outcome.prompt_tokens == sum(len(r.prompt_ids) for r in world.engines[0].requests)
    assert outcome.generated_tokens == 20
    assert outcome.seconds == 1
    table = world.reporter.tables["Answered"]
    assert table["num_samples"] == 10
    assert table["num_generated_tokens"] == 20
    assert table["samples/s"] == 10
    assert table["tokens/s"] == 20


def test_rows_split_off_the_data_set_are_answered() -> None:
    world = World()

    world.infer(dataset=("ten.jsonl",), split_dataset_ratio=0.3)

    assert len(world.results) == 3


def test_data_set_without_a_split_is_answered_whole() -> None:
    world = World()

    world.infer(dataset=("ten.jsonl",), dataset_shuffle=False)

    assert [row["response"] for row in world.results] == [f"a{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("shuffle", "expected"), [(False, ["a0", "a1", "a2"]), (True, None)], ids=["first", "drawn"]
)
def test_sample_of_the_rows(shuffle: bool, expected: list[str] | None) -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl",), val_dataset_sample=3, dataset_shuffle=shuffle)

    responses = [row["response"] for row in world.results]
    assert len(set(responses)) == 3
    assert expected is None or responses == expected


def test_results_are_appended_and_scores_are_of_this_run_only() -> None:
    world = World(lambda _: "a0")
    world.sink.files[OUT] = [{"response": "old", "labels": "old"}]

    outcome = world.infer(val_dataset=("ten.jsonl",), metric="acc")

    assert len(world.results) == 11
    assert outcome.metrics == {"acc": 0.1}
    assert world.reporter.tables["Answered"]["acc"] == 0.1


def test_rouge_is_reported_by_its_parts() -> None:
    outcome = World().infer(val_dataset=("ten.jsonl",), metric="rouge")

    assert outcome.metrics == {"rouge-1": 100.0, "rouge-2": 0.0, "rouge-l": 100.0}


def test_metric_without_labels_is_said() -> None:
    rows = [{"messages": [{"role": "user", "content": "q1"}]}]
    world = World(files={"ten.jsonl": rows})

    outcome = world.infer(val_dataset=("ten.jsonl",), metric="acc")

    assert outcome.metrics == {}
    assert "No row has a label" in world.reporter.warned[-1]


def fails(*numbers: int, error: SwiftxError) -> Callable[[str], Answer]:
    def answer(prompt: str) -> Answer:
        question = question_in(prompt)
        return error if question in {f"q{number}" for number in numbers} else question

    return answer


@pytest.mark.parametrize("size", [1, 4, -1])
def test_row_that_fails_is_recorded_and_the_rest_goes_on(size: int) -> None:
    world = World(fails(2, 5, error=BackendError("the model stumbled")))

    outcome = world.infer(val_dataset=("ten.jsonl",), max_batch_size=size, metric="acc")

    assert (outcome.samples, outcome.failed) == (10, 2)
    errors = {n: row["error"] for n, row in enumerate(world.results) if "error" in row}
    assert errors == dict.fromkeys((2, 5), "the model stumbled")
    assert world.results[2]["response"] is None
    assert world.results[3]["response"] == "q3"
    assert world.reporter.tables["Answered"]["rows that failed"] == 2
    assert "Row 2 failed" in world.reporter.warned[-1]


def test_prompt_that_is_too_long_fails_alone() -> None:
    world = World(files={"ten.jsonl": [*TEN[:2], chat("long " * 100, "x"), *TEN[2:4]]})

    outcome = world.infer(val_dataset=("ten.jsonl",), max_batch_size=-1, max_length=100)

    assert (outcome.samples, outcome.failed) == (5, 1)
    assert "more than --max_length 100" in world.results[2]["error"]


def test_strict_run_ends_at_the_first_failure_and_keeps_what_was_answered() -> None:
    world = World(fails(2, error=BackendError("the model stumbled")))

    with pytest.raises(BackendError):
        world.infer(val_dataset=("ten.jsonl",), strict=True)

    assert [row["response"] for row in world.results] == ["q0", "q1", None]


def test_run_in_which_every_row_fails_is_an_error() -> None:
    world = World(fails(*range(10), error=BackendError("the model stumbled")))

    with pytest.raises(DataError, match=r"Not one of 10 rows .*: the model stumbled"):
        world.infer(val_dataset=("ten.jsonl",))

    assert len(world.results) == 10


@pytest.mark.parametrize("size", [1, 4, 1000, -1])
def test_rows_that_wait_are_written_when_the_run_is_interrupted(size: int) -> None:
    def answer(prompt: str) -> Answer:
        if question_in(prompt) == "q9":
            raise KeyboardInterrupt
        return "x"

    world = World(answer)

    with pytest.raises(KeyboardInterrupt):
        world.infer(val_dataset=("ten.jsonl",), write_batch_size=size)

    assert len(world.results) == 9


def test_run_that_was_interrupted_goes_on_without_answering_a_row_twice() -> None:
    broken = {"q6"}

    def answer(prompt: str) -> Answer:
        question = question_in(prompt)
        if question in broken:
            raise KeyboardInterrupt
        return question.replace("q", "a")

    world = World(answer)
    with pytest.raises(KeyboardInterrupt):
        world.infer(val_dataset=("ten.jsonl",), metric="acc")
    assert "6 of 10 rows are answered" in world.reporter.said[-1]
    broken.clear()

    outcome = world.infer(val_dataset=("ten.jsonl",), metric="acc")

    assert [row["response"] for row in world.results] == [f"a{row}" for row in range(10)]
    assert outcome.samples == 4
    assert outcome.metrics == {"acc": 1.0}
    assert "4 rows are left" in world.reporter.said[-1]
    assert [request.generation.seed for request in world.engines[1].requests] == [48, 49, 50, 51]


def keep_the_state(world: World) -> None:
    """Make a run end as if it was killed when all its rows were written."""
    vars(world.storage)["take_back"] = lambda _: None


def test_nothing_is_loaded_to_finish_a_run_whose_rows_are_all_answered() -> None:
    world = World()
    keep_the_state(world)
    world.infer(val_dataset=("ten.jsonl",))

    outcome = world.infer(val_dataset=("ten.jsonl",))

    assert len(world.engines) == 1
    assert (outcome.samples, len(world.results)) == (0, 10)


def test_rows_that_failed_before_the_break_are_counted_and_stay_as_they_are() -> None:
    world = World(fails(2, error=BackendError("stumbled")))
    keep_the_state(world)
    world.infer(val_dataset=("ten.jsonl",))

    outcome = world.infer(val_dataset=("ten.jsonl",))

    assert outcome.failed == 1


def test_other_sampling_is_another_run() -> None:
    world = World()
    keep_the_state(world)
    world.infer(val_dataset=("ten.jsonl",))

    outcome = world.infer(val_dataset=("ten.jsonl",), temperature=0.5)

    assert (outcome.samples, len(world.results)) == (10, 20)


def test_streamed_rows_appear_on_the_terminal_one_by_one() -> None:
    world = World()

    outcome = world.infer(val_dataset=("ten.jsonl",), stream=True, max_batch_size=4)

    answers = [f"a{number}" for number in range(10)]
    assert world.terminal.written.splitlines() == answers
    assert world.progress == []
    assert [row["response"] for row in world.results] == answers
    assert all("logprobs" not in row for row in world.results)
    assert outcome.generated_tokens == 20


def test_log_probabilities_are_kept() -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#1",), logprobs=True, top_logprobs=2)

    (entry, *_) = world.results[0]["logprobs"]["content"]
    assert (entry["token"], entry["logprob"]) == ("a", -0.5)
    assert len(entry["top_logprobs"]) == 2


def test_each_row_has_a_seed_of_its_own_whatever_the_batches() -> None:
    seeds = []
    for size in (1, 3, -1):
        world = World()
        world.infer(val_dataset=("ten.jsonl",), max_batch_size=size, seed=7)
        seeds.append([request.generation.seed for request in world.engines[0].requests])

    assert seeds == [list(range(7, 17))] * 3


def test_system_text_and_ends_of_the_template_reach_the_engine() -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#1",), system="Be brief.", stop_words=("x",))

    request = world.engines[0].requests[0]
    assert "<|im_start|>system\nBe brief.<|im_end|>" in ByteTokenizer().decode(request.prompt_ids)
    assert ByteTokenizer().token_id("<|im_end|>") in request.generation.stop_ids
    assert request.generation.stop_words == ("x",)


def test_answer_includes_what_the_template_began_it_with() -> None:
    for stream in (False, True):
        world = World(terminal=ScriptedTerminal(["q1"]))
        world.infer(val_dataset=("ten.jsonl#1",), response_prefix="<think>", stream=stream)
        world.infer(response_prefix="<think>", stream=stream)

        assert [row["response"] for row in world.results] == ["<think>a0", "<think>a1"]
        prompt = ByteTokenizer().decode(world.engines[0].requests[0].prompt_ids)
        assert prompt.endswith("<|im_start|>assistant\n<think>")


# --- a chat ---------------------------------------------------------------------------------------


def test_piped_lines_are_answered_one_by_one() -> None:
    terminal = ScriptedTerminal(["q1", "", "q2"])
    world = World(terminal=terminal)

    outcome = world.infer(stream=True)

    assert terminal.shown == ["a1", "a2"]
    assert terminal.said == []
    assert outcome.samples == 2
    assert world.results[1] == {
        "response": "a2",
        "messages": [
            {"role": "user", "content": "q1"},
            {"role": "assistant", "content": "a1"},
            {"role": "user", "content": "q2"},
            {"role": "assistant", "content": "a2"},
        ],
    }


def test_person_is_told_the_commands_and_leaves_with_one() -> None:
    terminal = ScriptedTerminal(["q1", "clear", "q2", "exit", "q3"], interactive=True)
    world = World(terminal=terminal)

    world.infer(stream=True)

    assert "multi-line" in terminal.said[0]
    assert terminal.shown == ["a1", "a2"]
    assert [message["content"] for message in world.results[1]["messages"]] == ["q2", "a2"]


def test_without_streaming_the_answer_comes_at_once() -> None:
    terminal = ScriptedTerminal(["q1"])
    world = World(terminal=terminal)

    world.infer(stream=False)

    assert terminal.shown == ["a1"]
    assert world.engines[0].batch_sizes == [1]


def test_interrupted_answer_is_kept_as_far_as_it_came() -> None:
    terminal = ScriptedTerminal(["q1", "q2"], interactive=True, interrupt_after=1)
    world = World(lambda _: "long answer", terminal=terminal)

    world.infer(stream=True)

    assert [row["response"] for row in world.results] == ["l", "l"]
    assert world.results[1]["messages"][1] == {"role": "assistant", "content": "l"}


def test_question_that_fails_is_taken_back_and_the_chat_goes_on() -> None:
    terminal = ScriptedTerminal(["q1", "q2"], interactive=True)
    world = World(fails(1, error=BackendError("stumbled", hint="Try again.")), terminal=terminal)

    world.infer(stream=True)

    assert "stumbled Try again." in terminal.said
    assert [message["content"] for message in world.results[0]["messages"]] == ["q2", "q2"]


def test_question_from_a_pipe_that_fails_is_an_error() -> None:
    world = World(fails(1, error=BackendError("stumbled")), terminal=ScriptedTerminal(["q1", "q2"]))

    with pytest.raises(BackendError, match="stumbled"):
        world.infer(stream=True)


def test_chat_without_a_question_leaves_no_file() -> None:
    world = World(terminal=ScriptedTerminal(["exit"]))

    world.infer(stream=True)

    assert world.sink.files == {}


# --- a service ------------------------------------------------------------------------------------

URL = "http://127.0.0.1:9/v1"


def shout(prompt: str) -> Answer:
    return prompt.upper()


def test_service_is_asked_with_conversations_and_nothing_is_loaded() -> None:
    world = World(shout)

    world.infer(
        base_url=URL, api_key="k", model="theirs", val_dataset=("ten.jsonl#2",), system="Be brief."
    )

    assert world.served == []
    assert [row["response"] for row in world.results] == ["Q0", "Q1"]
    assert world.services[0] == ServicePlan(base_url=URL, api_key="k", model="theirs")
    conversation = world.engines[0].requests[0].conversation
    assert conversation is not None
    assert [message.content for message in conversation.messages] == ["Be brief.", "q0"]


def test_what_nobody_gave_is_left_to_the_service() -> None:
    world = World(shout)

    world.infer(base_url=URL, val_dataset=("ten.jsonl#2",), temperature=0.5, seed=7)

    plans = [request.generation for request in world.engines[0].requests]
    assert [plan.seed for plan in plans] == [7, 8]
    assert plans[0].temperature == 0.5
    assert plans[0].unset == {"top_p", "top_k", "repetition_penalty"}


@pytest.mark.parametrize(("given", "at_once"), [({}, 32), ({"max_batch_size": 1}, 1)])
def test_requests_that_are_open_at_once(given: dict[str, Any], at_once: int) -> None:
    world = World(shout)

    world.infer(base_url=URL, val_dataset=("ten.jsonl",), **given)

    assert world.services[0].at_once == at_once
    assert world.engines[0].batch_sizes == [10]


def test_chat_with_a_service() -> None:
    terminal = ScriptedTerminal(["hi", "ho"])
    world = World(shout, terminal=terminal)

    world.infer(base_url=URL, stream=True)

    assert terminal.shown == ["HI", "HO"]
    conversation = world.engines[0].requests[1].conversation
    assert conversation is not None
    assert [message.content for message in conversation.messages] == ["hi", "HI", "ho"]


def test_arguments_of_models_are_named_where_a_service_answers() -> None:
    world = World(shout)

    world.infer(base_url=URL, val_dataset=("ten.jsonl#1",), torch_dtype="float32", max_length=9)

    (warning,) = world.reporter.warned
    assert "--torch_dtype" in warning
    assert "--max_length" in warning


# --- models and arguments -------------------------------------------------------------------------


def test_adapters_are_put_on_the_base_model() -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#1",), adapters=("/run/ckpt",))

    assert [model.adapters for model in world.served] == [("/run/ckpt",)]
    assert [model.loading.folder for model in world.served] == ["/m"]


def test_name_of_an_adapter_is_not_part_of_its_place() -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#1",), adapters=("poet=/run/ckpt",))

    assert [model.adapters for model in world.served] == [("/run/ckpt",)]


@pytest.mark.parametrize(("engine", "sizes"), [("pt", []), ("vllm", [4])])
def test_pt_is_handed_rows_as_answers_end_and_other_engines_all_at_once(
    engine: Any, sizes: list[int]
) -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#4",), infer_backend=engine, max_batch_size=3)

    assert world.engines[0].batch_sizes == sizes


def test_engine_is_closed_after_rows_and_after_a_chat() -> None:
    worlds = [World(), World(terminal=ScriptedTerminal(["q1"]))]

    worlds[0].infer(val_dataset=("ten.jsonl#1",))
    worlds[1].infer()

    assert [world.engines[0].closed for world in worlds] == [True, True]


def test_merge_lora_answers_with_the_merged_model() -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#1",), adapters=("/run/ckpt",), merge_lora=True)

    assert world.merger.plans[0].output_dir == "/run/ckpt-merged"
    assert [model.adapters for model in world.served] == [()]
    assert [model.loading.folder for model in world.served] == ["/run/ckpt-merged"]


class FirstOfTwo:
    """The first of two processes, which never has to wait."""

    rank = 0
    size = 2

    def __init__(self) -> None:
        self.waits = 0

    def wait(self) -> None:
        self.waits += 1


@pytest.mark.parametrize("rows", [1, 2])  # the share of the first process is 0 or 1 of them
def test_processes_wait_as_often_with_rows_as_without(rows: int) -> None:
    world = World()
    world.group = group = FirstOfTwo()

    world.infer(val_dataset=(f"ten.jsonl#{rows}",), adapters=("/run/ckpt",), merge_lora=True)

    assert len(world.merger.plans) == 1
    assert group.waits == 3


def test_merged_model_of_an_earlier_run_is_used_again() -> None:
    world = World()
    world.merger.current.add("/run/ckpt-merged")

    world.infer(val_dataset=("ten.jsonl#1",), adapters=("/run/ckpt",), merge_lora=True)

    assert world.merger.plans == []
    assert [model.loading.folder for model in world.served] == ["/run/ckpt-merged"]


def test_outdated_merged_model_is_replaced() -> None:
    world = World()
    world.storage.write_text("/run/ckpt-merged/merged_from.json", "{}")

    world.infer(val_dataset=("ten.jsonl#1",), adapters=("/run/ckpt",), merge_lora=True)

    assert [plan.exist_ok for plan in world.merger.plans] == [True]


def test_folder_of_that_name_which_is_not_ours_is_left_alone() -> None:
    world = World()
    world.storage.write_text("/run/ckpt-merged/config.json", "{}")

    with pytest.raises(StorageError, match="was not merged by swiftx"):
        world.infer(val_dataset=("ten.jsonl#1",), adapters=("/run/ckpt",), merge_lora=True)

    assert world.merger.plans == []


def test_nothing_is_loaded_when_a_row_file_is_missing() -> None:
    world = World()

    with pytest.raises(SwiftxError):
        world.infer(val_dataset=("nowhere.jsonl",))

    assert world.served == []


def test_everything_that_is_not_built_is_named_before_anything_is_loaded() -> None:
    world = World()

    with pytest.raises(NotBuiltYet) as caught:
        world.infer(val_dataset=("ten.jsonl",), tuner_backend="unsloth", streaming=True)

    assert "--tuner_backend unsloth" in caught.value.message
    assert "--streaming true" in caught.value.message
    assert world.served == []


def test_arguments_without_effect_are_named() -> None:
    world = World()

    world.infer(val_dataset=("ten.jsonl#1",), vllm_max_num_seqs=8, loss_scale="all")

    assert world.reporter.warned == ["Without effect here: --loss_scale, --vllm_max_num_seqs."]


def test_multimodal_model_is_refused() -> None:
    world = World()
    world.facts = dataclasses.replace(world.facts, is_multimodal=True)

    with pytest.raises(NotBuiltYet, match="multimodal"):
        world.infer(val_dataset=("ten.jsonl",))


def test_counts_that_make_no_sense_are_named_together() -> None:
    with pytest.raises(UsageError) as caught:
        World().infer(
            val_dataset=("ten.jsonl",), max_batch_size=0, write_batch_size=-2, val_dataset_sample=-1
        )

    names = [error.argument for error in caught.value.errors]
    assert names == ["max_batch_size", "write_batch_size", "val_dataset_sample"]


def test_merging_needs_adapters() -> None:
    with pytest.raises(UsageError, match="no adapter"):
        World().infer(val_dataset=("ten.jsonl",), merge_lora=True)
