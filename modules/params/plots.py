"""X/Y/Z plot: its arguments, its axes with their values, and the request of each cell."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Annotated, Any, TypeAlias

from annotated_types import MaxLen

from modules.base.errors import Invalid
from modules.base.fields import OR_PLACE, Checkbox, Choice, Param, Slider, Text, with_values
from modules.base.limits import MAX_NAME
from modules.params.known_axes import find_axis
from modules.params.known_names import KnownNames, style_texts
from modules.params.plot_axes import (
    NOTHING,
    SEED_AXES,
    Axis,
    R,
    Tab,
    Variant,
    leave_unchanged,
    styles_named,
    unlabelled_value,
)
from modules.params.plot_values import MOST_VALUES, join_values, split_values
from modules.params.txt2img import Generation, Txt2Img, counted_on

MOST_PLOT_CELLS = 10_000
MOST_FURTHER_AXES = 8
MAX_VALUES_TEXT = 100_000      # characters of one axis
SEED_FIELDS_OF_CELLS = ("seed", "subseed")
MOST_WRITTEN = 50_000_000      # characters of all cells' own prompts
LOTS = 2**32 - 1               # drawn seeds stay below this, as A1111's do

CheckVariant: TypeAlias = Callable[[Variant[Any]], None]
AxisNames: TypeAlias = tuple[Annotated[str, MaxLen(MAX_NAME)], ...]
ChosenValues = Annotated[AxisNames, MaxLen(MOST_VALUES)]


def axis_type(letter: str) -> Param:
    return Param(f"{letter} type", Choice("plot_axes"), "What changes along it.")


def axis_values(letter: str) -> Param:
    return Param(
        f"{letter} values", Text(1, MAX_VALUES_TEXT),
        'With commas between; "a, b" holds a comma; numbers also as 1-5, 1-9 (+2) or 1-10 [5].',
    )


@dataclass(frozen=True)
class ExtensionAxis:
    """An axis that an extension has added, as it is recorded: what its values are called in the legend.

    The extension itself applies a value, when the cell is drawn.
    """

    labels: tuple[str, ...]
    cost: float = 0.0

    def named(self, name: str) -> Axis:
        """Return the axis of that name, whose values are its labels."""
        return Axis(name, lambda texts: self.labels, leave_unchanged, unlabelled_value, self.cost)


@dataclass(frozen=True)
class XyzPlot:
    """The arguments of X/Y/Z plot, in A1111's order; after `csv_mode` come Easel's.

    The last four are filled in when the job is asked for.

    lot: the seed of all seeds that are drawn; drawn: the request's own seeds that each cell draws for itself
    styles: those that cells name, with prompt and negative prompt
    extension_axes: by name, those of its axes that extensions have added
    """

    x_type: Annotated[str, OR_PLACE, axis_type("X")] = "Nothing"
    x_values: Annotated[str, axis_values("X")] = ""
    x_values_dropdown: ChosenValues = ()
    y_type: Annotated[str, OR_PLACE, axis_type("Y")] = "Nothing"
    y_values: Annotated[str, axis_values("Y")] = ""
    y_values_dropdown: ChosenValues = ()
    z_type: Annotated[str, OR_PLACE, axis_type("Z")] = "Nothing"
    z_values: Annotated[str, axis_values("Z")] = ""
    z_values_dropdown: ChosenValues = ()
    draw_legend: Annotated[bool, Param("Draw legend", Checkbox(), "Write the values beside the cells.")] = True
    include_lone_images: Annotated[
        bool, Param("Include Sub Images", Checkbox(), "Return each cell too, not only the grid.")
    ] = False
    include_sub_grids: Annotated[
        bool, Param("Include Sub Grids", Checkbox(), "Return the grid of each Z value too.")
    ] = False
    no_fixed_seeds: Annotated[
        bool, Param("Keep -1 for seeds", Checkbox(), "Each cell draws a seed of its own where the seed is -1.")
    ] = False
    vary_seeds_x: Annotated[
        bool, Param("Vary seeds for X", Checkbox(), "The seed counts on from column to column.")
    ] = False
    vary_seeds_y: Annotated[bool, Param("Vary seeds for Y", Checkbox(), "The seed counts on from row to row.")] = False
    vary_seeds_z: Annotated[
        bool, Param("Vary seeds for Z", Checkbox(), "The seed counts on from grid to grid.")
    ] = False
    margin_size: Annotated[int, Param("Grid margins (px)", Slider(0, 500, 2), "Pixels between cells.")] = 0
    csv_mode: Annotated[
        bool, Param("Use text inputs instead of dropdowns", Checkbox(), "For API clients that send lists as well.")
    ] = False
    more_axes: Annotated[str, Param(
        "Further axes", Text(2, MAX_VALUES_TEXT), "One a line, such as CFG Scale: 5, 7. Each has a slider at the grid.",
    )] = ""
    reuse_cells: Annotated[bool, Param(
        "Draw new cells only", Checkbox(), "Cells that an earlier plot has drawn exactly so are taken from it.",
    )] = False
    lot: int = 0
    drawn: tuple[str, ...] = ()
    styles: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    extension_axes: Mapping[str, ExtensionAxis] = field(default_factory=dict)


@dataclass(frozen=True)
class PlotAxis:
    """One axis of a plot: its kind, its values, and these as they were written."""

    axis: Axis
    values: Sequence[Any]
    written: str

    @property
    def labels(self) -> list[str]:
        return [self.axis.label(self.axis.name, value) for value in self.values]

    @property
    def idle(self) -> bool:
        return self.axis is NOTHING

    def spread(self, variants: Sequence[Variant[R]]) -> Iterator[Variant[R]]:
        """Yield the variants with the first value, then all with the second one … Raises Invalid."""
        written = 0
        for value in self.values:
            for variant in variants:
                changed = self.axis.apply(variant, value, self.values)
                written += changed.written
                if written > MOST_WRITTEN:
                    raise Invalid(
                        f"The prompts of the plot's cells have more than {MOST_WRITTEN:,} characters.",
                        "Ask for fewer cells, or shorten the prompt.", field="script_args",
                    )
                yield changed


@dataclass(frozen=True)
class Plot:
    """A plot's axes: X, Y, Z and further ones, and how its seeds vary."""

    axes: tuple[PlotAxis, ...]
    arguments: XyzPlot

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Columns, rows, grids, and how often these come."""
        return tuple(len(each.values) for each in self.axes)

    @property
    def folds(self) -> int:
        """How often all X, Y and Z come: once for each combination of the further axes."""
        return math.prod(self.shape[3:])

    @cached_property
    def cells(self) -> list[tuple[int, ...]]:
        """The place of each cell on the axes, in the order of the grid: X fastest, the last axis slowest."""
        return [places[::-1] for places in product(*map(range, reversed(self.shape)))]

    @cached_property
    def drawing_order(self) -> list[int]:
        """The cells' numbers in the order in which the fewest costly changes are made.

        The dearest axis changes least often; of equally dear ones, the last.
        """
        numbers = [0]
        for place in sorted(range(len(self.axes)), key=lambda place: (-self.axes[place].axis.cost, -place)):
            step = math.prod(self.shape[:place])
            numbers = [number + at * step for number in numbers for at in range(self.shape[place])]
        return numbers

    def variant(self, base: Variant[R], number: int) -> Variant[R]:
        """Return a cell's request and settings, without its seeds. Raises Invalid."""
        for axis, place in zip(self.axes, self.cells[number], strict=True):
            if not axis.idle:
                base = axis.axis.apply(base, axis.values[place], axis.values)
        return base

    def variants(self, base: Variant[R]) -> Iterator[Variant[R]]:
        """Yield what `variant` returns for each cell, in the order of the grid; cells share what is applied to several.

        Raises Invalid, also for prompts that are too much text together.
        """
        found: Iterable[Variant[R]] = (base,) if all(self.shape) else ()
        for axis in self.axes:
            if not axis.idle:
                found = axis.spread(list(found))
        yield from found

    def with_own_seeds(self, variant: Variant[R], number: int) -> R:
        """Return a cell's request with its seeds drawn and varied."""
        seeds = {name: variant.value(name) for name in SEED_FIELDS_OF_CELLS}
        drawn = {name: seed_by_lot(self.arguments.lot, name, number) for name, seed in seeds.items() if seed == -1}
        seeds |= drawn
        seeds["seed"] = counted_on(seeds["seed"], self.seed_shift(number))
        return with_values(variant.base, **{**variant.changes, **seeds})

    def seed_shift(self, number: int) -> int:
        """Return by how much a cell's seed is varied."""
        given, (x, y, z), (columns, rows) = self.arguments, self.cells[number][:3], self.shape[:2]
        wide = columns if given.vary_seeds_x else 1
        high = rows if given.vary_seeds_y else 1
        return x * given.vary_seeds_x + y * wide * given.vary_seeds_y + z * wide * high * given.vary_seeds_z

    def edge_cells(self) -> Iterator[int]:
        """Yield numbers of cells that show each value of each axis once."""
        step = 1
        for count in self.shape if self.cells else ():
            yield from range(0, count * step, step)
            step *= count


