"""Preprocessors that are networks: files of the names people have, against arithmetic that is known beforehand."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelMissing, ModelUnsafe, NotANumber
from modules.models.annotators import annotators as room
from modules.models.annotators.annotators import KeptMaps
from modules.models.annotators.edges import Hed, scribbled
from modules.models.annotators.lineart import LineDrawer
from modules.models.annotators.openpose import PoseNet, posed
from modules.models.annotators.openpose_parts import PartNet
from modules.models.annotators.pidinet import PiDiNet, plain_kernel
from modules.models.annotators.seen_by_transformers import nearness_of_metres
from modules.models.annotators.vit_pose import joints_of, openpose_points
from modules.sampling.annotation import Annotate, Annotation
from modules.sampling.weights import Weights
from tests.imaging.control.test_pose_matching import SIZE, STANDING, maps

PICTURE = np.random.default_rng(4).integers(0, 256, (70, 90, 3), np.uint8)
RAMP = np.linspace(-600, 840, 90).clip(40, 210).astype(np.uint8)[None, :, None].repeat(70, 0).repeat(3, 2)


def seen(annotators, name, pixels=PICTURE, resolution=64):
    with torch.inference_mode():
        return annotators.annotate(Annotate(Weights(""), pixels, name, resolution)).levels


def constant(net, value, *biases):
    """The network's tensors, all zero but for these biases."""
    state = {name: each * 0 for name, each in net.state_dict().items()}
    return {name: each + value if name in biases else each for name, each in state.items()}


# Edges and lines ------------------------------------------------------------------------------------------


def hed(value):
    return constant(Hed(), value, *(f"block{number}.projection.bias" for number in range(1, 6)))


def test_a_soft_edge_is_the_sigmoid_of_the_mean_of_five_side_outputs(annotators, folder):
    state = hed(0.0)
    for number in range(1, 6):
        state[f"block{number}.projection.bias"] += number - 4      # -3 … 1, of which the mean is -1
    torch.save(state, folder / "ControlNetHED.pth")
    found = seen(annotators, "hed")
    expected = int(255 / (1 + np.exp(1)))
    assert found.shape == (64, 82, 3) and set(np.unique(found)) == {expected}
    assert set(np.unique(seen(annotators, "hed_safe"))) == {0}      # the lowest of three levels
    assert not seen(annotators, "scribble_hed").any()               # no pixel stands out


def test_a_first_stage_that_differentiates_gives_a_ramp_as_an_edge_and_as_a_stroke(annotators, folder):
    state = hed(-3.0)
    state["block1.convs.0.weight"][0, :, 1, 2] = 1      # along a row, what is right less what is left
    state["block1.convs.0.weight"][0, :, 1, 0] = -1
    state["block1.convs.1.weight"][0, 0, 1, 1] = 1
    state["block1.projection.weight"][0, 0] = 1
    torch.save(state, folder / "ControlNetHED.pth")
    edge, stroke = seen(annotators, "hed", RAMP)[:, :, 0], seen(annotators, "scribble_hed", RAMP)[:, :, 0]
    middle = int(np.argmax(edge[32, 20:60])) + 20
    assert edge[32, middle] == 255 and edge[:, 10:30].max() < 20 and set(np.unique(stroke)) == {0, 255}
    assert stroke[32, middle] == 255 and not stroke[:, 8:25].any()
    assert np.array_equal(stroke, scribbled(seen(annotators, "hed", RAMP))[:, :, 0])      # of the map as it is shown


def test_lines_are_light_where_the_drawing_is_dark(annotators, folder):
    save_file(constant(LineDrawer(), 1.0, "model4.1.bias"), folder / "sk_model.safetensors")
    save_file(constant(LineDrawer(), -1.0, "model4.1.bias"), folder / "sk_model2.safetensors")
    white, dark = (int(255 / (1 + np.exp(sign))) for sign in (-1, 1))
    assert set(np.unique(seen(annotators, "lineart"))) == {255 - white}
    assert set(np.unique(seen(annotators, "lineart_coarse"))) == {255 - dark}


