"""Saving: an image becomes a file with its generation data, and its side images beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from PIL import Image

from modules.app.jobs import output_of
from modules.base.accounts import LOCAL_OWNER
from modules.base.border import outcome
from modules.base.errors import DiskFull, Unwritable
from modules.base.files import NoteName, no_note, write_atomically
from modules.engine.messages import (
    HALF_MADE,
    NSFW_DETECTED,
    RETURNED,
    TOLD,
    UNRETURNED,
    UNTOLD,
    WITHHELD,
    WITHHELD_REFUSED,
    JobSpec,
    Made,
)
from modules.imaging.save import Destination, FileFormat, encode_image, png, within_side
from modules.pipelines.result import Result, SideImage
from modules.requests.compare_manifest import MANIFEST_KEY
from modules.requests.patterns import below_outputs
from modules.settings.options import Settings
from modules.store.job_files import JobFiles
from modules.store.saving_notes import SavingNotes
from modules.worker.job_kinds import JobPlan
from modules.worker.manifest import manifest
from modules.worker.naming import place_of, upscaler_suffix


@dataclass(frozen=True)
class Where:
    """The folders for images, and the description of the device."""

    outputs: Path
    cache: Path
    # an attention backend's setting → the device's description for manifests
    described: Callable[[str], Mapping[str, str]]
    notes: SavingNotes | None = None      # on named and unrecorded images

    @cached_property
    def spare(self) -> Path:
        """A folder among the system's temporary files, for images that neither outputs nor cache take."""
        return Path(tempfile.mkdtemp(prefix="easel-"))

    def earlier(self, job: str, index: int) -> Path | None:
        """Return the file that an earlier run gave this image."""
        return self.notes.earlier(job, index) if self.notes else None

    def note(self, made: Made) -> NoteName:
        """Return what notes an output, but for its path, when its file gets a name."""
        return self.notes.writer(made.job, output_of(made)) if self.notes else no_note


@dataclass(frozen=True)
class Saved:
    event: Made
    problem: Exception | None = None      # why the image, or a file beside it, is not in the outputs


def save_image(job: JobPlan, index: int, result: Result, spec: JobSpec, where: Where) -> Saved:
    """Write an image to the outputs if it is to be saved, else to the cache.

    If the outputs folder fails, the image goes to the cache: a full disk must not cost an image. One that a killed run
    has named is not written again.
    """
    if job.saver:
        return job.saver(job, index, result, spec, where)
    infotext = job.infotext(index, {**result.extra_params, **signed(spec, job.settings)})
    outputs, s = where.outputs / spec.folder, job.settings
    own = {**job.facts(index), **outcome_facts(result), **grid_facts_of(job, index)}
    facts, lost = with_returned(own, index, result, spec, where)
    sheet = sheet_of(job, index, result, infotext, where)
    made = Made(spec.id, index, "", infotext, facts)
    problem: Exception | None = None
    if to_be_saved(job, index, result, spec):

        def save() -> tuple[Path, Exception | None]:
            if path := where.earlier(spec.id, index):
                return path, outcome(save_companions, sheet, Destination(path.parent, path.stem, False, True), s)
            place = place_of(job, index, result.pixels, spec, outputs)
            return saved_with_others(sheet, place, upscaler_suffix(job, index), s, where.note(made))

        saved = outcome(save)
        if not isinstance(saved, Exception):
            path, problem = saved
            unsaved = outcome(save_starts, result, outputs, s)
            return Saved(replace(made, path=str(path)), unsaved or problem or lost)
        problem = with_setting(saved, job, index, spec)
    path = cached_anywhere(sheet, where, spec.id, index)
    return Saved(replace(made, path=str(path), saved=False), problem or lost)


def grid_facts_of(job: JobPlan, index: int) -> dict[str, Any]:
    """Return the fact that an image is only shown in grids."""
    grids = job.grids
    if grids.lone:
        return {}
    cell_shown = any(grid.returned and index in grid.parts for grid in grids.grids) and grids.each > 1
    return {UNRETURNED: UNTOLD if index % grids.each or cell_shown else TOLD}


def outcome_facts(result: Result) -> dict[str, Any]:
    """Return the facts about how the image came out, where they are not the usual ones."""
    half = {} if result.complete else {HALF_MADE: True}
    checked = {} if result.flagged is None else {NSFW_DETECTED: result.flagged}
    return {**half, **checked, **({WITHHELD: result.withheld} if result.withheld else {})}


def with_returned(
    facts: dict[str, Any], index: int, result: Result, spec: JobSpec, where: Where
) -> tuple[dict[str, Any], Exception | None]:
    """Write the images shown beside the image to the cache; return the facts with their files, and an error."""
    paths: list[str] = []
    for place, image in enumerate((*result.returned, *result.maps)):
        path = outcome(cached, Sheet(image, FileFormat(), "", {}, ()), where.cache, spec.id, f"{index}-{place}")
        if isinstance(path, Exception):
            return facts, path
        paths.append(str(path))
    return (facts | {RETURNED: paths} if paths else facts), None


def to_be_saved(job: JobPlan, index: int, result: Result, spec: JobSpec) -> bool:
    named = job.members and job.members[index].folder
    s = job.settings
    if result.withheld == WITHHELD_REFUSED:
        return False
    return bool(named or (spec.save and s.samples_save)) and (result.complete or s.save_incomplete_images)


