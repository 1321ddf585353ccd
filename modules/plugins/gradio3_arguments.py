"""Arguments of gradio 3 as gradio 6 takes them; names that neither has are dropped, and told once."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from gradio.blocks import BlockContext

log = logging.getLogger(__name__)
Arguments = dict[str, Any]

# arguments that only change how it looks, or that gradio 6 does itself
NEEDLESS = frozenset({
    "brush_radius", "brush_color", "mirror_webcam", "shape", "invert_colors", "max_rows", "max_cols",
    "overflow_row_behaviour", "rounded", "border", "margin", "full_width", "show_share_button", "show_download_button",
    "show_edit_button", "show_fullscreen_button", "tool", "text_align",
})
TYPES = {"file": "filepath", "bytes": "binary"}         # of File and UploadButton


def constructor_arguments(
    real: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Arguments, Arguments]:
    """Return positional and named arguments for gradio 6's constructor, and attributes to be set afterwards."""
    positional, named = accepted(real)
    given, kept = renamed(real, kwargs), {}
    if "tooltip" in given:
        kept["tooltip"] = given.pop("tooltip")
    if real.__name__ == "Blocks":
        kept["css"] = given.pop("css", None)
    if real.__name__ == "Dropdown" and "value" not in given and len(args) < 2:
        given["value"] = None       # gradio 6 chooses the first
    if len(args) > positional:
        tell_dropped(real.__name__, "arguments without a name")
    for name in [name for name in given if named is not None and name not in named]:
        del given[name]
        if name not in NEEDLESS:
            tell_dropped(real.__name__, name)
    return args[:positional], given, kept


def renamed(real: type, kwargs: Mapping[str, Any]) -> Arguments:
    """Return the arguments under gradio 6's names."""
    given = dict(kwargs)
    if "source" in given:
        source = given.pop("source")
        given.setdefault("sources", ["upload" if source in ("canvas", "upload") else source])
    if real.__name__ in ("File", "UploadButton") and given.get("type") in TYPES:
        given["type"] = TYPES[given["type"]]
    if given.pop("show_copy_button", False):
        given.setdefault("buttons", ["copy"])
    if "grid" in given:
        given.setdefault("columns", given.pop("grid"))
    return unseen_in_page(given, real)


def unseen_in_page(given: Mapping[str, Any], real: type) -> Arguments:
    """Return arguments with a component that is not visible still in the page, as in gradio 3: scripts write into it.

    gradio 6 leaves out what is False. Updates need nothing of it: gradio sends the attribute of a block that it makes
    of them. For layouts there is `keep_unseen_layouts`.
    """
    hides = given.get("visible") is False and not issubclass(real, BlockContext)
    return {**given, "visible": "hidden"} if hides else dict(given)


@cache
def accepted(real: type) -> tuple[int, frozenset[str] | None]:
    """Return how many arguments a constructor takes without a name, and the names it takes; None: any."""
    parameters = list(inspect.signature(real.__init__).parameters.values())[1:]  # type: ignore[misc]
    kinds = [each.kind for each in parameters]
    nameless = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    positional = sum(kind in nameless for kind in kinds)
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return positional, None
    return positional, frozenset(each.name for each in parameters)


@cache
def tell_dropped(kind: str, name: str) -> None:
    """Tell once that a component is made without an argument."""
    log.info("gradio's %s has no %s any more; an extension's is left out", kind, name)


def event_arguments(kwargs: Mapping[str, Any]) -> Arguments:
    """Return the arguments of an event's listener as gradio 6 takes them."""
    given = dict(kwargs)
    if "_js" in given:
        given["js"] = bound_method(given.pop("_js"))
    if isinstance(given.get("show_progress"), bool):
        given["show_progress"] = "full" if given["show_progress"] else "hidden"
    if given.get("api_name") is False:
        del given["api_name"]
        given["api_visibility"] = "private"
    for name in ("status_tracker", "every"):
        given.pop(name, None)
    return given


def bound_method(source: Any) -> Any:
    """Return JavaScript as gradio 6 takes it: of a method, such as "Page.save", it would lose the object.

    >>> bound_method("Page.save"), bound_method("save")
    ('(...given) => Page.save(...given)', 'save')
    """
    parts = source.replace("$", "_").split(".") if isinstance(source, str) else ()
    is_method = len(parts) > 1 and all(map(str.isidentifier, parts))
    return f"(...given) => {source}(...given)" if is_method else source


def update_arguments(kwargs: Mapping[str, Any]) -> Arguments:
    """Return the properties that an update of gradio 3 changes: what is None stays as it is."""
    return {name: value for name, value in kwargs.items() if value is not None}
