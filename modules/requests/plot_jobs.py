"""The plot of a recorded job: its axes, the picture of each cell, and cells that later plots can take. No torch."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from easel.scripts import DrawingHeading
from modules.app.app import App
from modules.app.jobs import ResolvedRequest
from modules.base.accounts import Account
from modules.base.errors import WebUIError
from modules.engine.messages import TOLD, UNRETURNED
from modules.params.img2img import Img2Img
from modules.params.plot_axes import Variant
from modules.params.plots import SEED_FIELDS_OF_CELLS, Plot, XyzPlot, read_plot
from modules.params.scripts import script_arguments
from modules.params.txt2img import Generation, Txt2Img
from modules.plugins.host import Host
from modules.plugins.native_scripts import NativeScript, native_script
from modules.requests.recorded import recorded_request
from modules.settings.options import Settings
from modules.store.jobs import IMAGE, VOTES, JobRecord, OutputRecord

CELL_CLASSES: Mapping[str, type[Generation]] = {"txt2img": Txt2Img, "img2img": Img2Img}
SEARCHED_JOBS = 50      # an account's newest jobs, among which earlier plots are looked for


@dataclass(frozen=True)
class MappedAxis:
    """An axis as the page shows it; `values` are as they were written, one for each label."""

    name: str
    labels: list[str]
    values: list[str]


@dataclass(frozen=True)
class CellMap:
    """The cells of a job; X fastest; cell n is the picture n · each. margin: pixels between those of the grid"""

    script: str
    axes: list[MappedAxis]
    each: int = 1
    margin: int = 0

    @property
    def shape(self) -> list[int]:
        return [len(axis.labels) for axis in self.axes]


def cell_map(record: JobRecord, host: Host) -> CellMap | None:
    """Return the cells of a job; None if it has no grid of cells, or cannot be read any more."""
    try:
        request = plotted_request(record)
        arguments = script_arguments(request) if request else None
        if request and isinstance(arguments, XyzPlot):
            plot = read_plot(arguments, request, Settings)
            axes = [MappedAxis(each.axis.name, each.labels, list(map(str, each.values))) for each in plot.axes]
            return CellMap(request.script_name, axes, pictures_of_cell(record, request), arguments.margin_size)
        if request and (script := native_script(host, request.script_name)):
            return map_of_script(script, request)
    except WebUIError:      # recorded by another version, or naming what is not here any more
        return None
    return None


def plotted_request(record: JobRecord) -> Generation | None:
    cls = CELL_CLASSES.get(record.kind)
    if cls is None or not record.params.get("script_name"):
        return None
    return recorded_request(cls, record.params)


def pictures_of_cell(record: JobRecord, request: Generation) -> int:
    """Return how many pictures a cell is: a batch where grids of batches are shown."""
    return request.pictures if record.save and record.settings.get("return_grid", True) else 1


def map_of_script(script: NativeScript, request: Generation) -> CellMap:
    """Return the cells of an extension's script. Raises Invalid or CallFailed."""
    grid = script.grid(request, script.arguments(request))
    named = ([heading_label(each) for each in headings] for headings in (grid.across, grid.down))
    axes = [MappedAxis(request.script_name, labels, labels) for labels in named]
    return CellMap(request.script_name, axes, margin=grid.margin)


def heading_label(heading: DrawingHeading) -> str:
    """Return what is in force of a heading, "–" if nothing is."""
    return ", ".join(part.text for part in heading if part.in_force) or "–" if heading else ""


# Cells of earlier plots -------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeyedPlot:
    """A plot with what its cells have in common.

    common: request and settings, without the script and the seeds; styles are a part of it
    """

    plot: Plot
    base: Variant[Generation]
    common: Hashable

    def keys(self) -> Iterator[Hashable]:
        """Yield what tells each cell from every other: how it differs from what is common."""
        for number, variant in enumerate(self.plot.variants(self.base)):
            seeds = self.plot.with_own_seeds(variant, number)
            own = {name: value for name, value in variant.changes.items() if name not in SEED_FIELDS_OF_CELLS}
            changes = {name: value for name, value in own.items() if value != getattr(self.base.base, name)}
            varied = seeds.subseed if seeds.subseed_strength else None      # without strength it changes nothing
            yield (seeds.seed, varied, frozen(changes), frozen(variant.settings))


