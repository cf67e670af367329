"""Liger's kernels: what is checked of them before training, without the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.trainer_contract import plan

from swiftx.adapters.trainers import liger
from swiftx.adapters.trainers.arguments import translate
from swiftx.adapters.trainers.liger import check_kernels
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.errors import MissingDependency, UsageError


def applied(
    rope: bool = True, cross_entropy: bool = False, rms_norm: bool = True, model: object = None
) -> None:
    """Has the parameters of a function that applies kernels."""


def test_the_trainer_is_told_to_apply_them_without_losses() -> None:
    values = translate({"use_liger_kernel": True, "liger_kernel_config": {"rope": False}})

    assert values == {
        "use_liger_kernel": True,
        "liger_kernel_config": {
            "rope": False,
            "cross_entropy": False,
            "fused_linear_cross_entropy": False,
        },
    }
    assert translate({"use_liger_kernel": False, "liger_kernel_config": {"rope": True}}) == {
        "use_liger_kernel": False
    }


@pytest.mark.parametrize("absent", ["liger_kernel", "triton"])
def test_an_absent_library_is_named_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    monkeypatch.setattr(liger, "find_spec", lambda name: None if name == absent else object())

    with pytest.raises(MissingDependency, match=absent) as caught:
        TransformersTrainer().check(
            plan(tmp_path, arguments={"use_liger_kernel": True, "liger_kernel_config": None})
        )

    assert caught.value.hint == "pip install 'swiftx[liger]'"


def test_models_and_kernels_that_liger_would_pass_over_are_refused() -> None:
    check_kernels("llama", {"rope": False, "cross_entropy": False}, {"llama": applied})

    with pytest.raises(UsageError, match="no kernels for models of type 'mamba'"):
        check_kernels("mamba", {}, {"llama": applied})
    with pytest.raises(UsageError, match="llama has no kernel geglu") as caught:
        check_kernels("llama", {"geglu": True}, {"llama": applied})
    assert caught.value.errors[0].hint == "There are rope, rms_norm."