def test_names_and_shapes_are_those_of_the_files_that_people_have():
    hed_file, lines = Hed().state_dict(), LineDrawer().state_dict()
    assert len(hed_file) == 37 and tuple(hed_file["block5.convs.2.weight"].shape) == (512, 512, 3, 3)
    assert tuple(hed_file["norm"].shape) == (1, 3, 1, 1) and tuple(hed_file["block3.projection.bias"].shape) == (1,)
    assert {name: tuple(each.shape) for name, each in lines.items() if name.endswith("weight")} == {
        "model0.1.weight": (64, 3, 7, 7), "model1.0.weight": (128, 64, 3, 3), "model1.3.weight": (256, 128, 3, 3),
        **{f"model2.{block}.conv_block.{place}.weight": (256, 256, 3, 3) for block in range(3) for place in (1, 5)},
        "model3.0.weight": (256, 128, 3, 3), "model3.3.weight": (128, 64, 3, 3), "model4.1.weight": (1, 64, 7, 7),
    }


KERNELS = {
    "central": lambda x, w: sum(w[k] * (x[k] - x[4]) for k in range(9)),
    "angular": lambda x, w: sum(w[k] * (x[k] - x[after]) for k, after in enumerate((1, 2, 5, 0, 4, 8, 3, 6, 7))),
    "plain": lambda x, w: sum(w[k] * x[k] for k in range(9)),
}


@pytest.mark.parametrize("kind", KERNELS)
def test_a_kernel_of_differences_is_what_the_paper_sums(kind):
    """Pixels of 3 × 3, each times its weight, less the middle one or the next one around it."""
    noise = torch.Generator().manual_seed(1)
    x, w = torch.randn(3, 3, generator=noise), torch.randn(1, 1, 3, 3, generator=noise)
    found = (plain_kernel(w, kind)[0, 0] * x).sum()
    assert torch.allclose(found, KERNELS[kind](x.flatten(), w.flatten()), atol=1e-5)


def test_a_radial_kernel_takes_the_inner_ring_from_the_outer_one():
    w = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(1))
    found = plain_kernel(w, "radial")[0, 0]
    assert found.shape == (5, 5) and found[2, 2] == 0 and abs(found.sum()) < 1e-5
    assert found[0, 0] == w.flatten()[1] == -found[1, 1] and found[4, 4] == w.flatten()[8] == -found[3, 3]


def test_pidinets_edges_are_the_sigmoid_of_its_last_layer(annotators, folder):
    state = {f"module.{name}": each for name, each in pidinet_file(0.0).items()}
    state["module.classifier.bias"] = torch.tensor([-1.0])
    torch.save({"epoch": 7, "state_dict": state}, folder / "table5_pidinet.pth")
    expected = int(255 / (1 + np.exp(1)))
    assert set(np.unique(seen(annotators, "pidinet"))) == {expected}
    assert set(np.unique(seen(annotators, "pidinet_safe"))) == {0} == set(np.unique(seen(annotators, "pidinet_sketch")))
    assert not seen(annotators, "pidinet_scribble").any()


def pidinet_file(value):
    """The tensors of its file, whose kernels are all 3 × 3."""
    state = {name: each * 0 + value for name, each in PiDiNet().state_dict().items()}
    return {name: each[..., :3, :3].contiguous() if each.ndim == 4 and each.shape[-1] == 5 else each
            for name, each in state.items()}


def test_pidinets_layers_have_the_names_and_shapes_of_its_file(annotators, folder):
    shapes = {name: tuple(each.shape) for name, each in pidinet_file(0.0).items()}
    assert len(shapes) == 1 + 15 * 2 + 3 * 2 + 4 * (2 + 4 + 3 + 2) + 2
    assert shapes["block1_1.conv1.weight"] == (60, 1, 3, 3) and shapes["block2_1.shortcut.weight"] == (120, 60, 1, 1)
    assert shapes["block4_4.conv2.weight"] == (240, 240, 1, 1) and "block1_1.shortcut.weight" not in shapes
    assert shapes["dilations.1.conv2_4.weight"] == (24, 24, 3, 3) and shapes["attentions.0.conv1.bias"] == (4,)
    assert shapes["conv_reduces.3.conv.weight"] == (1, 24, 1, 1) and shapes["classifier.weight"] == (1, 4, 1, 1)
    torch.manual_seed(1)
    torch.save({name: torch.randn(shape) * 0.1 for name, shape in shapes.items()}, folder / "table5_pidinet.pth")
    assert np.unique(seen(annotators, "pidinet")).size > 8


