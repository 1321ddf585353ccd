"""Requests for new model files as jobs' parameters: names resolved, results confined to the model folders. No torch."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.errors import Invalid
from modules.library.catalog import Catalog, ModelFile
from modules.params.merge import LONGEST_NAME, NO_VAE, Conversion, Extraction, Merge, check_merge, merged_name
from modules.requests.new_names import is_new_name

# endings of VAEs and previews, which no checkpoint or LoRA may have
ELSEWHERE = re.compile(r"\.vae$|\.preview(\.|$)")


def merge_params(app: App, request: Merge, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of a merge. Raises UnknownName or Invalid."""
    files = [chosen_checkpoint(app, name, "models") for name in request.models]
    vae = app.models.vaes.find(request.vae).name if request.vae not in NO_VAE else "None"
    check_merge(request, len(files))
    name = free_file_name(
        request.name, merged_name(request, [file.path.stem for file in files]), app.models.checkpoints
    )
    return asdict(replace(request, models=tuple(file.name for file in files), vae=vae, name=name))


def conversion_params(app: App, request: Conversion, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of a conversion. Raises UnknownName or Invalid."""
    source = chosen_checkpoint(app, request.model, "model")
    name = free_file_name(request.name, f"{source.path.stem}-{request.precision}", app.models.checkpoints, source.path)
    return asdict(replace(request, model=source.name, name=name))


def extraction_params(app: App, request: Extraction, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of an extraction. Raises UnknownName or Invalid."""
    tuned, base = chosen_checkpoint(app, request.tuned, "tuned"), chosen_checkpoint(app, request.base, "base")
    name = free_file_name(request.name, f"{tuned.path.stem}-rank{request.rank}", app.models.loras)
    return asdict(replace(request, tuned=tuned.name, base=base.name, name=name))


def chosen_checkpoint(app: App, name: str, field: str) -> ModelFile:
    """Return the checkpoint of that name. Raises UnknownName, or Invalid if the name is empty."""
    if not name:
        raise Invalid("No checkpoint is chosen.", "Choose one first.", field)
    return app.models.checkpoints.find(name)


def free_file_name(wanted: str, otherwise: str, catalog: Catalog, source: Path | None = None) -> str:
    """Return a new file's name, without extension: the wanted one, or one made from `otherwise`.

    Raises Invalid for a name that is not allowed or taken.
    """
    stem = (wanted or shortened(otherwise)).removesuffix(".safetensors").strip()
    if not is_new_name(stem) or ELSEWHERE.search(stem):
        raise Invalid(
            f"A file cannot be called {stem[:80]!r}.", "Use letters, digits, spaces and -_.+() only.", field="name"
        )
    if len(stem.encode()) > LONGEST_NAME:
        raise Invalid(f"The name {stem[:40]!r} … is too long for a file.", "Choose a shorter one.", field="name")
    check_free(path_of_new(stem, catalog), source)
    return stem


def path_of_new(name: str, catalog: Catalog) -> Path:
    return catalog.roots[0] / f"{name}.safetensors"


def check_free(path: Path, source: Path | None = None) -> None:
    """Raise Invalid if there is such a file, or a .yaml of that name which is not the source's own."""
    config = path.with_suffix(".yaml")
    for taken in (path, config):
        if taken.exists() and not (source and taken == source.with_suffix(".yaml")):
            raise Invalid(f"There is a file called {taken.name} already.", "Choose another name.", field="name")


def shortened(name: str) -> str:
    """Return a generated name, shortened to a file name's length."""
    return name.encode()[:LONGEST_NAME].decode(errors="ignore").rstrip(". ")
