"""What a job needs of a worker: memory, a kind of device, a precision; compared with what each worker has. No torch.

Memory is counted from below: the weights of the checkpoint and of the largest ControlNet in the worker's precision, and
the two largest maps of the decoder; of a training the weights of the model it trains on. So a job is refused only where
it cannot be done; one that needs more than this ends as `oom`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modules.app.fair_queue import DEVICE
from modules.app.work import hires_pixels
from modules.base.errors import NoWorkerFits
from modules.engine.messages import JobSpec, WorkerReady
from modules.library.catalog import ModelFile
from modules.params.control import NO_CONTROL_MODEL
from modules.requests.kinds import JOB_KINDS
from modules.settings.drawing_options import ANY_DEVICE

PRECISION_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}      # of a number; another's are not known: the least
DECODED_CHANNELS = 2 * 128      # what goes into the decoder's last convolutions and comes out, a pixel
BILLION = 1e9

FindFile = Callable[[str], ModelFile | None]


@dataclass(frozen=True)
class JobNeeds:
    """What a worker must have for a job; 0 and "" need nothing.

    weights: numbers in the checkpoint; narrow: they are kept in 8 bits; beside: numbers in the largest ControlNet
    pixels: of the largest picture that is decoded in one piece
    """

    weights: int = 0
    narrow: bool = False
    pixels: int = 0
    kind: str = ""
    precision: str = ""
    beside: int = 0

    def memory(self, worker: WorkerReady) -> int:
        """Return the bytes that it needs at least on a worker, by its precisions."""
        width, decoder = (PRECISION_BYTES.get(worker.device.get(part, ""), 1) for part in ("unet", "vae"))
        weights = self.weights * (1 if self.narrow else width) + self.beside * width
        return weights + self.pixels * DECODED_CHANNELS * decoder

    def met_by(self, worker: WorkerReady) -> bool:
        fits = not worker.memory or self.memory(worker) <= worker.memory
        return fits and self.kind in ("", worker.kind) and self.precision in ("", worker.device.get("unet", ""))


NO_NEEDS = JobNeeds()


def needs_nothing(spec: JobSpec) -> JobNeeds:
    return NO_NEEDS


def unmet(needs: JobNeeds, workers: Sequence[WorkerReady]) -> NoWorkerFits:
    """Return why none of the workers can do a job."""
    fitting = [each for each in workers if needs.kind in ("", each.kind)]
    if not fitting:
        return NoWorkerFits(
            f"This job asks for a {needs.kind.upper()}, and no worker has one.", "Choose another device for it."
        )
    fitting = [each for each in fitting if needs.precision in ("", each.device.get("unet", ""))]
    if not fitting:
        return NoWorkerFits(
            f"This job asks for {needs.precision}, and no worker draws in it.", "Choose another precision for it."
        )
    nearest = max(fitting, key=lambda each: each.memory / max(1, needs.memory(each)))
    wanted, there = needs.memory(nearest) / BILLION, nearest.memory / BILLION
    return NoWorkerFits(
        f"This job needs {wanted:.1f} GB of memory at least, and no worker has more than {there:.1f} GB for it.",
        "Ask for smaller pictures or another model, or let a machine with more memory join.",
    )


def job_needs(find: FindFile, find_control: FindFile, spec: JobSpec) -> JobNeeds:
    """Return what a job needs of a worker.

    find, find_control: return the checkpoint and the ControlNet of a name or title
    """
    row, settings = JOB_KINDS.get(spec.kind), spec.settings
    if row is None or not row.draws:
        return NO_NEEDS
    if row.lane != DEVICE:      # a training, or what belongs to one
        trained = spec.params.get("pretrained_model_name_or_path")
        return JobNeeds(weights_in(find(str(trained)))) if trained else NO_NEEDS
    units = (each for each in spec.params.get("control") or () if each.get("enabled"))
    models = {str(each.get("model")) for each in units} - {NO_CONTROL_MODEL}
    return JobNeeds(
        weights_in(find(str(settings.get("sd_model_checkpoint") or ""))),
        settings.get("fp8_storage", "Disable") != "Disable", decoded_pixels(spec),
        wished(settings, "needed_device").lower(), wished(settings, "needed_precision"),
        max((weights_in(find_control(name)) for name in models), default=0),
    )


def weights_in(file: ModelFile | None) -> int:
    return file.weights if file else 0


def wished(settings: Mapping[str, Any], name: str) -> str:
    """Return what a setting asks for; "" if it asks for nothing."""
    value = str(settings.get(name) or "")
    return "" if value == ANY_DEVICE else value


def decoded_pixels(spec: JobSpec) -> int:
    """Return the pixels of a job's largest picture; 0 where it is decoded in tiles or by a small decoder."""
    params, settings = spec.params, spec.settings
    if settings.get("sd_vae_tiles") or settings.get("sd_vae_decode_method", "Full") != "Full":
        return 0
    try:
        return int(max(params["width"] * params["height"], hires_pixels(params) if params.get("enable_hr") else 0))
    except (TypeError, KeyError, ZeroDivisionError):      # it has no size of its own
        return 0
