"""The form derives from the declared fields: one control each, A1111's ids, and a request back."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from modules.base.errors import Invalid
from modules.base.fields import declared, form_defaults
from modules.params.txt2img import Txt2Img
from modules.ui.form import Form
from modules.ui.look import embedded
from modules.ui.words import Words

LISTS = defaultdict(lambda: list, samplers=lambda: ["Euler", "DPM++ 2M"], schedules=lambda: ["Automatic"])      # the others are empty


@pytest.fixture
def form() -> Form[Txt2Img]:
    return Form(Txt2Img, "txt2img", LISTS, Words({"Seed": "种子"}))


def values(**changed: object) -> list[object]:
    """What a browser sends: the form's defaults, some of them changed."""
    return list((form_defaults(Txt2Img) | changed).values())


def test_every_declared_field_has_a_control(form):
    assert form.names == list(declared(Txt2Img))


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


def test_the_largest_seed_survives_the_browser(form):
    """A browser's numbers are exact to 2**53 only, so seeds travel as text."""
    assert form.read(values(seed=str(2**64 - 1))).seed == 2**64 - 1


def test_untouched_controls_give_the_forms_defaults(form):
    request = form.read(values())
    assert {name: getattr(request, name) for name in form.names} == form_defaults(Txt2Img)


@pytest.mark.parametrize("changed, message", [
    ({"seed": "twelve"}, "种子 cannot be 'twelve'."),
    ({"steps": None}, "Sampling steps is empty."),
    ({"width": 4096}, "Width cannot be '4096'."),
], ids=str)
def test_a_bad_value_is_refused_under_its_label(form, changed, message):
    with pytest.raises(Invalid, match="^" + message.replace(".", r"\.")):
        form.read(values(**changed))


def test_embedded_facts_cannot_end_their_script_element():
    facts = {"title": "</script><script>alert(1)</script>"}
    assert "<" not in embedded(facts)
    assert json.loads(embedded(facts)) == facts


def test_a_table_of_words_that_is_none_is_refused(tmp_path):
    path = tmp_path / "zh-CN.json"
    path.write_text("[]")
    with pytest.raises(Invalid, match="zh-CN.json"):
        Words.read(path)


def test_a_value_beyond_a_limit_is_refused_in_our_words(form):
    with pytest.raises(Invalid) as refused:
        form.read(values(width=4000))
    assert (str(refused.value), refused.value.hint) == ("Width cannot be '4000'.", "At most 2048 is possible here.")
