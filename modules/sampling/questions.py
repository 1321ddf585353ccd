"""Questions and tasks: a question asks the device for a model's answer; a task is a generator of questions.

The protocol, once for all tasks:
- A task is a generator. It yields one question at a time, is sent the answer, and returns its result. Between two
  questions it may compute whatever is small; it opens no file, starts no thread and touches no weights, for
  everything that needs a model is a question.
- A question is an immutable value. Unanswered, it can be asked again, later, elsewhere or in another batch; so
  running out of memory, batching and moving to another device need nothing of the task.
- `Interrupted` is thrown in at a yield when the image is to end: the task may ask on and return what it has, or let
  it pass. An error of the device (a subclass of `WebUIError`) is thrown in at the question that caused it: the task
  may go on without the answer.
- Across a yield a task may hold latents, conditionings and pictures. Before it makes the first of these it may ask
  `Wait`, so that a task far from its turn holds nothing. It holds no model and nothing that another task must release.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

from modules.base.errors import StopAsked
from modules.sampling.cond_extras import CondExtras
from modules.sampling.latent import LatentFormat
from modules.sampling.schedules import ModelSigmas
from modules.sampling.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor

T = TypeVar("T")


class Question(Protocol):
    """A question: a frozen dataclass with these attributes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    quick: ClassVar[bool]      # true if it is short and may be answered before the next UNet step

    @property
    def weights(self) -> Weights:
        """The weights that answer."""

    @property
    def key(self) -> Hashable:
        """The key: questions with equal keys may be answered by one call of the model."""

    @property
    def rows(self) -> int:
        """The number of rows that the question takes in a call."""


Task: TypeAlias = Generator[Question, Any, T]      # yields questions, is sent their answers, returns a result


def ready(value: T) -> Task[T]:
    """A task without questions, which returns the value."""
    return value
    yield      # makes it a generator


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts about a model that sampling needs."""

    levels: ModelSigmas                  # its noise levels and its parametrization
    latent: LatentFormat
    # channels the network sees beside the latent: 0, 4 (a picture) or 5 (a mask and a picture)
    image_channels: int = 0
    fp8: bool = False               # True if its weights are stored in 8 bits
    native_size: int = 512          # pixels of the sides it was trained at

    @property
    def latent_channels(self) -> int:
        return self.latent.channels


@dataclass(frozen=True, slots=True)
class Facts:
    """Ask for the facts about a model, which is loaded first. Answer: ModelFacts."""

    quick: ClassVar = True

    weights: Weights
    decodes: bool = False      # load its VAE too, so that a missing one fails before sampling

    @property
    def key(self) -> Hashable:
        return Facts, self.weights, self.decodes

    @property
    def rows(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """An embedding's file and its word in prompts: the file's name or the name inside it.

    Two files with the same content are two embeddings.
    """

    word: str
    file: str       # the name in the list
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A1111's settings for reading prompts, under their names."""

    emphasis: str = "Original"
    clip_skip: int = 1
    comma_backtrack: int = 20
    sdxl_clip_l_skip: bool = False
    old_emphasis: bool = False            # as in A1111's first versions
    embeddings: tuple[EmbeddingFile, ...] = ()


@dataclass(frozen=True, slots=True)
class SizeConditioning:
    """SDXL's size conditioning. Podell et al. 2023, arXiv:2307.01952, §2.2."""

    width: int                  # in pixels, like the other sizes
    height: int
    crop_top: int = 0
    crop_left: int = 0
    aesthetic: float = 6.0      # aesthetic score; only the refiner is given it


@dataclass(frozen=True, slots=True, eq=False)
class Cond:
    """The conditioning of one row of a UNet call: an encoded text and the row's extras."""

    text: Tensor                        # (tokens, width), for cross-attention
    vector: Tensor | None = None        # (n,), added to the time embedding: SDXL's pooled text and size conditioning
    extras: CondExtras = field(default_factory=dict)      # by the name of the extra's kind

    @property
    def key(self) -> Hashable:
        """The key: rows with equal keys may share a call of the UNet."""
        extras = frozenset((name, extra.key) for name, extra in self.extras.items() if extra.key is not None)
        return self.text.shape, extras

    def with_extras(self, extras: CondExtras) -> Cond:
        return replace(self, extras={**self.extras, **extras}) if extras else self

    def of_length(self, tokens: int) -> Cond:
        """Return the conditioning cut, or lengthened by its last token, to so many tokens."""
        places = [min(place, len(self.text) - 1) for place in range(tokens)]
        return self if tokens == len(self.text) else replace(self, text=self.text[places])

    def padded(self, tokens: int, empty: Cond) -> Cond:
        """Return the conditioning followed by repeated empty text, up to so many tokens."""
        from torch import cat  # a conditioning is a tensor, so torch is loaded already

        times = max(0, tokens - len(self.text)) // len(empty.text)
        return replace(self, text=cat([self.text, *[empty.text] * times]))


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """The conditionings of a prompt's texts, and the embeddings used in them."""

    conds: tuple[Cond, ...]
    embeddings: Mapping[str, str] = field(default_factory=dict)      # name → its hash, or the name of its network
    notes: tuple[str, ...] = ()                                      # remarks for the job's owner


