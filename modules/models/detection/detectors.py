"""The detectors in memory: the one that was used last. For the engine's thread alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from modules.base.errors import ModelMismatch
from modules.library.detectors import find_detector
from modules.library.library import Library
from modules.models.detection.mtcnn import Mtcnn
from modules.models.detection.yolo import MARKS, YOLO_HEAD, Yolo
from modules.models.detection.yolo_file import YoloFile, read_yolo_file
from modules.models.upscaling.architectures import UNFIT
from modules.sampling.detection import Detect, Detection

TRIAL_SIZE = 8, 64      # of a picture that a new file is tried on
MTCNN_MARK = "propose.face.weight"
USE_YOLOV8 = "Use one of YOLOv8 such as face_yolov8n.pt, or mtcnn_face, which ships with Easel."

FindAll = Callable[[np.ndarray, float, Sequence[str]], list[Detection]]      # picture, least score, labels that count


class Detectors:
    """Detectors by their files. All is computed in single precision."""

    def __init__(self, library: Library, device: torch.device) -> None:
        self.library, self.device = library, device
        self._loaded: tuple[Path, FindAll] | None = None

    def find(self, ask: Detect) -> list[Detection]:
        """Return the things in a picture, the surest first. Raises UnknownName, or ModelError naming the file."""
        path = find_detector(self.library, ask.name).path
        if not self._loaded or self._loaded[0] != path:
            self._loaded = None
            self._loaded = path, load_detector(path, self.device)
        return self._loaded[1](ask.pixels, ask.confidence, ask.classes)

    def forget(self) -> bool:
        """Drop the network; False if there is none."""
        before, self._loaded = self._loaded, None
        return before is not None


def load_detector(path: Path, device: torch.device) -> FindAll:
    """Return the function of a detector's file. Raises ModelError, naming the file."""
    file = read_yolo_file(path)
    tensors = {
        name: tensor.detach().to(device, torch.float32)
        for name, tensor in file.tensors.items() if tensor.is_floating_point()
    }
    if MTCNN_MARK in tensors:
        return mtcnn_of(path, YoloFile(tensors, {}), device)
    if any(name.endswith("logit_scale") for name in tensors):
        raise ModelMismatch(f"{path.name} is a YOLO-World, which finds what a text says; Easel runs none.", USE_YOLOV8)
    if not all(mark in tensors for mark in MARKS) or tensors[f"{YOLO_HEAD}.cv2.0.2.weight"].shape[0] != 64:
        raise ModelMismatch(f"{path.name} is no detector that Easel knows; other YOLOs are none.", USE_YOLOV8)
    find = Yolo(tensors, file.labels).find
    try:
        find(np.zeros((*TRIAL_SIZE, 3), np.uint8), 0.0, ())
    except UNFIT as error:
        raise ModelMismatch(f"{path.name}: its weights do not fit together.", USE_YOLOV8) from error
    return find


def mtcnn_of(path: Path, file: YoloFile, device: torch.device) -> FindAll:
    net = Mtcnn()
    try:
        net.load_state_dict(file.tensors)
    except UNFIT as error:
        raise ModelMismatch(f"{path.name}: its weights do not fit together.", USE_YOLOV8) from error
    net.to(device).requires_grad_(False).eval()
    return lambda pixels, confidence, _: net.find(pixels, confidence)
