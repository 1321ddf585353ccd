"""The chosen script's controls become its arguments, in A1111's order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import gradio as gr
import pytest

from modules.base.errors import Invalid
from modules.base.fields import declared_params
from modules.params.img2img import FILLS, Img2Img
from modules.params.known_names import KnownNames
from modules.params.scripts import SCRIPTS, PromptsFromFile, Script, resolve_script
from modules.params.txt2img import Txt2Img
from modules.requests.form import with_script
from modules.requests.kinds import JOB_KINDS
from modules.requests.read_fields import read_fields
from modules.ui.page import argument_ids
from modules.ui.tabs import scripts
from modules.ui.tabs.scripts import ScriptedForm
from modules.ui.words import Words

LISTS = defaultdict(
    lambda: list, samplers=lambda: ["Euler", "DPM++ 2M"], schedules=lambda: ["Automatic"], fills=lambda: FILLS
)
WORDS = Words({"Loops": "循环", "Script": "脚本", "None": "无"})


@pytest.fixture(scope="module")
def forms() -> dict[str, ScriptedForm]:
    return {
        "txt2img": ScriptedForm(Txt2Img, "txt2img", LISTS, WORDS),
        "img2img": ScriptedForm(Img2Img, "img2img", LISTS, WORDS),
    }


@pytest.fixture
def read(forms) -> Callable[..., Txt2Img]:
    """The request of a form whose defaults are changed by names, as the page posts it."""
    def reading(kind: str, script: str, **changed: object) -> Txt2Img:
        form = forms[kind]
        values = form.defaults | changed
        arguments = {name: values[each] for name, each in argument_ids(form.scripts)[script].items()}
        plain = {name: values[name] for name in declared_params(JOB_KINDS[kind].request) if name in values}
        return with_script(JOB_KINDS[kind], read_fields(JOB_KINDS[kind].request, plain), script, arguments)

    return reading


def choices(form: ScriptedForm) -> list[str]:
    return [name for name, _ in form.components["script_name"].choices]


def test_a_tab_offers_the_scripts_that_are_for_it(forms):
    assert choices(forms["txt2img"]) == ["无", "Prompts from file or textbox", "X/Y/Z plot"]
    assert choices(forms["img2img"]) == ["无", *(script.name for script in SCRIPTS)]


def test_every_script_says_what_it_does():
    assert all(script.help.endswith(".") for script in SCRIPTS)


@pytest.mark.slow
def test_a_row_of_the_registry_alone_puts_a_script_on_the_page():
    more = Script("A new one", PromptsFromFile, ("txt2img",), "Does something new.")
    with gr.Blocks():
        form = ScriptedForm(Txt2Img, "txt2img", LISTS, Words(), scripts=(*SCRIPTS, more))
        scripts.build(form, Words())
    assert "A new one" in choices(form)


def test_a_row_without_a_word_of_help_cannot_be_written():
    with pytest.raises(TypeError, match="help"):
        Script("A new one", PromptsFromFile, ("txt2img",))


def test_labels_go_through_the_table_of_words(forms):
    assert forms["img2img"].components["script_loopback_loops"].label == "循环"
    assert forms["img2img"].components["script_name"].label == "脚本"


def test_controls_have_a1111s_ids(forms):
    assert forms["img2img"].components.keys() >= {
        "script_sd_upscale_overlap",
        "script_sd_upscale_upscaler_index",
        "script_sd_upscale_scale_factor",
        "script_loopback_loops",
        "script_outpainting_mk2_noise_q",
        "script_poor_mans_outpainting_direction",
        "script_img2img_prompts_from_file_or_textbox_checkbox_iterate",
        "script_img2img_alternative_test_sigma_adjustment",
    }


def test_explanations_and_what_leaves_no_choice_are_not_shown(forms):
    controls = forms["img2img"].components
    assert "script_sd_upscale_note" not in controls
    assert not controls["script_loopback_append_interrogation"].visible


@pytest.mark.parametrize("script", list(SCRIPTS), ids=lambda script: script.name)
def test_untouched_controls_are_the_scripts_defaults(read, script):
    own = {"script_img2img_prompts_from_file_or_textbox_prompt_txt": "a cat"}
    shown = read("img2img", script.name, seed="1", **own)
    bare = Img2Img(
        script_name=script.name,
        script_args=(False, False, "start", "a cat") if "Prompts" in script.name else (),
        seed=1,
    )
    settled = [resolve_script(each, "img2img", KnownNames()).script_args for each in (shown, bare)]
    assert settled[0] == settled[1]


def test_arguments_come_in_a1111s_order(read):
    request = read("img2img", "SD upscale", script_sd_upscale_overlap=32, script_sd_upscale_upscaler_index="Lanczos")
    assert request.script_args == ("", 32, "Lanczos", 2.0)


@pytest.mark.parametrize("changed, message", [
    ({"script_loopback_loops": 99}, "Loops cannot be '99'."),
    ({"script_loopback_loops": None}, "Loops is empty."),
    ({"script_loopback_denoising_strength_curve": "Wild"}, "Denoising strength curve cannot be 'Wild'."),
], ids=str)
def test_a_bad_argument_is_refused_under_its_label(read, changed, message):
    with pytest.raises(Invalid, match="^" + message.replace(".", r"\.")):
        read("img2img", "Loopback", **changed)


def test_arguments_of_other_scripts_do_not_matter(read):
    request = read("img2img", "SD upscale", script_loopback_loops=None)
    assert request.script_name == "SD upscale"
