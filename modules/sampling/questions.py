"""Questions: what the making of an image asks of the device, and tasks, the generators that ask.

The protocol, once for all tasks:
- A task is a generator. It yields one question at a time, is sent the answer, and returns its result. Between two
    questions it may compute
  whatever is small; it opens no file, starts no thread and touches no weights, for everything that needs a model is a
  question.
- A question is an immutable value. Unanswered, it can be asked again, later, elsewhere or in another batch; so running
    out of memory,
  batching and moving to another device need nothing of the task.
- `Interrupted` is thrown in at a yield when somebody wants the image ended: the task may ask on and return what it has,
    or let it pass.
  An error of the device (a subclass of `WebUIError`) is thrown in at the question that caused it: the task may go on
  without the answer.
- Across a yield a task may hold latents, conditionings and pictures. Before it makes the first of these it may ask
    `Wait`, so that a task
  whose turn is far away holds nothing. It holds no model and nothing that another task must release.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

from modules.sampling.cond_extras import CondExtras
from modules.sampling.latent import LatentFormat
from modules.sampling.schedules import ModelSigmas
from modules.sampling.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

T = TypeVar("T")


class Question(Protocol):
    """A frozen dataclass with these."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    quick: ClassVar[bool]      # true if it is short and may be answered before the next UNet step

    @property
    def weights(self) -> Weights:
        """Whose model answers."""

    @property
    def key(self) -> Hashable:
        """Questions with equal keys may be answered by one call of the model."""

    @property
    def rows(self) -> int:
        """How many rows of that call this one takes."""


Task: TypeAlias = Generator[Question, Any, T]      # yields questions, is sent their answers, returns what was made


def ready(value: T) -> Task[T]:
    """A task that has nothing to ask."""
    return value
    yield      # makes it a generator


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What sampling must know of a model."""

    levels: ModelSigmas                  # the noise it was trained with, and how it is asked about a latent
    latent: LatentFormat
    # channels the network sees beside the latent: 0, 4 (a picture) or 5 (a mask and a picture)
    image_channels: int = 0
    fp8: bool = False               # are its weights stored in 8 bits?

    @property
    def latent_channels(self) -> int:
        return self.latent.channels


@dataclass(frozen=True, slots=True)
class Facts:
    """What kind of model is this? Loads it, in its turn. Answer: ModelFacts."""

    quick: ClassVar = True

    weights: Weights
    decodes: bool = False      # its VAE is needed as well: better missed now than when all is sampled

    @property
    def key(self) -> Hashable:
        return Facts, self.weights, self.decodes

    @property
    def rows(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """A file whose name, or the name inside it, is a word of the prompt; two files of one content are two words."""

    word: str
    file: str       # as the list shows it
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How text is read: A1111's settings of these names."""

    emphasis: str = "Original"
    clip_skip: int = 1
    comma_backtrack: int = 20
    sdxl_clip_l_skip: bool = False
    old_emphasis: bool = False            # as A1111's first versions read it
    embeddings: tuple[EmbeddingFile, ...] = ()


@dataclass(frozen=True, slots=True)
class SizeConditioning:
    """What SDXL is told about the picture beside its text. Podell et al. 2023, arXiv:2307.01952, §2.2."""

    width: int                  # pixels, as all of these
    height: int
    crop_top: int = 0
    crop_left: int = 0
    aesthetic: float = 6.0      # how good it is to look at; the refiner alone is told


@dataclass(frozen=True, slots=True, eq=False)
class Cond:
    """The conditioning of one row of a UNet call: an encoded text, and what the row carries beside it."""

    text: Tensor                        # (tokens, width), for cross-attention
    vector: Tensor | None = None        # (n,), added to the time embedding: SDXL's pooled text, then its Frame
    extras: CondExtras = field(default_factory=dict)      # by the name of their kind

    @property
    def key(self) -> Hashable:
        """Rows with equal keys may share a call of the UNet."""
        extras = frozenset((name, extra.key) for name, extra in self.extras.items() if extra.key is not None)
        return self.text.shape, extras

    def with_extras(self, extras: CondExtras) -> Cond:
        return replace(self, extras={**self.extras, **extras}) if extras else self

    def of_length(self, tokens: int) -> Cond:
        """The same with its last token repeated up to that many, or without those beyond."""
        places = [min(place, len(self.text) - 1) for place in range(tokens)]
        return self if tokens == len(self.text) else replace(self, text=self.text[places])

    def padded(self, tokens: int, empty: Cond) -> Cond:
        """The same followed by empty text, over and over, up to that many tokens."""
        from torch import cat  # whoever has a conditioning has torch

        times = max(0, tokens - len(self.text)) // len(empty.text)
        return replace(self, text=cat([self.text, *[empty.text] * times]))


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """What a prompt's texts mean, and what of its words were embeddings."""

    conds: tuple[Cond, ...]
    embeddings: Mapping[str, str] = field(default_factory=dict)      # name → its hash, or the network it came with
    notes: tuple[str, ...] = ()                                      # what the person should know