# Poses ----------------------------------------------------------------------------------------------------


def test_openposes_layers_have_the_names_and_shapes_of_its_file():
    shapes = {name: tuple(each.shape) for name, each in PoseNet().state_dict().items()}
    assert len(shapes) == 2 * (12 + 2 * 5 + 5 * 2 * 7)
    assert shapes["conv1_1.weight"] == (64, 3, 3, 3) and shapes["conv4_4_CPM.weight"] == (128, 256, 3, 3)
    assert shapes["conv5_4_CPM_L1.weight"] == (512, 128, 1, 1) and shapes["conv5_5_CPM_L2.weight"] == (19, 512, 1, 1)
    assert shapes["Mconv1_stage2_L1.weight"] == (128, 185, 7, 7)
    assert shapes["Mconv7_stage6_L1.weight"] == (38, 128, 1, 1)


def test_a_network_that_sees_nobody_gives_a_black_map_and_no_people(annotators, folder):
    torch.save(constant(PoseNet(), 0.0), folder / "body_pose_model.pth")
    with torch.inference_mode():
        found = annotators.annotate(Annotate(Weights(""), PICTURE, "openpose", 64))
    assert found.levels.shape == (64, 82, 3) and not found.levels.any()
    assert found.pose == {"people": [], "canvas_width": 82, "canvas_height": 64}


class Knowing(torch.nn.Module):
    """A pose network that gives the maps of a person, whatever it is shown."""

    def __init__(self, *people):
        super().__init__()
        self.given = torch.nn.Parameter(torch.zeros(1))
        heat, fields = maps(*people)
        self.heat, self.fields = (torch.tensor(each[None], dtype=torch.float32) for each in (heat, fields))

    def forward(self, x):
        size = tuple(side // 8 for side in x.shape[2:])
        return [torch.nn.functional.interpolate(each, size, mode="area") for each in (self.fields, self.heat)]


def test_a_pose_is_in_pixels_of_the_map_and_drawn_there():
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    with torch.inference_mode():
        found = posed(Knowing(STANDING), Annotate(Weights(""), picture, "openpose", 320))
    [person] = found.pose["people"]
    points = np.array(person["pose_keypoints_2d"]).reshape(18, 3)
    assert (points[:, 2] == 1).all() and (found.pose["canvas_width"], found.pose["canvas_height"]) == (320, 320)
    assert np.abs(points[:, :2] - 2 * np.array(STANDING)).max() <= 10      # the network's cells are 8 pixels of 184
    x, y = points[1, :2].astype(int)
    assert found.levels[y, x].any() and not found.levels[300:, 300:].any()


# Models of transformers -----------------------------------------------------------------------------------

LEVELS = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}
LAYERS = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
STAGES = {"hidden_sizes": [8] * 4, "depths": [1] * 4}


def dpt():
    backbone = {"intermediate_size": 64, "image_size": 32, "patch_size": 8, "backbone_out_indices": [0, 1, 2, 3]}
    return transformers.DPTForDepthEstimation(transformers.DPTConfig(**LAYERS, **LEVELS, **backbone))


def depth_anything():
    backbone = transformers.Dinov2Config(
        **LAYERS, image_size=28, patch_size=14, out_indices=[1, 2, 3, 4], apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, head_hidden_size=8, **LEVELS
    )
    return transformers.DepthAnythingForDepthEstimation(config)


def zoedepth():
    backbone = transformers.BeitConfig(
        **LAYERS, intermediate_size=64, image_size=32, patch_size=8, out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False, use_relative_position_bias=True,
    )
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone, bottleneck_features=8, num_relative_features=8, backbone_hidden_size=32,
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0}], **LEVELS,
    )
    return transformers.ZoeDepthForDepthEstimation(config)


def segformer():
    config = transformers.SegformerConfig(
        **STAGES, num_labels=150, num_attention_heads=[1] * 4, decoder_hidden_size=8
    )
    return transformers.SegformerForSemanticSegmentation(config)


