"""Hooked jobs of several requests: cells of a plot or a matrix, lines or pictures of files, parts of a script.

As in A1111 a cell is a copy of the job's `p`, and all hooks are called for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.base.border import outcome
from modules.base.errors import sentence
from modules.engine.messages import JobSpec
from modules.imaging.inputs import load_input
from modules.params.batch import Batch
from modules.params.img2img import Img2Img
from modules.params.plot_values import split_values
from modules.params.plots import Plot, XyzPlot, read_plot
from modules.params.scripts import script_arguments
from modules.params.txt2img import Generation
from modules.pipelines.canvas import Load
from modules.pipelines.scripts.table import IMAGE_SCRIPTS
from modules.requests.extension_axes import apply_axis, axis_options, values_of_axis
from modules.requests.own_sampling import plannable
from modules.settings.options import Settings
from modules.worker.batch import ODD, batch_reader, left_out_file
from modules.worker.grids import DonePicture, GridMaker
from modules.worker.hooks.hooked_parts import HookedScript
from modules.worker.job_kinds import JobPlan, each_request, plan_job, read_spec, request_of_file, script_cells
from modules.worker.saving import beside_files, grid_facts_of
from modules.worker.saving_grids import save_grid

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One of a job's requests.

    numbers: of its pictures; read: reads its input pictures; file: the batch's file that it starts from, "" without
    """

    request: Generation
    settings: Settings
    numbers: range
    read: Load
    file: str = ""


