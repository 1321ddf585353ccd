"""Reading files of YOLO detectors. A `.pt` of ultralytics is a pickle of the whole program's objects.

None of these classes is imported or called: each stands for a `PickledModule`, which only keeps the state that the file
has for it. Tensors are read by torch's `weights_only` reader, after the checks of all pickles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from modules.base.errors import ModelCorrupt, ModelMismatch
from modules.library.safetensors_header import DOWNLOAD_AGAIN, sniff
from modules.models.files.pickle_check import CONVERT
from modules.models.files.state_dict import check_tensors, read_pickle_standing_in, read_state_dict

# classes in such files: of the network's modules, and what a training notes beside them
STANDS_IN = re.compile(
    r"(ultralytics\.(nn|utils|yolo)\.[\w.]{1,80}|torch\.nn\.modules\.[\w.]{1,80}|pathlib\.(Posix|Windows|Pure\w{1,12})?Path)"
)
DEEPEST_MODULE = 16
NETWORK_ENTRIES = ("ema", "model")      # a file's entries that may have the network, the better one first
MOST_LABELS = 10_000


class PickledModule:
    """An object of a file: its state, and nothing that it could do."""

    def __init__(self, *_: Any) -> None:
        """Ignore the arguments."""

    def __setstate__(self, state: Any) -> None:
        self.state: Mapping[str, Any] = state if isinstance(state, dict) else {}


@dataclass(frozen=True)
class YoloFile:
    """A detector's tensors by name, `model.0.conv.weight`, and the labels of its classes as far as they are known."""

    tensors: Mapping[str, Tensor]
    labels: Mapping[int, str]


def read_yolo_file(path: Path) -> YoloFile:
    """Read a detector's file, whatever its ending. Raises ModelError, naming the file."""
    if sniff(path) == "safetensors":
        return YoloFile(read_state_dict(path).tensors, {})
    content = read_pickle_standing_in(path, STANDS_IN, PickledModule)
    network = network_in(content)
    if network is None:
        tensors = plain_tensors(content)
        if not tensors:
            raise ModelMismatch(f"{path.name} holds no detector.", CONVERT)
        labels: Mapping[int, str] = {}
    else:
        tensors, labels = dict(module_tensors(path.name, network)), labels_of(network.state.get("names"))
    check_tensors(path, tensors)
    return YoloFile(tensors, labels)


def network_in(content: Any) -> PickledModule | None:
    """Return the network's object in a file's content."""
    if isinstance(content, dict):
        content = next((content[name] for name in NETWORK_ENTRIES if content.get(name) is not None), None)
    return content if isinstance(content, PickledModule) else None


def plain_tensors(content: Any) -> dict[str, Tensor]:
    """Return the tensors of a file that has nothing else."""
    if isinstance(content, dict):
        for wrapper in ("state_dict", *NETWORK_ENTRIES):
            if isinstance(content.get(wrapper), dict):
                content = content[wrapper]
        return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return {}


def module_tensors(file: str, module: PickledModule, begin: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers of a module and those within it, as torch names them. Raises ModelCorrupt."""
    if depth > DEEPEST_MODULE:
        raise ModelCorrupt(f"{file}: its modules are nested beyond measure.", DOWNLOAD_AGAIN)
    state = getattr(module, "state", {})
    for kept in ("_parameters", "_buffers"):
        for name, value in dict_at(state, kept).items():
            if isinstance(value, Tensor):
                yield f"{begin}{name}", value
    for name, each in dict_at(state, "_modules").items():
        if isinstance(each, PickledModule):
            yield from module_tensors(file, each, f"{begin}{name}.", depth + 1)


def dict_at(state: Mapping[str, Any], name: str) -> Mapping[Any, Any]:
    found = state.get(name)
    return found if isinstance(found, dict) else {}


def labels_of(names: Any) -> dict[int, str]:
    """Return the classes' labels; a file has them by number, or in order."""
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list | tuple) else ()
    return {
        number: str(label)[:80] for number, label in list(pairs)[:MOST_LABELS] if isinstance(number, int)
    }
