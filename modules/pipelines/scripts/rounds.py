"""What scripts have in common that go several rounds of img2img for one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from modules.imaging.colour import flattened
from modules.library.library import Library
from modules.params.img2img import Img2Img
from modules.params.scripts import Arguments
from modules.params.txt2img import counted_on
from modules.pipelines import img2img
from modules.pipelines.canvas import Canvas, Load
from modules.pipelines.img2img import Img2ImgPlan
from modules.pipelines.plan import Files, Plan
from modules.pipelines.result import Result
from modules.sampling.questions import Interrupted, Task, ready
from modules.settings.options import Settings


@dataclass(frozen=True)
class Asked:
    """A request for a script, and what it is done with."""

    params: Img2Img
    arguments: Arguments
    settings: Settings
    files: Files
    library: Library
    load: Load            # reads the pictures

    @property
    def start(self) -> Image.Image:
        """The first picture to start from, RGB; these scripts know only one. Raises InvalidImage."""
        return flattened(self.load(self.params.init_images[0]), self.settings.img2img_background_color)


@dataclass(frozen=True, kw_only=True)
class RoundsPlan(Img2ImgPlan):
    """One picture of a script; in each of its rounds, that round's own request and canvas."""

    asked: Asked
    rounds: int = 1       # how many there are
    before: int = 0       # how many of them are done

    @classmethod
    def of(cls, asked: Asked, params: Img2Img, rounds: int, **more: Any) -> RoundsPlan:
        return cls(params, asked.settings, asked.files, without_canvas, params.seed, asked=asked, rounds=rounds, **more)

    @property
    def passes(self) -> list[Plan]:
        return [self] * self.rounds

    @property
    def moves_before(self) -> int:
        return self.before * self.moves


def without_canvas(name: str) -> Task[Canvas]:
    raise NotImplementedError(f"{name}: a script's canvases are made round by round")


def painted(plan: RoundsPlan, number: int, canvas: Canvas, **changes: Any) -> Task[Result]:
    """One round of img2img, on that canvas, with that of the request changed. Its mask is nobody's concern."""
    params = replace(plan.params, **changes)
    drawn = yield from img2img.picture(replace(plan, params=params, before=number, canvases=lambda _: ready(canvas), filling=params.seed))
    return replace(drawn, returned=())


def each_painted(plan: RoundsPlan, canvases: list[Canvas], seeds: list[int]) -> Task[list[Result]]:
    """As many rounds as there are canvases, the mask being in them; fewer if somebody stops them, and then the last is not whole."""
    done: list[Result] = []
    for number, (canvas, seed) in enumerate(zip(canvases, seeds, strict=True)):
        try:
            done.append((yield from painted(plan, number, canvas, seed=seed, mask="")))
            done[-1].extra_params.side_images.clear()      # a part's stages are nobody's pictures
        except Interrupted:
            if not done:
                raise
            done[-1] = replace(done[-1], complete=False)
        if not done[-1].complete:
            break
    return done


def one_a_picture(asked: Asked, params: Img2Img, rounds: int) -> list[RoundsPlan]:
    """As many pictures as the batch count says, each with a seed of its own."""
    return [RoundsPlan.of(asked, replace(params, seed=counted_on(params.seed, index)), rounds) for index in range(params.n_iter)]
