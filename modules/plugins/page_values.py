"""What a person has set in extensions' controls, as the scripts' functions get it: plain data for a job."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from modules.base.border import outcome
from modules.plugins.scripts import LoadedScript

PICTURE = "easel_picture"       # an argument that is a picture: {PICTURE: its name among the inputs}
Keep = Callable[[bytes], str]   # stores a picture's file, returns its name


def page_arguments(script: LoadedScript, given: Sequence[Any], keep: Keep) -> list[Any]:
    """Return a script's arguments for the values of its controls in the page.

    Values that the page does not have are as the script's controls begin; what is no plain data is None.
    """
    arguments = [None if (found := plain_argument(each, keep)) is NOT_PLAIN else found for each in script.defaults]
    for place, (control, value) in enumerate(zip(script.controls, given, strict=False)):
        if is_set_in_page(control):
            found = plain_argument(as_argument(control, value), keep)
            arguments[place] = arguments[place] if found is NOT_PLAIN else found
    return arguments


NOT_PLAIN = object()        # what is neither plain data nor a picture


def is_set_in_page(control: Any) -> bool:
    """Return whether the page knows a control's value; a state is the server's."""
    return hasattr(control, "change") and control.get_block_name() != "state"


def as_argument(control: Any, value: Any) -> Any:
    """Return a value of the page as a function gets it; a choice that the control does not know stays as it is."""
    model = getattr(control, "data_model", None)
    if model is not None and value is not None:
        value = outcome(model.model_validate, value)
    found = outcome(control.preprocess, value)
    return value if isinstance(found, Exception) else found


def plain_argument(value: Any, keep: Keep) -> Any:
    """Return plain data, or NOT_PLAIN."""
    if hasattr(value, "__array_interface__") and not isinstance(value, Image.Image):
        value = outcome(Image.fromarray, value)
    if isinstance(value, Image.Image):
        file = io.BytesIO()
        value.save(file, "PNG")
        return {PICTURE: keep(file.getvalue())}
    if isinstance(value, dict):
        return {name: plain_argument(each, keep) for name, each in value.items()}
    return value if is_json(value) else NOT_PLAIN


def is_json(value: Any) -> bool:
    return not isinstance(outcome(json.dumps, value), Exception)


def with_pictures(value: Any, read: Callable[[str], Image.Image]) -> Any:
    """Return an argument of a job with its pictures read. read: a picture by its name among the inputs"""
    if isinstance(value, list):
        return [with_pictures(each, read) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {PICTURE}:
        return read(value[PICTURE])
    return {name: with_pictures(each, read) for name, each in value.items()}
