from __future__ import annotations

import pytest
from tests.contract.pooling_contract import PoolingContract
from tests.fakes.pooling import CountingPooling
from tests.fakes.tokenizer import ByteTokenizer


class TestCountingPooling(PoolingContract):
    @pytest.fixture
    def pooling(self) -> CountingPooling:
        return CountingPooling(max_model_len=4096)

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return [ByteTokenizer().encode(text) for text in ("Who are you?", "数一数", "abc")]
