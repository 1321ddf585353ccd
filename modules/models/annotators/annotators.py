"""Preprocessors that are networks: the one that was used last, and the maps made last, by content.

All is computed in single precision. For the engine's thread alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from modules.base.errors import NotANumber
from modules.library.annotators import ANNOTATOR_MODELS, find_annotator
from modules.library.library import Library
from modules.models.annotators.anime_faces import load_face_parts, parts_of_faces
from modules.models.annotators.anime_lines import anime_lines, load_anime_drawer
from modules.models.annotators.bsds_edges import load_bsds_edges
from modules.models.annotators.edges import load_hed, soft_edges
from modules.models.annotators.face_mesh import meshed_faces
from modules.models.annotators.lama import filled_hole, load_lama
from modules.models.annotators.leres import load_leres, relative_depth
from modules.models.annotators.lineart import drawn_lines, load_line_drawer
from modules.models.annotators.lite_nets import LiteNet
from modules.models.annotators.lite_poses import lightly_posed
from modules.models.annotators.manga_lines import load_manga_drawer, manga_lines
from modules.models.annotators.normals import load_normal_net, surface_normals
from modules.models.annotators.openpose import load_pose_net, posed, posed_with_faces, posed_with_hands, wholly_posed
from modules.models.annotators.openpose_parts import load_face_net, load_hand_net
from modules.models.annotators.pidinet import load_pidinet, pixel_edges
from modules.models.annotators.seen_by_transformers import load_seer, normals_of_depth, seen_map
from modules.models.annotators.straight_lines import load_line_finder, straight_lines
from modules.models.annotators.tiny_edges import load_tiny_edges, tiny_edges
from modules.models.annotators.vit_pose import load_joint_finder, posed_alone
from modules.sampling.annotation import Annotate, Annotation

KEPT_MAP_BYTES = 64 * 2**20

LoadAnnotator = Callable[[Path, torch.device], object]
FileState = tuple[Path, int, int]      # with its size in bytes and its time in nanoseconds


@dataclass(frozen=True, slots=True)
class AnnotatorRow:
    """How a preprocessor's map is made.

    see: the networks and the question → the map
    loads: for each of its files, the file and the device → its network; raises ModelError, naming the file
    """

    see: Callable[..., Annotation]
    loads: tuple[LoadAnnotator, ...]


class Annotators:
    """Networks of preprocessors in memory, and their newest maps."""

    def __init__(self, library: Library, device: torch.device) -> None:
        self.library, self.device = library, device
        self.maps = KeptMaps(KEPT_MAP_BYTES)
        self._loaded: dict[Hashable, object] = {}

    def annotate(self, ask: Annotate) -> Annotation:
        """Return the map of a picture. Raises ModelError or NotANumber."""
        paths = [file.path for file in find_annotator(self.library, ask.name)]
        states = tuple(map(annotator_state, paths))
        key = states, ask.name, ask.resolution, ask.a, ask.b, ask.pixels.shape, sha256(ask.pixels.tobytes()).digest()
        found = self.maps.get(key)
        if found is None:
            row = ANNOTATOR_ROWS[ask.name]
            try:
                found = row.see(*self._networks(row, states), ask)
            except FloatingPointError as error:
                name = " or ".join(path.name for path in paths)
                raise NotANumber(f"{name} gave what is no number.", "Download it again.") from error
            self.maps.put(key, found)
        return found

    def forget(self) -> bool:
        """Drop all networks, but not the maps; False if there are none."""
        before, self._loaded = self._loaded, {}
        return bool(before)

    def _networks(self, row: AnnotatorRow, states: Sequence[Sequence[FileState]]) -> list[object]:
        """Return the networks of files; those of other files leave the memory before these take theirs."""
        keys = list(zip(row.loads, states, strict=True))
        self._loaded = {key: net for key, net in self._loaded.items() if key in keys}
        for load, state in keys:
            if (load, state) not in self._loaded:
                self._loaded[load, state] = load(state[0][0], self.device)
        return [self._loaded[key] for key in keys]


def annotator_state(path: Path) -> tuple[FileState, ...]:
    """Return what changes when a network's file does, or the config.json beside it."""
    files = path, path.with_name("config.json")
    return tuple((file, about.st_size, about.st_mtime_ns) for file in files if file.exists() and (about := file.stat()))


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
    "openpose": AnnotatorRow(posed, (load_pose_net,)),
    "openpose_hand": AnnotatorRow(posed_with_hands, (load_pose_net, load_hand_net)),
    **dict.fromkeys(
        ("openpose_face", "openpose_faceonly"), AnnotatorRow(posed_with_faces, (load_pose_net, load_face_net))
    ),
    "openpose_full": AnnotatorRow(wholly_posed, (load_pose_net, load_hand_net, load_face_net)),
    **dict.fromkeys(("hed", "hed_safe", "scribble_hed"), AnnotatorRow(soft_edges, (load_hed,))),
    **dict.fromkeys(("hed_bsds500", "scribble_hed_bsds500"), AnnotatorRow(soft_edges, (load_bsds_edges,))),
    **dict.fromkeys(
        ("pidinet", "pidinet_safe", "pidinet_scribble", "pidinet_sketch"), AnnotatorRow(pixel_edges, (load_pidinet,))
    ),
    **dict.fromkeys(("softedge_teed", "softedge_anyline"), AnnotatorRow(tiny_edges, (load_tiny_edges,))),
    **dict.fromkeys(("lineart", "lineart_coarse"), AnnotatorRow(drawn_lines, (load_line_drawer,))),
    "lineart_anime": AnnotatorRow(anime_lines, (load_anime_drawer,)),
    "lineart_anime_denoise": AnnotatorRow(manga_lines, (load_manga_drawer,)),
    "mlsd": AnnotatorRow(straight_lines, (load_line_finder,)),
    "anime_face_segment": AnnotatorRow(parts_of_faces, (load_face_parts,)),
    "depth_leres": AnnotatorRow(relative_depth, (load_leres,)),
    "inpaint_only+lama": AnnotatorRow(filled_hole, (load_lama,)),
    "normal_bae": AnnotatorRow(surface_normals, (load_normal_net,)),
    **dict.fromkeys(ANNOTATOR_MODELS, AnnotatorRow(seen_map, (load_seer,))),
    "normal_map": AnnotatorRow(normals_of_depth, (load_seer,)),
    "mediapipe_pose": AnnotatorRow(lightly_posed, (LiteNet, LiteNet)),
    "mediapipe_face": AnnotatorRow(meshed_faces, (LiteNet, LiteNet, LiteNet)),
    "vitpose": AnnotatorRow(posed_alone, (load_joint_finder,)),
}
