"""A1111's recorded outputs: where they are, and how a case becomes a job of ours."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modules.base.fields import defaults
from modules.engine.jobs import JobSpec
from modules.models.catalog import EMBEDDING, HYPERNETWORK, LORA, VAE, Catalog
from modules.models.library import Library
from modules.params.txt2img import Txt2Img
from modules.settings.options import NAMES, Settings, changed
from modules.store.hashes import HashCache
from modules.tasks.requests import prepared

GOLDEN = Path(__file__).parent / "golden"
FIELDS = defaults(Txt2Img)
CHECKPOINT = "tiny-sd1"
WITHOUT_EFFECT = {"enable_batch_seeds"}      # in A1111 1.10.1 either


def cases(*families: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for family in families for path in sorted((GOLDEN / "images" / family).glob("*/case.json"))]


def result(case: dict[str, Any]) -> dict[str, Any]:
    return json.loads((GOLDEN / "images" / case["id"] / "result.json").read_text())


def spec(case: dict[str, Any]) -> JobSpec:
    """A recorded API call as a job. Fails on a field or setting that Easel does not know."""
    payload = dict(case["payload"])
    overrides = {"sd_model_checkpoint": CHECKPOINT, **payload.pop("override_settings", {})}
    if "s_min_uncond" in payload:      # the API's name for the setting, for one request
        overrides["s_min_uncond"] = payload.pop("s_min_uncond")
    overrides = {name: value for name, value in overrides.items() if name not in WITHOUT_EFFECT}
    unknown = (payload.keys() - FIELDS.keys()) | (overrides.keys() - set(NAMES))
    assert not unknown, f"not known to Easel: {unknown}"
    params = prepared(Txt2Img(**{name: float(value) if isinstance(FIELDS[name], float) else value for name, value in payload.items()}))
    return JobSpec(case["id"], "test", "txt2img", asdict(params), asdict(changed(Settings(), overrides)))


def library(checkpoints: Path, models: Path | None = None, database: Path | None = None) -> Library:
    """Checkpoints in one folder; the other kinds in A1111's folders below `models`, if there is one."""
    hashes = HashCache(database or checkpoints / "hashes.sqlite")
    kinds = {"VAE": VAE, "Lora": LORA, "embeddings": EMBEDDING, "hypernetworks": HYPERNETWORK}
    return Library(Catalog((checkpoints,), hashes), *(Catalog((models / name,) if models else (), hashes, kind) for name, kind in kinds.items()))


def golden_library(folder: Path) -> Library:
    """The golden models of every kind; `folder` holds the assembled checkpoints."""
    return library(folder, GOLDEN / "models")


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
