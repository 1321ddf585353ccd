"""Methods of training, how one follows from a plan's fields, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modules.params.training import Training


@dataclass(frozen=True, slots=True)
class Method:
    """A way of training.

    defaults: values of fields that a plan leaves open
    steps_per_picture: steps for each picture, within `least_steps` and `most_steps`
    kind: the kind of model file it makes, as in library/model_kinds.py
    """

    name: str
    title: str
    kind: str
    defaults: Mapping[str, Any]
    steps_per_picture: int
    least_steps: int
    most_steps: int

    @property
    def drifts(self) -> bool:
        """True if it changes what the model makes of other words as well."""
        return self.kind not in ("embedding", "vae", "controlnet")

    def steps(self, pictures: int) -> int:
        """Return the default number of steps for so many pictures."""
        return min(max(self.steps_per_picture * pictures, self.least_steps), self.most_steps)


EVERY_METHOD = {"sample_every_n_steps": 100, "save_precision": "fp16", "train_batch_size": 2, "lr_warmup_steps": 0.0, "min_snr_gamma": 0.0}
LORA_TRAINING = Method("lora", "LoRA", "lora", {
    **EVERY_METHOD, "learning_rate": "0.0001", "text_encoder_lr": ("5e-05",), "network_module": "networks.lora", "network_dim": 16,
    "lr_scheduler": "cosine", "lr_warmup_steps": 0.05, "min_snr_gamma": 5.0, "optimizer_args": ("weight_decay=0.01",),
    "save_every_n_steps": 250,
}, 100, 800, 3_000)
EMBEDDING_TRAINING = Method("textual-inversion", "Textual inversion", "embedding", {
    **EVERY_METHOD, "learning_rate": "0.005", "num_vectors_per_token": 4, "lr_scheduler": "constant", "save_every_n_steps": 500,
    "optimizer_args": ("weight_decay=0",), "save_precision": "fp32",
}, 3_000, 3_000, 3_000)
HYPERNETWORK_TRAINING = Method("hypernetwork", "Hypernetwork", "hypernetwork", {
    **EVERY_METHOD, "learning_rate": "0.00001", "lr_scheduler": "constant", "layer_structure": (1.0, 2.0, 1.0), "activation_func": "relu",
    "optimizer_args": ("weight_decay=0.01",), "save_every_n_steps": 500, "save_precision": "fp32",
}, 10_000, 10_000, 10_000)
WHOLE_MODEL = {**EVERY_METHOD, "learning_rate": "0.000001", "lr_scheduler": "constant", "save_every_n_steps": 1_000}
DREAMBOOTH_TRAINING = Method("dreambooth", "DreamBooth", "checkpoint", WHOLE_MODEL, 400, 800, 20_000)
FINE_TUNING = Method("fine-tune", "Fine-tune", "checkpoint", WHOLE_MODEL, 400, 800, 100_000)
VAE_TRAINING = Method("vae", "VAE decoder", "vae", {
    **EVERY_METHOD, "learning_rate": "0.00001", "lr_scheduler": "constant", "save_every_n_steps": 500, "save_precision": "fp32",
    "allow_uncaptioned": True,
}, 2_000, 2_000, 2_000)
CONTROLNET_TRAINING = Method("controlnet", "ControlNet", "controlnet", {
    **EVERY_METHOD, "learning_rate": "0.00001", "lr_scheduler": "constant", "save_every_n_steps": 1_000,
    "conditioning_preprocessor": ("canny",),
}, 100, 10_000, 100_000)
TRAINING_METHODS: Mapping[str, Method] = {
    each.name: each for each in (
        LORA_TRAINING, EMBEDDING_TRAINING, HYPERNETWORK_TRAINING, DREAMBOOTH_TRAINING, FINE_TUNING, VAE_TRAINING,
        CONTROLNET_TRAINING,
    )
}


def method_of(plan: Training) -> Method:
    """Return a plan's method: the one it names, else the one that its fields speak of, else LoRA."""
    if plan.method:
        return TRAINING_METHODS[plan.method]
    if plan.layer_structure or plan.hypernetwork_sizes:
        return HYPERNETWORK_TRAINING
    if plan.token_string or plan.num_vectors_per_token or plan.init_word:
        return EMBEDDING_TRAINING
    return LORA_TRAINING


def with_method_defaults(plan: Training) -> Training:
    """Return a plan whose open fields have its method's values, all but the number of steps."""
    return replace(plan, **method_defaults(plan))


def method_defaults(plan: Training) -> dict[str, Any]:
    """Return the values that a plan's method gives to fields that the plan leaves open.

    A rate that is given is the text encoder's too, as in sd-scripts. An alpha that is open is the rank.
    """
    method = method_of(plan)
    values = {name: value for name, value in method.defaults.items() if is_open(name, getattr(plan, name))}
    values["method"] = method.name
    if plan.learning_rate and "text_encoder_lr" in values:
        del values["text_encoder_lr"]
    if plan.save_every_n_epochs or plan.save_n_epoch_ratio:
        values["save_every_n_steps"] = 0
    if plan.sample_every_n_epochs:
        values["sample_every_n_steps"] = 0
    if method is LORA_TRAINING and not plan.network_alpha:
        values["network_alpha"] = float(plan.network_dim or values["network_dim"])
    return values


def is_open(name: str, value: Any) -> bool:
    """Return whether a field's value means the method's default: it is the field's own. A 0 that is asked for counts."""
    return bool(value == getattr(Training, name))
