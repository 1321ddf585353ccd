"""Requests to make model files of others, with names resolved and results confined to the model folders. No torch until the work begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.app.chores import Told, Work
from modules.base.errors import Invalid
from modules.models.catalog import Catalog
from modules.models.library import Library

FILE_NAME = re.compile(r"[^\x00-\x1f/\\:*?\"<>|]{1,150}")


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


def merging(request: MergeRequest, library: Library) -> Work:
    """Raises UnknownName or Invalid at once for what cannot be."""
    files = [library.checkpoints.find(name) for name in request.models]
    sources = tuple(file.path for file in files)
    vae = library.vaes.find(request.vae).path if request.vae not in ("", "None") else None
    out = placed(request.name or merged_name(request, sources), library.checkpoints)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.merging import Recipe, merge

        hashes = tuple(library.checkpoints.hashed(file).sha256 or "" for file in files)
        merge(Recipe(
            sources, request.method, request.multiplier, request.more, request.block_weights, request.precision, vae,
            request.discard, request.metadata, request.copy_metadata, request.add_recipe, request.config, hashes,
        ), out, told)
        return listed(library.checkpoints, out)

    return work


def merged_name(request: MergeRequest, sources: tuple[Path, ...]) -> str:
    """A1111's way: each source with its share."""
    stems, m = [path.stem for path in sources], request.multiplier
    if request.method == "Weighted sum" and len(stems) > 1:
        return f"{round(1 - m, 2)}({stems[0]}) + {round(m, 2)}({stems[1]})"
    if request.method == "Add difference" and len(stems) > 2:
        return f"{stems[0]} + {round(m, 2)}({stems[1]} - {stems[2]})"
    return " + ".join(stems) + ("" if len(stems) > 1 else " copy")


def converting(request: ConvertRequest, library: Library) -> Work:
    source = library.checkpoints.find(request.model).path
    out = placed(request.name or f"{source.stem}-{request.precision}", library.checkpoints)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.merging import convert

        convert(source, out, request.precision, request.ema, told)
        return listed(library.checkpoints, out)

    return work


def extracting(request: ExtractRequest, library: Library) -> Work:
    tuned, base = (library.checkpoints.find(name).path for name in (request.tuned, request.base))
    out = placed(request.name or f"{tuned.stem}-rank{request.rank}", library.loras)

    def work(told: Told) -> dict[str, Any]:
        from modules.models.extraction import extract_lora

        changed = extract_lora(tuned, base, out, request.rank, told)
        return {**listed(library.loras, out), "weights": changed}

    return work


def placed(name: str, catalog: Catalog) -> Path:
    """Where a new file of that name goes. Raises Invalid for a name that is none, or taken."""
    stem = name.removesuffix(".safetensors").strip()
    if not FILE_NAME.fullmatch(stem) or stem.startswith("."):
        raise Invalid(f"A file cannot be called {name[:80]!r}.", "Use letters, digits, spaces and -_.+() only.", field="name")
    path = catalog.roots[0] / f"{stem}.safetensors"
    if path.exists():
        raise Invalid(f"There is a file called {path.name} already.", "Choose another name.", field="name")
    return path


def listed(catalog: Catalog, path: Path) -> dict[str, Any]:
    catalog.refresh()
    return {"name": path.name}
