"""The files of a hooked job's pictures, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from modules.base.border import outcome
from modules.base.files import write_new
from modules.engine.messages import Made
from modules.imaging.picture_grid import GridColours, GridLayout, draw_grid, rows_of_batch
from modules.imaging.save import Destination, FileFormat
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import Result
from modules.plugins.host import surface
from modules.store.jobs import GRID, IMAGE
from modules.worker.batch import Member
from modules.worker.hooks.hooked_batch import HookedPicture
from modules.worker.hooks.told_saving import ToldFile, ToldSaving, names_from
from modules.worker.job_kinds import generation_facts, plan_images
from modules.worker.naming import place_of
from modules.worker.saving import (
    Sheet,
    cached_anywhere,
    outcome_facts,
    save_starts,
    with_returned,
)
from modules.worker.saving_grids import grid_paths

ANY_NUMBER = 2**31         # of a job: more than anybody asks for
SHOWN_BESIDE = "beside"       # a picture that is shown with another, such as its mask

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob


@dataclass(eq=False)
class Shown:
    """A picture that a job shows: the picture as extensions have it, and the file that is shown."""

    image: Image.Image
    infotext: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None        # in the outputs
    kind: str = IMAGE
    texts: Mapping[str, str] = field(default_factory=dict)      # further texts of its file


class Delivery:
    """Writes a job's pictures and tells of them."""

    def __init__(self, job: HookedJob) -> None:
        self.job = job
        self.saving = ToldSaving(job.host, job.around.where.outputs / job.spec.folder, job.note)
        self.count = 0                      # of pictures, for the names of those beside them
        self.numbers = range(ANY_NUMBER)         # of the pictures that are told of next
        self.members: Sequence[Member] = ()          # of a batch of files, by number
        self.further_facts: Mapping[int, Mapping[str, Any]] = {}        # by number
        self.made: dict[int, Made] = {}     # the last that was told, by number
        self.beside: dict[int, Image.Image] = {}        # pictures that are shown with another, by their identity
        self.told: dict[int, tuple[Image.Image, str]] = {}      # the picture that stands at each number
        self.known: dict[int, Shown] = {}                       # by the picture's identity

    def earlier(self, places: range) -> list[Shown]:
        """Return the pictures at these places that an earlier run of the job has made; [] if not all are there."""
        paths = dict(zip(self.job.spec.done, self.job.spec.paths, strict=False))
        found = [paths.get(self.numbers[place]) for place in places if place < len(self.numbers)]
        if len(found) < len(places) or not all(path and Path(path).is_file() for path in found):
            return []
        pairs = zip(places, found, strict=True)
        return [self.told_before(self.numbers[place], Path(path)) for place, path in pairs if path]

    def told_before(self, number: int, path: Path) -> Shown:
        with Image.open(path) as opened:
            image = opened.copy()
        shown = Shown(image, str(image.info.get("parameters", "")), path=path)
        self.told[number], self.known[id(image)] = (image, shown.infotext), shown
        return shown

    # --- one picture ---

    def kept(self, p: Any, picture: HookedPicture, image: Image.Image, result: Result, infotext: str) -> list[Shown]:
        """Write a picture's file if it is to be saved. Returns it, and the pictures that are shown beside it."""
        facts = {**generation_facts(picture.plan), **outcome_facts(result)}
        facts |= {"prompt": p.prompts[p.batch_index], "negative_prompt": p.negative_prompts[p.batch_index]}
        facts |= {"seed": p.seeds[p.batch_index], "subseed": p.subseeds[p.batch_index]}
        shown = Shown(image, infotext, facts, texts=texts_in(image))
        if self.job.saves(p) and (result.complete or self.job.settings.save_incomplete_images):
            saved = outcome(self.saved, p, picture, shown, result)
            if isinstance(saved, Exception):
                self.job.note(f"A picture could not be saved and is only in the cache. {saved}")
            else:
                shown.path = saved
        image.info["parameters"] = infotext
        shown.facts, lost = with_returned(facts, self.count, result, self.job.spec, self.job.around.where)
        if lost:
            self.job.note(f"A picture that is shown beside another could not be kept. {lost}")
        self.count += 1
        self.known[id(image)] = shown
        self.beside |= {id(each): each for each in result.returned}
        return [shown, *(Shown(each, "", kind=SHOWN_BESIDE) for each in result.returned)]

    def saved(self, p: Any, picture: HookedPicture, shown: Shown, result: Result) -> Path | None:
        """Write the file as extensions want it; returns it if it shows the very picture."""
        s, file = picture.start.pass_.settings, ToldFile(
            shown.image, shown.infotext, shown.texts, picture.extra.side_images
        )
        written = self.saving.save(p, file, self.place(p, picture, shown.image), s)
        save_starts(result, self.saving.outputs, s)
        return written

    def place(self, p: Any, picture: HookedPicture, image: Image.Image) -> Destination:
        """Return where a picture goes: by the settings' patterns, below the folder that `p` names."""
        plans: list[ImagePlan[Any, Any]] = [
            replace(picture.plan, params=replace(picture.plan.params, seed=int(seed))) for seed in p.all_seeds
        ]
        number = min(picture.number, len(plans) - 1)
        plans[number] = replace(picture.plan, params=replace(picture.plan.params, seed=int(p.seeds[p.batch_index])))
        whose = self.numbers[min(number, len(self.numbers) - 1)]
        members = [self.members[whose]] * len(plans) if self.members else []
        planned = replace(plan_images(plans), members=members)
        place = place_of(planned, number, np.asarray(image), self.job.spec, self.saving.outputs)
        usual = self.job.finisher.folder("samples")
        if not place.folder.is_relative_to(usual):      # a batch's own folder
            return place
        wanted = self.saving.allowed(Path(p.outpath_samples or usual))
        return place if wanted == usual else replace(place, folder=wanted / place.folder.relative_to(usual))

    # --- grids ---

    def grid(self, p: Any, shown: Sequence[Shown]) -> Shown | None:
        """Return the batches' grid if the settings want one."""
        s = self.job.settings
        wanted = (s.return_grid or s.grid_save) and not p.do_not_save_grid
        if not wanted or (len(shown) < 2 and s.grid_only_if_multiple):
            return None
        shown = [each for each in shown if each.kind == IMAGE]
        rows = rows_of_batch(len(shown), s.n_rows, p.batch_size, s.grid_prevent_empty_spots)
        columns = -(-len(shown) // rows)
        params = surface("script_callbacks").ImageGridLoopParams([each.image for each in shown], columns, rows)
        self.saving.call("image_grid", params)
        cell = max(image.width for image in params.imgs), max(image.height for image in params.imgs)
        colours = GridColours(s.grid_background_color, s.grid_text_active_color, s.grid_text_inactive_color)
        image = draw_grid(GridLayout(cell, len(params.imgs), params.cols), params.imgs, colours)
        grid = Shown(image, shown[0].infotext, kind=GRID)
        image.info["parameters"] = grid.infotext
        if s.grid_save and not (self.job.depth == 1 and self.earlier(range(len(shown), len(shown) + 1))):
            grid.path = self.saved_grid(p, grid)
        self.known[id(image)] = grid
        return grid if s.return_grid else None

    def saved_grid(self, p: Any, grid: Shown) -> Path | None:
        s = self.job.settings
        how = FileFormat(s.grid_format, s.jpeg_quality, s.webp_lossless).fitting(grid.image.size)
        folder = self.job.finisher.folder("grids")
        path = next(each for each in grid_paths(folder, "grid", "", how.name) if not each.exists())
        params = self.saving.told_before(p, grid.image, path, {"parameters": grid.infotext})
        sheet = Sheet(params.image, how, str(params.pnginfo.get("parameters", "")), {}, ())
        target = self.saving.allowed(Path(params.filename))
        written = write_new(names_from(target), sheet.file)
        self.saving.told_after(params, written)
        return written if params.image is grid.image else None

    # --- telling ---

    def show(self, shown: Sequence[Shown]) -> None:
        """Tell of pictures that are done, by their numbers, if they have not been told."""
        for number, picture in enumerate(each for each in shown if each.kind == IMAGE):
            self.tell(number, picture)

    def show_all(self, processed: Any) -> None:
        """Tell of everything that the job returns; what an extension has changed replaces what was told."""
        images = [each for each in processed.images if self.beside.get(id(each)) is not each]
        texts = [*processed.infotexts, *[""] * len(images)]
        first = min(processed.index_of_first_image, len(images))
        pictures = list(zip(images, texts, strict=False))
        numbered = [*pictures[first:], *pictures[:first]]
        for number, (image, text) in enumerate(numbered):
            kind = GRID if number >= len(pictures) - first else IMAGE
            self.tell(number, self.as_shown(image, str(text or ""), kind))

    def as_shown(self, image: Image.Image, infotext: str, kind: str) -> Shown:
        known = self.known.get(id(image))
        if known is None or known.image is not image:
            facts = next(iter(self.known.values())).facts if self.known else {}
            return Shown(image, infotext, facts, kind=kind, texts=texts_in(image))
        return replace(known, infotext=infotext, kind=kind)

    def tell(self, place: int, shown: Shown) -> None:
        """Tell of a picture, unless it is as told before, or one more than the cell of a plot has."""
        if place >= len(self.numbers):
            return
        number = self.numbers[place]
        if (before := self.told.get(number)) and before[0] is shown.image and before[1] == shown.infotext:
            return
        self.told[number] = shown.image, shown.infotext
        path = shown.path or self.cached(number, shown)
        facts = {**shown.facts, **self.further_facts.get(number, {})}
        made = Made(self.job.spec.id, number, str(path), shown.infotext, facts, bool(shown.path), shown.kind)
        self.made[number] = made
        self.job.around.emit(made)

    def cached(self, number: int, shown: Shown) -> Path:
        own = str(shown.image.info.get("parameters", shown.infotext))
        text = own if self.job.settings.enable_pnginfo and shown.kind == IMAGE else ""
        sheet = Sheet(shown.image, FileFormat(), text, shown.texts, ())
        return cached_anywhere(sheet, self.job.around.where, self.job.spec.id, number)


def texts_in(image: Image.Image) -> dict[str, str]:
    """Return the texts of a picture's own that go into its file beside its generation data."""
    return {str(key): text for key, text in image.info.items() if isinstance(text, str) and key != "parameters"}
