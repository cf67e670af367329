"""Which layers LISA trains when."""

from __future__ import annotations

import random

from swiftx.domain.plans.tuning import LisaPlan


def active_layers(plan: LisaPlan, *, step: int, depth: int) -> frozenset[int]:
    """Return the layers that train in a step; they change every `interval` steps.

    A draw depends on the seed and on the number of the turn alone, so that a resumed run draws the same.

    Args:
        plan: How many layers, and for how long.
        step: Optimiser steps done before this one.
        depth: Layers of the model.

    Source: https://arxiv.org/abs/2403.17919, algorithm 1, with equal probabilities.
    """
    turn = step // plan.interval
    draw = random.Random(f"lisa {plan.seed} {turn}")
    return frozenset(draw.sample(range(depth), min(plan.layers, depth)))
