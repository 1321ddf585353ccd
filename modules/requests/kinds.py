"""The table of job kinds: the request class, the resolving function and the planner of each. No torch.

A new kind is one row here and the two functions that it names. Page, API, command line and worker read this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.app.fair_queue import CREATION, DEVICE, FILES, TRAINING
from modules.app.permissions import MAKE_MODELS, TRAIN
from modules.base.accounts import Role
from modules.base.registry import Registry
from modules.params.batch import ExtrasBatch, Img2ImgBatch
from modules.params.interrogation import Interrogation
from modules.params.map_request import MapRequest
from modules.params.merge import Conversion, Extraction, Merge
from modules.params.picture_embedding import PictureEmbedding
from modules.params.training import Training
from modules.params.txt2img import Txt2Img
from modules.requests.drawing import img2img_params, txt2img_params
from modules.requests.enlarging import extras_params
from modules.requests.interrogation import interrogation_params
from modules.requests.maps import map_params
from modules.requests.merge import conversion_params, extraction_params, merge_params
from modules.requests.picture_embedding import picture_embedding_params
from modules.requests.training import measured_params, new_network_params, training_params

ResolveRequest = Callable[[App, Any, AccountData], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job.

    name: as in the job table, the API and the page
    request: the declared class of its requests: form, API schema and limits, flags of the command line
    resolve: app, request and the account's data → the parameters, plain data that leave nothing to chance
    planner: the worker's function for it, as `module:function`; imported by the worker alone, since it may need torch
    draws: True if it samples with a checkpoint, which must be there
    lane: what it is carried out by, one queue each: the device's pictures; files beside it, one job at a time
        (worker/file_jobs.py); training, which shares the device (worker/training), and what is short beside it,
        for which no run is waited for
    may: the least role that may ask for it
    right: the setting by which an administrator lets members have it; "" asks for none
    """

    name: str
    request: type[Any]
    resolve: ResolveRequest
    planner: str
    draws: bool = True
    lane: str = DEVICE
    may: Role = Role.GUEST
    right: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def device(self) -> bool:
        """True if it makes images on the device."""
        return self.lane == DEVICE


JOB_KINDS: Registry[JobKind] = Registry(
    "kind of job",
    (
        JobKind("txt2img", Txt2Img, txt2img_params, "modules.worker.job_kinds:plan_txt2img"),
        JobKind("img2img", Img2ImgBatch, img2img_params, "modules.worker.job_kinds:plan_img2img"),
        JobKind("extras", ExtrasBatch, extras_params, "modules.worker.job_kinds:plan_extras", draws=False),
        JobKind("merge", Merge, merge_params, "modules.worker.model_files:plan_merge", draws=False, lane=FILES,
                right=MAKE_MODELS),
        JobKind(
            "convert",
            Conversion,
            conversion_params,
            "modules.worker.model_files:plan_conversion",
            draws=False,
            lane=FILES,
            right=MAKE_MODELS,
        ),
        JobKind(
            "extract_lora",
            Extraction,
            extraction_params,
            "modules.worker.model_files:plan_extraction",
            draws=False,
            lane=FILES,
            right=MAKE_MODELS,
        ),
        JobKind("embed_pictures", PictureEmbedding, picture_embedding_params,
                "modules.worker.picture_embedding:plan_picture_embedding", draws=False, lane=FILES),
        JobKind("interrogate", Interrogation, interrogation_params, "modules.worker.interrogation:plan_interrogation",
                draws=False, lane=FILES),
        JobKind("control_map", MapRequest, map_params, "modules.worker.map_plans:plan_maps", draws=False),
        JobKind("train", Training, training_params, "modules.worker.training.planning:plan_training", lane=TRAINING,
                may=Role.MEMBER, right=TRAIN),
        JobKind("new_network", Training, new_network_params, "modules.worker.training.planning:plan_training",
                lane=CREATION, may=Role.MEMBER, right=TRAIN),
        JobKind("measure_training", Training, measured_params, "modules.worker.training.planning:plan_training",
                lane=CREATION, may=Role.MEMBER, right=TRAIN),
    ),
)
