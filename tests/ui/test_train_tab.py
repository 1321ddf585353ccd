"""The Train tab's form: every field of a training is in it once, typed as the request takes it."""

from __future__ import annotations

import json

from modules.base.fields import checker, declared_params
from modules.params.training import Training
from modules.params.training_files.reading import read_config_text
from modules.params.training_methods import TRAINING_METHODS
from modules.requests.training_fields import APART, training_fields
from modules.requests.training_plan import plan_of_draft
from modules.ui.tabs.train import TRAIN_FIELDS, TRAINING_BUTTONS, training_controls
from modules.ui.words import Words


def test_every_field_is_in_one_group():
    names = [each["name"] for group in training_fields()["groups"] for each in group["fields"]]
    assert sorted(names) == sorted(set(declared_params(Training)) - APART)


def test_values_as_the_form_types_them_are_taken_by_the_request():
    typed = {"bool": True, "numbers": [1, 2], "words": ["1"], "number": 1}
    for group in training_fields()["groups"]:
        for each in group["fields"]:
            value = typed.get(each["kind"], each["usual"] if each["kind"] == "text" else each.get("of"))
            value = value[-1] if isinstance(value, tuple) else value
            if value == "checkpoints":
                continue
            value = max(each.get("low") or 0, value) if each["kind"] == "number" else value
            assert getattr(checker(Training).validate_python({each["name"]: value}), each["name"]) is not None or value is None


def test_the_methods_are_those_that_can_be_trained():
    assert [each["name"] for each in training_fields()["methods"]] == list(TRAINING_METHODS)


def test_a1111s_sub_tabs_have_its_ids_labels_and_values():
    controls = training_controls(Words())
    found = {each.elem_id: (each.label, each.value) for each in controls.values()}
    assert found["train_embedding_learn_rate"] == ("Embedding Learning rate", "0.005")
    assert found["train_new_hypernetwork_layer_structure"] == ("Enter hypernetwork layer structure", "1, 2, 1")
    assert found["train_steps"] == ("Max steps", 100_000) and "use_weight" in found
    assert {button for buttons in TRAINING_BUTTONS.values() for button, *_ in buttons} == {
        "train_create_embedding", "train_create_hypernetwork", "train_train_embedding", "train_train_hypernetwork",
        "train_interrupt_training",
    }


def test_a1111s_fields_are_translated_into_a_plan():
    """As the page sends them, in the form of A1111's saved settings."""
    values = {name: value for name, (_, value) in TRAIN_FIELDS.items() if name not in ("embedding", "hypernetwork")}
    settings = values | {"learn_rate": "0.005:100, 1e-3", "data_root": "pictures", "embedding_name": "zorb", "varsize": True}
    plan = plan_of_draft(read_config_text(json.dumps(settings), "settings.json")).plan
    assert (plan.method, plan.token_string, plan.learning_rate) == ("textual-inversion", "zorb", "0.005:100, 1e-3")
    assert (plan.max_train_steps, plan.resolution, plan.clip_grad_mode) == (100_000, "512,512", "disabled")
    assert (plan.train_data_dir, plan.save_every_n_steps, plan.sample_every_n_steps) == ("pictures", 500, 500)
