"""What families do that data alone cannot say: thoughts, fixed turns, tags."""

from __future__ import annotations

import pytest
from tests.fakes.registries import keep_registries
from tests.unit.templates.conversations import marked, options, talk

from swiftx.domain.templates import registry
from swiftx.domain.templates.render import render
from swiftx.errors import DataError, NotFound

THINK = "<think>\nhm\n</think>\n\n"
TWO_THOUGHTS = (
    ("user", "q1"),
    ("assistant", f"{THINK}a1"),
    ("user", "q2"),
    ("assistant", f"{THINK}a2"),
)
PLAIN = (("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2"))
OPEN = (*TWO_THOUGHTS[:3], ("assistant", None))


def answers(text: str, name: str) -> list[str]:
    """What stands where the assistant speaks, in Qwen's or DeepSeek's format."""
    start = {"deepseek_v3_1": "<｜Assistant｜>", "deepseek_r1": "<｜Assistant｜>"}
    pieces = text.replace("«", "").replace("»", "").split(start.get(name, "assistant\n"))
    ends = ("<|im_end|>", "<｜end▁of▁sentence｜>")
    return [min((piece.split(end)[0] for end in ends), key=len) for piece in pieces[1:]]


@pytest.mark.parametrize(
    ("name", "turns", "expected"),
    [
        ("qwq", TWO_THOUGHTS, [f"{THINK}a1", f"{THINK}a2"]),
        ("qwen3", TWO_THOUGHTS, [f"{THINK}a1", f"{THINK}a2"]),
        ("qwen3", PLAIN, ["<think>\n\n</think>\n\na1", "<think>\n\n</think>\n\na2"]),
        ("deepseek_v3_1", PLAIN, ["</think>a1", "</think>a2"]),
        ("qwen2_5", TWO_THOUGHTS, [f"{THINK}a1", f"{THINK}a2"]),
    ],
)
def test_in_training_every_trained_answer_keeps_its_thoughts(
    name: str, turns: tuple[tuple[str, str], ...], expected: list[str]
) -> None:
    text = marked(render(talk(*turns), registry.get(name), options()))

    assert answers(text, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwq", ["a1", "<think>\n"]),
        ("qwen3", ["a1", ""]),
        ("deepseek_v3_1", ["</think>a1", "</think>"]),
        ("deepseek_r1", ["a1", "<think>\n"]),
        ("qwen2_5", [f"{THINK}a1", ""]),
    ],
)
def test_a_prompt_forgets_earlier_thoughts(name: str, expected: list[str]) -> None:
    text = marked(render(talk(*OPEN), registry.get(name), options("infer")))

    assert answers(text, name) == expected


def test_training_on_the_last_round_forgets_earlier_thoughts_too() -> None:
    text = marked(
        render(talk(*TWO_THOUGHTS), registry.get("qwen3"), options(loss_scale="last_round"))
    )

    assert answers(text, "qwen3") == ["a1", f"{THINK}a2"]


def test_an_earlier_answer_in_answer_tags_keeps_what_they_hold() -> None:
    turns = (("user", "q"), ("assistant", "<think>hm</think><answer>\na\n</answer>"), ("user", "?"))

    text = marked(render(talk(*turns), registry.get("hunyuan"), options("infer")))

    assert "<｜hy_Assistant｜>«a»<｜hy_place" in text


@pytest.mark.parametrize(
    ("name", "turns", "expected"),
    [
        (
            "gemma3_text",
            (("system", "s"), ("user", "q"), ("assistant", "\na\n")),
            "<bos><start_of_turn>user\ns\n\nq<end_of_turn>\n<start_of_turn>model\n«a<end_of_turn>»",
        ),
        (
            "qwen3_emb",
            (("system", "s"), ("user", "q"), ("assistant", "a")),
            "s q«a<|endoftext|>»",
        ),
        (
            "jina_reranker_m0",
            (("user", "q"), ("assistant", "d")),
            "\n**Query**:\nq\n**Document**:\nd",
        ),
        (
            "ernie_thinking",
            (("user", "q"), ("assistant", "<think>hm</think>a")),
            "«<think>\nhm</think>\n\n<response>\na\n</response><|im_end|>»",
        ),
        (
            "ernie_thinking",
            (("user", "q"), ("assistant", "<response>a</response>")),
            "«<response>a</response><|im_end|>»",
        ),
        (
            "mistral_nemo",
            (
                ("system", "s"),
                ("user", "q1"),
                ("assistant", "a1"),
                ("user", "q2"),
                ("assistant", "a2"),
            ),
            "<s>[INST] q1[/INST]«a1»</s>[INST] s\n\nq2[/INST]«a2</s>»",
        ),
        ("baichuan", (("user", "q"), ("assistant", "a")), "<195>q<196>«a<eos_token>»"),
        (
            "longchat",
            (("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")),
            " [Round 0] USER:q1 ASSISTANT:«a1»</longcat_s> [Round 1] USER:q2 ASSISTANT:«a2</longcat_s>»",
        ),
    ],
)
def test_a_family_writes_its_own_way(
    name: str, turns: tuple[tuple[str, str], ...], expected: str
) -> None:
    assert marked(render(talk(*turns), registry.get(name), options())).endswith(expected)


