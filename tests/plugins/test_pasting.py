"""Pasted generation data fill the controls of extensions' scripts, as their `infotext_fields` say."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from modules.commands.assemble import assemble
from modules.plugins.pasting import claimed_keys, control_value, pasted_controls, told_of_paste, with_script_controls
from modules.settings.flags import Flags

OURS = Path(__file__).parent / "extensions"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Tier A, loaded, its controls drawn."""
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(OURS / "tier-a", data / "extensions/tier-a")
    app = assemble(Flags(data_dir=data))
    app.extensions.load(app)
    with gr.Blocks():
        for script in app.extensions.scripts("txt2img"):
            script.draw(app.extensions.ui_config)
    yield app.extensions
    app.extensions.unload()


def test_keys_and_functions_fill_the_controls_they_belong_to(host):
    assert pasted_controls(host, "txt2img", {"Tier A": "in snow"}) == {"0.0": True, "0.1": "in snow"}
    assert pasted_controls(host, "txt2img", {}) == {"0.0": False}


def test_what_a_script_claims_is_not_unknown(host):
    found = {"tab": "txt2img", "unknown": {"Tier A": "x", "Other": "y"}}
    assert with_script_controls(host, found, {"Tier A": "x"})["unknown"] == {"Other": "y"}
    assert claimed_keys(host, "txt2img") == {"Tier A"}
    assert with_script_controls(host, {"tab": "extras"}, {}) == {"tab": "extras"}


def test_listeners_change_the_data_before_anybody_reads_them(host):
    with host._inside("tier-a"):
        host.listen("infotext_pasted", lambda text, values: values.update({"Steps": text}))
    assert told_of_paste(host, "7", {"Steps": "5"}) == {"Steps": "7"}


@pytest.mark.parametrize(("began", "pasted", "shown"), [
    (False, "True", True), (True, "False", False), (0, "3", 3), (0.5, "0.25", 0.25), (1, "2.5", 2.5), (1, "many", None),
    (1, "inf", None), ("", 5, "5"), (None, "as it is", "as it is"), (True, None, None), ("a", ["b"], ["b"]),
    (1, {"visible": True, "__type__": "update"}, {"visible": True, "__type__": "update"}),
])
def test_a_value_has_the_type_that_its_control_begins_with(began, pasted, shown):
    found = control_value(SimpleNamespace(value=began), pasted)
    assert found == shown and type(found) is type(shown)
