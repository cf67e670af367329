"""The vLLM engine for real, on a CPU: contract, adapters, sampling, schemas, prefixes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from tests.contract.engine_contract import ClosingContract, EngineContract, greedy
from tests.fakes.tiny_model import save_tiny_model

from swiftx.adapters.engines import vllm as adapter
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer, load_tokenizer
from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.inference.engine_options import vllm_plan
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.inference import Request
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.errors import UsageError

TEXTS = (
    "The capital of France is",
    "Once upon a time, there was a",
    "1, 2, 3, 4,",
    "数一数：一、二、",
)
SMALL = {"kv_cache_memory_bytes": 2**28}


def served(folder: str, **changes: Any) -> ServedModel:
    loading = LoadPlan(folder=folder, dtype="float32", device="cpu")
    return ServedModel(loading=loading, seed=42, **changes)


def start(model: ServedModel, **options: Any) -> InferenceEngine:
    args = InferArgs(
        vllm_enforce_eager=True, vllm_max_num_seqs=16, vllm_engine_kwargs={**SMALL, **options}
    )
    return adapter.start(vllm_plan(args, model), load_tokenizer(model.loading.folder))


@pytest.fixture(scope="module")
def tokenizer(packaged_model: str) -> HuggingFaceTokenizer:
    return load_tokenizer(packaged_model)


@pytest.fixture(scope="module")
def engine(packaged_model: str) -> Iterator[InferenceEngine]:
    engine = start(served(packaged_model), block_size=32, max_model_len=2048)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompts(tokenizer: HuggingFaceTokenizer) -> list[list[int]]:
    return [tokenizer.encode(text) for text in TEXTS]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a random Llama whose heads are as large as vLLM's kernels need."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny-32", head_dim=32)


class TestVllmEngine(EngineContract):
    @pytest.fixture
    def engine(self, engine: InferenceEngine) -> InferenceEngine:
        return engine

    @pytest.fixture
    def prompts(self, prompts: list[list[int]]) -> list[list[int]]:
        return prompts


class TestClosingVllm(ClosingContract):
    @pytest.fixture
    def spare(self, tiny: str) -> InferenceEngine:
        return start(served(tiny))

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return [[70, 71, 72]]


def sampled(prompt: list[int], **settings: Any) -> Request:
    return greedy(prompt, **({"temperature": 0.9, "max_new_tokens": 12} | settings))


def test_greedy_tokens_and_log_probabilities_are_those_of_transformers(
    packaged_model: str, engine: InferenceEngine, prompts: list[list[int]]
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(packaged_model, dtype=torch.float32)
    requests = [greedy(each, max_new_tokens=16, logprobs=True, top_logprobs=3) for each in prompts]

    answers = engine.generate(requests)

    for prompt, answer in zip(prompts, answers, strict=True):
        sequence = torch.tensor([[*prompt, *answer.token_ids]])
        with torch.no_grad():
            logprobs_TV = model(sequence).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        assert logprobs_TV.argmax(-1).tolist() == list(answer.token_ids)
        assert answer.logprobs is not None
        for row_V, entry in zip(logprobs_TV, answer.logprobs, strict=True):
            assert entry.logprob == pytest.approx(float(row_V[entry.token_id]), abs=1e-3)
            best = row_V.topk(3).values.tolist()
            assert [value for _, value in entry.top] == pytest.approx(best, abs=1e-3)


def test_as_many_alternatives_come_as_were_asked_for_whatever_was_chosen(
    engine: InferenceEngine, prompts: list[list[int]]
) -> None:
    plain = sampled(prompts[1], seed=1, temperature=2.0, logprobs=True)
    one = sampled(prompts[1], seed=1, temperature=2.0, logprobs=True, top_logprobs=1)

    answers = engine.generate([plain, one, greedy(prompts[0], logprobs=True, top_logprobs=1)])

    for answer, count in zip(answers, (0, 1, 1), strict=True):
        assert answer.logprobs is not None
        assert {len(entry.top) for entry in answer.logprobs} == {count}


def test_sampled_answers_depend_on_their_seed_and_not_on_the_batch(
    engine: InferenceEngine, prompts: list[list[int]]
) -> None:
    requests = [sampled(prompt, seed=index) for index, prompt in enumerate(prompts)]

    together = engine.generate(requests)

    alone = [engine.generate([request])[0] for request in requests]
    assert [answer.token_ids for answer in together] == [answer.token_ids for answer in alone]
    assert engine.generate([sampled(prompts[0], seed=99)])[0].text != together[0].text


def test_several_samples_of_a_prompt_are_several_requests(
    engine: InferenceEngine, prompts: list[list[int]]
) -> None:
    answers = engine.generate([sampled(prompts[1], seed=seed) for seed in range(4)])

    assert len({answer.text for answer in answers}) > 1


def test_penalties_forbid_what_they_are_strong_enough_for(
    engine: InferenceEngine, prompts: list[list[int]]
) -> None:
    ids = engine.generate([greedy(prompts[2], max_new_tokens=24, presence_penalty=2.0)])[0]
    free = engine.generate([greedy(prompts[2], max_new_tokens=24)])[0]

    assert len(set(ids.token_ids)) > len(set(free.token_ids))


def test_stop_ids_wait_for_the_least_number_of_tokens(
    engine: InferenceEngine, prompts: list[list[int]]
) -> None:
    stop = engine.generate([greedy(prompts[0])])[0].token_ids[0]

    at_once = engine.generate([greedy(prompts[0], stop_ids=(stop,))])[0]
    later = engine.generate([greedy(prompts[0], stop_ids=(stop,), min_new_tokens=4)])[0]

    assert (at_once.token_ids, at_once.finish_reason) == ((), "stop")
    assert len(later.token_ids) >= 4


def test_answer_keeps_to_a_json_schema(
    engine: InferenceEngine, tokenizer: HuggingFaceTokenizer
) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Lima"]}, "large": {"type": "boolean"}},
        "required": ["city", "large"],
        "additionalProperties": False,
    }
    request = greedy(
        tokenizer.encode("The capital of France as JSON: "),
        max_new_tokens=60,
        json_schema=json.dumps(schema),
        stop_ids=(tokenizer.eos_token_id or 0,),
    )

    answer = engine.generate([request])[0]

    value = json.loads(answer.text)
    assert value["city"] in {"Paris", "Lima"}
    assert isinstance(value["large"], bool)


def test_schema_that_is_none_is_refused(engine: InferenceEngine, prompts: list[list[int]]) -> None:
    with pytest.raises(UsageError, match="vLLM refuses"):
        engine.generate([greedy(prompts[0], json_schema='{"type": "nonsense"}')])


def test_prefix_of_an_earlier_prompt_is_not_computed_again(
    engine: InferenceEngine, tokenizer: HuggingFaceTokenizer
) -> None:
    system = tokenizer.encode("You answer in one word, in the language of the question. " * 8)
    first, second = ([*system, *tokenizer.encode(f"Question {number}?")] for number in range(2))

    answers = [engine.generate([greedy(prompt)])[0] for prompt in (first, second)]

    assert answers[0].cached_tokens == 0
    assert len(system) - 32 <= answers[1].cached_tokens <= len(system)
    assert engine.stats().cached_tokens >= answers[1].cached_tokens


# --- adapters -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapters(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three different LoRA adapters of the tiny model."""
    folders = {}
    for seed, name in enumerate(("always", "poet", "cook")):
        model = transformers.AutoModelForCausalLM.from_pretrained(tiny)
        torch.manual_seed(seed)
        config = LoraConfig(
            target_modules="all-linear", r=8, lora_alpha=64, init_lora_weights=False
        )
        folders[name] = str(tmp_path_factory.mktemp("adapters") / name)
        get_peft_model(model, config).save_pretrained(folders[name])
    return folders


