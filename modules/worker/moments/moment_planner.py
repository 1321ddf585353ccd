"""Where a job's requests become plans: extensions of Easel's own API are asked what they make of each picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from PIL import Image

from easel import moments
from easel.moments import CHANGEABLE
from modules.engine.messages import JobSpec
from modules.imaging.colour import flattened
from modules.library.library import Library, Remembering
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation
from modules.pipelines.canvas import Load
from modules.pipelines.plan import ImagePlan
from modules.pipelines.scripts.script_cells import Cells
from modules.plugins.host import Host
from modules.plugins.native_scripts import native_script
from modules.plugins.plan_values import plan_of_request
from modules.requests.expansion import picture_seeds
from modules.requests.recorded import known_fields
from modules.settings.account_limits import AccountLimits, account_limits
from modules.settings.options import Settings
from modules.worker.batch import batch_reader
from modules.worker.config import WorkerConfig
from modules.worker.moments.flow_room import FlowRoom
from modules.worker.moments.heard_picture import HeardPicture
from modules.worker.moments.participants import Participant, Participants
from modules.worker.moments.plans import request_of_plan
from modules.worker.moments.protocol import PlanRequest
from modules.worker.moments.script_drawings import cells_of_script
from modules.worker.picture_specs import start_of


@dataclass
class MomentPlanner:
    """Plans a job's pictures with the extensions that take part; without one it only passes on.

    load: reads an input picture by its name
    """

    host: Host
    library: Library
    limits: AccountLimits
    load: Load
    count: int = 0                      # of the pictures planned so far
    notes: dict[str, None] = field(default_factory=dict)

    def plans(self, params: Generation, settings: Settings, plan_request: PlanRequest) -> list[ImagePlan[Any, Any]]:
        """Return the plans of a request's pictures. plan_request: plans a request without extensions

        Raises what `plan_request` raises, and Invalid for a plan of an extension's that cannot be.
        """
        participants = self.participants(params)
        if not participants.all:
            found = list(plan_request(params))
        elif participants.hear(moments.planned) and not params.script_name:
            found = [
                with_batch(plan, params) for place, one in enumerate(each_picture(params))
                for plan in self.changed(participants, one, self.count + place, plan_request)
            ]
        else:
            planned = enumerate(plan_request(params), self.count)
            found = [self.heard(participants, {}, plan, index) for index, plan in planned]
        self.count += len(found)
        return found

    def cells(self, params: Generation, settings: Settings) -> Cells | None:
        """Return the requests that an extension's script makes of one; None if its script is none of theirs.

        Raises Invalid, UnknownName or CallFailed.
        """
        script = native_script(self.host, params.script_name)
        return cells_of_script(script, params, settings) if script else None

    def participants(self, params: Generation) -> Participants:
        """Return the extensions that take part in a request."""
        kind = "img2img" if isinstance(params, Img2Img) else "txt2img"
        found = []
        for native in self.host.natives():
            if native.shapes_pictures and kind in native.declaration.kinds:
                arguments = native.arguments(params.extensions.get(native.name) or {})
                if self.host.told_call(native.folder, "active", native.declaration.takes_part, arguments):
                    found.append(Participant(native, arguments))
        return Participants(self.host, tuple(found))

    def changed(
        self, participants: Participants, one: Generation, index: int, plan_request: PlanRequest
    ) -> list[ImagePlan[Any, Any]]:
        """Return the plans of a request for one picture, as the extensions plan it."""
        plan = plan_of_request(one, index)
        changed = participants.call(moments.planned, plan, lambda note: self.notes.update({note: None}))
        request = request_of_plan(one, changed)
        asked = {name: getattr(one, name) for name in CHANGEABLE if getattr(one, name) != getattr(request, name)}
        return [self.heard(participants, asked, each, index) for each in plan_request(request)]

    def heard(
        self, participants: Participants, asked: Mapping[str, Any], plan: ImagePlan[Any, Any], index: int
    ) -> ImagePlan[Any, Any]:
        """Return a plan whose picture the extensions hear of. asked: the fields that they changed, as they were"""
        value = plan_of_request(plan.params, index)
        start = partial(self.start, plan.params, plan.settings)
        own = HeardPicture(participants, asked, value, start, notes=dict(self.notes))
        made = replace(plan, passes=tuple(replace(each, moments=own) for each in plan.passes))
        own.room = FlowRoom(self.library, self.limits, made)
        return made

    def start(self, params: Generation, settings: Settings) -> Image.Image | None:
        if not isinstance(params, Img2Img) or not params.init_images:
            return None
        return flattened(self.load(params.init_images[0]), settings.img2img_background_color)


def each_picture(params: Generation) -> list[Generation]:
    """Return a request for each picture."""
    asked = vars(params)
    return [
        replace(params, n_iter=1, batch_size=1, seed=seed, subseed=subseed, **start_of(asked, number))
        for number, (seed, subseed) in enumerate(picture_seeds(asked))
    ]


def with_batch(plan: ImagePlan[Any, Any], params: Generation) -> ImagePlan[Any, Any]:
    """Return a single picture's plan as one of its request's batch."""
    return replace(plan, params=replace(plan.params, n_iter=params.n_iter, batch_size=params.batch_size))


def moments_of(config: WorkerConfig, spec: JobSpec) -> MomentPlanner | None:
    """Return the planner of a job's moments; None if there is no extension that listens to any."""
    if not (config.extensions and config.extensions.native):
        return None
    settings = Settings(**known_fields(Settings, spec.settings))
    library = Remembering(config.library.catalogs, config.library.approximations)
    limits = account_limits(settings, spec.role)
    return MomentPlanner(config.extensions, library, limits, batch_reader(config.inputs / spec.folder))
