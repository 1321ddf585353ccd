"""Job plans: a job's plain data becomes the plan of each of its images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from modules.base.errors import Invalid, ModelError, UnknownName
from modules.engine.messages import JobSpec
from modules.imaging.inputs import load_input
from modules.library.library import Library, Remembering, not_here
from modules.library.safety_checkers import find_safety_checker
from modules.library.upscalers import BUILT_IN
from modules.params.batch import Batch, BatchItem
from modules.params.extras import Extras, extended
from modules.params.hires import LATENT_MODES, check_hires, sized_by_result
from modules.params.img2img import Img2Img
from modules.params.infotext import split_infotext
from modules.params.scripts import script_arguments
from modules.params.txt2img import Generation, Txt2Img
from modules.pipelines import extras, hires, img2img, txt2img
from modules.pipelines.batch_grid import batch_grids
from modules.pipelines.canvas import Load
from modules.pipelines.extras import ExtrasPlan
from modules.pipelines.grid_plan import GridSet
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.plan import ImagePlan, each_image
from modules.pipelines.result import Result
from modules.pipelines.safety import SafetyCheck, checked_image
from modules.pipelines.scripts.script_cells import Cells
from modules.pipelines.scripts.script_run import ScriptRun
from modules.pipelines.scripts.table import IMAGE_SCRIPTS, REQUEST_SCRIPTS
from modules.pipelines.unit_turns import in_place, in_turn_each
from modules.requests.kinds import JOB_KINDS
from modules.requests.recorded import known_fields, recorded_request
from modules.requests.resolve import Request
from modules.sampling.questions import Task
from modules.settings.account_limits import AccountLimits, account_limits
from modules.settings.account_options import SAFETY_MARK, SAFETY_OFF
from modules.settings.options import Settings
from modules.settings.safety_checking import safety_action, safety_setting
from modules.worker import infotext
from modules.worker.batch import Member, batch_reader, in_turn, members, of_entry, plan_batch
from modules.worker.control_plans import with_control, with_maps
from modules.worker.detail_plans import with_detailer
from modules.worker.moments.protocol import Moments, heard_plans
from modules.worker.picture_files import files_for, files_of_both
from modules.worker.picture_specs import picture_specs, template_pairs
from modules.worker.planners import planner_of

P = TypeVar("P", bound="ImagePlan[Any, Any] | ExtrasPlan")
Extra = Mapping[str, object]      # generation data that are known only once an image is made


@dataclass(frozen=True)
class JobPlan(Generic[P]):
    """A planned job: the plan of each image, and the functions that describe images of its kind."""

    # by the image's number; None where a batch's file is left out
    plans: Sequence[P | None]
    write_infotext: Callable[[P, Extra], str]
    describe: Callable[[P], dict[str, Any]]                  # returns an image's part of the API's `info`
    members: Sequence[Member] = ()                           # of a batch: the input file and the place of each image
    notes: Sequence[str] = ()                                # remarks for the job's owner, known beforehand
    safety: SafetyCheck | None = None                        # the check of each image, if there is one
    grids: GridSet = GridSet()                               # the grids of its images
    saver: Callable[..., Any] | None = None                  # does what `save_image` does, where extensions are told

    @cached_property
    def numbers(self) -> Sequence[int]:
        """The numbers of the images to make."""
        return [number for number, plan in enumerate(self.plans) if plan is not None]

    def plan(self, index: int) -> P:
        """Return the plan of one of the images to make."""
        plan = self.plans[index]
        if plan is None:
            raise LookupError(f"Picture {index} of this job is left out.")
        return plan

    @property
    def settings(self) -> Settings:
        return self.plan(self.numbers[0]).settings

    @property
    def shows_previews(self) -> bool:
        """Return whether half-made images may be seen: nobody checks them."""
        return self.settings.live_previews_enable and not (self.safety and self.safety.withholds)

    def batch_of(self, index: int) -> int:
        """Return the image's batch, in A1111's sense: `batch_size` images are made together."""
        return index // getattr(self.plan(index).params, "batch_size", 1)

    def task(self, index: int) -> Task[Result]:
        """Return the task of one image."""
        plan = self.plan(index)
        task = plan.task()
        if self.safety:
            task = checked_image(task, self.safety, plan.passes[-1].weights)
        return in_turn(task, self.members[index].file) if self.members else task

    def infotext(self, index: int, extra: Extra) -> str:
        return self.write_infotext(self.plan(index), extra)

    def facts(self, index: int) -> dict[str, Any]:
        return self.describe(self.plan(index))

    def warnings(self) -> list[str]:
        files = (each.files for number in self.numbers for each in passes_of(self.plan(number)))
        return list(
            dict.fromkeys([*self.notes, *(note for each in files for note in (*each.notes, *each.networks.notes))])
        )


def plan_images(plans: Sequence[ImagePlan[Any, Any]], notes: Sequence[str] = ()) -> JobPlan[ImagePlan[Any, Any]]:
    """Return the plan of a job whose images a checkpoint makes."""
    return JobPlan(plans, infotext.image_infotext, generation_facts, notes=notes)


def generation_facts(plan: ImagePlan) -> dict[str, Any]:
    params, files = plan.params, plan.files
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


def plan_job(spec: JobSpec, library: Library, inputs: Path, moments: Moments | None = None) -> JobPlan:
    """Plan a job by its kind's planner.

    inputs: the folder of input pictures; moments: of extensions, None without any
    Raises UnknownName for the kind, and Invalid for more than its account may ask for.
    """
    heard = (moments,) if moments and JOB_KINDS[spec.kind].draws else ()
    plan: JobPlan = planner_of(spec.kind)(spec, library, inputs, *heard)
    settings = Settings(**known_fields(Settings, spec.settings))
    check_plan(plan, account_limits(settings, spec.role))
    if pairs := template_pairs(spec.params):
        plan = replace(plan, write_infotext=partial(infotext_with, plan.write_infotext, pairs))
    return with_safety_check(plan, settings, spec.role, library) if JOB_KINDS[spec.kind].draws else plan

def infotext_with(write: Callable[[P, Extra], str], pairs: Extra, plan: P, extra: Extra) -> str:
    """Return an image's generation data with further pairs."""
    return write(plan, {**extra, **pairs})


