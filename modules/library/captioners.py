"""The file of the model that puts pictures into words. No torch."""

from __future__ import annotations

from modules.library.catalog import ModelFile
from modules.library.library import Library, named_or_first
from modules.library.model_kinds import CAPTIONER

PUT_CAPTIONER = (
    f"Put config.json, model.safetensors and tokenizer.json of Salesforce/blip-image-captioning-base or -large into a "
    f"folder of models/{CAPTIONER.where[0]}."
)


def find_captioner(library: Library, name: str = "") -> ModelFile:
    """Return the model of that name; "" is the first one. Raises ModelMissing or ModelCorrupt."""
    missing = f"There is no BLIP model{f' called {name!r:.200}' if name else ''}."
    return named_or_first(library, CAPTIONER, name, missing, PUT_CAPTIONER)
