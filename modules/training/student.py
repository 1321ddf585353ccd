"""Students: what is trained. A student's tensors take part in a model's networks for the length of a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from modules.training.noise import DrawPlace

UNET, TEXT_ENCODER, VAE_PART = "unet", "text_encoder", "vae"      # a second text encoder is "text_encoder_2"


@dataclass(frozen=True, eq=False)
class TrainableModel:
    """A loaded model as training sees it.

    networks: "unet", "text_encoder", "text_encoder_2" → module
    unet_names: the UNet's modules by their names in checkpoints, where LoRAs call them so; else empty
    token_table: encoder, "clip", "clip_l" … → its tokens' rows (tokens, width); velocity: it predicts v, not noise
    vae: what makes pictures of latents, if it is known
    controlnet: makes a ControlNet: that of a name, or for "" one that begins as the UNet's encoder
    """

    networks: Mapping[str, nn.Module]
    unet_names: Mapping[str, str] = field(default_factory=dict)
    token_table: Mapping[str, Tensor] = field(default_factory=dict)
    velocity: bool = False
    vae: nn.Module | None = None
    controlnet: Callable[[str], nn.Module] | None = None


DrawPlaces = tuple[DrawPlace, ...]      # of the rows of a call


class Student(ABC):
    """What is trained.

    tensors: by name, float32, in an order that never changes; they are leaves that require gradients
    validated_at: the timesteps at which its losses are compared; `None` for what knows no time
    """

    validated_at: ClassVar[tuple[int | None, ...]] = tuple(range(60, 1000, 120))
    tensors: dict[str, Tensor]

    @abstractmethod
    def attached(self, model: TrainableModel, places: DrawPlaces) -> AbstractContextManager[None]:
        """Return a context in which the model's networks have the student's tensors; `places` are the rows'."""

    @abstractmethod
    def part(self, name: str) -> str:
        """Return the part of the model whose learning rate a tensor has: "unet", "text_encoder" …"""

    def rate_factor(self, name: str) -> float:
        """Return the factor that a tensor's learning rate has beside its part's."""
        return 1.0

    @property
    def trains_text(self) -> bool:
        """True if texts are read differently after each step."""
        return any(self.part(name) != UNET for name in self.tensors)

    @property
    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        """The student's words in captions: word → encoder → vectors (count, width)."""
        return {}

    def after_step(self) -> None:      # noqa: B027  most have no limits
        """Bring the tensors within their limits, if they have any."""

    def zero_gradients(self) -> None:
        for tensor in self.tensors.values():
            tensor.grad = None


MakeStudent = Callable[[TrainableModel], Student]


def leaf(tensor: Tensor) -> Tensor:
    """Return a tensor to be trained."""
    return tensor.detach().float().clone().requires_grad_()
