"""The reproducibility manifest: everything an image was made from, as JSON in its file.

Generation data contain a person's choices, in A1111's words. The manifest contains what they ran on: whole hashes of
every model file, every setting, precision, device and library versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from modules.base.version import VERSION
from modules.pipelines.plan import Files, ImagePlan
from modules.requests.compare_manifest import FORMAT, environment


def manifest(plan: ImagePlan, extra: Mapping[str, object], device: Mapping[str, str]) -> dict[str, Any]:
    """Return the manifest of an image.

    device: the worker's description, `Device.described(…)`
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "models": manifest_models(plan),
        "request": asdict(plan.asked),
        "settings": asdict(plan.settings),
        "told": dict(extra),
        "environment": environment(device),
    }


def manifest_models(plan: ImagePlan) -> list[dict[str, Any]]:
    """Return every model file with the SHA-256 of its content; a file of both passes is listed once."""
    found = [model for each in plan.passes for model in models_of(each.files)]
    return [model for place, model in enumerate(found) if model not in found[:place]]


def models_of(files: Files) -> list[dict[str, Any]]:
    named = [("checkpoint", files.checkpoint), ("VAE", files.vae), ("refiner", files.refiner)]
    found = [{"kind": kind, "name": file.name, "sha256": file.sha256} for kind, file in named if file]
    found += [{"kind": "LoRA", "name": lora.name, "sha256": lora.use.sha256} for lora in files.all_loras]
    found += [{"kind": "hypernetwork", "name": "", "sha256": sha256} for sha256, _ in files.networks.strengths]
    embeddings = dict.fromkeys(each.sha256 for each in files.networks.embeddings)
    return found + [{"kind": "embedding", "name": "", "sha256": sha256} for sha256 in embeddings]
