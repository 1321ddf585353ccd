"""Faces found, restored and put back; the files it takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelMissing, ModelUnsafe, NotANumber, UnknownName
from modules.imaging.faces import SIDE, TEMPLATE
from modules.library import face_restorers as files
from modules.models.faces.building import DETECTOR_NETWORK, build_face_network, load_face_network
from modules.models.faces.codeformer import CodeFormer
from modules.models.faces.detection import anchors, decoded_boxes, decoded_points, detect_faces, overlap, unlike
from modules.models.faces.gfpgan import GFPGANv1Clean as GFPGANNet
from modules.models.faces.restoring import FaceRestorers, restore_faces, restore_square
from tests.models.faces.face_networks import CODEFORMER, GFPGAN, in_home, one_face_state, random_state

CPU = torch.device("cpu")
LANDMARKS = TEMPLATE * 0.5 + (200, 150)      # the square from (200, 150) to (456, 406)
INSIDE = np.s_[200:356, 250:406]             # well within it


def noise(width=640, height=640):
    return Image.fromarray(np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8))


@pytest.fixture(scope="module")
def detector():
    return build_face_network(DETECTOR_NETWORK, "it.pth", one_face_state(LANDMARKS))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A models folder with both restorers, in the ways that files come: a training's pickle, from several GPUs,
    safetensors.
    """
    home = tmp_path_factory.mktemp("models")
    for folder in ("GFPGAN", "Codeformer"):
        (home / folder).mkdir()
    torch.save(
        {f"module.{name}": tensor for name, tensor in one_face_state(LANDMARKS).items()},
        home / "GFPGAN/detection_Resnet50_Final.pth",
    )
    torch.save({"params_ema": random_state(GFPGAN)}, home / "GFPGAN/GFPGANv1.4.pth")
    save_file(random_state(CODEFORMER), home / "Codeformer/codeformer-v0.1.0.safetensors")
    return home


def test_a_narrow_strip_is_not_blown_up_without_end(detector):
    detect_faces(detector, noise(2000, 3))      # as high as 640 pixels it would be 426,667 long


# Where faces are ------------------------------------------------------------------------------------


def test_a_square_of_640_has_16800_anchors():
    found = anchors(640, 640)
    assert found.shape == (16800, 4)
    # row by row, from the finest level on
    assert found[:3].tolist() == [[4, 4, 16, 16], [4, 4, 32, 32], [12, 4, 16, 16]]
    assert found[-1].tolist() == [624, 624, 512, 512]
    assert found[12800].tolist() == [8, 8, 64, 64] and found[16000].tolist() == [16, 16, 256, 256]


def test_anchors_reach_beyond_a_picture_of_odd_size():
    assert len(anchors(33, 65)) == 2 * (5 * 9 + 3 * 5 + 2 * 3)


def test_numbers_of_nothing_leave_an_anchor_as_it_is():
    place = torch.tensor([[100.0, 50.0, 64.0, 32.0]])
    assert decoded_boxes(place, torch.zeros(1, 4)).tolist() == [[68, 34, 132, 66]]
    assert decoded_points(place, torch.zeros(1, 10)).tolist() == [[[100, 50]] * 5]


def test_numbers_are_tenths_of_an_anchor_and_fifths_of_a_logarithm():
    place = torch.tensor([[100.0, 50.0, 64.0, 32.0]])
    double = 5 * np.log(2)
    assert np.allclose(decoded_boxes(place, torch.tensor([[10.0, -10.0, double, 0.0]])), [[100, 2, 228, 34]])
    assert decoded_points(place, torch.tensor([[10.0, 5.0] + [0.0] * 8]))[0, 0].tolist() == [164, 66]


