"""What a model drew before it learnt: the pictures by which a run's drift is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from modules.base.files import write_atomically
from modules.imaging.dataset.buckets import LATENT_CELL
from modules.imaging.dataset.dataset import TrainingData
from modules.library.catalog import ModelFile
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files, Pass, base_pass
from modules.pipelines.result import ExtraParams
from modules.pipelines.txt2img import from_noise
from modules.sampling.questions import Task
from modules.sampling.weights import Weights
from modules.settings.options import Settings

NEUTRAL_PROMPTS = ("a cat", "a house", "a tree", "a person")
DRAWN_STEPS, DRAWN_SCALE = 12, 5.0      # of each drawing
DRAWN_SEEDS = 2**32
FIRST_MEASURED = 2**20      # drawing by which drift is measured: behind all class pictures, which are taught


@dataclass(frozen=True)
class BaseDrawing:
    """How a run draws with its base. size: width and height in pixels, those that it is trained at"""

    base: ModelFile
    weights: Weights
    seed: int
    size: tuple[int, int]

    def asked(self, prompt: str, number: int) -> Pass[Txt2Img]:
        """Return what is asked for: the run's n-th drawing."""
        width, height = (side - side % LATENT_CELL for side in self.size)
        params = Txt2Img(prompt=prompt, width=width, height=height, steps=DRAWN_STEPS, cfg_scale=DRAWN_SCALE,
                         seed=(self.seed + number) % DRAWN_SEEDS)
        return replace(base_pass(params, Settings(), Files(self.base)), weights=self.weights)

    def latent(self, prompt: str, number: int) -> Task[Tensor]:
        """Return a drawing's latent, (C, h, w) on the network's scale."""
        found, _ = yield from from_noise(self.asked(prompt, number), ExtraParams())
        return found.detach().float().clone().cpu().contiguous()


@dataclass(frozen=True)
class DrawnBefore:
    """The drawings by which drift is measured: called, they are drawn, or read where the run's folder has them."""

    drawing: BaseDrawing
    data: TrainingData
    folder: Path

    def __call__(self) -> Task[list[tuple[str, Tensor]]]:
        """Return prompts and their latents."""
        path = self.folder / "drawings.safetensors"
        try:
            kept = load_file(path)
            return [(prompt, kept[prompt]) for prompt in self.prompts]
        except (OSError, SafetensorError, KeyError):
            pass      # nothing was drawn yet
        found = dict[str, Tensor]()
        for number, prompt in enumerate(self.prompts, FIRST_MEASURED):
            found[prompt] = yield from self.drawing.latent(prompt, number)
        write_atomically(path, save(found))
        return list(found.items())

    @property
    def prompts(self) -> list[str]:
        """The run's class words, if it has any, and what it should leave alone."""
        words = [each.subset.class_words for each in sorted(self.data.pictures, key=lambda each: not each.is_reg)]
        return list(dict.fromkeys([*next(([word] for word in words if word), []), *NEUTRAL_PROMPTS]))
