from __future__ import annotations

from queue import SimpleQueue

import pytest
from tests.contract.engine_contract import ClosingContract, EngineContract, greedy, pieces
from tests.fakes.engine import ScriptedEngine
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.inference.debugging import TellingEngine
from swiftx.domain.plans.inference import Delta
from swiftx.errors import SwiftxError

TOKENIZER = ByteTokenizer()
HI, SAID = TOKENIZER.encode("Hi"), TOKENIZER.encode("A\n")
TOLD = [f"[input_ids] {HI}\n[input] 'Hi'", f"[generate_ids] {SAID}\n[generate] 'A\\n'"]


class TestTellingEngine(EngineContract, ClosingContract):
    @pytest.fixture
    def engine(self) -> TellingEngine:
        scripted = ScriptedEngine(TOKENIZER, lambda text: text * 3 + "…", max_model_len=4096)
        return TellingEngine(scripted, TOKENIZER, lambda _: None)

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return [TOKENIZER.encode(text) for text in ("Who are you?", "数一数", "abc")]

    @pytest.fixture
    def spare(self, engine: TellingEngine) -> TellingEngine:
        return engine


@pytest.mark.parametrize("way", ["generate", "stream"])
def test_prompt_and_answer_are_told(way: str) -> None:
    told: list[str] = []
    engine = TellingEngine(ScriptedEngine(TOKENIZER, {"Hi": "A\n"}), TOKENIZER, told.append)

    if way == "generate":
        engine.generate([greedy(HI, stop_ids=(2,))])
    else:
        list(engine.stream(greedy(HI, stop_ids=(2,))))

    assert told == TOLD


def test_answers_to_listeners_are_told() -> None:
    told: list[str] = []
    engine = TellingEngine(ScriptedEngine(TOKENIZER, {"Hi": "A\n"}), TOKENIZER, told.append)
    heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()

    engine.submit(greedy(HI, stop_ids=(2,)), heard.put)

    assert "".join(delta.text for delta in pieces(heard)) == "A\n"
    assert told == TOLD
