"""ui-config.json: what it says of a control, what it cannot say, and what is added to it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modules.settings.ui_config import UiConfig, field_values


def config(folder: Path, told: object) -> UiConfig:
    path = folder / "ui-config.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return UiConfig(path)


def slider(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"value": 20, "minimum": 1, "maximum": 150, "step": 1, "visible": True} | values)


def test_a_control_has_the_value_the_ends_and_the_visibility_that_the_file_says(tmp_path):
    said = {"t/Steps/value": 30, "t/Steps/minimum": 2, "t/Steps/maximum": 60, "t/Steps/step": 2, "t/Steps/visible": False}
    control = slider()
    config(tmp_path, said).fill("t/Steps", control)
    assert control == slider(value=30, minimum=2, maximum=60, step=2, visible=False)


@pytest.mark.parametrize("value", ["many", True, None, [3], {}])
def test_a_value_of_another_kind_is_left_out(tmp_path, value):
    control = slider()
    config(tmp_path, {"t/Steps/value": value, "t/Steps/visible": "no"}).fill("t/Steps", control)
    assert control == slider()


def test_a_choice_that_is_not_offered_is_left_out(tmp_path):
    told = config(tmp_path, {"t/Mode/value": "other", "t/Kind/value": "b"})
    mode = SimpleNamespace(value="a", choices=[("a", "a"), ("b", "b")], visible=True)
    told.fill("t/Mode", mode)
    assert mode.value == "a"
    told.fill("t/Kind", mode)
    assert mode.value == "b"


def test_fields_begin_with_what_the_file_says_of_their_labels(tmp_path):
    told = config(tmp_path, {"txt2img/Width/value": 768})
    labels = {"width": "Width", "height": "Height", "styles": "Styles"}
    usual = {"width": 512, "height": 512, "styles": []}
    assert field_values(told, "txt2img", labels, usual) == {"width": 768, "height": 512}


def test_what_the_file_does_not_say_is_added_and_what_it_says_stays(tmp_path):
    told = config(tmp_path, {"t/Steps/value": 30, "theirs": [1]})
    told.fill("t/Steps", slider())
    (tmp_path / "ui-config.json").write_text('{"t/Steps/value": 31, "theirs": [1]}')      # edited meanwhile
    told.write()
    assert json.loads((tmp_path / "ui-config.json").read_text()) == {
        "t/Steps/value": 31, "theirs": [1],
        "t/Steps/minimum": 1, "t/Steps/maximum": 150, "t/Steps/step": 1, "t/Steps/visible": True,
    }


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000])
def test_a_file_that_cannot_be_read_says_nothing_and_stays(tmp_path, text):
    told = config(tmp_path, text)
    told.fill("t/Steps", control := slider())
    told.write()
    assert control == slider()
    assert (tmp_path / "ui-config.json").read_text() == text


def test_without_a_file_there_is_one_afterwards(tmp_path):
    told = UiConfig(tmp_path / "ui-config.json")
    told.fill("t/Steps", slider())
    told.write()
    assert json.loads(told.path.read_text())["t/Steps/value"] == 20
