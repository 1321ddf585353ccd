"""The form derives from the declared fields: one control each, A1111's ids."""

from __future__ import annotations

import json
from collections import defaultdict

import gradio as gr
import pytest

from modules.base.fields import declared_params, form_defaults
from modules.params.txt2img import Txt2Img
from modules.requests.read_fields import read_fields
from modules.ui.description import embedded
from modules.ui.form import Form, TabFields
from modules.ui.tabs.merger import merger_forms
from modules.ui.words import Words

# the others are empty
LISTS = defaultdict(lambda: list, samplers=lambda: ["Euler", "DPM++ 2M"], schedules=lambda: ["Automatic"])


@pytest.fixture
def form() -> Form[Txt2Img]:
    return Form(Txt2Img, "txt2img", LISTS, Words({"Seed": "种子"}))


def test_every_declared_field_has_a_control(form):
    assert list(form.components) == list(declared_params(Txt2Img))


def test_the_controls_have_a1111s_ids(form):
    assert {c.elem_id for c in form.components.values()} >= {
        f"txt2img_{name}" for name in (
            "prompt", "neg_prompt", "sampling", "scheduler", "steps", "width", "height",
            "batch_count", "batch_size", "cfg_scale", "seed", "subseed", "subseed_strength",
        )
    }


def test_every_label_goes_through_the_table_of_words(form):
    assert form.components["seed"].label == "种子"
    assert form.components["width"].label == "Width"


def test_a_seed_is_text_since_a_browsers_numbers_are_exact_to_2_to_the_53_only(form):
    assert isinstance(form.components["seed"], gr.Textbox)
    assert read_fields(Txt2Img, form.defaults | {"seed": str(2**64 - 1)}).seed == 2**64 - 1


def test_untouched_controls_give_the_forms_defaults(form):
    request = read_fields(Txt2Img, form.defaults)
    assert {name: getattr(request, name) for name in form.components} == form_defaults(Txt2Img)


def test_what_the_scripts_fill_in_has_no_control_and_begins_as_said():
    form = Form(Txt2Img, "txt2img", LISTS, Words(), TabFields(held={"seed": 5, "more": []}))
    assert "seed" not in form.components and (form.defaults["seed"], form.defaults["more"]) == (5, [])


def test_embedded_facts_cannot_end_their_script_element():
    facts = {"title": "</script><script>alert(1)</script>"}
    assert "<" not in embedded(facts)
    assert json.loads(embedded(facts)) == facts


@pytest.mark.parametrize("kind", ["merge", "convert", "extract_lora"])
def test_the_mergers_forms_are_those_of_the_declared_requests(kind):
    form = merger_forms(LISTS, Words())[kind]
    assert set(declared_params(form.request)) <= set(form.components)
    assert all(control.elem_id.startswith("modelmerger_") for control in form.components.values())
    given = {
        name: value
        for name, value in form.defaults.items()
        if value is not None and name in declared_params(form.request)
    }
    assert read_fields(form.request, given) == form.request(
        **{name: value for name, value in form_defaults(form.request).items() if value is not None}
    )


def test_the_merger_has_a1111s_ids():
    ids = {control.elem_id for control in merger_forms(LISTS, Words())["merge"].components.values()}
    assert ids >= {
        f"modelmerger_{name}"
        for name in (
            "primary_model_name",
            "secondary_model_name",
            "tertiary_model_name",
            "custom_name",
            "interp_method",
            "interp_amount",
            "bake_in_vae",
            "discard_weights",
            "config_source",
            "copy_metadata",
            "add_merge_recipe",
        )
    }
