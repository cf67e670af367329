"""The memory of one training step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShape:
    """The token ids of one batch.

    Attributes:
        rows: Sequences.
        tokens: Tokens of each, padding included.
        masked: Whether attention gets a mask of tokens by tokens, as rows of unequal lengths need it.
    """

    rows: int
    tokens: int
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """What one process holds at the moment of a step when it holds most, in bytes.

    Attributes:
        weights: Of the model and of its adapters.
        gradients: Of trained weights.
        optimizer: What the optimiser keeps between steps.
        activations: What the forward pass keeps for the backward pass.
        logits: The loss: logits, or a part of them at a time, and their gradients.
        passing: What lives for a moment: gradients of activations, what checkpointing computes again.
        heap: What libraries hold once they run, and holes between tensors, where the process has the memory.
        process: The program and its libraries, where the memory is that of the process.
        available: What the machine or the device has for it now; None when nobody can say.
        all_gradients: The gradients of all trained weights, also where they do not count at that moment.
        trained: Number of trained weights.
        total_weights: Number of weights.
        notes: What was taken for granted.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    passing: int
    heap: int
    process: int
    available: int | None
    all_gradients: int
    trained: int
    total_weights: int
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All of it."""
        held = self.weights + self.gradients + self.optimizer + self.heap + self.process
        return held + self.activations + self.logits + self.passing
