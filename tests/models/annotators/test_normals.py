"""Normals by a network of their own and from a depth: files of the names people have, against known arithmetic."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from modules.base.errors import ModelMismatch, ModelMissing, NotANumber
from modules.models.annotators import seen_by_transformers as room
from modules.models.annotators.efficient_net import EfficientNet, SameConv
from modules.models.annotators.normals import NormalDecoder, NormalNet, unit_normals
from modules.sampling.annotation import Annotate
from modules.sampling.weights import Weights
from tests.models.annotators.test_annotators import PICTURE, dpt, seen, stored

FILE = "scannet.pt"


@pytest.fixture(scope="module")
def shapes():
    with torch.device("meta"):
        return {name: tuple(each.shape) for name, each in NormalNet().state_dict().items()}


def written(path, shapes, bias, **more):
    """The file as training wrote it: `model` around names of several devices, counters and a norm that nothing sees."""
    tensors = {name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items()}
    tensors["decoder.out_conv_res1.6.bias"] = torch.tensor(bias, dtype=torch.float16)
    tensors["encoder.original_model.bn2.weight"] = torch.ones(2048)
    tensors["encoder.original_model.bn1.num_batches_tracked"] = torch.tensor(7)
    torch.save({"model": {f"module.{name}": each for name, each in tensors.items()}, "iter": 3} | more, path)


def test_the_map_shows_x_y_and_z_as_red_green_and_blue(annotators, folder, shapes, caplog):
    written(folder / FILE, shapes, [0.0, 3.0, 4.0, 1.0])
    found = seen(annotators, "normal_bae")
    assert found.shape == (64, 82, 3)
    assert [set(np.unique(found[:, :, channel])) for channel in range(3)] == [{127}, {204}, {229}]
    assert "left out" not in caplog.text


def test_weights_that_are_no_numbers_are_told(annotators, folder, shapes):
    written(folder / FILE, shapes, [float("nan")] * 4)
    with pytest.raises(NotANumber, match="scannet"):
        seen(annotators, "normal_bae")


def test_a_file_of_another_network_and_a_missing_one_are_told_by_name(annotators, folder):
    with pytest.raises(ModelMissing, match=r"normal_bae needs scannet\.pt"):
        seen(annotators, "normal_bae")
    torch.save({"model": {"decoder.conv2.weight": torch.zeros(1)}}, folder / FILE)
    with pytest.raises(ModelMismatch, match=r"scannet\.pt lacks"):
        seen(annotators, "normal_bae")


def test_layers_have_the_names_and_shapes_of_the_file(shapes):
    encoder, blocks = "encoder.original_model.", "encoder.original_model.blocks."
    assert shapes[f"{encoder}conv_stem.weight"] == (48, 3, 3, 3) and shapes[f"{encoder}conv_head.weight"] == (2048, 512, 1, 1)
    assert shapes[f"{blocks}0.0.conv_dw.weight"] == (48, 1, 3, 3) and shapes[f"{blocks}0.0.conv_pw.weight"] == (24, 48, 1, 1)
    assert shapes[f"{blocks}0.0.se.conv_reduce.weight"] == (12, 48, 1, 1) and shapes[f"{blocks}0.2.bn2.bias"] == (24,)
    assert shapes[f"{blocks}1.0.conv_pw.weight"] == (144, 24, 1, 1) and shapes[f"{blocks}1.0.se.conv_reduce.bias"] == (6,)
    assert shapes[f"{blocks}5.8.conv_dw.weight"] == (1824, 1, 5, 5) and f"{blocks}5.9.conv_dw.weight" not in shapes
    assert shapes[f"{blocks}6.2.conv_pwl.weight"] == (512, 3072, 1, 1) and shapes[f"{blocks}6.2.bn3.running_var"] == (512,)
    assert shapes["decoder.up1._net.0.weight"] == (1024, 2224, 3, 3) and shapes["decoder.up4._net.4.weight"] == (128,)
    assert shapes["decoder.out_conv_res8.weight"] == (4, 512, 3, 3)
    assert shapes["decoder.out_conv_res4.0.weight"] == (128, 516, 1) and shapes["decoder.out_conv_res1.6.weight"] == (4, 128, 1)


def test_stages_halve_the_size_and_the_decoder_gives_it_back():
    torch.manual_seed(4)
    with torch.inference_mode():
        seen_stages, last = EfficientNet().eval()(torch.randn(1, 3, 64, 96))
        found = NormalDecoder().eval()(seen_stages, last)
    assert [tuple(each.shape[1:]) for each in seen_stages] == [(24, 32, 48), (40, 16, 24), (64, 8, 12), (176, 4, 6)]
    assert last.shape == (1, 2048, 2, 3) and found.shape == (1, 4, 64, 96)
    assert torch.allclose(found[:, :3].norm(dim=1), torch.ones(1, 64, 96), atol=1e-4)


@pytest.mark.parametrize(("kernel", "before", "after"), [(3, 0, 1), (5, 1, 2)])
def test_a_stride_of_two_pads_what_is_odd_at_the_right_and_the_bottom(kernel, before, after):
    layer, x = SameConv(1, 1, kernel, 2), torch.randn(1, 1, 8, 8)
    padded = torch.nn.functional.pad(x, (before, after, before, after))
    with torch.inference_mode():
        assert torch.equal(layer(x), torch.nn.functional.conv2d(padded, layer.weight, stride=2))


def test_normals_have_length_one_and_a_sureness_above_zero():
    found = unit_normals(torch.tensor([0.0, 3.0, 4.0, -50.0]).view(1, 4, 1, 1)).flatten().tolist()
    assert np.allclose(found, [0, 0.6, 0.8, 0.01], atol=1e-6)


# From a depth ---------------------------------------------------------------------------------------------


class Sloped(torch.nn.Module):
    """A depth model that sees a plane which comes nearer by so much from column to column."""

    config = SimpleNamespace(model_type="dpt", image_size=64)

    def __init__(self, slope):
        super().__init__()
        self.weight, self.slope = torch.nn.Parameter(torch.zeros(1)), slope

    def forward(self, x):
        return SimpleNamespace(predicted_depth=(torch.arange(64.0) * self.slope).repeat(1, 64, 1))


def test_a_plane_has_one_normal_and_what_is_far_faces_the_eye():
    with torch.inference_mode():
        found = room.normals_of_depth(Sloped(2.0), Annotate(Weights(""), np.zeros((64, 64, 3), np.uint8), "normal_map", 64, 0.4))
    red, green, blue = found.levels[30, 40]
    x, z = 8 * 2.0, 2 * np.pi      # Sobel's sum over a slope of 2
    length = np.hypot(x, z)
    assert abs(int(red) - (z / length + 1) / 2 * 255) <= 1 and green == 127
    assert abs(int(blue) - (x / length + 1) / 2 * 255) <= 1
    assert (found.levels[:, :25] == (255, 127, 127)).all()      # below the threshold of 0.4


def test_a_depth_models_folder_serves_depth_and_normals_alike(annotators, folder):
    torch.manual_seed(3)
    stored(dpt(), folder)
    assert seen(annotators, "depth", PICTURE).shape == seen(annotators, "normal_map", PICTURE).shape == (64, 82, 3)
    assert len(annotators._loaded) == 1
