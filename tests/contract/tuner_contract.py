"""What every tuner that has adapters keeps. Subclass it and provide `tuner`, `model` and `adapter`."""

from __future__ import annotations

from pathlib import Path

import pytest

from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.ports.tuner import Tuner
from swiftx.errors import NotFound


class TunerContract:
    """Promises of the `Tuner` port about saved adapters."""

    @pytest.fixture
    def tuner(self) -> Tuner:
        raise NotImplementedError

    @pytest.fixture
    def model(self) -> ModelHandle:
        raise NotImplementedError

    @pytest.fixture
    def adapter(self) -> str:
        """Return a folder that holds an adapter of the model."""
        raise NotImplementedError

    def test_no_adapters_leave_the_model_as_it_is(self, tuner: Tuner, model: ModelHandle) -> None:
        assert tuner.load(model, []) is model

    def test_a_folder_without_an_adapter_is_not_found(
        self, tuner: Tuner, model: ModelHandle, tmp_path: Path
    ) -> None:
        with pytest.raises(NotFound, match="empty"):
            tuner.load(model, [str(tmp_path / "empty")])

    def test_a_missing_adapter_is_found_before_any_is_loaded(
        self, tuner: Tuner, model: ModelHandle, adapter: str, tmp_path: Path
    ) -> None:
        with pytest.raises(NotFound, match="empty"):
            tuner.load(model, [adapter, str(tmp_path / "empty")])

    def test_a_saved_adapter_goes_on_the_model(
        self, tuner: Tuner, model: ModelHandle, adapter: str
    ) -> None:
        assert tuner.load(model, [adapter], trainable=True) is not model

    def test_a_model_without_adapters_is_folded_already(
        self, tuner: Tuner, model: ModelHandle
    ) -> None:
        assert tuner.fold(model) is model