def upernet():
    backbone = transformers.ConvNextConfig(**STAGES, out_features=["stage1", "stage2", "stage3", "stage4"])
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=16, num_labels=150, auxiliary_in_channels=8, auxiliary_channels=8
    )
    return transformers.UperNetForSemanticSegmentation(config)


def oneformer(things=150):
    backbone = transformers.SwinConfig(
        embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.OneFormerConfig(
        backbone_config=backbone, num_labels=things, num_queries=3, hidden_dim=32, mask_dim=32, conv_dim=32,
        num_attention_heads=2, encoder_layers=2, decoder_layers=2, dim_feedforward=16, encoder_feedforward_dim=32,
    )
    return transformers.OneFormerForUniversalSegmentation(config)


MAKERS = {
    "depth": dpt, "depth_anything": depth_anything, "depth_anything_v2": depth_anything, "depth_zoe": zoedepth,
    "segmentation": upernet, "oneformer_ade20k": oneformer, "oneformer_coco": lambda: oneformer(133),
}
SEGMENTS = {"segmentation", "oneformer_ade20k", "oneformer_coco"}


def stored(model, folder, name="model-of-somebody", change=()):
    """A folder as transformers' repositories have it."""
    place = folder / name
    place.mkdir()
    place.joinpath("config.json").write_text(json.dumps({**json.loads(model.config.to_json_string()), **dict(change)}))
    state = {name: each.contiguous().clone() for name, each in model.state_dict().items()}
    save_file(state, place / "model.safetensors")
    return place


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_of_transformers_makes_the_map(annotators, folder, name):
    torch.manual_seed(3)
    stored(MAKERS[name](), folder)
    found = seen(annotators, name)
    assert found.shape == (64, 82, 3) and found.dtype == np.uint8
    if name in SEGMENTS:
        assert np.unique(found.reshape(-1, 3), axis=0).shape[0] <= 150
    else:
        assert (found[:, :, 0] == found[:, :, 2]).all()


def test_distances_in_metres_have_most_levels_where_most_of_them_are():
    """Of a hundred from 1 to 100 metres, those from the 2nd on fall evenly up to the 85th; what is beyond is black."""
    far = torch.arange(1.0, 101.0).repeat(4, 1)[None]
    found = nearness_of_metres(SimpleNamespace(predicted_depth=far), (4, 100))[0, :, 0]
    assert found[0] == 255 and not found[86:].any() and (np.diff(found.astype(int)) <= 0).all()
    assert abs(int(found[43]) - 255 * (1 - (44 - 2.98) / (85.15 - 2.98))) <= 1


def test_what_is_nearest_is_white(annotators, folder):
    torch.manual_seed(3)
    model = dpt()
    stored(model, folder)
    found = seen(annotators, "depth", np.zeros((64, 64, 3), np.uint8))[:, :, 0]
    with torch.inference_mode():
        depth = model.eval()(torch.full((1, 3, 32, 32), -1.0)).predicted_depth[0]
    depth = torch.nn.functional.interpolate(depth[None, None], (64, 64), mode="bicubic")[0, 0].numpy()
    expected = (depth - depth.min()) / (depth.max() - depth.min()) * 255
    assert np.abs(found - expected).max() <= 1


def test_segments_have_ade20ks_colours(annotators, folder):
    model = segformer()
    for weight in model.parameters():
        weight.data.zero_()
    model.decode_head.classifier.bias.data[2] = 1      # the sky
    stored(model, folder)
    assert (seen(annotators, "segmentation") == (6, 230, 230)).all()


@pytest.mark.parametrize(("name", "things", "thing", "colour"), [
    ("oneformer_ade20k", 150, 2, (6, 230, 230)), ("oneformer_coco", 133, 0, (220, 20, 60)),
])
def test_a_oneformers_masks_have_the_colours_of_what_they_are(annotators, folder, name, things, thing, colour):
    model = oneformer(things)
    head = model.model.transformer_module.decoder.class_embed
    head.weight.data.zero_()
    head.bias.data.zero_()[thing] = 1
    stored(model, folder)
    assert (seen(annotators, name) == colour).all()


def test_a_oneformer_of_other_things_is_not_taken_for_it(annotators, folder):
    stored(oneformer(133), folder)
    with pytest.raises(ModelMissing, match="oneformer"):
        room.find_annotator(annotators.library, "oneformer_ade20k")


def vitpose(joints=17, **backbone):
    seen = transformers.VitPoseBackboneConfig(
        **{"image_size": [256, 192], **LAYERS, "num_hidden_layers": 1, "out_indices": [1], "part_features": 8, **backbone}
    )
    return transformers.VitPoseForPoseEstimation(transformers.VitPoseConfig(backbone_config=seen, num_labels=joints))


@pytest.mark.parametrize(("heat", "people", "more"), [(0.0, 0, {}), (9.0, 1, {}), (9.0, 1, {"num_experts": 2})])
def test_a_vitpose_finds_a_person_or_nobody(annotators, folder, heat, people, more):
    torch.manual_seed(3)
    model = vitpose(**more)
    model.head.conv.bias.data.fill_(heat)
    model.head.conv.weight.data.mul_(0.01)      # what is added is small, and highest anywhere
    stored(model, folder)
    found = annotators_pose(annotators, "vitpose")
    assert len(found.pose["people"]) == people and found.levels.shape == (64, 82, 3)
    assert found.levels.any() == bool(people)


def annotators_pose(annotators, name):
    with torch.inference_mode():
        return annotators.annotate(Annotate(Weights(""), PICTURE, name, 64))


def test_joints_are_in_pixels_of_the_picture_and_in_openposes_order():
    """Each joint's heat is highest in a cell of its own."""
    heat, cells = torch.zeros(1, 17, 64, 48), [(10 + joint, 20 + joint) for joint in range(17)]
    for joint, (column, row) in enumerate(cells):
        heat[0, joint, row, column] = 1

    class Seeing(torch.nn.Linear):
        config = SimpleNamespace(backbone_config=SimpleNamespace(image_size=(256, 192)), num_labels=17)
        def forward(self, x):
            assert x.shape == (1, 3, 256, 192)
            return SimpleNamespace(heatmaps=heat)

    joints = joints_of(Seeing(1, 1), np.zeros((512, 384, 3), np.uint8))
    scale = 0.5 / 1.25
    left, top = (192 - round(384 * scale)) // 2, (256 - round(512 * scale)) // 2
    for (x, y), (column, row) in zip(joints, cells, strict=True):
        assert x == pytest.approx((column * 191 / 47 - left) / scale) and y == pytest.approx((row * 255 / 63 - top) / scale)
    points = openpose_points(joints)
    assert len(points) == 18 and points[0] == joints[0] and points[2] == joints[6] and points[17] == joints[3]
    assert points[1] == pytest.approx(np.mean([joints[5], joints[6]], 0))


def test_a_vitpose_of_other_joints_is_refused_by_name(annotators, folder):
    stored(vitpose(joints=9), folder)
    with pytest.raises(ModelMismatch, match="9 joints"):
        annotators_pose(annotators, "vitpose")


def test_of_two_folders_the_one_that_is_meant_goes_first(annotators, folder):
    torch.manual_seed(3)
    for name, value in (("depth-anything-small", 0), ("depth-anything-V2-small", 1)):
        model = depth_anything()
        model.head.conv3.bias.data += value
        stored(model, folder, name)
    [one], [two] = (room.find_annotator(annotators.library, name) for name in ("depth_anything", "depth_anything_v2"))
    assert two.path.parent.name == "depth-anything-V2-small" and one.path.parent.is_relative_to(folder)


@pytest.mark.parametrize(("change", "told"), [
    ({"num_hidden_layers": 10**9}, "num_hidden_layers is beyond measure"),
    ({"hidden_size": 10**9}, "hidden_size is beyond measure"),
    ({"use_timm_backbone": True}, "from elsewhere"),
    ({"backbone": "facebook/dinov2-small"}, "from elsewhere"),
    ({"attn_implementation": "somebody/their-kernel"}, "from elsewhere"),
    ({"_attn_implementation": {"": "flash_attention_2"}}, "from elsewhere"),
    ({"hidden_size": 64}, "does not fit the config.json"),
    ({"hidden_size": "wide"}, "does not fit the config.json"),
])
def test_a_config_that_lies_is_refused_by_name(annotators, folder, change, told):
    stored(dpt(), folder, change=change)
    with pytest.raises(ModelMismatch, match=told) as refused:
        seen(annotators, "depth")
    assert "model-of-somebody" in str(refused.value)


# Files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "told", "hint"), [
    ("hed", r"softedge_hed needs ControlNetHED\.pth", "models/ControlNetPreprocessor"),
    ("depth_anything_v2", "needs transformers' depth_anything", "depth-anything/Depth-Anything-V2-Large-hf"),
])
def test_what_is_missing_is_told_with_its_name_and_its_place(annotators, name, told, hint):
    with pytest.raises(ModelMissing, match=told) as missing:
        seen(annotators, name)
    assert hint in missing.value.hint


