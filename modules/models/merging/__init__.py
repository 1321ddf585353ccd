"""Checkpoints made from others: mixed, converted, pruned. Tensor by tensor, so that memory holds no second model."""

from __future__ import annotations

from contextlib import ExitStack

from modules.base.files import NewFile
from modules.models.merging.converting import convert
from modules.models.merging.mixing import Mixer
from modules.models.merging.recipe import Recipe, check_recipe
from modules.models.merging.record import copy_config, metadata_of
from modules.models.merging.sources import streamed
from modules.models.merging.writing import ReportProgress, write_checkpoint

__all__ = ["Recipe", "check", "convert", "merge"]


def merge(recipe: Recipe, out: NewFile, report: ReportProgress) -> None:
    """Write the checkpoint, and the .yaml that belongs to it.

    Raises Invalid for an impossible recipe, ModelMismatch naming the files that do not fit, DiskFull, Unwritable.
    """
    check_recipe(recipe)
    with ExitStack() as stack:
        sources = [stack.enter_context(streamed(path)) for path in recipe.used]
        vae = stack.enter_context(streamed(recipe.vae)) if recipe.vae else None
        mixer = Mixer(recipe, sources, vae)
        write_checkpoint(out, mixer.entries, mixer.tensor, metadata_of(recipe, sources, mixer, out.path), report)
    copy_config(recipe.config_sources, out.path)