# Reading ---------------------------------------------------------------------------------------------


def tab_of_request(params: Generation) -> Tab:
    return "txt2img" if isinstance(params, Txt2Img) else "img2img"


def read_plot(
    arguments: XyzPlot, params: Generation, settings: type[Any], extension_axes: Sequence[Axis] = ()
) -> Plot:
    """Return the plot that the arguments describe.

    settings: the declared class of settings, which may be axes
    extension_axes: those that extensions have added, while the arguments are not recorded yet
    Raises UnknownName or Invalid.
    """
    tab = tab_of_request(params)
    further = [*extension_axes, *(axis.named(name) for name, axis in arguments.extension_axes.items())]
    given: list[tuple[str, str, Sequence[str]]] = [
        (arguments.x_type, arguments.x_values, arguments.x_values_dropdown),
        (arguments.y_type, arguments.y_values, arguments.y_values_dropdown),
        (arguments.z_type, arguments.z_values, arguments.z_values_dropdown),
        *further_axes(arguments.more_axes),
    ]
    plot = Plot(tuple(
        read_axis(find_axis(name, tab, type(params), settings, further), text, chosen, arguments, place)
        for place, (name, text, chosen) in enumerate(given)
    ), arguments)
    if math.prod(plot.shape) > MOST_PLOT_CELLS:
        raise Invalid(
            f"The plot has {' × '.join(f'{count:,}' for count in plot.shape)} cells.",
            f"Ask for at most {MOST_PLOT_CELLS:,}.", field="script_args",
        )
    return plot


