"""A checkpoint written anew: as safetensors, in another precision, without what is not needed to draw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modules.base.errors import ModelMismatch
from modules.models.files.tensor_stream import Entry
from modules.models.merging.recipe import Recipe, check
from modules.models.merging.record import copy_config
from modules.models.merging.sources import EMA, averaged, streamed
from modules.models.merging.writing import Told, converted, write_checkpoint


def convert(source: Path, out: Path, precision: str, take_ema: bool, told: Told) -> None:
    """The checkpoint alone as safetensors: no optimiser, no EMA copy; with `take_ema` the copy instead of the weights.

    Raises Invalid for an unknown precision, ModelError naming the file.
    """
    recipe = Recipe((source,), "No interpolation", precision=precision)
    check(recipe)
    with streamed(source) as file:
        found = file.entries
        names = {name: ema_name(name, found) if take_ema else name for name in found if not name.startswith(EMA)}
        if take_ema and all(name == origin for name, origin in names.items()):
            raise ModelMismatch(f"{source.name} holds no EMA weights.", "Convert it without asking for them.")
        entries = {name: converted(found[origin], recipe.dtype) for name, origin in names.items()}
        write_checkpoint(out, entries, lambda name: file.tensor(names[name]).to(entries[name].dtype), {**file.metadata, "format": "pt"}, told)
    copy_config(recipe, out)


def ema_name(name: str, entries: Mapping[str, Entry]) -> str:
    return joined if (joined := averaged(name)) in entries else name
