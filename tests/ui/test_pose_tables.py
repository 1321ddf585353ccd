"""The pose editor joins the points that the server's drawing of a pose joins."""

from __future__ import annotations

import json
import re

from modules.imaging.control.poses import BODY_POINTS, FACE_POINTS, HAND_POINTS, LIMBS
from modules.ui.look import ASSETS

SCRIPT = (ASSETS / "control" / "pose.js").read_text(encoding="utf-8")


def test_the_page_and_the_server_join_the_same_points():
    written = re.search(r"export const LIMBS = (\[.*?\]);", SCRIPT, re.DOTALL)[1]
    assert [tuple(pair) for pair in json.loads(re.sub(r",\s*\]$", "]", written))] == list(LIMBS)


def test_the_page_and_the_server_count_the_same_points():
    assert re.search(r"const HAND = (\d+);", SCRIPT)[1] == str(HAND_POINTS)
    assert re.findall(r"count: (\d+)", SCRIPT) == [str(BODY_POINTS), str(FACE_POINTS)]
