"""The engine, with arithmetic for a model: a question is a number, its answer the next one."""

from collections.abc import Hashable
from dataclasses import dataclass

import pytest

from modules.base.errors import OutOfMemory
from modules.engine import engine as engine_room
from modules.engine.engine import Engine, EngineListeners, ImageTask
from modules.sampling.questions import Interrupted, Signal, WaitFor


@dataclass(frozen=True)
class Add:
    """What is `x` and one more?"""

    x: int
    key: Hashable = "add"
    rows: int = 2
    preview: object = True
    quick: bool = False
    weights: str = "the only ones"


def counting(steps, start=0, **how):
    """A task that asks `steps` times and returns the sum."""
    x = start
    for _ in range(steps):
        x = yield Add(x, **how)
    return x


def half_made(steps):
    x = 0
    try:
        for _ in range(steps):
            x = yield Add(x)
    except Interrupted:
        return f"stopped at {x}"
    return x


class Bench:
    """An engine, a log of its calls and of what it told."""

    def __init__(self, answer=None, max_rows=16):
        self.calls, self.ended = [], []
        self.engine = Engine(answer or self.add, self.watch, max_rows)

    def add(self, questions):
        self.calls.append([q.x for q in questions])
        return [q.x + 1 for q in questions]

    def watch(self, picture):
        if picture.ended:
            self.ended.append(picture)
            if not self.engine.running and not self.engine.waiting:
                self.engine.stop()

    def make(self, *pictures):
        self.engine.submit(pictures)
        self.engine.run()
        return [p.result if p.error is None else p.error for p in pictures]


def picture(task, job="a", index=0, owner="me", alone=False):
    return ImageTask(task, job, index, owner, index, alone)


def test_questions_with_equal_keys_share_a_call():
    bench = Bench()
    assert bench.make(picture(counting(3)), picture(counting(3, 10), index=1)) == [3, 13]
    assert bench.calls == [[0, 10], [1, 11], [2, 12]]


def test_questions_with_other_keys_do_not():
    bench = Bench()
    assert bench.make(picture(counting(2)), picture(counting(2, 10, key="other"), index=1)) == [2, 12]
    assert bench.calls == [[0], [1], [10], [11]]


def test_a_call_has_no_more_rows_than_allowed():
    bench = Bench(max_rows=4)
    assert bench.make(*(picture(counting(2, 10 * i), index=i) for i in range(5))) == [2, 12, 22, 32, 42]
    assert max(map(len, bench.calls)) == 2


def test_a_question_larger_than_a_call_is_still_asked():
    assert Bench(max_rows=1).make(picture(counting(2))) == [2]


def test_a_latecomer_joins_at_the_next_step():
    bench = Bench(max_rows=4)
    crowd = [picture(counting(4, 10 * i), index=i) for i in range(6)]
    late = picture(counting(4, 100), job="b", owner="you")
    bench.engine.submit(crowd)
    bench.engine.listen()
    bench.engine.step()
    bench.engine.submit([late])
    bench.engine.run()
    assert 100 in bench.calls[1]
    assert bench.ended[1] is late
    assert [p.result for p in crowd] == [4, 14, 24, 34, 44, 54]


def test_one_pictures_error_is_its_own():
    def answer(questions):
        if any(q.x == 11 for q in questions):
            raise ValueError("eleven")
        return [q.x + 1 for q in questions]

    good, bad = Bench(answer).make(picture(counting(3)), picture(counting(3, 10), index=1))
    assert good == 3
    assert isinstance(bad, ValueError)


def test_out_of_memory_makes_calls_smaller_and_loses_nothing():
    sizes = []

    def answer(questions):
        sizes.append(len(questions))
        if len(questions) > 2:
            raise OutOfMemory("full")
        return [q.x + 1 for q in questions]

    bench = Bench(answer)
    assert bench.make(*(picture(counting(2, 10 * i), index=i) for i in range(5))) == [2, 12, 22, 32, 42]
    assert sizes[0] == 5 and set(sizes[2:]) <= {1, 2}
    assert bench.engine.rows == bench.engine.max_rows


def test_out_of_memory_for_a_single_picture_fails_it():
    def answer(questions):
        raise OutOfMemory("full")

    [error] = Bench(answer).make(picture(counting(2)))
    assert isinstance(error, OutOfMemory)