def with_safety_check(plan: JobPlan, s: Settings, role: str, library: Library) -> JobPlan:
    """Return the plan with the check that its account's role has.

    Raises ModelMissing or ModelCorrupt where nothing may be drawn unchecked; pictures only to be marked get a note.
    """
    action = safety_action(s, role)
    if action == SAFETY_OFF:
        return plan
    try:
        checker = find_safety_checker(library, s.safety_checker_model)
    except ModelError as error:
        if action == SAFETY_MARK:
            return replace(plan, notes=[*plan.notes, f"Pictures are not checked. {error} {error.hint}"])
        reason = f"{error} The setting {safety_setting(role)} is {action}, so nothing is drawn unchecked."
        raise type(error)(reason, error.hint) from error
    return replace(plan, safety=SafetyCheck(action, checker.name))


def check_plan(plan: JobPlan, limits: AccountLimits) -> None:
    """Check that all images of a job are within its account's limits: scripts make more than the request says.

    Raises Invalid.
    """
    limits.check_pictures(len(plan.numbers))
    for each in {each for number in plan.numbers for each in extent(plan.plan(number))}:
        limits.check_size(*each[0])
        limits.check_steps(each[1])


def passes_of(plan: ImagePlan[Any, Any] | ExtrasPlan) -> Sequence[Any]:
    return plan.all_passes if isinstance(plan, ImagePlan) else plan.passes


def extent(plan: ImagePlan[Any, Any] | ExtrasPlan) -> Iterable[tuple[tuple[int, int], int]]:
    """Return the size in pixels and the steps of each pass."""
    return ((each.frame, each.steps) for each in passes_of(plan))


# txt2img ---------------------------------------------------------------------------------------------


