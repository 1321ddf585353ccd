"""The moments of a picture: what an extension may change, and when.

Each moment hands a frozen value to its listeners, and takes the value that they return. A listener has no other way to
change a picture, so that the same request and seed give the same picture again, alone or beside others:

    planned       a picture is about to be made             Plan
    conditioned   its prompts are encoded                   Conditioning
    denoising     the model is about to look at the latent  Step
    denoised      the model has estimated the picture       Step, with `clean`
    decoding      a pass has drawn its latent               Latent
    finished      the picture is decoded                    Picture; its listener may be a flow
    saved         its file is written                       SavedPicture; its listener only looks
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar

from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

V = TypeVar("V")
T = TypeVar("T")

# a listener that asks the engine on its way: a generator that yields questions, and returns T
Flow: TypeAlias = "Generator[Question, Any, T]"


# The values ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one picture is made of, before any of it is computed.

    kind, index and seed are the request's; the other fields may be changed, within the limits of a request.
    """

    kind: Literal["txt2img", "img2img"]
    index: int                          # the picture's number in its request, from 0
    seed: int
    prompt: str
    negative_prompt: str
    steps: int
    sampler_name: str
    scheduler: str
    cfg_scale: float
    width: int                          # in pixels
    height: int
    denoising_strength: float           # of img2img, and of hires fix

    def replace(self, **changes: Any) -> Self:
        """Return the plan with fields changed. Raises ValueError for one that is not there or may not be changed."""
        if unknown := [name for name in changes if name not in CHANGEABLE]:
            raise ValueError(f"A plan's {unknown[0]!r} cannot be changed. These can: {', '.join(CHANGEABLE)}.")
        return replace(self, **changes)

    def random(self, purpose: str = "") -> random.Random:
        """Return a source of chance that is the picture's own: the same for the same seed and purpose."""
        return random.Random(f"{self.seed}:{purpose}")


CHANGEABLE = tuple(each.name for each in fields(Plan) if each.name not in ("kind", "index", "seed"))


