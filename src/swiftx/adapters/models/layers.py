"""Where a language model keeps its layers, whatever its family calls them."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from swiftx.errors import ArgError, BackendError, UsageError

_ATTENTION = ("attention", "attn")
_OUTPUTS = frozenset(
    "o_proj out_proj dense c_proj wo down_proj fc2 dense_4h_to_h w2 fc_out".split()
)
_MLP = ("mlp", "feedforward", "feed_forward", "ffn", "moe")


class Layers(NamedTuple):
    """The decoder layers: full name of the list, and the list."""

    name: str
    modules: nn.ModuleList


def decoder_layers(model: nn.Module, *, key: str | None = None) -> Layers:
    """Return the list of decoder layers: the one called `key`, else the one with the most parameters.

    Raises:
        UsageError: There is no list of that name.
        BackendError: The model has no list of layers.
    """
    lists = [
        Layers(name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) and _part(module[0], _ATTENTION)
    ]
    if key is not None:
        found = [each for each in lists if each.name == key or each.name.endswith(f".{key}")]
        if not found:
            names = ", ".join(each.name for each in lists)
            raise UsageError(
                [
                    ArgError(
                        "reft_layer_key",
                        f"reft_layer_key: the model has no list of layers called {key!r}",
                        f"it has {names}",
                    )
                ]
            )
        return found[0]
    if not lists:
        raise BackendError(f"{type(model).__name__} has no list of decoder layers")
    return max(lists, key=lambda each: sum(weight.numel() for weight in each.modules.parameters()))


def attention_of(layer: nn.Module) -> str:
    """Return the name of a layer's attention.

    Raises:
        BackendError: It has none.
    """
    return _known(layer, _ATTENTION, "attention")


def mlp_of(layer: nn.Module) -> str:
    """Return the name of a layer's feed-forward network.

    Raises:
        BackendError: It has none.
    """
    return _known(layer, _MLP, "feed-forward network", but=_ATTENTION)


def output_parameters(layer: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of the projections that write into the residual stream, those of experts too."""
    return [
        parameter
        for name, parameter in layer.named_parameters()
        if not _OUTPUTS.isdisjoint(name.split("."))
    ]


def _known(
    layer: nn.Module, words: tuple[str, ...], what: str, *, but: tuple[str, ...] = ()
) -> str:
    name = _part(layer, words, but=but)
    if name is None:
        raise BackendError(f"{type(layer).__name__} has no {what} that could be recognised")
    return name


def _part(layer: nn.Module, words: tuple[str, ...], *, but: tuple[str, ...] = ()) -> str | None:
    """Return the name of the child that is called so, or whose class is; norms are not meant."""
    for name, child in layer.named_children():
        texts = (name.lower(), type(child).__name__.lower())
        if (
            any(word in text for word in ("norm", *but) for text in texts)
            or next(child.parameters(), None) is None
        ):
            continue
        if any(word in text for word in words for text in texts):
            return name
    return None
