"""Hooked jobs of several requests: cells of a plot or a matrix, lines of a file. Each is a `process_images`.

As in A1111 a cell is a copy of the job's `p`, and all hooks are called for it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.base.border import outcome
from modules.base.errors import sentence
from modules.engine.messages import JobSpec
from modules.params.plot_values import split_values
from modules.params.plots import Plot, XyzPlot, read_plot
from modules.params.scripts import script_arguments
from modules.params.txt2img import Generation
from modules.pipelines.scripts.table import REQUEST_SCRIPTS
from modules.requests.extension_axes import apply_axis, axis_options, values_of_axis
from modules.requests.own_sampling import plannable
from modules.settings.options import Settings
from modules.worker.grids import DonePicture, GridMaker
from modules.worker.job_kinds import JobPlan, each_request, plan_job
from modules.worker.saving import beside_files, grid_facts_of
from modules.worker.saving_grids import save_grid

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob

log = logging.getLogger(__name__)


@dataclass(eq=False)
class HookedCells:
    """The requests of one job, drawn one after another, and their grids.

    plan: the same job without extensions, for its pictures' numbers and its grids
    """

    job: HookedJob
    plan: JobPlan
    cells: Sequence[tuple[Generation, Settings]]
    plot: Plot | None
    done: dict[int, DonePicture] = field(default_factory=dict)      # by the picture's number

    @cached_property
    def firsts(self) -> list[int]:
        """The number of each cell's first picture."""
        return [0, *accumulate(request.pictures for request, _ in self.cells)]

    def numbers(self, cell: int) -> range:
        return range(self.firsts[cell], self.firsts[cell + 1])

    def draw(self, p: Any) -> None:
        """Draw all cells that are not there yet, then the grids; an interruption leaves the others out."""
        job = self.job
        self.take_over(job.spec)
        left = [cell for cell in self.in_drawing_order() if not set(self.numbers(cell)) <= self.done.keys()]
        job.state.job_count = max(1, sum(self.cells[cell][0].n_iter for cell in left))
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
        by_picture = {number: cell for cell in range(len(self.cells)) for number in self.numbers(cell)}
        return list(dict.fromkeys(by_picture[number] for number in order)) if order else list(range(len(self.cells)))

    def draw_cell(self, p: Any, cell: int) -> None:
        """Draw one cell. Raises what its hooks and its request raise."""
        job, delivery = self.job, self.job.finisher.delivery
        request, job.settings = self.cells[cell]
        job.native_arguments, own = request.extensions, job.cell_of(p, request)
        if self.plot:
            self.apply_axes(own, self.plot, cell)
        numbers = self.numbers(cell)
        delivery.numbers, job.desk.first_number = numbers, numbers.start
        delivery.further_facts = {number: grid_facts_of(self.plan, number) for number in numbers}
        delivery.show_all(job.process_images(own))
        for number in numbers:
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
        """A cell could not be drawn; raises that unless grids show the others all the same."""
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
    """Return the cells of a job whose script makes several requests; None for any other job.

    Raises what planning the job raises.
    """
    if request.script_name not in REQUEST_SCRIPTS:
        return None
    spec = plannable(job.spec)
    plan = plan_job(spec, job.library, job.around.inputs, job.around.moments)
    for note in plan.warnings():
        job.note(note)
    cells = each_request(type(request), job.spec)
    arguments = script_arguments(request)
    plot = read_plot(arguments, request, Settings) if isinstance(arguments, XyzPlot) else None
    return HookedCells(job, plan, list(cells.requests), plot)
