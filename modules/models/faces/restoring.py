"""Face restoration: the faces of a picture are detected, aligned, restored and put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from modules.base.errors import NotANumber
from modules.imaging.faces import align_face, returned
from modules.library.face_restorers import Catalogs, find_face_files, refresh_restorers, restorer_named
from modules.models.faces.building import DETECTOR_NETWORK, RESTORER_NETWORKS, FaceNetwork, N, load_face_network
from modules.models.faces.codeformer import CodeFormer
from modules.models.faces.detection import detect_faces
from modules.models.faces.retinaface import RetinaFace

Restore = Callable[[Tensor], Tensor]        # (1, 3, 512, 512) RGB in [−1, 1] → the same


class FaceRestorers:
    """The detector, and the last used restorer. For the engine's thread alone."""

    def __init__(self, catalogs: Catalogs, device: torch.device) -> None:
        """catalogs: the restorers' files. All is computed in single precision, as in A1111."""
        self.catalogs, self.device = catalogs, device
        self._detector: tuple[Path, RetinaFace] | None = None
        self._restorer: tuple[Path, nn.Module] | None = None

    def restore(self, name: str, pixels: np.ndarray, weight: float) -> np.ndarray:
        """Restore the faces in (H, W, 3) uint8. Raises UnknownName, NotANumber, or ModelError naming the file.

        weight: CodeFormer's; 0 restores most, 1 changes the face least
        """
        refresh_restorers(self.catalogs)
        found = find_face_files(name, self.catalogs)
        self._detector = self._kept(self._detector, DETECTOR_NETWORK, found.detector)
        self._restorer = self._kept(
            self._restorer, RESTORER_NETWORKS[restorer_named(name).name.casefold()], found.restorer
        )
        return np.array(
            restore_faces(Image.fromarray(pixels), self._detector[1], restore_with(self._restorer[1], weight))
        )

    def _kept(self, ready: tuple[Path, N] | None, kind: FaceNetwork[N], path: Path) -> tuple[Path, N]:
        return ready if ready and ready[0] == path else (path, load_face_network(kind, path, self.device))


def restore_with(net: nn.Module, weight: float) -> Restore:
    """Return the network's function; GFPGAN has no weight."""
    device = next(net.parameters()).device
    if isinstance(net, CodeFormer):
        return lambda x: net(x.to(device), weight)
    return lambda x: net(x.to(device))


def restore_faces(image: Image.Image, detector: RetinaFace, restore: Restore) -> Image.Image:
    """Restore every face of an RGB picture, each taken from the original, and put over the ones before it."""
    result = image
    for face in detect_faces(detector, image):
        square, matrix = align_face(image, face.landmarks)
        result = returned(result, restore_square(restore, square), matrix)
    return result


@torch.no_grad()
def restore_square(restore: Restore, square: Image.Image) -> Image.Image:
    x = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None].float() / 127.5 - 1
    y = restore(x)[0].float().cpu()
    if not y.isfinite().all():
        raise NotANumber(
            "The face restorer gave numbers that are no colours.", "Use the other one, or download its file again."
        )
    return Image.fromarray(((y.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())
