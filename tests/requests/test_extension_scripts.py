"""Arguments of extensions' scripts: by place as in A1111, by label or id, and what is missing as the controls begin."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from modules.base.errors import Invalid, UnknownName
from modules.params.txt2img import Txt2Img
from modules.plugins.scripts import LoadedScript
from modules.requests import extension_scripts
from modules.requests.extension_scripts import arguments_of, extension_params, told_to_extensions


@dataclass
class FakeScript(LoadedScript):
    """A script whose controls are told, since drawing them needs gradio."""

    @property
    def defaults(self):
        return [control.value for control in self.controls]


def control(label: str, value: object, elem_id: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(label=label, value=value, elem_id=elem_id)


CONTROLS = [control("Active", False), control("Amount", 0.5, "my_amount"), control("Word", "none")]
ALWAYS = FakeScript(None, "mine", "txt2img", "Tone", True, CONTROLS)
CHOSEN = FakeScript(None, "mine", "txt2img", "Tiles", False, CONTROLS[:2])


class FakeHost:
    active = ()

    def scripts(self, tab):
        return [ALWAYS, CHOSEN]

    def natives(self):
        return []


@pytest.mark.parametrize(("given", "wanted"), [
    ({}, [False, 0.5, "none"]),
    ({"args": []}, [False, 0.5, "none"]),
    ({"args": [True]}, [True, 0.5, "none"]),
    ({"args": [True, 1, "x"]}, [True, 1, "x"]),
    ({"named": {"my_amount": 2, "Active": True}}, [True, 2, "none"]),
    ({"args": {"Amount": 2}}, [False, 2, "none"]),
    ({"args": [True], "named": {"Word": "x"}}, [True, 0.5, "x"]),
])
def test_arguments_are_given_by_place_or_by_name(given, wanted):
    notes = []
    assert arguments_of(ALWAYS, given, notes) == wanted and notes == []


def test_arguments_beyond_the_last_are_left_out_and_told():
    notes = []
    assert arguments_of(ALWAYS, {"args": [True, 1, "x", 9, 8]}, notes) == [True, 1, "x"]
    assert notes == ["Tone takes 3 arguments; the 2 after them were left out."]


def test_an_unknown_name_tells_the_nearest():
    with pytest.raises(UnknownName) as refused:
        arguments_of(ALWAYS, {"named": {"Amuont": 1}}, [])
    assert "Amount" in refused.value.hint
    with pytest.raises(Invalid) as unknown:
        extension_params(FakeHost(), "txt2img", Txt2Img(), {"Tune": {}})
    assert "'Tone'" in unknown.value.hint and unknown.value.field == extension_scripts.ALWAYS_ON
    with pytest.raises(Invalid):      # it is to be chosen
        extension_params(FakeHost(), "txt2img", Txt2Img(), {"Tiles": {}})
    with pytest.raises(Invalid):
        extension_params(FakeHost(), "txt2img", Txt2Img(), {"Tone": [True]})


def test_a_chosen_script_is_taken_out_of_the_request():
    asked = Txt2Img(script_name="tiles", script_args=(True,))
    request, params, _ = extension_params(FakeHost(), "txt2img", asked, {"tone": {"args": [True]}})
    assert request.script_name == "" and request.script_args == ()
    assert params == {
        "alwayson_scripts": {"Tone": [True, 0.5, "none"]},
        "extension_script": {"title": "Tiles", "args": [True, 0.5]},
    }


def test_a_job_of_another_kind_has_no_scripts():
    request = object()
    assert extension_params(FakeHost(), "merge", request, {}) == (request, {}, [])


def test_a_job_is_told_settings_of_extensions_that_it_was_given_and_who_has_asked():
    host = SimpleNamespace(active=[1], options={
        "times": SimpleNamespace(default=3, restrict_api=False), "folder": SimpleNamespace(default="", restrict_api=True),
    })
    given = {"times": 5, "folder": "/etc", "eta_noise_seed_delta": 1, "nobody_knows": 1}
    assert told_to_extensions(host, given, over_api=True) == {"extension_settings": {"times": 5}, "over_api": True}
    assert told_to_extensions(host, {"folder": "/etc"}, over_api=False) == {}
    assert told_to_extensions(SimpleNamespace(active=[]), given, over_api=True) == {}
    with pytest.raises(Invalid, match="times"):
        told_to_extensions(host, {"times": "often"}, over_api=False)
