"""Which arguments `deploy` acts on. Nothing that a user gives is ignored without a word."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.inference.support import Support, infer_support, words

SERVICE = words(
    "host port api_key ssl_keyfile ssl_certfile owned_by served_model_name verbose log_interval log_level "
    "max_logprobs"
)
"""Arguments of the service itself."""

OF_REQUESTS = words("stream logprobs top_logprobs")
"""What every request says for itself."""

OF_ROWS = words(
    "dataset val_dataset split_dataset_ratio data_seed dataset_shuffle val_dataset_shuffle interleave_prob "
    "stopping_strategy download_mode columns strict remove_unused_columns model_name model_author "
    "custom_dataset_info load_data_args metric val_dataset_sample streaming cached_dataset"
)
"""What only a data set has a use for."""


def deploy_support(backend: str) -> Support:
    """Return where the arguments of `deploy` stand with this engine."""
    base = infer_support(backend)
    idle = OF_REQUESTS | OF_ROWS
    return replace(
        base,
        runs=(base.runs - idle) | SERVICE,
        not_built=base.not_built - idle,
        no_effect=base.no_effect | idle,
    )
