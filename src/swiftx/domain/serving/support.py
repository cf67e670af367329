"""Which arguments `deploy` acts on. Nothing that a user gives is ignored without a word."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from swiftx.domain.inference.support import Support, infer_support, of_numbers, words

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


def vector_support() -> Support:
    """Return where the arguments of `deploy` stand with a model that answers with numbers."""
    idle = words("max_logprobs result_path write_batch_size")
    return of_numbers(deploy_support("pt"), idle=idle)


PAGE = words("server_name server_port share lang base_url studio_title is_multimodal")
"""Arguments of the chat page."""

OF_A_REMOTE_CHAT = words("api_key model served_model_name system temperature top_p max_new_tokens")
"""What a page has a use for whose model answers elsewhere."""


def app_support(backend: str, *, remote: bool, names: Collection[str] = ()) -> Support:
    """Return where the arguments of `app` stand.

    Args:
        remote: Whether the model answers elsewhere.
        names: All arguments of the command.
    """
    if remote:
        runs = PAGE | OF_A_REMOTE_CHAT | words("external_plugins ignore_args_error")
        nothing: frozenset[str] = frozenset()
        return Support(runs=runs, not_built=nothing, no_effect=frozenset(names) - runs)
    base = deploy_support(backend)
    unbuilt = words("ssl_keyfile ssl_certfile")  # the page would have to trust the certificate
    return replace(base, runs=(base.runs | PAGE) - unbuilt, not_built=base.not_built | unbuilt)
