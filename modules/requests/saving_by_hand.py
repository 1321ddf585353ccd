"""The Save button: pictures copied into a folder of their own, and listed in its log.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import UnknownName
from modules.base.files import append_whole
from modules.imaging.filename import NameFacts, fill_pattern
from modules.imaging.save import Destination, FileFormat
from modules.params.infotext import split_infotext
from modules.prompts import grammar
from modules.prompts.network_tags import take_networks
from modules.requests.patterns import below_outputs, patterned, subfolders
from modules.settings.options import Settings
from modules.store.jobs import JobRecord, OutputRecord

LOG = "log.csv"
LOG_COLUMNS = (      # A1111's columns
    "prompt", "seed", "width", "height", "sampler", "cfgs", "steps", "filename", "negative_prompt",
    "sd_model_name", "sd_model_hash",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")      # a spreadsheet runs a cell that begins with one of these


def save_by_hand(record: JobRecord, index: int, settings: Settings, outputs: Path, logging: Lock) -> list[Path]:
    """Copy that picture, or all of the job if the settings want so, and return the copies.

    record: with all its pictures; logging: held while the log is written
    Raises UnknownName for a picture that is missing, DiskFull or Unwritable.
    """
    found = [each for each in record.pictures if each.index == index or not settings.save_selected_only]
    there = pictures_there(found)
    if not there:
        raise UnknownName("picture", str(index), [str(each.index) for each in record.pictures])
    folder = outputs.joinpath(*below_outputs(settings.outdir_save))
    copies = []
    for picture in there:
        copies.append(path := copied(record, picture, settings, folder))
        if settings.save_write_log_csv:
            row = as_csv(log_row(picture, path.relative_to(folder).as_posix()))
            with logging:
                append_whole(folder / LOG, row, as_csv(LOG_COLUMNS))
    return copies


def pictures_there(pictures: Iterable[OutputRecord]) -> list[OutputRecord]:
    """Return those whose files have not been deleted or moved."""
    return [each for each in pictures if Path(each.path).is_file()]


def copied(record: JobRecord, picture: OutputRecord, settings: Settings, folder: Path) -> Path:
    """Copy the file, byte for byte, to the next free name; generation data that it cannot contain go beside it."""
    source = Path(picture.path)
    content, ending = source.read_bytes(), source.suffix[1:]
    facts = recorded_facts(record, picture, Image.open(io.BytesIO(content)), settings)
    if settings.use_save_to_dirs_for_ui:
        folder = folder.joinpath(*subfolders(facts, settings))
    path = patterned(folder, facts, settings, may_replace=False).write(content, ending)
    if settings.save_txt or not FileFormat(ending).holds(picture.infotext):
        Destination(path.parent, path.stem, numbered=False).write(
            f"{picture.infotext}\n".encode("utf-8", "replace"), "txt"
        )
    return path


def zip_name(record: JobRecord, pictures: Sequence[OutputRecord], settings: Settings) -> str:
    """Return the name of a zip of these pictures of a job, without its ending: by the settings' pattern, if any.

    Raises OSError or ValueError for a first picture that cannot be read.
    """
    first = pictures[0]
    usual = f"{Path(first.path).stem}-{len(pictures)}"
    if not settings.grid_zip_filename_pattern:
        return usual
    with Image.open(first.path) as image:
        return fill_pattern(settings.grid_zip_filename_pattern, recorded_facts(record, first, image, settings)) or usual


# Facts for the patterns ------------------------------------------------------------------------------


def recorded_facts(record: JobRecord, picture: OutputRecord, image: Image.Image, settings: Settings) -> NameFacts:
    """Return the facts of when the picture was made, as far as its record and its generation data contain them."""
    told, pairs, unstyled = picture.facts, split_infotext(picture.infotext).pairs, record.params.get("unstyled") or {}
    prompt, negative = told.get("prompt", ""), told.get("negative_prompt", "")
    return NameFacts(
        seed=told.get("seed", ""),
        size=image.size,
        now=datetime.now().astimezone(),
        pixels=image.tobytes,
        prompt=take_networks(grammar.strip_comments(prompt))[0],
        asked=(unstyled.get("prompt", prompt), unstyled.get("negative_prompt", negative)),
        styles=[(name, text) for name, text in unstyled.get("styles", ())],
        steps=pairs.get("Steps"),
        cfg=pairs.get("CFG scale"),
        sampler=pairs.get("Sampler"),
        scheduler=pairs.get("Schedule type", "").capitalize(),
        model_name=told.get("sd_model_name"),
        model_hash=told.get("sd_model_hash"),
        vae=told.get("sd_vae_name") or "",
        clip_skip=record.settings.get("CLIP_stop_at_last_layers"),
        denoising=pairs.get("Denoising strength"),
        user=None if record.owner == LOCAL_OWNER else record.owner,
        job=datetime.fromtimestamp(record.created),
        most_words=settings.directories_max_prompt_words,
        **recorded_batch(record, picture),
    )


def recorded_batch(record: JobRecord, picture: OutputRecord) -> dict[str, Any]:
    """Return the picture's place among those of one request; a script or a batch of files makes several requests."""
    size, rounds = int(record.params.get("batch_size", 1)), int(record.params.get("n_iter", 1))
    several = size * rounds
    together = [each for each in record.pictures if each.index // several == picture.index // several]
    return {
        "seeds": (together[0].facts.get("seed"), together[-1].facts.get("seed")),
        "batch": (picture.index % size + 1, size),
        "generation": (picture.index % several + 1, several),
    }


# The log ---------------------------------------------------------------------------------------------


def log_row(picture: OutputRecord, filename: str) -> Sequence[str]:
    """Return a row in the order of COLUMNS; unknown values are empty."""
    told, pairs = picture.facts, split_infotext(picture.infotext).pairs
    width, _, height = pairs.get("Size", "").partition("x")
    prompts = harmless_cell(told.get("prompt", "")), harmless_cell(told.get("negative_prompt", ""))
    model = harmless_cell(told.get("sd_model_name") or ""), told.get("sd_model_hash") or ""
    drawn = (pairs.get(key, "") for key in ("Sampler", "CFG scale", "Steps"))
    return prompts[0], str(told.get("seed", "")), width, height, *drawn, harmless_cell(filename), prompts[1], *model


def harmless_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: on a shared server, others wrote it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(row: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(row)
    return line.getvalue().encode("utf-8", "replace")
