"""Dynamic prompts: known answers of the syntax, and bounds that hold for any text."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modules.base.errors import Invalid, UnknownName, WebUIError
from modules.prompts.dynamic_prompts import Allowance, CombinationChooser, Expansion, RandomChooser, expanded
from modules.prompts.grammar import strip_comments
from modules.prompts.prompt_templates import parse_template
from modules.prompts.wildcard_files import WildcardFiles

FILES = {
    "colours.txt": "red\n# a comment\n\nblue\n",
    "animals/cats.txt": "a __colours__ cat\n",
    "animals/dogs.txt": "a dog\n",
    "self.txt": "__self__\n",
    "doubling.txt": "__doubling2__ __doubling2__\n",
    **{f"doubling{n}.txt": f"__doubling{n + 1}__ __doubling{n + 1}__\n" for n in range(2, 40)},
    "doubling40.txt": "x\n",
    "weighed.txt": "0::never\n2::always\n",
    "dress.txt": "a ${colour:grey} dress\n",
    "clothes.yaml": "wear:\n  warm: [coat, scarf]\n  cold: [shirt]\n",
    "places.json": json.dumps({"places": [{"text": "sea", "weight": 0}, {"text": "hill", "weight": 3}]}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "wildcards"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder.parent / "secret.txt").write_text("secret\n")
    (folder / "leading-out.txt").symlink_to(folder.parent / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def wildcards(folder):
    return WildcardFiles([folder]).current()


def plain(text, wildcards, seed=1, number=0):
    by = Expansion(wildcards, RandomChooser(seed), Allowance(), number)
    return expanded(parse_template(text), by)


def possible(text, wildcards):
    return {plain(text, wildcards, seed) for seed in range(60)}


@pytest.mark.parametrize(("text", "results"), [
    ("a cat, (red:1.2) [a|b] <lora:x:1>", {"a cat, (red:1.2) [a|b] <lora:x:1>"}),
    ("{a|b}", {"a", "b"}),
    ("x { a | b }.", {"x a .", "x b ."}),
    ("{a}{}{|}", {"a"}),
    ("{2$$a|b}", {"a,b", "b,a"}),
    ("{2$$ and $$a|b}", {"a and b", "b and a"}),
    ("{0-1$$a|b}", {"", "a", "b"}),
    ("{1-2$$+$$a|b}", {"a", "b", "a+b", "b+a"}),
    ("{-1$$a|b}", {"a", "b"}),
    ("{2-$$+$$a|b}", {"a+b", "b+a"}),
    ("{9$$a|b}", {"a,b", "b,a"}),
    ("{0::a|1::b}", {"b"}),
    ("{0.5::a|.0::b}", {"a"}),
    ("{a {b|c}|d}", {"a b", "a c", "d"}),
    ("__colours__", {"red", "blue"}),
    ("__animals/cats__", {"a red cat", "a blue cat"}),
    ("__animals/*__", {"a red cat", "a blue cat", "a dog"}),
    ("__dogs__", {"a dog"}),
    ("__animals\\dogs__", {"a dog"}),
    ("__animals/{dogs|dogs}__", {"a dog"}),
    ("{2$$ & $$__colours__}", {"red & blue", "blue & red"}),
    ("__weighed__", {"always"}),
    ("__wear/warm__", {"coat", "scarf"}),
    ("__wear/*__", {"coat", "scarf", "shirt"}),
    ("__places__", {"hill"}),
    ("__dress__", {"a grey dress"}),
    ("__dress(colour=red)__", {"a red dress"}),
    ("__dress(colour={red|red})__", {"a red dress"}),
    ("${x=a}${x} ${x}", {"a a"}),
    ("${x={a|b}}${x}${x}", {"aa", "ab", "ba", "bb"}),
    ("${x=!{a|b}}${x}${x}", {"aa", "bb"}),
    ("${x=a}${x?=b}${x}${y:c}", {"ac"}),
    ("%{photo of ..., dark$$a {cat|cat}}", {"photo of a cat, dark"}),
    ("snake__case, other__case", {"snake__case, other__case"}),
    ("a } b | c $5", {"a } b | c $5"}),
])
def test_a_dynamic_prompt_becomes_each_of_its_texts_and_no_other(text, results, wildcards):
    assert possible(text, wildcards) == results


def test_comments_are_no_part_of_a_template(wildcards):
    assert plain("# {never closed\n{b|b}", wildcards).strip() == "b"


def test_options_in_turn_go_by_the_pictures_number(wildcards):
    assert [plain("{@a|b|c} __@colours__", wildcards, number=number) for number in range(3)] == [
        "a red", "b blue", "c red",
    ]


def test_combinations_come_one_after_another_and_begin_again(wildcards):
    parts = parse_template("{a|b} {x|y|z}")
    made = [
        expanded(parts, Expansion(wildcards, CombinationChooser(number), Allowance())) for number in range(12)
    ]
    assert made[:6] == ["a x", "b x", "a y", "b y", "a z", "b z"] == made[6:]


def test_the_same_seed_makes_the_same_choices_in_every_version_of_python(wildcards):
    assert [plain("{a|b|c|d|e|f|g|h}", wildcards, seed) for seed in (0, 1, 2, 2**63)] == ["g", "b", "h", "e"]


@pytest.mark.parametrize("text", [
    "{a", "{a|{b}", "${x", "${5}", "%{a}", "${unknown}", "__self__", pytest.param("__doubling__", marks=pytest.mark.slow), "{" * 10_000, "{" * 60 + "}" * 60,
    "${x=${x}}${x}", "__../secret__", "__../../etc/passwd__", "__colours/../../secret__", "__" + "*a" * 9 + "__",
    "${a=x" + "y" * 900 + "}${b=" + "${a}" * 10 + "}${c=" + "${b}" * 10 + "}${d=" + "${c}" * 10 + "}${d}",
    "{__|__}self__",
])
def test_what_cannot_become_a_prompt_is_refused(text, wildcards):
    with pytest.raises(Invalid):
        for seed in range(9):
            plain(text, wildcards, seed)


@pytest.mark.parametrize("text", ["__nobody__", "__secret__", "__leading-out__", "__/etc/passwd__"])
def test_a_name_outside_its_folder_is_unknown(text, wildcards):
    with pytest.raises(UnknownName):
        plain(text, wildcards)


def test_of_endless_combinations_only_those_asked_for_are_made(wildcards):
    assert len(plain("{a|b}" * 2_000, wildcards)) == 2_000


def test_a_changed_file_is_read_again(tmp_path):
    files = WildcardFiles([tmp_path])
    (tmp_path / "a.txt").write_text("old")
    assert plain("__a__", files.current()) == "old"
    (tmp_path / "a.txt").write_text("new one")
    assert plain("__a__", files.current()) == "new one"


def test_a_damaged_file_leaves_the_others(tmp_path, caplog):
    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.yaml").write_text("{: [")
    (tmp_path / "c.json").write_text("[" * 100_000)
    (tmp_path / "d.yaml").write_text("d: &a [x,x]\ne: &b [*a,*a]\n")
    assert plain("__a__", WildcardFiles([tmp_path]).current()) == "fine"
    assert "b.yaml" in caplog.text and "c.json" in caplog.text


TEXTS = st.lists(st.sampled_from([*"{}|$_%!@~:=.,-#(12ab \n*/\\", "{", "}", "|", "__", "$$", "${x=", "${x}", "%{", "...",
                                 "__colours__", "2$$"]), max_size=60).map("".join)


@given(text=TEXTS, seed=st.integers(0, 9))
@example(text="{a|b}", seed=3)
def test_any_text_is_refused_or_becomes_one_that_means_itself(text, seed, wildcards):
    try:
        made = plain(text, wildcards, seed)
    except WebUIError:
        return
    assert plain(text, wildcards, seed) == made
    assert plain(made, wildcards, seed + 1) == strip_comments(made)


@given(text=st.text(st.characters(exclude_characters="{}$%_#\n"), max_size=200))
def test_a_text_without_marks_stays_as_it_is(text, wildcards):
    assert plain(text, wildcards) == text


@pytest.mark.parametrize("piece", ["{", "}", "__", "|", "$$", "{a|b}", "__a", "${x=a}", "{2$$ ", "a, ", "_", "$", "%"])
def test_the_work_on_a_text_grows_with_its_length(piece):
    def calls(count):
        made = []
        sys.setprofile(lambda frame, event, argument: made.append(1) if "call" in event else None)
        try:
            parse_template(piece * count)
        except Invalid:
            pass
        finally:
            sys.setprofile(None)
        return len(made)

    assert calls(1000) <= 4.5 * calls(250)
