"""The file of the model that puts pictures into words. No torch."""

from __future__ import annotations

from modules.base.errors import ModelCorrupt, ModelMissing
from modules.library.catalog import ModelFile
from modules.library.library import Library
from modules.library.model_kinds import CAPTIONER

PUT_CAPTIONER = (
    f"Put config.json, model.safetensors and tokenizer.json of Salesforce/blip-image-captioning-base or -large into a "
    f"folder of models/{CAPTIONER.where[0]}."
)


def find_captioner(library: Library, name: str = "") -> ModelFile:
    """Return the model of that name; "" is the first one. Raises ModelMissing or ModelCorrupt."""
    catalog = library.of(CAPTIONER.name)
    catalog.refresh()
    found = next(iter(catalog.all_named(name) if name else catalog.list()), None)
    if found is None:
        raise ModelMissing(f"There is no BLIP model{f' called {name!r:.200}' if name else ''}.", PUT_CAPTIONER)
    if found.problem:
        raise ModelCorrupt(found.problem, PUT_CAPTIONER)
    return found
