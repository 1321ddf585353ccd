"""A plan in the making: what a configuration file says, key by key, before it is checked."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from modules.base.errors import Invalid
from modules.base.limits import MAX_ID
from modules.params.training import Training
from modules.params.training_data import TrainingDataset, TrainingSubset

# sd-scripts' keys that nothing follows from here
KEYS_WITHOUT_EFFECT = frozenset((
    "blocks_to_swap cpu_offload_checkpointing ddp_gradient_as_bucket_view ddp_static_graph ddp_timeout diffusers_xformers "
    "dynamo_backend fp8_base fp8_base_unet fused_backward_pass fused_optimizer_groups highvram log_tracker_config "
    "log_tracker_name lowram max_data_loader_n_workers mem_eff_attn persistent_data_loader_workers tokenizer_cache_dir "
    "torch_compile xformers disable_mmap_load_safetensors use_safetensors config_file output_config debug_dataset "
    # diffusers'
    "cache_dir debug_loss foreach_ema image_interpolation_mode offload_ema pre_compute_text_embeddings sample_batch_size "
    "save_as_full_pipeline set_grads_to_none skip_save_text_encoder tokenizer_name validation_scheduler"
).split())
# keys that send data away, or run what the file names; refused when they are switched on
REFUSED_KEYS = frozenset((
    "async_upload dataset_class huggingface_path_in_repo huggingface_repo_id huggingface_repo_type "
    "huggingface_repo_visibility huggingface_token resume_from_huggingface save_state_to_huggingface wandb_api_key "
    "wandb_run_name push_to_hub hub_token hub_model_id"
).split())
# names of one key: old ones, misspelt ones, diffusers'
KEY_ALIASES = {
    "caption_extention": "caption_extension", "lora_network_weights": "network_weights", "epoch": "max_train_epochs",
    "num_epochs": "max_train_epochs", "rank": "network_dim", "lora_dropout": "network_dropout", "snr_gamma": "min_snr_gamma",
    "input_perturbation": "ip_noise_gamma", "random_flip": "flip_aug", "num_train_epochs": "max_train_epochs",
    "placeholder_token": "token_string", "initializer_token": "init_word", "num_vectors": "num_vectors_per_token",
    "repeats": "dataset_repeats", "lr_num_cycles": "lr_scheduler_num_cycles", "lr_power": "lr_scheduler_power",
    "resume_from_checkpoint": "resume", "checkpoints_total_limit": "save_last_n_steps_state",
    "optimizer": "optimizer_type", "max_resolution": "resolution", "controlnet_model_name_or_path": "network_weights",
    "use_ema": "ema", "proportion_empty_prompts": "caption_dropout_rate", "pretrained_vae_model_name_or_path": "vae",
}
OLD_OPTIMIZERS = {"use_8bit_adam": "AdamW8bit", "use_lion_optimizer": "Lion"}
ZERO_IS_UNSET = frozenset(("vae_batch_size", "gradient_accumulation_steps", "max_timestep"))
RUN_KEYS = frozenset(each.name for each in fields(Training))
LEVEL_KEYS = {
    "dataset": frozenset(each.name for each in fields(TrainingDataset)),
    "subset": frozenset(each.name for each in fields(TrainingSubset)),
}
SHOWN_VALUE = 80


@dataclass
class PlanDraft:
    """Native keys and values from one or more files, and what could not be taken.

    values: by native key; where: key → the file and place that it came from
    ignored, refused, unknown: sentences
    lenient: True if unknown keys are no error, as in files that have a whole program's settings
    dataset_file: the data set file that it names, or ""
    """

    values: dict[str, Any] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    lenient: bool = False
    dataset_file: str = ""

    def put(self, key: str, value: Any, where: str) -> None:
        """Take a key under whichever of its names; one that is unset is passed over."""
        name = KEY_ALIASES.get(key, key)
        if key in REFUSED_KEYS:
            if value not in (None, "", False, "False", "false"):
                self.refused.append(f"{key} ({where}): Easel sends nothing away and runs nothing that a file names.")
        elif key == "dataset_config":
            self.dataset_file = str(value or "")
        elif key in OLD_OPTIMIZERS:
            if value in (True, "True", "true"):
                self.set("optimizer_type", OLD_OPTIMIZERS[key], where)
        elif key in KEYS_WITHOUT_EFFECT or not name:
            self.ignored.append(f"{key} ({where}) has no effect here.")
        elif name not in RUN_KEYS:
            self.unknown.append(unknown_key(key, where, RUN_KEYS))
        elif not is_unset(name, value):
            self.values[name] = value
            self.where[name] = where

    def set(self, key: str, value: Any, where: str) -> None:
        """Set a native key whose value was worked out."""
        self.values[key] = value
        self.where[key] = where

    def merge(self, other: PlanDraft) -> None:
        """Take another's values over these."""
        self.values |= other.values
        self.where |= other.where
        self.ignored += other.ignored
        self.refused += other.refused
        self.unknown += other.unknown
        self.lenient = self.lenient and other.lenient

    def check(self) -> None:
        """Raise Invalid, naming the first key that is refused or unknown; unknown ones of lenient files are none."""
        if self.refused:
            raise Invalid(self.refused[0], "Take it out of the file.")
        if self.unknown and not self.lenient:
            more = f" So are {len(self.unknown) - 1} more." if len(self.unknown) > 1 else ""
            raise Invalid(self.unknown[0] + more, "Take it out, or write it as sd-scripts does.")


