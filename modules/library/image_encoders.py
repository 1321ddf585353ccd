"""The file of CLIP's image encoder, by which the picture library knows what pictures show. No torch."""

from __future__ import annotations

from modules.library.catalog import ModelFile
from modules.library.library import Library, named_or_first
from modules.library.model_kinds import CLIP_VISION

PUT_ENCODER = (
    f"Put one into models/{CLIP_VISION.where[0]}, such as model.safetensors of openai/clip-vit-large-patch14 or another"
    " CLIP in transformers' layout."
)


def find_image_encoder(library: Library, name: str = "") -> ModelFile:
    """Return the encoder of that name; "" is the first one. Raises ModelMissing or ModelCorrupt."""
    missing = f"There is no CLIP image encoder{f' called {name!r:.200}' if name else ''}."
    return named_or_first(library, CLIP_VISION, name, missing, PUT_ENCODER)
