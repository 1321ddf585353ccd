"""Preprocessors that are networks: the one that was used last, and the maps made last, by content.

All is computed in single precision. For the engine's thread alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from modules.base.errors import NotANumber
from modules.library.annotators import ANNOTATOR_MODELS, find_annotator
from modules.library.library import Library
from modules.models.annotators.edges import load_hed, soft_edges
from modules.models.annotators.lineart import drawn_lines, load_line_drawer
from modules.models.annotators.openpose import load_pose_net, posed
from modules.models.annotators.pidinet import load_pidinet, pixel_edges
from modules.models.annotators.seen_by_transformers import load_seer, seen_map
from modules.sampling.annotation import Annotate, Annotation

KEPT_MAP_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class AnnotatorRow:
    """How a preprocessor's map is made.

    load: a file and the device → its network; raises ModelError, naming the file
    see: the network and the question → the map
    """

    load: Callable[[Path, torch.device], object]
    see: Callable[[object, Annotate], Annotation]


class Annotators:
    """Networks of preprocessors in memory, and their newest maps."""

    def __init__(self, library: Library, device: torch.device) -> None:
        self.library, self.device = library, device
        self.maps = KeptMaps(KEPT_MAP_BYTES)
        self._loaded: tuple[Hashable, object] | None = None

    def annotate(self, ask: Annotate) -> Annotation:
        """Return the map of a picture. Raises ModelError or NotANumber."""
        path = find_annotator(self.library, ask.name).path
        row, about = ANNOTATOR_ROWS[ask.name], path.stat()
        file = path, about.st_size, about.st_mtime_ns
        key = file, ask.name, ask.resolution, ask.a, ask.b, ask.pixels.shape, sha256(ask.pixels.tobytes()).digest()
        found = self.maps.get(key)
        if found is None:
            try:
                found = row.see(self._network(row, file), ask)
            except FloatingPointError as error:
                raise NotANumber(f"{path.name} gave what is no number.", "Download it again.") from error
            self.maps.put(key, found)
        return found

    def _network(self, row: AnnotatorRow, file: tuple[Path, int, int]) -> object:
        key = row.load, file
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None      # its memory is free before the next one takes its own
            self._loaded = key, row.load(file[0], self.device)
        return self._loaded[1]


class KeptMaps:
    """The maps made last, within a number of bytes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._maps: OrderedDict[Hashable, Annotation] = OrderedDict()

    def get(self, key: Hashable) -> Annotation | None:
        if key in self._maps:
            self._maps.move_to_end(key)
        return self._maps.get(key)

    def put(self, key: Hashable, made: Annotation) -> None:
        self._maps[key] = made
        while self.size > self.most and len(self._maps) > 1:
            self._maps.popitem(last=False)

    @property
    def size(self) -> int:
        """The maps' pixels in bytes."""
        return sum(np.asarray(each.levels).nbytes for each in self._maps.values())


ANNOTATOR_ROWS: Mapping[str, AnnotatorRow] = {
    "openpose": AnnotatorRow(load_pose_net, posed),
    **dict.fromkeys(("hed", "hed_safe", "scribble_hed"), AnnotatorRow(load_hed, soft_edges)),
    **dict.fromkeys(
        ("pidinet", "pidinet_safe", "pidinet_scribble", "pidinet_sketch"), AnnotatorRow(load_pidinet, pixel_edges)
    ),
    **dict.fromkeys(("lineart", "lineart_coarse"), AnnotatorRow(load_line_drawer, drawn_lines)),
    **dict.fromkeys(ANNOTATOR_MODELS, AnnotatorRow(load_seer, seen_map)),
}
