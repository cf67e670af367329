"""The files of a PEFT adapter: what the tuner reads and the trainer writes.

Some initialisations (PiSSA, OLoRA, LoRA-GA, CorDA) also change the base weights. Their adapters are saved as
plain LoRA of twice the rank that fits the unchanged base, `A B - A0 B0`, so that inference and merging need
not know; the trained matrices themselves lie beside them for resuming.
Source: the conversion is that of the PiSSA paper, https://arxiv.org/abs/2404.02948, appendix C.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.utils import ModulesToSaveWrapper, transpose
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from swiftx.errors import BackendError, NotFound

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
TRAINED = "trained_matrices.safetensors"
ADDITIONAL = "additional_config.json"
_INITIAL = "swiftx_initial_matrices"


def is_adapter(folder: str | Path) -> bool:
    """Return whether a folder holds an adapter of PEFT."""
    return (Path(folder) / CONFIG).is_file()


def adapter_dtype(folder: str | Path) -> str | None:
    """Return the data type that `--lora_dtype` gave the adapter's weights; None leaves it to PEFT."""
    return cast(str | None, _additional(folder).get("lora_dtype"))


def had_shifted_attention(folder: str | Path) -> bool:
    """Return whether the adapter was trained by LongLoRA."""
    return bool(_additional(folder).get("shifted_attention"))


def _additional(folder: str | Path) -> dict[str, Any]:
    path = Path(folder) / ADDITIONAL
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def cast_adapters(model: nn.Module, dtype: str | None) -> None:
    """Give the adapter weights of a model a data type; None leaves them."""
    if dtype is None:
        return
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.to(getattr(torch, dtype))


def remember_initial(model: PeftModel) -> None:
    """Keep the initial matrices of an adapter whose initialisation changed the base weights."""
    setattr(model, _INITIAL, {name: tensor.cpu().clone() for name, tensor in _state(model).items()})


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write adapter_config.json and adapter_model.safetensors; no model card, no network.

    AdaLoRA is saved at its full rank, in which the ranks that were taken away are zeros: that is exact, also
    for resuming, and PEFT's own shortened form is not needed to load it.

    Raises:
        OSError, SafetensorError: The files cannot be written.
    """
    config = copy.deepcopy(model.peft_config[model.active_adapter])
    config.inference_mode = True
    if hasattr(config, "rank_pattern") and hasattr(config, "target_r"):
        config.rank_pattern = None
    state = _state(model)
    initial: Mapping[str, Tensor] | None = getattr(model, _INITIAL, None)
    if initial is not None:
        save_file(state, folder / TRAINED, metadata={"format": "pt"})
        state, config = _as_plain_lora(state, initial), _doubled(config)
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    config.save_pretrained(str(folder))


def load_adapter(model: PeftModel, folder: Path) -> None:
    """Put the weights of a saved adapter into one of the same shape, for resuming.

    Raises:
        NotFound: The folder holds no adapter weights.
        BackendError: The adapter has other modules or other shapes.
    """
    path = folder / TRAINED
    rebased = getattr(model, _INITIAL, None) is not None and path.is_file()
    if not rebased:
        path = folder / WEIGHTS
    if not path.is_file():
        raise NotFound(f"{str(folder)!r} has no {WEIGHTS}", hint="name a checkpoint folder")
    state = load_file(path)
    expected = {name: tuple(tensor.shape) for name, tensor in _state(model).items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected != found:
        odd = sorted(expected.items() ^ found.items())[0]
        raise BackendError(
            f"the adapter in {str(folder)!r} does not fit the one being trained: {odd[0]} of shape "
            f"{odd[1]} is in one of them only",
            hint="resume with the same --target_modules, --lora_rank and --modules_to_save",
        )
    set_peft_model_state_dict(model, state, adapter_name=model.active_adapter)
    if rebased:
        _rebase(model, load_file(folder / WEIGHTS))


def _rebase(model: PeftModel, plain: Mapping[str, Tensor]) -> None:
    """Give the base weights the change that the initialisation of the saved run made, not this one's.

    The two differ where the rows that it looked at do, or the machine that took the singular vectors.
    """
    adapter = model.active_adapter
    initial = dict(getattr(model, _INITIAL))
    for name, module in model.named_modules():
        keys = f"{name}.lora_A.weight", f"{name}.lora_B.weight"
        if keys[0] not in initial or not hasattr(module, "scaling"):
            continue
        now_A, now_B = (initial[key] for key in keys)
        rank = now_A.shape[0]
        saved_A, saved_B = plain[keys[0]][rank:], -plain[keys[1]][:, rank:]
        if torch.equal(now_A, saved_A) and torch.equal(now_B, saved_B):
            continue
        change = module.scaling[adapter] * (now_B @ now_A - saved_B @ saved_A)
        weight = module.get_base_layer().weight
        weight.data += transpose(change, module.fan_in_fan_out).to(weight)
        initial[keys[0]], initial[keys[1]] = saved_A, saved_B
    setattr(model, _INITIAL, initial)


def _saves_embeddings(model: PeftModel) -> bool:
    """Return whether the adapter has the embeddings anyhow; PEFT would save resized ones a second time."""
    return isinstance(model.get_base_model().get_input_embeddings(), ModulesToSaveWrapper)


def _state(model: PeftModel) -> dict[str, Tensor]:
    """Return the adapter's tensors, contiguous and each with memory of its own, as safetensors wants."""
    config = model.peft_config[model.active_adapter]
    pattern = getattr(config, "rank_pattern", None)
    shortened = pattern is not None and hasattr(config, "target_r")
    if shortened:
        config.rank_pattern = None
    try:
        with warnings.catch_warnings():  # embeddings with rows for new tokens belong to the adapter
            warnings.filterwarnings("ignore", message="Setting `save_embedding_layers`")
            state = get_peft_model_state_dict(
                model,
                adapter_name=model.active_adapter,
                save_embedding_layers=False if _saves_embeddings(model) else "auto",
            )
    finally:
        if shortened:
            config.rank_pattern = pattern
    seen: set[int] = set()
    own: dict[str, Tensor] = {}
    for name, tensor in state.items():
        shared = tensor.data_ptr() in seen
        seen.add(tensor.data_ptr())
        own[name] = tensor.detach().clone() if shared else tensor.detach().contiguous()
    return own


def _as_plain_lora(state: Mapping[str, Tensor], initial: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the matrices of `A B - A0 B0` as one pair of twice the rank."""
    plain: dict[str, Tensor] = {}
    for name, tensor in state.items():
        before = initial[name].to(tensor.device)
        if "lora_A" in name or "lora_embedding_A" in name:
            plain[name] = torch.cat([tensor, before], dim=0)
        elif "lora_B" in name or "lora_embedding_B" in name:
            plain[name] = torch.cat([tensor, -before], dim=1)
        else:
            plain[name] = tensor
    return plain


def _doubled(config: Any) -> Any:
    """Return the configuration of the plain adapter: twice the rank, the same scaling."""
    factor = 2**0.5 if config.use_rslora else 2
    config.init_lora_weights = True
    config.lora_ga_config = config.corda_config = None
    config.lora_alpha *= factor
    config.r *= 2
    config.alpha_pattern = {name: value * factor for name, value in config.alpha_pattern.items()}
    config.rank_pattern = {name: 2 * value for name, value in config.rank_pattern.items()}
    return config
