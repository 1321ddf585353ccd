"""Regional prompts in generation data, and as other programs' requests have them."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from modules.params.couple_dialect import forge_couple_fields
from modules.params.infotext import parse_infotext, write_infotext
from modules.params.region_dialects import regional_prompter_fields
from modules.params.regions import Region, region_pairs, told_regions
from modules.prompts.grammar import emphasised


def places(fields):
    return [tuple(round(each[name], 3) for name in ("left", "top", "right", "bottom")) for each in fields["regions"]]


def prompts(fields):
    return fields["prompt"], [each["prompt"] for each in fields["regions"]]


def test_regions_come_back_from_their_text():
    regions = (Region(prompt='a "cat", (red:1.2)', right=0.5, feather=0.1), Region(mask="a" * 64 + ".png", weight=2.0))
    text = write_infotext("a room", "", {"Steps": 20, **dict(region_pairs(regions, "Latent", 0.3))})
    values, notes = parse_infotext(text, emphasised), []
    assert told_regions(str(values["Regions"]), notes) == tuple(asdict(each) for each in regions) and not notes
    assert (values["Region mode"], values["Region base ratio"]) == ("Latent", "0.3")
    assert not list(region_pairs((), "Latent", 0.3))


@pytest.mark.parametrize("text", ["no list", '{"a": 1}', '[{"left": 9}]', "[7]", "[" * 5000])
def test_what_is_no_region_is_told(text):
    notes = []
    assert told_regions(text, notes) == () and len(notes) == 1


def test_forge_couples_lines_are_columns_or_rows():
    given = {"prompt": "a room\na cat\na dog"}
    fields = forge_couple_fields(given, [True, "Basic", "", "Horizontal", "First Line", 0.25])
    assert prompts(fields) == ("a room", ["a cat", "a dog"]) and fields["region_base"] == pytest.approx(0.2)
    assert places(fields) == [(0, 0, 0.5, 1), (0.5, 0, 1, 1)]
    newer = forge_couple_fields(given, [True, False, "Basic", "", "Vertical", "None", 0.5])
    assert places(newer) == [(0, 0, 1, 0.333), (0, 0.333, 1, 0.667), (0, 0.667, 1, 1)] and newer["region_base"] == 0
    assert forge_couple_fields(given, [False]) == {} == forge_couple_fields(given, [])


def test_forge_couples_rectangles_are_two_of_x_then_two_of_y():
    mapping = [[0, 0.5, 0.25, 1, 1.5], [0.5, 1, 0, 1, 1]]
    fields = forge_couple_fields({"prompt": "a\nb"}, [True, "Advanced", "", "Horizontal", "None", 0.5, mapping])
    assert places(fields) == [(0, 0.25, 0.5, 1), (0.5, 0, 1, 1)] and fields["regions"][0]["weight"] == 1.5
    with pytest.raises(ValueError, match="2 rectangles for 1 lines"):
        forge_couple_fields({"prompt": "a"}, [True, "Advanced", "", "Horizontal", "None", 0.5, mapping])


def coupled(mode, mapping, prompt="a\nb", background="None", weight=0.5, *more):
    """As version 4 sends it."""
    args = [True, False, mode, "", "Horizontal", background, weight, mapping, *(more or ("off", False, True))]
    return forge_couple_fields({"prompt": prompt}, args)


def test_in_advanced_mode_each_line_has_its_rectangle_whatever_the_background():
    mapping = [[0, 0.5, 0, 1, 1], [0.5, 1, 0, 1]]
    fields = coupled("Advanced", mapping, background="First Line")
    assert prompts(fields) == ("", ["a", "b"]) and places(fields) == [(0, 0, 0.5, 1), (0.5, 0, 1, 1)]
    assert [each["weight"] for each in fields["regions"]] == [1, 1] and fields["region_base"] == 0


def test_in_mask_mode_each_line_has_its_mask():
    masks = [{"mask": "AA", "weight": 1.5}, {"mask": "BB"}]
    fields = coupled("Mask", masks, "a\nb\na room", "Last Line", 1.0)
    assert fields["regions"] == [
        {"prompt": "a", "mask": "AA", "weight": 1.5}, {"prompt": "b", "mask": "BB", "weight": 1.0},
    ]
    assert (fields["prompt"], fields["region_base"]) == ("a room", 0.5)
    with pytest.raises(ValueError, match="2 masks for 3 lines"):
        coupled("Mask", masks, "a\nb\nc")


@pytest.mark.parametrize("row", [
    None, {}, {"x": 1}, 7, "0,1,0,1", [0, 1, 0], [0, 1, 0, None, 1], [0, 1, 0, 1, "x"], [0, 1, 0, 1, True],
    [0, 1, 0, 1, 10**400], [0, 1, 0, float("nan"), 1], [[0], 1, 0, 1, 1],
])
def test_a_row_that_is_no_rectangle_is_refused_in_words(row):
    with pytest.raises(ValueError, match=r"mapping cannot have .* in place 1. Send \[x1, x2, y1, y2, weight\]"):
        coupled("Advanced", [[0, 0.5, 0, 1, 1], row])


@pytest.mark.parametrize("row", [None, [], 7, "AA", {"weight": 1}, {"mask": ""}, {"mask": "AA", "weight": None}])
def test_a_row_that_is_no_mask_is_refused_in_words(row):
    with pytest.raises(ValueError, match=r"mapping cannot have .* in place 1. Send \{.mask.: a picture"):
        coupled("Mask", [{"mask": "AA"}, row])


@pytest.mark.parametrize("weight", [-1, -0.1, float("inf"), float("nan"), 10**400])
def test_a_background_weighs_nothing_or_more(weight):
    with pytest.raises(ValueError, match="background weight cannot be"):
        coupled("Basic", None, "a room\na\nb", "First Line", weight)
    assert coupled("Basic", None, "a\nb", "None", weight)["region_base"] == 0


def test_common_prompts_are_refused_where_a_prompt_has_them():
    for form, prompt in (("{ }", "{x: red} cat\n{x} dog"), ("< >", "<x: red> cat\n<x> dog")):
        with pytest.raises(ValueError, match="common prompts .* Write them out"):
            coupled("Basic", [], prompt, "None", 0.5, form, False, True)
        assert prompts(coupled("Basic", [], prompt))[1] == prompt.split("\n")
        assert len(coupled("Basic", [], "a <lora:x:1>\nb", "None", 0.5, form, False, True)["regions"]) == 2


def test_regional_prompters_breaks_are_a_matrix():
    args = [True, False, "Matrix", "Columns", "Mask", "Prompt", "1,3", "0.4", True, True, False, "Latent"]
    fields = regional_prompter_fields({"prompt": "best BREAK a room BREAK a cat BREAK a dog"}, args)
    assert prompts(fields) == ("best, a room", ["best, a cat", "best, a dog"])
    assert places(fields) == [(0, 0, 0.25, 1), (0.25, 0, 1, 1)]
    assert (fields["region_base"], fields["region_mode"]) == (0.4, "Latent")
    assert regional_prompter_fields({"prompt": "a"}, [False]) == {}
    with pytest.raises(ValueError, match="Matrix"):
        regional_prompter_fields({"prompt": "a"}, [True, False, "Prompt"])


def regional(prompt, direction="Columns", ratios="1,1", base="0.2", uses=(False, False)):
    args = [True, False, "Matrix", direction, "Mask", "Prompt", ratios, base, *uses, False, "Attention"]
    return regional_prompter_fields({"prompt": prompt}, args)


def test_separators_switch_common_and_base_prompt_on():
    fields = regional("best ADDCOMM\na room ADDBASE\na cat ADDCOL a dog")
    assert prompts(fields) == ("best, a room", ["best, a cat", "best, a dog"]) and fields["region_base"] == 0.2
    assert prompts(regional("best ADDCOMM a cat BREAK a dog")) == ("best", ["best, a cat", "best, a dog"])
    mixed = regional("best BREAK a room ADDBASE a cat BREAK a dog", uses=(False, True))
    assert prompts(mixed) == ("best, a room", ["best, a cat", "best, a dog"])


SCENE = "sky ADDCOL hair ADDCOL aquarium ADDROW desk ADDCOL sofa"      # as in Regional Prompter's manual


@pytest.mark.parametrize("prompt", [SCENE, re.sub("ADD(ROW|COL)", "BREAK", SCENE), SCENE.replace("ADDCOL", "BREAK")])
def test_lines_of_a_matrix_are_led_by_their_own_size(prompt):
    fields = regional(prompt, ratios="1,2,1,1;2,4,6")
    assert prompts(fields)[1] == ["sky", "hair", "aquarium", "desk", "sofa"]
    assert places(fields) == [
        (0, 0, 0.5, 0.333), (0.5, 0, 0.75, 0.333), (0.75, 0, 1, 0.333), (0, 0.333, 0.4, 1), (0.4, 0.333, 1, 1),
    ]


def test_in_rows_the_lines_are_columns():
    """There commas part columns, and semicolons the parts of one."""
    fields = regional("a BREAK b BREAK c", "Rows", "1;1;3,3")
    assert places(fields) == [(0, 0, 0.25, 0.25), (0, 0.25, 0.25, 1), (0.25, 0, 1, 1)]
    assert places(regional("a ADDROW b ADDCOL c", "Rows", "1;1;3,3")) == places(fields)
    assert places(regional("a BREAK b", "Rows", "1,3")) == [(0, 0, 1, 0.25), (0, 0.25, 1, 1)]
    assert places(regional("a ADDCOL b", "Rows", "1,3")) == [(0, 0, 0.25, 1), (0.25, 0, 1, 1)]
    assert places(regional("a ADDROW b", "Columns", "1,3")) == [(0, 0, 1, 0.25), (0, 0.25, 1, 1)]


@pytest.mark.parametrize("ratios", ["1,1", "1,2,3,4", "nonsense", "", ";", "5,1,2;1,1"])
def test_ratios_that_do_not_fit_the_parts_make_all_equal(ratios):
    fields = regional("a ADDCOL b ADDCOL c", ratios=ratios)
    assert places(fields) == [(0, 0, 0.333, 1), (0.333, 0, 0.667, 1), (0.667, 0, 1, 1)]
    assert prompts(fields)[1] == ["a", "b", "c"]
    grid = regional("a ADDCOL b ADDROW c", ratios="1,9,1;1,1;1")
    assert places(grid) == [(0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 1, 1)]


def test_breaks_beyond_the_ratios_are_parts_too():
    assert places(regional("a BREAK b BREAK c")) == places(regional("a ADDCOL b ADDCOL c"))


def test_several_base_ratios_are_one_if_they_agree_and_are_refused_if_not():
    assert regional("x BREAK a BREAK b", base="0.4,0.4", uses=(True, False))["region_base"] == 0.4
    assert regional("x BREAK a BREAK b", base="0", uses=(True, False))["region_base"] == 0
    assert regional("a BREAK b", base="0.2,0.5")["region_base"] == 0      # there is no base prompt
    with pytest.raises(ValueError, match="base ratios '0.2,0.5' differ .* Send one number"):
        regional("x BREAK a BREAK b", base="0.2,0.5", uses=(True, False))


def test_no_part_of_a_prompt_is_dropped():
    assert len(regional(" BREAK ".join("abcdefghijklmnop"))["regions"]) == 16
    with pytest.raises(ValueError, match="17 regions, and there may be 16"):
        regional(" BREAK ".join("abcdefghijklmnopq"))
    with pytest.raises(ValueError, match="Matrix"):
        regional("a room ADDBASE a cat ADDP a dog")
