"""Maps of the preprocessors that need no network: the extension's own replies, pixel by pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from modules.base.errors import TooLarge
from modules.imaging.control.canny import canny_edges
from modules.imaging.control.fitting import fitted_map, pixel_perfect_resolution
from modules.imaging.control.maps import MAPS, MapOptions, rgb_on_white
from modules.imaging.control.resampling import AREA, CUBIC, NEAREST, resampled
from modules.imaging.control.thinning import binary_by_otsu, is_of_thin_lines, thinned
from modules.params.control import MAP_RESIZE_MODES
from modules.params.preprocessors import IMAGE_PROMPT, PREPROCESSORS, find_preprocessor
from tests.golden_data import GOLDEN

REPLIES = json.loads((GOLDEN / "controlnet-api/detect.json").read_text())
MADE = {name: reply for name, reply in REPLIES.items() if reply["status"] == 200}


def picture(name):
    with Image.open(GOLDEN / name.removeprefix("@")) as image:
        return rgb_on_white(image)


@pytest.mark.parametrize("name", MADE)
def test_a_map_is_the_extensions_to_the_pixel(name):
    asked = MADE[name]["request"]
    own = find_preprocessor(asked["controlnet_module"])
    options = MapOptions(
        int(own.resolution.effective(asked["controlnet_processor_res"])),
        own.a.effective(asked["controlnet_threshold_a"]), own.b.effective(asked["controlnet_threshold_b"]),
    )
    made = MAPS[own.name](picture(asked["controlnet_input_images"][0]), options)
    assert np.array_equal(made, picture(f"controlnet-api/{MADE[name]['images'][0]}"))


def test_the_two_tables_agree():
    """What runs here is declared to need no file, and the reverse; a picture for an image encoder has no map."""
    assert MAPS.keys() == {each.name for each in PREPROCESSORS if not each.file} - {*IMAGE_PROMPT}


def test_a_long_strip_is_refused_before_it_is_made_large():
    with pytest.raises(TooLarge, match="512 × 65536 pixels of a picture of 8 × 1024"):
        MAPS["canny"](np.zeros((1024, 8, 3), np.uint8), MapOptions(512))


def test_canny_finds_the_border_of_a_square_and_nothing_in_grey():
    levels = np.zeros((32, 32, 3), np.uint8)
    assert not canny_edges(levels, 100, 200).any()
    levels[8:24, 8:24] = 255
    edges = canny_edges(levels, 100, 200) > 0
    assert edges.any() and not edges[11:21, 11:21].any() and not edges[:6].any()
    assert np.array_equal(canny_edges(levels, 200, 100), canny_edges(levels, 100, 200))      # the lower goes first


def test_a_shuffled_picture_follows_its_seed():
    levels = picture("inputs/init_big.png")
    one, again, other = (MAPS["shuffle"](levels, MapOptions(64, seed=seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert min(one.shape[:2]) == 64


@pytest.mark.parametrize("method", [AREA, CUBIC, NEAREST])
def test_an_even_picture_stays_even(method):
    levels = np.full((24, 31, 3), 77, np.uint8)
    for size in ((10, 9), (50, 64), (31, 12), (12, 60)):
        assert (resampled(levels, size, method) == 77).all()


def test_an_area_is_the_mean_of_what_it_covers():
    levels = np.arange(16, dtype=np.uint8).reshape(4, 4, 1) * 10
    assert resampled(levels, (2, 2), AREA)[:, :, 0].tolist() == [[25, 45], [105, 125]]


def test_a_line_stays_thin_and_a_shape_stays_black_and_white():
    line = np.zeros((64, 64, 3), np.uint8)
    line[np.arange(8, 56), np.arange(8, 56)] = 255
    assert is_of_thin_lines(line)
    larger = fitted_map(line, (192, 192), "Just Resize")
    assert {*np.unique(larger)} == {0, 255} and larger[:, :, 0].any(axis=1).sum() > 120
    assert (larger[:, :, 0] > 0).sum(axis=1).max() <= 3      # a pixel or two of each row, as it is diagonal
    square = np.zeros((64, 64, 3), np.uint8)
    square[16:48, 16:48] = 255
    assert not is_of_thin_lines(square)
    assert {*np.unique(fitted_map(square, (100, 100), "Just Resize"))} == {0, 255}


def test_segments_keep_their_colours():
    levels = np.zeros((40, 40, 3), np.uint8)
    levels[:, :20], levels[20:, :20], levels[20:, 20:] = (255, 0, 0), (0, 130, 7), (9, 9, 90)
    before = {tuple(each) for each in levels.reshape(-1, 3)}
    assert {tuple(each) for each in fitted_map(levels, (97, 61), "Just Resize").reshape(-1, 3)} == before


@pytest.mark.parametrize("mode", MAP_RESIZE_MODES)
@pytest.mark.parametrize("size", [(64, 64), (96, 32), (33, 71)])
def test_a_map_has_the_size_of_the_picture(mode, size):
    levels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    fitted = fitted_map(levels, size, mode)
    assert fitted.shape == (size[1], size[0], 4) and {*np.unique(fitted[:, :, 3])} <= {0, 255}


def test_what_is_filled_is_the_borders_median_and_is_painted():
    levels = np.full((32, 32, 4), 60, np.uint8)
    fitted = fitted_map(levels, (96, 32), "Resize and Fill")
    assert (fitted[:, :20, :3] == 60).all() and (fitted[:, :20, 3] == 255).all() and not fitted[:, 40:50, 3].any()


def test_pixel_perfect_follows_the_result():
    """Crop takes the larger ratio of the sides, fill the smaller."""
    assert pixel_perfect_resolution((192, 160), (64, 64), filled=False) == 64
    assert pixel_perfect_resolution((192, 160), (128, 64), filled=False) == 107
    assert pixel_perfect_resolution((192, 160), (128, 64), filled=True) == 64


def test_otsu_splits_two_heaps_between_them():
    levels = np.concatenate([np.full(100, 40, np.uint8), np.full(50, 200, np.uint8)]).reshape(10, 15)
    assert np.array_equal(binary_by_otsu(levels) > 0, levels > 100)


def test_thinning_ends_and_keeps_what_is_thin():
    bar = np.zeros((20, 40), np.uint8)
    bar[8:13, 5:35] = 255
    thin = thinned(bar, pruned=False)
    assert 0 < (thin > 0).sum() < 45 and np.array_equal(thinned(thin, pruned=False), thin)