def plan_txt2img(spec: JobSpec, library: Library, inputs: Path, moments: Moments | None = None) -> JobPlan:
    """Plan a txt2img job. Raises UnknownName or ModelError for a model, Invalid for a script's lines."""
    cells = each_request(Txt2Img, spec, moments)
    library = Remembering(library.catalogs, library.approximations)
    read = partial(load_input, inputs)
    plans: list[ImagePlan] = []
    for params, settings in cells.requests:
        plans += heard_plans(moments, params, settings, partial(txt2img_plans, settings, library, read))
    return with_grids(plan_images(plans, cells.notes), cells.grids, recorded_request(Txt2Img, spec.params), spec.save)


def with_grids(plan: JobPlan, grids: GridSet, params: Generation, saved: bool) -> JobPlan:
    """Return the plan with its script's grids, else with the grid of its pictures."""
    own = grids if grids.grids or not plan.plans else batch_grids(params, plan.settings, len(plan.plans), saved)
    return replace(plan, grids=own)


def txt2img_plans(settings: Settings, library: Library, read: Load, params: Txt2Img) -> list[ImagePlan]:
    if not params.enable_hr:
        files = with_control(files_for(library, params, settings), params, library, read)
        return with_detailer(with_maps(each_image(txt2img.plan_single_pass(params, settings, files))), library, read)
    params = enlargeable(params, settings, library)
    files = with_control(files_of_both(library, params, settings), params, library, read)
    return with_detailer(with_maps(each_image(hires.plan_hires(params, settings, files))), library, read)


def each_request(cls: type[Request], spec: JobSpec, moments: Moments | None) -> Cells:
    """Return the job's request, or one for each picture if they have prompts of their own, each with its settings."""
    own = [read_spec(cls, each) for each in picture_specs(spec)]
    if own:
        return Cells([(in_place(params, number), settings) for number, (params, settings) in enumerate(own)], GridSet())
    return script_cells(*read_spec(cls, spec), spec.save, moments)


def script_cells(params: Request, settings: Settings, saved: bool, moments: Moments | None) -> Cells:
    """Return the request, or the requests that its script makes of it, each with its settings.

    saved: True if the pictures are saved to the outputs. Raises Invalid for an extension's script that is not here.
    """
    name = params.script_name
    if not name or name in IMAGE_SCRIPTS:
        return Cells([(params, settings)], GridSet())
    if name in REQUEST_SCRIPTS:
        return REQUEST_SCRIPTS[name](params, script_arguments(params), settings, saved)
    if moments and (cells := moments.cells(params, settings)):
        return cells
    raise Invalid(f"The script {name} is not here.", "Switch its extension on, or choose another.", "script_name")


def enlargeable(params: Txt2Img, settings: Settings, library: Library) -> Txt2Img:
    """Return the request with sizes that hires fix can make. Raises Invalid, or UnknownName for the upscaler."""
    if params.hr_upscaler and params.hr_upscaler not in LATENT_MODES:
        params = replace(params, hr_upscaler=library.upscaler(params.hr_upscaler))
    return check_hires(sized_by_result(params) if settings.use_old_hires_fix_width_height else params)


# img2img ---------------------------------------------------------------------------------------------


def plan_img2img(spec: JobSpec, library: Library, inputs: Path, moments: Moments | None = None) -> JobPlan:
    """Plan an img2img job.

    inputs: the folder of input pictures
    """
    usual = read_spec(Img2Img, spec)
    batch = Batch.recorded(spec.params)
    if not batch:
        cells = each_request(Img2Img, spec, moments)
        plan = img2img_plan(
            Remembering(library.catalogs, library.approximations), partial(load_input, inputs), cells, moments
        )
        return with_grids(plan, cells.grids, usual[0], spec.save)
    remembering, read = Remembering(library.catalogs, library.approximations), batch_reader(inputs)

    def plan_file(number: int, entry: BatchItem) -> JobPlan:
        params, settings = request_of_file(spec, usual, entry, number)
        return img2img_plan(remembering, read, script_cells(params, settings, False, moments), moments)

    return plan_batch(batch, plan_file)


