"""The transformers engine on real models: contract, batches, sampling, streaming."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from queue import SimpleQueue
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from tests.contract.engine_contract import ClosingContract, EngineContract, greedy, pieces

from swiftx.adapters.engines.transformers import TransformersEngine
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer
from swiftx.domain.inference.scheduling import Limits
from swiftx.domain.plans.inference import Completion, Delta, Request
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.ports.engine import Listener
from swiftx.errors import BackendError, SwiftxError, UsageError

TEXTS = ("Who are you?", "a", "The quick brown fox jumps over the lazy dog", "数一数")


def make_engine(folder: str, **changes: Any) -> TransformersEngine:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, **changes).eval()
    length = model.config.max_position_embeddings
    return TransformersEngine(ModelHandle(model), tokenizer_of(folder), max_model_len=length)


def tokenizer_of(folder: str) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(transformers.AutoTokenizer.from_pretrained(folder))


@pytest.fixture(scope="module")
def engine(tiny_model: str) -> TransformersEngine:
    return make_engine(tiny_model)


@pytest.fixture(scope="module")
def prompts(tiny_model: str) -> list[list[int]]:
    tokenizer = tokenizer_of(tiny_model)
    return [tokenizer.encode(text) for text in TEXTS]


class TestTransformersEngine(EngineContract, ClosingContract):
    @pytest.fixture
    def engine(self, engine: TransformersEngine) -> TransformersEngine:
        return engine

    @pytest.fixture
    def spare(self, tiny_model: str) -> TransformersEngine:
        return make_engine(tiny_model)

    @pytest.fixture
    def prompts(self, prompts: list[list[int]]) -> list[list[int]]:
        return prompts


def sampled(prompt: list[int], **settings: Any) -> Request:
    return greedy(prompt, **({"temperature": 0.9, "max_new_tokens": 12} | settings))


def test_greedy_tokens_are_those_of_generate(
    tiny_model: str, engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    for prompt in prompts:
        expected = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=16, repetition_penalty=1.3
        )[0, len(prompt) :].tolist()

        request = greedy(prompt, max_new_tokens=16, repetition_penalty=1.3, stop_ids=(2,))
        answer = engine.generate([request])[0]

        assert list(answer.token_ids) == [token for token in expected if token != 2]


def test_sampled_answers_depend_on_their_seed_and_not_on_the_batch(
    engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    requests = [sampled(prompt, seed=index) for index, prompt in enumerate(prompts)]

    together = engine.generate(requests)

    assert together == [engine.generate([request])[0] for request in requests]
    assert engine.generate([sampled(prompts[0], seed=99)])[0].text != together[0].text


def test_sampling_keeps_to_the_likeliest_tokens(
    engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    request = sampled(prompts[0], seed=1, top_k=2, logprobs=True, top_logprobs=2)

    answer = engine.generate([request])[0]

    assert answer.logprobs is not None
    for entry in answer.logprobs:
        assert entry.logprob in [pytest.approx(value) for _, value in entry.top]


def test_different_ways_of_choosing_share_a_batch(
    engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    requests = [
        greedy(prompts[0]),
        sampled(prompts[1], seed=3, top_p=0.5),
        greedy(prompts[2], repetition_penalty=1.5, max_new_tokens=3),
    ]

    assert engine.generate(requests) == [engine.generate([request])[0] for request in requests]


def test_beam_search_finds_what_generate_finds(
    tiny_model: str, engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    expected = model.generate(
        torch.tensor([prompts[0]]), do_sample=False, num_beams=3, max_new_tokens=10
    )[0, len(prompts[0]) :].tolist()

    answer = engine.generate([greedy(prompts[0], num_beams=3, max_new_tokens=10, logprobs=True)])[0]

    assert list(answer.token_ids) == expected
    assert answer.logprobs is not None
    assert [entry.token_id for entry in answer.logprobs] == expected
    deltas = list(engine.stream(greedy(prompts[0], num_beams=3, max_new_tokens=10)))
    assert "".join(delta.text for delta in deltas) == answer.text


def test_beams_obey_biases(engine: TransformersEngine, prompts: list[list[int]]) -> None:
    request = greedy(prompts[0], num_beams=2, logit_bias=((80, 100.0),), max_new_tokens=3)

    assert engine.generate([request])[0].token_ids == (80, 80, 80)


def test_beams_end_at_a_stop_word(
    tiny_model: str, engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    word = engine.generate([greedy(prompts[0], num_beams=2)])[0].text[0]
    request = greedy(prompts[0], num_beams=2, stop_words=(word,))

    answer = engine.generate([request])[0]

    assert word not in answer.text[:-1]
    assert (answer.finish_reason == "stop") == answer.text.endswith(word)


def test_without_a_limit_the_answer_fills_the_model(tiny_model: str) -> None:
    engine = make_engine(tiny_model, max_position_embeddings=40)

    answer = engine.generate([greedy([70] * 30, max_new_tokens=None)])[0]

    assert (len(answer.token_ids), answer.finish_reason) == (10, "length")


def test_defaults_of_the_model_folder_do_not_leak_into_requests(
    tiny_model: str, prompts: list[list[int]]
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    plain = make_engine(tiny_model).generate([greedy(prompts[0], max_new_tokens=12)])
    model.generation_config.update(
        do_sample=True, temperature=5.0, repetition_penalty=3.0, max_length=20, num_beams=4
    )
    model.generation_config.eos_token_id = [plain[0].token_ids[2]]

    engine = TransformersEngine(ModelHandle(model), tokenizer_of(tiny_model))

    assert engine.generate([greedy(prompts[0], max_new_tokens=12)]) == plain


@pytest.mark.filterwarnings("ignore")
def test_model_with_adapters_answers_like_its_merged_form(
    tiny_model: str, prompts: list[list[int]]
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    torch.manual_seed(0)
    tuned = get_peft_model(model, LoraConfig(target_modules="all-linear", init_lora_weights=False))
    tokenizer = tokenizer_of(tiny_model)
    requests = [greedy(prompt) for prompt in prompts]

    answers = TransformersEngine(ModelHandle(tuned.eval()), tokenizer).generate(requests)

    merged = TransformersEngine(ModelHandle(tuned.merge_and_unload()), tokenizer)
    assert [answer.token_ids for answer in answers] == [
        answer.token_ids for answer in merged.generate(requests)
    ]


def test_characters_of_several_tokens_arrive_whole(
    tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, tokenizer = make_engine(tiny_model), tokenizer_of(tiny_model)
    script = iter([*tokenizer.encode("a€数😀"), 2])
    monkeypatch.setattr(torch.Tensor, "argmax", lambda *_, **__: torch.tensor([next(script)]))

    deltas = list(engine.stream(greedy([70], max_new_tokens=50, stop_ids=(2,))))

    assert [delta.text for delta in deltas if delta.text] == ["a", "€", "数", "😀"]
    assert deltas[-1].finish_reason == "stop"


def test_closing_a_stream_stops_the_model_soon(
    engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    stream = engine.stream(greedy(prompts[0], max_new_tokens=100_000))
    next(stream)
    started = time.monotonic()

    stream.close()

    assert time.monotonic() - started < 1


def test_failure_of_the_model_reaches_whoever_waits(
    tiny_model: str, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(tiny_model)
    model = engine_model(engine)
    monkeypatch.setattr(model, "forward", broken)

    with pytest.raises(BackendError, match="failed while generating: no luck"):
        list(engine.stream(greedy(prompts[0])))
    with pytest.raises(BackendError, match="failed while generating: no luck"):
        engine.generate([greedy(prompt) for prompt in prompts])
    monkeypatch.undo()
    assert engine.generate([greedy(prompts[0])])[0].text


def test_process_may_end_in_the_middle_of_an_answer(tiny_model: str) -> None:
    script = f"""
