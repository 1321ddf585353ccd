"""Pictures in the outputs folder that have no job record, listed again after the database was lost."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from modules.base.errors import WebUIError
from modules.imaging.read import png_texts
from modules.params.infotext import Infotext, split_infotext
from modules.store.jobs import DONE, GRID, IMAGE, JobRecord, JobStore, OutputRecord

GRID_NAMES = ("grid", "xyz_grid", "prompt_matrix")      # the start of a grid's file name
log = logging.getLogger(__name__)
MOST_FOUND, FINDING_SECONDS = 50_000, 300.0      # files and seconds of one search
FOUND_AT_ONCE = 200      # in one transaction
PARAMETERS = "parameters"      # the key of the PNG text with the generation data


def list_found_pictures(
    store: JobStore,
    outputs: Path,
    owner_of: Callable[[Path], str],
    stopping: Callable[[], bool] = lambda: False,
    seconds: float = FINDING_SECONDS,
) -> int:
    """Record each PNG that has generation data and no record, as a finished job of its own; return their number.

    owner_of: returns the owner of a picture by its path
    """
    until, known, count = time.monotonic() + seconds, store.output_paths(), 0
    found: list[JobRecord] = []
    for path in png_files(outputs):
        if stopping() or time.monotonic() > until or count >= MOST_FOUND:
            log.warning("More pictures may be in %s than were listed again.", outputs.name)
            break
        if str(path) not in known and (record := found_record(path, owner_of(path))):
            found.append(record)
            count += 1
        if len(found) >= FOUND_AT_ONCE:
            store.add_ended(found)
            found = []
    store.add_ended(found)
    return count


def png_files(folder: Path) -> Iterator[Path]:
    """Yield the PNG files below a folder, without hidden ones; links are not followed."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(".png") and not name.startswith("."):
                yield Path(at, name)


def found_record(path: Path, owner: str) -> JobRecord | None:
    """Return the record of a picture with generation data, or None."""
    try:
        text = png_texts(path.read_bytes()).get(PARAMETERS, "")
        created = path.stat().st_mtime
    except (OSError, ValueError, WebUIError):
        return None
    if not text:
        return None
    said = split_infotext(text)
    kind = "img2img" if any(part.startswith("img2img") for part in path.parts[-4:]) else "txt2img"
    output = OutputRecord(
        0, str(path), text, {"seed": seed_of(said)}, True, GRID if path.name.startswith(GRID_NAMES) else IMAGE
    )
    return JobRecord(
        f"task({sha256(str(path).encode(errors='surrogateescape')).hexdigest()[:32]})",
        owner,
        kind,
        {"prompt": said.prompt, "negative_prompt": said.negative_prompt, "seed": seed_of(said)},
        {},
        True,
        DONE,
        created=created,
        outputs=(output,),
    )


def seed_of(said: Infotext) -> int:
    """Return the seed in the generation data; -1 if there is none."""
    text = dict(said.pairs).get("Seed", "")
    return int(text) if text.isdecimal() and len(text) < 20 else -1
