"""From a job's parameters to a run: its pictures, its course, and what its files are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor

from modules.base.errors import Invalid
from modules.engine.messages import JobSpec
from modules.library.catalog import ModelFile
from modules.library.family_detection import family_of_header
from modules.library.library import Library
from modules.library.safetensors_header import read_header
from modules.models.files.embedding_file import read_embedding_file
from modules.models.files.state_dict import read_plain_object
from modules.params.training import Training, argument_table
from modules.params.training_course import read_rates
from modules.params.training_methods import (
    CONTROLNET_TRAINING,
    DREAMBOOTH_TRAINING,
    VAE_TRAINING,
    Method,
    method_of,
    with_method_defaults,
)
from modules.prompts.chunks import Tokenizer
from modules.requests.training import recorded_training
from modules.requests.training_data import data_set_of
from modules.sampling.questions import Facts, ModelFacts, Task
from modules.sampling.weights import NetworkUse, Weights
from modules.store.run_folder import RunFolder
from modules.training.control_student import ControlStudent
from modules.training.decoder import CRITIC, CriticRules, DecoderStudent
from modules.training.hypernetwork import HypernetworkShape, HypernetworkStudent, shape_in_file
from modules.training.inversion import WordStudent
from modules.training.lessons import Lessons
from modules.training.losses import LossRules
from modules.training.noise import NoiseRules
from modules.training.picture_maps import PictureMaps
from modules.training.questions import LearningRules
from modules.training.run import Course, Rates
from modules.training.scheduler_classes import ClassSchedule
from modules.training.schedules import RateSchedule, known_schedule
from modules.training.student import UNET, VAE_PART, Student, TrainableModel
from modules.training.whole_model import WholeModel
from modules.worker.training.class_pictures import ClassPictures
from modules.worker.training.drawings import BaseDrawing, DrawnBefore
from modules.worker.training.lora_plans import network_in_training

# fields that may differ when a run goes on: they change nothing that was learnt
HARMLESS = {
    "max_train_steps", "max_train_epochs", "resume", "train_share", "state_every", "overwrite", "logging_dir",
    "sample_every_n_steps", "sample_every_n_epochs", "sample_at_first", "sample_prompts", "sample_sampler",
    "save_every_n_steps", "save_every_n_epochs", "save_last_n_steps", "save_last_n_epochs", "validate_every_n_steps",
    "validate_every_n_epochs",
}


@dataclass(frozen=True)
class TrainingPlan:
    """A planned run. base: the checkpoint it is trained on; model_folder: where its files go."""

    spec: JobSpec
    request: Training
    folder: RunFolder
    model_folder: Path
    base: ModelFile
    library: Library
    tokenizer: Tokenizer

    @property
    def method(self) -> Method:
        return method_of(self.request)

    @property
    def weights(self) -> Weights:
        vae = self.library.vaes.find(self.request.vae).sha256 or "" if self.request.vae else ""
        return Weights(self.base.sha256 or "", vae, networks=tuple(self._base_networks()))

    def _base_networks(self) -> Iterator[NetworkUse]:
        """Yield the LoRAs that the model is trained with, which are no part of what is saved."""
        strengths = self.request.base_weights_multiplier
        for place, name in enumerate(self.request.base_weights):
            strength = strengths[place] if place < len(strengths) else 1.0
            file = self.library.loras.hashed(self.library.loras.find(name))
            yield NetworkUse(file.sha256 or "", strength, strength)

    @property
    def vae_file(self) -> Path:
        """The file of the VAE: one of its own, or the checkpoint."""
        return self.library.vaes.find(self.request.vae).path if self.request.vae else self.base.path

    @cached_property
    def family(self) -> str:
        """The name of the checkpoint's family; "" if its header does not tell."""
        if self.base.path.suffix != ".safetensors":
            return ""
        header = read_header(self.base.path)
        return family_of_header(header.metadata, header.shapes)

    @cached_property
    def hash(self) -> str:
        """The hash of all that decides what is learnt."""
        values = {name: value for name, value in self.spec.params.items() if name not in HARMLESS}
        return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()

    def course(self, goes_on: Callable[[], bool] = lambda: True, draws: bool = True) -> Task[tuple[Course, Lessons]]:
        """Return the run's course and its batches. Asks for the model's facts, so it is loaded; draws class pictures.

        goes_on: False ends the drawing of class pictures; draws: False leaves them out. Raises Invalid or DrawingEnds.
        """
        facts: ModelFacts = yield Facts(self.weights)
        request = self.request
        data = data_set_of(request, facts.native_size, request.max_train_steps)
        drawing = BaseDrawing(self.base, self.weights, request.seed, data.groups[0].rules.resolution)
        classes = ClassPictures.of(request, data, drawing, self.folder.root)
        if draws and classes.count:
            yield from classes.drawn(goes_on)
            request = classes.added_to(request)
            data = data_set_of(request, facts.native_size, request.max_train_steps)
        steps = data.steps(request.max_train_epochs, request.max_train_steps, request.gradient_accumulation_steps)
        drawn = DrawnBefore(drawing, data, self.folder.root)
        lessons = Lessons(
            data, self.weights, facts.latent, request.seed, request.gradient_accumulation_steps, request.cache_latents,
            request.latent_sampling_method, request.max_validation_steps,
            with_pixels=self.method is VAE_TRAINING, maps=self.maps, drawings=drawn if self.method.drifts else None,
        )
        rates = rates_by_part(request)
        counted = replace(self, request=replace(request, max_train_steps=steps))      # epochs are steps now
        course = Course(
            self.weights, counted.student, rules_of(request), steps, rates, schedule_of(request, steps),
            request.optimizer_type, request.optimizer_arguments, clip_of(request), request.clip_grad_mode == "value",
            request.stop_text_encoder_training, plan=self.hash, averaging=request.ema_decay if request.ema else 0.0,
            first=first_step(request, lessons.steps_per_epoch),
        )
        return course, lessons

    @property
    def maps(self) -> PictureMaps | None:
        """What makes the maps that a ControlNet learns to follow; None for other methods."""
        if self.method is not CONTROLNET_TRAINING:
            return None
        return PictureMaps(self.weights, self.request.conditioning_preprocessor, self.request.cache_latents)

    def student(self, model: TrainableModel) -> Student:
        """Return what is trained, as it begins. Raises Invalid if the model is not what the plan says of it."""
        told = self.request.v_parameterization
        if told is not None and told != model.velocity:
            kind = "v" if model.velocity else "noise"
            raise Invalid(
                f"{self.base.path.name} predicts {kind}.", "Leave v_parameterization out.", "v_parameterization"
            )
        return STUDENTS[self.method.name](self, model)


