"""How a run learns: duration, rates, optimiser, noise and loss, precision. Names are sd-scripts'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import MaxLen
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from modules.base.fields import Checkbox, Choice, Number, Param, Radio, Text
from modules.base.limits import MAX_SETTING
from modules.params.training_data import MAX_TRAINING_BATCH, number_as_text
from modules.params.txt2img import MAX_SEED, MIN_SEED

MAX_STEPS = 10_000_000
LARGEST_NETWORK = 1_024           # rank of a LoRA
MOST_RATES = 1_000                # of a schedule written as a text
SCHEDULERS = (
    "constant", "linear", "cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup", "piecewise_constant",
    "adafactor", "inverse_sqrt", "cosine_with_min_lr", "warmup_stable_decay", "one_cycle",
)
OPTIMIZERS = (                    # those that need nothing but torch come first
    "AdamW", "Adam", "SGD", "SGDNesterov", "Lion", "AdaFactor", "Muon", "NAdam", "RAdam", "AdamW8bit", "PagedAdamW", "PagedAdamW8bit",
    "PagedAdamW32bit", "Lion8bit", "PagedLion8bit", "SGDNesterov8bit", "Prodigy",
)
# packages whose optimisers may be named by their class, as in `torch.optim.AdamW`
OPTIMIZER_PACKAGES = ("torch.optim", "pytorch_optimizer", "prodigyopt", "lion_pytorch", "bitsandbytes", "dadaptation", "schedulefree")
LATENT_SAMPLING = ("once", "deterministic", "random")


def rate_as_text(value: Any) -> Any:
    """Return a rate, or A1111's list "0.005:100, 1e-3:1000", as text. Raises PydanticCustomError for neither."""
    value = number_as_text(value)
    if isinstance(value, str) and len(value) <= 10_000:
        read_rates(value)
    return value


def read_rates(text: str) -> list[tuple[float, int]]:
    """Return the (rate, last step) of a schedule in A1111's form; a last step of -1 is the run's end.

    Raises PydanticCustomError for what is no such schedule.

    >>> read_rates("0.005:100, 1e-3:1000, 1e-5")
    [(0.005, 100), (0.001, 1000), (1e-05, -1)]
    """
    found = []
    for part in text.split(",")[:MOST_RATES] if text.strip() else []:
        rate, _, until = part.partition(":")
        try:
            pair = float(rate), int(until or -1)
        except ValueError:
            raise PydanticCustomError("no_rate", "A rate is a number, or a list such as 0.005:100, 1e-3:1000") from None
        if not 0 <= pair[0] <= 1_000:
            raise PydanticCustomError("no_rate", "A rate is at least 0 and at most 1000")
        found.append(pair)
    return found


def end_of_rates(text: str) -> int:
    """Return the step at which A1111's list of rates ends, and the training with it; 0 if it goes on for ever.

    >>> end_of_rates("0.005:100, 1e-3:1000"), end_of_rates("0.005:100, 1e-3"), end_of_rates("0.005")
    (1000, 0, 0)
    """
    rates = read_rates(text)
    return max(0, rates[-1][1]) if rates else 0


def rates_as_texts(value: Any) -> Any:
    """Return the rates of several text encoders as a tuple of texts, from one rate, a list or a text with commas."""
    if isinstance(value, str):
        value = [value] if ":" in value else [part.strip() for part in value.split(",") if part.strip()]
    return [rate_as_text(each) for each in value] if isinstance(value, list | tuple) else [rate_as_text(value)]


def words_as_list(value: Any) -> Any:
    """Return arguments "name=value" as a list, from a list, a table or one text."""
    if isinstance(value, dict):
        return [f"{name}={given}" for name, given in value.items()]
    return value.split() if isinstance(value, str) else value


Rate = Annotated[str, BeforeValidator(rate_as_text)]
NameValues = Annotated[tuple[Annotated[str, MaxLen(MAX_SETTING)], ...], MaxLen(200), BeforeValidator(words_as_list)]


