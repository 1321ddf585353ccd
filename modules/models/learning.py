"""Training: gradients of a student's tensors at the very modules that draw, which the student leaves as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modules.base.errors import ModelUnsupported
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.control_learning import controlled_by
from modules.models.lora.patcher import text_name
from modules.models.text import PromptEmbeddings, TextReader, core, encoder_names
from modules.models.unet import Row
from modules.networks.embedding import Embedding
from modules.sampling.cond_extras import UNetInputs
from modules.sampling.parametrization import EPSILON, VELOCITY
from modules.sampling.questions import Cond, Encode, Reading
from modules.sampling.schedules import without_signal_at_the_end
from modules.training.control_student import ControlStudent
from modules.training.losses import element_loss, huber_limit, noise_weights
from modules.training.noise import noise_at, perturbed, timestep_at
from modules.training.optimizers import gradient_norm
from modules.training.questions import Example, Improve, Learn, LearningRules
from modules.training.student import UNET, TrainableModel

TOKENS_OF_CHUNK = 77
LOSS_SCALE = 1024.0      # of gradients in fp16, which would vanish otherwise


def trainable(model: LoadedModel) -> TrainableModel:
    """Return a model as training sees it. Raises ModelUnsupported for kinds that cannot be trained."""
    name = model.checkpoint.path.name
    if model.parametrization not in (EPSILON, VELOCITY):
        raise ModelUnsupported(f"{name} is a model of {model.family.title}, which Easel draws with and does not train.",
                               "Choose one of SD1, SD2 or SDXL.")
    if model.image_channels:
        raise ModelUnsupported(f"{name} is for inpainting or editing, which Easel does not train.",
                               "Train on the ordinary model; the LoRA works on the other too.")
    modules = {ours.rpartition(".")[0]: theirs.rpartition(".")[0] for theirs, ours in model.unet_names.items()}
    tables = zip(encoder_names(model), model.texts, strict=True)
    return TrainableModel(
        {UNET: model.unet} | {text_name(place): text.module for place, text in enumerate(model.texts)},
        modules if model.family.ldm_loras else {},
        {encoder: core(text.module).embeddings.token_embedding.weight for encoder, text in tables},
        model.parametrization is VELOCITY,
    )


def learn(model: LoadedModel, reader: TextReader, ask: Learn) -> list[float]:
    """Return each example's loss, and add the gradients to the student's tensors."""
    tensors = list(ask.student.tensors.values())
    places = () if ask.measures else tuple(example.place for example in ask.examples)
    scaled = LOSS_SCALE if ask.rules.precision == "fp16" else 1.0
    networks = [model.unet, *([ask.student.network] if isinstance(ask.student, ControlStudent) else [])]
    with (
        torch.set_grad_enabled(not ask.measures),
        ask.student.attached(trainable(model), places),
        checkpointed(networks, ask.rules.checkpointing and not ask.measures),
    ):
        with computed_in(ask.rules.precision, next(model.unet.parameters()).device):
            losses = losses_of(model, reader, ask)
        if not ask.measures:
            counted = losses * losses.new_tensor([example.weight for example in ask.examples])
            add_gradients(tensors, counted.sum() * (ask.share * scaled), scaled)
    return [float(loss) for loss in losses.detach()]


def losses_of(model: LoadedModel, reader: TextReader, ask: Learn) -> Tensor:
    """Return the loss of each example, (rows,) float32."""
    rules, device = ask.rules, next(model.unet.parameters()).device
    latents = torch.stack([example.latent for example in ask.examples]).to(device, torch.float32)
    drawn = [noise_at(example.place, example.latent, rules.noise) for example in ask.examples]
    noise = torch.stack(drawn).to(device)
    shown = torch.stack([perturbed(each, example.place, rules.noise)
                         for each, example in zip(drawn, ask.examples, strict=True)]).to(device)
    times = [timestep_at(example.place, rules.noise) if ask.timestep is None else ask.timestep
             for example in ask.examples]
    signal = torch.tensor(alphas_of(model, rules)[times], device=device).view(-1, 1, 1, 1)
    noisy = signal.sqrt() * latents + (1 - signal).sqrt() * shown
    velocity = model.parametrization is VELOCITY
    target = signal.sqrt() * noise - (1 - signal).sqrt() * latents if velocity else noise
    conds = conditionings(reader, ask)
    rows = [Row(x, 0.0, float(time), cond, ()) for x, time, cond in zip(noisy, times, conds, strict=True)]
    given, named = model.family.denoiser.arguments(model.unet, UNetInputs(noisy), rows)
    if isinstance(ask.student, ControlStudent):
        given, named = controlled_by(ask.student, (given, named), ask.examples)
    out = model.unet(*given, **named)[0].float()
    snr = (signal / (1 - signal)).flatten()
    limit = huber_limit(rules.loss, torch.tensor(times, device=device), snr)
    loss = masked_loss(element_loss(out, target, limit, rules.loss.kind), ask.examples).mean((1, 2, 3))
    return loss * noise_weights(rules.loss, snr, velocity)


def alphas_of(model: LoadedModel, rules: LearningRules) -> np.ndarray:
    """Return ᾱ of each timestep, float32."""
    alphas = model.levels.alphas_cumprod
    assert alphas is not None      # `trainable` refuses what has none
    return np.asarray(without_signal_at_the_end(alphas) if rules.zero_terminal_snr else alphas, np.float32)


def masked_loss(loss: Tensor, examples: Sequence[Example]) -> Tensor:
    """Return the loss (rows, C, h, w) weighed by the examples' masks, resized by area."""
    if all(example.mask is None for example in examples):
        return loss
    size = loss.shape[2:]
    masks = [torch.ones(size) if example.mask is None
             else F.interpolate(example.mask[None, None].float(), size, mode="area")[0, 0] for example in examples]
    return loss * torch.stack(masks).to(loss)[:, None]


