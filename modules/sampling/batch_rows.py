"""The rows of one model evaluation of a batch, as A1111's extensions know them, and the questions that they become.

Rows stand in A1111's order: every picture's positive prompts, picture by picture, then every picture's negative prompt.
For its k-diffusion samplers a row is a latent and its σ, for its DDIM family the network's input and its timestep, and
the model's answers are clean estimates for the former, ε for the latter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isclose, log
from typing import Any

import torch
from torch import Tensor

from modules.sampling.cond_extras import SHOWN_IMAGE, ShownImage
from modules.sampling.flows import Denoise
from modules.sampling.guidance import Guidance, Stage, equally_long, never, predict_for
from modules.sampling.questions import Cond, Predict

FIGURE_WIDTH = 256         # of the embedding of one figure of SDXL's size conditioning
SAME_LEVEL = 1e-6          # relative: noise levels that differ by less are the same
NOT_POOLED = 6             # figures at the end of `Cond.vector`


class Texts(dict[str, Tensor]):
    """SDXL's encoded texts in A1111's form: `crossattn` (rows, tokens, width) and `vector` (rows, n)."""

    @property
    def shape(self) -> torch.Size:
        return self["crossattn"].shape

    def advanced_indexing(self, item: Any) -> Texts:
        return Texts((name, value[item]) for name, value in self.items())

    def to(self, *args: Any, **kwargs: Any) -> Texts:
        return Texts((name, value.to(*args, **kwargs)) for name, value in self.items())


EncodedTexts = Tensor | Texts


@dataclass(eq=False)
class ModelRows:
    """The inputs of the model, which a listener may change or replace."""

    x: Tensor                   # (rows, C, h, w)
    image_cond: Tensor          # (rows, c, h, w); (rows, 5, 1, 1) zeros for a model that is shown no image
    sigma: Tensor               # (rows,) σ, or timesteps for the DDIM family
    text_cond: EncodedTexts     # (positive rows, tokens, width)
    text_uncond: EncodedTexts   # (negative rows, tokens', width)

    def stamp(self) -> tuple[object, ...]:
        """Return a value that changes when a tensor is replaced or changed in place."""
        tensors = [self.x, self.image_cond, self.sigma]
        for texts in (self.text_cond, self.text_uncond):
            tensors += texts.values() if isinstance(texts, dict) else [texts]
        return tuple((id(each), each._version) for each in tensors)


@dataclass(frozen=True, eq=False)
class PictureRows:
    """One picture's question and its conditionings, the negative prompt's among them even if it is skipped."""

    stage: Stage
    ask: Denoise                # as it goes to the model
    evaluation: int
    timesteps: bool             # True for the samplers of A1111's DDIM family
    preview: Tensor | None
    step: int = 0               # that of the evaluation before

    @property
    def guidance(self) -> Guidance:
        return self.stage.guidance

    @cached_property
    def conds(self) -> tuple[Cond, ...]:
        return replace(self.guidance, alone=never).conds(self.evaluation, self.ask.sigma, self.step)

    @cached_property
    def skips_negative(self) -> bool:
        return self.guidance.alone(self.evaluation, self.ask.sigma)

    @property
    def positive(self) -> tuple[Cond, ...]:
        return self.conds[: self.guidance.prompted]

    @property
    def negative(self) -> tuple[Cond, ...]:
        """The negative prompt; for a model that edits pictures it is asked twice."""
        return self.conds[self.guidance.prompted:]

    @property
    def scale(self) -> float:
        """How many times as large as a row the latent is."""
        return self.stage.levels.parametrization.scale(self.ask.sigma) if self.timesteps else 1.0

    @property
    def level(self) -> float:
        """The noise level as a row has it."""
        return self.stage.levels.timestep(self.ask.sigma) if self.timesteps else self.ask.sigma

    def question(self) -> Predict:
        """Return the question for all rows that are not skipped, as it is asked without extensions."""
        conds = self.positive if self.skips_negative else self.conds
        return predict_for(self.stage, self.evaluation, self.ask, conds, self.preview)

    def row_question(self, x: Tensor, level: float, cond: Cond) -> Predict:
        """Return the question for one row with a latent and a noise level of its own."""
        levels = self.stage.levels
        if isclose(level, self.level, rel_tol=SAME_LEVEL):      # in single precision it is no longer the same number
            sigma, timestep = self.ask.sigma, levels.timestep(self.ask.sigma)
        else:
            sigma = levels.sigma(level) if self.timesteps else level
            timestep = level if self.timesteps else levels.timestep(sigma)
        latent = x * levels.parametrization.scale(sigma) if self.timesteps else x
        weights = self.stage.weights.at(self.evaluation)
        step = self.stage.before + self.ask.step
        return Predict(weights, latent, sigma, timestep, (cond,), step, preview=self.preview)

    def noise_of(self, question: Predict, clean: Tensor) -> Tensor:
        """Return the answer to a row's question as the DDIM family sees it: ε; for others the clean estimate."""
        return (question.x - clean) / question.sigma if self.timesteps else clean

    def shown(self, clean: Tensor) -> Tensor:
        """Return a clean estimate for this picture's latent as the sampler's family sees it."""
        return (self.ask.x - clean) / self.ask.sigma if self.timesteps else clean

    def clean(self, shown: Tensor) -> Tensor:
        """Return the clean estimate of what `shown` returns."""
        return self.ask.x - shown * self.ask.sigma if self.timesteps else shown


