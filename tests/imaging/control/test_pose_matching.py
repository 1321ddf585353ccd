"""People are found again in maps that were drawn from their joints."""

from __future__ import annotations

import numpy as np
import pytest

from modules.imaging.control.pose_matching import ALL_LIMBS, LIMB_CHANNELS, connections, peaks_of, people_in
from modules.imaging.control.poses import BODY_POINTS

SIZE = 160
# nose, neck, right shoulder, elbow, wrist, left ones, right hip, knee, ankle, left ones, eyes, ears
STANDING = (
    (40, 20), (40, 34), (30, 35), (26, 52), (24, 68), (50, 35), (54, 52), (56, 68), (34, 72), (33, 96), (32, 120),
    (46, 72), (47, 96), (48, 120), (37, 17), (43, 17), (34, 19), (46, 19),
)


def moved(points, across):
    return [(x + across, y) for x, y in points]


def maps(*people):
    """Heat and fields as the paper defines what a network is to give."""
    down, across = np.mgrid[:SIZE, :SIZE]
    heat, fields = np.zeros((BODY_POINTS + 1, SIZE, SIZE)), np.zeros((38, SIZE, SIZE))
    for points in people:
        for joint, point in enumerate(points):
            if point:
                distance = (across - point[0]) ** 2 + (down - point[1]) ** 2
                heat[joint] = np.maximum(heat[joint], np.exp(-distance / 50))
        for (first, second), channel in zip(ALL_LIMBS, LIMB_CHANNELS, strict=True):
            if points[first] and points[second]:
                begin, end = np.array(points[first], float), np.array(points[second], float)
                way = (end - begin) / np.hypot(*(end - begin))
                along = (across - begin[0]) * way[0] + (down - begin[1]) * way[1]
                aside = np.abs((across - begin[0]) * way[1] - (down - begin[1]) * way[0])
                on = (along >= -2) & (along <= np.hypot(*(end - begin)) + 2) & (aside < 4)
                fields[channel:channel + 2, on] = way[:, None]
    return heat, fields


def apart(found, wanted):
    return max(np.hypot(a[0] - b[0], a[1] - b[1]) for a, b in zip(found, wanted, strict=True))


def test_each_limb_has_two_channels_of_its_own():
    assert sorted(LIMB_CHANNELS) == list(range(0, 38, 2)) and len(ALL_LIMBS) == len(LIMB_CHANNELS)


def test_one_person_is_found_joint_by_joint():
    [found] = people_in(*maps(STANDING))
    assert apart(found, STANDING) <= 1


def test_two_people_beside_each_other_keep_their_own_limbs():
    other = moved(STANDING, 60)
    found = sorted(people_in(*maps(STANDING, other)), key=lambda points: points[0][0])
    assert len(found) == 2 and apart(found[0], STANDING) <= 1 and apart(found[1], other) <= 1


def test_what_is_not_seen_is_none():
    half = [point if joint not in (9, 10, 12, 13) else None for joint, point in enumerate(STANDING)]
    [found] = people_in(*maps(half))
    assert [joint for joint, point in enumerate(found) if point is None] == [9, 10, 12, 13]


@pytest.mark.parametrize("joints", [(), (0, 14), (0, 1, 14)])
def test_a_few_joints_are_nobody(joints):
    few = [point if joint in joints else None for joint, point in enumerate(STANDING)]
    assert people_in(*maps(few)) == []


def test_joints_without_a_field_between_them_are_no_limb():
    heat, fields = maps(STANDING)
    assert people_in(heat, fields * 0) == []
    first, second = peaks_of(heat[1]), peaks_of(heat[2])
    assert [each[:2] for each in connections(first, second, fields[12:14])] == [(0, 0)]
    assert connections(second, first, fields[12:14]) == [] == connections([], second, fields[12:14])


def test_a_map_that_is_warm_everywhere_has_few_peaks():
    assert len(peaks_of(np.random.default_rng(1).random((200, 200)) * 9)) <= 64
