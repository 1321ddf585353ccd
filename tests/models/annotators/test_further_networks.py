"""TEED, LeReS, LaMa and parts of drawn faces: files of the names people have, against arithmetic that is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelMissing, ModelUnsafe, NotANumber
from modules.models.annotators import anime_faces, lama, leres, tiny_edges
from modules.models.annotators.anime_faces import FACE_COLOURS, FaceParts
from modules.models.annotators.lama import Lama
from modules.models.annotators.leres import Leres, depth_levels, near_is_light, relative_depth
from modules.models.annotators.tiny_edges import TinyEdges, without_faintest
from modules.sampling.annotation import Annotate
from modules.sampling.weights import Weights
from tests.models.annotators.test_annotators import PICTURE, Harm, constant, seen
from tests.models.annotators.test_lines import shapes_of

HOLE = np.zeros((70, 90, 1), np.uint8)
HOLE[20:50, 30:60] = 255
FILES = {
    "softedge_teed": (TinyEdges, "7_model"), "softedge_anyline": (TinyEdges, "MTEED"), "depth_leres": (Leres, "res101"),
    "anime_face_segment": (FaceParts, "UNet"), "inpaint_only+lama": (Lama, "ControlNetLama"),
}


@pytest.fixture
def small(monkeypatch):
    """Networks of the files' names, and of fewer channels and blocks."""
    for room, name, value in (
        (leres, "STEM_CHANNELS", 8), (leres, "BLOCKS_OF_LAYER", (1, 2, 1, 1)), (leres, "MADE_CHANNELS", 8),
        (leres, "CHANNELS_OF_LAYER", (32, 64, 96, 128)), (leres, "SMALLEST_MADE", 16),
        (lama, "LAMA_WIDTH", 8), (lama, "LAMA_BLOCKS", 2), (anime_faces, "SEEN_SIDE", 64),
    ):
        monkeypatch.setattr(room, name, value)


def map_of(annotators, name, **values):
    pixels = np.concatenate([PICTURE, HOLE], 2) if "lama" in name else PICTURE
    with torch.inference_mode():
        return annotators.annotate(Annotate(Weights(""), pixels, name, 64, **values)).levels


# Edges ----------------------------------------------------------------------------------------------------


def test_a_tiny_edge_is_the_sigmoid_of_the_mean_of_four_maps_in_a_few_levels(annotators, folder):
    lasts = ("up_block_1.features.2.bias", "up_block_2.features.2.bias", "up_block_3.features.5.bias")
    state = constant(TinyEdges(), 1.0, *lasts)
    torch.save(state, folder / "7_model.pth")
    expected = 1 / (1 + np.exp(-3 / 4))      # the fourth map, of weights that are zero, is zero
    found = map_of(annotators, "softedge_teed", a=0)
    assert found.shape == (64, 82, 3) and set(np.unique(found)) == {int(255 * expected)}
    assert set(np.unique(map_of(annotators, "softedge_teed", a=2))) == {255}
    assert set(np.unique(map_of(annotators, "softedge_teed", a=5))) == {int(255 * 4 / 5)}


def test_anyline_is_as_good_as_black_in_patches_of_faintest_lines(monkeypatch):
    faint = np.zeros((10, 30, 3), np.uint8)
    faint[1:4, 1:5], faint[6:9, 1:5], faint[8, 4] = 1, 1, 2      # 12 pixels, 11 pixels and a stronger one
    monkeypatch.setattr(tiny_edges, "standard_lines", lambda levels, options: faint)
    found = without_faintest(np.full((10, 30, 3), 200, np.uint8), PICTURE)
    assert (found[1:4, 1:5] == 1).all() and (found == 200).sum() == found.size - 3 * 12


def test_tiny_layers_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(TinyEdges)
    assert len(shapes) == 36 and sum(np.prod(shape) for shape in shapes.values()) == 58_910
    assert shapes["block_1.conv1.weight"] == (16, 3, 3, 3) and shapes["dblock_3.denselayer1.conv2.weight"] == (48, 48, 3, 3)
    assert shapes["up_block_3.features.2.weight"] == (16, 16, 4, 4) and shapes["up_block_3.features.3.bias"] == (1,)
    assert shapes["side_1.conv.weight"] == (32, 16, 1, 1) and shapes["block_cat.DWconv1.weight"] == (24, 1, 3, 3)


# Depth ----------------------------------------------------------------------------------------------------


class Ramp(torch.nn.Linear):
    def forward(self, x):
        assert x.shape == (1, 3, 64, 64) and (x[0, 0, 0, 0] - (3 - 0.485) / 0.229).abs() < 1e-4      # blue first
        return torch.arange(64.0).expand(1, 1, 64, 64)


@pytest.mark.parametrize(("near", "background", "nearest", "farthest"), [(0, 0, 255, 0), (10, 0, 255, 0), (0, 10, 255, 0)])
def test_what_is_near_is_light_and_what_is_cut_off_is_even(near, background, nearest, farthest):
    picture = np.full((64, 64, 3), (1, 2, 3), np.uint8)
    found = relative_depth(Ramp(1, 1), Annotate(Weights(""), picture, "depth_leres", 64, near, background)).levels[5, :, 0]
    assert (found[0], found[-1]) == (nearest, farthest) and (np.diff(found.astype(int)) <= 0).all()
    assert (found == 255).sum() == (7 if near else 1) and (found == 0).sum() == (7 if background else 1)


def test_depths_are_levels_of_their_range_and_equal_ones_are_near():
    assert depth_levels(np.array([-2.0, 0.0, 2.0])).tolist() == [0, 127, 255]
    assert near_is_light(depth_levels(np.full((2, 2), 7.0)), 0, 0).tolist() == [[255, 255]] * 2


