"""Grids of pictures: rows, cells and legends where A1111's are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.imaging.grid_fonts import GRID_FONT, font_for_text, grid_font, lacks_letters, system_fonts
from modules.imaging.picture_grid import (
    GridColours,
    GridLayout,
    GridLegend,
    GridText,
    broken_text,
    draw_grid,
    rows_of_batch,
)
from tests.golden_data import GOLDEN


def legends(layout: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (each for sub in layout.get("sub", ()) for each in legends(sub))
    if layout["kind"] == "legend":
        yield layout


RECORDED = [
    pytest.param(layout, id=f"{path.parent.name}-{number}")
    for family in ("xyz", "matrix")
    for path in sorted((GOLDEN / "images" / family).glob("*/result.json"))
    for grid in json.loads(path.read_text("utf-8")).get("grids", ())
    for number, layout in enumerate(legends(grid["layout"]))
]


def headings(labels, inactive=None):
    return [
        [GridText(text, not (inactive and inactive[i][j])) for j, text in enumerate(texts)]
        for i, texts in enumerate(labels)
    ]


@pytest.mark.parametrize("layout", RECORDED)
def test_a_legend_takes_the_room_that_a1111s_takes(layout):
    columns, rows = headings(layout["column_labels"]), headings(layout["row_labels"])
    ours = GridLayout(
        tuple(layout["cell"]), len(columns) * len(rows), len(columns), GridLegend(columns, rows), layout["margin"]
    )
    assert ours.left == layout["pad"][0] and ours.size[0] == layout["size"][0]
    assert ours.top == layout["pad"][1] and ours.size[1] == layout["size"][1]
    assert [[line.text for line in each] for each in ours.margins] == layout["lines_rows"]
    assert [[line.text for line in each] for each in ours.headings] == layout["lines_columns"]


@pytest.mark.parametrize(
    ("count", "rows", "batch_size", "without_gaps", "found"),
    [(4, -1, 1, False, 2), (6, -1, 1, False, 2), (6, -1, 1, True, 2), (7, -1, 1, True, 1), (6, 0, 2, False, 2),
     (3, 9, 1, False, 3), (5, 3, 1, True, 3), (1, -1, 1, False, 1), (1, 0, 8, True, 1), (8, -1, 1, False, 3)],
)
def test_a_batchs_grid_has_as_many_rows_as_the_settings_say(count, rows, batch_size, without_gaps, found):
    assert rows_of_batch(count, rows, batch_size, without_gaps) == found


def test_smaller_pictures_stand_in_the_middle_and_missing_ones_leave_their_place_empty():
    layout = GridLayout((8, 6), 3, 2)
    pictures = [Image.new("RGB", (8, 6), "red"), Image.new("RGB", (4, 2), "blue"), None]
    grid = np.asarray(draw_grid(layout, iter(pictures), GridColours(background="#010203")))
    assert grid.shape == (12, 16, 3)
    assert (grid[:6, :8] == (255, 0, 0)).all() and (grid[2:4, 10:14] == (0, 0, 255)).all()
    grid = grid.copy()
    grid[:6, :8] = grid[2:4, 10:14] = (1, 2, 3)
    assert (grid == (1, 2, 3)).all()


def test_a_legend_leaves_the_pictures_alone_and_colours_that_are_none_are_the_usual_ones():
    legend = GridLegend(headings([["one"], ["two"]], [[True], [False]]), headings([["row"]]))
    layout = GridLayout((64, 64), 2, 2, legend, margin=10)
    grid = np.asarray(draw_grid(layout, iter([Image.new("RGB", (64, 64), "red")] * 2), GridColours("no colour")))
    for cell in range(2):
        left, top, width, height = layout.box(cell, (64, 64))
        assert (grid[top : top + height, left : left + width] == (255, 0, 0)).all()
    assert (grid[0, 0] == 255).all() and (grid[:, : layout.left] < 128).any() and (grid[: layout.top] < 200).any()


def test_a_text_breaks_at_words_and_never_inside_one():
    lines = list(broken_text("aa bbb c dddddddd e", 5, len))
    assert lines == ["aa", "bbb c", "dddddddd", "e"] and list(broken_text("", 5, len)) == [""]
    assert list(broken_text("dddddddd e", 5, len)) == ["", "dddddddd", "e"]      # as A1111's


def test_breaking_a_long_text_measures_each_word_a_few_times():
    measured = []

    def length(text):
        measured.append(len(text))
        return len(text)

    assert " ".join(broken_text("word " * 5_000, 40, length)).count("word") == 5_000
    assert sum(measured) < 60 * 5_000


def test_letters_that_roboto_lacks_are_written_in_a_font_that_has_them_if_there_is_one():
    roboto = grid_font(20)
    assert not lacks_letters("aé", roboto) and lacks_letters("红", roboto)
    assert font_for_text("a fox, é", roboto) is roboto
    found = font_for_text("红色 fox", roboto)
    assert found.size == roboto.size
    assert (found.path == str(GRID_FONT)) == all(lacks_letters("红色", grid_font(20, path)) for path in system_fonts())


def test_a_legend_in_other_letters_takes_the_same_room():
    plain, other = (GridLayout((64, 64), 1, 1, GridLegend([[GridText(text)]], [[GridText("")]])) for text in ("\U0010ffff", "红"))
    assert plain.size == other.size
