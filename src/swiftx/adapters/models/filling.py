"""Parameters that the files of a model lack, filled as `--init_strategy` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

_SEED = 42

_ANY_SHAPE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "zero": nn.init.zeros_,
    "uniform": lambda tensor: nn.init.uniform_(tensor, -0.1, 0.1),
    "normal": lambda tensor: nn.init.normal_(tensor, std=0.01),
}
_MATRICES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": lambda tensor: nn.init.kaiming_uniform_(tensor, a=0.1, mode="fan_out"),
    "kaiming_normal": lambda tensor: nn.init.kaiming_normal_(tensor, nonlinearity="relu"),
    "orthogonal": nn.init.orthogonal_,
}
"""These need two axes; biases and norms are filled as `uniform` does."""


def fill(model: nn.Module, names: Iterable[str], strategy: str) -> None:
    """Fill the named parameters in place; the same names get the same numbers in every process and run.

    Raises:
        KeyError: There is no such strategy.
    """
    initialise = _ANY_SHAPE.get(strategy) or _MATRICES[strategy]
    parameters = dict(model.named_parameters())
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(_SEED)
        for name in sorted(names):
            if name not in parameters:
                continue
            tensor = parameters[name]
            small = strategy in _MATRICES and tensor.dim() < 2
            (_ANY_SHAPE["uniform"] if small else initialise)(tensor)
