"""The whole way: names, sizes in A1111's manner, alpha, and what the shipped weights are worth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from modules.base.errors import Invalid, ModelCorrupt, ModelUnsupported, UnknownName
from modules.library.model_kinds import UPSCALER
from modules.models.upscaling.upscaler import Upscalers, upscaled
from tests.golden_data import catalog_of
from tests.models.upscaling.asking import answered, fit, upscale
from tests.models.upscaling.networks import CPU, srvgg_state

MODELS = Path(__file__).resolve().parents[3] / "models"
SHIPPED = ("R-ESRGAN AnimeVideo", "R-ESRGAN 4x+ Anime6B")


@pytest.fixture
def shipped():
    return Upscalers(catalog_of(UPSCALER, MODELS / "RealESRGAN"), CPU, torch.float32)


@pytest.fixture
def own(tmp_path):
    """A random ×2 model, one that is damaged and one of another kind."""
    save_file(srvgg_state(scale=2), tmp_path / "random.safetensors")
    (tmp_path / "damaged.pth").write_bytes(b"PK\x03\x04 and no more")
    torch.save({"layers.0.weight": torch.ones(3)}, tmp_path / "foreign.pth")
    return Upscalers(catalog_of(UPSCALER, tmp_path), CPU, torch.float32)


def drawing():
    """320×320, drawn four times as large and then reduced, so that its edges are smooth."""
    image = Image.new("RGB", (1280, 1280), (250, 240, 220))
    draw = ImageDraw.Draw(image)
    draw.ellipse((120, 160, 800, 880), fill=(200, 30, 40), outline=(20, 20, 20), width=20)
    draw.polygon([(600, 1200), (1200, 1120), (1040, 360)], fill=(30, 90, 200), outline=(10, 10, 10))
    draw.line((40, 40, 1240, 640), fill=(0, 120, 60), width=28)
    return image.reduce(4)


def psnr(a, b):
    return 10 * math.log10(255**2 / np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_draws_better_than_nearest_neighbour(shipped, name):
    large = drawing()
    small = large.reduce(4)
    result, plain = (upscale(shipped, each, small, 4) for each in (name, "Nearest"))
    assert result.size == large.size
    assert psnr(result, large) > psnr(plain, large) + 2


def test_the_list_is_pillows_three_then_the_models(shipped):
    assert [upscaler.name for upscaler in shipped.list()] == ["None", "Lanczos", "Nearest", *SHIPPED]
    assert not any(upscaler.problem for upscaler in shipped.list())


@pytest.mark.parametrize("name", ["R-ESRGAN 4x+ Anime6B", "r-esrgan 4X+ anime6b", "RealESRGAN_x4plus_anime_6B"])
def test_a_model_is_found_by_its_name_or_its_files(shipped, name):
    assert shipped.find(name).path == MODELS / "RealESRGAN/RealESRGAN_x4plus_anime_6B.safetensors"


def test_an_unknown_name_is_answered_with_a_like_one(shipped):
    with pytest.raises(UnknownName) as refused:
        shipped.find("R-ESRGAN 4x+ Anime")
    assert "R-ESRGAN 4x+ Anime6B" in refused.value.hint


@pytest.mark.parametrize("name", ["None", "Lanczos", "Nearest", "random"])
@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((16, 24), 2, (32, 48)),
        ((75, 50), 2, (144, 96)),
        ((75, 50), 1.7, (120, 80)),
        ((16, 24), 1, (16, 24)),
        ((64, 48), 0.5, (32, 24)),
        ((16, 16), 9, (144, 144)),
    ],
)
def test_sides_are_the_multiple_of_eight_below(own, name, size, scale, expected):
    assert upscale(own, name, Image.new("RGB", size, "teal"), scale).size == expected


@pytest.mark.parametrize(("own_scale", "scale", "passes"), [
    (2, 1, 1), (2, 1.5, 1), (2, 2, 1), (2, 3, 2), (2, 8, 3), (2, 100, 3), (4, 5, 2), (1, 4, 1), (4, 0.5, 0),
])
def test_a_model_runs_until_the_picture_is_large_enough(own_scale, scale, passes):
    sizes = []

    def enlarge(image, asked):
        assert asked == scale
        sizes.append(image.width)
        return (yield image.resize((image.width * own_scale, image.height * own_scale)))

    answered(upscaled(Image.new("RGB", (16, 16)), scale, enlarge), lambda larger: larger)
    assert sizes == [16 * own_scale**number for number in range(passes)]


def test_too_small_a_result_is_refused():
    with pytest.raises(Invalid):
        next(upscaled(Image.new("RGB", (20, 300)), 0.3, lambda image, _: iter(())))


def test_nearest_repeats_pixels_and_lanczos_and_none_are_pillows(own):
    small = drawing().reduce(8)
    enlarged = {name: np.asarray(upscale(own, name, small, 2)) for name in ("Nearest", "Lanczos", "None")}
    assert np.array_equal(enlarged["Nearest"], np.asarray(small).repeat(2, 0).repeat(2, 1))
    lanczos = np.asarray(small.resize((80, 80), Image.Resampling.LANCZOS))
    assert np.array_equal(enlarged["Lanczos"], lanczos)
    assert np.array_equal(enlarged["None"], lanczos)


@pytest.mark.parametrize("name", ["None", "Nearest", "random"])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_stays(own, name, mode):
    image = drawing().reduce(10).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    result = upscale(own, name, image, 2)
    assert result.mode == "RGBA"
    alpha = image.convert("RGBA").getchannel("A").resize((64, 64), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(result.getchannel("A")), np.asarray(alpha))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK"])
def test_an_opaque_picture_becomes_rgb(own, mode):
    assert upscale(own, "random", Image.new(mode, (16, 16)), 2).mode == "RGB"


def test_fit_gives_just_the_size_asked_for(own):
    for name in ("None", "Lanczos", "random"):
        assert fit(own, name, drawing().reduce(10), (75, 50)).size == (75, 50)
        assert fit(own, name, drawing().reduce(10), (13, 9)).size == (13, 9)


def test_the_picture_given_is_not_changed(own):
    image = drawing().reduce(10).convert("RGBA")
    before = image.tobytes()
    upscale(own, "random", image, 2)
    assert image.tobytes() == before


def test_a_broken_model_is_named_and_the_others_still_work(own):
    image = Image.new("RGB", (16, 16))
    with pytest.raises(ModelCorrupt, match=r"damaged\.pth"):
        upscale(own, "damaged", image, 2)
    with pytest.raises(ModelUnsupported, match=r"foreign\.pth"):
        upscale(own, "foreign", image, 2)
    assert upscale(own, "random", image, 2).size == (32, 32)


def test_a_file_that_has_gone_is_named(own, tmp_path):
    (tmp_path / "random.safetensors").unlink()
    with pytest.raises(ModelCorrupt, match=r"random\.safetensors"):
        upscale(own, "random", Image.new("RGB", (16, 16)), 2)


def test_after_a_refresh_a_new_file_under_an_old_name_is_read(own, tmp_path):
    image = drawing().reduce(10)
    before = upscale(own, "random", image, 2)
    save_file({name: -tensor for name, tensor in srvgg_state(scale=2).items()}, tmp_path / "random.safetensors")
    own.refresh()
    assert upscale(own, "random", image, 2).tobytes() != before.tobytes()
