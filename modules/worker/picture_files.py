"""The model files of a request's pictures, found by the names in it and in the settings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from modules.base.errors import ModelMissing, UnknownName
from modules.library.catalog import Catalog, ModelFile
from modules.library.library import Library, not_here
from modules.params.hires import second_pass
from modules.params.txt2img import Generation, Txt2Img
from modules.pipelines.networks import networks_of, region_networks, with_standing_networks
from modules.pipelines.plan import Files
from modules.settings.options import Settings


def files_for(library: Library, params: Generation, settings: Settings) -> Files:
    """Return the model files of a job. Raises UnknownName or ModelError.

    A missing VAE is a note, and a missing face restorer is noticed when faces are restored.
    """
    s = settings
    asked = (s.sd_model_checkpoint, s.sd_vae, s.sd_vae_overrides_per_model_preferences)
    prompts = (params.prompt, params.negative_prompt, *(region.prompt for region in params.regions))
    return library.once(
        ("files", params.refiner_checkpoint, *prompts, *asked), partial(find_files, library, params, settings)
    )


def find_files(library: Library, params: Generation, settings: Settings) -> Files:
    checkpoint = library.checkpoints.hashed(find_checkpoint(library.checkpoints, settings.sd_model_checkpoint))
    refiner = (
        library.checkpoints.hashed(library.checkpoints.find(params.refiner_checkpoint))
        if params.refiner_checkpoint
        else None
    )
    vae, notes = vae_here(library, checkpoint, settings)
    regions = tuple(region_networks(region.prompt, params, library) for region in params.regions)
    return Files(checkpoint, vae, refiner, networks_of(params, library), regions, notes=notes)


def vae_here(library: Library, checkpoint: ModelFile, settings: Settings) -> tuple[ModelFile | None, tuple[str, ...]]:
    """Return the settings' VAE and no notes; without its file, the checkpoint's own as in A1111, and a note."""
    try:
        return library.vae_for(
            checkpoint, settings.sd_vae, preference_first=not settings.sd_vae_overrides_per_model_preferences
        ), ()
    except UnknownName:
        return None, (not_here("VAE", settings.sd_vae, "the checkpoint's own is used"),)


def files_of_both(library: Library, params: Txt2Img, settings: Settings) -> Files:
    """Return the first pass's files, which contain the second's; the refiner only where it is used."""
    own = replace(settings, sd_model_checkpoint=params.hr_checkpoint_name or settings.sd_model_checkpoint)
    first = files_for(library, params, settings)
    second = files_for(library, with_standing_networks(second_pass(params), settings), own)
    if settings.hires_fix_refiner_pass == "first pass":
        second = replace(second, refiner=None)
    if settings.hires_fix_refiner_pass == "second pass":
        first = replace(first, refiner=None)
    return replace(first, hires=second)


def find_checkpoint(catalog: Catalog, name: str) -> ModelFile:
    """Return the checkpoint of that name, or any if the name is empty."""
    checkpoint = catalog.find(name) if name else catalog.default()
    if checkpoint is None:
        raise ModelMissing("There is no checkpoint to draw with.", "Put one into models/Stable-diffusion.")
    return checkpoint
