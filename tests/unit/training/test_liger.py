from __future__ import annotations

import pytest

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.training.liger import liger_kernels, refuse_liger
from swiftx.errors import UsageError


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_kernels_for_gpus_are_refused_elsewhere(device: str) -> None:
    with pytest.raises(UsageError, match=f"this run is on {device}"):
        refuse_liger(SftArgs(use_liger_kernel=True), device)


def test_kernels_run_where_there_is_a_gpu() -> None:
    refuse_liger(SftArgs(use_liger_kernel=True, liger_kernel_config={"rope": False}), "cuda")


def test_nothing_is_refused_that_was_not_asked_for() -> None:
    refuse_liger(SftArgs(liger_kernel_config={"cross_entropy": True}), "cpu")


@pytest.mark.parametrize("name", ["cross_entropy", "fused_linear_cross_entropy"])
def test_a_kernel_does_not_take_the_place_of_the_loss(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} would replace the loss"):
        refuse_liger(SftArgs(use_liger_kernel=True, liger_kernel_config={name: True}), "cuda")


@pytest.mark.parametrize("asked", [None, {"rope": False}, {"cross_entropy": False}])
def test_the_usual_kernels_are_applied_without_losses(asked: dict[str, bool] | None) -> None:
    kernels = liger_kernels(asked)

    assert kernels == {**(asked or {}), "cross_entropy": False, "fused_linear_cross_entropy": False}