@dataclass(frozen=True, eq=False)
class EncodedText:
    """One text of a prompt, as the model reads it.

    vectors: (tokens, width), for cross-attention; pooled: (n,), of SDXL; negative: True for the negative prompt's
    until: the last model evaluation at which it holds; prompt editing gives a prompt several
    """

    vectors: Tensor
    pooled: Tensor | None
    negative: bool
    until: float

    def replace(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Conditioning:
    """The encoded prompts of one pass, the negative prompt's last; a listener returns as many."""

    texts: tuple[EncodedText, ...]
    plan: Plan

    def map(self, change: Callable[[EncodedText], EncodedText]) -> Self:
        """Return the conditioning with each text changed."""
        return replace(self, texts=tuple(change(text) for text in self.texts))


@dataclass(frozen=True, eq=False)
class Step:
    """One look of the model at the picture. Tensors are the picture's own; replace them, and write into none.

    latent: (C, h, w), the noisy picture; sigma: its noise level; clean: (C, h, w), the guided estimate of the picture
    without its noise, None before the model was asked
    """

    index: int                          # of the sampler's step, from 0; a step may take several looks
    steps: int
    sigma: float
    latent: Tensor
    plan: Plan
    clean: Tensor | None = None
    second_pass: bool = False           # of hires fix

    @property
    def fraction(self) -> float:
        """How far the sampler is: 0 at the first step, close to 1 at the last."""
        return self.index / self.steps

    @property
    def estimate(self) -> Tensor:
        """`clean`, of a step that has one. Raises ValueError before the model was asked."""
        if self.clean is None:
            raise ValueError("The model has not looked yet: listen to `denoised` for its estimate.")
        return self.clean

    def replace(self, **changes: Any) -> Self:
        """Return the step with `latent` or `sigma` changed, before the model looks, or with `clean`, after it."""
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Latent:
    """What a pass has drawn, before it is decoded, or enlarged by hires fix. A listener returns one of its shape.

    latent: (C, h, w), on the network's scale; the picture's own: replace it, and write nothing into it
    """

    latent: Tensor
    plan: Plan
    second_pass: bool = False           # of hires fix

    def replace(self, **changes: Any) -> Self:
        """Return it with `latent` changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class SavedPicture:
    """A picture's file, as it stands in the outputs. infotext: its generation data"""

    path: Path
    infotext: str
    plan: Plan


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture.

    image: RGB; start: the picture that img2img started from; pairs: further generation data, written with the picture
    """

    image: Image.Image
    plan: Plan
    start: Image.Image | None = None
    pairs: Mapping[str, str | int | float] = field(default_factory=dict)

    def replace(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def resized(self, factor: float) -> Self:
        """Return the picture with both sides times a factor, at least one pixel each."""
        width, height = (max(1, round(side * factor)) for side in self.image.size)
        return replace(self, image=self.image.resize((width, height), Image.Resampling.LANCZOS))

    def blended(self, other: Picture, amount: float) -> Self:
        """Return the picture with so much, 0 … 1, of another one over it, which is brought to its size."""
        over = other.image.resize(self.image.size, Image.Resampling.LANCZOS)
        return replace(self, image=Image.blend(self.image, over, amount))

    def in_colours_of(self, other: Image.Image) -> Self:
        """Return the picture in the colours of another, with its own brightness: histograms matched in CIELAB."""
        from modules.imaging.colour import corrected

        like = other.convert("RGB").resize(self.image.size, Image.Resampling.LANCZOS)
        return replace(self, image=corrected(self.image, like))

    def with_pair(self, key: str, value: str | float) -> Self:
        """Return the picture with a further pair of generation data."""
        return replace(self, pairs={**self.pairs, key: value})


# Moments ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment(Generic[V]):
    """A point in the making of a picture. about: when it is, and what is done with the value, as a sentence"""

    name: str
    value: type[V]
    about: str
    flows: bool = False                 # whether a listener may be a flow
    looks: bool = False                 # whether a listener only looks: what it returns is left unused


planned = Moment("planned", Plan, "Before anything is computed; its prompts are read and its files found afterwards.")
conditioned = Moment("conditioned", Conditioning, "The prompts of a pass are encoded; the model is shown the result.")
denoising = Moment("denoising", Step, "Before each look of the model; it sees the latent and the noise level returned.")
denoised = Moment("denoised", Step, "After each look of the model; the sampler goes on from the estimate returned.")
decoding = Moment("decoding", Latent, "A pass has drawn its latent; it is gone on from the one returned.")
finished = Moment("finished", Picture, "A picture is decoded; what is returned is checked, saved and shown.", True)
saved = Moment("saved", SavedPicture, "A picture's file is written; a listener looks, and returns nothing.", looks=True)

MOMENTS: tuple[Moment[Any], ...] = (planned, conditioned, denoising, denoised, decoding, finished, saved)


# What a flow may ask ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw:
    """Ask for another picture. Answer: a Picture.

    What is None is as in the picture that the flow is about. start: the picture to start from, as in img2img;
    mask: white where it is painted anew
    """

    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    start: Image.Image | None = None
    denoising_strength: float = 0.5
    mask: Image.Image | None = None


@dataclass(frozen=True, eq=False)
class Enlarge:
    """Ask for a picture enlarged by an upscaler. Answer: an RGB image."""

    image: Image.Image
    factor: float
    upscaler: str


@dataclass(frozen=True, eq=False)
class EncodePicture:
    """Ask for a picture's latent. Answer: (C, h, w), on the network's scale."""

    image: Image.Image


@dataclass(frozen=True, eq=False)
class DecodeLatent:
    """Ask for a latent's picture. Answer: an RGB image."""

    latent: Tensor


@dataclass(frozen=True, eq=False)
class EstimateClean:
    """Ask the model for one look. Answer: the guided estimate, (C, h, w), of a latent's picture without its noise."""

    latent: Tensor
    sigma: float
    prompt: str
    negative_prompt: str
    cfg_scale: float


Question: TypeAlias = Draw | Enlarge | EncodePicture | DecodeLatent | EstimateClean


def draw(**how: Any) -> Flow[Picture]:
    """Have another picture drawn, from words or from `start`; the fields are those of `Draw`.

    `again = yield from draw(start=picture.image, denoising_strength=0.3)`. Its steps share the model's calls with
    everybody's pictures. Its generation data are not the result's: add what the request does not tell by `with_pair`.
    """
    picture: Picture = yield Draw(**how)
    return picture


def upscale(image: Image.Image, factor: float, upscaler: str = "Lanczos") -> Flow[Image.Image]:
    """Have a picture enlarged by an upscaler of that name."""
    larger: Image.Image = yield Enlarge(image, factor, upscaler)
    return larger


def encode(image: Image.Image) -> Flow[Tensor]:
    """Have a picture encoded by the VAE; returns (C, h, w), on the network's scale."""
    latent: Tensor = yield EncodePicture(image)
    return latent


def decode(latent: Tensor) -> Flow[Image.Image]:
    """Have a latent (C, h, w) decoded by the VAE."""
    image: Image.Image = yield DecodeLatent(latent)
    return image


def predict(
    latent: Tensor, sigma: float, prompt: str, negative_prompt: str = "", cfg_scale: float = 7.0
) -> Flow[Tensor]:
    """Have the model look at a latent (C, h, w) of noise level σ once; returns its guided estimate, (C, h, w)."""
    clean: Tensor = yield EstimateClean(latent, sigma, prompt, negative_prompt, cfg_scale)
    return clean