def frozen(values: Mapping[str, Any]) -> Hashable:
    """Return values that can be compared, whether they come from a record, which has lists for tuples, or not."""
    return frozenset((name, json.dumps(value, sort_keys=True)) for name, value in values.items())


def keyed_plot(kind: str, params: Mapping[str, Any], settings: Mapping[str, Any]) -> KeyedPlot | None:
    """Return the plot of a job's parameters.

    None if it is none, or one whose cells draw their own seeds or batches, or are changed by extensions.
    """
    cls = CELL_CLASSES.get(kind)
    if cls is None or not params.get("script_name") or params.get("batch"):
        return None
    request = recorded_request(cls, params)
    arguments = script_arguments(request)
    if not isinstance(arguments, XyzPlot) or arguments.drawn or arguments.extension_axes or request.pictures > 1:
        return None
    base = replace(request, script_name="", script_args=())
    shared = {name: value for name, value in vars(base).items() if name not in SEED_FIELDS_OF_CELLS}
    common = (kind, frozen(shared), frozen(settings), frozen(arguments.styles))
    return KeyedPlot(read_plot(arguments, request, Settings), Variant(base, {}, arguments.styles), common)


def wants_earlier_cells(params: Mapping[str, Any]) -> bool:
    """Return whether the parameters are those of a plot that takes cells of earlier ones over."""
    if params.get("script_name") != "X/Y/Z plot":
        return False
    request = recorded_request(Txt2Img, {name: params[name] for name in ("script_name", "script_args")})
    arguments = script_arguments(request)
    return isinstance(arguments, XyzPlot) and arguments.reuse_cells


def earlier_cells(app: App, asked: ResolvedRequest, account: Account) -> tuple[OutputRecord, ...]:
    """Return the pictures of earlier plots of the account that are cells of this one, if it wants any.

    They have its numbers. Only pictures in the outputs count, made with the checkpoint's file of now.
    """
    wanted = keyed_plot(asked.kind, asked.params, asdict(asked.settings)) if wants_earlier_cells(asked.params) else None
    if wanted is None:
        return ()
    numbers = {key: number for number, key in enumerate(wanted.keys())}
    found: dict[int, OutputRecord] = {}
    for brief in app.jobs.store.recent(account.name, SEARCHED_JOBS, 0, (asked.kind,)):
        earlier = app.jobs.store.get(brief.id) if brief.params.get("script_name") == "X/Y/Z plot" else None
        theirs = earlier and keyed_plot(earlier.kind, earlier.params, earlier.settings)
        if not earlier or not theirs or theirs.common != wanted.common:
            continue
        pictures = {output.index: output for output in earlier.pictures if output.kind == IMAGE and output.saved}
        for number, key in enumerate(theirs.keys()):
            mine, output = numbers.get(key), pictures.get(number)
            if mine is not None and mine not in found and output and still_valid(app, output):
                found[mine] = replace(output, index=mine, facts=own_facts(output, wanted.plot.arguments))
    return tuple(found[number] for number in sorted(found))


def own_facts(output: OutputRecord, arguments: XyzPlot) -> dict[str, Any]:
    """Return a picture's facts as a plot of these arguments has them: without votes, returned or not."""
    facts = {name: value for name, value in output.facts.items() if name not in (VOTES, UNRETURNED)}
    return facts if arguments.include_lone_images else {**facts, UNRETURNED: TOLD}


def still_valid(app: App, output: OutputRecord) -> bool:
    """Return whether a picture's file is here, and its checkpoint is the file of that name still."""
    file = app.models.checkpoints.named(str(output.facts.get("sd_model_name", "")))
    same = file is not None and file.shorthash == output.facts.get("sd_model_hash")
    return same and Path(output.path).is_file()
