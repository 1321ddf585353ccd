"""A1111's `scripts/xyz_grid.py`: the axes of X/Y/Z plot. Extensions find it in `scripts_data`, and add their own.

An axis's `apply(p, x, xs)` is called with the `p` of each cell before it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from modules.params.plot_axes import A1111_AXES
from modules.params.plot_axes import Axis as OwnAxis
from modules.params.plot_values import join_values, split_values
from modules.plugins.host import Host
from modules.surface.binding import NotHere, bound_host, view
from modules.surface.scripts import Script as ScriptBase

FLOAT_DIGITS = 8


class Script(ScriptBase):
    """A1111's class of the script, by whose module extensions find the axes."""

    def title(self) -> str:
        return "X/Y/Z plot"


Script.__module__ = "xyz_grid.py"


# Labels of values ------------------------------------------------------------------------------------


def format_value_add_label(p: Any, opt: Any, x: Any) -> str:
    return f"{opt.label}: {format_value(p, opt, x)}"


def format_value(p: Any, opt: Any, x: Any) -> str:
    return str(round(x, FLOAT_DIGITS) if isinstance(x, float) else x)


def format_value_join_list(p: Any, opt: Any, x: Any) -> str:
    return ", ".join(x)


def format_nothing(p: Any, opt: Any, x: Any) -> str:
    return ""


def format_remove_path(p: Any, opt: Any, x: Any) -> str:
    return str(x).replace("\\", "/").rpartition("/")[2]


# Axes ------------------------------------------------------------------------------------------------


class AxisOption:
    """An axis of both tabs.

    type: what makes a value of a text; prepare: makes the texts of what was typed; confirm: raises for wrong values
    cost: of changing its value between two cells; choices: returns the texts to choose from
    """

    is_img2img: bool | None = None

    def __init__(
        self, label: str, type: Any, apply: Callable[..., Any], format_value: Any = format_value_add_label,
        confirm: Any = None, cost: float = 0.0, choices: Any = None, prepare: Any = None,
    ) -> None:
        self.label, self.type, self.apply, self.format_value = label, type, apply, format_value
        self.confirm, self.cost, self.choices, self.prepare = confirm, cost, choices, prepare
        self.extension = bound_host().calling


class AxisOptionImg2Img(AxisOption):
    """An axis of img2img alone."""

    is_img2img = True


class AxisOptionTxt2Img(AxisOption):
    """An axis of txt2img alone."""

    is_img2img = False


def easel_axes(host: Host) -> list[AxisOption]:
    """Return Easel's own axes under A1111's names, for extensions that look what there is."""
    axes = [kind_of_axis(axis)(axis.name, str, unapplicable, cost=axis.cost) for axis in A1111_AXES]
    for axis in axes:
        axis.extension = ""         # that of an extension which asks for them is calling
    return axes


def kind_of_axis(axis: OwnAxis) -> type[AxisOption]:
    if len(axis.tabs) > 1:
        return AxisOption
    return AxisOptionImg2Img if axis.tabs[0] == "img2img" else AxisOptionTxt2Img


def unapplicable(p: Any, x: Any, xs: Any) -> None:
    """Raise NotHere: Easel's axes change requests, not `p`."""
    raise NotHere("Easel's own plot axes cannot be applied to p.", "Set the field of p.")


# What applies a value --------------------------------------------------------------------------------


def apply_field(field: str) -> Callable[..., None]:
    return lambda p, x, xs: setattr(p, field, x)


def apply_override(field: str) -> Callable[..., None]:
    return lambda p, x, xs: p.override_settings.update({field: x})


def boolean_choice(reverse: bool = False) -> Callable[[], list[str]]:
    return lambda: ["False", "True"] if reverse else ["True", "False"]


def do_nothing(p: Any, x: Any, xs: Any) -> None: ...


# What reads and checks values ------------------------------------------------------------------------


def confirm_range(min_val: float, max_val: float, axis_label: str) -> Callable[..., None]:
    """Return a check that values are numbers in a range. Raises ValueError."""

    def confirm(p: Any, xs: Sequence[Any]) -> None:
        for x in xs:
            if not min_val <= x <= max_val:
                raise ValueError(f'{axis_label} value "{x}" out of range [{min_val}, {max_val}]')

    return confirm


def str_permutations(x: Any) -> Any:
    """The type of an axis whose values are the orders of its texts."""
    return x


def list_to_csv_string(data_list: Sequence[Any]) -> str:
    return join_values([str(each) for each in data_list])


def csv_string_to_list_strip(data_str: str) -> list[str]:
    return split_values(data_str)




def __getattr__(name: str) -> Any:
    if name == "axis_options":
        return view("xyz_grid", easel_axes)
    raise AttributeError(f"module 'xyz_grid' has no attribute {name!r}")
