"""Finds: chosen, ordered and made masks."""

from __future__ import annotations

import numpy as np
from PIL import Image

from modules.imaging.finds import FindFilter, MaskChange, drawn_finds, find_mask, grown, meets, ordered_finds
from modules.sampling.detection import Detection

SIZE = 100, 50
SMALL, LARGE, EDGE = Detection((40, 20, 50, 30), 0.9), Detection((10, 0, 60, 40), 0.5), Detection((90, 40, 100, 50), 0.7)
ALL = [SMALL, LARGE, EDGE]


def levels(mask):
    return np.asarray(mask)


def test_finds_are_chosen_by_their_share_of_the_picture_then_by_a_measure():
    assert FindFilter(least_share=0.1).chosen(ALL, SIZE) == [LARGE]
    assert FindFilter(largest_share=0.1).chosen(ALL, SIZE) == [SMALL, EDGE]
    assert FindFilter(most=1).chosen(ALL, SIZE) == [LARGE]
    assert FindFilter(most=2, by_confidence=True).chosen(ALL, SIZE) == [SMALL, EDGE]


def test_finds_have_an_order():
    assert ordered_finds(ALL, "None", SIZE) == ALL
    assert ordered_finds(ALL, "Position (left to right)", SIZE) == [LARGE, SMALL, EDGE]
    assert ordered_finds(ALL, "Position (center to edge)", SIZE) == [SMALL, LARGE, EDGE]
    assert ordered_finds(ALL, "Area (large to small)", SIZE) == [LARGE, SMALL, EDGE]


def test_a_mask_grows_by_a_square_centred_as_opencvs():
    """A square of 4 reaches two pixels to one side and one to the other."""
    dot = np.zeros((9, 9), np.uint8)
    dot[4, 4] = 255
    rows, columns = np.nonzero(levels(grown(Image.fromarray(dot), 4)))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 6, 3, 6)
    assert levels(grown(Image.fromarray(dot), -2)).max() == 0


def test_masks_move_up_and_right_and_merge():
    masks = [find_mask(each, SIZE) for each in (SMALL, EDGE)]
    [one, *_] = MaskChange(right=5, up=10).applied(masks)
    assert one.getbbox() == (45, 10, 56, 21)
    assert len(MaskChange(right=60).applied(masks)) == 0      # both have left the picture
    [merged] = MaskChange(merged=True).applied(masks)
    [inverted] = MaskChange(merged=True, inverted=True).applied(masks)
    assert merged.getbbox() == (40, 20, 100, 50) and not (levels(merged) & levels(inverted)).any()


def test_a_finds_own_shape_goes_before_its_box():
    shape = np.zeros((50, 100), bool)
    shape[1, 2] = True
    mask = find_mask(Detection((0, 0, 50, 50), mask=shape), SIZE)
    assert mask.getbbox() == (2, 1, 3, 2)
    assert meets(mask, Image.new("L", SIZE, 255)) and not meets(mask, find_mask(EDGE, SIZE))
    assert levels(drawn_finds(Image.new("RGB", SIZE), [EDGE])).any()
