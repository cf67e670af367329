"""What an export writes."""

from __future__ import annotations

from dataclasses import dataclass

MERGE_NOTE = "merged_from.json"
"""File in a merged model that says what it was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePlan:
    """Where the merge reads and what it writes.

    Attributes:
        base: Absolute path of the base model's folder.
        adapters: Adapter folders, merged in this order.
        output_dir: Where the merged model goes; must not exist unless `exist_ok`.
        max_shard_size: Largest shard file in bytes.
        dtype: Data type written; None keeps each tensor's own.
        safe_serialization: safetensors (True) or torch's pickle format (False).
        task: What the model is for, as in `LoadPlan`; it decides on the class, and so on names and head.
        num_labels, problem_type: Of a head for classes; None leaves them to config.json.
    """

    base: str
    adapters: tuple[str, ...]
    output_dir: str
    max_shard_size: int
    dtype: str | None = None
    exist_ok: bool = False
    safe_serialization: bool = True
    task: str = "causal_lm"
    num_labels: int | None = None
    problem_type: str | None = None
