"""Components are announced to extensions in A1111's order, and their scripts' controls stand in the form."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from modules.plugins.host import ExtensionState, Host
from modules.plugins.manifest import Extension
from modules.plugins.scripts import LoadedScript
from modules.surface.scripts import Script
from modules.ui import page as page_module
from modules.ui.placing import ExtendedPlacing, Placing


class Watching(Script):
    """Notes what it is told, and draws a button after the prompt."""

    def __init__(self, told):
        self.told = told

    def before_component(self, component, **kwargs):
        self.told.append(("script before", kwargs["elem_id"]))

    def after_component(self, component, **kwargs):
        self.told.append(("script after", kwargs["elem_id"], kwargs["label"]))
        if component.elem_id == "txt2img_prompt":
            gr.Button("more", elem_id="drawn_after_prompt")

    def ui(self, is_img2img):
        return [gr.Slider(0, 1, label="Amount"), gr.Checkbox(label="On"), gr.State(3)]


class Failing(Script):
    def after_component(self, component, **kwargs):
        gr.Button("half-made", elem_id="half_made").click(lambda: None)
        raise ValueError("no such thing")

    def ui(self, is_img2img):
        with gr.Row():
            gr.Slider(elem_id="half_made")
            raise KeyError("a control")


def host_with(*scripts: Script) -> Host:
    host = Host(Path("extensions"))
    host.extensions = [ExtensionState(Extension(Path("extensions") / type(each).__name__)) for each in scripts]
    host._scripts["txt2img"] = [
        LoadedScript(each, type(each).__name__, "txt2img", type(each).__name__, True) for each in scripts
    ]
    return host


@pytest.fixture
def told():
    return []


def drawn(page: gr.Blocks) -> list[str]:
    return [block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)]


def prompt() -> gr.Textbox:
    return gr.Textbox(label="Prompt", elem_id="txt2img_prompt", render=False)


def test_scripts_are_told_before_and_after_with_the_arguments(told):
    host = host_with(script := Watching(told))
    script.on_before_component(lambda each: told.append(("own before", each.component.elem_id)), elem_id="txt2img_prompt")
    with host._inside("Watching"):
        host.listen("before_component", lambda component, **kwargs: told.append(("callback before", kwargs["elem_id"])))
        host.listen("after_component", lambda component, **kwargs: told.append(("callback after", kwargs["elem_id"])))
    with gr.Blocks() as page:
        ExtendedPlacing(host, "txt2img").place(prompt())
    assert told == [
        ("own before", "txt2img_prompt"), ("script before", "txt2img_prompt"), ("callback before", "txt2img_prompt"),
        ("callback after", "txt2img_prompt"), ("script after", "txt2img_prompt", "Prompt"),
    ]
    assert drawn(page) == ["txt2img_prompt", "drawn_after_prompt"]


def test_controls_stand_in_the_page_and_are_known_by_name(told):
    placing = ExtendedPlacing(host_with(Watching(told)), "txt2img")
    with gr.Blocks():
        placing.always_on()
    assert [type(each).__name__ for each in placing.controls().values()] == ["Slider", "Checkbox"]
    assert placing.facts() == [{"title": "Watching", "always_on": True, "controls": ["0.0", "0.1", "0.2"]}]


def test_a_script_stands_in_its_section_and_nowhere_else(told):
    (script := Watching(told)).section = "seed"
    placing = ExtendedPlacing(host_with(script), "txt2img")
    with gr.Blocks() as page:
        placing.section("sampler")
        assert not drawn_sliders(page)
        placing.section("seed")
        placing.always_on()
    assert drawn_sliders(page) == ["Amount"]


def drawn_sliders(page: gr.Blocks) -> list[str]:
    return [block.label for block in page.blocks.values() if block.get_block_name() == "slider"]


def test_a_script_that_cannot_draw_leaves_a_line_and_nothing_else(told):
    host = host_with(Failing(), Watching(told))
    placing = ExtendedPlacing(host, "txt2img")
    with gr.Blocks() as page:
        placing.always_on()
        placing.place(prompt())
    assert "half_made" not in drawn(page) and not page.fns
    [line] = [block.value for block in page.blocks.values() if block.get_block_name() == "html"]
    assert "Failing failed in ui" in line and "a control" in line
    assert drawn_sliders(page) == ["Amount"]


def test_three_failures_in_a_row_switch_an_extension_off():
    host = host_with(Failing())
    placing = ExtendedPlacing(host, "txt2img")
    with gr.Blocks() as page:
        for name in "abcd":
            placing.place(gr.Textbox(elem_id=name, render=False))
    assert drawn(page) == list("abcd")
    assert host.state_of("Failing").why


def test_a_page_without_extensions_only_renders():
    with gr.Blocks() as page:
        placing = Placing()
        placing.section("seed")
        placing.always_on()
        placing.place(prompt())
    assert drawn(page) == ["txt2img_prompt"] and not placing.controls() and not placing.selectable()


class Appending(Script):
    """Puts a component into the page that was never rendered."""

    def ui(self, is_img2img):
        with gr.Row() as row:
            gr.Slider(elem_id="half_made")
        row.children.append(gr.Checkbox(label="Loose", render=False))
        return []


class Returning(Script):
    """Returns a component that it never renders, beside one that it does."""

    def ui(self, is_img2img):
        loose = gr.Checkbox(label="Loose", render=False)
        shown = gr.Slider(0, 1, label="Amount")
        shown.change(lambda each: None, inputs=loose)
        return [loose, shown]


def test_a_component_that_gradio_cannot_place_is_taken_out_with_all_of_its_script(told):
    host = host_with(Appending(), Watching(told))
    with gr.Blocks() as page:
        ExtendedPlacing(host, "txt2img").always_on()
    assert "half_made" not in drawn(page) and drawn_sliders(page) == ["Amount"]
    assert "Checkbox 'Loose'" in host.state_of("Appending").told[0] and not host.state_of("Watching").told


def test_a_returned_control_that_is_not_in_the_page_is_told_and_left_out():
    host = host_with(Returning())
    placing = ExtendedPlacing(host, "txt2img")
    with gr.Blocks():
        placing.always_on()
        assert list(placing.controls()) == ["0.1"]
    assert "Checkbox 'Loose' was returned" in host.state_of("Returning").told[0]


def test_a_page_that_extensions_break_is_built_without_them(monkeypatch, caplog):
    host, made = host_with(Returning()), (gr.Blocks(), {})

    def built(app):
        if app.extensions.active:
            raise AttributeError("no page")
        return made

    monkeypatch.setattr(page_module, "build_whole", built)
    assert page_module.build(SimpleNamespace(extensions=host)) is made
    assert "no page" in host.state_of("Returning").why and "no page" in caplog.text


class FailingInBlocks(Script):
    """Raises within a Blocks of its own, where gradio forgets the page around it."""

    def ui(self, is_img2img):
        with gr.Blocks():
            gr.Slider(elem_id="half_made")
            raise KeyError("a control")


def test_an_error_within_blocks_of_its_own_leaves_the_page_around_it(told):
    with gr.Blocks() as page:
        ExtendedPlacing(host_with(FailingInBlocks(), Watching(told)), "txt2img").always_on()
    assert "half_made" not in drawn(page) and drawn_sliders(page) == ["Amount"]
