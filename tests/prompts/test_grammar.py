from __future__ import annotations

import doctest
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base.errors import Invalid, PromptTooLong
from modules.base.limits import MAX_PROMPT
from modules.extra_networks import parse_prompt, parse_prompts
from modules.prompt_parser import (
    get_learned_conditioning_prompt_schedules,
    get_multicond_prompt_list,
    parse_prompt_attention,
)
from modules.prompts import grammar
from modules.prompts.grammar import EXACT_DEPTH, Clock, attention, compose, emphasised, schedule, strip_comments
from modules.prompts.network_tags import network_times, take_networks

from .golden import golden, plain

MARKS = "()[]:|\\<>#\n "
WORDS = [*MARKS, "a", "cat ", "AND", " BREAK ", "0.5", ":3]", "[a:", "<lora:x:1>", "猫", "[b|"]
prompts = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)


@golden("parse_prompt_attention")
def test_attention_is_weighed_as_a1111_weighs_it(case):
    if "error" in case:
        with pytest.raises(Invalid, match="not a weight"):
            parse_prompt_attention(**case["input"])
    else:
        assert parse_prompt_attention(**case["input"]) == case["output"]


@golden("get_learned_conditioning_prompt_schedules")
def test_schedules_change_on_a1111s_steps(case):
    """Where A1111's own answer depends on Python's hash seed any of its answers will do."""
    assert get_learned_conditioning_prompt_schedules(**case["input"]) in case.get("outputs_any", [case.get("output")])


@golden("get_multicond_prompt_list")
def test_prompts_are_composed_as_in_a1111(case):
    indexes, flat, index = get_multicond_prompt_list(**case["input"])
    assert plain({"indexes": indexes, "flat": flat}) == case["output"]
    assert [index[text] for text in flat] == list(range(len(flat)))


@golden("extra_networks.parse_prompts")
def test_network_tags_are_taken_as_in_a1111(case):
    texts, networks = parse_prompts(**case["input"])
    assert {"prompts": texts, "networks": {kind: list(map(vars, found)) for kind, found in networks.items()}} == case[
        "output"
    ]


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(grammar).failed == 0


@given(st.text(st.characters(exclude_characters="()[]:\\"), min_size=1).filter(lambda text: "BREAK" not in text))
def test_plain_text_has_one_weight_and_stays_itself(text):
    assert attention(text) == [(text, 1.0)]


@given(prompts)
def test_attention_loses_no_words(prompt):
    try:
        found = attention(prompt)
    except Invalid:
        return
    assert "".join(text for text, _ in found).count("cat") == prompt.count("cat")


@given(prompts, st.integers(1, 30), st.none() | st.integers(1, 30), st.booleans())
def test_every_schedule_ends_with_the_last_step(prompt, steps, hires_steps, old):
    found = schedule(prompt, steps, hires_steps, old)
    ends = [end for end, _ in found]
    assert ends[-1] == (steps if hires_steps is None or old else hires_steps)
    assert ends == sorted(set(ends))
    assert ends[0] >= 1


@given(st.text(st.characters(exclude_characters="[]|\\")))
def test_a_prompt_without_square_brackets_never_changes(prompt):
    assert schedule(prompt, 20) == [(20, prompt)]


@given(st.text(st.characters(exclude_characters="()[]:|\\")), st.integers(1, 19))
def test_a_scheduled_text_comes_in_after_its_step(text, last):
    assert schedule(f"a[{text}:{last}]", 20) == [(last, "a"), (20, f"a{text}")]


@pytest.mark.parametrize("prompt", ["a | b", "[a|b:0.5]", "[a:b:5] \\", "[a:b:5] \\\n", "([a|b)"])
def test_a_bar_or_backslash_that_fits_nothing_makes_the_whole_prompt_text(prompt):
    assert schedule(prompt, 20) == [(20, prompt)]


@pytest.mark.parametrize(("prompt", "first"), [
    ("[x [a:b:5] y", "[x a y"),           # a bracket that never closes
    ("x] [a:b:5]", "x] a"),               # one that never opened
    ("[x:(y] [a:b:5]", "[x:(y] a"),       # two that cross
    ("[p:q:r:3] [a:b:5]", "[p:q:r:3] a"),
    ("[p:q:1.2.3] [a:b:5]", "[p:q:1.2.3] a"),
])
def test_brackets_that_fit_nothing_are_text_and_their_neighbours_still_work(prompt, first):
    assert schedule(prompt, 20) == [(5, first), (20, first[::-1].replace("a", "b", 1)[::-1])]


def test_the_hires_pass_counts_on_where_the_first_pass_ended():
    assert schedule("[a:b:25]", 20, 10) == [(5, "a"), (10, "b")]
    assert schedule("[a:b:1.5]", 20, 10) == [(5, "a"), (10, "b")]
    assert schedule("[a:b:25]", 20, 10, old=True) == [(20, "a")]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 500])
def test_a_schedule_beyond_all_bounds_is_clamped(number):
    assert schedule(f"[a:b:{number}]", 20) == [(20, "b" if number.startswith("-") else "a")]


def test_round_and_square_brackets_may_cross():
    assert attention("(a[b)c]") == [("a", 1.1), ("b", 1.1 * (1 / 1.1)), ("c", 1 / 1.1)]


