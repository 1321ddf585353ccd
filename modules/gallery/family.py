"""Which picture was made from which: as jobs recorded it, and as names and data tell of older ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from modules.gallery.gallery import Gallery
from modules.gallery.index import PictureRow
from modules.gallery.schema import HERE
from modules.library.index import escaped
from modules.params.infotext import split_infotext

MOST_RELATIVES = 60       # pictures of a tree
MOST_GRID_CELLS = 24           # of one grid
# a file whose name ends so is an earlier stage of the one without, and how that was made of it
STAGES = {
    "-before-highres-fix": "hires", "-before-face-restoration": "face restoration",
    "-before-color-correction": "colour correction", "-init-image": "img2img",
}

Relation = tuple[int, int, str]      # parent, child, how


@dataclass
class FamilyTree:
    """Pictures and how they were made of each other."""

    members: dict[int, PictureRow] = field(default_factory=dict)
    relations: set[Relation] = field(default_factory=set)


def relatives_of(gallery: Gallery, row: PictureRow) -> FamilyTree:
    """Return a picture's parents, their parents and so on, and its children, their children and so on."""
    family = FamilyTree({row.id: row})
    for downwards in (False, True):
        waiting = [row]
        while waiting and len(family.members) < MOST_RELATIVES:
            each = waiting.pop(0)
            found = {relation for relation in relations_of(gallery, each) if (relation[0] == each.id) is downwards}
            family.relations |= found
            others = {number for relation in found for number in relation[:2]} - family.members.keys()
            rows = gallery.index.rows(sorted(others)[: MOST_RELATIVES - len(family.members)])
            family.members |= {other.id: other for other in rows}
            waiting += rows
    family.relations = {each for each in family.relations if {*each[:2]} <= family.members.keys()}
    return family


def relations_of(gallery: Gallery, row: PictureRow) -> Iterator[Relation]:
    """Yield what is known of a picture's parents and children."""
    yield from ((parent, row.id, how) for parent, how in gallery.index.parents_of(row.id))
    yield from ((row.id, child, how) for child, how in gallery.index.children_of(row.id))
    yield from relations_by_name(gallery, row)
    yield from relations_of_grid(gallery, row)
    yield from relations_by_data(gallery, row)


def relations_by_name(gallery: Gallery, row: PictureRow) -> Iterator[Relation]:
    """Yield the stages of a picture, which lie beside it under its name with an ending."""
    stem, _, ending = row.name.rpartition(".")
    if own := next((suffix for suffix in STAGES if stem.endswith(suffix)), ""):
        if later := gallery.index.at_place(row.root, row.folder, f"{stem.removesuffix(own)}.{ending}"):
            yield row.id, later.id, STAGES[own]
        return
    for suffix, how in STAGES.items():
        if earlier := gallery.index.at_place(row.root, row.folder, f"{stem}{suffix}.{ending}"):
            yield earlier.id, row.id, how


def relations_of_grid(gallery: Gallery, row: PictureRow) -> Iterator[Relation]:
    """Yield a grid's cells, or the grid that a picture is in: both are of one job."""
    if not row.job:
        return
    kind = "kind != 'grid'" if row.kind == "grid" else "kind = 'grid'"
    others = gallery.index.read(
        f"SELECT id FROM pictures WHERE job = ? AND {kind} AND state = ? ORDER BY position LIMIT ?",
        (row.job, HERE, MOST_GRID_CELLS),
    )
    yield from ((other, row.id, "grid") if row.kind == "grid" else (row.id, other, "grid") for (other,) in others)


def relations_by_data(gallery: Gallery, row: PictureRow) -> Iterator[Relation]:
    """Yield what was made of a picture in Extras, or what it was made of itself: the data say the same but for that."""
    if row.seed is None or (row.kind == "extras" and gallery.index.parents_of(row.id)):
        return
    prompt = split_infotext(gallery.index.texts(row.id)[0]).prompt
    kind = "p.kind NOT IN ('extras', 'grid')" if row.kind == "extras" else "p.kind = 'extras'"
    others = gallery.index.read(
        f"SELECT p.id, t.infotext FROM pictures AS p JOIN picture_texts AS t ON t.id = p.id WHERE p.seed = ? AND {kind}"
        " AND p.state = ? AND p.id != ? AND t.infotext LIKE ? ESCAPE '\\' ORDER BY p.at LIMIT ?",
        (row.seed, HERE, row.id, f"{escaped(prompt[:200])}%", MOST_GRID_CELLS),
    )
    for other, infotext in others:
        if split_infotext(infotext).prompt == prompt:
            yield (other, row.id, "extras") if row.kind == "extras" else (row.id, other, "extras")
            if row.kind == "extras":
                return
