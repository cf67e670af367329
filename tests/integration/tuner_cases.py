"""Every tuner on one small problem: its plan, and what is expected of it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swiftx.domain.plans.tuning import (
    AdaLoraPlan,
    BoftPlan,
    BonePlan,
    BottleneckPlan,
    FourierFtPlan,
    FullPlan,
    GaLorePlan,
    LisaPlan,
    LlamaProPlan,
    LoraPlan,
    PeftPlan,
    ReftPlan,
    SampledInit,
    TunerPlan,
    VeraPlan,
)

STEPS = 16


def save_lively_model(tiny: str, folder: Path) -> str:
    """Save the tiny model with embeddings 25 times as large, or no adapter could move its logits."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(25)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy2(Path(tiny) / name, folder / name)
    return str(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One tuner.

    Attributes:
        loss: Below this the loss falls in `STEPS` steps; it begins above 8 (at 15.6 for most).
        trained: Matches the names of the parameters that change, and of no others.
        merges: Whether it can be merged into the weights.
        rate: Learning rate.
        changes: Further attributes of the training plan.
    """

    name: str
    plan: TunerPlan
    loss: float
    trained: str
    merges: bool = True
    rate: float = 0.02
    changes: dict[str, Any] = field(default_factory=dict)

    def trains(self, name: str) -> bool:
        """Return whether a parameter of this name is to be trained."""
        return re.search(self.trained, name) is not None


def lora(**changes: Any) -> LoraPlan:
    """Return a plan of LoRA of rank 4 without dropout."""
    return LoraPlan(**{"rank": 4, "alpha": 8, "dropout": 0.0, "bias": "none", **changes})


def _lora(name: str, loss: float, **changes: Any) -> Case:
    return Case(name=name, plan=lora(**changes), loss=loss, trained="lora_")


def _sampled(name: str, loss: float, **changes: Any) -> Case:
    rows = SampledInit(batch_size=2, batches=2, max_length=10)
    return _lora(f"lora {name}", loss, init_weights=name, sampled=rows, **changes)


def _peft(method: str, loss: float, trained: str, **changes: Any) -> Case:
    more = {name: changes.pop(name) for name in ("merges", "rate") if name in changes}
    plan = PeftPlan(method=method.upper(), **changes)
    return Case(name=method, plan=plan, loss=loss, trained=trained, **more)


def _reft(kind: str, loss: float, **changes: Any) -> Case:
    plan = ReftPlan(layers=None, layer_key=None, rank=4, intervention=kind, **changes)
    return Case(
        name=f"reft {kind}", plan=plan, loss=loss, trained=r"\.reft\.", merges=False, rate=0.05
    )


def _galore(name: str, **changes: Any) -> Case:
    plan = GaLorePlan(
        **{
            "targets": None,
            "rank": 8,
            "update_proj_gap": 5,
            "scale": 1.0,
            "proj_type": "std",
            **changes,
        }
    )
    return Case(name=name, plan=FullPlan(), loss=6.0, trained="", changes={"galore": plan})


_LORA_GA = {"direction": "ArB2r", "scale": "stable", "stable_gamma": 16}

CASES = [
    _lora("lora", 3.0),
    _lora("lora gaussian", 2.0, init_weights="gaussian"),
    _lora("lora random", 2.0, init_weights="false"),
    _lora("lora pissa", 3.0, init_weights="pissa"),
    _lora("lora pissa_niter_4", 3.0, init_weights="pissa_niter_4"),
    _lora("lora olora", 3.0, init_weights="olora"),
    _lora("lora orthogonal", 3.0, init_weights="orthogonal"),
    _lora("lora mica", 5.0, init_weights="mica"),
    _lora("dora", 5.0, use_dora=True),
    _lora("rslora", 2.0, use_rslora=True),
    _sampled("eva", 2.0),
    _sampled("corda", 2.0),
    _sampled("lora-ga", 2.0, lora_ga=_LORA_GA),
    Case(
        name="adalora",
        plan=AdaLoraPlan(
            target_r=2,
            init_r=4,
            tinit=2,
            tfinal=4,
            delta_t=1,
            beta1=0.85,
            beta2=0.85,
            orth_reg_weight=0.5,
            alpha=32,
            dropout=0.0,
        ),
        loss=8.0,
        trained="lora_[ABE]",
    ),
    Case(
        name="vera",
        plan=VeraPlan(rank=16, projection_prng_key=0, dropout=0.0, d_initial=0.1),
        loss=6.0,
        trained="vera_lambda",
        rate=0.1,
    ),
    Case(
        name="boft",
        plan=BoftPlan(block_size=4, block_num=0, n_butterfly_factor=1, dropout=0.0),
        loss=3.0,
        trained="boft_[Rs]",
        rate=1.0,
    ),
    Case(
        name="fourierft",
        plan=FourierFtPlan(n_frequency=200, scaling=300.0),
        loss=3.0,
        trained="fourierft_spectrum",
        rate=0.1,
    ),
    Case(name="bone", plan=BonePlan(rank=8, dropout=0.0), loss=3.0, trained="miss_block"),
    Case(
        name="bone bat",
        plan=BonePlan(rank=8, dropout=0.0, init_weights="bat"),
        loss=3.0,
        trained="miss_block",
    ),
    Case(
        name="longlora",
        plan=lora(shifted_attention=True),
        loss=3.0,
        trained=r"lora_|embed_tokens\.modules_to_save|norm\.modules_to_save",
    ),
    Case(
        name="llamapro",
        plan=LlamaProPlan(new_blocks=2, groups=2),
        loss=3.0,
        trained=r"layers\.[13]\.",
    ),
    Case(
        name="adapter",
        plan=BottleneckPlan(width=16, activation="gelu"),
        loss=6.0,
        trained=r"\.bottleneck\.",
        merges=False,
    ),
    _reft("LoreftIntervention", 3.0, options={"dropout": 0.0, "act_fn": "linear"}),
    _reft("NoreftIntervention", 3.0, options={"add_bias": True}),
    _reft("ConsreftIntervention", 3.0),
    _reft("LobireftIntervention", 8.0),
    _reft("DireftIntervention", 3.0),
    _reft("NodireftIntervention", 3.0),
    Case(name="full", plan=FullPlan(), loss=3.0, trained=""),
    Case(
        name="full some",
        plan=FullPlan(freeze_parameters_ratio=1.0, trainable_parameters_regex="mlp"),
        loss=3.0,
        trained="mlp",
    ),
    Case(
        name="lisa",
        plan=FullPlan(),
        loss=3.0,
        trained="",
        changes={"lisa": LisaPlan(layers=1, interval=2)},
    ),
    _galore("galore"),
    _galore("galore full side", proj_type="full"),
    _galore("galore embedding", with_embedding=True),
    _galore("q-galore", eight_bit=True, lazy=True, proj_bits=4, cos_threshold=0.0, queue_size=1),
    _peft("ia3", 14.5, "ia3_l", rate=1.0),
    _peft("beft", 6.0, "beft_", rate=0.1, merges=False),
    _peft("c3a", 7.0, "c3a_", rate=1.0, options={"block_size": 16}),
    _peft("deft", 3.0, "deft_", rate=0.1),
    _peft("delora", 3.0, "delora_", rate=0.1),
    _peft("frod", 3.0, "frod_", rate=1.0),
    _peft("glora", 3.0, "glora_", rate=0.02),
    _peft("gralora", 3.0, "gralora_", rate=0.02),
    _peft("hira", 3.0, "hira_", rate=0.1),
    _peft("hra", 15.0, "hra_", rate=1.0),
    _peft("lily", 3.0, "lily_", rate=0.02, merges=False),
    _peft("ln_tuning", 7.0, "ln_tuning", rate=0.1),
    _peft("loha", 3.0, "hada_", rate=0.1),
    _peft("lokr", 3.0, "lokr_", rate=0.1),
    _peft("miss", 3.0, "miss_", rate=0.02, options={"r": 8}),
    # At 0.1 the rotations go so far that float32 itself is 1e-5 off: computed in float64, the merged and the
    # unmerged model are equal, and the unmerged one in float32 is 9.9e-6 from them.
    _peft("oft", 7.0, "oft_", rate=0.05),
    _peft("osf", 7.0, "osf_", rate=0.02),
    _peft("peanut", 7.0, "peanut_", rate=0.02),
    _peft("psoft", 4.0, "psoft_", rate=1.0, options={"r": 8}),
    _peft("pvera", 10.0, "pvera_", rate=0.1, options={"r": 16}),
    _peft("randlora", 3.0, "randlora_", rate=0.02),
    _peft("road", 3.0, "road_", rate=1.0, options={"group_size": 8}),
    _peft("shira", 3.0, "shira_", rate=0.1, options={"r": 4}),
    _peft("supertuning", 8.0, "supertuning", rate=1.0),
    _peft("tinylora", 8.0, "tinylora_", rate=0.1),
    _peft("unilora", 3.0, "unilora_", rate=1.0),
    _peft("vblora", 4.0, "vblora_", rate=0.1, options={"vector_length": 16, "num_vectors": 32}),
    _peft("waveft", 3.0, "waveft_", rate=0.1, options={"n_frequency": 100}),
]
