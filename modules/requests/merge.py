"""Requests to make model files of others, with names resolved and results confined to the model folders. No torch until one is asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from modules.app.chores import Told, Work
from modules.base.errors import Invalid
from modules.library.cards import Cards
from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.params.merge import LONGEST_NAME, NO_VAE, Conversion, Extraction, Merge, check_merge, merged_name

FORBIDDEN = re.compile(r"[/\\:*?\"<>|]|^\.|\.$")      # in a name that must do on every system
ELSEWHERE = re.compile(r"\.vae$|\.preview(\.|$)")    # no checkpoint or LoRA is called so: such files are VAEs or pictures


def merging(request: Merge, library: Library, cards: Cards) -> Work:
    """Raises UnknownName or Invalid at once for what cannot be."""
    files = [library.checkpoints.find(name) for name in request.models]
    vae = library.vaes.find(request.vae).path if request.vae not in NO_VAE else None
    check_merge(request, len(files))
    out = placed(request.name or shortened(merged_name(request, [file.path.stem for file in files])), library.checkpoints)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.merging import Recipe, merge

        check_free(out)      # another that waited may have made it meanwhile
        hashes = tuple(library.checkpoints.hashed(file).sha256 or "" for file in files)
        merge(Recipe(request, tuple(file.path for file in files), vae, hashes), out, told)
        return listed(cards, "checkpoint", out)

    return work


def converting(request: Conversion, library: Library, cards: Cards) -> Work:
    source = library.checkpoints.find(request.model).path
    out = placed(request.name or shortened(f"{source.stem}-{request.precision}"), library.checkpoints, source)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.merging import convert

        check_free(out, source)
        convert(request, source, out, told)
        return listed(cards, "checkpoint", out)

    return work


def extracting(request: Extraction, library: Library, cards: Cards) -> Work:
    tuned, base = (library.checkpoints.find(name).path for name in (request.tuned, request.base))
    out = placed(request.name or shortened(f"{tuned.stem}-rank{request.rank}"), library.loras)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.merging.extract_lora import extract_lora

        check_free(out)
        changed = extract_lora(tuned, base, out, request.rank, told)
        return {**listed(cards, "lora", out), "weights": changed}

    return work


def placed(name: str, catalog: Catalog, source: Path | None = None) -> Path:
    """Where a new file of that name goes. Raises Invalid for a name that is none, or taken."""
    stem = name.removesuffix(".safetensors").strip()
    if not stem or not stem.isprintable() or FORBIDDEN.search(stem) or ELSEWHERE.search(stem):
        raise Invalid(f"A file cannot be called {name[:80]!r}.", "Use letters, digits, spaces and -_.+() only.", field="name")
    if len(stem.encode()) > LONGEST_NAME:
        raise Invalid(f"The name {stem[:40]!r} … is too long for a file.", "Choose a shorter one.", field="name")
    path = catalog.roots[0] / f"{stem}.safetensors"
    check_free(path, source)
    return path


def check_free(path: Path, source: Path | None = None) -> None:
    """Raises Invalid where there is such a file, or a .yaml of that name which is not the source's own."""
    config = path.with_suffix(".yaml")
    for taken in (path, config):
        if taken.exists() and not (source and taken == source.with_suffix(".yaml")):
            raise Invalid(f"There is a file called {taken.name} already.", "Choose another name.", field="name")


def shortened(name: str) -> str:
    """A name that nobody chose, as long as a file's may be."""
    return name.encode()[:LONGEST_NAME].decode(errors="ignore").rstrip(". ")


def listed(cards: Cards, kind: str, path: Path) -> dict[str, Any]:
    """What was made is in the lists, and has a card, as soon as it is done."""
    cards.renew(kind)
    return {"name": path.name}
