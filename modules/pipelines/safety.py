"""The safety check: the last question of an image's task, and what becomes of a flagged picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from modules.base.errors import WebUIError
from modules.engine.messages import WITHHELD_BLURRED, WITHHELD_REFUSED
from modules.imaging.blur import blurred_picture
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.txt2img import insisted
from modules.sampling.questions import CheckSafety, Task, Weights
from modules.settings.account_options import SAFETY_BLUR, SAFETY_REFUSE


@dataclass(frozen=True)
class SafetyCheck:
    """What a job's pictures are checked by, and what is done about a flagged one.

    action: one of SAFETY_ACTIONS but "Off"; file: the checker's name in the library
    """

    action: str
    file: str

    @property
    def withholds(self) -> bool:
        """Return whether flagged pictures are kept from the person who asked for them, previews too."""
        return self.action in (SAFETY_BLUR, SAFETY_REFUSE)


def checked_image(making: Task[Result], check: SafetyCheck, weights: Weights) -> Task[Result]:
    """Return a task's result as it may be delivered and saved.

    Raises the checker's error where flagged pictures are withheld; a picture that is only to be marked gets a note.
    weights: those of the task's last pass
    """
    result = yield from making
    if not check.withholds:
        return (yield from marked(result, check, weights))
    extra, picture = result.extra_params, Image.fromarray(result.pixels)
    images = (picture, *(each.image for each in extra.side_images), *result.returned, *extra.starts.values())
    flags = yield from insisted(CheckSafety(weights, check.file, images))
    return withheld(result, check.action, flags) if any(flags) else replace(result, flagged=False)


def marked(result: Result, check: SafetyCheck, weights: Weights) -> Task[Result]:
    """Return the result with the checker's verdict, or with a note if there is none."""
    picture = Image.fromarray(result.pixels)
    try:
        [flagged] = yield from insisted(CheckSafety(weights, check.file, (picture,)))
    except WebUIError as error:
        return replace(result, extra_params=with_note(result.extra_params, f"The picture was not checked. {error}"))
    return replace(result, flagged=flagged)


def withheld(result: Result, action: str, flags: Sequence[bool]) -> Result:
    """Return the result without what is flagged; of a flagged picture nothing stays, as what is beside it shows it too.

    A flagged start, which may be the result of an earlier pass, is not saved.
    flags: of the picture, its side images, the pictures returned with it, its starts
    """
    flagged, extra = flags[0], with_note(result.extra_params, WITHHOLD_NOTES[action])
    hidden = iter([flagged or each for each in flags[1:]])
    hide = HIDERS[action]
    sides = [replace(each, image=hide(each.image)) if next(hidden) else each for each in extra.side_images]
    if action == SAFETY_REFUSE:      # a black file beside a picture would be of no use
        sides = [each for each, before in zip(sides, extra.side_images, strict=True) if each is before]
    extra.side_images = sides
    returned = tuple(hide(each) if next(hidden) else each for each in result.returned)
    extra.starts = {name: start for name, start in extra.starts.items() if not next(hidden)}
    pixels = np.asarray(hide(Image.fromarray(result.pixels))) if flagged else result.pixels
    how = WITHHELD_AS[action] if flagged else ""
    return replace(result, pixels=pixels, extra_params=extra, returned=returned, flagged=flagged, withheld=how)


def with_note(extra: ExtraParams, note: str) -> ExtraParams:
    """Return a copy with a remark for the job's owner: several images may share a result."""
    noted = copy(extra)
    noted.notes = [*extra.notes, note]
    return noted


def black_picture(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size)


HIDERS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    SAFETY_BLUR: blurred_picture,
    SAFETY_REFUSE: black_picture,
}
WITHHELD_AS: Mapping[str, str] = {SAFETY_BLUR: WITHHELD_BLURRED, SAFETY_REFUSE: WITHHELD_REFUSED}
WITHHOLD_NOTES: Mapping[str, str] = {
    SAFETY_BLUR: "Pictures that the safety checker flagged are blurred.",
    SAFETY_REFUSE: "Pictures that the safety checker flagged are refused: they are black, and were not saved.",
}
