"""The plans of a hooked job's pictures: `p` read back into requests, with the checks that any request has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from modules.imaging.inputs import load_input
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation, Txt2Img
from modules.pipelines import hires, img2img, txt2img
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.plan import Files, ImagePlan
from modules.pipelines.scripts.script_run import with_tile
from modules.pipelines.unit_turns import with_pictures_of
from modules.settings.account_limits import account_limits
from modules.settings.options import Settings
from modules.worker.control_plans import with_control, with_maps
from modules.worker.detail_plans import with_detailer
from modules.worker.hooks import request_view
from modules.worker.hooks.canvas_of_p import CanvasOfP
from modules.worker.hooks.prompt_tags import without_own
from modules.worker.job_kinds import enlargeable
from modules.worker.picture_files import files_for, files_of_both

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob


@dataclass(eq=False)
class BatchPlanner:
    """Plans the pictures of one job, batch by batch."""

    job: HookedJob

    def request(self, p: Any) -> Generation:
        """Return the request that a `p` is, checked. Raises Invalid or UnknownName."""
        cls: type[Generation] = Img2Img if hasattr(p, "init_images") else Txt2Img
        return request_view.request_from_p(p, cls, self.job.kept, self.job.settings, self.job.host)

    def plans(self, p: Any, seeds: Sequence[int], subseeds: Sequence[int]) -> list[ImagePlan[Any, Any]]:
        """Return the plans of the pictures of p's batch. Raises UnknownName, ModelError or Invalid."""
        settings, request = request_view.settings_in_fields(p, self.job.settings), self.request(p)
        plans = []
        for place, prompt in enumerate(p.prompts):
            own = replace(
                request, prompt=self.job.tags.put_back(prompt, place),
                negative_prompt=p.negative_prompts[place % len(p.negative_prompts)],
                seed=int(seeds[min(place, len(seeds) - 1)]), subseed=int(subseeds[min(place, len(subseeds) - 1)]),
            )
            plans.append(self.planned(self.for_second_pass(own, p, place), settings, p, place))
        self.check(plans, p)
        last = p.iteration + 1 >= p.n_iter
        plans = with_detailer(plans, self.job.library, partial(load_input, self.job.around.inputs))
        plans = [with_pictures_of(plan, p.iteration * p.batch_size + place) for place, plan in enumerate(plans)]
        return with_maps(plans) if last else plans

    def for_second_pass(self, request: Generation, p: Any, place: int) -> Generation:
        if not isinstance(request, Txt2Img) or not request.enable_hr or not p.hr_prompts:
            return request
        own = p.hr_prompts[place % len(p.hr_prompts)]
        negative = p.hr_negative_prompts[place % len(p.hr_negative_prompts)]
        number = p.iteration * p.batch_size + place
        return replace(
            request,
            # "" would be the first pass's
            hr_prompt=(without_own(own, self.job.tags.own_names) or " ") if own != p.all_prompts[number] else "",
            hr_negative_prompt=(negative or " ") if negative != p.all_negative_prompts[number] else "",
        )

    def planned(self, request: Generation, settings: Settings, p: Any, place: int) -> ImagePlan[Any, Any]:
        """Return the plan of one picture. Raises UnknownName, ModelError or Invalid."""
        request = with_standing_networks(request, settings)
        if not (moments := self.job.around.moments):
            return self.plan_of(request, settings, p, place)
        one = replace(request, extensions=self.job.native_arguments, n_iter=1, batch_size=1)
        [plan] = moments.plans(one, settings, lambda own: [self.plan_of(own, settings, p, place)])
        return replace(plan, params=replace(plan.params, n_iter=request.n_iter, batch_size=request.batch_size))

    def plan_of(self, request: Generation, settings: Settings, p: Any, place: int) -> ImagePlan[Any, Any]:
        if isinstance(request, Img2Img):
            images = request.init_images
            one = replace(request, init_images=(images[place % len(images)],), n_iter=1, batch_size=1)
            files = self.controlled(files_for(self.job.library, one, settings), one)
            files = with_tile(files, self.job.tiles[place]) if place < len(self.job.tiles) else files
            [plan] = img2img.plans(one, settings, files, self.job.kept.load, CanvasOfP(p, place))
            return replace(plan, params=replace(plan.params, n_iter=request.n_iter, batch_size=request.batch_size))
        assert isinstance(request, Txt2Img)
        if not request.enable_hr:
            files = self.controlled(files_for(self.job.library, request, settings), request)
            return txt2img.plan_single_pass(request, settings, files)
        larger = enlargeable(request, settings, self.job.library)
        files = self.controlled(files_of_both(self.job.library, larger, settings), larger)
        return hires.plan_hires(larger, settings, files)

    def controlled(self, files: Files, request: Generation) -> Files:
        """Return the files with the request's ControlNet units. Raises UnknownName or ModelError."""
        return with_control(files, request, self.job.library, partial(load_input, self.job.around.inputs))

    def check(self, plans: Sequence[ImagePlan[Any, Any]], p: Any) -> None:
        """Hold what extensions asked for to the limits of the job's account. Raises Invalid."""
        limits = account_limits(self.job.settings, self.job.spec.role)
        limits.check_pictures(p.n_iter * p.batch_size)
        for pass_ in (pass_ for plan in plans for pass_ in plan.passes):
            limits.check_size(*pass_.frame)
            limits.check_steps(pass_.steps)
