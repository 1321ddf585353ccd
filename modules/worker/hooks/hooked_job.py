"""The life of a job whose pictures extensions take part in: A1111's hooks in A1111's order.

All of it is carried out in the extensions' thread. A script may call `process_images` any number of times, also from
within a hook: each call goes through `process_images` here, and waits only for errands of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

from PIL import Image
from torch.utils.weak import WeakIdKeyDictionary

from modules.engine.messages import Emit, Ended, JobSpec, Preview
from modules.imaging.inputs import load_input
from modules.library.catalog import ModelFile
from modules.library.library import Library, Remembering
from modules.models.vae.preview import jpeg_of
from modules.params.control import enabled_units
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation, Txt2Img
from modules.pipelines.canvas import Load
from modules.pipelines.plan import PicturePart
from modules.pipelines.safety import SafetyCheck
from modules.pipelines.unit_turns import have_one_seed
from modules.pipelines.upscaling import Enlarger
from modules.plugins.host import Host, surface
from modules.requests.extension_scripts import EXTENSION_SCRIPT, OVER_API
from modules.sampling.consulted import StepCount
from modules.sampling.questions import Decode, Interrupted
from modules.sampling.weights import Weights
from modules.settings.options import Settings
from modules.store.jobs import DONE, INTERRUPTED
from modules.worker.hooks import request_view
from modules.worker.hooks.batch_plans import BatchPlanner
from modules.worker.hooks.errands import ErrandDesk
from modules.worker.hooks.finishing import Finisher
from modules.worker.hooks.hooked_batch import HookedBatch, HookedPicture, to_levels
from modules.worker.hooks.hooked_infotext import SET_BEFORE_INIT, HookedInfotext
from modules.worker.hooks.job_options import JobOptions
from modules.worker.hooks.job_state import JobState
from modules.worker.hooks.prompt_tags import PromptTags
from modules.worker.hooks.script_runner import ScriptRunner
from modules.worker.hooks.shown_sampler import shown_sampler
from modules.worker.hooks.step_listeners import StepListeners
from modules.worker.moments.protocol import Moments
from modules.worker.picture_files import files_for, find_checkpoint
from modules.worker.picture_specs import template_pairs
from modules.worker.saving import Where

CLASSES: Mapping[str, tuple[str, type[Generation]]] = {
    "txt2img": ("StableDiffusionProcessingTxt2Img", Txt2Img), "img2img": ("StableDiffusionProcessingImg2Img", Img2Img),
}


@dataclass(frozen=True)
class Surroundings:
    """What a hooked job needs of its worker."""

    host: Host
    library: Library
    inputs: Path                        # the owner's input pictures
    where: Where
    desk: ErrandDesk
    emit: Emit
    note: Callable[[str], None]         # tells the job's owner
    progress: Callable[[float], None]   # 0 … 1
    safety: SafetyCheck | None = None
    moments: Moments | None = None      # of extensions of Easel's own API


class HookedJob:
    """A job, as its extensions have it: `p`, `shared.state`, `shared.opts`, and `process_images`."""

    def __init__(self, spec: JobSpec, around: Surroundings, settings: Settings) -> None:
        self.spec, self.around, self.settings = spec, around, settings
        self.thread = get_ident()           # the one that its hooks are called in
        self.host, self.desk, self.note = around.host, around.desk, around.note
        self.library = Remembering(around.library.catalogs, around.library.approximations)
        self.state, self.opts = JobState(self), JobOptions.of(self)
        self.kept = request_view.InputPictures()
        self.infotext = HookedInfotext(self)
        self.finisher = Finisher(self)
        # of extensions of Easel's own API
        self.native_arguments: dict[str, Any] = spec.params.get("extensions") or {}
        self.depth = 0                      # of process_images within process_images
        self.tiles: Sequence[PicturePart | None] = ()       # of a batch's pictures, where a script paints parts
        self.tags, self.planner = PromptTags(self), BatchPlanner(self)
        self.models: dict[str, Any] = {}    # facts of checkpoints, by the setting's name
        self.batch_in_hand: HookedBatch | None = None       # what `p.sample` samples
        self.p_in_hand: Any = None
        # by p and the picture's number; gone with p, in whose place another may lie later
        self.drawn: MutableMapping[Any, dict[int, HookedPicture]] = WeakIdKeyDictionary()

    # --- what may stop it ---

    def interrupt(self) -> None:
        """End the job after the evaluation in hand; called by extensions, and by whoever asked for the job."""
        self.state._interrupted = True
        self.desk.engine.interrupt(self.spec.id)

    def skip(self) -> None:
        self.state._skipped = True
        self.desk.engine.interrupt(self.spec.id)

    @property
    def end(self) -> Ended:
        return Ended(self.spec.id, INTERRUPTED if self.state.interrupted else DONE)

    @property
    def stops_now(self) -> bool:
        """True if the batch in the making is to end."""
        return self.state.interrupted or self.state.skipped

    def show_progress(self, of_batch: float = 0.0) -> None:
        """Tell how far the job is. of_batch: how far the batch in the making is"""
        self.around.progress(min(1.0, (self.state.job_no + of_batch) / max(1, self.state.job_count)))

    @property
    def shows_previews(self) -> bool:
        """Return whether half-made images may be seen: nobody checks them."""
        safety = self.around.safety
        return self.settings.live_previews_enable and not (safety and safety.withholds)

    def show_image(self, image: Any) -> None:
        """Show a picture of an extension's as the preview of the one in the making."""
        if self.shows_previews and isinstance(image, Image.Image):
            self.around.emit(Preview(self.spec.id, self.desk.first_number, jpeg_of(image)))

    # --- p ---

    @property
    def sd_model(self) -> Any:
        """`p.sd_model` and `shared.sd_model`: facts of the checkpoint."""
        return surface("shared").sd_model

    @property
    def model_facts(self) -> Any:
        """What extensions may know of the job's checkpoint."""
        name = self.settings.sd_model_checkpoint
        if name not in self.models:
            self.models[name] = surface("sd_model_view").checkpoint_facts(self, self.checkpoint)
        return self.models[name]

    @property
    def checkpoint(self) -> ModelFile:
        catalog = self.library.checkpoints
        return catalog.hashed(find_checkpoint(catalog, self.settings.sd_model_checkpoint))

    def p_of(self, request: Generation) -> Any:
        """Return `p` for a request, with its scripts and their arguments; this calls `setup`."""
        name, _ = CLASSES[self.spec.kind]
        kind = getattr(surface("processing"), name)
        settled = request.script_name or self.own_prompts       # its prompts have their styles
        unstyled = {} if settled else self.spec.params.get("unstyled") or {}
        values = request_view.fields_for_p(request, kind.fields(), unstyled)
        saved = self.spec.save and self.settings.samples_save
        p = kind(**values, do_not_save_samples=not saved, do_not_save_grid=not self.spec.save)
        p.is_api, p.control, p.detailer = OVER_API in self.spec.params, request.control, request.detailer
        p.regions, p.region_mode, p.region_base = request.regions, request.region_mode, request.region_base
        p.extra_generation_params.update(template_pairs(self.spec.params))
        p.outpath_samples, p.outpath_grids = (str(self.finisher.folder(what)) for what in ("samples", "grids"))
        if isinstance(request, Img2Img):
            vars(p).update(input_pictures(request, partial(load_input, self.around.inputs)))
        return p

    def cell_of(self, p: Any, request: Generation, read: Load) -> Any:
        """Return `p` for one of several requests: a copy, as A1111's scripts make one. read: reads input pictures"""
        own = copy(p)
        values = request_view.fields_for_p(request, p.fields(), {})
        pictures = input_pictures(request, read) if isinstance(request, Img2Img) else {}
        own_dicts = {name: dict(getattr(p, name)) for name in ("extra_generation_params", "override_settings")}
        vars(own).update({**values, **pictures, **own_dicts, "do_not_save_grid": True})
        own.control, own.detailer = request.control, request.detailer
        return own

    def scripts_of(self, p: Any) -> ScriptRunner:
        """Return the scripts whose hooks are called for `p`; none if it has none."""
        return p.scripts if isinstance(p.scripts, ScriptRunner) else ScriptRunner.nothing(self.host)

    def listeners(self, p: Any, count: StepCount, pictures: Sequence[HookedPicture] = ()) -> StepListeners:
        """Return the listeners of one pass, and give `p` its sampler."""
        p.sampler = shown_sampler(self.host, p, count, pictures)
        return StepListeners(self.host, self.scripts_of(p), p.sampler, count, self.note)

    # --- process_images ---

    def process_images(self, p: Any) -> Any:
        """Make the pictures of `p`. Returns A1111's Processed; an interruption ends it with what there is."""
        with self.processing():
            self.begin(p)
            return self.make_batches(p)

    @contextmanager
    def processing(self) -> Iterator[None]:
        """Within it one `p` is processed; its settings are its own."""
        self.depth += 1
        standing, before = self.settings, self.p_in_hand
        try:
            yield
        finally:
            self.settings, self.p_in_hand = standing, before
            self.depth -= 1

    def begin(self, p: Any) -> None:
        """Call the hooks that come before any batch, with all that `process` is to find."""
        self.p_in_hand = p
        self.scripts_of(p).call("before_process", p)
        self.settings, notes = request_view.settings_of_p(p, self.settings)
        for note in notes:
            self.note(note)
        self.prepare(p)
        self.scripts_of(p).call("process", p)
        self.infotext.note_order(p, SET_BEFORE_INIT)

    def make_batches(self, p: Any) -> Any:
        """Make the batches of a `p` that was begun. Returns A1111's Processed."""
        if self.state.job_count <= 0 or self.depth == 1 and self.state.job_no == 0:
            self.state.job_count = max(self.state.job_count, p.n_iter)
        finished = self.finisher.begin(p)
        for number in range(p.n_iter):
            p.iteration = number
            self.state._skipped = False
            if self.state.interrupted or self.state.stopping_generation:
                break
            if not self.finisher.taken_over(p, number, finished) and not self.batch(p, number, finished):
                break
            self.state.nextjob()
        self.tags.deactivate(p)
        processed = self.finisher.processed(p, finished)
        self.scripts_of(p).call("postprocess", p, processed)
        return processed

    def prepare(self, p: Any) -> None:
        """Fill in what `process` is to find: prompts and seeds of all pictures."""
        fixed = surface("processing").get_fixed_seed
        seed, subseed = (value if isinstance(value, list) else fixed(value) for value in (p.seed, p.subseed))
        p.restore_faces = self.settings.face_restoration if p.restore_faces is None else p.restore_faces
        p.tiling = self.settings.tiling if p.tiling is None and hasattr(self.settings, "tiling") else bool(p.tiling)
        p.scheduler = p.scheduler or "Automatic"
        self.fill_numbers(p)
        request = self.planner.request(p)
        checkpoint = files_for(self.library, request, self.settings).checkpoint
        p.sd_model_name, p.sd_model_hash = checkpoint.model_name, checkpoint.shorthash
        self.fill_prompts(p)
        varied, count = p.subseed_strength > 0, len(p.all_prompts)
        alike = have_one_seed(enabled_units(request.control), self.settings)
        places = [0] * count if alike else range(count)
        p.all_seeds = seed if isinstance(seed, list) else [int(seed) + (0 if varied else n) for n in places]
        p.all_subseeds = subseed if isinstance(subseed, list) else [int(subseed) + n for n in places]

    def fill_numbers(self, p: Any) -> None:
        s = self.settings
        for name in ("s_min_uncond", "s_churn", "s_tmin", "s_noise"):
            setattr(p, name, getattr(s, name) if getattr(p, name) is None else getattr(p, name))
        p.s_tmax = (s.s_tmax or float("inf")) if p.s_tmax is None else p.s_tmax

    def fill_prompts(self, p: Any) -> None:
        """Set all_prompts and all_negative_prompts, with p's styles in them."""
        given = [self.prompts_given(p, name, p.batch_size * p.n_iter) for name in ("prompt", "negative_prompt")]
        positive = [self.styled(p, prompt) for prompt in given[0]]
        negative = [self.styled(p, prompt, negative=True) for prompt in given[1]]
        negative = negative * len(positive) if len(negative) == 1 else negative
        p.all_prompts, p.all_negative_prompts = positive, negative
        p.main_prompt, p.main_negative_prompt = positive[0], negative[0]
        if getattr(p, "enable_hr", False):
            second = zip(self.prompts_given(p, "hr_prompt", len(positive)), positive, strict=False)
            p.all_hr_prompts = [self.styled(p, own) if own else first for own, first in second]
            second = zip(self.prompts_given(p, "hr_negative_prompt", len(negative)), negative, strict=False)
            p.all_hr_negative_prompts = [self.styled(p, own, negative=True) if own else first for own, first in second]

    @property
    def own_prompts(self) -> Sequence[Mapping[str, str]]:
        """The prompts of each picture by field, where dynamic prompts were made plain; () where all have the same."""
        return self.spec.params.get("picture_prompts") or ()

    def prompts_given(self, p: Any, name: str, count: int) -> list[str]:
        """Return so many texts of a prompt, one for each of p's pictures, without styles."""
        given = getattr(p, name)
        if isinstance(given, list):
            return given
        if self.depth == 1 and EXTENSION_SCRIPT not in self.spec.params and len(self.own_prompts) == count:
            return [str(own.get(name, given)) for own in self.own_prompts]
        return [given] * count

    def styled(self, p: Any, prompt: str, negative: bool = False) -> str:
        if not p.styles:
            return prompt
        name = "negative_prompt" if negative else "prompt"
        asked = self.spec.params.get("unstyled") or {}
        if prompt == asked.get(name) and list(p.styles) == [each for each, _ in asked.get("styles", ())]:
            return str(self.spec.params[name])      # as the request was resolved
        styles = surface("shared").prompt_styles
        apply = styles.apply_negative_styles_to_prompt if negative else styles.apply_styles_to_prompt
        return str(apply(prompt, p.styles))

    # --- one batch ---

    def batch(self, p: Any, number: int, finished: Any) -> bool:
        """Make one batch; False if it has no prompts, which ends the job."""
        scripts, of_batch = self.scripts_of(p), self.begin_batch(p, number)
        seeds, subseeds = list(p.seeds), list(p.subseeds)
        p.rng = surface("rng").of_batch(self, p)

        def told() -> dict[str, Any]:
            return {"batch_number": number, "prompts": p.prompts, "seeds": p.seeds, "subseeds": p.subseeds}

        scripts.call("before_process_batch", p, **told())
        if not p.prompts:
            return False
        self.tags.take(p)
        self.tags.activate(p)
        scripts.call("process_batch", p, **told())
        drawn = self.draw(p, of_batch.start, seeds, subseeds)
        if drawn is None:
            return True
        p.prompts, p.negative_prompts = p.all_prompts[of_batch], p.all_negative_prompts[of_batch]
        self.finisher.finish(p, number, drawn, finished)
        return True

    def begin_batch(self, p: Any, number: int) -> slice:
        """Give `p` what a batch's pictures are made of; returns their place among all of p's."""
        of_batch = slice(number * p.batch_size, (number + 1) * p.batch_size)
        p.prompts, p.negative_prompts = p.all_prompts[of_batch], p.all_negative_prompts[of_batch]
        p.seeds, p.subseeds = p.all_seeds[of_batch], p.all_subseeds[of_batch]
        if getattr(p, "enable_hr", False):
            p.hr_prompts, p.hr_negative_prompts = p.all_hr_prompts[of_batch], p.all_hr_negative_prompts[of_batch]
        return of_batch

    def draw(self, p: Any, first: int, seeds: Sequence[int], subseeds: Sequence[int]) -> list[HookedPicture] | None:
        """Plan and draw the batch's pictures; None if it was interrupted before there was anything."""
        plans = self.planner.plans(p, seeds, subseeds)
        for files in (pass_.files for plan in plans for pass_ in plan.passes):
            for note in (*files.notes, *files.networks.notes):
                self.note(note)
        before, self.batch_in_hand = self.batch_in_hand, HookedBatch(self, p, plans, first)
        try:
            drawn = self.batch_in_hand.draw()
        except Interrupted:
            return None
        finally:
            self.batch_in_hand = before
        self.drawn.setdefault(p, {}).update(enumerate(drawn, first))
        return drawn

    # --- what else extensions ask for ---

    def decode(self, latents: Any) -> list[Any]:
        """Decode latents (pictures, C, h, w) by the checkpoint's VAE to pictures (3, H, W) in [-1, 1]."""
        weights = Weights(self.checkpoint.sha256 or "")
        return [to_levels(pixels) * 2 - 1 for pixels in self.desk.ask([Decode(weights, each) for each in latents])]

    def upscale(self, image: Image.Image, scale: float, name: str) -> Image.Image:
        """Enlarge a picture by an upscaler of that name."""
        [larger] = self.desk.do([Enlarger.of(self.library.upscaler(name), self.settings).by(image, scale)])
        return larger

    def saves(self, p: Any) -> bool:
        return self.spec.save and not p.do_not_save_samples


def input_pictures(request: Img2Img, read: Load) -> dict[str, Any]:
    """Return the fields of `p` that are the request's pictures, and its mask's blur. Raises InvalidImage."""
    blur_x, blur_y = request.blur
    return {
        "init_images": [read(image) for image in request.init_images],
        "image_mask": read(request.mask) if request.mask else None, "mask_blur_x": blur_x, "mask_blur_y": blur_y,
    }