def test_interrupt_ends_one_job_alone_and_lets_it_keep_what_it_has():
    bench = Bench()
    mine, theirs = picture(half_made(5), job="mine"), picture(counting(5), job="theirs")
    bench.engine.submit([mine, theirs])
    bench.engine.listen()
    bench.engine.step()
    bench.engine.interrupt("mine")
    bench.engine.run()
    assert (mine.result, theirs.result) == ("stopped at 1", 5)


def test_skip_leaves_pictures_that_have_not_begun():
    bench = Bench(max_rows=2)
    first = picture(half_made(5))
    second = picture(counting(3, preview=None), index=1)
    bench.engine.submit([first, second])
    bench.engine.listen()
    bench.engine.step()
    bench.engine.skip("a")
    bench.engine.run()
    assert (first.result, second.result) == ("stopped at 1", 3)


def test_owners_have_equal_parts_of_a_call():
    bench = Bench()
    crowd = [picture(counting(3, 10 * i), index=i) for i in range(6)]
    two = [picture(counting(2, 100 + i), job="b", index=i, owner="you") for i in range(2)]
    bench.make(*crowd, *two)
    assert sorted(bench.calls[0]) == [0, 10, 100, 101]
    assert bench.ended[:2] == two
    assert [p.result for p in crowd] == [3, 13, 23, 33, 43, 53]


def test_who_wants_to_be_alone_is():
    bench = Bench()
    hermit = picture(counting(2, 50), index=1, alone=True)
    assert bench.make(picture(counting(2)), hermit, picture(counting(2, 10), index=2)) == [2, 52, 12]
    assert [50] in bench.calls and [51] in bench.calls and [0, 10] in bench.calls


def test_a_brief_question_does_not_wait_for_its_turn():
    def greeted():
        x = yield Add(70, key="hello", quick=True)
        return (yield Add(x))

    bench = Bench()
    long, newcomer = picture(counting(9)), picture(greeted(), job="b", index=5, owner="you")
    bench.engine.submit([long])
    bench.engine.listen()
    bench.engine.step()
    bench.engine.submit([newcomer])
    bench.engine.run()
    assert bench.calls[:3] == [[0], [70], [1, 71]]


@pytest.mark.parametrize("company", range(4))
def test_company_does_not_change_a_result(company):
    alone = Bench().make(picture(counting(7, 3)))
    among = Bench().make(picture(counting(7, 3)), *(picture(counting(i + 2), job=str(i)) for i in range(company)))
    assert among[0] == alone[0]


def begun_at_once(bench, job):
    return sum(p.job == job for p in bench.engine.running)


def test_of_one_job_only_so_many_are_begun_and_a_late_owner_joins_at_once():
    bench = Bench()
    bench.engine.submit([picture(counting(4, 100 * i), index=i) for i in range(9)], side_by_side=2)
    bench.engine.listen()
    assert begun_at_once(bench, "a") == 2
    bench.engine.step()
    bench.engine.submit([picture(counting(4, 5000), job="b", owner="you")], side_by_side=2)
    bench.engine.run()
    assert 5000 in bench.calls[1]
    assert max(map(len, bench.calls)) <= 4
    assert [p.index for p in bench.ended if p.job == "a"] == list(range(9))


