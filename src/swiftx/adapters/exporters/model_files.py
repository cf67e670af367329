"""The small files of a merged model: configuration, tokenizer, chat template, args.json."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from swiftx.domain.plans.exporting import MERGE_NOTE, MergePlan

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx")
_LEFT_BEHIND = {
    "args.json",
    "adapter_config.json",
    "trainer_state.json",
    MERGE_NOTE,
    "README.md",
    "config.json",
}
_TOKENIZER = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
    "chat_template.json",
    "processor_config.json",
    "preprocessor_config.json",
}


class Classes(NamedTuple):
    """What config.json says of a head for classes; None stays as it is."""

    architecture: str
    num_labels: int | None
    problem_type: str | None


def copy_model_files(base: Path, adapters: Sequence[Path], output: Path) -> None:
    """Copy everything but weights and training state from the base, then what checkpoints add to it.

    A checkpoint's tokenizer (it may have new tokens) replaces the base's as a whole.
    """
    for path in _small_files(base):
        shutil.copy2(path, output / path.name)
    extra = base / "additional_chat_templates"
    if extra.is_dir():
        shutil.copytree(extra, output / extra.name)
    for adapter in adapters:
        if (adapter / "tokenizer_config.json").is_file():
            for name in _TOKENIZER:
                if (adapter / name).is_file():
                    shutil.copy2(adapter / name, output / name)


def _small_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        weights = path.suffix in _WEIGHTS or path.name.endswith(".index.json")
        hidden = path.name.startswith(".")
        if path.is_file() and not weights and not hidden and path.name not in _LEFT_BEHIND:
            yield path


def write_config(
    base: Path,
    output: Path,
    *,
    dtype: str | None,
    resized_vocabulary: tuple[int, int] | None,
    untied: bool,
    classes: Classes | None = None,
) -> None:
    """Write config.json with what the merge changed: data type, vocabulary, tied embeddings, the head."""
    config: dict[str, Any] = json.loads((base / "config.json").read_text("utf-8"))
    parts = [config, *(part for part in (config.get("text_config"),) if isinstance(part, dict))]
    for part in parts:
        if dtype is not None:
            _set_dtype(part, dtype)
        if resized_vocabulary is not None and part.get("vocab_size") == resized_vocabulary[0]:
            part["vocab_size"] = resized_vocabulary[1]
        if untied and "tie_word_embeddings" in part:
            part["tie_word_embeddings"] = False
    if dtype is not None and not {"dtype", "torch_dtype"} & config.keys():
        config["dtype"] = dtype
    if untied:
        config["tie_word_embeddings"] = False
    if classes is not None:
        _set_classes(config, classes)
    _write_json(output / "config.json", config)


def _set_classes(config: dict[str, Any], classes: Classes) -> None:
    """Names of classes that the base has are kept where their number is right."""
    config["architectures"] = [classes.architecture]
    if classes.num_labels is not None and len(config.get("id2label") or ()) != classes.num_labels:
        labels = [
            f"LABEL_{number}" for number in range(classes.num_labels)
        ]  # as transformers names them
        config["id2label"] = {str(number): label for number, label in enumerate(labels)}
        config["label2id"] = {label: number for number, label in enumerate(labels)}
    if classes.problem_type is not None:
        config["problem_type"] = classes.problem_type
    if config.get("pad_token_id") is None:
        end = config.get("eos_token_id")
        config["pad_token_id"] = (end[0] if isinstance(end, list) else end) or 0


def _set_dtype(part: dict[str, Any], dtype: str) -> None:
    for key in ("dtype", "torch_dtype"):
        if key in part:
            part[key] = dtype


def write_args(adapters: Sequence[Path], output: Path, *, final: Path) -> None:
    """Write the last checkpoint's args.json so that the folder stands alone.

    Template, system prompt and the rest stay; what would load the adapters or quantise again is cleared.
    """
    path = next((a / "args.json" for a in reversed(adapters) if (a / "args.json").is_file()), None)
    if path is None:
        return
    args: dict[str, Any] = json.loads(path.read_text("utf-8"))
    cleared: dict[str, Any] = {"adapters": [], "quant_method": None, "quant_bits": None}
    args |= {name: value for name, value in cleared.items() if name in args}
    args["model"] = str(final)
    _write_json(output / "args.json", args)


def write_note(plan: MergePlan, output: Path) -> None:
    """Write what the model is made of, so that a later run can tell whether that is still so."""
    _write_json(output / MERGE_NOTE, _note(plan))


def is_noted(plan: MergePlan) -> bool:
    """Whether the output of a plan says that it is made of what the plan names, as it is now."""
    try:
        noted = json.loads((Path(plan.output_dir) / MERGE_NOTE).read_text("utf-8"))
        return bool(noted == json.loads(json.dumps(_note(plan))))
    except (OSError, ValueError):
        return False


def _note(plan: MergePlan) -> dict[str, Any]:
    return {
        "base": os.path.realpath(plan.base),
        "adapters": [_fingerprint(Path(adapter)) for adapter in plan.adapters],
        "dtype": plan.dtype,
    }


def _fingerprint(adapter: Path) -> dict[str, Any]:
    """Tell an adapter from another one in the same place, such as behind a link that moved on."""
    weights = next(adapter.glob("adapter_model.*"), adapter)
    status = weights.stat()
    return {
        "path": os.path.realpath(adapter),
        "bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