def further_axes(text: str) -> list[tuple[str, str, Sequence[str]]]:
    """Return type and values of each line. Raises Invalid.

    >>> further_axes("CFG Scale: 5, 7")
    [('CFG Scale', '5, 7', ())]
    """
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    if wrong := [name for name, colon, _ in lines if not colon]:
        raise Invalid(
            f"{wrong[0][:60]!r} is no axis with values.", "Write a line for each, such as CFG Scale: 5, 7.",
            field="script_args",
        )
    if len(lines) > MOST_FURTHER_AXES:
        raise Invalid(
            f"The plot has {len(lines)} further axes.", f"Ask for at most {MOST_FURTHER_AXES}.", field="script_args"
        )
    return [(name.strip(), values.strip(), ()) for name, _, values in lines]


def read_axis(axis: Axis, text: str, chosen: Sequence[str], arguments: XyzPlot, place: int) -> PlotAxis:
    """Return an axis with its values: those chosen from its list, else those of the text. Raises Invalid."""
    if axis is NOTHING:
        return PlotAxis(axis, ("",), "")
    listed = bool(axis.choices and chosen and not arguments.csv_mode)
    written = join_values(chosen) if listed else text
    values = axis.read(list(chosen) if listed else split_values(text))
    if axis.name in SEED_AXES and not arguments.no_fixed_seeds:
        values = [
            seed_by_lot(arguments.lot, axis_letter(place), number) if value == -1 else value
            for number, value in enumerate(values)
        ]
    return PlotAxis(axis, values, written)