class Harm:
    def __reduce__(self):
        return print, ("harm",)


@pytest.mark.parametrize(("content", "error"), [
    (Harm(), ModelUnsafe), (b"<html>404</html>", ModelCorrupt), (b"\0" * 1000, ModelCorrupt), (b"", ModelCorrupt),
    ({"block1.convs.0.weight": torch.zeros(64, 3, 3, 3)}, ModelMismatch),
    ({**hed(0.0), "norm": torch.zeros(1, 4, 1, 1)}, ModelMismatch), ({"state_dict": {"a": 1}}, Exception),
])
def test_a_file_that_is_none_is_refused_by_name_and_nothing_of_it_runs(annotators, folder, capsys, content, error):
    path = folder / "ControlNetHED.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(error, match="ControlNetHED"):
        seen(annotators, "hed")
    assert "harm" not in capsys.readouterr().out


def test_a_network_that_gives_no_numbers_is_told(annotators, folder):
    torch.save(hed(float("nan")), folder / "ControlNetHED.pth")
    with pytest.raises(NotANumber, match="ControlNetHED"):
        seen(annotators, "hed")


# Remembered -----------------------------------------------------------------------------------------------


def test_a_map_is_made_once_for_a_content(annotators, folder, monkeypatch):
    torch.save(hed(0.0), folder / "ControlNetHED.pth")
    asked = []

    def see(net, ask):
        asked.append(ask)
        return Annotation(ask.pixels)

    monkeypatch.setitem(room.ANNOTATOR_ROWS, "hed", room.AnnotatorRow(see, (lambda path, device: None,)))
    for pixels in (PICTURE, PICTURE.copy(), RAMP, PICTURE):
        seen(annotators, "hed", pixels)
    seen(annotators, "hed", PICTURE, resolution=128)
    assert len(asked) == 3
    torch.save(hed(1.0), folder / "ControlNetHED.pth")      # another file under the name
    seen(annotators, "hed")
    assert len(asked) == 4