def conditionings(reader: TextReader, ask: Learn) -> list[Cond]:
    """Return the conditioning of each example's caption, all of one length."""
    reading = Reading(emphasis=ask.rules.emphasis, clip_skip=ask.rules.clip_skip)
    asks = [Encode(ask.weights, (example.caption,), reading, example.frame) for example in ask.examples]
    if ask.student.trains_text:
        with torch.set_grad_enabled(torch.is_grad_enabled() and ask.texts):
            words = PromptEmbeddings([Embedding(word, word, tables) for word, tables in ask.student.words.items()])
            found = read_together(reader, asks, words)
            empty = reader.read_anew(replace(asks[0], texts=("",)), words).conds[0] if unequal(found) else found[0]
    else:
        # drawing may have read the same text: its answer is an inference tensor, whose copy is an ordinary one
        found = [ordinary_copy(reader.read(each).conds[0]) for each in asks]
        empty = ordinary_copy(reader.read(replace(asks[0], texts=("",))).conds[0])
    longest = max(len(cond.text) for cond in found)
    found = [cond.padded(longest, empty) for cond in found]
    most = ask.rules.chunks * TOKENS_OF_CHUNK
    return [replace(cond, text=cond.text[:most]) for cond in found] if most else found


def read_together(reader: TextReader, asks: Sequence[Encode], words: PromptEmbeddings) -> list[Cond]:
    """Return the conditionings of single texts, read in one call where they are framed alike."""
    if len({ask.frame for ask in asks}) > 1:
        return [reader.read_anew(ask, words).conds[0] for ask in asks]
    together = replace(asks[0], texts=tuple(text for ask in asks for text in ask.texts))
    return list(reader.read_anew(together, words).conds)


def unequal(conds: Sequence[Cond]) -> bool:
    return len({len(cond.text) for cond in conds}) > 1


def ordinary_copy(cond: Cond) -> Cond:
    return replace(cond, text=cond.text.clone(), vector=None if cond.vector is None else cond.vector.clone())


def add_gradients(tensors: Sequence[Tensor], loss: Tensor, scaled: float) -> None:
    """Add a loss's gradients to the tensors' own; if it fails nothing is added.

    A loss of captions that were all left out does not depend on a word that is trained.
    """
    if not loss.requires_grad:
        return
    found = torch.autograd.grad(loss, tensors, allow_unused=True)
    for tensor, gradient in zip(tensors, found, strict=True):
        if gradient is not None:
            gradient = gradient / scaled if scaled != 1 else gradient
            tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient


def improve(ask: Improve) -> float:
    """Move the student by its gradients; returns their norm before clipping. One that is not finite moves nothing."""
    tensors = list(ask.student.tensors.values())
    norm = gradient_norm(tensors)
    if np.isfinite(norm):
        if ask.largest and ask.by_value:
            torch.nn.utils.clip_grad_value_(tensors, ask.largest, foreach=False)
        elif ask.largest and norm > ask.largest:
            for tensor in tensors:
                if tensor.grad is not None:
                    tensor.grad.mul_(ask.largest / (norm + 1e-6))
        for group in ask.optimizer.param_groups:
            group["lr"] = ask.rates[group["part"]] * group.get("factor", 1.0)
        ask.optimizer.step()
        ask.student.after_step()
    ask.student.zero_gradients()
    return norm


@contextmanager
def checkpointed(networks: Sequence[nn.Module], wanted: bool) -> Iterator[None]:
    """Have activations computed again instead of kept, meanwhile. Chen et al. 2016, arXiv:1604.06174."""
    chosen: Sequence[Any] = networks if wanted else ()
    for network in chosen:
        network.enable_gradient_checkpointing()
    try:
        yield
    finally:
        for network in chosen:
            network.disable_gradient_checkpointing()


def computed_in(precision: str, device: torch.device) -> torch.autocast | nullcontext[None]:
    """Return the context of a precision: "" is bf16 on a GPU that has it, else what weights are stored in."""
    if not precision:
        usual = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp16"
        precision = usual if device.type == "cuda" else "no"
    if precision == "no":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)
