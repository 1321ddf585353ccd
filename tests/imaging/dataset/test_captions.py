"""Captions: sd-scripts' order of operations on known texts, and what holds for any text."""

from __future__ import annotations

from collections import Counter

import pytest

from modules.base.streams import stream
from modules.imaging.dataset.captions import (
    CaptionRules,
    caption_at,
    fill_template,
    tag_counts,
    template_lines,
    words_of_name,
)

TAGS = "zorb, ball, on grass, blue sky"


def told(text: str, rules: CaptionRules, step: int = 0, epoch: int = 1) -> str:
    return caption_at(text, rules, stream(1, "caption", step), step, epoch)


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        (TAGS, CaptionRules(), TAGS),
        (TAGS, CaptionRules(prefix="photo of", suffix="8k"), f"photo of {TAGS} 8k"),
        ("", CaptionRules(prefix="photo"), "photo"),
        ("one\ntwo", CaptionRules(), "one"),
        ("a {b|b} c", CaptionRules(), "a {b|b} c"),
        ("a {b|b} c", CaptionRules(wildcards=True), "a b c"),
        ("a {{b}} c", CaptionRules(wildcards=True), "a {b} c"),
        (TAGS, CaptionRules(dropout_rate=1), ""),
        (TAGS, CaptionRules(tag_dropout_rate=1), ""),
        (TAGS, CaptionRules(tag_dropout_rate=1, keep_tokens=2), "zorb, ball"),
        ("a, b ||| c, d", CaptionRules(tag_dropout_rate=1, keep_tokens_separator="|||"), "a, b"),
        ("a ||| c, d ||| e", CaptionRules(tag_dropout_rate=1, keep_tokens_separator="|||"), "a, e"),
        ("a;b", CaptionRules(separator=";", tag_dropout_rate=1, keep_tokens=1), "a"),
        ("a;;;b, c", CaptionRules(secondary_separator=";;;"), "a,b, c"),
        (TAGS, CaptionRules(warm_up_steps=4), "zorb"),
        ("red", CaptionRules(templates=("a [name], [filewords]",), words={"name": "zorb"}), "a zorb, red"),
        ("red", CaptionRules(templates=("{pt1} {caption}",), words={"pt1": "zorb"}), "zorb red"),
    ],
)
def test_known_captions(text, rules, expected):
    assert told(text, rules) == expected


def test_a_caption_is_dropped_in_every_nth_epoch():
    rules = CaptionRules(dropout_every_n_epochs=3)
    assert [told("a", rules, epoch=epoch) for epoch in range(1, 7)] == ["a", "a", "", "a", "a", ""]


def test_tags_come_one_by_one_while_warming_up():
    rules = CaptionRules(warm_up_steps=4, warm_up_min=1)
    assert [told(TAGS, rules, step).count(",") for step in range(6)] == [0, 0, 1, 2, 3, 3]


def test_shuffling_keeps_all_tags_and_the_first_in_place():
    rules = CaptionRules(shuffle=True, keep_tokens=1)
    seen = {told(TAGS, rules, step) for step in range(40)}
    assert len(seen) == 6 and all(each.startswith("zorb, ") for each in seen)
    assert {tuple(sorted(each.split(", "))) for each in seen} == {tuple(sorted(TAGS.split(", ")))}


def test_every_line_and_every_alternative_comes():
    rules = CaptionRules(wildcards=True)
    assert {told("a {b|c}\nd", rules, step) for step in range(60)} == {"a b", "a c", "d"}


def test_drop_out_happens_as_often_as_asked():
    counts = Counter(told("a", CaptionRules(dropout_rate=0.25), step) for step in range(400))
    assert 60 < counts[""] < 140


def test_the_same_step_gives_the_same_text():
    rules = CaptionRules(shuffle=True, tag_dropout_rate=0.3, dropout_rate=0.1, wildcards=True)
    assert all(told("a, {b|c}, d\ne, f", rules, step) == told("a, {b|c}, d\ne, f", rules, step) for step in range(50))


def test_templates_of_both_kinds_are_filled_in_and_unknown_words_stay():
    assert fill_template("[name] {name} [filewords] {what} [0]", {"name": "z", "filewords": "w"}) == "z z w {what} [0]"
    assert template_lines("a\n\n  b \n") == ("a", "b")


def test_the_words_of_a_name_begin_behind_its_number():
    assert words_of_name("0012 - a red ball") == "a red ball"


def test_tags_are_counted_once_a_caption():
    assert tag_counts(["a, b, a", "a", "c"]) == {"a": 2, "b": 1, "c": 1}
