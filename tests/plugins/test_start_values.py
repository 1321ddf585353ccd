"""What ui-config.json says holds for the page's own controls and for those of extensions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gradio as gr

from modules.commands.assemble import assemble
from modules.plugins.scripts import LoadedScript
from modules.requests.model_choice import form_start
from modules.settings.flags import Flags
from modules.settings.ui_config import UiConfig

TIER_A = Path(__file__).parent / "extensions/tier-a"
TOLD = {"txt2img/Sampling steps/value": 33, "customscript/tier_a.py/txt2img/Words/value": "in fog"}


class TwoOfOneLabel:
    """A script two of whose controls have one label; the second is not visible."""

    filename, is_img2img, controls = "twice.py", False, ()

    def ui(self, is_img2img):
        return [gr.Slider(0, 64, 8, label="Blur"), gr.Slider(0, 64, 4, label="Blur", visible="hidden"), gr.HTML("x")]


def test_of_two_controls_with_one_label_the_first_has_what_the_file_says(tmp_path):
    path = tmp_path / "ui-config.json"
    for begins in (8, 8, 5):
        with gr.Blocks():
            first, second, _ = LoadedScript(TwoOfOneLabel(), "", "txt2img", "", True).draw(config := UiConfig(path))
        assert (first.value, first.visible) == (begins, True) and (second.value, second.visible) == (4, "hidden")
        config.write()
        if config.told:
            key = "customscript/twice.py/txt2img/Blur/value"
            path.write_text(json.dumps(config.told | {key: 5}))


def test_fields_and_controls_of_scripts_begin_with_it_and_what_it_lacks_is_added(tmp_path):
    shutil.copytree(TIER_A, tmp_path / "extensions/tier-a")
    path = tmp_path / "ui-config.json"
    path.write_text(json.dumps(TOLD))
    app = assemble(Flags(data_dir=tmp_path))
    app.extensions.load(app)
    assert form_start(app, None)["defaults"]["txt2img"]["steps"] == 33
    script = next(each for each in app.extensions.scripts("txt2img") if each.title == "Tier A")
    with gr.Blocks():
        script.draw(app.extensions.ui_config)
    assert script.defaults[1] == "in fog"
    app.extensions.ui_config.write()
    written = json.loads(path.read_text())
    assert written | TOLD == written
    assert written["customscript/tier_a.py/txt2img/Enabled/value"] is False
    assert written["img2img/Denoising strength/value"] == 0.75
