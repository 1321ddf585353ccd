"""Dynamic prompts against a second reading of the grammar, which lists all results; and prompts as people write them."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modules.base.errors import Invalid, WebUIError
from modules.prompts.dynamic_prompts import Allowance, CombinationChooser, Expansion, RandomChooser, expanded
from modules.prompts.prompt_templates import parse_template
from modules.prompts.wildcard_files import WildcardFiles

MOST_RESULTS = 400

FILES = {
    "flavours.txt": "chocolate\nvanilla\n",
    "people/old.txt": "a grandmother\n", "people/odd.txt": "a clown in __clothes/*__\n", "people/young.txt": "a child\n",
    "clothes/hat.txt": "a {red|red} hat\n",
    "one.txt": "x __two__\n", "two.txt": "y __one__\n",
    "loop.yaml": "loop:\n  a: ['{b|__loop/a__}']\n  b: ['__loop/b__ __loop/b__']\n",
    "wide.txt": "\n".join(f"line {number}" for number in range(5_000)),
}


@pytest.fixture(scope="module")
def wildcards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wildcards")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return WildcardFiles([folder]).current()


def prompt_of(text, wildcards, chooser):
    return expanded(parse_template(text), Expansion(wildcards, chooser, Allowance()))


# Trees of choices: ("text", text), ("all", trees) one after another, ("some", count, trees) of which some are joined

leaves = st.sampled_from(["a", "b c", "(d:1.2)", "[e]", ""]).map(lambda text: ("text", text))


def branches(inner):
    several = st.lists(inner, min_size=1, max_size=3)
    some = several.flatmap(lambda trees: st.tuples(st.just("some"), st.integers(1, len(trees)), st.just(trees)))
    return some | several.map(lambda trees: ("all", trees))


trees = st.recursive(leaves, branches, max_leaves=7)


def written(tree):
    match tree:
        case "text", text:
            return text
        case "all", parts:
            return " ".join(map(written, parts))
        case "some", 1, parts:
            return "{" + "|".join(map(written, parts)) + "}"
        case "some", count, parts:
            return "{" + f"{count}$$ & $$" + "|".join(map(written, parts)) + "}"


def results(tree):
    """Every text that the tree may become, as often as there are ways to it."""
    match tree:
        case "text", text:
            return [text]
        case "all", parts:
            return [" ".join(texts) for texts in bounded(product(*map(results, parts)))]
        case "some", count, parts:
            chosen = permutations(parts, count)
            return [" & ".join(texts) for some in chosen for texts in bounded(product(*map(results, some)))]


def bounded(ways):
    found = [each for _, each in zip(range(MOST_RESULTS + 1), ways, strict=False)]
    assume(len(found) <= MOST_RESULTS)
    return found


@settings(max_examples=60)
@given(trees)
def test_combinations_are_all_the_results_there_are_and_no_others(wildcards, tree):
    ways = results(tree)
    assume(len(ways) <= MOST_RESULTS)
    text = written(tree)
    made = {prompt_of(text, wildcards, CombinationChooser(number)) for number in range(most_numbers(tree))}
    assert set(map(spaced_once, made)) == set(map(spaced_once, ways))
    assert spaced_once(prompt_of(text, wildcards, RandomChooser(7))) in set(map(spaced_once, ways))


def spaced_once(text):
    """Spaces around a choice are not part of it."""
    return " ".join(text.split())


def most_numbers(tree):
    """As many numbers as reach every combination: the product of all choices, in any branch."""
    match tree:
        case "text", _:
            return 1
        case "all", parts:
            return multiplied_up(most_numbers(part) for part in parts)
        case "some", count, parts:
            choices = multiplied_up(len(parts) - place for place in range(count))
            return choices * multiplied_up(most_numbers(part) for part in parts)


def multiplied_up(numbers):
    total = 1
    for number in numbers:
        total *= number
        assume(total <= 5_000)
    return total


@pytest.mark.parametrize(("text", "possible"), [
    ("my flavours are {2$$ and $$chocolate|vanilla|mint}",
     {f"my flavours are {a} and {b}" for a, b in permutations(("chocolate", "vanilla", "mint"), 2)}),
    ("{2-3$$ and $$a|b}", {"a and b", "b and a"}),
    ("{2$$__flavours__}", {"chocolate,vanilla", "vanilla,chocolate"}),
    ("{1$$, $$__flavours__|mint}", {"chocolate", "vanilla", "mint"}),
    ("__people/o*__", {"a grandmother", "a clown in a red hat"}),
    ("__p*/young__", {"a child"}),
    ("${s=!{summer|winter}} in ${s}, ${s} coats", {" in summer, summer coats", " in winter, winter coats"}),
    ("${who=__flavours__}${who}", {"chocolate", "vanilla"}),
    ("{0::a|0.5::b {x|y}|0.0::c}", {"b x", "b y"}),
    ("{{a|b}|{c|{d|e}}}", set("abcde")),
    ("a {red|} cat", {"a red cat", "a  cat"}),
])
def test_prompts_as_people_write_them(text, possible, wildcards):
    assert {prompt_of(text, wildcards, RandomChooser(seed)) for seed in range(150)} == possible


@pytest.mark.parametrize("text", [
    "__one__", "__loop/b__", "${a=${b}}${b=${a}}${a}", "{" * 60 + "a" + "}" * 60, "__../flavours__", "__..\\flavours__",
    "__" + "*/" * 20 + "__",
])
def test_what_leads_to_itself_or_out_of_the_folder_is_refused(text, wildcards):
    with pytest.raises(WebUIError):
        prompt_of(text, wildcards, RandomChooser(1))


def test_a_choice_that_may_lead_to_itself_ends_where_it_does_not(wildcards):
    made = set()
    for seed in range(40):
        try:
            made.add(prompt_of("__loop/a__", wildcards, RandomChooser(seed)))
        except Invalid:
            made.add("refused")
    assert "b" in made


def test_an_explosion_costs_no_more_than_is_allowed(wildcards):
    for text in ("{a|b}" * 30, "__wide__" * 500, "{2$$__wide__}" * 3):
        allowance = Allowance()
        try:
            expanded(parse_template(text), Expansion(wildcards, CombinationChooser(2**29), allowance))
        except Invalid as refusal:
            assert "too much" in str(refusal)
        else:
            assert allowance.left >= 0
