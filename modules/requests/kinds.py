"""The table of job kinds: what a request of each kind declares, how it is resolved, and where the worker plans it. No torch.

A new kind is one row here and the two functions that it names. Page, API, command line and worker read this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modules.app.app import App
from modules.base.registry import Registry
from modules.params.batch import ExtrasBatch, Img2ImgBatch
from modules.params.txt2img import Txt2Img
from modules.requests.drawing import img2img_params, txt2img_params
from modules.requests.enlarging import extras_params
from modules.settings.options import Settings

Resolve = Callable[[App, Any, Settings], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job.

    name: as it stands in the job table, the API and the page
    request: the declared class of its requests: form, API schema and limits, flags of the command line
    resolve: app, request and the server's settings → the job's parameters, plain data that leave nothing to chance
    planner: the worker's function for it, as `module:function`; imported by the worker alone, since it may need torch
    """

    name: str
    request: type[Any]
    resolve: Resolve
    planner: str
    draws: bool = True      # with a checkpoint, that must be here
    aliases: tuple[str, ...] = ()


KINDS: Registry[JobKind] = Registry("kind of job", (
    JobKind("txt2img", Txt2Img, txt2img_params, "modules.worker.job_kinds:plan_txt2img"),
    JobKind("img2img", Img2ImgBatch, img2img_params, "modules.worker.job_kinds:plan_img2img"),
    JobKind("extras", ExtrasBatch, extras_params, "modules.worker.job_kinds:plan_extras", draws=False),
))