@pytest.mark.filterwarnings("ignore")
def test_adapters_by_name_answer_side_by_side_as_their_merged_models(
    tiny: str, adapters: dict[str, str]
) -> None:
    named = {name: adapters[name] for name in ("poet", "cook")}
    engine = start(served(tiny, adapters=(adapters["always"],), named_adapters=named))
    prompt = load_tokenizer(tiny).encode("Who are you?")
    names = (None, "poet", "cook")
    requests = [
        Request(prompt_ids=prompt, generation=greedy(prompt).generation, adapter=name)
        for name in names
    ]

    answers = engine.generate(requests)

    engine.close()
    assert engine.facts.adapters == ("poet", "cook")
    for name, answer in zip(names, answers, strict=True):
        assert list(answer.token_ids) == merged_answer(tiny, adapters[name or "always"], prompt)
    assert len({answer.token_ids for answer in answers}) == 3


def merged_answer(model: str, folder: str, prompt: list[int]) -> list[int]:
    from peft import PeftModel

    base = transformers.AutoModelForCausalLM.from_pretrained(model)
    merged = PeftModel.from_pretrained(base, folder).merge_and_unload()
    found = merged.generate(
        torch.tensor([prompt]), do_sample=False, max_new_tokens=8, eos_token_id=None
    )
    return list(found[0, len(prompt) :].tolist())


def write_adapter(folder: Path, **config: Any) -> str:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
    return str(folder)


def test_adapters_that_vllm_cannot_serve_are_all_named_before_anything_is_loaded(
    tiny: str, tmp_path: Path
) -> None:
    named = {
        "large": write_adapter(tmp_path / "large", r=40),
        "dora": write_adapter(tmp_path / "dora", r=8, use_dora=True),
        "whole": write_adapter(tmp_path / "whole", r=8, modules_to_save=["lm_head"]),
        "vera": write_adapter(tmp_path / "vera", r=8, peft_type="VERA"),
    }

    with pytest.raises(UsageError) as caught:
        start(served(tiny, named_adapters=named))

    said = "\n".join(f"{each.message} {each.hint}" for each in caught.value.errors)
    for words in ("--vllm_max_lora_rank 64", "DoRA", "whole modules", "VERA", "--merge_lora true"):
        assert words in said


def test_failure_to_load_is_a_swiftx_error(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "nonsense", "architectures": ["Nope"]}')

    with pytest.raises(UsageError, match="vLLM refuses to start"):
        adapter.start(vllm_plan(InferArgs(), served(str(folder))), None)  # type: ignore[arg-type]
