"""What the worker must know of each kind of job to carry it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from modules.base.errors import ModelMissing, UnknownName
from modules.base.fields import defaults
from modules.engine.messages import JobSpec
from modules.imaging.inputs import load
from modules.library.catalog import Catalog, ModelFile
from modules.library.library import Library, Remembering, not_here
from modules.library.upscalers import BUILT_IN
from modules.params.batch import Batch, Entry
from modules.params.extras import Extras, extended
from modules.params.hires import LATENT_MODES, checked, second_pass, sized_by_result
from modules.params.img2img import Img2Img
from modules.params.infotext import split
from modules.params.scripts import chosen as chosen_arguments
from modules.params.txt2img import Txt2Img
from modules.pipelines import extras, hires, img2img, txt2img
from modules.pipelines.canvas import Load
from modules.pipelines.extras import ExtrasPlan
from modules.pipelines.networks import networks_of, with_standing_networks
from modules.pipelines.plan import Files, Plan, plans
from modules.pipelines.result import Result
from modules.pipelines.scripts.rounds import Asked
from modules.pipelines.scripts.table import FLOWS, SEVERAL
from modules.requests.resolve import Request
from modules.sampling.questions import Task
from modules.settings.options import Settings
from modules.worker import infotext as generation_data
from modules.worker.batch import Member, in_turn, members, of_batch, of_entry, reader


@dataclass(frozen=True)
class Recipe:
    """A job in the making: what each picture is to be, and how to make one."""

    plans: Sequence[Plan]                          # by the picture's number; None where a batch's file is left out
    picture: Callable[[Plan], Task[Result]]
    members: Sequence[Member] = ()                 # of a batch: what each picture is made of, and where it goes
    notes: Sequence[str] = ()                      # what its owner should know beforehand

    @cached_property
    def numbers(self) -> Sequence[int]:
        """The pictures there are to make."""
        return [number for number, plan in enumerate(self.plans) if plan is not None]

    @property
    def settings(self) -> Settings:
        return self.plans[self.numbers[0]].settings

    def batch_of(self, index: int) -> int:
        """Which of A1111's batches a picture belongs to: `batch_size` of them are made together."""
        return index // getattr(self.plans[index].params, "batch_size", 1)

    def task(self, index: int) -> Task[Result]:
        """The making of one picture."""
        making = self.picture(self.plans[index])
        return in_turn(making, self.members[index].file) if self.members else making

    def infotext(self, index: int, told: Mapping[str, object]) -> str:
        return generation_data.write(self.plans[index], told)

    def facts(self, index: int) -> dict[str, Any]:
        """What the API's `info` tells of one picture."""
        params, files = self.plans[index].params, self.plans[index].files
        return {
            "seed": params.seed,
            "subseed": params.subseed,
            "prompt": params.prompt,
            "negative_prompt": params.negative_prompt,
            "sd_model_name": files.checkpoint.model_name,
            "sd_model_hash": files.checkpoint.shorthash,
            "sd_vae_name": files.vae and files.vae.name,
            "sd_vae_hash": files.vae and files.vae.shorthash,
        }

    def warnings(self) -> list[str]:
        passes = (each for number in self.numbers for each in self.plans[number].passes)
        return list(dict.fromkeys([*self.notes, *(note for each in passes for note in (*each.files.notes, *each.files.networks.notes))]))


class ExtrasRecipe(Recipe):
    """No checkpoint makes these: their generation data is what they came with, and what was done to them."""

    plans: Sequence[ExtrasPlan]

    def infotext(self, index: int, told: Mapping[str, object]) -> str:
        return extended(self.plans[index].infotext, self.plans[index].params)

    def facts(self, index: int) -> dict[str, Any]:
        before = split(self.plans[index].infotext)
        return {"seed": before.pairs.get("Seed", ""), "prompt": before.prompt, "negative_prompt": before.negative_prompt}

    def warnings(self) -> list[str]:
        return list(self.notes)


