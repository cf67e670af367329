"""GaLore against AdamW, against a slow reference, and what it saves."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from swiftx.adapters.trainers.galore import GaLoreAdamW, galore_groups
from swiftx.adapters.trainers.quantised_state import Moment, packed, unpacked
from swiftx.domain.plans.tuning import GaLorePlan
from swiftx.errors import UsageError

ADAM: dict[str, Any] = {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-8}


def plan(**changes: Any) -> GaLorePlan:
    return GaLorePlan(
        **{
            "targets": None,
            "rank": 4,
            "update_proj_gap": 3,
            "scale": 0.5,
            "proj_type": "std",
            **changes,
        }
    )


def optimizer(weight: Tensor, what: GaLorePlan, *, decay: float = 0.0) -> GaLoreAdamW:
    return GaLoreAdamW([{"params": [weight], "galore": True, "weight_decay": decay}], what, **ADAM)


def gradients(count: int, shape: tuple[int, int] = (6, 10)) -> list[Tensor]:
    return [torch.randn(shape, generator=torch.Generator().manual_seed(i)) for i in range(count)]


def run(weight: Tensor, steps: list[Tensor], chosen: torch.optim.Optimizer) -> None:
    for gradient in steps:
        weight.grad = gradient.clone()
        chosen.step()


@pytest.mark.parametrize("shape", [(6, 10), (10, 6)])
def test_an_update_is_that_of_the_slow_reference(shape: tuple[int, int]) -> None:
    start = torch.randn(shape, generator=torch.Generator().manual_seed(99))
    weight = nn.Parameter(start.clone())
    steps = gradients(7, shape)

    run(weight, steps, optimizer(weight, plan(), decay=0.1))

    slow, mean, square = start.clone(), torch.zeros(()), torch.zeros(())
    for number, gradient in enumerate(steps):
        if number % 3 == 0:
            left, _, right = torch.linalg.svd(gradient, full_matrices=False)
        wide = shape[0] < shape[1]
        low = left[:, :4].T @ gradient if wide else gradient @ right[:4].T
        mean = 0.9 * mean + 0.1 * low
        square = 0.95 * square + 0.05 * low**2
        adam = (
            mean / (1 - 0.9 ** (number + 1)) / ((square / (1 - 0.95 ** (number + 1))).sqrt() + 1e-8)
        )
        full = left[:, :4] @ adam if wide else adam @ right[:4]
        slow = slow * (1 - 0.01 * 0.1) - 0.01 * 0.5 * full
    assert torch.allclose(weight, slow, atol=1e-6)


def test_what_is_not_projected_is_adamw() -> None:
    ours, theirs = (nn.Parameter(torch.ones(5, 5)) for _ in range(2))
    groups = [{"params": [ours], "weight_decay": 0.1}]

    run(ours, gradients(6, (5, 5)), GaLoreAdamW(groups, plan(), **ADAM))
    run(theirs, gradients(6, (5, 5)), torch.optim.AdamW([theirs], weight_decay=0.1, **ADAM))

    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("proj_type", "moments"),
    [
        ("std", (4, 10)),
        ("reverse_std", (6, 4)),
        ("left", (4, 10)),
        ("right", (6, 4)),
        ("full", (4, 4)),
    ],
)
def test_the_moments_have_the_size_of_the_projection(
    proj_type: str, moments: tuple[int, int]
) -> None:
    weight = nn.Parameter(torch.zeros(6, 10))
    chosen = optimizer(weight, plan(proj_type=proj_type))

    run(weight, gradients(2), chosen)

    assert tuple(chosen.state[weight]["exp_avg"].shape) == moments


def test_a_projection_that_settles_is_renewed_less_often_and_another_is_not() -> None:
    steady, restless = (nn.Parameter(torch.zeros(6, 10)) for _ in range(2))
    what = plan(update_proj_gap=1, lazy=True, cos_threshold=0.9, queue_size=2, gamma_proj=3)
    chosen, other = optimizer(steady, what), optimizer(restless, what)

    run(steady, gradients(1) * 4, chosen)
    run(restless, gradients(4), other)

    assert chosen.state[steady]["gap"] == 3
    assert other.state[restless]["gap"] == 1


def test_a_packed_matrix_is_off_by_half_a_step_at_most() -> None:
    matrix = torch.randn(7, 13, generator=torch.Generator().manual_seed(1))

    for bits in (2, 3, 4, 5, 8):
        kept = packed(matrix, bits, 16)
        limit = kept["scale"].repeat_interleave(16)[:91].view(7, 13) / 2
        assert ((unpacked(kept) - matrix).abs() <= limit * 1.001).all()
    assert packed(matrix, 4, 16)["codes"].nbytes == 48  # 96 codes with the filling, two a byte
    assert torch.equal(unpacked(packed(matrix, None, 16)), matrix)


def test_eight_bit_moments_take_a_quarter_of_the_room() -> None:
    pytest.importorskip("bitsandbytes")
    value = torch.rand(64, 128, generator=torch.Generator().manual_seed(1))
    state: dict[str, Any] = {}
    moment = Moment(state, "m", eight_bit=True, signed=False)

    moment.write(value)

    assert sum(tensor.nbytes for tensor in state.values()) < 0.27 * value.nbytes
    assert torch.allclose(moment.read(value), value, atol=0.02)


def test_attention_and_mlp_are_projected_when_nothing_is_named() -> None:
    config = LlamaConfig(
        vocab_size=20, hidden_size=8, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    names = {weight: name for name, weight in model.named_parameters()}

    def projected(**changes: Any) -> set[str]:
        groups = galore_groups(model, plan(**changes), decayed=(), weight_decay=0.1)
        assert sum(len(group["params"]) for group in groups) == len(names)
        return {
            names[weight].split(".")[-2]
            for group in groups
            for weight in group["params"]
            if group["galore"]
        }

    linear = set("q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split())
    assert projected() == linear
    assert projected(with_embedding=True) == linear | {"embed_tokens"}
    assert projected(targets=("q_proj",)) == {"q_proj"}
    with pytest.raises(UsageError, match="no linear layer is called 'query'"):
        projected(targets=("query",))