def test_of_boxes_that_overlap_the_surest_stays():
    boxes = np.array([[0, 0, 99, 99], [10, 0, 109, 99], [200, 0, 299, 99], [0, 80, 99, 179]])
    assert overlap(boxes[0], boxes[0]) == 1 and overlap(boxes[0], boxes[2]) == 0
    assert overlap(boxes[0], boxes[1]) == pytest.approx(90 / 110) and overlap(boxes[0], boxes[3]) == pytest.approx(
        20 / 180
    )
    assert unlike(boxes, np.array([0.8, 0.9, 0.7, 0.95]), 0.4) == [3, 1, 2]
    assert unlike(boxes, np.array([0.9, 0.8, 0.7, 0.95]), 0.9) == [3, 0, 1, 2]
    assert unlike(boxes[:0], np.zeros(0), 0.4) == []


@pytest.mark.parametrize("factor", [1, 2, 0.5])
def test_faces_are_in_pixels_of_the_picture_they_are_in(detector, factor):
    side = int(640 * factor)
    [face] = detect_faces(detector, noise(side, side))
    assert np.allclose(face.landmarks, LANDMARKS * factor, atol=1e-2) and face.score > 0.97


def test_faces_too_small_to_have_eyes_are_left_alone():
    tiny = build_face_network(DETECTOR_NETWORK, "it.pth", one_face_state(TEMPLATE * 0.03 + 100))
    assert detect_faces(tiny, noise()) == []


def test_a_detector_that_is_sure_of_nothing_finds_nothing():
    state = one_face_state(LANDMARKS)
    state["ClassHead.2.conv1x1.bias"].zero_()
    image = noise()
    assert restore_faces(image, build_face_network(DETECTOR_NETWORK, "it.pth", state), lambda x: -x) is image


# Restoring ------------------------------------------------------------------------------------------


def test_only_the_face_changes(detector):
    image = noise()
    result = np.asarray(
        restore_faces(image, detector, lambda x: torch.ones_like(x) * torch.tensor([1.0, -1.0, 0.0])[:, None, None])
    )
    outside = np.ones((640, 640), bool)
    outside[150:406, 200:456] = False
    assert np.array_equal(result[outside], np.asarray(image)[outside])
    assert (result[INSIDE] == (255, 0, 128)).all()


def test_restorers_see_an_upright_face_in_rgb(detector):
    seen = []
    image = Image.new("RGB", (640, 640), (255, 0, 51))
    restore_faces(image, detector, lambda x: seen.append(x) or x)
    assert seen[0].shape == (1, 3, SIDE, SIDE)
    assert torch.allclose(seen[0][0, :, 200, 200], torch.tensor([1.0, -1.0, -0.6]))


def test_what_is_restored_to_itself_comes_back_as_it_was():
    square = noise(SIDE, SIDE)
    assert np.array_equal(restore_square(lambda x: x, square), square)
    assert np.array_equal(
        restore_square(lambda x: x * 3, Image.new("RGB", (SIDE, SIDE), "white")),
        Image.new("RGB", (SIDE, SIDE), "white"),
    )
    with pytest.raises(NotANumber):
        restore_square(lambda x: x / 0, square)


@pytest.mark.parametrize(("name", "weight"), [("GFPGAN", 0), pytest.param("codeformer", 0.5, marks=pytest.mark.slow)])
def test_files_of_any_kind_restore_a_picture(models, name, weight):
    restorers, pixels = FaceRestorers(in_home(models), CPU), np.asarray(noise())
    result = restorers.restore(name, pixels, weight)
    assert (result.shape, result.dtype) == (pixels.shape, np.uint8)
    assert not np.array_equal(result[INSIDE], pixels[INSIDE]) and np.array_equal(result[:150], pixels[:150])


@pytest.mark.slow
def test_restorers_follow_each_other_and_the_weight_is_codeformers(models, monkeypatch):
    monkeypatch.setattr(CodeFormer, "forward", lambda self, x, weight: torch.full_like(x, weight))
    monkeypatch.setattr(GFPGANNet, "forward", lambda self, x: -torch.ones_like(x))
    restorers, pixels = FaceRestorers(in_home(models), CPU), np.asarray(noise())
    for name, weight, level in (
        ("CodeFormer", 1.0, 255),
        ("CodeFormer", 0.2, 153),
        ("GFPGAN", 0.2, 0),
        ("GFPGAN", 1.0, 0),
        ("CodeFormer", 0.0, 128),
    ):
        assert (restorers.restore(name, pixels, weight)[INSIDE] == level).all()


