"""A1111's saved settings of a training, and OneTrainer's JSON."""

from __future__ import annotations

from typing import Any

from modules.params.training_files.hcp import groups, section
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
    "max_grad_norm", "seed": "seed", "lora_model_name": "network_weights", "ema_decay": "ema_decay",
}
ONETRAINER_METHODS = {"LORA": "lora", "EMBEDDING": "textual-inversion", "FINE_TUNE": "fine-tune", "FINE_TUNE_VAE": "vae"}
ONETRAINER_SCHEDULES = {
    "CONSTANT": "constant", "LINEAR": "linear", "COSINE": "cosine", "COSINE_WITH_RESTARTS": "cosine_with_restarts",
    "COSINE_WITH_HARD_RESTARTS": "cosine_with_restarts",
}
ONETRAINER_OPTIMIZERS = {
    "ADAMW": "AdamW", "ADAM": "Adam", "ADAMW_8BIT": "AdamW8bit", "LION": "Lion", "LION_8BIT": "Lion8bit", "SGD": "SGD",
    "ADAFACTOR": "AdaFactor", "PRODIGY": "Prodigy",
}
WITH_BETAS = ("AdamW", "Adam", "AdamW8bit", "Lion", "Lion8bit", "Prodigy")
ONETRAINER_PRECISIONS = {"FLOAT_32": "no", "TFLOAT_32": "no", "FLOAT_16": "fp16", "BFLOAT_16": "bf16"}
ONETRAINER_TIMES = {"save_every": "save_every_n", "sample_after": "sample_every_n"}
ONETRAINER_UNITS = {"EPOCH": "epochs", "STEP": "steps"}
EMBEDDING_KEYS = {"placeholder": "token_string", "token_count": "num_vectors_per_token", "initial_embedding_text": "init_word"}
# a sample's names → options of a line of sample prompts
ONETRAINER_SAMPLE = {"negative_prompt": "n", "width": "w", "height": "h", "seed": "d", "diffusion_steps": "s", "cfg_scale": "l"}
# what a concept says of its captions and pictures → a subset's options
CONCEPT_OPTIONS = {
    "text": {"enable_tag_shuffling": "shuffle_caption", "keep_tags_count": "keep_tokens", "tag_delimiter": "caption_separator"},
    "image": {"enable_random_flip": "flip_aug"},
}


def read_onetrainer(data: dict[str, Any], where: str) -> PlanDraft:
    """Return a draft of a OneTrainer file."""
    draft = PlanDraft(lenient=True)
    for key, value in data.items():
        if key in ONETRAINER_KEYS:
            draft.put(ONETRAINER_KEYS[key], value, f"{where}, {key}")
    tables = {
        "training_method": ("method", ONETRAINER_METHODS), "learning_rate_scheduler": ("lr_scheduler", ONETRAINER_SCHEDULES),
        "train_dtype": ("mixed_precision", ONETRAINER_PRECISIONS),
    }
    for key, (ours, table) in tables.items():
        if known := table.get(str(data.get(key))):
            draft.set(ours, known, f"{where}, {key}")
    for key in ("ema", "gradient_checkpointing"):
        if key in data:
            draft.set(key, data[key] not in ("OFF", False, None), f"{where}, {key}")
    put_onetrainer_optimizer(section(data, "optimizer"), draft, f"{where}, optimizer")
    put_onetrainer_parts(data, draft, where)
    put_onetrainer_times(data, draft, where)
    put_concepts(data, draft, where)
    return draft


def put_onetrainer_optimizer(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put the optimiser and those of its arguments that it takes here."""
    if not (name := str(data.get("optimizer") or "")):
        return
    kind = ONETRAINER_OPTIMIZERS.get(name, name)
    draft.set("optimizer_type", kind, where)
    words = [] if data.get("weight_decay") is None else [f"weight_decay={data['weight_decay']}"]
    if kind in WITH_BETAS and None not in (data.get("beta1"), data.get("beta2")):
        words.append(f"betas={data['beta1']},{data['beta2']}")
    if words:
        draft.set("optimizer_args", words, where)


def put_onetrainer_parts(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put rates of UNet and text encoder, an embedding's word, the noise and the loss's weight."""
    for part, key in (("unet", "unet_lr"), ("text_encoder", "text_encoder_lr")):
        settings = section(data, part)
        if settings.get("learning_rate"):
            draft.set(key, settings["learning_rate"], f"{where}, {part}")
        if part == "text_encoder" and settings.get("train") is False:
            draft.set("network_train_unet_only", True, f"{where}, {part}")
    if draft.values.get("method") == "textual-inversion":
        for key, ours in EMBEDDING_KEYS.items():
            draft.put(ours, section(data, "embedding").get(key), f"{where}, embedding")
    for key, ours in (("min_noising_strength", "min_timestep"), ("max_noising_strength", "max_timestep")):
        if isinstance(strength := data.get(key), int | float):
            draft.put(ours, round(1000 * strength), f"{where}, {key}")
    weight = data.get("loss_weight_fn")
    if weight == "MIN_SNR_GAMMA":
        draft.set("min_snr_gamma", data.get("loss_weight_strength", 5.0), f"{where}, loss_weight_fn")
    elif weight == "DEBIASED_ESTIMATION":
        draft.set("debiased_estimation_loss", True, f"{where}, loss_weight_fn")


def put_onetrainer_times(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put when files are saved and samples drawn, and of what."""
    for key, ours in ONETRAINER_TIMES.items():
        unit = str(data.get(f"{key}_unit", ""))
        if (known := ONETRAINER_UNITS.get(unit)) and isinstance(data.get(key), int | float):
            draft.set(f"{ours}_{known}", int(data[key]), f"{where}, {key}")
        elif unit not in ("", "NEVER"):
            draft.ignored.append(f"{key} ({where}): times in {unit:.20} are not kept; there are steps and epochs.")
    lines = []
    for sample in groups(data.get("samples")):
        words = [str(sample.get("prompt", ""))]
        words += [f"--{option} {sample[key]}" for key, option in ONETRAINER_SAMPLE.items() if sample.get(key) not in (None, "")]
        lines.append(" ".join(" ".join(words).split()))
    if lines:
        draft.set("sample_prompts", "\n".join(lines), f"{where}, samples")


def put_concepts(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put the folders of concepts; those that are switched off or show what to validate on are left out."""
    subsets = []
    for concept in groups(data.get("concepts")):
        kind, path = concept.get("type"), concept.get("path")
        if not path or concept.get("enabled") is False:
            continue
        if kind == "VALIDATION":
            draft.ignored.append(f"{path!s:.200} ({where}): pictures to validate on are held out by validation_split.")
            continue
        subset: dict[str, Any] = {"image_dir": str(path), "is_reg": kind == "PRIOR_PREDICTION"}
        for part, options in CONCEPT_OPTIONS.items():
            said = section(concept, part)
            subset |= {ours: said[key] for key, ours in options.items() if said.get(key) not in (None, "")}
        repeats = concept.get("balancing")
        if isinstance(repeats, int | float) and concept.get("balancing_strategy") == "REPEATS" and repeats >= 1:
            subset["num_repeats"] = int(repeats)
        subsets.append(subset)
    if subsets:
        draft.set("datasets", [{"subsets": subsets}], f"{where}, concepts")
    elif name := data.get("concept_file_name"):
        draft.ignored.append(f"concept_file_name ({where}): {name!s:.200} is not read; name its folders.")
