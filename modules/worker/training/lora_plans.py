"""From a plan to the LoRA that is trained: its sizes by layer, and the file it begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from modules.base.errors import Invalid
from modules.models.files.state_dict import read_state_dict
from modules.params.network_arguments import (
    LYCORIS_ARGUMENTS,
    LYCORIS_MODULES,
    LYCORIS_PRESETS,
    LYCORIS_SIZES,
    check_network_arguments,
)
from modules.params.training import Training
from modules.training.lora import ALPHA, DOWN, Lora, LoraShape
from modules.training.lora_blocks import LoraBlocks
from modules.training.lycoris_student import LycorisStudent
from modules.training.optimizers import literal_arguments
from modules.training.student import UNET, TrainableModel

if TYPE_CHECKING:
    from modules.worker.training.planning import TrainingPlan


def network_in_training(plan: TrainingPlan, model: TrainableModel) -> Lora | LycorisStudent:
    """Return a network as it begins. Raises Invalid for another kind of network, or a file that does not fit."""
    check_network_arguments(plan.request)
    if plan.request.network_module in LYCORIS_MODULES:
        return lycoris_of(plan, model)
    known = first_tensors(plan)
    lora = Lora(model, lora_shape(plan.request, known), plan.request.seed)
    if known:
        lora.begin_with(known)
    return lora


def first_tensors(plan: TrainingPlan) -> Mapping[str, Tensor]:
    """Return the tensors of the LoRA that the plan begins with, {} without one. Raises UnknownName or ModelError."""
    if not plan.request.network_weights:
        return {}
    return dict(read_state_dict(plan.library.loras.find(plan.request.network_weights).path).tensors)


def lora_shape(request: Training, known: Mapping[str, Tensor] | None = None) -> LoraShape:
    """Return a LoRA's size; known: the file whose ranks it has, if the plan says so.

    Raises Invalid for arguments that are no numbers.
    """
    given = request.network_arguments
    try:
        blocks = LoraBlocks.read(given)
        number = {name: float(given[name]) for name in given if name not in TEXTUAL_ARGUMENTS}
    except ValueError as error:
        raise Invalid(f"The network's arguments are no numbers: {error}.", "Write conv_dim=8 conv_alpha=4.",
                      "network_args") from error
    both = number.get("loraplus_lr_ratio", 1.0)
    return LoraShape(
        request.network_dim, request.network_alpha, int(number.get("conv_dim", 0)), number.get("conv_alpha", 0.0),
        request.network_dropout, request.scale_weight_norms, unet=not request.network_train_text_encoder_only,
        text=trains_text(request), rank_dropout=number.get("rank_dropout", 0.0),
        module_dropout=number.get("module_dropout", 0.0), blocks=blocks,
        up_rates={UNET: number.get("loraplus_unet_lr_ratio", both),
                  "text_encoder": number.get("loraplus_text_encoder_lr_ratio", both)},
        sizes=file_sizes(known or {}) if request.dim_from_weights else {},
    )


def lycoris_of(plan: TrainingPlan, model: TrainableModel) -> LycorisStudent:
    """Return a network of the kind that `algo` names, as it begins. Raises Invalid for an argument."""
    request, given = plan.request, plan.request.network_arguments
    kind = given.get("algo", "lora").lower()
    options = {LYCORIS_ARGUMENTS[name]: literal_arguments({name: value})[name]
               for name, value in given.items() if name in LYCORIS_ARGUMENTS}
    try:
        size = {name: float(given[name]) for name in LYCORIS_SIZES if name in given}
    except ValueError as error:
        raise Invalid(f"The network's arguments are no numbers: {error}.", "Write conv_dim=8 conv_alpha=4.",
                      "network_args") from error
    shape = LoraShape(
        request.network_dim, request.network_alpha, *lycoris_convolutions(request, size),
        size.get("dropout", request.network_dropout), unet=not request.network_train_text_encoder_only,
        text=trains_text(request), rank_dropout=size.get("rank_dropout", 0.0),
        module_dropout=size.get("module_dropout", 0.0),
    )
    return LycorisStudent(model, shape, kind, options, request.seed)


def lycoris_convolutions(request: Training, size: Mapping[str, float]) -> tuple[int, float]:
    """Return rank and alpha of convolutions, in LyCORIS those of all others if none are given; 0 leaves them alone."""
    if not LYCORIS_PRESETS[request.network_arguments.get("preset", "full")]:
        return 0, 0.0
    return int(size.get("conv_dim", 0)) or request.network_dim, size.get("conv_alpha", 0.0) or request.network_alpha


TEXTUAL_ARGUMENTS = {
    "block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas", "down_lr_weight", "mid_lr_weight",
    "up_lr_weight",
}


def trains_text(request: Training) -> bool:
    return not (request.network_train_unet_only or request.cache_text_encoder_outputs
                or request.stop_text_encoder_training < 0)


def file_sizes(known: Mapping[str, Tensor]) -> dict[str, tuple[int, float]]:
    """Return rank and alpha of each layer in a file."""
    ranks = {name.removesuffix(f".{DOWN}"): len(down) for name, down in known.items() if name.endswith(f".{DOWN}")}
    return {layer: (rank, float(known.get(f"{layer}.{ALPHA}", rank))) for layer, rank in ranks.items()}