def txt2img_recipe(spec: JobSpec, library: Library, inputs: Path) -> Recipe:
    """Raises UnknownName or ModelError for a model, Invalid for a script's lines."""
    return each_made(partial(txt2img_made, library), *read_spec(Txt2Img, spec))


def txt2img_made(library: Library, params: Txt2Img, settings: Settings) -> Recipe:
    if params.enable_hr:
        params = enlargeable(params, settings, library)
        return Recipe(plans(Plan(params, settings, files_of_both(library, params, settings))), hires.picture)
    return Recipe(plans(Plan(params, settings, files_for(library, params, settings))), txt2img.picture)


def each_made(make: Callable[[Request, Settings], Recipe], params: Request, settings: Settings) -> Recipe:
    """What a request comes to, or all those that its script makes of it."""
    if params.script_name not in SEVERAL:
        return make(params, settings)
    several = SEVERAL[params.script_name](params, chosen_arguments(params), settings)
    recipes = [make(*each) for each in several]
    return replace(recipes[0], plans=[plan for recipe in recipes for plan in recipe.plans])


def enlargeable(params: Txt2Img, settings: Settings, library: Library) -> Txt2Img:
    """Hires fix with sizes that can be drawn and an upscaler that is there. Raises Invalid or UnknownName."""
    if params.hr_upscaler and params.hr_upscaler not in LATENT_MODES:
        params = replace(params, hr_upscaler=library.upscaler(params.hr_upscaler))
    return checked(sized_by_result(params) if settings.use_old_hires_fix_width_height else params)


def img2img_recipe(spec: JobSpec, library: Library, inputs: Path) -> Recipe:
    """inputs: the folder of the pictures it starts from"""
    batch = Batch.recorded(spec.params)
    if not batch:
        return each_made(partial(img2img_made, library, partial(load, inputs)), *read_spec(Img2Img, spec))
    make = partial(img2img_made, Remembering(library.catalogs, library.approximations), reader(inputs))
    usual = read_spec(Img2Img, spec)

    def recipe(entry: Entry) -> Recipe:
        own = bool(entry.params or entry.settings)
        params, settings = read_spec(Img2Img, of_entry(spec, entry)) if own else usual
        return each_made(make, replace(params, init_images=(entry.image,), mask=entry.mask), settings)

    return of_batch(batch, recipe)


def img2img_made(library: Library, read: Load, params: Img2Img, settings: Settings) -> Recipe:
    name = settings.upscaler_for_img2img
    shown, notes = library.once(name, partial(upscaler_here, library, name))
    if shown != name:
        settings = replace(settings, upscaler_for_img2img=shown)
    if params.script_name:
        return replace(scripted(library, read, params, settings), notes=notes)
    found = img2img.img2img_plans(params, settings, files_for(library, params, settings), read)
    return Recipe(found, img2img.picture, notes=notes)


def upscaler_here(library: Library, name: str) -> tuple[str, Sequence[str]]:
    """The upscaler for img2img, or none where it is not here, and what to say of that."""
    try:
        return library.upscaler(name), ()
    except UnknownName:
        return BUILT_IN[0], (not_here("upscaler", name, "pictures are enlarged without it"),)


def scripted(library: Library, read: Load, params: Img2Img, settings: Settings) -> Recipe:
    """By a script that goes several rounds for a picture."""
    flow, arguments = FLOWS[params.script_name], chosen_arguments(params)
    params = with_standing_networks(flow.request(params, arguments), settings)
    asked = Asked(params, arguments, settings, files_for(library, params, settings), library, read)
    return Recipe(flow.plans(asked), flow.picture)


def extras_recipe(spec: JobSpec, library: Library, inputs: Path) -> Recipe:
    """Raises UnknownName for an upscaler. Pictures are enlarged one by one, so that the job can be stopped between them."""
    settings = replace(Settings(**known(Settings, spec.settings)), pictures_alone=True, save_manifest=False)
    params = Extras(**known(Extras, spec.params))
    params = replace(params, upscaler_1=library.upscaler(params.upscaler_1), upscaler_2=library.upscaler(params.upscaler_2))
    for restoring in params.restorers:
        library.face_restorer(restoring.name)
    if batch := Batch.recorded(spec.params):
        return extras_of_folder(batch, ExtrasPlan(params, settings, "", "", reader(inputs)))
    first = ExtrasPlan(params, settings, "", "", partial(load, inputs))
    return ExtrasRecipe(extras.extras_plans(first, spec.params["images"], spec.params["infotexts"]), extras.picture)


