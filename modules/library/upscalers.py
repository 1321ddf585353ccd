"""The upscalers, under A1111's names. No torch."""

from __future__ import annotations

from modules.library.catalog import Catalog, ModelFile

BUILT_IN = ("None", "Lanczos", "Nearest")      # without a model


def upscaler_files(catalog: Catalog) -> dict[str, ModelFile]:
    """Return the upscaler models by their names in lists; of two with one name the first is used."""
    found: dict[str, ModelFile] = {}
    for file in catalog.list():
        if stem := catalog.kind.stem(file.path):
            found.setdefault(DISPLAY_NAMES.get(stem.casefold(), stem), file)
    return found


# A1111's names for the files it downloads, so that its generation data finds them here. Lower-case stem → name.
DISPLAY_NAMES = {
    "esrgan": "ESRGAN_4x",
    "realesrgan_x2plus": "R-ESRGAN 2x+",
    "realesrgan_x4plus": "R-ESRGAN 4x+",
    "realesrgan_x4plus_anime_6b": "R-ESRGAN 4x+ Anime6B",
    "realesr-animevideov3": "R-ESRGAN AnimeVideo",
    "realesr-general-x4v3": "R-ESRGAN General 4xV3",
    "realesr-general-wdn-x4v3": "R-ESRGAN General WDN 4xV3",
}
