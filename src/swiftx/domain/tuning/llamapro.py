"""Where LLaMA Pro inserts its blocks."""

from __future__ import annotations


def sources(depth: int, *, blocks: int, groups: int) -> tuple[int, ...]:
    """Return, for each layer of the deeper model, the number of the layer that it is or copies.

    The old layers are split into `groups` runs as equal as can be; behind each come `blocks / groups` copies
    of its last layer.

    Source: https://arxiv.org/abs/2401.02415, section 3.2.

    Example:
        >>> sources(4, blocks=2, groups=2)
        (0, 1, 1, 2, 3, 3)
    """
    ends = {(group + 1) * depth // groups - 1 for group in range(groups)}
    order: list[int] = []
    for layer in range(depth):
        order += [layer] * (1 + (blocks // groups if layer in ends else 0))
    return tuple(order)


def new_positions(depth: int, *, blocks: int, groups: int) -> tuple[int, ...]:
    """Return the positions of the new blocks in the deeper model.

    Example:
        >>> new_positions(4, blocks=2, groups=2)
        (2, 5)
    """
    order = sources(depth, blocks=blocks, groups=groups)
    return tuple(
        position
        for position, layer in enumerate(order)
        if position and order[position - 1] == layer
    )
