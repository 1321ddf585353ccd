"""Hands and faces: where they are looked for, what their networks' files are called, and where the points come out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.base.errors import ModelMissing, NotANumber
from modules.imaging.control.pose_boxes import LEFT_ARM, RIGHT_ARM, face_box, hand_box
from modules.models.annotators.openpose import PoseNet, posed_with_faces, wholly_posed
from modules.models.annotators.openpose_parts import (
    PartNet,
    face_points,
    hand_points,
    hottest_of_largest,
    hottest_place,
)
from modules.sampling.annotation import Annotate
from modules.sampling.weights import Weights
from tests.imaging.control.test_pose_matching import SIZE, STANDING
from tests.models.annotators.test_annotators import Knowing, constant, seen

BLACK = np.zeros((SIZE, SIZE, 3), np.uint8)


class Spotted(torch.nn.Module):
    """A network that sees each point at these shares of the width and height, whatever it is shown."""

    def __init__(self, *shares):
        super().__init__()
        self.given, self.shares, self.shown = torch.nn.Parameter(torch.zeros(1)), shares, []

    def forward(self, x):
        self.shown.append(tuple(x.shape[2:]))
        height, width = (side // 8 for side in x.shape[2:])
        heat = torch.zeros(1, len(self.shares) + 1, height, width)
        for place, share in enumerate(self.shares):
            if share:
                heat[0, place, round(share[1] * (height - 1)), round(share[0] * (width - 1))] = 8
        return heat


# Where they are looked for --------------------------------------------------------------------------------


def body(**points):
    numbers = {"nose": 0, "eye": 14, "ear": 17, "shoulder": 5, "elbow": 6, "wrist": 7}
    found = [None] * 18
    for name, place in points.items():
        found[numbers[name]] = place
    return found


def test_a_hand_lies_a_third_of_the_forearm_beyond_the_wrist():
    arm = body(shoulder=(100.0, 100.0), elbow=(100.0, 200.0), wrist=(100.0, 300.0))
    assert hand_box(arm, LEFT_ARM, (640, 640)) == (25, 258, 150)      # 1.5 forearms wide, about (100, 333)
    assert hand_box(arm, RIGHT_ARM, (640, 640)) is None
    assert hand_box(body(elbow=(100.0, 200.0), wrist=(100.0, 300.0)), LEFT_ARM, (640, 640)) is None


def test_a_long_upper_arm_makes_the_hand_larger():
    arm = body(shoulder=(300.0, 100.0), elbow=(300.0, 300.0), wrist=(300.0, 350.0))
    assert hand_box(arm, LEFT_ARM, (900, 900)).side == int(1.5 * 0.9 * 200)


def test_a_square_ends_at_the_picture_and_a_small_one_is_none():
    arm = body(shoulder=(100.0, 100.0), elbow=(100.0, 200.0), wrist=(100.0, 300.0))
    assert hand_box(arm, LEFT_ARM, (640, 340)) == (25, 258, 82)
    assert hand_box(arm, LEFT_ARM, (40, 640)) is None      # 15 pixels of it are left
    tiny = body(shoulder=(10.0, 10.0), elbow=(10.0, 15.0), wrist=(10.0, 20.0))
    assert hand_box(tiny, LEFT_ARM, (640, 640)) is None


def test_a_face_reaches_three_times_as_far_as_an_eye_or_one_and_a_half_times_as_an_ear():
    assert face_box(body(nose=(200.0, 200.0), eye=(180.0, 190.0)), (640, 640)) == (140, 140, 120)
    assert face_box(body(nose=(200.0, 200.0), eye=(180.0, 190.0), ear=(260.0, 200.0)), (640, 640)) == (110, 110, 180)
    assert face_box(body(nose=(200.0, 200.0)), (640, 640)) is None
    assert face_box(body(eye=(180.0, 190.0)), (640, 640)) is None


# Points ---------------------------------------------------------------------------------------------------


def test_a_hands_points_are_where_the_heat_of_four_sizes_is_and_in_pixels_of_the_square():
    net = Spotted((0.25, 0.75), None, *[(0.5, 0.5)] * 19)
    with torch.inference_mode():
        first, second, *others = hand_points(net, np.zeros((256, 256, 3), np.uint8))
    assert net.shown == [(184, 184), (368, 368), (552, 552), (736, 736)]
    assert second is None and len(others) == 19
    assert abs(first[0] - 64) <= 6 and abs(first[1] - 192) <= 6 and abs(others[0][0] - 128) <= 6


def test_a_faces_points_are_the_warmest_pixels():
    net = Spotted((0.25, 0.75), None, *[(0.5, 0.5)] * 68)
    with torch.inference_mode():
        first, second, *others = face_points(net, np.zeros((95, 95, 3), np.uint8))
    assert net.shown == [(384, 384)] and second is None and len(others) == 68
    assert abs(first[0] - 24) <= 2 and abs(first[1] - 70) <= 2 and abs(others[0][0] - 47) <= 2


def test_a_wide_warm_spot_goes_before_a_narrow_hot_one():
    heat = np.zeros((128, 128), np.float32)
    heat[20:40, 20:40] = 0.5
    heat[30, 33] = 0.6
    heat[90:93, 90:93] = 4
    assert hottest_of_largest(heat) == (33, 30) and hottest_place(heat) == (90, 90)
    assert hottest_of_largest(heat * 0) is None and hottest_place(heat * 0) is None


# Files and maps -------------------------------------------------------------------------------------------


def test_layers_have_the_names_and_shapes_of_the_files():
    hand, face = ({name: tuple(each.shape) for name, each in PartNet(points).state_dict().items()}
                  for points in (21, 70))
    assert len(hand) == 2 * (15 + 2 + 5 * 7) and hand.keys() == face.keys()
    assert hand["conv4_4.weight"] == (512, 512, 3, 3) and hand["conv5_3_CPM.weight"] == (128, 512, 3, 3)
    assert hand["conv6_1_CPM.weight"] == (512, 128, 1, 1) and hand["conv6_2_CPM.weight"] == (22, 512, 1, 1)
    assert hand["Mconv1_stage2.weight"] == (128, 150, 7, 7) and face["Mconv1_stage6.weight"] == (128, 199, 7, 7)
    assert face["Mconv6_stage3.weight"] == (128, 128, 1, 1) and face["Mconv7_stage6.weight"] == (71, 128, 1, 1)


def test_a_person_has_hands_and_a_face_in_pixels_of_the_map():
    hand, face = Spotted(*[(0.5, 0.5)] * 21), Spotted(*[(0.5, 0.5)] * 70)
    with torch.inference_mode():
        found = wholly_posed(Knowing(STANDING), hand, face, Annotate(Weights(""), BLACK, "openpose_full", 320))
    [person] = found.pose["people"]
    assert [len(person[key]) // 3 for key in sorted(person)] == [70, 21, 21, 18]
    nose = np.array(person["pose_keypoints_2d"][:2])
    assert np.abs(np.array(person["face_keypoints_2d"][:2]) - nose).max() <= 20      # the square lies about it
    x, y = (int(value) for value in person["hand_left_keypoints_2d"][:2])
    assert tuple(found.levels[y, x]) == (0, 0, 255)      # a hand's joint


def test_of_faces_alone_no_body_is_drawn():
    face = Spotted(*[(0.5, 0.5)] * 70)
    with torch.inference_mode():
        found = posed_with_faces(Knowing(STANDING), face, Annotate(Weights(""), BLACK, "openpose_faceonly", 320))
    [person] = found.pose["people"]
    assert not any(person["pose_keypoints_2d"]) and len(person["face_keypoints_2d"]) == 210
    assert set(np.unique(found.levels.reshape(-1, 3), axis=0).flatten()) == {0, 255}
    assert (found.levels == found.levels[:, :, :1]).all()      # black and white alone


@pytest.mark.parametrize(("here", "lacking"), [
    ((), r"needs body_pose_model\.pth and hand_pose_model\.pth and facenet\.pth, which are not here"),
    (("body_pose_model",), r"needs hand_pose_model\.pth and facenet\.pth, which are not here"),
    (("body_pose_model", "facenet"), r"needs hand_pose_model\.pth, which is not here"),
])
def test_the_files_that_are_missing_are_named(annotators, folder, here, lacking):
    for name in here:
        (folder / f"{name}.pth").write_bytes(b"")
    with pytest.raises(ModelMissing, match=lacking):
        seen(annotators, "openpose_full")


def test_all_three_files_together_make_a_map(annotators, folder):
    for name, net in (("body_pose_model", PoseNet()), ("hand_pose_model", PartNet(21)), ("facenet", PartNet(70))):
        torch.save(constant(net, 0.0), folder / f"{name}.pth")
    assert not seen(annotators, "openpose_full").any()      # it sees nobody


def test_a_part_that_gives_no_numbers_is_told():
    broken = Spotted(*[(0.5, 0.5)] * 70)
    broken.forward = lambda x: torch.full((1, 71, 4, 4), float("nan"))
    with pytest.raises(FloatingPointError):
        face_points(broken, np.zeros((64, 64, 3), np.uint8))
    assert issubclass(NotANumber, Exception)
