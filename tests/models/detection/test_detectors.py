"""Detectors: the one that ships, and files of YOLOv8 read without running anything in them."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelUnsafe
from modules.models.detection.boxes import suppressed
from modules.models.detection.detectors import load_detector
from modules.models.detection.yolo import YOLO_HEAD, Yolo, letterboxed
from modules.models.detection.yolo_file import read_yolo_file
from modules.settings.flags import ROOT

FACE = Path(__file__).with_name("face.jpg")
MTCNN = ROOT / "models/adetailer/mtcnn_face.safetensors"
CPU = torch.device("cpu")
WIDTHS = (4, 4, 8, 8)      # of the strides 4, 8, 16, 32


def test_the_shipped_detector_finds_a_face():
    """The face of Eileen Collins, by NASA, which is in the public domain."""
    with Image.open(FACE) as image:
        picture = np.asarray(image.convert("RGB"))
    with torch.inference_mode():
        find = load_detector(MTCNN, CPU)
        [face] = find(picture, 0.3, ())
        assert find(np.full((64, 64, 3), 128, np.uint8), 0.3, ()) == [] == find(picture[:8, :8], 0.3, ())
    assert face.score > 0.99
    assert np.abs(np.array(face.box) - (29, 30, 96, 114)).max() < 8


# YOLOv8 ---------------------------------------------------------------------------------------------------


def tensors(masks=False, labels=2):
    """A YOLOv8 of zeros, whose biases answer: at the coarsest level, things of label 1, two cells to each side."""
    made = {}

    def conv(name, inputs, outputs, kernel=1):
        made[f"{name}.conv.weight"] = torch.zeros(outputs, inputs, kernel, kernel)
        made[f"{name}.conv.bias"] = torch.zeros(outputs)

    def block(number, inputs, outputs):
        conv(f"model.{number}.cv1", inputs, outputs)
        for part in ("cv1", "cv2"):
            conv(f"model.{number}.m.0.{part}", outputs // 2, outputs // 2, 3)
        conv(f"model.{number}.cv2", outputs * 3 // 2, outputs)

    a, b, c, d = WIDTHS
    conv("model.0", 3, a, 3), conv("model.1", a, a, 3), block(2, a, a)
    conv("model.3", a, b, 3), block(4, b, b), conv("model.5", b, c, 3), block(6, c, c)
    conv("model.7", c, d, 3), block(8, d, d), conv("model.9.cv1", d, d // 2), conv("model.9.cv2", d * 2, d)
    block(12, d + c, c), block(15, c + b, b), conv("model.16", b, b, 3), block(18, b + c, c)
    conv("model.19", c, c, 3), block(21, c + d, d)
    for level, width in enumerate((b, c, d)):
        for branch, outputs in (("cv2", 64), ("cv3", labels), *((("cv4", 2),) if masks else ())):
            name = f"{YOLO_HEAD}.{branch}.{level}"
            conv(f"{name}.0", width, 4, 3), conv(f"{name}.1", 4, 4, 3)
            made[f"{name}.2.weight"], made[f"{name}.2.bias"] = torch.zeros(outputs, 4, 1, 1), torch.zeros(outputs)
        made[f"{YOLO_HEAD}.cv2.{level}.2.bias"].view(4, 16)[:, 2] = 50.0
        made[f"{YOLO_HEAD}.cv3.{level}.2.bias"][:] = torch.tensor([-9.0, 2.0 if level == 2 else -9.0])
    if masks:
        conv(f"{YOLO_HEAD}.proto.cv1", b, 4, 3), conv(f"{YOLO_HEAD}.proto.cv2", 4, 4, 3), conv(f"{YOLO_HEAD}.proto.cv3", 4, 2)
        made[f"{YOLO_HEAD}.proto.upsample.weight"], made[f"{YOLO_HEAD}.proto.upsample.bias"] = torch.zeros(4, 4, 2, 2), torch.zeros(4)
        made[f"{YOLO_HEAD}.proto.cv3.conv.bias"][:] = 3.0
        for level in range(3):
            made[f"{YOLO_HEAD}.cv4.{level}.2.bias"][:] = 1.0
    return made


def test_boxes_reach_as_far_as_the_head_says():
    """Two cells of 32 pixels to each side of each cell's centre, of a picture shown at 640 pixels."""
    finds = Yolo(tensors(), {1: "hand"}).find(np.zeros((320, 320, 3), np.uint8), 0.5)
    assert {find.label for find in finds} == {"hand"} and finds[0].score == pytest.approx(torch.tensor(2.0).sigmoid())
    boxes = np.array([find.box for find in finds])
    inside = boxes[(boxes.min(1) > 0) & (boxes.max(1) < 320)]
    assert len(inside) and np.allclose(inside[:, 2:] - inside[:, :2], 4 * 32 / 2)
    assert not Yolo(tensors(), {1: "hand"}).find(np.zeros((64, 64, 3), np.uint8), 0.5, ("face",))


