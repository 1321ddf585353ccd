"""Maps of poses, held against one that OpenCV 5.0 drew by the recipe of openpose's preprocessors."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.imaging.control.poses import FINGERS, JOINT_COLOURS, LIMBS, PosedPerson, points_of, pose_map
from modules.imaging.control.strokes import draw_disc, draw_ellipse, draw_thick_line, line_pixels

DRAWN = Path(__file__).parent / "opencv"
LISTS = ("pose_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "face_keypoints_2d")
WHITE = (255, 255, 255)


def test_two_people_with_hands_and_a_face_are_drawn_as_opencv_draws_them():
    told = json.loads((DRAWN / "pose.json").read_text())
    width, height = told["canvas_width"], told["canvas_height"]
    people = [PosedPerson(*(points_of(each.get(name, []), width, height) for name in LISTS)) for each in told["people"]]
    with Image.open(DRAWN / "pose.png") as image:
        assert np.array_equal(pose_map(people, width, height), np.asarray(image.convert("RGB")))


def test_shares_of_the_canvas_are_drawn_as_its_pixels_are():
    pixels = [8.0, 4.0, 1.0, 32.0, 16.0, 1.0]
    shares = [0.125, 0.125, 1.0, 0.5, 0.5, 1.0]
    assert points_of(pixels, 64, 32) == points_of(shares, 64, 32) == [(8, 4), (32, 16)]


def test_a_point_that_is_less_than_sure_is_not_seen_nor_are_its_limbs():
    nose, neck = (32.0, 16.0), (32.0, 40.0)
    both, lone = (pose_map([PosedPerson(body=[nose, end, *[None] * 16])], 64, 64) for end in (neck, None))
    assert points_of([32, 16, 0.9, 5, 5, 1], 64, 64) == [None, (5, 5)]
    assert tuple(both[16, 32]) == tuple(lone[16, 32]) == JOINT_COLOURS[0]
    assert both[28, 32].any() and not lone[21:].any()


def test_what_leaves_the_canvas_is_cut_off():
    far = PosedPerson(body=[(-40.0, -40.0), (90.0, 90.0), *[None] * 16])
    drawn = pose_map([far], 64, 64)
    assert drawn.shape == (64, 64, 3) and drawn[32, 32].any() and not drawn[0, 63].any()
    assert not pose_map([], 8, 4).any()


def test_every_limb_and_finger_joins_two_points_and_no_two_are_the_same():
    for pairs, points in ((LIMBS, 18), (FINGERS, 21)):
        assert len(set(map(frozenset, pairs))) == len(pairs) == points - 1
        assert {place for pair in pairs for place in pair} == set(range(points))


@pytest.mark.parametrize("radius", [1, 3, 4, 8])
def test_a_disc_is_the_same_from_all_sides(radius):
    drawn = np.zeros((21, 21, 3), np.uint8)
    draw_disc(drawn, (10, 10), radius, WHITE)
    lit = drawn[:, :, 0] > 0
    assert np.array_equal(lit, lit.T) and np.array_equal(lit, lit[::-1]) and lit[10].sum() == 2 * radius + 1


def test_an_ellipse_turned_by_a_right_angle_lies_on_its_side():
    flat, upright = np.zeros((2, 41, 41, 3), np.uint8)
    draw_ellipse(flat, (20, 20), (12, 4), 0, WHITE)
    draw_ellipse(upright, (20, 20), (12, 4), 90, WHITE)
    assert np.array_equal(flat, upright.transpose(1, 0, 2)) and flat.any(axis=2).any(axis=0).sum() == 25


@pytest.mark.parametrize("end", [(12, 3), (3, 12), (-9, 4), (0, 0), (5, -7)])
def test_a_line_is_connected_and_reaches_both_ends(end):
    pixels = list(line_pixels((0, 0), end))
    assert {(0, 0), end} <= set(pixels) and len(pixels) == max(map(abs, end)) + 1
    assert all(max(abs(x - to_x), abs(y - to_y)) == 1 for (x, y), (to_x, to_y) in pairwise(pixels))


def test_a_thick_line_without_length_is_a_dot():
    drawn = np.zeros((9, 9, 3), np.uint8)
    draw_thick_line(drawn, (4, 4), (4, 4), 2, WHITE)
    assert drawn.any(axis=2).sum() == 5
