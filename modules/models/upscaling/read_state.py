"""Reading the weights of upscalers and face restorers from files of any age."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from modules.library.safetensors_header import sniff
from modules.models.files.state_dict import read_pickle, read_state_dict, tensors_in

# BasicSR's names of the weights in a training file; averaged ones go first
WRAPPERS = ("params_ema", "params")


def read_state(path: Path) -> Mapping[str, Tensor]:
    """Return a file's weights by their names.

    Raises ModelCorrupt, ModelUnsafe or ModelUnsupported, each naming the file.
    """
    if sniff(path) == "safetensors":
        return read_state_dict(path).tensors
    return tensors_in(path.name, unwrapped(read_pickle(path)))


def unwrapped(content: Any) -> Any:
    """Return the table of weights in a training file, or any other content unchanged."""
    if isinstance(content, Mapping):
        return next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    return content