# A picture's files -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """An image, its file format, and the texts and images saved with it."""

    image: Image.Image
    how: FileFormat
    infotext: str
    others: Mapping[str, str]      # further texts, for file formats that have a place for them
    beside: Sequence[SideImage]

    @cached_property
    def file(self) -> bytes:
        return self.content(self.image, self.how)

    def content(self, image: Image.Image, how: FileFormat) -> bytes:
        """Return the file of an image of the same task, with the same texts."""
        return encode_image(image, how, self.infotext, self.others)


def sheet_of(job: JobPlan, index: int, result: Result, infotext: str, where: Where) -> Sheet:
    s, image = job.settings, Image.fromarray(result.pixels)
    how = FileFormat(s.samples_format, s.jpeg_quality, s.webp_lossless).fitting(image.size)
    others = manifest_text(job, index, result, where) if s.save_manifest else {}
    maps = result.maps if s.control_net_detectmap_autosaving else ()
    numbered = [SideImage(f"-detected-map-{number}", each, after=True) for number, each in enumerate(maps)]
    beside = [*result.extra_params.side_images, *numbered]
    return Sheet(image, how, infotext if s.enable_pnginfo else "", others, beside)


def manifest_text(job: JobPlan, index: int, result: Result, where: Where) -> Mapping[str, str]:
    device = where.described(job.settings.cross_attention_optimization)
    return {MANIFEST_KEY: json.dumps(manifest(job.plan(index), result.extra_params, device))}


def saved_with_others(
    sheet: Sheet, place: Destination, suffix: str, s: Settings, note: NoteName = no_note
) -> tuple[Path, Exception | None]:
    """Write an image and its companions; return its path, and an error of the companions.

    Raises DiskFull or Unwritable for the image itself.
    """
    before, after = ([each for each in sheet.beside if each.after is wanted] for wanted in (False, True))
    outcomes = [outcome(save_beside, sheet, place, each) for each in before]
    path = place.write(sheet.file, sheet.how.name, suffix, note)
    outcomes.append(outcome(save_companions, sheet, Destination(path.parent, path.stem, False, place.replaces), s))
    outcomes += [outcome(save_beside, sheet, place, each) for each in after]
    return path, next(filter(None, outcomes), None)


def save_beside(sheet: Sheet, place: Destination, each: SideImage) -> None:
    how = sheet.how.fitting(each.image.size)
    place.write(sheet.content(each.image, how), how.name, each.suffix)


def save_starts(result: Result, outputs: Path, s: Settings) -> None:
    """Write the input pictures, each once."""
    folder = outputs.joinpath(*below_outputs(s.outdir_init_images))
    for name, image in result.extra_params.starts.items():
        if not (path := folder / f"{name}.png").exists():
            write_atomically(path, png(image, ""))


def save_companions(sheet: Sheet, name: Destination, s: Settings) -> None:
    """Write the files beside the image, under its name: generation data as text, a smaller JPEG."""
    if s.save_txt or not sheet.how.holds(sheet.infotext):
        name.write(f"{sheet.infotext}\n".encode("utf-8", "replace"), "txt")
    longest, large = round(s.target_side_length), s.img_downscale_threshold * 2**20
    if s.export_for_4chan and (max(sheet.image.size) > longest or len(sheet.file) > large):
        copy = sheet.content(within_side(sheet.image, longest), FileFormat("jpg", s.jpeg_quality))
        replace(name, replaces=name.replaces and sheet.how.name != "jpg").write(copy, "jpg")


def signed(spec: JobSpec, settings: Settings) -> Mapping[str, str]:
    """Return the owner's name if generation data are to contain it; never that of the local account."""
    return {"User": spec.owner} if settings.add_user_name_to_info and spec.owner != LOCAL_OWNER else {}


def with_setting(problem: Exception, job: JobPlan, index: int, spec: JobSpec) -> Exception:
    """Return the error, with the name of the setting of its folder."""
    if not isinstance(problem, DiskFull | Unwritable) or (job.members and job.members[index].folder):
        return problem
    setting = "outdir_samples" if job.settings.outdir_samples else f"outdir_{spec.kind}_samples"
    return type(problem)(str(problem), f"{problem.hint} The setting {setting} names another folder of the outputs.")


def cached_anywhere(sheet: Sheet, where: Where, job: str, index: int) -> Path:
    """Write an image to the cache; if that fails, to the temporary files. Raises DiskFull or Unwritable."""
    try:
        return cached(sheet, where.cache, job, index)
    except (DiskFull, Unwritable) as error:
        spare = outcome(lambda: cached(sheet, where.spare, job, index))
        if isinstance(spare, Exception):
            raise error from spare
        return spare


def beside_files(folder: Path, job: str, index: int) -> list[Path]:
    """Return the files of the images shown beside an image, which an earlier run wrote to the cache."""
    found = (cache_file(folder, job, f"{index}-{place}", FileFormat().name) for place in count())
    return list(takewhile(Path.exists, found))


def cached(sheet: Sheet, folder: Path, job: str, picture: int | str) -> Path:
    """Write an image to the cache, under a name that no other job has, whatever its id contains."""
    path = cache_file(folder, job, picture, sheet.how.name)
    write_atomically(path, sheet.file)
    return path


def cache_file(folder: Path, job: str, picture: int | str, extension: str) -> Path:
    return JobFiles(folder, extension).at(job, picture)