def test_one_batch_is_side_by_side_however_large_and_the_next_one_after_it():
    bench = Bench()
    pictures = [ImageTask(counting(2, 100 * i), "a", i, "me", i, batch=i // 3) for i in range(6)]
    bench.engine.submit(pictures, side_by_side=2)
    bench.engine.run()
    assert [len(call) for call in bench.calls] == [3, 3, 3, 3]
    assert bench.calls[0] == [0, 100, 200]


@pytest.mark.parametrize(("size", "left"), [(1, [1, 2, 3, 4, 5]), (3, [3, 4, 5])])
def test_skip_drops_the_batch_in_the_making_and_no_other(size, left):
    bench = Bench()
    bench.engine.submit([ImageTask(half_made(4), "a", i, "me", i, batch=i // size) for i in range(6)], side_by_side=2)
    bench.engine.listen()
    bench.engine.step()
    bench.engine.skip("a")
    bench.engine.run()
    assert [p.index for p in bench.ended if not p.skipped] == left
    assert all(p.result == 4 for p in bench.ended if not p.skipped) and all(
        p.result == "stopped at 1" for p in bench.ended if p.skipped
    )


def test_interrupt_drops_those_that_have_not_begun_and_tells_of_them_once():
    dropped = []
    bench = Bench()
    bench.engine.told = EngineListeners(dropped=dropped.append)
    bench.engine.submit([picture(half_made(5), index=i) for i in range(1000)], side_by_side=2)
    bench.engine.submit([picture(counting(3), job="b", owner="you")])
    bench.engine.listen()
    bench.engine.step()
    bench.engine.interrupt("a")
    bench.engine.run()
    assert [len(each) for each in dropped] == [998] and all(p.ended for p in dropped[0])
    # b has its part of the call
    assert sorted(p.result for p in bench.ended if p.job == "a") == ["stopped at 0", "stopped at 1"]
    assert [p.result for p in bench.ended if p.job == "b"] == [3]


def test_listeners_are_told_once_when_there_is_nothing_to_do_for_a_while(monkeypatch):
    monkeypatch.setattr(engine_room, "IDLE_SECONDS", 0.01)
    bench, told = Bench(), []

    def idle():
        told.append("idle")
        bench.engine.submit([picture(counting(3))])

    bench.engine.told = EngineListeners(idle=idle)
    bench.engine.listen()
    assert told == ["idle"] and len(bench.engine.running) == 1
    bench.engine.run()
    assert [p.result for p in bench.ended] == [3]


def test_an_owners_many_jobs_begin_in_their_order_and_no_more_than_fit():
    bench = Bench()
    for number in range(100):
        bench.engine.submit([picture(counting(2, 10 * number), job=str(number))], side_by_side=2)
    bench.engine.listen()
    assert [p.job for p in bench.engine.running] == [str(number) for number in range(16)]
    bench.engine.run()
    assert [int(p.job) for p in bench.ended] == list(range(100))


def test_pictures_that_fail_as_they_begin_do_not_stop_the_line():
    def broken():
        raise ValueError("no")
        yield

    bench = Bench()
    bench.engine.submit([picture(broken() if i < 5000 else counting(2), index=i) for i in range(5001)], side_by_side=2)
    bench.engine.run()
    assert sum(isinstance(p.error, ValueError) for p in bench.ended) == 5000 and bench.ended[-1].result == 2


def test_a_step_costs_the_same_however_many_wait():
    """Counted in what the scheduler looks at: the questions' keys."""
    looked = []

    class Counted:
        weights, rows, quick, preview = "the only ones", 2, False, None

        @property
        def key(self):
            looked.append(1)
            return "add"

        x = 0

    def asking():
        while True:
            yield Counted()

    def keys_a_step(waiting):
        bench = Bench(answer=lambda questions: [0] * len(questions))
        bench.engine.batch_weights = lambda weights: weights
        bench.engine.submit([picture(asking(), index=i) for i in range(waiting)])
        bench.engine.listen()
        looked.clear()
        import modules.engine.scheduler as scheduler
        original, scheduler.replace = scheduler.replace, lambda ask, weights: ask
        try:
            bench.engine.step()
        finally:
            scheduler.replace = original
        return len(looked)

    assert keys_a_step(5000) == keys_a_step(50)


def giving(signal, steps):
    try:
        return (yield from counting(steps))
    finally:
        signal.given = True


def after(signal):
    yield WaitFor("the only ones", signal)
    return (yield from counting(1, start=10))


def noting(asked):
    """Answers, and notes the types of what is asked."""

    def answer(questions):
        asked.append(type(questions[0]))
        return [None if isinstance(question, WaitFor) else question.x + 1 for question in questions]

    return answer


def test_who_waits_for_another_is_asked_once_the_other_has_done_its_part():
    signal, asked = Signal(), []
    bench = Bench(noting(asked))
    assert bench.make(picture(after(signal)), picture(giving(signal, 3), index=1), picture(after(signal), index=2)) == [
        11,
        3,
        11,
    ]
    assert asked == [Add] * 3 + [WaitFor, Add]


def test_who_waits_for_another_goes_on_when_that_one_fails_and_can_be_interrupted():
    signal = Signal()

    def fail(questions):
        if any(isinstance(question, Add) and question.x == 0 for question in questions):
            raise ValueError("no")
        return noting([])(questions)

    bench = Bench(fail)
    failed, went_on = bench.make(picture(giving(signal, 3)), picture(after(signal), index=1))
    assert isinstance(failed, ValueError) and went_on == 11
    never, bench = Signal(), Bench(noting([]))
    pictures = [picture(counting(5)), picture(after(never), job="b")]
    bench.engine.submit(pictures)
    bench.engine.interrupt("b")
    bench.engine.run()
    assert pictures[0].result == 5 and isinstance(pictures[1].error, Interrupted)
