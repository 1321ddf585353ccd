"""Faces upright, and back in their place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.imaging.faces import GREY, SIDE, TEMPLATE, align_face, inverse, returned, similarity, soft_edged, warped


def noise(width, height):
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8))


def turned(degrees, scale, shift):
    turn = scale * np.exp(1j * np.radians(degrees))
    return np.array([[turn.real, -turn.imag, shift[0]], [turn.imag, turn.real, shift[1]]])


def moved(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_a_face_that_lies_as_the_template_stays_where_it_is():
    image = noise(SIDE, SIDE)
    square, matrix = align_face(image, TEMPLATE)
    assert np.allclose(matrix, [[1, 0, 0], [0, 1, 0]])
    assert np.array_equal(square, image)


@pytest.mark.parametrize(
    "matrix", [turned(0, 1, (7, -3)), turned(30, 1, (0, 0)), turned(-170, 0.3, (100, 900)), turned(90, 4, (-5, 2))]
)
def test_a_similarity_is_found_again(matrix):
    assert np.allclose(similarity(TEMPLATE, moved(TEMPLATE, matrix)), matrix)
    assert np.allclose(moved(moved(TEMPLATE, matrix), inverse(matrix)), TEMPLATE)


def test_landmarks_that_fit_no_similarity_are_met_as_well_as_can_be():
    """Least squares: no nearby turn or scale comes nearer."""
    points = TEMPLATE + np.random.default_rng(0).normal(0, 20, TEMPLATE.shape)
    best = similarity(points, TEMPLATE)

    def miss(matrix):
        return np.square(moved(points, matrix) - TEMPLATE).sum()

    for change in (turned(1, 1, (0, 0)), turned(0, 1.01, (0, 0)), turned(0, 1, (1, 0)), turned(0, 1, (0, -1))):
        near = np.column_stack([change[:, :2] @ best[:, :2], change[:, :2] @ best[:, 2] + change[:, 2]])
        assert miss(near) > miss(best)


def test_pixels_are_counted_from_their_middles():
    """A shift by whole pixels moves them unchanged, and doubling keeps the first pixel's middle in its place."""
    image = noise(40, 30)
    assert np.array_equal(np.asarray(warped(image, turned(0, 1, (3, 2)), (50, 40)))[2:32, 3:43], image)
    assert np.array_equal(
        np.asarray(warped(image, turned(0, 2, (0, 0)), (80, 60)))[:-2:2, :-2:2], np.asarray(image)[:-1, :-1]
    )


def test_beyond_the_picture_a_face_is_grey():
    square, _ = align_face(noise(SIDE, SIDE), TEMPLATE + (300, 0))
    assert np.asarray(square)[100, -1].tolist() == list(GREY)


def test_a_face_comes_back_to_where_it_was_taken_from():
    image = Image.linear_gradient("L").resize((600, 500)).convert("RGB")
    square, matrix = align_face(image, moved(TEMPLATE, turned(20, 0.4, (200, 150))))
    difference = np.abs(np.asarray(returned(image, square, matrix), int) - np.asarray(image, int))
    assert difference.max() <= 2


def test_outside_the_face_nothing_changes_and_in_its_middle_all_does():
    image, red = noise(600, 500), Image.new("RGB", (SIDE, SIDE), "red")
    matrix = inverse(turned(0, 0.5, (200, 100)))      # the square from (200, 100) to (456, 356)
    result = np.asarray(returned(image, red, matrix))
    outside = np.ones((500, 600), bool)
    outside[100:356, 200:456] = False
    assert np.array_equal(result[outside], np.asarray(image)[outside])
    assert (result[180:276, 280:376] == (255, 0, 0)).all()


def test_a_faces_edge_fades():
    mask = np.asarray(soft_edged()).astype(int)
    assert np.array_equal(mask, mask.T) and np.array_equal(mask, mask[::-1])
    assert not mask[0].any() and mask[60:-60, 60:-60].min() == 255
    assert (np.diff(mask[SIDE // 2, : SIDE // 2]) >= 0).all() and 0 < mask[SIDE // 2, 25] < 255