def test_a_segmenters_masks_lie_in_their_boxes():
    find = Yolo(tensors(masks=True), {}).find(np.zeros((160, 320, 3), np.uint8), 0.5)[0]
    rows, columns = np.nonzero(find.mask)
    left, top, right, bottom = find.box
    assert find.mask.shape == (160, 320) and find.label == "1"
    assert abs(columns.min() - left) <= 2 and abs(columns.max() + 1 - right) <= 2
    assert abs(rows.min() - top) <= 2 and abs(rows.max() + 1 - bottom) <= 2


def test_a_picture_is_shown_whole_with_grey_around_it():
    x, factor, left, top = letterboxed(np.full((100, 200, 3), 7, np.uint8))
    assert x.shape == (3, 320, 640) and (factor, left, top) == (3.2, 0, 0)
    tall, _, left, _ = letterboxed(np.zeros((640, 630, 3), np.uint8))
    assert tall.shape == (3, 640, 640) and left == 5 and (tall[:, :, :5] == 114).all()


@pytest.fixture
def ultralytics(monkeypatch):
    """Classes under the names of that program, as its files name them."""
    module = types.ModuleType("ultralytics.nn.tasks")
    module.DetectionModel = type("DetectionModel", (nn.Module,), {"__module__": module.__name__})
    module.Conv = type("Conv", (nn.Module,), {"__module__": module.__name__})
    for name, each in {"ultralytics": types.ModuleType("ultralytics"), "ultralytics.nn": module, module.__name__: module}.items():
        monkeypatch.setitem(sys.modules, name, each)
    return module


def pickled_module(program, names):
    root = program.DetectionModel()
    for name, tensor in names.items():
        at, *path = root, *name.split(".")
        for part in path[:-1]:
            if part not in at._modules:
                at.add_module(part, program.Conv())
            at = at._modules[part]
        at.register_parameter(path[-1], nn.Parameter(tensor.half(), requires_grad=False))
    root.names = {0: "face", 1: "hand"}
    return root


def test_a_pickled_program_is_read_and_none_of_it_is_run(ultralytics, tmp_path, monkeypatch):
    path = tmp_path / "hand_yolov8n.pt"
    torch.save({"epoch": -1, "ema": None, "model": pickled_module(ultralytics, tensors())}, path)
    for name in ("ultralytics", "ultralytics.nn", "ultralytics.nn.tasks"):
        monkeypatch.delitem(sys.modules, name)
    file = read_yolo_file(path)
    assert "ultralytics" not in sys.modules and file.labels == {0: "face", 1: "hand"}
    assert file.tensors.keys() == tensors().keys()
    with torch.inference_mode():
        assert load_detector(path, CPU)(np.zeros((64, 64, 3), np.uint8), 0.5, ("hand",))[0].label == "hand"


class Bomb:
    def __reduce__(self):
        return eval, ("[].append(1)",)


def test_a_file_that_asks_for_anything_else_is_not_opened(ultralytics, tmp_path):
    path = tmp_path / "evil.pt"
    model = pickled_module(ultralytics, tensors())
    model.names = Bomb()
    torch.save({"model": model}, path)
    with pytest.raises(ModelUnsafe, match=r"evil\.pt asks to run code"):
        read_yolo_file(path)


def test_modules_within_themselves_end(ultralytics, tmp_path):
    path = tmp_path / "endless.pt"
    model = pickled_module(ultralytics, tensors())
    model._modules["again"] = model
    torch.save({"model": model}, path)
    with pytest.raises(ModelCorrupt, match="nested beyond measure"):
        read_yolo_file(path)


@pytest.mark.parametrize(("change", "told"), [
    (lambda made: made.pop("model.21.cv2.conv.weight"), "no detector that Easel knows"),
    (lambda made: made.update({f"{YOLO_HEAD}.logit_scale": torch.zeros(1)}), "YOLO-World"),
    (lambda made: made.update({"model.5.conv.weight": torch.zeros(8, 3, 3, 3)}), "do not fit together"),
])
def test_other_detectors_are_refused_by_name(tmp_path, change, told):
    made = tensors()
    change(made)
    save_file(made, tmp_path / "odd.safetensors")
    with pytest.raises(ModelMismatch, match=told):
        load_detector(tmp_path / "odd.safetensors", CPU)


def test_boxes_that_share_too_much_are_one():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [2, 2, 5, 5]], float)
    scores = np.array([0.5, 0.9, 0.7, 0.6])
    assert suppressed(boxes, scores, 0.7).tolist() == [1, 2, 3]
    assert suppressed(boxes, scores, 0.7, of_smaller=True).tolist() == [1, 2]
