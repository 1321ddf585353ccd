"""The questions of a training run. Like those of drawing they are answered by the device, in the engine's turns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.optim import Optimizer

from modules.sampling.questions import SizeConditioning
from modules.sampling.weights import Weights
from modules.training.losses import LossRules
from modules.training.noise import DrawPlace, NoiseRules
from modules.training.student import MakeStudent, Student


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A picture as a step sees it.

    latent: (C, h, w) on the network's scale; mask: (h, w) weights of the loss, if any
    pixels: (3, H, W) in [−1, 1], where a decoder is trained; map: (3, H, W) in [0, 1], where a ControlNet is
    weight: how much it counts, such as sd-scripts' `prior_loss_weight`
    """

    name: str
    caption: str
    latent: Tensor
    place: DrawPlace
    frame: SizeConditioning
    mask: Tensor | None = None
    weight: float = 1.0
    pixels: Tensor | None = None
    map: Tensor | None = None


@dataclass(frozen=True, slots=True)
class LearningRules:
    """What is the same at all steps of a run.

    precision: of the computation, "no", "fp16" or "bf16"; "" is what the device does well
    chunks: of 75 tokens that a caption may have, 0 is any number
    """

    noise: NoiseRules = NoiseRules()
    loss: LossRules = LossRules()
    zero_terminal_snr: bool = False
    emphasis: str = "None"
    clip_skip: int = 1
    chunks: int = 0
    precision: str = ""
    checkpointing: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Prepare:
    """Ask for the student of a model, which is loaded first. Answer: a Student."""

    quick: ClassVar = False

    weights: Weights
    make: MakeStudent

    @property
    def key(self) -> Hashable:
        return Prepare, self.weights

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class Learn:
    """Ask for the losses of examples of one size, and their gradients. Answer: each example's loss.

    The gradient of Σ weight · loss · share is added to the student's tensors, all or nothing.
    timestep: the same for all examples, as validation has it; None is each one's own
    """

    quick: ClassVar = False

    weights: Weights
    student: Student
    examples: tuple[Example, ...]
    rules: LearningRules
    share: float = 1.0
    texts: bool = True              # the gradient also of what reads texts
    measures: bool = False          # the losses alone, no gradients
    timestep: int | None = None

    @property
    def key(self) -> Hashable:
        return Learn, id(self.student)

    @property
    def rows(self) -> int:
        return len(self.examples)


@dataclass(frozen=True, slots=True, eq=False)
class Improve:
    """Ask to move the student by its gradients, and to forget them. Answer: their norm before clipping.

    Where the norm is no finite number the student stays as it is.
    rates: part of the model → its rate; largest: the norm to which gradients are cut, or the greatest value; 0 is off
    """

    quick: ClassVar = False

    weights: Weights
    student: Student
    optimizer: Optimizer
    rates: Mapping[str, float]
    largest: float = 1.0
    by_value: bool = False

    @property
    def key(self) -> Hashable:
        return Improve, id(self.student)

    @property
    def rows(self) -> int:
        return 1
