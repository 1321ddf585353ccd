"""Control-LoRAs: a ControlNet as low-rank differences to the encoder of the checkpoint's own UNet, by Stability.

W = W of the UNet + up @ down. Names are LDM's, with `.up` and `.down` in the place of a weight; what a file has whole,
such as its hint's layers, stands in it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from modules.base.errors import ModelMismatch
from modules.models.checkpoint.loaded_model import LoadedModel

CONTROL_LORA_MARK = "lora_controlnet"
OF_ENCODER = ("input_blocks.", "middle_block.", "time_embed.", "label_emb.")


def whole_control_lora(name: str, tensors: Mapping[str, Tensor], model: LoadedModel) -> dict[str, Tensor]:
    """Return the tensors of the ControlNet, LDM's names; weights are in the file's precision.

    Raises ModelMismatch for one of another family's UNet.
    """
    own: Mapping[str, Tensor] = model.unet.state_dict()
    base = {theirs: own[ours] for theirs, ours in model.unet_names.items() if theirs.startswith(OF_ENCODER)}
    plain = {
        key: tensor for key, tensor in tensors.items()
        if key != CONTROL_LORA_MARK and not key.endswith((".up", ".down"))
    }
    low_rank = {
        key.removesuffix(".up"): (up, tensors[f"{key.removesuffix('.up')}.down"])
        for key, up in tensors.items() if key.endswith(".up") and f"{key.removesuffix('.up')}.down" in tensors
    }
    found = {key: tensor.cpu() for key, tensor in base.items()} | plain
    for module, (up, down) in low_rank.items():
        weight = base.get(f"{module}.weight")
        change = None if weight is None else low_rank_change(weight, up, down)
        if weight is None or change is None:
            raise ModelMismatch(
                f"{name} does not fit {model.checkpoint.model_name}: {module} is not that of {model.family.title}.",
                "Choose a control-LoRA for this checkpoint's family in the unit.",
            )
        found[f"{module}.weight"] = (weight.float().cpu() + change).to(up.dtype)
    return found


def low_rank_change(weight: Tensor, up: Tensor, down: Tensor) -> Tensor | None:
    """Return up @ down in a weight's shape; None if they are not of its shape."""
    try:
        change = up.float().flatten(1) @ down.float().flatten(1)
        return change.view(weight.shape) if len(change) == len(weight) else None
    except (RuntimeError, IndexError):
        return None