def plan_training(spec: JobSpec, library: Library, tokenizer: Tokenizer) -> TrainingPlan:
    """Plan a run. Raises UnknownName for a checkpoint that is gone by now, Invalid for parameters it cannot have."""
    request = with_method_defaults(recorded_training(dict(spec.params)))
    base = library.checkpoints.hashed(library.checkpoints.find(request.pretrained_model_name_or_path))
    folder = RunFolder(Path(spec.params["run_folder"]))
    plan = TrainingPlan(spec, request, folder, Path(spec.params["model_folder"]), base, library, tokenizer)
    if request.v2 is not None and plan.family and request.v2 != (plan.family == "SD2"):
        raise Invalid(f"{base.path.name} is a model of {plan.family}.", "Leave v2 out.", "v2")
    check_same(plan, folder.manifest())
    return plan


def first_step(request: Training, steps_per_epoch: int) -> int:
    """Return the step that a run begins at, whose pictures, noise and rates it has as if it had come that far."""
    return request.initial_step or max(0, request.initial_epoch - 1) * steps_per_epoch


def check_same(plan: TrainingPlan, manifest: Mapping[str, Any]) -> None:
    """Raise Invalid if a run would go on by another plan than it began with."""
    if manifest and manifest.get("plan_hash", plan.hash) != plan.hash:
        raise Invalid("This run began with another plan.", "Begin a new run, or leave what is learnt as it was.")


def text_part(place: int) -> str:
    """Return the name of a text encoder as a part of the model."""
    return f"text_encoder_{place + 1}" if place else "text_encoder"


def rates_by_part(request: Training) -> dict[str, Rates]:
    """Return the rates of the UNet and of each text encoder. Those of whole models have names of their own."""
    rate = request.learning_rate
    texts = request.text_encoder_lr or ((rate,) if rate else ())
    rates = {"unet": rates_of(request.unet_lr or rate), VAE_PART: rates_of(rate), CRITIC: rates_of(rate)}
    rates |= {text_part(place): rates_of(text) for place, text in enumerate(texts)}
    whole = (request.learning_rate_te1 or request.learning_rate_te, request.learning_rate_te2)
    return rates | {text_part(place): rates_of(text) for place, text in enumerate(whole) if text}