@dataclass(eq=False)
class HookedCells:
    """The requests of one job, drawn one after another, and their grids.

    plan: the same job without extensions, for its pictures' numbers and its grids
    """

    job: HookedJob
    plan: JobPlan
    cells: Sequence[Cell]
    plot: Plot | None
    done: dict[int, DonePicture] = field(default_factory=dict)      # by the picture's number

    def draw(self, p: Any) -> None:
        """Draw all cells that are not there yet, then the grids; an interruption leaves the others out."""
        job = self.job
        self.take_over(job.spec)
        left = [cell for cell in self.in_drawing_order() if not set(self.cells[cell].numbers) <= self.done.keys()]
        job.state.job_count = max(1, sum(self.batches_of(self.cells[cell]) for cell in left))
        for cell in left:
            if job.state.interrupted or job.state.stopping_generation:
                break
            problem = outcome(self.draw_cell, p, cell)
            if isinstance(problem, Exception):
                self.missed(cell, problem)
        for number in self.maker.returned() if self.done else ():
            if number not in job.spec.done:
                self.make_grid(number)

    def take_over(self, spec: JobSpec) -> None:
        """Note the pictures that an earlier run of the job has made."""
        for number, path in zip(spec.done, spec.paths, strict=False):
            if path and number < len(self.plan.plans):
                beside = beside_files(self.job.around.where.cache, spec.id, number)
                self.done[number] = DonePicture(Path(path), beside=beside)

    def in_drawing_order(self) -> list[int]:
        order = self.plan.grids.order
        by_picture = {number: cell for cell in range(len(self.cells)) for number in self.cells[cell].numbers}
        return list(dict.fromkeys(by_picture[number] for number in order)) if order else list(range(len(self.cells)))

    def batches_of(self, cell: Cell) -> int:
        """Return how many times a cell's pictures, or parts of them, are sampled."""
        script = IMAGE_SCRIPTS.get(cell.request.script_name)
        if script is None:
            return cell.request.n_iter
        together = cell.request.batch_size if script.together else 1
        plans = [self.plan.plan(number) for number in cell.numbers if number not in self.done]
        return sum(-(-len(plan.passes) // together) for plan in plans)

    def draw_cell(self, p: Any, place: int) -> None:
        """Draw one cell. Raises what its hooks and its request raise."""
        job, delivery, cell = self.job, self.job.finisher.delivery, self.cells[place]
        job.settings, job.native_arguments = cell.settings, cell.request.extensions
        own = job.cell_of(p, cell.request, cell.read)
        if self.plot:
            self.apply_axes(own, self.plot, place)
        delivery.numbers, job.desk.first_number = cell.numbers, cell.numbers.start
        if delivery.members and (folder := delivery.members[cell.numbers.start].folder):
            own.outpath_samples = folder
        delivery.further_facts = {number: grid_facts_of(self.plan, number) for number in cell.numbers}
        if cell.request.script_name in IMAGE_SCRIPTS:
            HookedScript(job, own, {number: self.plan.plan(number) for number in cell.numbers}).draw()
        else:
            delivery.show_all(own.scripts.run(own, *own.script_args) or job.process_images(own))
        for number in cell.numbers:
            if made := delivery.made.get(number):
                self.done[number] = DonePicture(Path(made.path), made.infotext)

    def apply_axes(self, p: Any, plot: Plot, cell: int) -> None:
        """Let extensions apply the values of their axes."""
        options = axis_options(self.job.host, self.job.spec.kind)
        for each, place in zip(plot.axes, plot.cells[cell], strict=True):
            if each.axis.name in plot.arguments.extension_axes:
                option = options[each.axis.name]
                values = values_of_axis(self.job.host, option, split_values(each.written))
                apply_axis(self.job.host, option, p, place, values)

    def missed(self, cell: int, problem: Exception) -> None:
        """A cell could not be drawn; raises that unless its file is odd, or grids show the others all the same."""
        if (file := self.cells[cell].file) and isinstance(problem, ODD):
            self.job.note(str(left_out_file(file, problem)))
            return
        if not self.plan.grids.forgiving or len(self.cells) == 1:
            raise problem
        log.warning("Cell %d of job %s failed", cell + 1, self.job.spec.id, exc_info=problem)
        self.job.note(f"Cell {cell + 1} of the grid is empty. {sentence(problem)}")

    # --- grids ---

    @property
    def maker(self) -> GridMaker:
        return GridMaker(self.plan, self.done)

    def make_grid(self, number: int) -> None:
        saved = outcome(save_grid, self.maker, number, self.job.spec, self.job.around.where)
        if isinstance(saved, Exception):
            log.error("Grid %d of job %s could not be made", number, self.job.spec.id, exc_info=saved)
            self.job.note(f"A grid could not be made; its pictures are all there. {sentence(saved)}")
            return
        self.job.around.emit(saved.event)
        if saved.problem:
            self.job.note(f"A grid could not be saved and is only in the cache. {sentence(saved.problem)}")


def cells_of(job: HookedJob, request: Generation) -> HookedCells | None:
    """Return the cells of a job that has several requests, or a script that draws in parts; None for any other job.

    Raises what planning the job raises.
    """
    batch = Batch.recorded(job.spec.params)
    if not batch and not request.script_name:
        return None
    plan = plan_job(plannable(job.spec), job.library, job.around.inputs, job.around.moments)
    for note in plan.warnings():
        job.note(note)
    job.finisher.delivery.members = plan.members
    if batch:
        return HookedCells(job, plan, list(cells_of_files(job, batch, plan)), None)
    read = partial(load_input, job.around.inputs)
    requests = list(each_request(type(request), job.spec, job.around.moments).requests)
    cells = list(cells_from(requests, range(len(plan.plans)), read))
    arguments = script_arguments(request)
    plot = read_plot(arguments, request, Settings) if isinstance(arguments, XyzPlot) else None
    return HookedCells(job, plan, cells, plot)


def cells_from(
    requests: Sequence[tuple[Generation, Settings]], numbers: range, read: Load, file: str = ""
) -> Iterator[Cell]:
    """Yield the cells of requests. numbers: of all their pictures"""
    first = numbers.start
    for request, settings in requests:
        in_parts = request.script_name in IMAGE_SCRIPTS
        count = len(numbers) // len(requests) if in_parts else request.pictures
        yield Cell(request, settings, range(first, first + count), read, file)
        first += count


def cells_of_files(job: HookedJob, batch: Batch, plan: JobPlan) -> Iterator[Cell]:
    """Yield the cells of a batch's files, without those that are left out."""
    read, spec = batch_reader(job.around.inputs), plannable(job.spec)
    usual, count = read_spec(Img2Img, spec), max(member.number for member in plan.members)
    for place, entry in enumerate(batch.entries[: len(plan.plans) // count]):
        numbers = range(place * count, (place + 1) * count)
        if plan.plans[numbers.start] is None:
            continue
        request, settings = request_of_file(spec, usual, entry, place)
        requests = list(script_cells(request, settings, False, job.around.moments).requests)
        yield from cells_from(requests, numbers, read, entry.file)
