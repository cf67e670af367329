"""Inference and deployment arguments."""

from typing import Literal

from swiftx.domain.args.spec import arg, arg_group


@arg_group("Inference")
class InferenceArgs:
    """Which engine answers, and where results go."""

    infer_backend: Literal["pt", "vllm", "sglang", "lmdeploy"] = arg(
        "pt",
        starred=True,
        value_aliases={"transformers": "pt"},
        help="Engine; `pt` is transformers.",
    )
    max_batch_size: int = arg(
        1, starred=True, help="Prompts per batch with `pt`; -1 sets no limit."
    )
    result_path: str | None = arg(
        None,
        starred=True,
        help="Results file (jsonl), appended to. None: a new one in the checkpoint, or in ./result.",
    )
    write_batch_size: int = arg(1000, help="Results held before they are written; -1 holds all.")
    metric: Literal["acc", "rouge"] | None = arg(None, help="Score the results against the labels.")
    val_dataset_sample: int | None = arg(None, help="Rows to answer; None answers all.")
    reranker_use_activation: bool = arg(True, help="Put a reranker's score through a sigmoid.")


@arg_group("Inference")
class ServiceArgs:
    """A service that answers instead of a model that is loaded here. Not in the reference."""

    base_url: str | None = arg(
        None,
        help="OpenAI-compatible service that answers, such as http://localhost:8000/v1; None loads --model here.",
    )
    api_key: str | None = arg(None, secret=True, help="Key of the service at --base_url.")


@arg_group("Deployment")
class DeploymentArgs:
    """The service: address, key, names and log."""

    host: str = arg("0.0.0.0", help="Address that the service listens on.")
    port: int = arg(8000, help="Port; if taken, the next free one.")
    api_key: str | None = arg(
        None, secret=True, help="Key that clients must send; None asks for none."
    )
    ssl_keyfile: str | None = arg(None, help="File of the private TLS key.")
    ssl_certfile: str | None = arg(None, help="File of the TLS certificate.")
    owned_by: str = arg("swift", help="Owner that the list of models states.")
    served_model_name: str | None = arg(
        None, starred=True, help="Name that clients ask for; None is the end of --model."
    )
    verbose: bool = arg(True, help="Log each request and answer.")
    log_interval: int = arg(20, help="Seconds between logs of tokens per second; -1 logs none.")
    log_level: Literal["critical", "error", "warning", "info", "debug", "trace"] = arg(
        "info", help="How much the web server logs."
    )
    max_logprobs: int = arg(20, help="Most log probabilities a client may ask for.")
