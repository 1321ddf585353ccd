"""Errors name the thing and say what to do, to people and programs alike."""

from __future__ import annotations

import pytest

from modules.base import errors
from modules.base.errors import Invalid, ModelCorrupt, UnknownName, WebUIError, error_data, sentence


def kinds(cls=WebUIError):
    return [cls, *(found for sub in cls.__subclasses__() for found in kinds(sub))]


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds() if kind.__module__ == errors.__name__], ids=lambda kind: kind.__name__
)
def test_every_error_has_a_word_and_a_status(kind):
    assert kind.code == kind.code.lower() and 400 <= kind.status < 600
    assert kind.__name__ in errors.__doc__


def test_an_unknown_name_suggests_the_nearest():
    error = UnknownName("sampler", "Oiler", ["Heun", "Euler"])
    assert "'Oiler'" in str(error) and "'Euler'" in error.hint


def test_without_a_near_one_all_are_listed():
    assert UnknownName("sampler", "x", ["Heun", "Euler"]).hint == "There are: Euler, Heun."
    assert UnknownName("job", "x", []).hint == "There are: none."


def test_a_missing_checkpoint_has_a_code_of_its_own():
    assert (UnknownName("checkpoint", "x", []).code, UnknownName("sampler", "x", []).code) == (
        "model_not_found",
        "not_found",
    )


def test_an_error_of_ours_is_told_whole():
    error = ModelCorrupt("a.safetensors ends too early.", "Download it again.")
    assert error_data(error) == {
        "error": "model_corrupt",
        "status": 422,
        "message": "a.safetensors ends too early.",
        "hint": "Download it again.",
    }
    assert sentence(error) == "a.safetensors ends too early. Download it again."


def test_any_other_error_is_told_by_its_kind_alone():
    told = error_data(RuntimeError("/home/alice/secret"))
    assert told["error"] == "failed" and "RuntimeError" in told["message"] and "secret" not in str(told)


def test_a_sentence_without_a_hint_has_no_loose_end():
    assert sentence(Invalid("No.")) == "No."