def extras_of_folder(batch: Batch, first: ExtrasPlan) -> Recipe:
    found = extras.extras_plans(first, [entry.image for entry in batch.entries], [entry.infotext for entry in batch.entries])
    where = [member for entry in batch.entries for member in members(batch, entry, 1)]
    return ExtrasRecipe(found, extras.picture, where, batch.notes)


def read_spec(cls: type[Request], spec: JobSpec) -> tuple[Request, Settings]:
    settings = Settings(**known(Settings, spec.settings))
    listed = {name: tuple(value) for name, value in spec.params.items() if isinstance(value, list)}      # as JSON has tuples
    return with_standing_networks(cls(**known(cls, dict(spec.params) | listed)), settings), settings


def files_for(library: Library, params: Txt2Img, settings: Settings) -> Files:
    """Raises UnknownName or ModelError, but not for a VAE that is not here, nor for a face restorer's file: that is told when faces are restored."""
    s = settings
    asked = (s.sd_model_checkpoint, s.sd_vae, s.sd_vae_overrides_per_model_preferences)
    prompts = (params.prompt, params.negative_prompt)
    return library.once(("files", params.refiner_checkpoint, *prompts, *asked), partial(find_files, library, params, settings))


def find_files(library: Library, params: Txt2Img, settings: Settings) -> Files:
    checkpoint = library.checkpoints.hashed(chosen(library.checkpoints, settings.sd_model_checkpoint))
    refiner = library.checkpoints.hashed(library.checkpoints.find(params.refiner_checkpoint)) if params.refiner_checkpoint else None
    vae, notes = vae_here(library, checkpoint, settings)
    return Files(checkpoint, vae, refiner, networks_of(params, library), notes=notes)


def vae_here(library: Library, checkpoint: ModelFile, settings: Settings) -> tuple[ModelFile | None, tuple[str, ...]]:
    """The VAE that the settings mean, or where it is not here the checkpoint's own, as A1111 has it, and what to say of that."""
    try:
        return library.vae_for(checkpoint, settings.sd_vae, preference_first=not settings.sd_vae_overrides_per_model_preferences), ()
    except UnknownName:
        return None, (not_here("VAE", settings.sd_vae, "the checkpoint's own is used"),)


def files_of_both(library: Library, params: Txt2Img, settings: Settings) -> Files:
    """The first pass's, and in them the second's; the refiner only where it is wanted."""
    own = replace(settings, sd_model_checkpoint=params.hr_checkpoint_name or settings.sd_model_checkpoint)
    first = files_for(library, params, settings)
    second = files_for(library, with_standing_networks(second_pass(params), settings), own)
    if settings.hires_fix_refiner_pass == "first pass":
        second = replace(second, refiner=None)
    if settings.hires_fix_refiner_pass == "second pass":
        first = replace(first, refiner=None)
    return replace(first, hires=second)


def chosen(catalog: Catalog, name: str) -> ModelFile:
    """The checkpoint of that name, or any if none was chosen."""
    checkpoint = catalog.find(name) if name else catalog.default()
    if checkpoint is None:
        raise ModelMissing("There is no checkpoint to draw with.", "Put one into models/Stable-diffusion.")
    return checkpoint


def known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are fields of `cls` today: a job may be resumed by a later version than recorded it."""
    return {name: value for name, value in values.items() if name in defaults(cls)}


RECIPES: Mapping[str, Callable[[JobSpec, Library, Path], Recipe]] = {"txt2img": txt2img_recipe, "img2img": img2img_recipe, "extras": extras_recipe}
