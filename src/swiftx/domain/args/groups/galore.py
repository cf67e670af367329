"""GaLore arguments: full training with gradients projected to a low rank."""

from swiftx.domain.args.spec import arg, arg_group


@arg_group("GaLore")
class GaLoreArgs:
    """Optimizer states of a low-rank projection of the gradients; Q-GaLore quantizes them."""

    use_galore: bool = arg(
        False, starred=True, help="Train with GaLore: full weights, small optimizer states."
    )
    galore_target_modules: tuple[str, ...] | None = arg(
        None, help="Modules whose gradients are projected; None is attention and MLP."
    )
    galore_rank: int = arg(128, help="Rank that gradients are projected to.")
    galore_update_proj_gap: int = arg(50, help="Steps between updates of the projection.")
    galore_scale: float = arg(1.0, help="Factor on the update after projecting it back.")
    galore_proj_type: str = arg(
        "std",
        choices=("std", "reverse_std", "right", "left", "full"),
        open_choices=True,
        help="Side of the gradient matrix that is projected.",
    )
    galore_optim_per_parameter: bool = arg(
        False, help="Accepted for old scripts: AdamW steps each parameter by itself in any case."
    )
    galore_with_embedding: bool = arg(False, help="Project the gradients of the embeddings too.")
    galore_quantization: bool = arg(
        False,
        help="Q-GaLore: 8-bit moments, and projections that are renewed less often once they settle.",
    )
    galore_proj_quant: bool = arg(False, help="Q-GaLore: quantize the projection matrices too.")
    galore_proj_bits: int = arg(4, help="Bits of a quantized projection matrix.")
    galore_proj_group_size: int = arg(
        256, help="Values that share a scale in a quantized projection matrix."
    )
    galore_cos_threshold: float = arg(
        0.4, help="Similarity from which a projection counts as settled."
    )
    galore_gamma_proj: int = arg(
        2, help="Factor by which the update gap of a settled projection grows."
    )
    galore_queue_size: int = arg(5, help="Past projections whose similarity is compared.")
