"""The transformers engine on real models: contract, batches, sampling, streaming."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from tests.contract.engine_contract import ClosingContract, EngineContract, greedy

from swiftx.adapters.engines._shared import WordsFinished
from swiftx.adapters.engines.transformers import TransformersEngine, padded_left
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer
from swiftx.domain.plans.inference import Completion, Request
from swiftx.domain.plans.loading import ModelHandle
from swiftx.errors import BackendError

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


def test_beams_end_at_a_stop_word(
    tiny_model: str, engine: TransformersEngine, prompts: list[list[int]]
) -> None:
    word = engine.generate([greedy(prompts[0], num_beams=2)])[0].text[0]
    request = greedy(prompts[0], num_beams=2, stop_words=(word,))
    tokenizer = tokenizer_of(tiny_model)
    finished = WordsFinished(tokenizer, request.generation, 1)
    beams = torch.tensor([tokenizer.encode(text) for text in (word + "ab", f"a{word}b", "abc")])

    answer = engine.generate([request])[0]

    assert word not in answer.text[:-1]
    assert (answer.finish_reason == "stop") == answer.text.endswith(word)
    assert finished(beams).tolist() == [False, True, False]  # the first token is the prompt


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
    monkeypatch.setattr(torch.Tensor, "argmax", lambda *_: next(script))

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


def test_failure_of_the_model_reaches_the_reader_of_the_stream(
    engine: TransformersEngine,
) -> None:
    with pytest.raises(BackendError, match="failed while generating"):
        list(engine.stream(greedy([10**6])))


def test_padding_goes_left_and_is_masked() -> None:
    ids, mask = padded_left([[1, 2, 3], [4]], padding=0)

    assert ids.tolist() == [[1, 2, 3], [0, 0, 4]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


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
