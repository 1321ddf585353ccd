"""A1111's saved settings of a training, and OneTrainer's JSON."""

from __future__ import annotations

from typing import Any

from modules.params.training_files.plan_draft import PlanDraft

# A1111's names → ours
A1111_KEYS = {
    "learn_rate": "learning_rate", "data_root": "train_data_dir", "template_file": "template_file", "steps": "max_train_steps",
    "batch_size": "train_batch_size", "gradient_step": "gradient_accumulation_steps", "save_embedding_every": "save_every_n_steps",
    "save_hypernetwork_every": "save_every_n_steps", "create_image_every": "sample_every_n_steps", "use_weight": "alpha_mask",
    "shuffle_tags": "shuffle_caption", "tag_drop_out": "caption_tag_dropout_rate", "latent_sampling_method":
    "latent_sampling_method", "log_directory": "logging_dir", "model_name": "pretrained_model_name_or_path",
    "embedding_name": "token_string", "hypernetwork_name": "output_name", "layer_structure": "layer_structure",
    "activation_func": "activation_func", "weight_init": "weight_init", "add_layer_norm": "add_layer_norm",
    "use_dropout": "use_dropout", "num_vectors_per_token": "num_vectors_per_token", "clip_grad_mode": "clip_grad_mode",
    "clip_grad_value": "clip_grad_value", "preview_prompt": "sample_prompts",
}


def read_a1111_settings(data: dict[str, Any], where: str) -> PlanDraft:
    """Return a draft of a `settings-….json` of A1111's log folder."""
    draft = PlanDraft(lenient=True)
    draft.set("method", "hypernetwork" if "hypernetwork_name" in data else "textual-inversion", where)
    for key, value in data.items():
        if key in A1111_KEYS:
            draft.put(A1111_KEYS[key], value, f"{where}, {key}")
    if "training_width" in data and "training_height" in data:
        draft.set("resolution", [data["training_width"], data["training_height"]], f"{where}, training_width")
    draft.set("enable_bucket", bool(data.get("varsize", False)), f"{where}, varsize")
    return draft


# OneTrainer's names → ours
ONETRAINER_KEYS = {
    "base_model_name": "pretrained_model_name_or_path", "learning_rate": "learning_rate", "epochs": "max_train_epochs",
    "batch_size": "train_batch_size", "gradient_accumulation_steps": "gradient_accumulation_steps", "lora_rank": "network_dim",
    "lora_alpha": "network_alpha", "resolution": "resolution", "masked_training": "masked_loss", "dropout_probability":
    "network_dropout", "offset_noise_weight": "noise_offset", "perturbation_noise_weight": "ip_noise_gamma",
    "learning_rate_warmup_steps": "lr_warmup_steps", "learning_rate_cycles": "lr_scheduler_num_cycles", "clip_grad_norm":
    "max_grad_norm", "seed": "seed", "lora_model_name": "network_weights",
}
ONETRAINER_METHODS = {"LORA": "lora", "EMBEDDING": "textual-inversion", "FINE_TUNE": "fine-tune", "FINE_TUNE_VAE": "vae"}
ONETRAINER_SCHEDULES = {
    "CONSTANT": "constant", "LINEAR": "linear", "COSINE": "cosine", "COSINE_WITH_RESTARTS": "cosine_with_restarts",
    "COSINE_WITH_HARD_RESTARTS": "cosine_with_restarts",
}


def read_onetrainer(data: dict[str, Any], where: str) -> PlanDraft:
    """Return a draft of a OneTrainer file."""
    draft = PlanDraft(lenient=True)
    for key, value in data.items():
        if key in ONETRAINER_KEYS:
            draft.put(ONETRAINER_KEYS[key], value, f"{where}, {key}")
    method = str(data.get("training_method"))
    if method in ONETRAINER_METHODS:
        draft.set("method", ONETRAINER_METHODS[method], f"{where}, training_method")
    if schedule := ONETRAINER_SCHEDULES.get(str(data.get("learning_rate_scheduler"))):
        draft.set("lr_scheduler", schedule, f"{where}, learning_rate_scheduler")
    optimizer = data.get("optimizer")
    if isinstance(optimizer, dict) and optimizer.get("optimizer"):
        draft.set("optimizer_type", str(optimizer["optimizer"]).replace("ADAMW", "AdamW"), f"{where}, optimizer")
    put_onetrainer_parts(data, draft, where)
    if concepts := [each for each in data.get("concepts") or [] if isinstance(each, dict) and each.get("path")]:
        draft.set("datasets", [{"subsets": [
            {"image_dir": str(each["path"]), "is_reg": each.get("type") == "PRIOR_PREDICTION"} for each in concepts
        ]}], f"{where}, concepts")
    return draft


def put_onetrainer_parts(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put rates of UNet and text encoder, and the loss's weight."""
    for part, key in (("unet", "unet_lr"), ("text_encoder", "text_encoder_lr")):
        settings = data.get(part)
        if isinstance(settings, dict) and settings.get("learning_rate"):
            draft.set(key, settings["learning_rate"], f"{where}, {part}")
        if part == "text_encoder" and isinstance(settings, dict) and settings.get("train") is False:
            draft.set("network_train_unet_only", True, f"{where}, {part}")
    weight = data.get("loss_weight_fn")
    if weight == "MIN_SNR_GAMMA":
        draft.set("min_snr_gamma", data.get("loss_weight_strength", 5.0), f"{where}, loss_weight_fn")
    elif weight == "DEBIASED_ESTIMATION":
        draft.set("debiased_estimation_loss", True, f"{where}, loss_weight_fn")
