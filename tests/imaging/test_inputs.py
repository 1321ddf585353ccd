"""Pictures that jobs start from: named by content, upright, of 8 bits."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from modules.base.errors import InvalidImage
from modules.imaging.inputs import load_input, save_input

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8))


def encoded(image, kind="PNG", **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def again(folder, image, kind="PNG", **how):
    return load_input(folder, save_input(folder, encoded(image, kind, **how)))


def test_what_is_kept_can_be_loaded(tmp_path):
    assert np.array_equal(again(tmp_path, PICTURE), PICTURE)


def test_the_same_picture_has_one_name(tmp_path):
    assert save_input(tmp_path, encoded(PICTURE)) == save_input(tmp_path, encoded(PICTURE, compress_level=0))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6      # the camera was turned: rotate by 90° clockwise
    assert np.array_equal(again(tmp_path, PICTURE, exif=exif), np.rot90(np.asarray(PICTURE), -1))


@pytest.mark.parametrize(
    "mode, becomes", [("L", "L"), ("1", "L"), ("P", "RGB"), ("LA", "RGBA"), ("RGBA", "RGBA"), ("RGB", "RGB")]
)
def test_every_kind_of_pixel_is_made_plain(tmp_path, mode, becomes):
    loaded = again(tmp_path, PICTURE.convert(mode))
    assert loaded.mode == becomes
    assert np.array_equal(loaded, PICTURE.convert(mode).convert(becomes))


def test_ink_becomes_light(tmp_path):
    assert again(tmp_path, PICTURE.convert("CMYK"), "JPEG").mode == "RGB"


def test_sixteen_bits_become_eight(tmp_path):
    deep = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert list(again(tmp_path, Image.fromarray(deep)).tobytes()) == [0, 1, 128, 255]


@pytest.mark.parametrize(
    "content", [b"", b"no picture", encoded(PICTURE)[:100], encoded(PICTURE, exif=b"Exif\0\0II*\0")]
)
def test_what_is_no_picture_is_refused(tmp_path, content):
    with pytest.raises(InvalidImage):
        save_input(tmp_path, content)


@pytest.mark.parametrize("name", ["", "../secret.png", "/etc/passwd", "0" * 64 + ".png", "a.png\0"])
def test_nothing_else_is_loaded(tmp_path, name):
    (tmp_path.parent / "secret.png").write_bytes(encoded(PICTURE))
    with pytest.raises(InvalidImage, match="gone"):
        load_input(tmp_path, name)
