"""Folds LoRA adapters into their base model, a few rows of one tensor at a time.

Peak memory is a few blocks of rows plus the factors of one layer, whatever the size of the model.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from swiftx.adapters.exporters.adapter_weights import LoraAdapter
from swiftx.adapters.exporters.lora_patches import Block, Patch, SurveyingPatch
from swiftx.adapters.exporters.merged_tensors import MergedTensors, OutputTensor
from swiftx.adapters.exporters.model_files import (
    Classes,
    copy_model_files,
    is_noted,
    write_args,
    write_config,
    write_note,
)
from swiftx.adapters.exporters.tensor_files import (
    SafetensorsWriter,
    TensorShape,
    element_slices,
    open_weights,
)
from swiftx.adapters.exporters.whole_model import WholeModelWriter, needs_whole_model
from swiftx.domain.exporting.sharding import Shard, TensorSize, plan_shards, shard_index
from swiftx.domain.plans.exporting import MergePlan
from swiftx.errors import BackendError, NotFound, StorageError

_BLOCK_ELEMENTS = 2**19
"""Elements held at once: 2 MiB as float32 stay in the processor's cache (larger blocks are slower)."""


class StreamingMerger:
    """Merges over safetensors files; no model is ever built for LoRA.

    Args:
        whole: Writes what is merged of other adapters; None refuses them.
    """

    def __init__(self, whole: WholeModelWriter | None = None) -> None:
        self._whole = whole

    def merge(self, plan: MergePlan, *, progress: Callable[[int, int], None]) -> None:
        output = Path(plan.output_dir)
        if output.exists() and not plan.exist_ok:
            raise StorageError(
                f"{output} exists already.",
                hint="Give another --output_dir, or --exist_ok true to overwrite the model in it.",
            )
        staging = output.with_name(f".{output.name}.incomplete")
        try:
            shutil.rmtree(staging, ignore_errors=True)  # what a killed run left
            staging.mkdir(parents=True)
            self._write(plan, staging, progress)
            _publish(staging, output)
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise _storage_error(error, output) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def is_current(self, plan: MergePlan) -> bool:
        return (Path(plan.output_dir) / "config.json").is_file() and is_noted(plan)

    def _write(self, plan: MergePlan, staging: Path, progress: Callable[[int, int], None]) -> None:
        base_folder = _base_folder(plan.base)
        adapter_folders = [Path(adapter) for adapter in plan.adapters]
        if self._whole is not None and any(map(needs_whole_model, adapter_folders)):
            progress(0, 1)
            self._whole.write(plan, staging)
            progress(1, 1)
            return
        with ExitStack() as stack, torch.inference_mode(), _one_thread():
            adapters = [LoraAdapter(folder) for folder in adapter_folders]
            base = open_weights(base_folder, stem="model", pickled_stem="pytorch_model")
            stack.callback(base.close)
            merged = MergedTensors(base_folder, base, plan.task)
            for adapter in adapters:
                stack.callback(adapter.store.close)
                merged.add(adapter)
            architecture = merged.finish_head()
            dtype = None if plan.dtype is None else getattr(torch, plan.dtype)
            write_config(
                base_folder,
                staging,
                dtype=plan.dtype,
                resized_vocabulary=merged.resized_vocabulary,
                untied=merged.untied,
                classes=None
                if architecture is None
                else Classes(architecture, plan.num_labels, plan.problem_type),
            )
            copy_model_files(base_folder, adapter_folders, staging)
            write_args(adapter_folders, staging, final=Path(plan.output_dir).absolute())
            write_note(plan, staging)
            _write_weights(plan, staging, merged.tensors, dtype, progress)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: for small blocks, threads cost more in waiting than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _base_folder(base: str) -> Path:
    folder = Path(base)
    config = folder / "config.json"
    if not config.is_file():
        raise NotFound(
            f"{folder} holds no model (no config.json).",
            hint="Give the base model with --model.",
        )
    quantization = json.loads(config.read_text("utf-8")).get("quantization_config")
    if quantization:
        raise BackendError(
            f"{folder} is quantised ({quantization.get('quant_method')}); "
            "adapters merge into full weights only.",
            hint="Give the unquantised model with --model.",
        )
    return folder


