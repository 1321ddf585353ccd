from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules import infotext_utils
from modules.params import infotext
from modules.params.infotext import (
    ordered,
    parse_infotext,
    parse_version,
    quote,
    split_infotext,
    unquote,
    write_infotext,
)
from modules.prompts.grammar import emphasised

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "prompt_cases.json").read_text("utf-8"))
WRITTEN = [
    pytest.param(text, id=f"{path.parent.parent.name}/{path.parent.name}-{i}")
    for path in sorted((GOLDEN / "images").glob("*/*/result.json"))
    for i, text in enumerate(json.loads(path.read_text("utf-8")).get("infotexts", []))
    if path.parent.parent.name != "xyz"      # whose cells have their keys in the order of the cells before them
]

keys = st.from_regex(r"[A-Za-z][\w /-]{1,20}", fullmatch=True).map(str.strip).filter(lambda key: len(key) > 1)
values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n")).map(str.strip)
texts = st.lists(lines.filter(lambda line: line and not line.startswith("Negative prompt:")), max_size=4).map("\n".join)


def golden(fn):
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES if case["fn"] == fn])


@golden("parse_generation_parameters")
def test_generation_data_is_pasted_as_in_a1111(case):
    assert infotext_utils.parse_generation_parameters(case["input"]["text"]) == case["output"]


@golden("infotext.quote")
def test_values_are_quoted_as_in_a1111(case):
    assert quote(**case["input"]) == case["output"]


@golden("infotext.unquote")
def test_values_are_unquoted_as_in_a1111(case):
    assert unquote(**case["input"]) == case["output"]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_a1111_wrote_is_written_again_letter_by_letter(text):
    found = split_infotext(text)
    assert write_infotext(found.prompt, found.negative_prompt, ordered(found.pairs)) == text


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(infotext).failed == 0


@pytest.mark.slow
@given(texts, texts, st.dictionaries(keys, values, min_size=3))
def test_prompts_and_pairs_survive_writing_and_reading(prompt, negative, pairs):
    """All but values that look quoted already, which the format cannot tell from those that are."""
    pairs = {key: value for key, value in pairs.items() if not value.startswith('"') or quote(value) != value}
    if len(pairs) < 3:
        return
    found = split_infotext(write_infotext(prompt, negative, pairs))
    assert (found.prompt, found.negative_prompt, found.pairs) == (prompt, negative, pairs)


@pytest.mark.slow
@given(st.text())
def test_any_text_can_be_pasted(text):
    assert {"Prompt", "Negative prompt", "RNG"} <= parse_infotext(text, emphasised).keys()


@given(values)
def test_quoting_is_undone(value):
    assert unquote(quote(value)) == value or value.startswith('"')


def test_none_is_not_written():
    assert write_infotext("a", "", {"Steps": 1, "Tiling": None, "Note": "a, b"}) == 'a\nSteps: 1, Note: "a, b"'


def test_pairs_a1111_does_not_know_go_before_its_version():
    assert list(ordered({"Version": "v1", "Mine": 1, "Yours": 2, "Steps": 3})) == ["Steps", "Mine", "Yours", "Version"]


def test_fields_can_be_skipped():
    values = infotext_utils.parse_generation_parameters("a\nSteps: 1, Sampler: Euler, Seed: 2", skip_fields=["Seed"])
    assert values["Steps"] == "1"
    assert "Seed" not in values


@pytest.mark.parametrize("size", ["Size: 0x0", "Size: " + "9" * 5000 + "x1", "Size-1: wide"])
def test_a_first_pass_of_an_absurd_picture_is_still_read(size):
    assert parse_infotext(f"a\nSteps: 1, First pass size: 0x0, {size}, Seed: 1", emphasised)["Steps"] == "1"


def test_versions_are_ordered_by_release_and_then_by_commits():
    texts = [
        "v1.5.2",
        "1.6.0-RC",
        "v1.6.0",
        "v1.6.0-2-gabc",
        "v1.7.0",
        "v1.7.0-224-gabc",
        "v1.7.0-225-gabc",
        "1.7.1",
        "v1.10.1",
    ]
    versions = [parse_version(text) for text in texts]
    assert versions == sorted(versions)
    assert len(set(versions)) == len(texts)


@pytest.mark.parametrize("text", ["", "f2.0.1v1.10.1-previous-1-gabc", "neo", "v1.10.1-amd-37-gabc"])
def test_other_programs_versions_are_none_of_a1111s(text):
    assert parse_version(text) is None


@pytest.mark.parametrize(
    "hard", ["a", "a ", "ab:", 'ab:"', 'ab:"\\,', "\n", "\t", "Negative prompt:\n", 'ab: \\",', "-/ "]
)
def test_the_longest_text_is_read_whatever_is_in_it(hard):
    text = hard * (100_000 // len(hard))
    assert (
        split_infotext(text).prompt + split_infotext(text).negative_prompt + "".join(split_infotext(text).pairs)
        is not None
    )
