"""The input files of a batch, found when it is asked for, each with its mask and its generation data. No torch.

Pictures of a folder are only listed here; each is read when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any

from modules.app.folders import ServerFolders, input_folder, output_folder
from modules.base.errors import Invalid, WebUIError
from modules.base.fields import Slider, declared_params
from modules.imaging.folders import listing, size_of, upright_size
from modules.imaging.inputs import NAME, stored_input
from modules.params.batch import MOST_BATCH_PICTURES, Batch, BatchItem, FromFolder, Img2ImgBatch
from modules.params.extras import Extras, check_sizes
from modules.params.hires import HIRES_MULTIPLE
from modules.params.img2img import Img2Img
from modules.requests.png_info import infotext_of, with_infotexts

NAMED = 5      # file names in a note, at most


def img2img_batch(request: Img2ImgBatch, may: ServerFolders) -> Batch:
    """Return the files of img2img's Batch tab, with their generation data if they are to be used.

    Raises Invalid, Forbidden, InvalidImage or TooLarge.
    """
    batch = from_folder(request, may) if request.batch_source == "folder" else uploaded_batch(request)
    if request.batch_source == "folder" and request.batch_inpaint_mask_dir.strip():
        batch = with_masks(batch, folder_pictures(request.batch_inpaint_mask_dir, "batch_inpaint_mask_dir", may))
    if not request.batch_use_png_info:
        return replace(batch, entries=tuple(replace(entry, infotext="") for entry in batch.entries))
    named = request.batch_png_info_dir.strip()
    return with_infotexts(batch, folder_pictures(named, "batch_png_info_dir", may) if named else None)


def extras_batch(request: FromFolder, params: Extras, may: ServerFolders) -> Batch:
    """Return the files of Extras' Batch from Directory with their generation data, without those that grow too large.

    Raises Invalid, Forbidden, InvalidImage or TooLarge.
    """
    batch = from_folder(request, may)
    fitting = [fits_limits(params, Path(entry.image)) for entry in batch.entries]
    if not any(fitting):
        raise Invalid(
            "Every picture of the input directory would become too large.",
            "Ask for a smaller size.",
            "upscaling_resize",
        )
    entries = tuple(
        replace(entry, infotext=infotext_of(Path(entry.image))) for entry in compress(batch.entries, fitting)
    )
    too_large = [entry.file for entry in compress(batch.entries, map(not_, fitting))]
    return replace(
        batch, entries=entries, notes=(*batch.notes, *left_out_note("they would become too large", too_large))
    )


def fits_limits(params: Extras, path: Path) -> bool:
    """Return whether the result stays within the limits, even if the picture is rotated upright."""
    try:
        width, height = size_of(path)
        check_sizes(params, [(width, height)])
        check_sizes(params, [(height, width)])
    except WebUIError:
        return False
    return True


def check_inputs(inputs: Path, names: Iterable[str], field: str) -> None:
    """Raise Invalid, naming the field, if one of the names is no picture in `inputs`."""
    if not all(stored_input(inputs, name) for name in names):
        raise Invalid(
            "A picture this job starts from is gone.", "Send it again: POST /easel/v1/inputs answers its name.", field
        )


def uploaded_batch(request: Img2ImgBatch) -> Batch:
    """Return the uploaded pictures.

    Their names come from the browser, so only names of uploads are accepted: a path would be read.
    """
    if not request.batch_sent:
        raise Invalid("There is no picture to start from.", "Drop some into the field first.", "batch_sent")
    if not all(NAME.fullmatch(each.image) for each in request.batch_sent):
        raise Invalid("That is no picture that was sent.", "Choose the pictures again.", "batch_sent")
    return Batch(
        tuple(BatchItem(each.image, Path(each.file).name, infotext=each.infotext) for each in request.batch_sent)
    )


def from_folder(request: FromFolder, may: ServerFolders) -> Batch:
    """Return every picture of the input directory, and the directory of the results."""
    found = listing(input_folder(may, request.batch_input_dir, "batch_input_dir"), MOST_BATCH_PICTURES)
    if not found.pictures:
        raise Invalid(
            "There is no picture in the input directory.", "Folders inside it do not count.", "batch_input_dir"
        )
    target = (
        str(output_folder(may, request.batch_output_dir, "batch_output_dir"))
        if request.batch_output_dir.strip()
        else ""
    )
    entries = tuple(BatchItem(str(path), path.name) for path in found.pictures)
    return Batch(
        entries, target, left_out_note("no pictures that Easel can read", [path.name for path in found.others])
    )


def folder_pictures(named: str, field: str, may: ServerFolders) -> tuple[Path, ...]:
    return listing(input_folder(may, named, field), MOST_BATCH_PICTURES).pictures


def with_masks(batch: Batch, masks: Sequence[Path]) -> Batch:
    """Return the pictures with the masks of their names, whatever the extension; a single mask is for all.

    Raises Invalid.
    """
    if not masks:
        raise Invalid(
            "There is no picture in the mask directory.",
            "Put one for all there, or one for each.",
            "batch_inpaint_mask_dir",
        )
    named = {path.stem: str(path) for path in masks}
    only = str(masks[0]) if len(masks) == 1 else ""
    found = [replace(entry, mask=only or named.get(Path(entry.file).stem, "")) for entry in batch.entries]
    entries = tuple(entry for entry in found if entry.mask)
    if not entries:
        raise Invalid(
            "None of the masks has the name of a picture.",
            "Call a mask as its picture is called.",
            "batch_inpaint_mask_dir",
        )
    unmasked = left_out_note("they have no mask", [entry.file for entry in found if not entry.mask])
    return replace(batch, entries=entries, notes=(*batch.notes, *unmasked))


def sized(batch: Batch, scale: float, kept: Path) -> Batch:
    """Return the pictures with results `scale` times as large, without those that would become too large.

    kept: the folder of uploaded pictures. Raises Invalid if none is left.
    """
    entries, too_large = [], []
    for entry in batch.entries:
        try:
            size = upright_size(Path(entry.image) if Path(entry.image).is_absolute() else kept / entry.image)
            entries.append(replace(entry, params={**entry.params, **scaled_fields(size, scale)}))
        except WebUIError:
            too_large.append(entry.file)
    if not entries:
        raise Invalid("Every picture would become too large or too small.", "Choose another scale.", "scale_by")
    return replace(
        batch,
        entries=tuple(entries),
        notes=(*batch.notes, *left_out_note("they would become too large or too small", too_large)),
    )


def scaled_fields(size: tuple[int, int], scale: float) -> dict[str, Any]:
    """Return the request's width and height for a picture of that size, rounded down to multiples of 8 as in A1111.

    Raises Invalid.
    """
    width, height = (int(side * scale) // HIRES_MULTIPLE * HIRES_MULTIPLE for side in size)
    sides = declared_params(Img2Img)["width"].widget
    if isinstance(sides, Slider) and (min(width, height) < sides.low or max(width, height) > sides.high):
        hint = f"Sides are {sides.low:g} to {sides.high:g} pixels: choose another scale."
        raise Invalid(f"The result would have {width}×{height} pixels.", hint, "scale_by")
    return {"width": width, "height": height}


def left_out_note(why: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return a note on the names, if there are any."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (f"Left out, {why}: {', '.join(names[:NAMED])}{more}.",) if names else ()
