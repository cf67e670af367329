"""How weights, gradients and optimiser are spread over processes by PyTorch itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FsdpPlan:
    """Fully sharded data parallel training (FSDP2).

    Attributes:
        reshard_after_forward: Free the gathered weights of a module between its forward and backward pass,
            for memory; else they stay, for speed.
        cpu_offload: Keep each process's part in the host's memory.
        by_layer: Gather one layer at a time; else the whole model at once.
        layer_classes: Names of the classes that count as layers; none leaves it to the model.
        activation_checkpointing: Compute activations again in the backward pass.
        sharded_state: Save the optimiser's state in parts, one a process; else gathered into one file.
        replicas: Groups of processes that each have the whole model, spread inside the group; None: one
            group a node.
    """

    reshard_after_forward: bool = True
    cpu_offload: bool = False
    by_layer: bool = True
    layer_classes: tuple[str, ...] = ()
    activation_checkpointing: bool = False
    sharded_state: bool = True
    replicas: int | None = 1
