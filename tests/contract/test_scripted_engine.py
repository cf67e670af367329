from __future__ import annotations

import pytest
from tests.contract.engine_contract import ClosingContract, EngineContract
from tests.fakes.engine import ScriptedEngine
from tests.fakes.tokenizer import ByteTokenizer


class TestScriptedEngine(EngineContract, ClosingContract):
    @pytest.fixture
    def engine(self) -> ScriptedEngine:
        return ScriptedEngine(ByteTokenizer(), lambda text: text * 3 + "…", max_model_len=4096)

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return [ByteTokenizer().encode(text) for text in ("Who are you?", "数一数", "abc")]

    @pytest.fixture
    def spare(self, engine: ScriptedEngine) -> ScriptedEngine:
        return engine