@dataclass(frozen=True, slots=True)
class Encode:
    """Ask to encode all texts of one prompt in the course of sampling. Answer: a Meaning, with a Cond for each text.

    They are encoded together because A1111's "Original" emphasis restores the mean over all of them at once.
    """

    quick: ClassVar = True

    weights: Weights
    texts: tuple[str, ...]
    reading: Reading
    frame: SizeConditioning
    negative: bool = False      # SDXL encodes an empty negative prompt as zeros

    @property
    def key(self) -> Hashable:
        return Encode, self.weights.drawing

    @property
    def rows(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True, eq=False)
class Predict:
    """Ask to denoise a latent once under each conditioning. Answer: a (C, h, w) clean estimate for each."""

    quick: ClassVar = False

    weights: Weights
    x: Tensor                           # (C, h, w)
    sigma: float
    timestep: float                     # the training timestep of that level, fractional between two
    conds: tuple[Cond, ...]
    step: int                           # the step of the schedule, for progress
    preview: Tensor | None = None       # (C, h, w) the newest clean estimate, for the preview

    @property
    def key(self) -> Hashable:
        return Predict, self.weights.drawing, self.x.shape, frozenset(cond.key for cond in self.conds)

    @property
    def rows(self) -> int:
        return len(self.conds)


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """Ask to decode a finished latent (C, h, w). Answer: its picture, (H, W, 3) uint8."""

    quick: ClassVar = True

    weights: Weights
    latent: Tensor
    tiled: bool = False     # in tiles: slower, with little memory
    tiny: bool = False      # by TAESD instead of the VAE

    @property
    def key(self) -> Hashable:
        return Decode, self.weights, self.latent.shape, self.tiny

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class DecodeLevels(Decode):
    """Ask to decode a finished latent (C, h, w). Answer: its picture before rounding, (3, H, W) in about [−1, 1]."""

    @property
    def key(self) -> Hashable:
        return DecodeLevels, self.weights, self.latent.shape, self.tiny


@dataclass(frozen=True, slots=True, eq=False)
class EncodeImage:
    """Ask to encode a picture (3, H, W) in [−1, 1].

    Answer: its latent (C, h, w) on the VAE's own scale, the mean of the encoder's distribution; with `drawn`, which
    returns unit noise of a shape, a sample of it.
    """

    quick: ClassVar = True

    weights: Weights
    pixels: Tensor
    tiled: bool = False
    tiny: bool = False
    drawn: Callable[[tuple[int, ...]], Tensor] | None = None

    @property
    def key(self) -> Hashable:
        return EncodeImage, self.weights, self.pixels.shape, self.tiny

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class Upscale:
    """Ask to enlarge a tile (3, h, w) uint8. Answer: the tile enlarged by the factor of the upscaler of that name."""

    quick: ClassVar = True      # so that the images of one batch reach the next pass together

    weights: Weights            # those of the pass that follows
    pixels: Tensor
    name: str

    @property
    def key(self) -> Hashable:
        return Upscale, self.name, self.pixels.shape

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class RestoreFaces:
    """Ask to restore the faces in a picture (H, W, 3) uint8. Answer: the picture with restored faces."""

    quick: ClassVar = True

    weights: Weights            # those of the pass that follows
    pixels: np.ndarray
    name: str
    weight: float = 0.5         # CodeFormer's: 0 restores most, 1 changes the face least

    @property
    def key(self) -> Hashable:
        return RestoreFaces, self.name, self.weight, self.pixels.shape

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class CheckSafety:
    """Ask the safety checker about pictures. Answer: for each of them, whether it is flagged."""

    quick: ClassVar = True

    weights: Weights            # those of the last pass
    name: str                   # the checker's file in the library
    images: tuple[Image, ...]

    @property
    def key(self) -> Hashable:
        return CheckSafety, self.name

    @property
    def rows(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until no earlier image wants a UNet step. The answer is None.

    Tasks ask this before they allocate anything.
    """

    quick: ClassVar = False

    weights: Weights = Weights("")      # the weights it will sample with
    # true for a task that computes or holds much before its first step: one of them begins at a time
    heavy: bool = False

    @property
    def key(self) -> Hashable:
        return Wait, self.weights, self.heavy

    @property
    def rows(self) -> int:
        return 2**16 if self.heavy else 1


@dataclass(slots=True, eq=False)
class Signal:
    """An event that one task sets, once, and other tasks wait for."""

    given: bool = False


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait until another task has set a signal; until then the scheduler skips the task. The answer is None."""

    quick: ClassVar = True

    weights: Weights
    signal: Signal

    @property
    def key(self) -> Hashable:
        return WaitFor, self.weights

    @property
    def rows(self) -> int:
        return 0


class Interrupted(StopAsked):
    """Thrown into a task that is to end. `latest` is its newest clean estimate, once it has one."""

    latest: Tensor | None = None
