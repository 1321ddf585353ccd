"""X/Y/Z plot and Prompt matrix as A1111's clients send them, and as a crash leaves them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modules.params.infotext import split_infotext
from tests.api.test_generate import picture, post, refused

pytestmark = pytest.mark.slow
STEPS, SEED, SR, SAMPLER, CFG = 4, 1, 7, 9, 6      # A1111's places of the axes


def xyz(*axes, legend=True, lone=False, subs=False, csv=True, margin=0):
    padded = [*axes, *[(0, "")] * (3 - len(axes))]
    return {
        "script_name": "x/y/z plot",
        "script_args": [
            *(part for kind, text in padded for part in (kind, text, [])),
            legend, lone, subs, False, False, False, False, margin, csv,
        ],
    }


def test_a_plot_answers_with_its_grid_then_its_cells(client):
    reply = post(client, **xyz((STEPS, "2,3"), (SR, "red,green"), lone=True, legend=False, subs=True))
    info = json.loads(reply["info"])
    grid, sub, *cells = (np.asarray(picture(each).convert("RGB")) for each in reply["images"])
    assert grid.shape == (128, 128, 3) and (grid == sub).all() and info["index_of_first_image"] == 1
    for number, cell in enumerate(cells):
        y, x = divmod(number, 2)
        assert (grid[y * 64 : y * 64 + 64, x * 64 : x * 64 + 64] == cell).all()
    assert len(cells) == 4 and len(info["infotexts"]) == 6 and info["all_seeds"] == [11] * 5
    pairs = split_infotext(info["infotexts"][0]).pairs
    assert (pairs["X Type"], pairs["X Values"], pairs["Y Values"]) == ("Steps", "2,3", "red,green")
    assert picture(reply["images"][0]).text["parameters"] == info["infotexts"][0]
    assert [split_infotext(text).pairs["Steps"] for text in info["infotexts"][2:]] == ["2", "3", "2", "3"]


def test_a_cell_is_the_picture_that_it_is_alone(client):
    cells = post(client, **xyz((CFG, "3,6"), lone=True))["images"][1:]
    alone = [post(client, cfg_scale=cfg)["images"][0] for cfg in (3, 6)]
    for ours, theirs in zip(cells, alone, strict=True):
        assert np.abs(np.asarray(picture(ours)).astype(int) - np.asarray(picture(theirs)).astype(int)).max() <= 1


def test_without_lone_pictures_only_the_grid_is_returned_and_all_cells_are_told(client):
    reply = post(client, **xyz(("Steps", "2,3")))
    assert len(reply["images"]) == 1 and len(json.loads(reply["info"])["infotexts"]) == 3


def test_what_no_cell_can_have_is_refused_by_name_before_anything_is_drawn(client):
    before = client.get("/easel/v1/jobs").json()
    for axis, text, status, named in (
        (SAMPLER, "Euler, Eulr", 404, "Eulr"),
        ("Checkpoint name", "tiny-sd1, nope", 404, "nope"),
        ("VAE", "nope.pt", 404, "nope.pt"),
        ("Styles", "nope", 404, "nope"),
        (STEPS, "3, many", 422, "many"),
        (STEPS, "3, 100000", 422, "100000"),
        ("Clip skip", "99", 422, "99"),
        (SR, "green,blue", 422, "green"),
        ("Nonsense", "1", 404, "Nonsense"),
        ("Seed", "1-20000", 422, "20,000"),
    ):
        assert named in str(refused(client, status, **xyz((axis, text)))), axis
    assert client.get("/easel/v1/jobs").json() == before


def test_an_axis_without_values_draws_nothing_and_says_so(client):
    reply = post(client, **xyz((SEED, "")))
    assert reply["images"] == [] and "Seed" in json.loads(reply["info"])["warnings"][0]


def test_a_matrix_answers_with_its_grid_then_every_combination(client):
    reply = post(client, prompt="a circle|red|big", script_name="prompt matrix", script_args=[False, True])
    info = json.loads(reply["info"])
    assert info["all_prompts"] == ["a circle", "a circle, red", "a circle, big", "a circle, red, big"]
    assert info["all_seeds"] == [11, 12, 13, 14] and len(reply["images"]) == 5
