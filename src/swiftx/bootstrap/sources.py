"""Where models, tokenizers and data sets come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swiftx.bootstrap.libraries import extra, quiet_libraries, to_stderr
from swiftx.bootstrap.machine import settings
from swiftx.domain.args.paths import NamedAdapter, named_adapter
from swiftx.domain.args.rule import Facts
from swiftx.domain.args.rules.model import ADAPTERS
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.ports.system import Reporter
from swiftx.errors import NotFound

if TYPE_CHECKING:
    from swiftx.adapters.hubs.chain import HubChain
    from swiftx.adapters.hubs.huggingface import HuggingFaceHub
    from swiftx.adapters.hubs.modelscope import ModelScopeHub
    from swiftx.domain.datasets.loading import DataPorts
    from swiftx.domain.ports.tokenizer import Tokenizer
    from swiftx.settings import Settings


def model_of(facts: Facts) -> ModelFacts:
    if facts.model is None:
        raise NotFound("there is no model folder.", hint="give one with `--model <id or folder>`")
    return facts.model


def model_folder(
    args: Any, model: str, *, download: bool, weights: bool, say: Callable[[str], None] | None
) -> str | None:
    """Return the folder of the model; None when it is not on this machine and must not be fetched."""
    hub = _hub(args.use_hf, token=args.hub_token, say=say)
    if not download:
        return hub.find(model)
    with extra("train"):
        return hub.snapshot(model, revision=args.model_revision, weights=weights)


def fetch_weights(args: Any) -> None:
    """Complete the folder of the model of `args`, of which the small files are here.

    Raises:
        NotFound, BackendError, StorageError: From the hub.
    """
    model_folder(args, args.model, download=True, weights=True, say=None)


def fetched_adapters(args: Any, *, say: Callable[[str], None] | None) -> dict[str, tuple[str, ...]]:
    """Return, by argument, adapters as folders, where some of them are elsewhere; those are fetched whole.

    Raises:
        NotFound, BackendError, StorageError: From the hub.
    """
    named = {
        argument: [named_adapter(text) for text in getattr(args, argument, None) or ()]
        for argument in ADAPTERS
    }
    elsewhere = {
        argument: places
        for argument, places in named.items()
        if any(not os.path.isdir(place.place) for place in places)
    }
    if not elsewhere:  # the usual case, and that of commands which know no hub
        return {}
    with extra("train"):
        hub = _hub(args.use_hf, token=args.hub_token, say=say)
        return {
            argument: tuple(_local(hub, place) for place in places)
            for argument, places in elsewhere.items()
        }


def _local(hub: HubChain, adapter: NamedAdapter) -> str:
    folder = hub.snapshot(adapter.place)
    if not os.path.isfile(os.path.join(folder, "adapter_config.json")):
        raise NotFound(
            f"{adapter.place!r} holds no adapter (no adapter_config.json).",
            hint="A repository of full weights is given with --model.",
        )
    return folder if adapter.name is None else f"{adapter.name}={folder}"


def _hub(use_hf: bool, *, token: str | None, say: Callable[[str], None] | None = None) -> HubChain:
    from swiftx.adapters.hubs.chain import HubChain
    from swiftx.adapters.hubs.local import LocalFolders
    from swiftx.adapters.hubs.packaged import PackagedModels

    process = settings()
    packaged = PackagedModels(process.swiftx_cache, say=say or to_stderr)
    remote = _hugging_face if use_hf else _modelscope
    return HubChain(LocalFolders(), packaged, lambda: remote(process, token))


def _hugging_face(process: Settings, token: str | None) -> HuggingFaceHub:
    with extra("train"):
        from swiftx.adapters.hubs.huggingface import HuggingFaceHub

        return HuggingFaceHub(listings=os.path.join(process.swiftx_cache, "listings"), token=token)


def _modelscope(process: Settings, token: str | None) -> ModelScopeHub:
    with extra("modelscope"):
        from swiftx.adapters.hubs.modelscope import ModelScopeHub

        return ModelScopeHub(
            listings=os.path.join(process.swiftx_cache, "listings"),
            token=token,
            cache=process.modelscope_cache,
        )


def data_ports(args: Any, facts: Facts, reporter: Reporter) -> DataPorts:
    with extra("train"):
        from swiftx.adapters.rows.files import FileRows
        from swiftx.adapters.rows.numpy_random import NumpyShuffler
        from swiftx.adapters.rows.spool import SpooledRows
        from swiftx.domain.datasets.loading import DataPorts

        return DataPorts(
            rows=FileRows(),
            storage=facts.storage,
            shuffler=NumpyShuffler(),
            hub=lambda use_hf: _hub(use_hf, token=args.hub_token, say=reporter.say),
            shelf=lambda: SpooledRows(encoded_folder()),
        )


def encoded_folder() -> str:
    """Return where prepared rows are kept, for a run or for longer."""
    return os.path.join(settings().swiftx_cache, "encoded")


def tokenizer(args: Any, facts: Facts, *, say: Callable[[str], None] = lambda _: None) -> Tokenizer:
    quiet_libraries()
    with extra("train"):
        from swiftx.adapters.tokenizers.huggingface import load_tokenizer

        return load_tokenizer(
            model_of(facts).folder,
            trust_remote_code=args.trust_remote_code,
            new_special_tokens=args.new_special_tokens,
            say=say,
        )