def _write_weights(
    plan: MergePlan,
    staging: Path,
    tensors: dict[str, OutputTensor],
    dtype: torch.dtype | None,
    progress: Callable[[int, int], None],
) -> None:
    shapes = {name: _written_shape(tensor.shape, dtype) for name, tensor in tensors.items()}
    sizes = [TensorSize(name, shape.nbytes) for name, shape in shapes.items()]
    total = sum(size.nbytes for size in sizes)
    _check_space(staging, total)
    stem, suffix = ("model", "safetensors") if plan.safe_serialization else ("pytorch_model", "bin")
    shards = plan_shards(sizes, plan.max_shard_size, stem=stem, suffix=suffix)
    write = _write_safetensors if plan.safe_serialization else _write_pickled
    done = 0
    for shard in shards:
        for _ in write(staging, shard, tensors, shapes):
            done += 1
            progress(done, len(tensors))
    if len(shards) > 1:
        index = json.dumps(shard_index(shards, total_size=total), indent=2)
        (staging / f"{stem}.{suffix}.index.json").write_text(index + "\n", "utf-8")


def _written_shape(shape: TensorShape, dtype: torch.dtype | None) -> TensorShape:
    if dtype is None or not shape.dtype.is_floating_point:
        return shape
    return TensorShape(dtype, shape.shape)


def _write_safetensors(
    staging: Path,
    shard: Shard,
    tensors: dict[str, OutputTensor],
    shapes: dict[str, TensorShape],
) -> Iterator[str]:
    """Write one shard; yields the name of each tensor when it is written."""
    writer = SafetensorsWriter(
        staging / shard.filename, {name: shapes[name] for name in shard.tensors}
    )
    with writer:
        for name in shard.tensors:
            for values in _values(tensors[name], shapes[name].dtype):
                writer.append(values)
            yield name


def _write_pickled(
    staging: Path,
    shard: Shard,
    tensors: dict[str, OutputTensor],
    shapes: dict[str, TensorShape],
) -> Iterator[str]:
    """Write one shard in torch's format, which needs the whole shard in memory."""
    state = {}
    for name in shard.tensors:
        values = torch.cat(list(_values(tensors[name], shapes[name].dtype)))
        state[name] = values.view(shapes[name].shape)
        yield name
    torch.save(state, staging / shard.filename)


def _values(tensor: OutputTensor, dtype: torch.dtype) -> Iterator[torch.Tensor]:
    """Yield the merged elements in order, as `dtype`."""
    if not tensor.patches:
        for start, stop in element_slices(tensor.shape.elements, _BLOCK_ELEMENTS):
            yield tensor.store.read(tensor.key, start, stop).to(dtype)
        return
    patches = [make() for make in tensor.patches]
    for position, patch in enumerate(patches):
        if isinstance(patch, SurveyingPatch):
            patch.survey(_blocks(tensor, patches[:position], patch.columns))
    for block in _blocks(tensor, patches, patches[0].columns):
        yield block.rows.to(dtype)


def _blocks(tensor: OutputTensor, patches: Sequence[Patch], columns: int) -> Iterator[Block]:
    """Yield the weight in blocks of rows, changed by `patches`."""
    height = max(_BLOCK_ELEMENTS // columns, 1)
    for start, stop in element_slices(tensor.shape.elements // columns, height):
        values = tensor.store.read(tensor.key, start * columns, stop * columns)
        block = Block(start, stop, values.float().view(stop - start, columns))
        for patch in patches:
            block = block._replace(rows=patch.apply(block))
        yield block


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"{folder.parent}: the merged model needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free.",
            hint="Free some space or give another --output_dir.",
        )


def _publish(staging: Path, output: Path) -> None:
    """Give the finished folder its name; into an existing folder, move the files, config.json last."""
    if not output.exists():
        staging.rename(output)
        return
    (output / "config.json").unlink(missing_ok=True)  # without it the folder is no model
    for pattern in ("model*.safetensors*", "pytorch_model*.bin*"):
        for stale in output.glob(pattern):
            stale.unlink()
    for path in sorted(staging.iterdir(), key=lambda path: path.name == "config.json"):
        target = output / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)


def _storage_error(error: OSError, output: Path) -> StorageError:
    if error.errno == errno.ENOSPC:
        return StorageError(
            f"{output}: the disk is full.", hint="Free some space or give another --output_dir."
        )
    return StorageError(f"{error.filename or output} cannot be written: {error.strerror or error}.")
