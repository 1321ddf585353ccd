"""Whether pasted data will give the same picture."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

import pytest

from modules.base.version import VERSION
from modules.requests.compare_manifest import environment
from modules.requests.same_picture import ANOTHER, AS_BEFORE, NEARLY_SAME, UNCERTAIN, manifest_in, picture_likeness
from modules.settings.options import Settings
from tests.metadata.layouts import png_of

DEVICE = {"device": "cpu"}
NO_MODELS = SimpleNamespace(catalogs={}, checkpoints=None)
READ = {"fields": {"seed": 7}, "settings": {}, "notes": []}


def manifest(**other):
    return {
        "version": VERSION, "models": [], "settings": asdict(Settings()), "environment": environment(DEVICE), **other
    }


def verdict(found, then):
    return picture_likeness(found, then, NO_MODELS, Settings(), DEVICE).verdict


@pytest.mark.parametrize(
    ("found", "then", "expected"),
    [
        (READ, manifest(), AS_BEFORE),
        (READ, manifest(version="0.0.1"), NEARLY_SAME),
        (READ, manifest(settings={"CLIP_stop_at_last_layers": 2}), ANOTHER),
        ({**READ, "settings": {"CLIP_stop_at_last_layers": 2}}, manifest(settings={"CLIP_stop_at_last_layers": 2}), AS_BEFORE),
        (READ, None, UNCERTAIN),
        (READ, {"no": "manifest"}, UNCERTAIN),
        ({**READ, "notes": ["Not here and left out: the LoRA gone."]}, manifest(), ANOTHER),
        ({**READ, "fields": {}}, manifest(), ANOTHER),
    ],
)
def test_the_verdict_follows_from_what_is_here_and_from_the_manifest(found, then, expected):
    assert verdict(found, then) == expected


def test_the_differences_come_along():
    found = picture_likeness(READ, manifest(version="0.0.1"), NO_MODELS, Settings(), DEVICE).as_json()
    assert found["differences"] == [{"what": "Easel", "then": "0.0.1", "now": VERSION}]


def test_a_picture_without_a_manifest_or_with_nonsense_in_its_place_has_none(tmp_path):
    assert manifest_in(png_of({})) is None
    assert manifest_in(png_of({"easel": "[1, 2"})) is None
    assert manifest_in(png_of({"easel": '{"format": 1}'})) == {"format": 1}
