"""YOLOv8's detectors and segmenters, computed from a file's tensors; widths and depths follow from their shapes.

Layers and names are those of ultralytics' `yolov8.yaml` and `yolov8-seg.yaml`: a backbone (0–9), a neck that goes up
and down again (12–21), and the head (22) at three strides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, max_pool2d, silu

from modules.models.detection.boxes import suppressed, within_picture
from modules.sampling.detection import Detection

STRIDES = (8, 16, 32)
NORM_EPS = 1e-3                # of batch norms
BINS = 16                      # in which the head tells the distance to each of a box's edges
LONG_SIDE = 640                # the picture's longer side is resized to it
FRAME_GREY = 114                     # of 255, around the picture
SAME_THING = 0.7               # boxes that overlap by more are one
MOST_FINDS = 300
YOLO_HEAD = "model.22"
MARKS = ("model.0.conv.weight", "model.9.cv1.conv.weight", "model.21.cv2.conv.weight", f"{YOLO_HEAD}.cv3.2.2.weight")


@dataclass(frozen=True)
class Yolo:
    """A detector: its tensors, and its classes' labels by number."""

    tensors: Mapping[str, Tensor]
    labels: Mapping[int, str]

    def find(self, pixels: np.ndarray, confidence: float, classes: Sequence[str] = ()) -> list[Detection]:
        """Return the things in (H, W, 3) uint8, the surest first; only those labels, if some are named."""
        height, width = pixels.shape[:2]
        x, factor, left, top = letterboxed(pixels)
        like = self.tensors["model.0.conv.weight"]
        seen = self.heads((x.to(like) / 255)[None])
        boxes, scores, coefficients, shapes = self.decoded(seen)
        best, kinds = scores.max(1)
        counts = best >= confidence
        if classes:
            counts &= torch.tensor([self.labels.get(int(kind), str(int(kind))) in classes for kind in kinds]).to(counts)
        places = torch.nonzero(counts)[:, 0]
        edges, sure = boxes[places].float().cpu().numpy(), best[places].float().cpu().numpy()
        # things of different classes do not suppress each other
        apart = kinds[places].cpu().numpy()[:, None] * (2.0 * max(x.shape[1:]))
        kept = suppressed(edges + apart, sure, SAME_THING)[:MOST_FINDS]
        own = within_picture((edges - [left, top, left, top]) / factor, width, height)
        finds = []
        for place in kept:
            row = int(places[place])
            mask = None
            if shapes is not None and coefficients is not None:
                mask = shape_mask(coefficients[row], shapes, edges[place], x.shape[1:], (left, top), (width, height))
            label = self.labels.get(int(kinds[row]), str(int(kinds[row])))
            finds.append(Detection(tuple(own[place].tolist()), float(sure[place]), label, mask))
        return finds

    # The network ------------------------------------------------------------------------------------------

    def heads(self, x: Tensor) -> list[Tensor]:
        """Return the neck's three outputs, finest first, for (1, 3, H, W) in [0, 1]."""
        for layer in range(5):
            x = self.layer(layer, x)
        fine = x
        middle = self.layer(6, self.layer(5, fine))
        coarse = self.pyramid_pooled(self.layer(8, self.layer(7, middle)))
        up = self.layer(12, torch.cat([doubled(coarse), middle], 1))
        first = self.layer(15, torch.cat([doubled(up), fine], 1))
        second = self.layer(18, torch.cat([self.layer(16, first), up], 1))
        third = self.layer(21, torch.cat([self.layer(19, second), coarse], 1))
        return [first, second, third]

    def layer(self, number: int, x: Tensor) -> Tensor:
        """A convolution of stride 2, or a block of residual pairs; those of the neck have no shortcut."""
        name = f"model.{number}"
        if f"{name}.conv.weight" in self.tensors:
            return self.convolved(name, x, 2)
        parts = list(self.convolved(f"{name}.cv1", x).chunk(2, 1))
        pair = 0
        while f"{name}.m.{pair}.cv1.conv.weight" in self.tensors:
            inner = self.convolved(f"{name}.m.{pair}.cv2", self.convolved(f"{name}.m.{pair}.cv1", parts[-1]))
            parts.append(parts[-1] + inner if number < 9 else inner)
            pair += 1
        return self.convolved(f"{name}.cv2", torch.cat(parts, 1))

    def convolved(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        """A convolution, its batch norm unless it is part of the weights already, and SiLU."""
        weight, bias = self.tensors[f"{name}.conv.weight"], self.tensors.get(f"{name}.conv.bias")
        x = conv2d(x, weight, bias, stride, weight.shape[2] // 2)
        if f"{name}.bn.weight" in self.tensors:
            mean, variance, scale, shift = (
                self.tensors[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
            )
            x = torch.nn.functional.batch_norm(x, mean, variance, scale, shift, eps=NORM_EPS)
        return silu(x)

    def pyramid_pooled(self, x: Tensor) -> Tensor:
        parts = [self.convolved("model.9.cv1", x)]
        for _ in range(3):
            parts.append(max_pool2d(parts[-1], 5, 1, 2))
        return self.convolved("model.9.cv2", torch.cat(parts, 1))

    # The head ---------------------------------------------------------------------------------------------

    def branch(self, name: str, x: Tensor) -> Tensor:
        """A branch of the head: two convolutions and a linear one, (1, C, h, w) → (h·w, out)."""
        x = self.convolved(f"{YOLO_HEAD}.{name}.1", self.convolved(f"{YOLO_HEAD}.{name}.0", x))
        linear = f"{YOLO_HEAD}.{name}.2"
        return conv2d(x, self.tensors[f"{linear}.weight"], self.tensors[f"{linear}.bias"])[0].flatten(1).T

    def decoded(self, seen: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Return boxes (n, 4) in pixels, scores (n, classes), and of a segmenter coefficients (n, k) and shapes."""
        boxes, scores = [], []
        for level, (x, stride) in enumerate(zip(seen, STRIDES, strict=True)):
            distances = self.branch(f"cv2.{level}", x).view(-1, 4, BINS).softmax(2)
            distances = distances @ torch.arange(BINS, device=x.device).to(x)
            rows, columns = (torch.arange(side, device=x.device).to(x) + 0.5 for side in x.shape[2:])
            y, across = torch.meshgrid(rows, columns, indexing="ij")
            centre = torch.stack([across.flatten(), y.flatten()], 1)
            boxes.append(torch.cat([centre - distances[:, :2], centre + distances[:, 2:]], 1) * stride)
            scores.append(self.branch(f"cv3.{level}", x).sigmoid())
        if f"{YOLO_HEAD}.proto.cv1.conv.weight" not in self.tensors:
            return torch.cat(boxes), torch.cat(scores), None, None
        coefficients = torch.cat([self.branch(f"cv4.{level}", x) for level, x in enumerate(seen)])
        return torch.cat(boxes), torch.cat(scores), coefficients, self.shapes(seen[0])

    def shapes(self, x: Tensor) -> Tensor:
        """Return the shapes (k, h, w), at a quarter of the picture's size, of which masks are sums."""
        x = self.convolved(f"{YOLO_HEAD}.proto.cv1", x)
        up = f"{YOLO_HEAD}.proto.upsample"
        x = conv_transpose2d(x, self.tensors[f"{up}.weight"], self.tensors[f"{up}.bias"], 2)
        return self.convolved(f"{YOLO_HEAD}.proto.cv3", self.convolved(f"{YOLO_HEAD}.proto.cv2", x))[0]


def doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="nearest")


def letterboxed(pixels: np.ndarray) -> tuple[Tensor, float, int, int]:
    """Return the picture as the network is shown it, (3, H, W) in 0 … 255, its factor, and its left and top edge.

    Sides are whole multiples of the largest stride; what is around the picture is grey.
    """
    height, width = pixels.shape[:2]
    factor = LONG_SIDE / max(height, width)
    inner = max(1, round(width * factor)), max(1, round(height * factor))
    smaller = np.asarray(Image.fromarray(pixels).resize(inner, Image.Resampling.BILINEAR))
    largest = STRIDES[-1]
    size = [-(-side // largest) * largest for side in inner]
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed = np.full((size[1], size[0], 3), FRAME_GREY, np.uint8)
    framed[top:top + inner[1], left:left + inner[0]] = smaller
    return torch.from_numpy(framed).permute(2, 0, 1), factor, left, top


def shape_mask(
    coefficients: Tensor, shapes: Tensor, box: np.ndarray, shown: Sequence[int], begin: tuple[int, int],
    size: tuple[int, int],
) -> np.ndarray:
    """Return the mask (H, W) bool of a find within its box.

    box: in pixels of the picture as it was shown, `shown` high and wide, which begins at `begin`; size: the picture's
    """
    levels = (coefficients @ shapes.flatten(1)).view(1, 1, *shapes.shape[1:]).float()
    levels = interpolate(levels, tuple(shown), mode="bilinear")[0, 0]
    inside = torch.zeros_like(levels)
    left, top, right, bottom = (round(float(edge)) for edge in box)
    inside[max(0, top):max(0, bottom), max(0, left):max(0, right)] = 1
    lit = ((levels > 0) & (inside > 0)).cpu().numpy().astype(np.uint8) * 255
    framed = lit[begin[1]:shown[0] - begin[1] or None, begin[0]:shown[1] - begin[0] or None]
    return np.asarray(Image.fromarray(framed).resize(size, Image.Resampling.BILINEAR)) > 127
