"""A drawn picture becomes a file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from PIL import Image

from modules.base.files import write_atomically
from modules.engine.jobs import LOCAL, JobSpec, Made
from modules.imaging.save import png, save_named, save_numbered
from modules.settings.options import Settings
from modules.tasks.drawn import Drawn
from modules.tasks.manifest import KEY, manifest
from modules.tasks.recipes import Recipe

INPUT_SECONDS = 30 * 24 * 3600      # how long a picture that jobs start from is kept after it was last sent
CACHED_SECONDS = 24 * 3600      # how long a picture nobody asked to keep can still be had


@dataclass(frozen=True)
class Where:
    """Folders for pictures, and the device they come from."""

    outputs: Path
    cache: Path
    described: Callable[[str], Mapping[str, str]]      # an attention backend's setting → the device as manifests tell it


@dataclass(frozen=True)
class Kept:
    event: Made
    problem: Exception | None = None      # why it is only in the cache, if it should have been in the outputs


def keep(recipe: Recipe, index: int, drawn: Drawn, spec: JobSpec, where: Where) -> Kept:
    """Write a picture where it belongs: outputs if it is to be saved, else the cache.

    If the outputs folder fails, the picture goes to the cache: a full disk must not cost a picture.
    """
    plan, s = recipe.plans[index], recipe.settings
    infotext, facts = recipe.infotext(index, {**drawn.told, **signed(spec, s)}), recipe.facts(index)
    device = where.described(s.cross_attention_optimization)
    others = {KEY: json.dumps(manifest(plan, drawn.told, device))} if s.save_manifest else {}
    content = png(Image.fromarray(drawn.pixels), infotext if s.enable_pnginfo else "", others)
    problem = None
    named = recipe.members[index] if recipe.members and recipe.members[index].folder else None
    if (named or (spec.save and s.samples_save)) and (drawn.whole or s.save_incomplete_images):
        try:
            folder = where.outputs / recipe.folder
            path = save_named(content, Path(named.folder), named.name) if named else save_numbered(content, folder, str(facts["seed"]))
            return Kept(Made(spec.id, index, str(path), infotext, facts))
        except Exception as error:       # told to the owner with the picture, which is not lost
            problem = error
    path = cached(content, where.cache, spec.id, index)
    return Kept(Made(spec.id, index, str(path), infotext, facts, saved=False), problem)


def signed(spec: JobSpec, settings: Settings) -> Mapping[str, str]:
    """Whose picture it is, if its generation data are to say so; where nobody logs in, nobody's."""
    return {"User": spec.owner} if settings.add_user_name_to_info and spec.owner != LOCAL else {}


def cached(content: bytes, folder: Path, job: str, index: int) -> Path:
    """Under a name that no other job has, whatever its id is made of."""
    path = folder / f"{sha256(job.encode()).hexdigest()[:32]}-{index}.png"
    write_atomically(path, content)
    return path


def trim(folder: Path, seconds: float = CACHED_SECONDS) -> None:
    """Delete the cached pictures that have had their time."""
    for path in folder.glob("*.png"):
        if time.time() - path.stat().st_mtime > seconds:
            path.unlink(missing_ok=True)