@pytest.mark.parametrize("depth", [1, EXACT_DEPTH, EXACT_DEPTH + 1, 1000])
def test_nested_weights_multiply(depth):
    [(text, weight)] = attention("(" * depth + "a" + ":1.01)" * depth)
    assert text == "a"
    assert math.isclose(weight, 1.01 ** depth, rel_tol=1e-12)


@pytest.mark.parametrize(("prompt", "expected"), [
    ("a cat", False), ("\\(a\\)", False), ("a BREAK b", False), ("()", False), ("([a])", False),
    ("(a)", True), ("[a]", True), ("(a:1.5.5)", True),
])
def test_a_prompt_is_emphasised_if_anything_in_it_is_weighed(prompt, expected):
    assert emphasised(prompt) is expected


def test_one_tag_may_have_named_arguments():
    text, networks = parse_prompt("a <lora:ink:te=0.5> cat")
    assert text == "a  cat"
    assert networks["lora"][0].positional == ["ink"]
    assert networks["lora"][0].named == take_networks("<lora:ink:te=0.5>")[1][0].named == {"te": "0.5"}


@given(prompts)
def test_taking_networks_twice_takes_nothing_more_unless_text_closed_up(prompt):
    text, tags = take_networks(prompt)
    assert len(text) + sum(len(f"<{tag.kind}:{':'.join(tag.items)}>") for tag in tags) == len(prompt)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a", [(4, "")]),
        ("<lora:a> b <lora:c>", [(4, "01")]),
        ("[<lora:a>::2]", [(2, "0"), (4, "")]),
        ("[<lora:a:1>x:<lora:b:1>y:0.25] <lora:c>", [(1, "02"), (4, "12")]),
        ("[<lora:a>|<lora:b>|]", [(1, "0"), (2, "1"), (3, ""), (4, "0")]),
        ("[[<lora:a>::3]:<lora:b>:1]", [(1, "0"), (4, "1")]),
        ("(a:1.2) [<lora:a>:1] AND b:0.5 <lora:b>", [(1, "1"), (4, "01")]),
        ("[<lora:a> AND b::2]", [(4, "0")]),
        ("[<lora:a>", [(4, "0")]),
        ("a | [<lora:a>::2]", [(4, "0")]),
        ("[x:2<lora:a>]", [(4, "0")]),
    ],
)
def test_schedules_say_when_a_tag_counts(prompt, expected):
    assert network_times(prompt, Clock(4)) == [(end, frozenset(map(int, places))) for end, places in expected]


def test_the_second_pass_counts_on_from_where_the_first_ended():
    assert network_times("[<lora:a>::6]", Clock(4, 8)) == [(2, frozenset({0})), (8, frozenset())]


@given(prompts)
def test_whatever_is_scheduled_every_step_has_its_tags(prompt):
    _, tags = take_networks(prompt)
    times = network_times(prompt, Clock(5))
    assert times[-1][0] == 5 and [end for end, _ in times] == sorted({end for end, _ in times})
    assert all(places <= set(range(len(tags))) for _, places in times)
    if not set("[]") & set(prompt):
        assert times == [(5, frozenset(range(len(tags))))]


@pytest.mark.parametrize(("prompt", "expected"), [
    ("a cat", "a cat"), ("a # b", "a \n"), ("# b\na", "\na"),
    ("a\n# b\nc", "a\nc"), ("a # b\nc", "a \nc"), ("a\n#b\n#c\nd", "a\n\nd"),
])
def test_comments_go_to_the_end_of_their_line(prompt, expected):
    assert strip_comments(prompt) == expected


def schedule_of_four(prompt):
    return schedule(prompt, 4)


def network_times_of_four(prompt):
    return network_times(prompt, Clock(4))


READERS = pytest.mark.parametrize(
    "reader", [attention, schedule_of_four, compose, take_networks, network_times_of_four, strip_comments]
)
HARD = ["(", "[", "a:", "<lora:", "[a:", "((a", "[a|", "(a:1.01", " BREAK", " ", "a AND ", "\n#", "[(a", "a)]"]
NESTED = [
    lambda n: "[" * n + "a" + ":3]" * n, lambda n: "(" * n + "a" + ")" * n, lambda n: "[a|" * n + "]" * n,
    lambda n: "[(a" * n + ")]" * n, lambda n: "(a" * n + ":1.01)" * n,
]
REPEATED = [lambda n, hard=hard: hard * n for hard in HARD]
HARD_PROMPTS = pytest.mark.parametrize("make", [*REPEATED, *NESTED], ids=[*map(repr, HARD), *"12345"])


def lines_run(call, *args):
    """How many lines of Python a call runs: its work, whatever the machine."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(*args)
    finally:
        sys.settrace(before)
    return count


@READERS
@HARD_PROMPTS
def test_ten_times_the_prompt_is_ten_times_the_work(reader, make):
    assert lines_run(reader, make(2000)) <= 11 * lines_run(reader, make(200)) + 100


@pytest.mark.slow
@READERS
@HARD_PROMPTS
def test_the_longest_prompt_is_read_however_deep_it_nests(reader, make):
    unit = len(make(1000)) / 1000
    assert reader(make(int(MAX_PROMPT / unit))) is not None


@READERS
def test_a_longer_prompt_is_refused(reader):
    with pytest.raises(PromptTooLong, match="100,001"):
        reader("a" * (MAX_PROMPT + 1))