# Files ----------------------------------------------------------------------------------------------


def put(home, *names):
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"nothing")


def test_what_is_missing_is_told_with_its_place(tmp_path):
    with pytest.raises(ModelMissing, match=r"codeformer-v0\.1\.0\.pth is missing") as error:
        files.find_face_files("CodeFormer", in_home(tmp_path))
    assert error.value.hint == "Put codeformer-v0.1.0.pth into models/Codeformer."
    put(tmp_path, "GFPGAN/GFPGANv1.4.pth", "GFPGAN/parsing_parsenet.pth")
    with pytest.raises(ModelMissing, match=r"detection_Resnet50_Final\.pth is missing") as error:
        files.find_face_files("GFPGAN", in_home(tmp_path))
    assert error.value.hint == "Put detection_Resnet50_Final.pth into models/GFPGAN."
    with pytest.raises(UnknownName, match="GFPGAM"):
        files.find_face_files("GFPGAM", in_home(tmp_path))


def test_the_newest_restorer_is_taken_and_the_detector_from_either_folder(tmp_path):
    put(
        tmp_path,
        "GFPGAN/GFPGANv1.3.pth",
        "GFPGAN/GFPGANv1.4.pth",
        "GFPGAN/other.pth",
        "Codeformer/detection_Resnet50_Final.safetensors",
    )
    found = files.find_face_files("gfpgan", in_home(tmp_path))
    assert (found.restorer.name, found.detector.parent.name) == ("GFPGANv1.4.pth", "Codeformer")
    assert [each.name for each in files.present_restorers(in_home(tmp_path))] == ["GFPGAN"]
    assert files.present_restorers({}) == [] == files.present_restorers(in_home(tmp_path / "nowhere"))


def test_the_wrong_file_is_refused_by_name(models, tmp_path):
    with pytest.raises(ModelMismatch, match=r"GFPGANv1\.4\.pth is not CodeFormer") as error:
        load_face_network(CODEFORMER, models / "GFPGAN/GFPGANv1.4.pth", CPU)
    assert error.value.hint == "Use codeformer-v0.1.0.pth."
    with pytest.raises(ModelMismatch, match=r"is not RetinaFace's"):
        load_face_network(DETECTOR_NETWORK, models / "GFPGAN/GFPGANv1.4.pth", CPU)
    put(tmp_path, "GFPGANv1.4.pth")
    with pytest.raises(ModelCorrupt, match=r"GFPGANv1\.4\.pth"):
        load_face_network(GFPGAN, tmp_path / "GFPGANv1.4.pth", CPU)


@pytest.mark.parametrize("damage", [
    lambda state: state.pop("final_conv.bias"),
    lambda state: state.update(strange=torch.zeros(1)),
    lambda state: state.update({"final_linear.weight": torch.zeros(1, 1)}),
    lambda state: state.update({"conv_body_first.weight": torch.zeros(())}),
    lambda state: [state.pop(name) for name in list(state) if ".6." in name],
])
def test_weights_that_do_not_fit_together_are_refused_by_name(damage):
    state = random_state(GFPGAN)
    damage(state)
    with pytest.raises(ModelMismatch, match=r"broken\.pth"):
        build_face_network(GFPGAN, "broken.pth", state)


def test_a_file_that_wants_to_run_code_is_not_opened(tmp_path):
    torch.save({"params_ema": print}, tmp_path / "GFPGANv1.4.pth")
    with pytest.raises(ModelUnsafe, match=r"GFPGANv1\.4\.pth asks to run code"):
        load_face_network(GFPGAN, tmp_path / "GFPGANv1.4.pth", CPU)
