"""Whose questions differ only in what a call can tell apart share it, from eight rows on.

Weights are a model and a network.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from modules.base.errors import ModelMismatch, OutOfMemory
from modules.engine.engine import Engine, ImageTask
from modules.engine.scheduler import MIXED_ROWS

APART = "apart"      # a network that cannot be told apart row by row
BROKEN = "broken"


@dataclass(frozen=True)
class Add:
    """What is `x` and one more?"""

    x: int
    weights: tuple[str, str] = ("model", "")
    shape: int = 512
    rows: int = 2
    quick: bool = False

    @property
    def key(self):
        return self.weights, self.shape, self.quick


def common(weights):
    model, network = weights
    if network == BROKEN:
        raise ModelMismatch("It does not fit.")
    return weights if network == APART else (model, "")


class Bench:
    def __init__(self, max_rows=16, answer=None, batch_weights=common):
        self.calls = []
        self.given = answer or (lambda questions: [question.x + 1 for question in questions])
        self.engine = Engine(self.answer, lambda _: None, max_rows, batch_weights)

    def answer(self, questions):
        self.calls.append(list(questions))
        return self.given(questions)

    def make(self, *pictures):
        self.engine.submit(pictures)
        self.engine.listen()
        while self.engine.running:
            self.engine.step()
        return [picture.result if picture.error is None else picture.error for picture in pictures]

    def sizes(self):
        return [len(call) for call in self.calls]


def counting(steps, start, network="", model="model", shape=512):
    x = start
    for _ in range(steps):
        x = yield Add(x, (model, network), shape)
    return x


def pictures(*networks, steps=2, owner="me", alone=False, **how):
    tasks = [counting(steps, 10 * i, network, **how) for i, network in enumerate(networks)]
    return [ImageTask(task, owner, i, owner, i, alone) for i, task in enumerate(tasks)]


def test_pictures_with_different_networks_share_a_call():
    bench = Bench()
    assert bench.make(*pictures("a", "b", "c", "")) == [2, 12, 22, 32]
    assert bench.sizes() == [4, 4]


def test_below_eight_rows_each_has_its_own():
    bench = Bench()
    assert bench.make(*pictures("a", "b", "a")) == [2, 12, 22]
    assert [{question.weights[1] for question in call} for call in bench.calls] == [{"a"}, {"a"}, {"b"}, {"b"}]


def test_when_some_are_done_the_others_go_back_to_calls_of_their_own():
    bench = Bench()
    longer, shorter = pictures("a", "b", steps=3), pictures("a", "b", steps=1, owner="you")
    bench.make(*longer, *shorter)
    assert bench.sizes()[0] == 4 and set(bench.sizes()[1:]) == {1}


def test_networks_that_cannot_be_told_apart_stay_out():
    bench = Bench()
    assert bench.make(*pictures("a", APART, "b", "c", "d")) == [2, 12, 22, 32, 42]
    assert bench.sizes() == [4, 4, 1, 1]
    assert all(question.weights[1] == APART for call in bench.calls[2:] for question in call)


@pytest.mark.parametrize("how", [{"model": "other"}, {"shape": 768}])
def test_whatever_else_differs_still_separates(how):
    bench = Bench()
    bench.make(*pictures("a", "b", "c", "d"), *pictures("a", "b", "c", "d", owner="you", **how))
    assert bench.sizes() == [4, 4, 4, 4]
    assert all(len({(question.weights[0], question.shape) for question in call}) == 1 for call in bench.calls)


def test_without_a_rule_nothing_is_mixed():
    bench = Bench(batch_weights=lambda weights: weights)
    bench.make(*pictures("a", "b", "c", "d"))
    assert set(bench.sizes()) == {1}


def test_a_company_that_is_no_larger_is_not_mixed():
    bench = Bench(max_rows=8)
    bench.make(*pictures("a", "a", "b", "a", "a"))
    assert [question.weights[1] for question in bench.calls[0]] == ["a"] * 4


def test_owners_have_equal_parts_of_a_mixed_call_too():
    bench = Bench()
    bench.make(*pictures(*"aaa"), *pictures("b", "c", owner="you"))
    assert sorted(question.weights[1] for question in bench.calls[0]) == ["a", "a", "b", "c"]


def test_who_wants_to_be_alone_is():
    bench = Bench()
    assert bench.make(*pictures("a", "b", "c", "d"), *pictures("e", owner="you", alone=True)) == [2, 12, 22, 32, 2]
    assert all(len(call) == 1 for call in bench.calls if call[0].weights[1] == "e")


def test_a_newcomers_prompt_is_read_at_once_and_it_joins():
    def greeted():
        x = yield Add(70, ("model", "new"), quick=True)
        return (yield Add(x, ("model", "new")))

    bench = Bench()
    bench.make(*pictures("a", "b", "c", steps=9), ImageTask(greeted(), "b", 0, "me", 5))
    assert [question.x for question in bench.calls[0]] == [70]
    assert [question.x for question in bench.calls[1]] == [0, 10, 20, 71]


def test_a_long_queue_is_not_read_at_once():
    """Of those with other networks only as many as a call has rows."""
    asked = []

    def noted(weights):
        asked.append(weights)
        return common(weights)

    bench = Bench(max_rows=8, batch_weights=noted)
    bench.engine.submit(pictures(*map(str, range(100))))
    bench.engine.listen()
    bench.engine.step()
    assert len(set(asked)) == 8


def test_a_broken_networks_error_is_its_own():
    def answer(questions):
        if any(question.weights[1] == BROKEN for question in questions):
            raise ModelMismatch("It does not fit.")
        return [question.x + 1 for question in questions]

    *good, bad = Bench(answer=answer).make(*pictures("a", "b", "c", "d", BROKEN))
    assert good == [2, 12, 22, 32]
    assert isinstance(bad, ModelMismatch)


def test_one_pictures_error_in_a_mixed_call_is_its_own():
    def answer(questions):
        if any(question.x == 11 for question in questions):
            raise ValueError("eleven")
        return [question.x + 1 for question in questions]

    first, bad, *others = Bench(answer=answer).make(*pictures("a", "b", "c", "d"))
    assert [first, *others] == [2, 22, 32]
    assert isinstance(bad, ValueError)


def test_out_of_memory_ends_mixing_and_loses_nothing():
    def answer(questions):
        if sum(question.rows for question in questions) >= MIXED_ROWS:
            raise OutOfMemory("full")
        return [question.x + 1 for question in questions]

    assert Bench(answer=answer).make(*pictures("a", "b", "c", "d")) == [2, 12, 22, 32]
