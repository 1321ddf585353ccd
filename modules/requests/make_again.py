"""A picture of the library made again, and compared with what it was. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modules.app.app import App
from modules.base.accounts import Account
from modules.base.errors import Conflict, Invalid
from modules.gallery.index import PictureRow
from modules.imaging.folders import read_picture
from modules.params.infotext import split_infotext
from modules.requests.again import run_again
from modules.requests.form import read_submission
from modules.requests.paste import REQUESTS, TXT2IMG, read_infotext
from modules.requests.submit import Submission, submit
from modules.store.jobs import DONE, JobRecord

LOSSY = frozenset({"JPEG", "WEBP", "AVIF", "GIF"})      # formats whose pixels are not those that were made
SAME_PIXELS = 1      # of 255: another machine rounds otherwise


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a picture that was made again is the same.

    index: of the new picture among its job's
    max_difference: of 255, over all pixels and channels, None between pictures of different sizes
    lossy: the first file's format has changed its pixels, so that no exact likeness is to be expected
    """

    index: int
    reproduces: bool
    max_difference: int | None
    differing_pixels: int
    lossy: bool


def make_again(app: App, account: Account, row: PictureRow, infotext: str) -> str:
    """Queue a job that makes a picture again, by its job's record, else by its data; returns the job's id.

    infotext: its data as they are now; what was edited in them goes before the record
    Nothing is saved to the outputs. Raises Invalid if neither tells enough, or what `submit` raises.
    """
    record = app.jobs.store.get(row.job, account.name) if row.job else None
    if record and (record.kind != TXT2IMG or not split_infotext(infotext).pairs or record.params.get("script_name")):
        return run_again(app, edited_record(app, record, row.position, infotext), account, new_seed=False, save=False)
    if not split_infotext(infotext).pairs:
        raise Invalid(f"{row.name} has no generation data.", "Only with them it can be made again.")
    found = read_infotext(infotext, app.models, app.data_of(account.name).settings.current)
    if found["tab"] != TXT2IMG:
        raise Invalid(
            f"{row.name} was made from another picture, and the job that did so is not known any more.",
            "Send it to img2img, and choose that picture.",
        )
    one = {**found["fields"], "n_iter": 1, "batch_size": 1}
    asked = read_submission(app, account, TXT2IMG, one, found["settings"])
    return submit(app, Submission(asked.kind, asked.request, asked.settings, save=False), account).job


def edited_record(app: App, record: JobRecord, position: int, infotext: str) -> JobRecord:
    """Return a job's record with what its picture's data say otherwise since they were edited."""
    made = next((each.infotext for each in record.outputs if each.index == position), infotext)
    if made == infotext or not split_infotext(infotext).pairs or record.kind not in REQUESTS:
        return record
    standing = app.data_of(record.owner).settings.current
    then, now = (read_infotext(text, app.models, standing, record.kind) for text in (made, infotext))
    fields, settings = (changed_values(then[part], now[part]) for part in ("fields", "settings"))
    if "seed" in fields:      # the record's is its first picture's
        fields["seed"] = record.params["seed"] + now["fields"]["seed"] - then["fields"].get("seed", 0)
    known = {name: value for name, value in fields.items() if name in record.params}
    return replace(record, params={**record.params, **known}, settings={**record.settings, **settings})


def changed_values(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in now.items() if name not in then or then[name] != value}


def compare_again(row: PictureRow, first: Path, record: JobRecord) -> Comparison:
    """Compare a picture with what a later job made of its data. Raises Conflict, InvalidImage or TooLarge."""
    if record.state != DONE:
        why = str((record.error or {}).get("message", "")) if record.ended else "It is not done yet."
        raise Conflict("The picture was not made again.", why)
    index = row.position if record.asked > 1 else 0
    made = next((each for each in record.pictures if each.index == index), None)
    if made is None:
        raise Conflict("The picture was not made again.", "Its job made others.")
    return compare_pixels(first, Path(made.path), index, row.format in LOSSY)


def compare_pixels(first: Path, second: Path, index: int, lossy: bool) -> Comparison:
    one, two = (np.asarray(read_picture(path).convert("RGB"), np.int16) for path in (first, second))
    if one.shape != two.shape:
        return Comparison(index, False, None, max(one.size, two.size) // 3, lossy)
    apart = np.abs(one - two)
    most = int(apart.max(initial=0))
    return Comparison(index, most <= SAME_PIXELS, most, int((apart.max(axis=-1) > 0).sum()), lossy)