@dataclass(frozen=True, eq=False)
class BatchRows:
    """The rows of one evaluation of a batch."""

    pictures: Sequence[PictureRows]

    @cached_property
    def rows(self) -> list[tuple[PictureRows, Cond]]:
        depth = max(len(picture.negative) for picture in self.pictures)
        positive = [(picture, cond) for picture in self.pictures for cond in picture.positive]
        negative = [(picture, picture.negative[place]) for place in range(depth) for picture in self.pictures]
        return positive + negative

    @property
    def positive_rows(self) -> int:
        return sum(len(picture.positive) for picture in self.pictures)

    def weighted_prompts(self) -> list[list[tuple[int, float]]]:
        """Return each picture's positive rows, by number, with their weights."""
        numbers = iter(range(self.positive_rows))
        return [[(next(numbers), weight) for _, weight in each.guidance.positive] for each in self.pictures]

    def view(self) -> ModelRows:
        """Return the rows as tensors of their own."""
        conds = [cond for _, cond in self.rows]
        positive, negative = conds[: self.positive_rows], conds[self.positive_rows:]
        return ModelRows(
            torch.stack([picture.ask.x / picture.scale for picture, _ in self.rows]),
            torch.stack([image_of(cond, picture.ask.x) for picture, cond in self.rows]),
            torch.tensor([picture.level for picture, _ in self.rows], device=self.rows[0][0].ask.x.device),
            texts_of(positive),
            texts_of(negative[: len(self.pictures)]),
        )

    def changed_questions(self, given: ModelRows) -> list[Predict | None]:
        """Return a question for each row as a listener left it; None where it is skipped or was taken out."""
        texts = split_texts(given.text_cond, given.text_uncond, len(self.rows))
        asked: list[Predict | None] = [None] * len(self.rows)
        for place, (picture, cond) in enumerate(self.rows):
            skipped = place >= self.positive_rows and picture.skips_negative
            if not skipped and place < len(given.x):
                own = with_image(with_text(cond, texts[place]), given.image_cond[place])
                asked[place] = picture.row_question(given.x[place], float(given.sigma[place]), own)
        return asked

    def split(self, rows: Sequence[Tensor]) -> list[list[Tensor]]:
        """Return each picture's rows in the order of its conditionings."""
        found: dict[int, list[Tensor]] = {id(picture): [] for picture in self.pictures}
        for (picture, _), row in zip(self.rows, rows, strict=True):
            found[id(picture)].append(row)
        return [found[id(picture)] for picture in self.pictures]

    def joined(self, of_pictures: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Return the rows of pictures in the batch's order; a skipped negative one is the first positive one's copy."""
        left = {id(picture): [*rows] for picture, rows in zip(self.pictures, of_pictures, strict=True)}
        first = {id(picture): rows[0] for picture, rows in zip(self.pictures, of_pictures, strict=True)}
        return [left[id(picture)].pop(0) if left[id(picture)] else first[id(picture)] for picture, _ in self.rows]


def image_of(cond: Cond, like: Tensor) -> Tensor:
    """Return the image that a row shows the model, (c, h, w); zeros (5, 1, 1) without one."""
    extra = cond.extras.get(SHOWN_IMAGE)
    return extra.image if isinstance(extra, ShownImage) else like.new_zeros(5, 1, 1)


def with_image(cond: Cond, image: Tensor) -> Cond:
    return cond.with_extras({SHOWN_IMAGE: ShownImage(image)}) if SHOWN_IMAGE in cond.extras else cond


# Texts -----------------------------------------------------------------------------------------------


def texts_of(conds: Sequence[Cond]) -> EncodedTexts:
    """Return the texts of rows as one tensor, or as SDXL's two."""
    texts = torch.stack([cond.text for cond in equally_long(conds)])
    if conds[0].vector is None:
        return texts
    vectors = [full_vector(cond.vector) for cond in conds if cond.vector is not None]
    return Texts(crossattn=texts, vector=torch.stack(vectors))


def text_of(cond: Cond) -> EncodedTexts:
    """Return one text in A1111's form, without a dimension for rows."""
    return cond.text if cond.vector is None else Texts(crossattn=cond.text, vector=full_vector(cond.vector))


def full_vector(vector: Tensor) -> Tensor:
    """Return SDXL's pooled text and figures (n,) as its network embeds them: each figure as sines and cosines."""
    pooled, figures = vector[:-NOT_POOLED], vector[-NOT_POOLED:]
    half = FIGURE_WIDTH // 2
    rates = torch.exp(torch.arange(half, device=vector.device) * (-log(10_000) / half))
    angles = figures.float()[:, None] * rates[None]
    return torch.cat([pooled, torch.cat([angles.cos(), angles.sin()], dim=1).flatten().to(pooled)])


def split_texts(positive: EncodedTexts, negative: EncodedTexts, rows: int) -> list[tuple[Tensor, Tensor | None]]:
    """Return the text and the vector of each row; further rows have the negative prompts again."""
    def each(texts: EncodedTexts) -> list[tuple[Tensor, Tensor | None]]:
        if isinstance(texts, dict):
            return list(zip(texts["crossattn"], texts["vector"], strict=True))
        return [(text, None) for text in texts]

    found, again = each(positive) + each(negative), each(negative)
    while len(found) < rows:
        found += again
    return found


def with_text(cond: Cond, given: tuple[Tensor, Tensor | None]) -> Cond:
    text, vector = given
    if vector is None or cond.vector is None:
        return replace(cond, text=text)
    pooled = len(cond.vector) - NOT_POOLED
    return replace(cond, text=text, vector=torch.cat([vector[:pooled].to(cond.vector), cond.vector[pooled:]]))
