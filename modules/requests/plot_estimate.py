"""What a plot would be: cells, pictures to draw, work, changes of models, the grid's size. No torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from PIL import Image

from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.app.work import picture_work
from modules.base.accounts import Account
from modules.imaging.save import png
from modules.params.batch import Img2ImgBatch
from modules.params.plot_axes import Variant
from modules.params.plots import Plot, XyzPlot, read_plot
from modules.params.scripts import script_arguments
from modules.params.txt2img import Generation
from modules.requests.batch_inputs import scaled_fields
from modules.requests.plot_jobs import CellMap, cell_map, earlier_cells, plotted_request
from modules.requests.submit import Submission, resolved_submission
from modules.settings.options import Settings
from modules.store.jobs import JobRecord
from modules.store.migrations import pictures_of

BYTES_OF_PIXEL = 3
PLACE_SIDE = 8      # pixels of a picture that only holds a place
DEAR_SETTINGS = ("sd_model_checkpoint", "sd_vae")      # a change of one loads a file
WORK_FIELDS = (
    "width", "height", "steps", "denoising_strength", "enable_hr", "hr_scale", "hr_resize_x", "hr_resize_y",
    "hr_second_pass_steps",
)


@dataclass(frozen=True)
class PlotEstimate:
    """What a request would make.

    shape: values of each axis; taken: cells that an earlier plot has drawn; swaps: changes of a model or VAE on the way
    seconds: by the speed of the last pictures; None before the first one
    grid: width and height of the largest grid without its legend; grid_megabytes: its memory while it is made
    too_large: True if the grid is above the setting `img_max_size_mp`, and is not made
    """

    shape: list[int]
    pictures: int
    taken: int
    swaps: int
    seconds: float | None
    grid: list[int]
    grid_megabytes: float
    too_large: bool


def plot_estimate(app: App, asked: Submission, account: Account) -> PlotEstimate:
    """Return what a request would make, with the checks of a real one. Raises as `submit` does."""
    resolved, _ = resolved_submission(app, asked, account)
    settings, params = resolved.settings, resolved.params
    record = JobRecord("", account.name, resolved.kind, params, asdict(settings), resolved.save)
    request, cells = plotted_request(record), cell_map(record, app.extensions)
    arguments = script_arguments(request) if request and cells else None
    taken = len(earlier_cells(app, resolved, account))
    shape, each = (cells.shape, cells.each) if cells else ([pictures_of(params)], 1)
    pictures = math.prod(shape) * each
    work, swaps = picture_work(params) * pictures, 0
    if request and isinstance(arguments, XyzPlot):
        plot = read_plot(arguments, request, Settings)
        work, swaps = plot_work(plot, record, request) * each, swaps_of(plot, request, settings)
    width, height = largest_grid(record, cells)
    share = (pictures - taken * each) / pictures if pictures else 0.0
    seconds = app.jobs.unfinished.throughput.seconds(work * share)
    return PlotEstimate(
        shape, pictures, taken * each, swaps, seconds, [width, height], width * height * BYTES_OF_PIXEL / 1e6,
        bool(settings.img_max_size_mp and width * height > settings.img_max_size_mp * 1e6),
    )


def with_picture_to_come(app: App, asked: Submission, account: Account, size: tuple[int, int] | None) -> Submission:
    """Return an img2img submission that names no picture yet with one in its place.

    size: width and height of that picture; None if there is none, and then the submission stays as it is
    Raises OverQuota or Invalid.
    """
    request = asked.request
    if size is None or not isinstance(request, Img2ImgBatch) or request.init_images or request.batch_source:
        return asked
    place = keep_input(app, account, png(Image.new("L", (PLACE_SIDE, PLACE_SIDE)), ""))
    scaled = scaled_fields(size, request.scale_by) if request.resize_by else {}
    return replace(asked, request=replace(request, init_images=(place,), resize_by=False, **scaled))


def plot_work(plot: Plot, record: JobRecord, request: Generation) -> float:
    """Return the megapixel-steps of one picture of every cell; work goes by few fields, so most cells share theirs."""
    known: dict[tuple[Any, ...], float] = {}
    base, total = Variant(replace(request, script_name="", script_args=()), {}, plot.arguments.styles), 0.0
    for variant in plot.variants(base):
        key = tuple(variant.changes.get(name) for name in WORK_FIELDS)
        if key not in known:
            known[key] = picture_work({**record.params, **variant.changes})
        total += known[key]
    return total


def swaps_of(plot: Plot, request: Generation, settings: Settings) -> int:
    """Return how often a model or VAE changes on the way through the cells."""
    base = Variant(replace(request, script_name="", script_args=()), {}, plot.arguments.styles)
    used = []
    for variant in plot.variants(base):
        own = (variant.settings.get(name, getattr(settings, name)) for name in DEAR_SETTINGS)
        used.append((*own, variant.value("refiner_checkpoint")))
    return sum(used[before] != used[after] for before, after in pairwise(plot.drawing_order))


def largest_grid(record: JobRecord, cells: CellMap | None) -> tuple[int, int]:
    """Return width and height of the grid of all X, Y and Z, without legends, of cells as large as the request says."""
    width, height = record.params.get("width", 0), record.params.get("height", 0)
    if cells is None:
        return 0, 0
    columns, rows, depth = (*cells.shape, 1)[:3]
    margin = cells.margin
    return depth * (columns * (width + margin) - margin), rows * (height + margin) - margin
