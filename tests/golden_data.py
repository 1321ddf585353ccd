"""A1111's recorded outputs: where they are, and how a case becomes a job of ours."""

from __future__ import annotations

import json
import runpy
import sys
import tempfile
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from modules.base.fields import checker, defaults
from modules.engine.messages import JobSpec
from modules.imaging.inputs import save_input
from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.library.model_kinds import CONTROLNET, MODEL_KINDS, UPSCALER, ModelKind
from modules.params.control import ControlUnit
from modules.params.control_dialects import unit_fields
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.pipelines.img2img import SOFT_KEYS
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.settings.options import SETTING_NAMES, Settings, change_settings
from modules.store.hashes import HashCache

GOLDEN = Path(__file__).parent / "golden"
SHIPPED = Path(__file__).parents[1] / "models"
FIELDS = {"txt2img": defaults(Txt2Img), "img2img": defaults(Img2Img)}
CHECKPOINT = "tiny-sd1"
WITHOUT_EFFECT = {"enable_batch_seeds"}      # in A1111 1.10.1 either


def cases(*families: str) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text())
        for family in families
        for path in sorted((GOLDEN / "images" / family).glob("*/case.json"))
    ]


def result(case: dict[str, Any]) -> dict[str, Any]:
    return json.loads((GOLDEN / "images" / case["id"] / "result.json").read_text())


def spec(case: dict[str, Any]) -> JobSpec:
    """A recorded API call as a job. Fails on a field or setting that Easel does not know."""
    kind = case["endpoint"].rpartition("/")[2]
    payload = with_soft_inpainting(dict(case["payload"]))
    overrides = {"sd_model_checkpoint": CHECKPOINT, **payload.pop("override_settings", {})}
    if "s_min_uncond" in payload:      # the API's name for the setting, for one request
        overrides["s_min_uncond"] = payload.pop("s_min_uncond")
    overrides = {name: value for name, value in overrides.items() if name not in WITHOUT_EFFECT}
    known = FIELDS[kind]
    units = control_units(payload)
    unknown = (payload.keys() - known.keys()) | (overrides.keys() - set(SETTING_NAMES))
    assert not unknown, f"not known to Easel: {unknown}"
    given = {name: float(value) if isinstance(known[name], float) else value for name, value in payload.items()}
    given |= {"control": units} if units else {}
    params = painted_over(given) if kind == "img2img" else resolve_request(Txt2Img(**given))
    return JobSpec(case["id"], "test", kind, asdict(params), asdict(change_settings(Settings(), overrides)))


def painted_over(given: dict[str, Any]) -> Img2Img:
    """A1111 takes the noise multiplier from the standing settings, which are its defaults here,
    whatever a request overrides.
    """
    pictures = tuple(kept(name) for name in given.pop("init_images"))
    mask = kept(given.pop("mask")) if "mask" in given else ""
    return resolve_img2img(Img2Img(**given, init_images=pictures, mask=mask), Settings())


def control_units(payload: dict[str, Any]) -> tuple[ControlUnit, ...]:
    """The units of a recorded call, taken out of it."""
    scripts = payload.get("alwayson_scripts", {})
    if [name.lower() for name in scripts] != ["controlnet"]:
        return ()
    [units] = payload.pop("alwayson_scripts").values()
    return tuple(
        checker(ControlUnit).validate_python(with_kept_pictures(unit_fields(unit))) for unit in units["args"]
    )


def with_kept_pictures(fields: dict[str, Any]) -> dict[str, Any]:
    names = ("image", "mask", "effective_region_mask")
    return fields | {name: kept(fields[name]) for name in names if fields.get(name)}


def kept(name: str) -> str:
    return save_input(inputs(), (GOLDEN / name.removeprefix("@")).read_bytes())


@cache
def inputs() -> Path:
    """Where the pictures are that recorded calls start from."""
    return Path(tempfile.mkdtemp(prefix="golden-inputs-"))


def with_soft_inpainting(payload: dict[str, Any]) -> dict[str, Any]:
    """The arguments of A1111's script as fields; other scripts are left for `spec` to refuse."""
    scripts = payload.get("alwayson_scripts", {})
    if scripts.keys() != {"Soft Inpainting"}:
        return payload
    del payload["alwayson_scripts"]
    return payload | dict(zip(("soft_inpainting", *SOFT_KEYS), scripts["Soft Inpainting"]["args"], strict=True))


def library(checkpoints: Path, models: Path | None = None, database: Path | None = None) -> Library:
    """Checkpoints in one folder; the other kinds in A1111's folders below `models`, if there is one."""
    hashes = HashCache(database or checkpoints / "hashes.sqlite")
    folders = {"vae": "VAE", "lora": "Lora", "embedding": "embeddings", "hypernetwork": "hypernetworks"}
    roots = {name: (models / folder,) for name, folder in folders.items() if models} | {"checkpoint": (checkpoints,)}
    return Library({kind.name: Catalog(roots.get(kind.name, ()), hashes, kind) for kind in MODEL_KINDS})


def catalog_of(kind: ModelKind, *roots: Path) -> Catalog:
    """The files of a kind in these folders, whose hashes nobody remembers."""
    return Catalog(roots, HashCache(inputs() / "hashes.sqlite"), kind)


def with_folders(found: Library, kind: ModelKind, *roots: Path) -> Library:
    """The library with the files of one kind from other folders."""
    return replace(found, catalogs={**found.catalogs, kind.name: Catalog(roots, found.checkpoints.hashes, kind)})


def golden_library(folder: Path) -> Library:
    """The golden models of every kind, and the upscalers that ship with Easel;
    `folder` holds the assembled checkpoints.
    """
    found = with_folders(library(folder, GOLDEN / "models"), UPSCALER, SHIPPED / "RealESRGAN")
    return with_folders(found, CONTROLNET, control_models(folder / "ControlNet"))


def assemble_models(folder: Path) -> Path:
    """All golden checkpoints in one folder: the stored one, and those its script derives from it (byte-identical)."""
    models = GOLDEN / "models"
    arguments, sys.argv = sys.argv, ["assemble.py", str(folder)]
    try:
        runpy.run_path(str(models / "assemble.py"))
    finally:
        sys.argv = arguments
    for path in (models / "Stable-diffusion").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def control_models(folder: Path) -> Path:
    """The golden ControlNet under both names that it was recorded with: one tells that its outputs are averaged."""
    folder.mkdir(exist_ok=True)
    content = (GOLDEN / "models/ControlNet/tiny_control_canny.safetensors").read_bytes()
    for name in ("tiny_control_canny", "tiny_control_shuffle"):
        (folder / f"{name}.safetensors").write_bytes(content)
    return folder
