"""A VAE's decoder in training. The encoder stays, so that latents keep their meaning and every UNet its use.

What is drawn is compared with the picture by L1 and by L1 of its gradients at several scales; a discriminator of
patches (PatchGAN, as in Esser et al. 2021, arXiv:2012.09841) may join in later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from modules.base.errors import Invalid
from modules.base.streams import stream
from modules.training.student import VAE_PART, DrawPlaces, Student, TrainableModel, leaf
from modules.training.whole_model import parameters_replaced

CRITIC = "discriminator"      # a part of the student; its tensors are saved in states alone
DECODING = ("decoder.", "post_quant_conv.")
LAST_LAYER = "vae.decoder.conv_out.weight"
SCALES = 3                # of gradients that are compared: whole, half and quarter size
CRITIC_CHANNELS = (3, 64, 128, 256, 1)
CRITIC_STRIDES = (2, 2, 1, 1)
CRITIC_KERNEL = 4
CRITIC_DEVIATION = 0.02   # of its first weights
MOST_ADVERSARIAL = 1e4   # of the ratio that balances both losses


@dataclass(frozen=True, slots=True)
class CriticRules:
    """weight: how much the discriminator counts, 0 leaves it out; start: the step from which it does"""

    weight: float = 0.0
    start: int = 0


class DecoderStudent(Student):
    """The decoder of a VAE, and while it learns a discriminator of its pictures."""

    validated_at: ClassVar[tuple[int | None, ...]] = (None,)

    def __init__(self, model: TrainableModel, critic: CriticRules, seed: int) -> None:
        """Raises Invalid for a VAE of another kind."""
        found = dict(model.vae.named_parameters()) if model.vae is not None else {}
        if LAST_LAYER.removeprefix(f"{VAE_PART}.") not in found:
            raise Invalid("This VAE's decoder is of a kind that Easel does not train.", "Choose another VAE.", "vae")
        self.critic = critic
        decoding = {path: tensor for path, tensor in found.items() if path.startswith(DECODING)}
        self.tensors = {f"{VAE_PART}.{path}": leaf(tensor) for path, tensor in decoding.items()}
        if critic.weight:
            device = self.tensors[LAST_LAYER].device
            self.tensors |= {name: leaf(tensor.to(device)) for name, tensor in first_critic(seed).items()}

    def part(self, name: str) -> str:
        return name.partition(".")[0]

    @property
    def trains_text(self) -> bool:
        return False

    def of_part(self, part: str) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in self.tensors.items() if self.part(name) == part}

    @contextmanager
    def attached(self, model: TrainableModel, places: DrawPlaces) -> Iterator[None]:
        assert model.vae is not None
        with parameters_replaced({VAE_PART: model.vae}, self.of_part(VAE_PART)):
            yield

    def judged(self, step: int) -> bool:
        """Return whether the discriminator takes part at a step."""
        return bool(self.critic.weight) and step >= self.critic.start

    def file_tensors(self) -> dict[str, Tensor]:
        """Return the decoder's parameters, by part and path."""
        return {name: tensor.detach().cpu() for name, tensor in self.of_part(VAE_PART).items()}


def reconstruction_losses(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Return the loss of each picture, (rows,); both (rows, 3, H, W) in [−1, 1]."""
    loss = (drawn - wanted).abs().mean((1, 2, 3))
    for _ in range(SCALES):
        for side in (2, 3):
            loss = loss + (drawn.diff(dim=side) - wanted.diff(dim=side)).abs().mean((1, 2, 3))
        drawn, wanted = F.avg_pool2d(drawn, 2), F.avg_pool2d(wanted, 2)
    return loss


def first_critic(seed: int) -> dict[str, Tensor]:
    """Return the discriminator's first tensors: four convolutions, weights (out, in, 4, 4), without norms."""
    tensors = {}
    for layer, (inputs, outputs) in enumerate(zip(CRITIC_CHANNELS, CRITIC_CHANNELS[1:], strict=False)):
        shape = outputs, inputs, CRITIC_KERNEL, CRITIC_KERNEL
        drawn = stream(seed, "critic", 0, layer).normal(0, CRITIC_DEVIATION, shape)
        tensors[f"{CRITIC}.{layer}.weight"] = torch.from_numpy(drawn).float()
        tensors[f"{CRITIC}.{layer}.bias"] = torch.zeros(outputs)
    return tensors


def patch_verdicts(critic: Mapping[str, Tensor], pictures: Tensor) -> Tensor:
    """Return how real each patch of pictures (rows, 3, H, W) looks, (rows, 1, h, w): above 0 is real."""
    x = pictures
    for layer, stride in enumerate(CRITIC_STRIDES):
        x = F.leaky_relu(x, 0.2) if layer else x
        x = F.conv2d(x, critic[f"{CRITIC}.{layer}.weight"], critic[f"{CRITIC}.{layer}.bias"], stride, padding=1)
    return x


def hinge_loss(critic: Mapping[str, Tensor], drawn: Tensor, wanted: Tensor) -> Tensor:
    """Return the discriminator's own loss: real patches above 1, drawn ones below −1."""
    real, made = patch_verdicts(critic, wanted), patch_verdicts(critic, drawn.detach())
    return (F.relu(1 - real).mean() + F.relu(1 + made).mean()) / 2


def balanced(reconstruction: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """Return the factor at which both losses move the last layer alike. Esser et al. 2021, eq. 7."""
    losses = reconstruction, adversarial
    one, other = (torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in losses)
    return (one / (other + 1e-4)).clamp(0, MOST_ADVERSARIAL).detach()
