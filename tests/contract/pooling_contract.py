"""What every PoolingEngine promises."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.errors import UsageError


class PoolingContract:
    """Subclass and provide `pooling` and `prompts` (token ids, several, of different lengths).

    The engine takes no more than 4096 tokens.
    """

    def test_no_sequences_no_vectors(self, pooling: PoolingEngine) -> None:
        assert pooling.pool([]) == []

    def test_one_vector_of_the_promised_size_each(
        self, pooling: PoolingEngine, prompts: Sequence[list[int]]
    ) -> None:
        vectors = pooling.pool(prompts)

        assert [len(vector) for vector in vectors] == [pooling.size] * len(prompts)
        assert all(isinstance(number, float) for vector in vectors for number in vector)

    def test_a_vector_depends_on_its_own_sequence_only(
        self, pooling: PoolingEngine, prompts: Sequence[list[int]]
    ) -> None:
        together = pooling.pool(prompts)

        alone = [pooling.pool([prompt])[0] for prompt in prompts]
        backwards = pooling.pool(list(reversed(prompts)))

        for vector, own, turned in zip(together, alone, reversed(backwards), strict=True):
            assert vector == pytest.approx(own, abs=1e-5)
            assert vector == pytest.approx(turned, abs=1e-5)

    def test_different_sequences_have_different_vectors(
        self, pooling: PoolingEngine, prompts: Sequence[list[int]]
    ) -> None:
        vectors = pooling.pool(prompts)

        assert len(set(vectors)) == len(prompts)

    def test_empty_sequence_is_refused(self, pooling: PoolingEngine) -> None:
        with pytest.raises(UsageError):
            pooling.pool([[5], []])

    def test_sequence_longer_than_the_model_is_refused(self, pooling: PoolingEngine) -> None:
        with pytest.raises(UsageError, match="5000"):
            pooling.pool([[5] * 5000])
