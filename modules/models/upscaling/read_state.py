"""The weights of upscalers and face restorers, out of files of any age."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from modules.library.safetensors_header import sniff
from modules.models.files.state_dict import read_pickle, read_state_dict, tensors_in

# BasicSR's names for the weights in a training file; the averaged ones are better
WRAPPERS = ("params_ema", "params")


def read_state(path: Path) -> Mapping[str, Tensor]:
    """The weights in a file by their names there.

    Raises ModelCorrupt, ModelUnsafe or ModelUnsupported, each naming the file.
    """
    if sniff(path) == "safetensors":
        return read_state_dict(path).tensors
    return tensors_in(path.name, unwrapped(read_pickle(path)))


def unwrapped(content: Any) -> Any:
    """The table of weights in a training file; other content as it is."""
    if isinstance(content, Mapping):
        return next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    return content
