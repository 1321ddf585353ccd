"""Names for pictures by a pattern, from their generation data."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from modules.base.border import outcome
from modules.gallery.filing import free_names
from modules.gallery.gallery import Gallery
from modules.gallery.index import PictureRow
from modules.imaging.filename import NameFacts, file_stem, fill_pattern
from modules.imaging.folders import read_picture
from modules.params.infotext import split_infotext
from modules.prompts.network_tags import take_networks


@dataclass(frozen=True, slots=True)
class NewName:
    """A picture's name by a pattern; problem: why it has none."""

    id: int
    before: str
    after: str
    problem: str = ""


def new_names(gallery: Gallery, rows: Sequence[PictureRow], pattern: str) -> Iterator[NewName]:
    """Yield a name for each picture; no two of a folder get the same.

    `[generation_number]` counts the pictures of the request.
    """
    folders = {root.id: Path(root.path) for root in gallery.index.roots()}
    taken: dict[tuple[int, str], set[str]] = defaultdict(set)
    for place, row in enumerate(rows, start=1):
        stem = file_stem(fill_pattern(pattern, facts_for_name(gallery, row, place, len(rows))), "", "")
        if stem == "_":
            yield NewName(row.id, row.name, row.name, "The pattern makes no name of its data.")
            continue
        name = free_name(folders[row.root] / row.folder, stem, row, taken[row.root, row.folder])
        taken[row.root, row.folder].add(name)
        yield NewName(row.id, row.name, name)


def free_name(folder: Path, stem: str, row: PictureRow, taken: Collection[str]) -> str:
    """Return the first name that neither another file nor another of the pictures has."""
    for path in free_names(folder, f"{stem}.{row.name.rpartition('.')[2]}"):
        if path.name not in taken and (path.name == row.name or not os.path.lexists(path)):
            return path.name
    raise AssertionError("names do not end")


def facts_for_name(gallery: Gallery, row: PictureRow, place: int, total: int) -> NameFacts:
    said = split_infotext(gallery.index.texts(row.id)[0])
    pairs = said.pairs
    plain = outcome(take_networks, said.prompt)
    prompt = said.prompt if isinstance(plain, Exception) else plain[0]
    return NameFacts(
        seed="" if row.seed is None else row.seed,
        size=(row.width, row.height),
        now=datetime.fromtimestamp(row.at).astimezone(),
        pixels=partial(pixels_of, gallery, row),
        prompt=prompt or None,
        negative_prompt=said.negative_prompt,
        asked=(said.prompt, said.negative_prompt),
        steps=pairs.get("Steps"),
        cfg=pairs.get("CFG scale"),
        sampler=pairs.get("Sampler"),
        scheduler=pairs.get("Schedule type", "").capitalize(),
        model_name=row.model or None,
        model_hash=pairs.get("Model hash"),
        vae=pairs.get("VAE", ""),
        denoising=pairs.get("Denoising strength"),
        generation=(place, total),
    )


def pixels_of(gallery: Gallery, row: PictureRow) -> bytes:
    return read_picture(gallery.path_of(row)).tobytes()
