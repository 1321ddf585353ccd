"""A training at hand: the golden model on one thread, and pictures that are drawn here."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from modules.models.device import Device
from modules.sampling.weights import Weights
from tests.golden_data import CHECKPOINT

COLOURS = ("white", "orange", "teal", "khaki", "pink", "gray", "navy", "lime")


def draw_zorbs(folder: Path, size: int = 32, count: int = 8) -> Path:
    """Pictures of one thing on several backgrounds, with captions."""
    folder.mkdir(parents=True)
    for number, colour in enumerate(COLOURS[:count]):
        image = Image.new("RGB", (size, size), colour)
        draw, at = ImageDraw.Draw(image), size // 8 + number * size // 64
        draw.ellipse((at, at, at + size // 2, at + size // 2), fill=(120, 40, 160))
        draw.rectangle((at + size // 6, at + size // 6, at + size // 3, at + size // 3), fill="black")
        image.save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"a zorb on a {colour} background")
    return folder


@pytest.fixture(scope="session")
def zorbs(tmp_path_factory) -> Path:
    return draw_zorbs(tmp_path_factory.mktemp("pictures") / "zorb")


@pytest.fixture(scope="session")
def weights(device: Device) -> Weights:
    """The golden SD1 model's."""
    file = device.library.checkpoints.find(CHECKPOINT)
    return Weights(device.library.checkpoints.hashed(file).sha256 or "")
