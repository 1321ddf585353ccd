"""The detailer as a flow around a picture's: what a detector finds in it is painted anew, one find after another.

Each find is an img2img painting of its own, whose questions share calls with anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from modules.imaging.finds import FindFilter, MaskChange, drawn_finds, find_mask, meets, ordered_finds
from modules.params.detailer import (
    BY_CONFIDENCE,
    MERGED_AND_INVERTED,
    SEPARATE,
    SKIPPED_FIND,
    DetailerTab,
    of_find,
)
from modules.params.detailer_infotext import boxes_pair
from modules.params.img2img import Img2Img
from modules.params.txt2img import counted_on
from modules.pipelines.canvas import canvas_for
from modules.pipelines.img2img import paint
from modules.pipelines.plan import ImagePlan, Pass
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.upscaling import Enlarger
from modules.sampling.detection import Detect, Detection
from modules.sampling.questions import Interrupted, Task, ready
from modules.settings.options import Settings

SIDE_STEP = 8                          # pixels: sides are whole multiples of it
PAINTED_PICTURE, PAINTED_MASK = "picture", "mask"      # names of a painting's two pictures, which lie nowhere


@dataclass(frozen=True)
class PlannedTab:
    """A tab with what its finds are painted by.

    detector: its file's name in the library; "" if its finds are by hand
    passes: of the first find, the second …, the last one of all others, too; None for a find that is skipped
    """

    tab: DetailerTab
    detector: str
    passes: Sequence[Pass[Img2Img] | None]

    @property
    def any_pass(self) -> Pass[Img2Img] | None:
        return next(filter(None, self.passes), None)


@dataclass(frozen=True)
class Detailing:
    """What follows a picture: its tabs in order, and where they may paint.

    only: loads the mask that finds must meet, None if there is none
    """

    tabs: Sequence[PlannedTab]
    only: Callable[[], Image.Image] | None = None

    @property
    def passes(self) -> tuple[Pass[Img2Img], ...]:
        """One pass of each tab, as the plan counts them: how many finds there will be, nobody knows."""
        return tuple(each for tab in self.tabs if (each := tab.any_pass))


    def applied(self, making: Task[Result], plan: ImagePlan[Any, Any]) -> Task[Result]:
        return detailed_picture(self, making, plan)


def detailed_picture(detailing: Detailing, making: Task[Result], plan: ImagePlan[Any, Any]) -> Task[Result]:
    """Make the picture, and paint its finds anew. Interrupted, it stays as the last whole find left it."""
    result = yield from making
    if not result.complete:
        return result
    done, extra = Image.fromarray(result.pixels), result.extra_params
    if getattr(plan.params, "detailer_finds", False):
        shown = yield from told_finds(detailing, done, plan, extra)
        return replace(result, pixels=np.asarray(shown))
    before, begun = done, sum(each.steps for each in plan.passes)
    try:
        for planned in detailing.tabs:
            done, begun = yield from tab_applied(planned, done, plan, detailing, extra, begun)
    except FindInterrupted as stop:
        return replace(result, pixels=np.asarray(stop.picture), complete=False)
    if done is not before and plan.settings.ad_save_images_before:
        extra.side_images.append(SideImage("-ad-before", before))
    return replace(result, pixels=np.asarray(done))


class FindInterrupted(Exception):
    """The detailer was interrupted; `picture` has the finds that were finished."""

    def __init__(self, picture: Image.Image) -> None:
        super().__init__()
        self.picture = picture


def tab_applied(
    planned: PlannedTab, picture: Image.Image, plan: ImagePlan[Any, Any], detailing: Detailing, extra: ExtraParams,
    begun: int,
) -> Task[tuple[Image.Image, int]]:
    """Return the picture with a tab's finds painted, and the steps done with it. Raises FindInterrupted.

    begun: steps that were done before
    """
    usual = planned.any_pass
    if usual is None:
        return picture, begun
    try:
        finds = yield from found_by(planned, picture, usual, plan.settings)
    except Interrupted as stop:
        raise FindInterrupted(picture) from stop
    if not finds:
        extra.notes.append(f"The detailer found nothing: {planned.tab.ad_model or 'no boxes'}.")
    if finds and plan.settings.ad_save_previews:
        extra.side_images.append(SideImage("-ad-preview", drawn_finds(picture, finds)))
    only = detailing.only() if detailing.only else None
    for number, mask in enumerate(masks_of(planned.tab, finds, picture, only)):
        pass_ = of_find(planned.passes, number)
        if pass_ is not None:
            pass_ = with_picture_size(with_find_seeds(pass_, plan, number, begun), planned.tab, picture)
            picture = yield from find_painted(pass_, picture, mask, plan, extra)
    return picture, begun + usual.steps


def found_by(
    planned: PlannedTab, picture: Image.Image, pass_: Pass[Any], settings: Settings
) -> Task[Sequence[Detection]]:
    """Return the tab's finds in the order in which they are painted."""
    tab, (width, height) = planned.tab, picture.size
    if tab.ad_boxes:
        return [
            Detection((left * width, top * height, right * width, bottom * height))
            for left, top, right, bottom in tab.ad_boxes
        ]
    finds = yield Detect(pass_.weights, np.asarray(picture), planned.detector, tab.ad_confidence, tab.classes)
    wanted = FindFilter(
        tab.ad_mask_min_ratio, tab.ad_mask_max_ratio, tab.ad_mask_k, tab.ad_mask_filter_method == BY_CONFIDENCE
    )
    return ordered_finds(wanted.chosen(finds, picture.size), settings.ad_bbox_sortby, picture.size)


