"""Pictures of a class that a run draws with its base before it learns, to be taught beside what is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from modules.base.files import write_atomically
from modules.imaging.dataset.dataset import TrainingData
from modules.imaging.save import saved
from modules.params.training import Training
from modules.params.training_data import TrainingSubset
from modules.pipelines.result import ExtraParams
from modules.pipelines.txt2img import decode_image
from modules.requests.training_data import datasets_of, missing_class_pictures
from modules.sampling.questions import Task
from modules.worker.training.drawings import BaseDrawing


class DrawingEnds(Exception):
    """Raised between two class pictures when the run is to end; the next one goes on with those that are missing."""


@dataclass(frozen=True)
class ClassPictures:
    """The class pictures of a run: `count` are missing from its data set, and drawn into its folder."""

    drawing: BaseDrawing
    prompt: str
    count: int
    folder: Path

    @classmethod
    def of(cls, request: Training, data: TrainingData, drawing: BaseDrawing, run: Path) -> ClassPictures:
        return cls(drawing, request.class_prompt, missing_class_pictures(request, data), run / "class")

    def drawn(self, goes_on: Callable[[], bool]) -> Task[None]:
        """Draw those that are not there. Raises DrawingEnds, DiskFull or Unwritable."""
        for number in range(self.count):
            path = self.folder / f"{number:05d}.png"
            if path.is_file():
                continue
            if not goes_on():
                raise DrawingEnds
            asked = self.drawing.asked(self.prompt, number)
            latent = yield from self.drawing.latent(self.prompt, number)
            pixels = yield from decode_image(asked, latent, ExtraParams())
            write_atomically(path, saved(Image.fromarray(pixels), "PNG"))

    def added_to(self, request: Training) -> Training:
        """Return a plan that trains with them."""
        first, *others = datasets_of(request)
        subset = TrainingSubset(image_dir=str(self.folder), is_reg=True, class_tokens=self.prompt)
        return replace(request, datasets=(replace(first, subsets=(*first.subsets, subset)), *others))
