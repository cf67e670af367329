"""How a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType

ModelHandle = NewType("ModelHandle", object)
"""A loaded model. The domain passes it from port to port and never looks inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BnbPlan:
    """Weights of bitsandbytes.

    Attributes:
        bits: 4, or 8 for LLM.int8 (https://arxiv.org/abs/2208.07339); the rest is about 4 bits
            (QLoRA, https://arxiv.org/abs/2305.14314).
        compute_dtype: `float16`, `bfloat16` or `float32` that products are computed in.
        quant_type: `nf4` or `fp4`.
        double_quant: Quantize the scales as well.
        storage: Data type that weights are packed into; None is the library's own, `uint8`.
    """

    bits: int
    compute_dtype: str = "float32"
    quant_type: str = "nf4"
    double_quant: bool = True
    storage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HqqPlan:
    """Half-quadratic quantization. `axis` is the one that weights are grouped along; None is HQQ's own."""

    bits: int
    axis: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantoPlan:
    """Weights of optimum-quanto: `weights` is `int2`, `int4`, `int8` or `float8`."""

    weights: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchaoPlan:
    """Weights of torchao, without quantized activations: `weights` is `int4`, `int8` or `float8`."""

    weights: str


@dataclass(frozen=True, slots=True)
class EetqPlan:
    """8-bit weights of EETQ."""


@dataclass(frozen=True, slots=True)
class Fp8Plan:
    """8-bit floating-point weights in blocks of 128 by 128, as DeepSeek-V3 has them."""


QuantizationPlan = BnbPlan | HqqPlan | QuantoPlan | TorchaoPlan | EetqPlan | Fp8Plan
"""How weights are quantized while they are loaded. The head of the model is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Everything the loader needs to know.

    Attributes:
        folder: Absolute path of the model folder.
        dtype: `float16`, `bfloat16` or `float32` that the weights are loaded in.
        attn_impl: Attention implementation as transformers names it; None leaves the choice to it.
        device: `cuda`, `npu`, `mps` or `cpu`; where the model goes when `device_map` is None.
        device_map: Passed through to `from_pretrained`; None for a single device per process.
        max_model_len: Overrides the configuration's `max_position_embeddings`.
        new_special_tokens: Added to the tokenizer; embeddings are resized to a multiple of 128.
        trust_remote_code: Whether code of the model folder may run.
        task: Decides on the class: `causal_lm` and `generative_reranker` predict tokens, `seq_cls` and
            `reranker` have a head for classes, `embedding` has none.
        num_labels: Outputs of the head; None leaves it to config.json.
        problem_type: `regression`, `single_label_classification` or `multi_label_classification`; what the
            saved config.json says of the head.
        new_head_seed: Seeds a head that the files lack, or have with another number of outputs, because it
            is about to be trained or loaded; None refuses such files.
        init_strategy: Fills parameters that the files lack (`zero`, `normal`, …); None refuses such files.
        quantization: How the weights are quantized on loading; None loads them as they are.
    """

    folder: str
    dtype: str
    device: str
    attn_impl: str | None = None
    device_map: str | Mapping[str, Any] | None = None
    max_memory: Mapping[str, Any] | None = None
    rope_scaling: Mapping[str, Any] | None = None
    max_model_len: int | None = None
    new_special_tokens: tuple[str, ...] = ()
    trust_remote_code: bool = False
    task: str = "causal_lm"
    num_labels: int | None = None
    problem_type: str | None = None
    new_head_seed: int | None = None
    init_strategy: str | None = None
    quantization: QuantizationPlan | None = None
