"""Extension modules have gradio 3's habits on gradio 6; nobody else's gradio is changed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio
import numpy as np
import pytest

from modules.plugins.gradio3 import UNSEEN, adopt, default_value, gradio_module, keep_unseen_layouts
from modules.plugins.host import Host
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

SCRIPT = '''
import gradio as gr
import gradio.components
from gradio import Button as Knopf

class ToolButton(gr.Button):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, elem_classes=["tool"], **kwargs)

    def get_block_name(self):
        return "button"

def late():
    from gradio import Box
    return Box

VERSION = gr.__version__
with gr.Blocks(css=".a { color: red }", analytics_enabled=False) as page:
    with gr.Box():
        text = gr.Textbox("begin", label="Text", tooltip="a hint", elemn_id="misspelt").style(container=False)
        tool = ToolButton("x", elem_id="tool")
        image = gr.Image(source="upload", type="pil", label="Picture")
        sketch = gr.Image(tool="sketch", source="upload", type="numpy", brush_radius=4)
        choice = gr.Dropdown(["a", "b"], label="Choice")
        outbox = gr.Textbox(visible=False, elem_id="outbox")
        state = gr.Variable(3)
    tool.click(fn=None, _js="() => 'pressed'", inputs=[], outputs=[text]).then(
        fn=lambda: gr.Dropdown.update(choices=["c"], value="c", label=None), _js="(x) => x", outputs=[choice],
        show_progress=False,
    )
    page.load(fn=None, _js="onLoad")
    page.load(fn=None, _js="Page.onLoad")
'''


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The script, loaded as an extension's."""
    data = tmp_path_factory.mktemp("data")
    script = data / "extensions" / "old" / "scripts" / "old_habits.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    host = Host(data / "extensions")
    before = dict(vars(gradio))
    host.load(SimpleNamespace(flags=Flags(data_dir=data), settings=SettingsFile(data / "config.json")))
    assert host.extensions[0].why == ""
    assert dict(vars(gradio)) == before
    yield sys.modules["easel_extensions.old.old_habits"]
    host.unload()


def configured(module: Any, elem: Any) -> dict[str, Any]:
    components = module.page.get_config_file()["components"]
    return next(each for each in components if each["id"] == elem._id)


def test_extensions_see_version_3_and_others_their_own(module):
    assert module.VERSION == "3.41.2"
    assert gradio.__version__.startswith("6.")
    assert not hasattr(gradio, "Box")
    assert module.late().__name__ == "Group"


def test_components_are_known_to_the_page_with_all_their_properties(module):
    text = configured(module, module.text)
    assert (text["type"], text["props"]["label"], text["props"]["value"]) == ("textbox", "Text", "begin")
    assert text["props"]["container"] is False
    tool = configured(module, module.tool)
    assert (tool["type"], tool["props"]["value"], tool["props"]["elem_classes"]) == ("button", "x", ["tool"])
    assert configured(module, module.image)["props"]["sources"] == ["upload"]


def test_each_block_has_the_name_that_the_page_knows(module):
    for name, known in (("Tab", "tabitem"), ("TabItem", "tabitem"), ("Tabs", "tabs"), ("Row", "row")):
        with gradio.Blocks(), getattr(module.gr, name)() as block:
            assert block.get_block_name() == known


def test_javascript_of_events_and_their_chains_is_taken(module):
    dependencies = module.page.get_config_file()["dependencies"]
    assert [each["js"] for each in dependencies] == ["() => 'pressed'", "(x) => x", "onLoad", "(...given) => Page.onLoad(...given)"]
    assert dependencies[1]["show_progress"] == "hidden"


def test_updates_leave_out_what_is_none_but_a_value():
    dropdown = gradio_module("gradio").Dropdown
    assert dropdown.update(choices=["c"], label=None) == {"choices": ["c"], "__type__": "update"}
    assert dropdown.update(value=None) == {"value": None, "__type__": "update"}


def test_a_component_that_is_not_visible_is_in_the_page_all_the_same(module):
    assert configured(module, module.outbox)["props"]["visible"] == "hidden"
    with gradio.Blocks():
        assert gradio.Textbox(visible=False).visible is False


def test_what_stands_in_a_layout_that_nothing_shows_is_in_the_page_all_the_same():
    three = gradio_module("gradio")
    with gradio.Blocks() as page:
        with three.Row(visible=False, elem_classes=["own"]) as drawer:
            three.Textbox("within")
        with three.Row(visible=False) as shown:
            three.Textbox("within")
        with three.Tabs(), three.Tab("one", visible=False) as tab:
            three.Textbox("within")
        with gradio.Row(visible=False) as ours:
            gradio.Textbox("within")
        three.Button("show").click(lambda: three.Row.update(visible=True), outputs=[shown])
    keep_unseen_layouts(page)
    assert drawer.visible == "hidden" and drawer.elem_classes == ["own", UNSEEN]
    assert shown.visible is tab.visible is ours.visible is False


def test_an_update_hides_as_a_constructor_does(module):
    from gradio.blocks import postprocess_update_dict

    update = gradio_module("gradio").Textbox.update(visible=False)
    changed = type(module.outbox)(**{**module.outbox.constructor_args, "visible": False, "render": False})
    assert postprocess_update_dict(changed, dict(update))["visible"] == "hidden"


def test_a_sketch_is_a_picture_and_a_mask(module):
    assert configured(module, module.sketch)["type"] == "imageeditor"
    ground = np.zeros((2, 2, 3), np.uint8)
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[0, 1] = (9, 9, 9, 200)
    from modules.plugins.gradio3 import painted

    assert painted({"background": ground, "layers": [layer]})[..., 0].tolist() == [[0, 255], [0, 0]]


def test_classes_go_both_ways(module):
    three = gradio_module("gradio")
    assert isinstance(module.tool, gradio.Button) and isinstance(module.tool, three.Button)
    ours = gradio.Textbox("ours", render=False)
    assert isinstance(ours, three.Textbox)
    name, config = ours.get_block_name(), ours.get_config()
    adopted = adopt(ours)
    assert adopted is ours and type(ours) is three.Textbox
    assert (ours.get_block_name(), ours.get_config()) == (name, config)
    assert ours.change.event_name == "change" and ours.change.__self__ is ours


def test_a_dropdown_has_no_value_until_one_is_chosen(module):
    assert default_value(module.choice) is None
    assert default_value(module.text) == "begin"
    assert default_value(module.image) is None


def test_nothing_is_written_beside_a_class(module):
    assert not list(Path(gradio.__file__).parent.glob("components/*old_habits*"))
    assert not list(Path(module.__file__).parent.glob("*.pyi"))