@dataclass(frozen=True, kw_only=True)
class CourseOptions:
    """Duration, rates and optimiser. 0 and "" are the method's default where the help says so."""

    max_train_steps: Annotated[int, Param("Steps", Number(0, MAX_STEPS), "How many updates; 0 is as many as the method and the pictures ask for.")] = 0
    max_train_epochs: Annotated[int, Param("Epochs", Number(0, MAX_STEPS), "How often all pictures are gone through; it wins over steps, 0 is off.")] = 0
    train_batch_size: Annotated[int, Param("Batch size", Number(0, MAX_TRAINING_BATCH), "How many pictures a step learns from at once; 0 is the method's.")] = 0
    gradient_accumulation_steps: Annotated[int, Param("Accumulate gradients", Number(1, 10_000), "So many batches make one step, as if one large one.")] = 1
    learning_rate: Annotated[Rate, Param("Learning rate", Text(), "A number, or a list such as 0.005:100, 1e-3:1000; without one the method's.")] = ""
    unet_lr: Annotated[Rate, Param("UNet learning rate", Text(), "The UNet's own.")] = ""
    text_encoder_lr: Annotated[tuple[Annotated[str, MaxLen(MAX_SETTING)], ...], MaxLen(4), BeforeValidator(rates_as_texts), Param("Text encoder learning rate", Text(), "The text encoder's own; several for a model with several.")] = ()
    block_lr: Annotated[str, BeforeValidator(number_as_text), Param("Block learning rates", Text(), "23 rates with commas between, of SDXL's blocks.")] = ""
    lr_scheduler: Annotated[str, Param("Rate schedule", Choice(("", *SCHEDULERS)), "How the rate changes from step to step; without one the method's.")] = ""
    lr_scheduler_type: Annotated[str, Param("Rate schedule's class", Text(1, 200), "A class of torch.optim.lr_scheduler.")] = ""
    lr_scheduler_args: Annotated[NameValues, Param("Rate schedule's arguments", Text(), "Such as T_max=100.")] = ()
    lr_warmup_steps: Annotated[float | None, Param("Warm-up", Number(0), "Steps, or below 1 the share of them, in which the rate rises; without one the method's.")] = None
    lr_decay_steps: Annotated[float, Param("Cool-down", Number(0), "Steps, or below 1 the share of them, in which the rate falls.")] = 0.0
    lr_scheduler_num_cycles: Annotated[float, Param("Cycles", Number(0, 10_000), "Of a schedule with restarts.")] = 1.0
    lr_scheduler_power: Annotated[float, Param("Power", Number(-100, 100), "Of the polynomial schedule.")] = 1.0
    lr_scheduler_timescale: Annotated[int, Param("Time scale", Number(0), "Of the inverse square root schedule.")] = 0
    lr_scheduler_min_lr_ratio: Annotated[float, Param("Lowest rate", Number(0, 1), "As a share of the rate.")] = 0.0
    optimizer_type: Annotated[str, Param("Optimiser", Text(1, 200), "A name such as AdamW or Prodigy, or a class such as torch.optim.AdamW.")] = "AdamW"
    optimizer_args: Annotated[NameValues, Param("Optimiser's arguments", Text(), "Such as weight_decay=0.1 betas=0.9,0.99.")] = ()
    max_grad_norm: Annotated[float, Param("Gradient clipping", Number(0, 1e6), "The largest norm of all gradients; 0 is off.")] = 1.0
    clip_grad_mode: Annotated[str, Param("Clip by", Radio(("norm", "value", "disabled")), "The norm of all gradients, or each value.")] = "norm"
    clip_grad_value: Annotated[Rate, Param("Clip at", Text(), "A1111's schedule of the limit, in place of the number.")] = ""
    seed: Annotated[int, Param("Seed", Number(MIN_SEED, MAX_SEED), "The same seed, plan and pictures give the same file; -1 is a new one.")] = -1
    stop_text_encoder_training: Annotated[int, Param("Stop the text encoder at", Number(-1, MAX_STEPS), "The step after which the text encoder stays as it is; -1 trains none, 0 all the time.")] = 0
    scale_weight_norms: Annotated[float, Param("Scale weight norms", Number(0, 1_000), "The largest norm of a module's update; 0 is off.")] = 0.0
    ema: Annotated[bool, Param("Average weights (EMA)", Checkbox(), "The averaged weights are saved and sampled.")] = False
    ema_decay: Annotated[float, Param("EMA decay", Number(0, 1), "How slowly the average follows.")] = 0.999


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """Noise, loss and precision."""

    noise_offset: Annotated[float, Param("Noise offset", Number(0, 10), "Moves the noise of a channel as a whole, for darker and brighter pictures; 0 is off.")] = 0.0
    noise_offset_random_strength: Annotated[bool, Param("Random noise offset", Checkbox(), "The offset varies from 0 to its value.")] = False
    adaptive_noise_scale: Annotated[float, Param("Adaptive noise offset", Number(-10, 10), "Adds the latent's mean, times this, to the offset.")] = 0.0
    multires_noise_iterations: Annotated[int, Param("Multi-resolution noise", Number(0, 64), "How many coarser noises are added; 0 is off.")] = 0
    multires_noise_discount: Annotated[float, Param("Multi-resolution discount", Number(0, 1), "How much less each coarser one counts.")] = 0.3
    ip_noise_gamma: Annotated[float, Param("Input perturbation", Number(0, 10), "Noise on the noisy latent that is not to be predicted; 0 is off.")] = 0.0
    ip_noise_gamma_random_strength: Annotated[bool, Param("Random input perturbation", Checkbox(), "It varies from 0 to its value.")] = False
    zero_terminal_snr: Annotated[bool, Param("Zero terminal SNR", Checkbox(), "The last step is pure noise; for models that predict v.")] = False
    min_timestep: Annotated[int, Param("Least noise level", Number(0, 1_000), "The first timestep trained.")] = 0
    max_timestep: Annotated[int, Param("Greatest noise level", Number(1, 1_000), "The timestep at which training ends.")] = 1000
    min_snr_gamma: Annotated[float | None, Param("Min-SNR γ", Number(0, 1_000), "Evens out noise levels, 5 is usual, 0 is off; without one the method's.")] = None
    debiased_estimation_loss: Annotated[bool, Param("Debiased loss", Checkbox(), "Weighs by the inverse root of the signal-to-noise ratio.")] = False
    scale_v_pred_loss_like_noise_pred: Annotated[bool, Param("Scale v loss like ε", Checkbox(), "For models that predict v.")] = False
    v_pred_like_loss: Annotated[float, Param("v-like loss", Number(0, 1_000), "Adds the loss as if v were predicted; 0 is off.")] = 0.0
    loss_type: Annotated[str, Param("Loss", Radio(("l2", "l1", "huber", "smooth_l1")), "How errors are measured.")] = "l2"
    huber_schedule: Annotated[str, Param("Huber schedule", Radio(("snr", "exponential", "constant")), "How its limit follows the noise.")] = "snr"
    huber_c: Annotated[float, Param("Huber limit", Number(0, 1_000), "Where the loss turns from squared to straight.")] = 0.1
    huber_scale: Annotated[float, Param("Huber scale", Number(0, 1_000), "Multiplies the limit.")] = 1.0
    disc_weight: Annotated[float, Param("Discriminator", Number(0, 1_000), "How much a discriminator of patches counts when a VAE's decoder is trained; 0 is off, 0.5 is usual.")] = 0.0
    disc_start: Annotated[float, Param("Discriminator's start", Number(0, MAX_STEPS), "The step from which it counts; below 1 it is a share of the run.")] = 0.3
    masked_loss: Annotated[bool, Param("Masked loss", Checkbox(), "Masks of the data set weigh the loss.")] = False
    mixed_precision: Annotated[str, Param("Precision", Radio(("", "no", "fp16", "bf16")), "Of what is computed; without one, what the device does well.")] = ""
    full_fp16: Annotated[bool, Param("All in fp16", Checkbox(), "Done as fp16 with a 32-bit copy of what is trained.")] = False
    full_bf16: Annotated[bool, Param("All in bf16", Checkbox(), "Done as bf16 with a 32-bit copy of what is trained.")] = False
    gradient_checkpointing: Annotated[bool, Param("Gradient checkpointing", Checkbox(), "Less memory, a quarter slower; switched on by itself where memory is short.")] = False
    no_half_vae: Annotated[bool, Param("VAE in fp32", Checkbox(), "For a VAE that fails in half precision.")] = False
    sdpa: Annotated[bool, Param("PyTorch attention", Checkbox(), "It is used anyway.")] = False
    deterministic: Annotated[bool, Param("Deterministic", Checkbox(), "The same bits on the same GPU, slower; on a CPU always.")] = False
    cache_latents: Annotated[bool, Param("Cache latents", Checkbox(), "Pictures are encoded once.")] = True
    cache_latents_to_disk: Annotated[bool, Param("Cache latents on disk", Checkbox(), "For the next run too.")] = False
    vae_batch_size: Annotated[int, Param("VAE batch size", Number(1, 256), "How many pictures are encoded at once.")] = 1
    cache_text_encoder_outputs: Annotated[bool, Param("Cache texts", Checkbox(), "Captions are encoded once; the text encoder is not trained then.")] = False
    cache_text_encoder_outputs_to_disk: Annotated[bool, Param("Cache texts on disk", Checkbox(), "For the next run too.")] = False
    skip_cache_check: Annotated[bool, Param("Trust the cache", Checkbox(), "Caches are known by content anyway.")] = False
    text_encoder_batch_size: Annotated[int, Param("Text batch size", Number(0, 1_024), "How many captions are encoded at once; 0 is the batch's.")] = 0
    latent_sampling_method: Annotated[str, Param("Latent sampling", Radio(LATENT_SAMPLING), "A1111's: the VAE's latent is drawn once, is its mean, or is drawn each time.")] = "once"
    weighted_captions: Annotated[bool, Param("Emphasis in captions", Checkbox(), "(word:1.2) weighs as in prompts.")] = False
    clip_skip: Annotated[int, Param("Clip skip", Number(0, 12), "Which of the text encoder's last layers is read; 0 is the model's.")] = 0
    max_token_length: Annotated[int, Param("Longest caption", Number(0, 750), "In tokens: 75, 150 or 225; 0 is as long as it is.")] = 0
    no_token_padding: Annotated[bool, Param("No token padding", Checkbox(), "Texts are not filled up to 75 tokens.")] = False