import transformers
from swiftx.adapters.engines.transformers import TransformersEngine
from swiftx.adapters.tokenizers.huggingface import load_tokenizer
from swiftx.domain.plans.inference import GenerationPlan, Request
model = transformers.AutoModelForCausalLM.from_pretrained({tiny_model!r})
engine = TransformersEngine(model, load_tokenizer({tiny_model!r}))
for number in range(8):
    engine.submit(Request(prompt_ids=[70 + number], generation=GenerationPlan()), lambda _: None)
next(engine.stream(Request(prompt_ids=[70], generation=GenerationPlan(temperature=0))))
"""

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120
    )

    assert ended.returncode == 0, ended.stderr


def test_answers_wait_when_the_memory_is_full(
    tiny_model: str, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(tiny_model)
    requests = [greedy(prompt, max_new_tokens=20) for prompt in (*prompts, *prompts[1:])]
    alone = [engine.generate([request])[0] for request in requests]
    forward = engine_model(engine).forward
    sizes: list[int] = []

    def tight(**inputs: Any) -> Any:
        if len(inputs["input_ids"]) > 3:
            raise torch.OutOfMemoryError("no more")
        sizes.append(len(inputs["input_ids"]))
        return forward(**inputs)

    monkeypatch.setattr(engine_model(engine), "forward", tight)

    assert engine.generate(requests) == alone
    assert max(sizes) in (2, 3)


def test_one_answer_that_does_not_fit_fails(
    tiny_model: str, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(tiny_model)

    def full(**_: Any) -> Any:
        raise torch.OutOfMemoryError("no more")

    monkeypatch.setattr(engine_model(engine), "forward", full)

    with pytest.raises(BackendError, match="memory is full"):
        engine.generate([greedy(prompts[0])])


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("no luck")


def engine_model(engine: TransformersEngine) -> Any:
    return engine._worker._model.base  # type: ignore[union-attr]


def test_token_that_the_model_does_not_have_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(UsageError, match="token 1000000, the model has 259"):
        engine.generate([greedy([10**6])])
    with pytest.raises(UsageError, match="logit_bias has token -1, the model has 259"):
        engine.generate([greedy([70], logit_bias=((-1, 2.0),))])


def test_penalties_change_what_is_said(
    engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    free = engine.generate([greedy(prompts[0], max_new_tokens=30)])[0]

    answer = engine.generate([greedy(prompts[0], max_new_tokens=30, presence_penalty=100.0)])[0]

    assert len(set(free.token_ids)) < 30
    assert len(set(answer.token_ids)) == 30


def test_answer_is_at_least_so_long(engine: TransformersEngine, prompts: list[list[int]]) -> None:
    stop = engine.generate([greedy(prompts[0])])[0].token_ids[0]

    answer = engine.generate([greedy(prompts[0], stop_ids=(stop,), min_new_tokens=4)])[0]

    assert len(answer.token_ids) >= 4
    assert stop not in answer.token_ids


def test_same_beginning_is_computed_once(tiny_model: str) -> None:
    engine, system = make_engine(tiny_model), [70 + number % 90 for number in range(100)]
    requests = [greedy([*system, 80 + number]) for number in range(4)]
    alone = [make_engine(tiny_model).generate([request])[0] for request in requests]

    together = engine.generate(requests)

    assert together == alone
    assert [answer.cached_tokens for answer in together] == [0, 96, 96, 96]
    assert engine.stats().cached_tokens == 288
    (again,) = engine.generate([requests[0]])
    assert (again, again.cached_tokens) == (alone[0], 96)


def test_next_turn_begins_with_what_was_said(tiny_model: str) -> None:
    engine = make_engine(tiny_model)
    first = greedy([70 + number % 90 for number in range(50)], max_new_tokens=20)
    (said,) = engine.generate([first])

    (answer,) = engine.generate([greedy([*first.prompt_ids, *said.token_ids, 75, 76])])

    assert answer.cached_tokens == 64


def test_prefixes_can_be_left_out(tiny_model: str) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    engine = TransformersEngine(ModelHandle(model), tokenizer_of(tiny_model), prefix_bytes=0)

    answers = [engine.generate([greedy([70] * 100)])[0] for _ in range(2)]

    assert answers[0] == answers[1]
    assert answers[1].cached_tokens == 0


def test_one_of_many_is_cancelled(tiny_model: str, prompts: list[list[int]]) -> None:
    engine = make_engine(tiny_model)
    expected = engine.generate([greedy(prompts[1], max_new_tokens=60)])[0]
    heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()
    other: SimpleQueue[Delta | SwiftxError] = SimpleQueue()

    ticket = engine.submit(greedy(prompts[0], max_new_tokens=1500), heard.put)
    engine.submit(greedy(prompts[1], max_new_tokens=60), other.put)
    heard.get(timeout=60)
    ticket.cancel()

    assert list(pieces(other))[-1].completion == expected
    assert engine.stats().running == 0
    assert engine.stats().requests == 3


def test_slots_limit_what_runs_at_once(tiny_model: str, prompts: list[list[int]]) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    engine = TransformersEngine(
        ModelHandle(model), tokenizer_of(tiny_model), limits=Limits(slots=2)
    )
    seen: list[int] = []
    queues: list[SimpleQueue[Delta | SwiftxError]] = [SimpleQueue() for _ in prompts]

    def listener(queue: SimpleQueue[Delta | SwiftxError]) -> Listener:
        def listen(delta: Delta | SwiftxError) -> None:
            seen.append(engine.stats().running)
            queue.put(delta)

        return listen

    for prompt, queue in zip(prompts, queues, strict=True):
        engine.submit(greedy(prompt, max_new_tokens=20), listener(queue))

    for queue in queues:
        assert list(pieces(queue))
    assert max(seen) == 2


def test_request_joins_a_running_batch(tiny_model: str, prompts: list[list[int]]) -> None:
    engine = make_engine(tiny_model)
    short = engine.generate([greedy(prompts[1])])[0]
    heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()
    ticket = engine.submit(greedy(prompts[0], max_new_tokens=1800), heard.put)
    heard.get(timeout=60)

    assert engine.generate([greedy(prompts[1])])[0] == short
    assert engine.stats().running == 1
    ticket.cancel()


def test_json_schema_holds_the_answer(engine: TransformersEngine, prompts: list[list[int]]) -> None:
    schema = json.dumps(
        {
            "type": "object",
            "properties": {"name": {"enum": ["Ann", "Bob"]}, "old": {"type": "boolean"}},
            "required": ["name", "old"],
            "additionalProperties": False,
        }
    )
    settings: dict[str, Any] = {"max_new_tokens": 200, "json_schema": schema, "stop_ids": (2,)}
    requests = [
        greedy(prompts[0], **settings),
        greedy(prompts[1]),
        *(sampled(prompts[2], seed=seed, **settings) for seed in range(5)),
    ]

    answers = engine.generate(requests)

    assert answers[1] == engine.generate([requests[1]])[0]
    for answer in (answers[0], *answers[2:]):
        said = json.loads(answer.text)
        assert said["name"] in ("Ann", "Bob")
        assert isinstance(said["old"], bool)
        assert answer.finish_reason == "stop"


@pytest.mark.parametrize("schema", ["{", '{"type": "nothing"}', "[]"])
def test_what_is_no_schema_is_refused(engine: TransformersEngine, schema: str) -> None:
    before = engine.stats().requests

    with pytest.raises(UsageError, match="JSON schema"):
        engine.generate([greedy([70]), greedy([70], json_schema=schema)])

    assert engine.stats().requests == before


def test_any_object_is_an_empty_schema(engine: TransformersEngine) -> None:
    request = sampled([70], seed=5, max_new_tokens=400, json_schema="{}", stop_ids=(2,))

    assert engine.generate([request])[0].text.lstrip().startswith("{")


def test_beams_refuse_what_they_cannot_do(engine: TransformersEngine) -> None:
    with pytest.raises(UsageError, match="no presence_penalty"):
        engine.generate([greedy([70], num_beams=2, presence_penalty=1.0)])


@pytest.mark.slow
def test_real_model_answers_a_batch_as_it_answers_one_by_one(packaged_model: str) -> None:
    engine, tokenizer = (
        make_engine(packaged_model, dtype=torch.float32),
        tokenizer_of(packaged_model),
    )
    questions = ["Who are you?", "Name the capital of France.", "写一句话。", "1+1=", TEXTS[2]]
    stops = (tokenizer.eos_token_id or 0,)

    def answer(texts: list[str]) -> list[Completion]:
        chats = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in texts]
        return engine.generate(
            [greedy(tokenizer.encode(chat), max_new_tokens=24, stop_ids=stops) for chat in chats]
        )

    together = answer(questions)

    assert together == [answer([question])[0] for question in questions]
    assert "Paris" in together[1].text