def request_of_file(
    spec: JobSpec, usual: tuple[Img2Img, Settings], entry: BatchItem, number: int
) -> tuple[Img2Img, Settings]:
    """Return the request of a batch's file of that number, from 0.

    usual: the request of a file that has no values of its own
    """
    own = bool(entry.params or entry.settings)
    params, settings = read_spec(Img2Img, of_entry(spec, entry)) if own else usual
    return in_place(replace(params, init_images=(entry.image,), mask=entry.mask), number), settings


def img2img_plan(library: Library, read: Load, cells: Cells, moments: Moments | None = None) -> JobPlan:
    plans: list[ImagePlan] = []
    notes = dict.fromkeys(cells.notes)
    for request, own in cells.requests:
        name = own.upscaler_for_img2img
        usable, missing = library.once(name, partial(upscaler_here, library, name))
        notes |= dict.fromkeys(missing)
        own = own if usable == name else replace(own, upscaler_for_img2img=usable)
        planner = scripted if request.script_name else img2img_plans
        plans += heard_plans(moments, request, own, partial(planner, library, read, own))
    return replace(plan_images(plans, list(notes)), grids=cells.grids)


def img2img_plans(library: Library, read: Load, settings: Settings, params: Img2Img) -> Sequence[ImagePlan]:
    files = with_control(files_for(library, params, settings), params, library, read)
    return with_detailer(with_maps(img2img.plans(params, settings, files, read)), library, read)


def scripted(library: Library, read: Load, settings: Settings, params: Img2Img) -> Sequence[ImagePlan]:
    """Return the image plans of a script that makes each image in several passes."""
    script, arguments = IMAGE_SCRIPTS[params.script_name], script_arguments(params)
    params = with_standing_networks(script.request(params, arguments), settings)
    files = with_control(files_for(library, params, settings), params, library, read)
    plans = script.plans(ScriptRun(params, arguments, settings, files, library, read))
    return with_detailer(in_turn_each(plans), library, read)


def upscaler_here(library: Library, name: str) -> tuple[str, Sequence[str]]:
    """Return the upscaler for img2img and no note; without its file, no upscaler and a note."""
    try:
        return library.upscaler(name), ()
    except UnknownName:
        return BUILT_IN[0], (not_here("upscaler", name, "pictures are enlarged without it"),)


# Extras ----------------------------------------------------------------------------------------------


def plan_extras(spec: JobSpec, library: Library, inputs: Path) -> JobPlan:
    """Plan an Extras job. Raises UnknownName for an upscaler.

    Pictures are enlarged one by one, so that the job can be stopped between them.
    """
    settings = replace(Settings(**known_fields(Settings, spec.settings)), pictures_alone=True, save_manifest=False)
    params = Extras(**known_fields(Extras, spec.params))
    params = replace(
        params, upscaler_1=library.upscaler(params.upscaler_1), upscaler_2=library.upscaler(params.upscaler_2)
    )
    for restoring in params.restorers:
        library.face_restorer(restoring.name)
    if batch := Batch.recorded(spec.params):
        found = extras.plans(
            params, settings, batch_reader(inputs), [(entry.image, entry.infotext) for entry in batch.entries]
        )
        where = [member for entry in batch.entries for member in members(batch, entry, 1)]
        return JobPlan(found, extended_infotext, finished_facts, where, batch.notes)
    images = zip(spec.params["images"], spec.params["infotexts"], strict=True)
    return JobPlan(
        extras.plans(params, settings, partial(load_input, inputs), images), extended_infotext, finished_facts
    )


def extended_infotext(plan: ExtrasPlan, extra: Extra) -> str:
    """Return the generation data that the picture came with, extended by what Extras did."""
    return extended(plan.source.infotext, plan.params)


def finished_facts(plan: ExtrasPlan) -> dict[str, Any]:
    before = split_infotext(plan.source.infotext)
    return {"seed": before.pairs.get("Seed", ""), "prompt": before.prompt, "negative_prompt": before.negative_prompt}


# Settings --------------------------------------------------------------------------------------------


def read_spec(cls: type[Request], spec: JobSpec) -> tuple[Request, Settings]:
    settings = Settings(**known_fields(Settings, spec.settings))
    return with_standing_networks(recorded_request(cls, spec.params), settings), settings
