"""Line drawings of anime and manga, and straight lines: files of the names people have, against known arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelUnsafe, NotANumber
from modules.imaging.control.maps import MapOptions
from modules.models.annotators.anime_lines import AnimeDrawer
from modules.models.annotators.manga_lines import MangaDrawer
from modules.models.annotators.straight_lines import LineFinder, found_lines, lines_drawn
from modules.models.layers import FrozenNorm
from tests.models.annotators.test_annotators import RAMP, Harm, constant, seen

FILES = {"lineart_anime": (AnimeDrawer, "netG"), "lineart_anime_denoise": (MangaDrawer, "erika"),
         "mlsd": (LineFinder, "mlsd_large_512_fp32")}


def shapes_of(make):
    with torch.device("meta"):
        return {name: tuple(each.shape) for name, each in make().state_dict().items()}


# Anime ----------------------------------------------------------------------------------------------------


def test_anime_lines_are_light_where_the_drawing_is_dark(annotators, folder):
    state = constant(AnimeDrawer(), 0.5, "model.model.3.bias")
    torch.save({f"module.{name}": each for name, each in state.items()}, folder / "netG.pth")
    expected = 255 - int((np.tanh(0.5) + 1) / 2 * 255)
    found = seen(annotators, "lineart_anime")
    assert found.shape == (64, 82, 3) and set(np.unique(found)) == {expected}


def test_anime_layers_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(AnimeDrawer)
    assert len(shapes) == 2 * 16 and shapes["model.model.0.weight"] == (64, 3, 4, 4)
    assert shapes["model.model.3.weight"] == (128, 1, 4, 4) and shapes["model.model.3.bias"] == (1,)
    one = "model.model.1.model."
    assert shapes[f"{one}1.weight"] == (128, 64, 4, 4) and shapes[f"{one}5.weight"] == (256, 64, 4, 4)
    innermost = "model.model.1." + "model.3." * 6 + "model."
    assert shapes[f"{innermost}1.weight"] == shapes[f"{innermost}3.weight"] == (512, 512, 4, 4)


# Manga ----------------------------------------------------------------------------------------------------


def test_manga_lines_are_light_where_the_drawing_is_dark(annotators, folder):
    torch.save(constant(MangaDrawer(), 55.0, "conv15.model.2.bias"), folder / "erika.pth")
    assert set(np.unique(seen(annotators, "lineart_anime_denoise"))) == {200}


def test_manga_layers_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(MangaDrawer)
    assert shapes["block0.model.0.conv1.model.2.weight"] == (24, 1, 3, 3)
    assert shapes["block0.model.0.shortcut.model.0.weight"] == (24, 1, 1, 1)
    assert shapes["block4.model.11.shortcut.model.0.weight"] == (384, 384, 1, 1)      # the one that halves the size
    assert "block4.model.10.shortcut.model.0.weight" not in shapes and "block4.model.12.conv1.model.2.bias" not in shapes
    assert shapes["block5.model.0.shortcut.model.0.weight"] == (192, 384, 1, 1)
    assert shapes["block8.model.1.residual.model.0.running_var"] == (24,)
    assert shapes["block9.model.0.conv1.model.2.weight"] == (16, 24, 3, 3)
    assert shapes["conv15.model.2.weight"] == (1, 16, 1, 1)


def test_a_normalisation_is_torchs_own_and_its_counter_is_not_asked_for(annotators, folder):
    torch.manual_seed(2)
    own, theirs = FrozenNorm(3, 1e-3), torch.nn.BatchNorm2d(3, eps=1e-3).eval()
    for name, each in theirs.state_dict().items():
        if name != "num_batches_tracked":
            each.copy_(torch.rand(3) + 0.5)
            own.state_dict()[name].copy_(each)
    x = torch.randn(1, 3, 4, 5)
    assert torch.equal(own(x), theirs(x))
    counted = constant(MangaDrawer(), 55.0, "conv15.model.2.bias") | {
        "block0.model.0.conv1.model.0.num_batches_tracked": torch.tensor(7)
    }
    torch.save(counted, folder / "erika.pth")
    assert set(np.unique(seen(annotators, "lineart_anime_denoise"))) == {200}


# Straight lines -------------------------------------------------------------------------------------------


def answer(*lines, size=40):
    """What the network says of lines, each x and y of its middle, those of its half in places, and a score."""
    found = torch.full((5, size, size), -9.0)
    found[1:] = 0
    for x, y, across, down, score in lines:
        found[:, y, x] = torch.tensor([np.log(score / (1 - score)), -across, -down, across, down])
    return found


def test_a_line_runs_from_its_middle_to_both_ends_in_pixels():
    found = found_lines(answer((10, 20, 8, 0, 0.9), (30, 10, 0, 5, 0.5)), MapOptions(a=0.1, b=0.1))
    assert found.tolist() == [[4, 40, 36, 40], [60, 10, 60, 30]]      # the surest first; a place is 2 pixels


@pytest.mark.parametrize(("a", "b", "left"), [(0.1, 0.1, 2), (0.6, 0.1, 1), (0.1, 12, 1), (0.95, 0.1, 0), (0.1, 19, 0)])
def test_a_line_must_be_sure_and_long_enough(a, b, left):
    assert len(found_lines(answer((10, 20, 8, 0, 0.9), (30, 10, 0, 5, 0.5)), MapOptions(a=a, b=b))) == left


def test_of_neighbouring_middles_the_surest_is_a_line():
    assert len(found_lines(answer((10, 20, 8, 0, 0.9), (11, 20, 8, 0, 0.8)), MapOptions(a=0.1, b=0.1))) == 1


def test_lines_are_white_one_pixel_wide_and_end_at_the_picture():
    drawn = lines_drawn(np.array([[4.9, 5.0, 10.2, 5.0], [3, -1e30, 3, 1e30], [-5, 12, 400, 12]]), (16, 16))
    assert drawn[5, 4:11].all() and not drawn[5, 11:].any() and not drawn[6, 4:].any()
    assert drawn[:, 3].all() and drawn[12].all() and set(np.unique(drawn)) == {0, 255}


def test_a_network_that_sees_a_line_everywhere_draws_one_of_each_plateau(annotators, folder):
    state = constant(LineFinder(), 0.0)
    state["block23.conv3.bias"] = torch.tensor([0.0] * 7 + [3.0, -4.0, 0.0, 4.0, 0.0] + [0.0] * 4)
    torch.save(state, folder / "mlsd_large_512_fp32.pth")
    found = seen(annotators, "mlsd", RAMP)
    assert found.shape == (64, 82, 3) and found.any() and set(np.unique(found)) <= {0, 255}


def test_layers_of_straight_lines_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(LineFinder)
    assert shapes["backbone.features.0.0.weight"] == (32, 4, 3, 3) and "backbone.features.14.conv.0.0.weight" not in shapes
    assert shapes["backbone.features.1.conv.1.weight"] == (16, 32, 1, 1)
    assert shapes["backbone.features.13.conv.1.0.weight"] == (576, 1, 3, 3)
    assert shapes["backbone.features.13.conv.3.running_mean"] == (96,)
    assert shapes["block15.conv1.0.weight"] == (64, 96, 1, 1) and shapes["block15.conv2.0.weight"] == (64, 64, 1, 1)
    assert shapes["block21.conv2.0.weight"] == (64, 16, 1, 1) and shapes["block22.conv2.0.weight"] == (64, 128, 3, 3)
    assert shapes["block23.conv1.1.running_var"] == (64,) and shapes["block23.conv3.weight"] == (16, 64, 1, 1)


# All of them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_random_weights_make_a_map(annotators, folder, name):
    make, stem = FILES[name]
    torch.manual_seed(5)
    torch.save(make().state_dict(), folder / f"{stem}.pth")
    assert seen(annotators, name).shape == (64, 82, 3)


@pytest.mark.parametrize(("content", "error"), [
    (Harm(), ModelUnsafe), (b"<html>404</html>", ModelCorrupt), ({"conv.weight": torch.zeros(2, 2)}, ModelMismatch),
])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none_is_refused_by_name(annotators, folder, capsys, name, content, error):
    path = folder / f"{FILES[name][1]}.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(error, match=FILES[name][1]):
        seen(annotators, name)
    assert "harm" not in capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_weights_that_are_no_numbers_are_told(annotators, folder, name):
    make, stem = FILES[name]
    torch.save({key: each * float("nan") for key, each in make().state_dict().items()}, folder / f"{stem}.pth")
    with pytest.raises(NotANumber, match=stem):
        seen(annotators, name)
