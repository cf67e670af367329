from __future__ import annotations

from itertools import combinations

import pytest

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.serving.support import deploy_support, vector_support


@pytest.mark.parametrize("backend", ["pt", "vllm", "sglang", "lmdeploy", "numbers"])
def test_every_argument_has_one_place(backend: str) -> None:
    support = vector_support() if backend == "numbers" else deploy_support(backend)
    names = specs_of(DeployArgs).keys()
    prefixed = {name for name in names if name.startswith(support.no_effect_prefixes)}
    places = [
        support.runs - prefixed,
        frozenset(support.only),
        support.not_built,
        support.no_effect | (prefixed if support.no_effect_prefixes else frozenset()),
    ]

    assert frozenset().union(*places) == names
    for first, second in combinations(places, 2):
        assert not first & second