def test_a_reranker_asks_about_query_and_document_with_the_rows_instruction() -> None:
    turns = (("system", "Find proofs."), ("user", "q"), ("assistant", "d"))

    text = marked(render(talk(*turns), registry.get("qwen3_reranker"), options()))

    assert "<Instruct>: Find proofs.\n<Query>: q\n<Document>: d<|im_end|>" in text
    assert text.endswith("<think>\n\n</think>\n\n")


def test_a_reranker_row_without_a_document_is_refused() -> None:
    with pytest.raises(DataError, match="document"):
        render(talk(("user", "q")), registry.get("qwen3_reranker"), options("infer"))


@pytest.mark.parametrize(
    ("answer", "marked_answer"),
    [("a", "«a<extra_0>"), ("a<extra_0>b<extra_0>", "«a<extra_0>b<extra_0>")],
)
def test_a_process_reward_row_ends_with_a_mark(answer: str, marked_answer: str) -> None:
    spec = registry.get("qwen2_5_math_prm")

    text = marked(render(talk(("user", "q"), ("assistant", answer)), spec, options()))

    assert f"{marked_answer}<|im_end|>" in text


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (None, "<|end|><|start|>user"),
        ("s", "<|end|><|start|>developer<|message|># Instructions\n\ns<|end|><|start|>user"),
        (
            "<|start|>system<|message|>own<|end|>",
            "<|start|>system<|message|>own<|end|><|start|>user",
        ),
    ],
)
def test_gpt_oss_puts_the_system_text_into_a_developer_turn(
    system: str | None, expected: str
) -> None:
    turns = [("user", "q"), ("assistant", "a")]
    turns = turns if system is None else [("system", system), *turns]

    text = marked(render(talk(*turns), registry.get("gpt_oss"), options()))

    assert expected in text
    assert text.endswith("<|start|>assistant«<|channel|>final<|message|>a<|return|>»")


@pytest.mark.parametrize(
    ("thought", "budget", "interval"),
    [("x" * 10, 512, 128), ("x" * 513, 1024, 256), ("x" * 20_000, 20_000, 1024)],
)
def test_seed_oss_states_a_budget_that_the_longest_thought_fits(
    thought: str, budget: int, interval: int
) -> None:
    turns = (("user", "q"), ("assistant", f"<think>{thought}</think>a"))

    text = marked(render(talk(*turns), registry.get("seed_oss"), options()))

    assert f"which is {budget}." in text
    assert f"every {interval} tokens" in text
    assert f"«<seed:think>{thought}</seed:think>a<seed:eos>»" in text


def test_seed_oss_without_thoughts_has_no_budget() -> None:
    spec = registry.get("seed_oss")

    trained = marked(
        render(talk(("system", "s"), ("user", "q"), ("assistant", "a")), spec, options())
    )
    prompt = marked(render(talk(("user", "q")), spec, options("infer")))

    assert trained.startswith(
        "<seed:bos>system\ns<seed:eos><seed:bos>system\nYou are an intelligent"
    )
    assert "your thinking budget is 0" in trained
    assert trained.endswith("</seed:cot_budget_reflect>\n</seed:think>a<seed:eos>»")
    assert prompt.endswith("assistant\n<seed:think><seed:cot_budget_reflect>")


def test_glm4_leaves_the_line_break_to_the_answer() -> None:
    spec = registry.get("glm4")

    assert marked(render(talk(("user", "q")), spec, options("infer"))).endswith("<|assistant|>")
    assert marked(render(talk(("user", "q"), ("assistant", "a")), spec, options())).endswith(
        "<|assistant|>\n«a<|user|>»"
    )


def test_an_unknown_template_is_named_with_close_matches() -> None:
    with pytest.raises(NotFound, match="'qwen25'") as caught:
        registry.get("qwen25")
    assert "qwen2_5" in str(caught.value.hint)

    with pytest.raises(NotFound) as caught:
        registry.get("?")
    assert "chatml" in str(caught.value.hint)


def test_a_plugin_adds_its_own_template(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registries(monkeypatch)
    mine = registry.get("chatml").__class__(name="mine", prompt=("{{QUERY}}>",))

    registry.register(mine)

    assert registry.get("mine") is mine
    assert "mine" in registry.names()
