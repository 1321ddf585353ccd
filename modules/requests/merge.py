"""Requests to make model files of others, with names resolved and results confined to the model folders. No torch until one is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modules.app.chores import Told, Work
from modules.base.errors import Invalid
from modules.library.cards import Cards
from modules.library.catalog import Catalog
from modules.library.library import Library

FORBIDDEN = re.compile(r"[/\\:*?\"<>|]|^\.|\.$")      # in a name that must do on every system
ELSEWHERE = re.compile(r"\.vae$|\.preview(\.|$)")    # no checkpoint or LoRA is called so: such files are VAEs or pictures
LONGEST = 200                                         # bytes of a name; a file system takes 255, with endings and what users add to it


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    """A1111's merger form; `models` are names of checkpoints, the first is A."""

    models: tuple[str, ...]
    method: str = "Weighted sum"
    multiplier: float = 0.3
    more: tuple[float, ...] = ()
    block_weights: tuple[float, ...] = ()
    name: str = ""
    precision: str = "keep"
    vae: str = "None"
    discard: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    copy_metadata: bool = True
    add_recipe: bool = True
    config: str = "A, B or C"


@dataclass(frozen=True, kw_only=True)
class ConvertRequest:
    model: str
    name: str = ""
    precision: str = "fp16"
    ema: bool = False


@dataclass(frozen=True, kw_only=True)
class ExtractRequest:
    tuned: str
    base: str
    name: str = ""
    rank: int = 32


def merging(request: MergeRequest, library: Library, cards: Cards) -> Work:
    """Raises UnknownName or Invalid at once for what cannot be."""
    from modules.models.merging import Recipe, check, merge

    files = [library.checkpoints.find(name) for name in request.models]
    sources = tuple(file.path for file in files)
    vae = library.vaes.find(request.vae).path if request.vae not in ("", "None") else None
    recipe = Recipe(
        sources, request.method, request.multiplier, request.more, request.block_weights, request.precision, vae,
        request.discard, request.metadata, request.copy_metadata, request.add_recipe, request.config,
    )
    check(recipe)
    out = placed(request.name or shortened(merged_name(request, sources)), library.checkpoints)

    def work(told: Told) -> dict[str, Any]:
        check_free(out)      # another that waited may have made it meanwhile
        merge(replace(recipe, hashes=tuple(library.checkpoints.hashed(file).sha256 or "" for file in files)), out, told)
        return listed(cards, "checkpoint", out)

    return work


def merged_name(request: MergeRequest, sources: tuple[Path, ...]) -> str:
    """A1111's way: each source with its share."""
    stems, m = [path.stem for path in sources], request.multiplier
    if request.method == "Weighted sum" and len(stems) > 1:
        return f"{round(1 - m, 2)}({stems[0]}) + {round(m, 2)}({stems[1]})"
    if request.method == "Add difference" and len(stems) > 2:
        return f"{stems[0]} + {round(m, 2)}({stems[1]} - {stems[2]})"
    return " + ".join(stems) + ("" if len(stems) > 1 else " copy")


def converting(request: ConvertRequest, library: Library, cards: Cards) -> Work:
    source = library.checkpoints.find(request.model).path
    out = placed(request.name or shortened(f"{source.stem}-{request.precision}"), library.checkpoints, source)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.merging import convert

        check_free(out, source)
        convert(source, out, request.precision, request.ema, told)
        return listed(cards, "checkpoint", out)

    return work


def extracting(request: ExtractRequest, library: Library, cards: Cards) -> Work:
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
    if len(stem.encode()) > LONGEST:
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
    return name.encode()[:LONGEST].decode(errors="ignore").rstrip(". ")


def listed(cards: Cards, kind: str, path: Path) -> dict[str, Any]:
    """What was made is in the lists, and has a card, as soon as it is done."""
    cards.renew(kind)
    return {"name": path.name}