@dataclass(frozen=True, slots=True)
class Encode:
    """The texts one prompt has in the course of sampling, to be read together. Answer: a Meaning, with a Cond each.

    Together, because A1111's "Original" emphasis restores the mean over all of them at once.
    """

    quick: ClassVar = True

    weights: Weights
    texts: tuple[str, ...]
    reading: Reading
    frame: SizeConditioning
    negative: bool = False      # an empty negative prompt means nothing at all to SDXL

    @property
    def key(self) -> Hashable:
        return Encode, self.weights.drawing

    @property
    def rows(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True, eq=False)
class Predict:
    """This latent, denoised once under each conditioning. Answer: a (C, h, w) clean estimate for each."""

    quick: ClassVar = False

    weights: Weights
    x: Tensor                           # (C, h, w)
    sigma: float
    timestep: float                     # the training timestep of that level, fractional between two
    conds: tuple[Cond, ...]
    step: int                           # of the schedule, for whoever is watching
    preview: Tensor | None = None       # (C, h, w) the newest clean estimate, likewise

    @property
    def key(self) -> Hashable:
        return Predict, self.weights.drawing, self.x.shape, frozenset(cond.key for cond in self.conds)

    @property
    def rows(self) -> int:
        return len(self.conds)


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """A finished latent (C, h, w). Answer: its picture, (H, W, 3) uint8."""

    quick: ClassVar = True

    weights: Weights
    latent: Tensor
    tiled: bool = False     # piece by piece: slower, little memory
    tiny: bool = False      # by TAESD instead

    @property
    def key(self) -> Hashable:
        return Decode, self.weights, self.latent.shape, self.tiny

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class EncodeImage:
    """A picture (3, H, W) in [−1, 1].

    Answer: its latent (C, h, w) on the VAE's own scale, the mean of what the encoder says.
    """

    quick: ClassVar = True

    weights: Weights
    pixels: Tensor
    tiled: bool = False
    tiny: bool = False

    @property
    def key(self) -> Hashable:
        return EncodeImage, self.weights, self.pixels.shape, self.tiny

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class Upscale:
    """A tile (3, h, w) uint8 of a picture. Answer: the same, as much larger as the upscaler of that name makes it."""

    quick: ClassVar = True      # so that the images of one batch reach the next pass together

    weights: Weights            # of the pass that goes on with it
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
    """A picture (H, W, 3) uint8. Answer: the same with its faces drawn anew by the restorer of that name."""

    quick: ClassVar = True

    weights: Weights            # of the pass that goes on with it
    pixels: np.ndarray
    name: str
    weight: float = 0.5         # CodeFormer's: 0 restores most, 1 keeps most of the face

    @property
    def key(self) -> Hashable:
        return RestoreFaces, self.name, self.weight, self.pixels.shape

    @property
    def rows(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until no earlier image wants a UNet step. The answer is None.

    Tasks ask this before they allocate anything.
    """

    quick: ClassVar = False

    weights: Weights = Weights("")      # whichever it will draw with
    # at most one begins at a time, where much is computed or held before the first step
    heavy: bool = False

    @property
    def key(self) -> Hashable:
        return Wait, self.weights, self.heavy

    @property
    def rows(self) -> int:
        return 2**16 if self.heavy else 1


@dataclass(slots=True, eq=False)
class Signal:
    """Given by one task, once; others wait for it."""

    given: bool = False


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait until another task has given a signal: whoever asks this is passed over till then. The answer is None."""

    quick: ClassVar = True

    weights: Weights
    signal: Signal

    @property
    def key(self) -> Hashable:
        return WaitFor, self.weights

    @property
    def rows(self) -> int:
        return 0


class Interrupted(Exception):
    """Thrown into a task that someone wants ended. `latest` is its newest clean estimate, once it has one."""

    latest: Tensor | None = None
