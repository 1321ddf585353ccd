"""The Train tab's form: every field of a training is in it once, typed as the request takes it."""

from __future__ import annotations

from modules.base.fields import checker, declared_params
from modules.params.training import Training
from modules.params.training_methods import TRAINING_METHODS
from modules.requests.training_fields import APART, training_fields


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