def masks_of(
    tab: DetailerTab, finds: Sequence[Detection], picture: Image.Image, only: Image.Image | None
) -> Iterator[Image.Image]:
    """Yield the masks to paint, L in the picture's size.

    only: the mask that each of them must meet
    """
    mode = tab.ad_mask_merge_invert
    change = MaskChange(
        tab.ad_x_offset, tab.ad_y_offset, tab.ad_dilate_erode, mode != SEPARATE, mode == MERGED_AND_INVERTED
    )
    for mask in change.applied([find_mask(find, picture.size) for find in finds]):
        if only is None or meets(mask, only):
            yield mask


def with_find_seeds(pass_: Pass[Img2Img], plan: ImagePlan[Any, Any], number: int, begun: int) -> Pass[Img2Img]:
    """Return the pass with a find's own seeds, which count up from the picture's."""
    by = 0 if plan.settings.ad_same_seed_for_each_tab else number
    p = plan.params
    params = replace(pass_.params, seed=counted_on(p.seed, by), subseed=counted_on(p.subseed, by))
    return replace(pass_, params=params, first_step=begun)


def with_picture_size(pass_: Pass[Img2Img], tab: DetailerTab, picture: Image.Image) -> Pass[Img2Img]:
    """Return the pass at the picture's size if all of it is seen and the tab has no size of its own."""
    if tab.ad_inpaint_only_masked or tab.ad_use_inpaint_width_height:
        return pass_
    width, height = (max(SIDE_STEP, side - side % SIDE_STEP) for side in picture.size)
    return replace(pass_, params=replace(pass_.params, width=width, height=height), frame=(width, height))


def find_painted(
    pass_: Pass[Img2Img], picture: Image.Image, mask: Image.Image, plan: ImagePlan[Any, Any], extra: ExtraParams
) -> Task[Image.Image]:
    """Return the picture with what the mask shows painted anew. Raises FindInterrupted."""
    load = {PAINTED_PICTURE: picture, PAINTED_MASK: mask}.__getitem__
    enlarger = Enlarger.of(plan.settings.upscaler_for_img2img, plan.settings, pass_.weights)
    own = replace(pass_.settings, save_init_img=False)
    canvas = canvas_for(pass_.params, own, load, enlarger, PAINTED_PICTURE)
    try:
        painted = yield from paint(pass_, canvas, pass_.params.seed)
    except Interrupted as stop:
        raise FindInterrupted(picture) from stop
    if not painted.complete:
        raise FindInterrupted(picture)
    extra.notes += [note for note in painted.extra_params.notes if note not in extra.notes]
    result = Image.fromarray(painted.pixels)
    return result if result.size == picture.size else result.resize(picture.size, Image.Resampling.LANCZOS)


def picture_as_sent(load: Callable[[str], Image.Image], plan: ImagePlan[Any, Any]) -> Task[Result]:
    """Return img2img's picture as it was sent: only its finds are to be painted."""
    return ready(Result(np.asarray(load(plan.params.init_images[0]).convert("RGB"))))


def told_finds(
    detailing: Detailing, picture: Image.Image, plan: ImagePlan[Any, Any], extra: ExtraParams
) -> Task[Image.Image]:
    """Return the picture with the finds of all tabs framed; generation data tell where they are."""
    shown, (width, height) = picture, picture.size
    for number, planned in enumerate(detailing.tabs, 1):
        finds = yield from found_by(planned, picture, plan.passes[0], plan.settings)
        shares = [(l / width, t / height, r / width, b / height) for l, t, r, b in (find.box for find in finds)]
        extra |= dict([boxes_pair(number, shares)])
        shown = drawn_finds(shown, finds)
    return shown


def is_skipped(prompt: str) -> bool:
    return prompt.strip() == SKIPPED_FIND