def test_a_map_is_made_anew_once_the_config_beside_the_network_is_another(annotators, folder):
    place = stored(segformer(), folder) / "config.json"
    before = seen(annotators, "segmentation")
    place.write_text(place.read_text().replace('"semantic_loss_ignore_index"', '"another_entry"'))
    [wanted] = room.find_annotator(annotators.library, "segmentation")
    assert len(annotators.maps._maps) == 1 and np.array_equal(seen(annotators, "segmentation"), before)
    assert len(annotators.maps._maps) == 2 and wanted.path.parent == place.parent


def test_networks_of_other_preprocessors_leave_the_memory_and_shared_ones_stay(annotators, folder):
    for name, net in (("body_pose_model", PoseNet()), ("hand_pose_model", PartNet(21)), ("ControlNetHED", Hed())):
        torch.save(constant(net, 0.0), folder / f"{name}.pth")
    seen(annotators, "openpose")
    [body] = annotators._loaded.values()
    seen(annotators, "openpose_hand")
    assert len(annotators._loaded) == 2 and body in annotators._loaded.values()
    seen(annotators, "hed")
    [edges] = annotators._loaded.values()
    assert isinstance(edges, Hed)


def test_maps_are_kept_within_a_number_of_bytes():
    maps = KeptMaps(3 * PICTURE.nbytes)
    for name in "abcd":
        maps.put(name, Annotation(PICTURE))
        maps.get("a")
    assert maps.size == 3 * PICTURE.nbytes and maps.get("a") and not maps.get("b") and maps.get("d")
