"""The JSON files of the kohya_ss GUI: sd-scripts' keys, a few names of its own, and boxes for network arguments."""

from __future__ import annotations

import shlex
from typing import Any

from modules.params.training_files.command_line import read_command_line
from modules.params.training_files.plan_draft import KEY_ALIASES, PlanDraft

# boxes of the form → arguments of the network module
NETWORK_BOXES = {
    "conv_dim": "conv_dim", "conv_alpha": "conv_alpha", "block_dims": "block_dims", "block_alphas": "block_alphas",
    "conv_block_dims": "conv_block_dims", "conv_block_alphas": "conv_block_alphas", "block_lr_zero_threshold":
    "block_lr_zero_threshold", "down_lr_weight": "down_lr_weight", "mid_lr_weight": "mid_lr_weight", "up_lr_weight": "up_lr_weight",
    "rank_dropout": "rank_dropout", "module_dropout": "module_dropout", "loraplus_lr_ratio": "loraplus_lr_ratio",
    "loraplus_unet_lr_ratio": "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio": "loraplus_text_encoder_lr_ratio",
}
LYCORIS_BOXES = {
    "LyCORIS_preset": "preset", "factor": "factor", "decompose_both": "decompose_both", "use_tucker": "use_tucker", "use_cp": "use_tucker",
    "use_scalar": "use_scalar", "train_norm": "train_norm", "rank_dropout_scale": "rank_dropout_scale", "bypass_mode": "bypass_mode",
    "dora_wd": "dora_wd", "constrain": "constraint", "rescaled": "rescaled", "train_on_input": "train_on_input", "unit": "block_size",
}
BOXES_WITHOUT_EFFECT = frozenset((
    "gpu_ids main_process_port multi_gpu num_cpu_threads_per_process num_machines num_processes additional_parameters "
    "stop_text_encoder_training_pct sdxl noise_offset_type save_as_bool dynamo_mode dynamo_use_dynamic dynamo_use_fullgraph "
    "extra_accelerate_launch_args model_list folders train_lora_ggpo split_mode train_blocks use_wandb wandb_run_name "
    "sdxl_cache_text_encoder_outputs sdxl_cache_text_encoder_outputs_to_disk sdxl_no_half_vae "
    "LoRA_type lr_warmup logging_dir_bool num_cpu_threads"
).split())
LYCORIS = "LyCORIS/"
# boxes in which 0 stands for nothing
UNSET_AT_ZERO = frozenset({"epoch", "max_train_epochs", "max_train_steps", "unet_lr", "text_encoder_lr", "learning_rate_te"})


def has_steps(data: dict[str, Any]) -> bool:
    return not box_is_empty("max_train_steps", data.get("max_train_steps"))


def has_offset(data: dict[str, Any]) -> bool:
    return data.get("noise_offset_type", "Original") == "Original"


def has_layers_of_noise(data: dict[str, Any]) -> bool:
    return not has_offset(data)


# boxes → whether another box of the form outweighs them
OUTWEIGHED = {
    "epoch": has_steps, "multires_noise_iterations": has_offset, "multires_noise_discount": has_offset,
    "noise_offset": has_layers_of_noise, "noise_offset_random_strength": has_layers_of_noise,
    "adaptive_noise_scale": has_layers_of_noise,
}


def read_kohya_gui(data: dict[str, Any], where: str) -> PlanDraft:
    """Return a draft of a GUI file. Empty boxes are unset; unknown keys are no error."""
    draft = PlanDraft()
    kind = str(data.get("LoRA_type", ""))
    boxes = NETWORK_BOXES | (LYCORIS_BOXES if kind.startswith(LYCORIS) else {})
    for key, value in data.items():
        if key in boxes or key in LYCORIS_BOXES or key in BOXES_WITHOUT_EFFECT or box_is_empty(key, value):
            continue
        if key in OUTWEIGHED and OUTWEIGHED[key](data):
            continue
        if KEY_ALIASES.get(key, key) in ("optimizer_args", "lr_scheduler_args", "network_args", "base_weights"):
            value = shlex.split(str(value)) if isinstance(value, str) else value
        draft.put(key, value, f"{where}, {key:.100}")
    if data.get("additional_parameters"):
        draft.merge(read_command_line(str(data["additional_parameters"]), f"{where}, additional_parameters"))
    put_network(data, kind, boxes, draft, where)
    put_shares(data, draft, where)
    draft.lenient = True
    return draft


def box_is_empty(key: str, value: Any) -> bool:
    """Return whether a box stands empty.

    >>> box_is_empty("epoch", 0), box_is_empty("epoch", "0"), box_is_empty("seed", 0)
    (True, True, False)
    """
    return value in ("", None) or key in UNSET_AT_ZERO and str(value).strip() in ("0", "0.0")


def put_network(data: dict[str, Any], kind: str, boxes: dict[str, str], draft: PlanDraft, where: str) -> None:
    """Put the network module and its arguments from the form's boxes."""
    if not kind:
        return
    lycoris = kind.startswith(LYCORIS)
    modules = {"LoRA-FA": "networks.lora_fa", "Kohya DyLoRA": "networks.dylora", "DyLoRA": "networks.dylora"}
    arguments = list(draft.values.get("network_args", []))
    if lycoris:
        arguments.append(f"algo={kind.removeprefix(LYCORIS).lower()}")
    convolutions = lycoris or kind not in ("Standard", "")
    for box, name in boxes.items():
        value = data.get(box)
        if value in ("", None, 0, False, "0") or (name.startswith("conv") and not convolutions):
            continue
        arguments.append(f"{name}={value}")
    draft.set("network_module", "lycoris.kohya" if lycoris else modules.get(kind, "networks.lora"), f"{where}, LoRA_type")
    if arguments:
        draft.set("network_args", arguments, f"{where}, LoRA_type")
    unet, text = (not box_is_empty(key, data.get(key)) for key in ("unet_lr", "text_encoder_lr"))
    if unet != text and {"unet_lr", "text_encoder_lr"} <= data.keys():      # 0 beside a rate leaves that part alone
        only = "network_train_unet_only" if unet else "network_train_text_encoder_only"
        draft.set(only, True, f"{where}, {'text_encoder_lr' if unet else 'unet_lr'}")


def put_shares(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put the warm-up, which the form has as percent of all steps, and switches under SDXL's names."""
    try:
        percent = float(data.get("lr_warmup") or 0)
    except (TypeError, ValueError):
        percent = 0.0
    if percent > 0:
        draft.set("lr_warmup_steps", min(percent, 99) / 100, f"{where}, lr_warmup")
    for ours in ("cache_text_encoder_outputs", "cache_text_encoder_outputs_to_disk", "no_half_vae"):
        if data.get(f"sdxl_{ours}") is True:
            draft.set(ours, True, f"{where}, sdxl_{ours}")
