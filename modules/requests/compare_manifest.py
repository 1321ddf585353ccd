"""The differences between an image's manifest and the current state: reasons why it may not come out the same."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from modules.base.errors import Invalid
from modules.base.fields import declared_params
from modules.base.version import VERSION
from modules.library.library import Library
from modules.settings.options import Settings

MANIFEST_KEY = "easel"               # the key of the PNG text
FORMAT = 1
MOST_HASHED = 40      # models of a manifest that are looked for by their content
LIBRARIES = ("torch", "diffusers", "transformers", "tokenizers", "torchsde", "numpy", "pillow")
SHAPES_PICTURES = frozenset(
    {
        "sd",
        "sdxl",
        "vae",
        "img2img",
        "optimizations",
        "compatibility",
        "sampler-params",
        "extra_networks",
        "upscaling",
        "face-restoration",
        "control-net",
        "ADetailer",
        "hypertile",
    }
)


@dataclass(frozen=True)
class Difference:
    """A difference between the manifest and now."""

    what: str
    then: Any
    now: Any


def environment(device: Mapping[str, str]) -> dict[str, str]:
    libraries = {name: installed(name) for name in LIBRARIES}
    return {**device, "python": platform.python_version(), "system": platform.platform(terse=True), **libraries}


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def differences(
    then: Mapping[str, Any], library: Library, settings: Settings, device: Mapping[str, str]
) -> list[Difference]:
    """Return the differences between a manifest and now. Raises Invalid if it is no manifest."""
    chosen, machine = split_differences(then, library, settings, device)
    return [*chosen, *machine]


def split_differences(
    then: Mapping[str, Any], library: Library, settings: Settings, device: Mapping[str, str]
) -> tuple[list[Difference], list[Difference]]:
    """Return what models and settings differ in, and what the machine and its programs do.

    Raises Invalid if it is no manifest.
    """
    try:
        learn_models(then["models"], library)
        chosen = [*missing_models(then["models"], library), *changed_settings(then["settings"], settings)]
        return chosen, [*changed_environment(then, device)]
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid(
            "That is no manifest of Easel's.",
            "It is the text called `easel` in a picture made with manifests switched on.",
        ) from error


def learn_models(then: Sequence[Mapping[str, Any]], library: Library) -> None:
    """Hash small files that may be those of a manifest."""
    for model in then[:MOST_HASHED]:
        label = library.checkpoints.kind.label if model["kind"] == "refiner" else model["kind"]
        for catalog in library.catalogs.values():
            if catalog.kind.label == label:
                catalog.learn(str(model["sha256"]).lower())


def missing_models(then: Any, library: Library) -> Iterator[Difference]:
    shelves = {catalog.kind.label: catalog for catalog in library.catalogs.values()} | {"refiner": library.checkpoints}
    for model in then:
        same = [file for file in shelves[model["kind"]].list() if file.sha256 == model["sha256"]]
        if not same:
            named = shelves[model["kind"]].named(str(model["name"]))
            now = f"{named.name} with other content" if named and named.sha256 else "not known here"
            yield Difference(model["kind"], f"{model['name']} {str(model['sha256'])[:10]}".strip(), now)


def changed_settings(then: Mapping[str, Any], settings: Settings) -> Iterator[Difference]:
    """Yield the changed settings that shape images."""
    for name, param in declared_params(Settings).items():
        now = getattr(settings, name)
        if param.section in SHAPES_PICTURES and name != "sd_model_checkpoint" and name in then and then[name] != now:
            yield Difference(param.label, then[name], now)


def changed_environment(then: Mapping[str, Any], device: Mapping[str, str]) -> Iterator[Difference]:
    now = {"Easel": VERSION, **environment(device)}
    for name, value in {"Easel": then["version"], **then["environment"]}.items():
        if value != now.get(name, ""):
            yield Difference(name, value, now.get(name, ""))