def axis_letter(place: int) -> str:
    """Return an axis's name in generation data: X, Y, Z, then numbers from 4."""
    return "XYZ"[place] if place < 3 else str(place + 1)


def seed_by_lot(lot: int, what: str, number: int) -> int:
    """Return a drawn seed; the same for the same lot, so that a job's cells stay what they are."""
    return random.Random(f"{lot} {what} {number}").randrange(LOTS)


def settled_plot(arguments: XyzPlot, params: Generation, known: KnownNames) -> XyzPlot:
    """Return the arguments with all that is drawn by lot, and the texts of the styles that cells name.

    Raises UnknownName or Invalid for what no cell can have, before anything is drawn.
    """
    seeds = {name: getattr(params, name) for name in SEED_FIELDS_OF_CELLS}
    drawn = tuple(name for name, seed in seeds.items() if arguments.no_fixed_seeds and seed == -1)
    styles = style_texts(list(known.styles), known.styles)
    extension_axes = known.extension_axes(tab_of_request(params))
    unsettled = read_plot(replace(arguments, no_fixed_seeds=True), params, known.settings, extension_axes)
    by_lot = drawn or any(each.axis.name in SEED_AXES and -1 in each.values for each in unsettled.axes)
    lot = random.randrange(1, LOTS) if by_lot else 0
    arguments = with_extension_axes(arguments, unsettled, extension_axes)
    settled = replace(arguments, lot=lot, drawn=drawn, styles=styles)
    plot = read_plot(settled, params, known.settings)
    check_plot(plot, Variant(params, {}, styles), known.check)
    named = [name for each in plot.axes if each.axis.choices == "styles" for value in each.values
             for name in styles_named(value)]
    return replace(settled, styles=style_texts(dict.fromkeys([*params.styles, *named]), known.styles))


def with_extension_axes(arguments: XyzPlot, plot: Plot, extension_axes: Sequence[Axis]) -> XyzPlot:
    """Return the arguments with extensions' axes of the plot under their names, and with values as a text."""
    added = [(place, each) for place, each in enumerate(plot.axes) if each.axis in extension_axes]
    texts: dict[str, Any] = {}
    for place, each in added:
        if place < 3:
            letter = axis_letter(place).lower()
            texts |= {f"{letter}_type": each.axis.name, f"{letter}_values": each.written}
            texts[f"{letter}_values_dropdown"] = ()
    recorded = {each.axis.name: ExtensionAxis(tuple(each.labels), each.axis.cost) for _, each in added}
    return replace(arguments, **texts, extension_axes=recorded)


def check_plot(plot: Plot, base: Variant[R], check: CheckVariant) -> None:
    """Check every value of each axis, and every combination as far as it can be told.

    check: checks one cell. Raises Invalid or UnknownName.
    """
    edge = set(plot.edge_cells())
    for number, variant in enumerate(plot.variants(base)):
        if number in edge:
            check(variant)


def plot_pairs(plot: Plot, with_z: bool) -> dict[str, object]:
    """Return the generation data that a grid adds to those of its first cell."""
    pairs: dict[str, object] = {"Script": "X/Y/Z plot"}
    for place, each in enumerate(plot.axes):
        letter = axis_letter(place)
        if each.idle or (place == 2 and not with_z):
            continue
        if place < 3:
            pairs |= {f"{letter} Type": each.axis.name, f"{letter} Values": each.written}
        if each.axis.name in SEED_AXES and not plot.arguments.no_fixed_seeds:
            pairs[f"Fixed {letter} Values"] = ", ".join(map(str, each.values))
    if plot.arguments.more_axes.strip():
        pairs["More Axes"] = plot.arguments.more_axes.strip()
    return pairs