def test_depth_layers_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(Leres)
    encoder, decoder = "depth_model.encoder_modules.encoder.", "depth_model.decoder_modules."
    assert len(shapes) == 600 and shapes[f"{encoder}conv1.weight"] == (64, 3, 7, 7)
    assert shapes[f"{encoder}layer3.22.conv2.weight"] == (1024, 32, 3, 3) and f"{encoder}layer3.23.bn1.bias" not in shapes
    assert shapes[f"{encoder}layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes[f"{decoder}conv.conv_branch.4.weight"] == (512, 512, 3, 3) and shapes[f"{decoder}conv1.bias"] == (256,)
    assert shapes[f"{decoder}ffm2.ftb1.conv1.weight"] == (256, 1024, 3, 3)
    assert shapes[f"{decoder}outconv.adapt_conv.3.weight"] == (1, 128, 3, 3)


@pytest.mark.usefixtures("small")
def test_the_parts_of_a_depth_file_that_are_for_shapes_are_left_out(annotators, folder, caplog):
    state = {f"module.{name}": each for name, each in Leres().state_dict().items()}
    torch.save({"depth_model": state, "shift_model": {"w": torch.zeros(2)}, "focal_model": {}}, folder / "res101.pth")
    assert map_of(annotators, "depth_leres", a=0, b=0).shape == (64, 82, 3) and "left out" not in caplog.text


# Faces ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_each_part_of_a_face_has_its_colour(annotators, folder):
    state = {f"module.{name}": each for name, each in constant(FaceParts(), 0.0).items()}
    state["module.de_block0.1.bias"][2] += 1
    torch.save(state, folder / "UNet.pth")
    assert (map_of(annotators, "anime_face_segment") == FACE_COLOURS[2]).all()


def test_layers_of_faces_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(FaceParts)
    assert len(shapes) == 250 and shapes["en_block0.0.0.weight"] == (32, 3, 3, 3)
    assert shapes["en_block3.6.conv.1.0.weight"] == (576, 1, 3, 3) and shapes["en_block4.2.conv.2.weight"] == (160, 960, 1, 1)
    assert shapes["de_block4.1.weight"] == (96, 160, 3, 3) and shapes["de_block0.1.weight"] == (7, 32, 3, 3)


# Holes ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_a_hole_is_filled_and_the_picture_around_it_stays(annotators, folder):
    torch.save(constant(Lama(), 0.0), folder / "ControlNetLama.pth")
    found, hole = map_of(annotators, "inpaint_only+lama"), HOLE[:, :, 0] > 0
    assert found.shape == PICTURE.shape and np.array_equal(found[~hole], PICTURE[~hole])
    assert set(np.unique(found[25:45, 35:55])) == {127}      # the sigmoid of nothing


@pytest.mark.usefixtures("small")
def test_all_channels_see_what_is_wide_and_near():
    torch.manual_seed(2)
    net, x = Lama().eval(), torch.rand(1, 4, 64, 96)
    changed = x.clone()
    changed[..., 0, 0] += 1
    with torch.inference_mode():
        one, other = net(x), net(changed)
    assert one.shape == (1, 3, 64, 96) and one.min() >= 0 and one.max() <= 1
    far = (one - other).abs()[..., 40:, 64:]
    assert (far > 0).any()      # a corner is seen beyond the reach of convolutions alone


def test_layers_of_lama_have_the_names_and_shapes_of_the_file():
    shapes = shapes_of(Lama)
    assert len(shapes) == 837 and shapes["model.1.ffc.convl2l.weight"] == (64, 4, 7, 7)
    assert shapes["model.4.ffc.convl2g.weight"] == (384, 256, 3, 3) and "model.4.ffc.convg2l.weight" not in shapes
    assert shapes["model.22.conv2.ffc.convg2g.fu.conv_layer.weight"] == (384, 384, 1, 1)
    assert shapes["model.5.conv1.ffc.convg2g.conv1.1.running_var"] == (192,) and shapes["model.5.conv1.bn_g.bias"] == (384,)
    assert shapes["model.24.weight"] == (512, 256, 3, 3) and shapes["model.31.running_mean"] == (64,)
    assert shapes["model.34.weight"] == (3, 64, 7, 7) and shapes["model.34.bias"] == (3,)


# All of them ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", FILES)
def test_random_weights_make_a_map_and_what_are_no_numbers_is_told(annotators, folder, name):
    make, stem = FILES[name]
    torch.manual_seed(5)
    state = make().state_dict()
    torch.save(state, folder / f"{stem}.pth")
    assert map_of(annotators, name).shape == (PICTURE.shape if "lama" in name else (64, 82, 3))
    torch.save({key: each * float("nan") for key, each in state.items()}, folder / f"{stem}.pth")
    with pytest.raises(NotANumber, match=stem):
        map_of(annotators, name, a=1)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none_is_refused_by_name_and_a_missing_one_is_named(annotators, folder, capsys, name):
    path = folder / f"{FILES[name][1]}.pth"
    with pytest.raises(ModelMissing, match=path.name):
        seen(annotators, name)
    for content, error in ((Harm(), ModelUnsafe), ({"conv.weight": torch.zeros(2, 2)}, ModelMismatch)):
        torch.save(content, path)
        with pytest.raises(error, match=FILES[name][1]):
            seen(annotators, name)
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(ModelCorrupt, match=FILES[name][1]):
        seen(annotators, name)
    assert "harm" not in capsys.readouterr().out
