"""LLaMA Pro: new decoder blocks between the model's own, copies that at first change nothing.

Source: https://arxiv.org/abs/2401.02415, section 3.2: the copied block's output projections are zero, so that
the residual stream passes it unchanged.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from swiftx.adapters.models.layers import Layers, decoder_layers, output_parameters
from swiftx.adapters.models.own_adapters import OwnTuner, unmark
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import LlamaProPlan
from swiftx.domain.tuning.llamapro import new_positions, sources
from swiftx.errors import ArgError, BackendError, UsageError

_COUNTS = ("num_hidden_layers", "max_window_layers")


class LlamaProTuner(OwnTuner):
    """Makes a model deeper."""

    name = "llamapro"
    plan_type = LlamaProPlan

    def insert(self, model: PreTrainedModel, plan: LlamaProPlan) -> list[str]:
        """Insert the blocks and return their full names."""
        layers = decoder_layers(model)
        depth = len(layers.modules)
        if plan.groups > depth:
            raise UsageError(
                [
                    ArgError(
                        "llamapro_num_groups",
                        f"{plan.groups} places for new blocks do not fit between {depth} layers",
                        f"lower --llamapro_num_new_blocks or --llamapro_num_groups to {depth} or less",
                    )
                ]
            )
        before = _probe(model)
        order = sources(depth, blocks=plan.new_blocks, groups=plan.groups)
        new = new_positions(depth, blocks=plan.new_blocks, groups=plan.groups)
        _rearrange(layers, order, set(new))
        _describe(model.config.get_text_config(), depth, order)
        if not torch.allclose(_probe(model), before, rtol=1e-3, atol=1e-3):
            raise BackendError(
                f"the blocks of {type(model).__name__} cannot be copied so that they change nothing at first",
                hint="use --train_type lora with this model",
            )
        return [f"{layers.name}.{position}" for position in new]

    def fold(self, model: ModelHandle) -> ModelHandle:
        """Return the deeper model as a plain one: its blocks are its own from now on."""
        unmark(cast(nn.Module, model))
        return model


def _rearrange(layers: Layers, order: Sequence[int], new: set[int]) -> None:
    """Put the layers in order; those at `new` positions are copies with zero output projections."""
    originals = list(layers.modules)
    deeper: list[nn.Module] = []
    for position, source in enumerate(order):
        layer = originals[source]
        if position in new:
            layer = copy.deepcopy(layer)
            with torch.no_grad():
                for parameter in output_parameters(layer):
                    parameter.zero_()
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                cast(Any, module).layer_idx = position
        deeper.append(layer)
    del layers.modules[:]
    layers.modules.extend(deeper)


def _describe(config: Any, depth: int, order: Sequence[int]) -> None:
    """Let the configuration say how many layers there are, and of which kind each is."""
    for name, value in list(vars(config).items()):
        if isinstance(value, list | tuple) and len(value) == depth:
            setattr(config, name, [value[source] for source in order])
    for name in _COUNTS:
        if getattr(config, name, None) == depth:
            setattr(config, name, len(order))


def _probe(model: PreTrainedModel) -> Tensor:
    """Return the logits of a few tokens, float, shape (1, 8, V)."""
    training = model.training
    model.eval()
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = (torch.arange(3, 11, device=model.device) % vocabulary)[None]
    with torch.no_grad():
        logits: Tensor = model(input_ids=ids, use_cache=False).logits.float()
    model.train(training)
    return logits
