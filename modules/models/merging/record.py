"""A merged checkpoint's record: metadata, the recipe in A1111's words, its .yaml."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.base.files import write_atomically
from modules.library.catalog import FIRST_CONVOLUTION
from modules.models.files.tensor_stream import Source
from modules.models.merging.mixing import Mixer
from modules.models.merging.recipe import Recipe
from modules.params.merge import CONFIGS
from modules.sampling.latent import SD_LATENT
from modules.store.hashes import digest_of

# input channels of the UNet
KINDS = {"is_inpainting": SD_LATENT.channels + 5, "is_instruct_pix2pix": SD_LATENT.channels + 4}
PLACES = ("primary", "secondary", "tertiary")


def metadata_of(recipe: Recipe, sources: Sequence[Source], mixer: Mixer, out: Path) -> dict[str, str]:
    """Return the sources' own metadata, A's over the others'; over them those given, then the recipe."""
    asked, found = recipe.request, dict[str, str]()
    if asked.copy_metadata:
        for source in reversed(sources):
            found |= source.metadata
    found |= {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.metadata.items()}
    if asked.add_recipe:
        hashes = recipe.hashes[: len(sources)] or tuple(map(sha256, recipe.used))
        found["sd_merge_recipe"] = json.dumps(recorded(recipe, hashes, mixer, out))
        found["sd_merge_models"] = json.dumps(ancestry(recipe.used, hashes, sources))
    return {**found, "format": "pt"}


def recorded(recipe: Recipe, hashes: Sequence[str], mixer: Mixer, out: Path) -> dict[str, Any]:
    """Return the recipe under A1111's keys, with further values under ours."""
    channels = mixer.entries[FIRST_CONVOLUTION].shape[1] if FIRST_CONVOLUTION in mixer.entries else SD_LATENT.channels
    asked = recipe.request
    ours = {"shares": asked.more if recipe.method.open else (), "block_weights": asked.block_weights}
    return {
        "type": "webui",
        **{f"{place}_model_hash": hashes[i] if i < len(hashes) else None for i, place in enumerate(PLACES)},
        "interp_method": asked.method,
        "multiplier": asked.multiplier,
        "save_as_half": asked.precision == "fp16",
        "custom_name": out.stem,
        "config_source": list(CONFIGS).index(asked.config),
        "bake_in_vae": recipe.vae.name if recipe.vae else "None",
        "discard_weights": asked.discard,
        **{kind: channels == width for kind, width in KINDS.items()},
        **{name: value for name, value in ours.items() if value},
    }


def ancestry(paths: Sequence[Path], hashes: Sequence[str], sources: Sequence[Source]) -> dict[str, Any]:
    """Return every checkpoint in the result, by its SHA-256: the sources, and those that they were merged from."""
    found: dict[str, Any] = {}
    for path, digest, source in zip(paths, hashes, sources, strict=True):
        recipe = from_json(source.metadata, "sd_merge_recipe")
        found[digest] = {"name": path.name, "legacy_hash": legacy_hash(path), "sd_merge_recipe": recipe or None}
        found |= from_json(source.metadata, "sd_merge_models")
    return found


def from_json(metadata: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return the JSON object under that name in a file's metadata; empty if it is none."""
    try:
        value = json.loads(metadata.get(name, "{}"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return digest_of(file)


def legacy_hash(path: Path) -> str:
    """Return A1111's old hash: eight digits of the SHA-256 of the 64 KiB after the first MiB."""
    with path.open("rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


def copy_config(sources: Iterable[Path], out: Path) -> None:
    """Copy the .yaml of the first source that has one beside it to the result's side."""
    config = next((path for source in sources if (path := source.with_suffix(".yaml")).is_file()), None)
    if config and config != out.with_suffix(".yaml"):
        write_atomically(out.with_suffix(".yaml"), config.read_bytes())