def is_unset(key: str, value: Any) -> bool:
    """Return whether a value means that a key is not set; `false` where a text is expected does."""
    if value is None or (key in ZERO_IS_UNSET and value in (0, "0") and value is not False):
        return True
    default = getattr(Training, key, None)
    return value is False and not isinstance(default, bool | type(None))


def unknown_key(key: str, where: str, known: frozenset[str]) -> str:
    close = get_close_matches(key[:MAX_ID], known, n=1)
    return f"{where}: there is no key {key!r:.100}." + (f" Did you mean {close[0]!r}?" if close else "")


def placed_levels(data: dict[str, Any], where: str, draft: PlanDraft) -> None:
    """Put sd-scripts' data set file, `general`, `datasets` and `subsets`, into a draft."""
    general = as_table(data.get("general", {}), f"{where}, [general]")
    datasets = []
    for number, dataset in enumerate(as_tables(data.get("datasets", []), where), 1):
        place = f"{where}, data set {number}"
        above = {key: value for key, value in general.items() if key not in dataset}      # the nearer level wins
        subsets = [
            level_keys(above | subset, "subset", f"{place}, subset {count}", draft, general)
            for count, subset in enumerate(as_tables(dataset.get("subsets", []), place), 1)
        ]
        own = {key: value for key, value in dataset.items() if key != "subsets"}
        datasets.append(level_keys(general | own, "dataset", place, draft, general) | {"subsets": subsets})
    draft.set("datasets", datasets, where)


def level_keys(values: dict[str, Any], kind: str, where: str, draft: PlanDraft, general: dict[str, Any]) -> dict[str, Any]:
    """Return a level's known keys; keys of [general] may be of the other level."""
    found = {}
    for key, value in values.items():
        name = KEY_ALIASES.get(key, key)
        if name in LEVEL_KEYS[kind] and name != "subsets":
            found[name] = value
        elif not (key in general and any(name in keys for keys in LEVEL_KEYS.values())):
            draft.unknown.append(unknown_key(key, where, LEVEL_KEYS[kind]))
    return found


def as_table(value: Any, where: str) -> dict[str, Any]:
    """Return a table. Raises Invalid for anything else."""
    if not isinstance(value, dict):
        raise Invalid(f"{where}: a table of keys belongs here, not {value!r:.80}.", "Compare it with sd-scripts' example.")
    return value


def as_tables(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a list of tables. Raises Invalid for anything else."""
    if not isinstance(value, list):
        raise Invalid(f"{where}: a list belongs here, not {value!r:.80}.", "Compare it with sd-scripts' example.")
    return [as_table(each, where) for each in value]
