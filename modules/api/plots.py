"""/easel/v1: plots and matrices: an estimate before, then the cells by their values, votes, and the plot as a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from annotated_types import Interval
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from modules.api.jobs import JobRequest, submission_of
from modules.api.routing import KnownFields, account, owner, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Invalid, UnknownName
from modules.base.limits import Id, Index
from modules.params.hires import LARGEST_SIDE
from modules.params.known_axes import OWN_AXES, axes_of
from modules.params.plot_axes import Axis, Tab
from modules.params.plot_values import join_values
from modules.requests.choices import Lists, lists_of, pairs
from modules.requests.extension_axes import extension_axes
from modules.requests.page_values import with_page_values
from modules.requests.plot_estimate import PlotEstimate, plot_estimate, with_picture_to_come
from modules.requests.plot_file import cell_outputs, cell_places, csv_text, html_page
from modules.requests.plot_jobs import CellMap, cell_map
from modules.store.jobs import GRID, VOTES, JobRecord

Side = Annotated[int, Interval(ge=1, le=LARGEST_SIDE)]


class AxisInfo(BaseModel):
    name: str
    values: str | None      # None for numbers and texts


class EstimateRequest(JobRequest):
    picture: tuple[Side, Side] | None = Field(
        None, description="Width and height of the picture that img2img will start from, while it is not sent."
    )


class Vote(KnownFields):
    better: Index = Field(description="The picture's number.")
    worse: Index = Field(description="That of the other one.")


def routes(app: App) -> APIRouter:
    api = router("jobs", "/easel/v1", Role.GUEST)

    @api.post("/jobs/estimate")
    def estimate(body: EstimateRequest, request: Request) -> PlotEstimate:
        """What a request would make: pictures, seconds, changes of models, the grid's size. Nothing is recorded."""
        caller = account(request)
        asked = with_page_values(app, caller, submission_of(app, body, caller), body.extensions)
        return plot_estimate(app, with_picture_to_come(app, asked, caller, body.picture), caller)

    @api.get("/plots/axes/{tab}")
    def axes(tab: Tab, request: Request) -> list[AxisInfo]:
        """The axes of a plot of this tab by name, each with all its values as a text where it has a list of them."""
        lists = lists_of(app, app.data_of(owner(request)))
        known = (*axes_of(tab), *OWN_AXES, *extension_axes(app.extensions, tab))
        return [AxisInfo(name=axis.name, values=all_values(axis, lists)) for axis in known]

    @api.get("/jobs/{job}/plot")
    def plot(job: Id, request: Request) -> dict[str, Any]:
        """The axes of a plot or a matrix with their values, which cells are drawn, and votes."""
        record = app.jobs.get(job, owner(request))
        return plot_json(record, mapped_cells(app, record))

    @api.get("/jobs/{job}/pictures/{index}/infotext")
    def infotext(job: Id, index: Index, request: Request) -> dict[str, str]:
        """A picture's generation data."""
        found = app.jobs.store.picture(app.jobs.brief(job, owner(request)).id, index)
        if found is None:
            raise UnknownName("picture", str(index), [])
        return {"infotext": found.infotext}

    @api.post("/jobs/{job}/votes", status_code=204)
    def vote(job: Id, body: Vote, request: Request) -> None:
        """Note that one cell is better than another; the sums are kept with the job."""
        found = app.jobs.brief(job, owner(request)).id
        for index in (body.better, body.worse):
            if app.jobs.store.picture(found, index) is None:
                raise UnknownName("picture", str(index), [])
        if body.better == body.worse:
            raise Invalid("A picture cannot be better than itself.", "Name two.", field="worse")
        app.jobs.store.vote(found, body.better, body.worse)

    @api.get("/jobs/{job}/plot/{form}", **sent_as("text/csv", "text/html"))
    def export(job: Id, form: Literal["csv", "html"], request: Request) -> Response:
        """The plot as a table: csv with each cell's values, data and votes, or a page with the pictures in it."""
        record = app.jobs.get(job, owner(request))
        cells = mapped_cells(app, record)
        headers = {"Content-Disposition": f'attachment; filename="plot.{form}"'}
        if form == "csv":
            return Response(csv_text(record, cells), media_type="text/csv; charset=utf-8", headers=headers)
        return StreamingResponse(html_page(record, cells), media_type="text/html; charset=utf-8", headers=headers)

    return api


def all_values(axis: Axis, lists: Lists) -> str | None:
    """Return all values of an axis as its text; None if it has no list."""
    of = axis.choices or axis.fills
    if not of:
        return None
    values = of if isinstance(of, tuple) else [value for _, value in pairs(lists[of]())]
    return join_values([value or "None" for value in values])


def mapped_cells(app: App, record: JobRecord) -> CellMap:
    cells = cell_map(record, app.extensions)
    if cells is None:
        raise UnknownName("plot", record.id, [])
    return cells


def plot_json(record: JobRecord, cells: CellMap) -> dict[str, Any]:
    """Return a plot for the page.

    drawn: the numbers of the cells that are there; votes: number → better, worse; sums: the same for each value
    """
    drawn = cell_outputs(record, cells)
    votes = {number: output.facts[VOTES] for number, output in drawn.items() if VOTES in output.facts}
    return {
        "script": cells.script, "each": cells.each, "drawn": sorted(drawn), "votes": votes,
        "axes": [{**asdict(axis), "sums": sums} for axis, sums in zip(cells.axes, summed(cells, votes), strict=True)],
        "grids": [output.index for output in record.outputs if output.kind == GRID],
    }


def summed(cells: CellMap, votes: dict[int, list[int]]) -> list[list[list[int]]]:
    """Return better and worse of each value of each axis, over all its cells."""
    sums = [[[0, 0] for _ in axis.labels] for axis in cells.axes]
    for number, (better, worse) in votes.items():
        for axis, place in zip(sums, cell_places(number, cells.shape), strict=True):
            axis[place][0] += better
            axis[place][1] += worse
    return sums