def schedule_of(request: Training, steps: int) -> RateSchedule | ClassSchedule:
    """Return how rates change over a run. Raises Invalid for a class of torch's that there is not."""
    if request.lr_scheduler_type:
        return ClassSchedule(request.lr_scheduler_type, argument_table(request.lr_scheduler_args))
    return RateSchedule(
        known_schedule(request.lr_scheduler or "constant"), steps, request.lr_warmup_steps or 0.0,
        request.lr_decay_steps, request.lr_scheduler_num_cycles, request.lr_scheduler_power,
        request.lr_scheduler_timescale, request.lr_scheduler_min_lr_ratio,
    )


def rates_of(text: str) -> Rates:
    return read_rates(text) or [(0.0, -1)]


def clip_of(request: Training) -> float:
    """Return the limit of gradients, 0 is none."""
    if request.clip_grad_mode == "disabled":
        return 0.0
    return read_rates(request.clip_grad_value)[0][0] if request.clip_grad_value else request.max_grad_norm


def rules_of(request: Training) -> LearningRules:
    """Return what a plan says of noise, loss, texts and precision."""
    noise = NoiseRules(
        request.noise_offset, request.noise_offset_random_strength, request.adaptive_noise_scale,
        request.multires_noise_iterations, request.multires_noise_discount, request.ip_noise_gamma,
        request.ip_noise_gamma_random_strength, request.min_timestep, request.max_timestep,
    )
    loss = LossRules(
        request.loss_type, request.huber_schedule, request.huber_c, request.huber_scale, request.min_snr_gamma or 0.0,
        request.debiased_estimation_loss, request.scale_v_pred_loss_like_noise_pred, request.v_pred_like_loss,
    )
    precision = "bf16" if request.full_bf16 else "fp16" if request.full_fp16 else request.mixed_precision
    return LearningRules(
        noise, loss, request.zero_terminal_snr, "No norm" if request.weighted_captions else "None",
        request.clip_skip or 1, request.max_token_length // 75, precision, request.gradient_checkpointing,
    )


def inversion_of(plan: TrainingPlan, model: TrainableModel) -> Student:
    """Return a word's vectors as they begin: the tokens of its first words, "*" without any."""
    request = plan.request
    first = plan.tokenizer(request.init_word or "*") or plan.tokenizer("*")
    count = request.num_vectors_per_token or 1
    known = dict[str, Tensor]()
    if request.weights:
        file = plan.library.embeddings.find(request.weights)
        known = dict(read_embedding_file(file.path).vectors)
        count = len(next(iter(known.values())))
    student = WordStudent(model, request.token_string or request.output_name, count, first)
    student.begin_with(known)
    return student


def hypernetwork_of(plan: TrainingPlan, model: TrainableModel) -> Student:
    """Return a hypernetwork as it begins: as the plan says, or what a file has and how it is made."""
    request = plan.request
    if request.network_weights:
        content = read_plain_object(plan.library.hypernetworks.find(request.network_weights).path)
        student = HypernetworkStudent(model, shape_in_file(content), request.seed)
        student.begin_with(content)
        return student
    shape = HypernetworkShape(
        request.layer_structure, request.activation_func, request.weight_init, request.add_layer_norm,
        request.dropout_structure if request.use_dropout else (), request.hypernetwork_sizes,
    )
    return HypernetworkStudent(model, shape, request.seed)


def whole_model_of(plan: TrainingPlan, model: TrainableModel) -> Student:
    """Return whole networks as they begin: the UNet, and the text encoders where the plan trains them.

    As in sd-scripts DreamBooth trains them unless it is to stop before the first step, fine-tuning if it is told to;
    "UNet only" leaves them alone in both.
    """
    request = plan.request
    texts = request.train_text_encoder or plan.method is DREAMBOOTH_TRAINING
    texts = texts and request.stop_text_encoder_training >= 0 and not request.network_train_unet_only
    return WholeModel(model, [part for part in model.networks if part == UNET or texts])


def decoder_of(plan: TrainingPlan, model: TrainableModel) -> Student:
    """Return a VAE's decoder as it begins."""
    request, steps = plan.request, plan.request.max_train_steps
    start = request.disc_start * steps if request.disc_start < 1 else request.disc_start
    return DecoderStudent(model, CriticRules(request.disc_weight, round(start)), request.seed)


def controlnet_of(plan: TrainingPlan, model: TrainableModel) -> Student:
    """Return a ControlNet as it begins: that of a file, or the UNet's encoder."""
    return ControlStudent(model, plan.request.network_weights, plan.request.seed)


STUDENTS = {
    "dreambooth": whole_model_of, "fine-tune": whole_model_of, "lora": network_in_training,
    "textual-inversion": inversion_of, "vae": decoder_of, "hypernetwork": hypernetwork_of, "controlnet": controlnet_of,
}
