"""The order of the queue, on a device that does one step at a time for the picture that is due first.

That is the engine at its worst: pictures that share calls are done sooner.
"""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from modules.app.fair_queue import FairQueue, QueuedJob
from modules.app.work import USUAL_WORK
from modules.settings.queue_limits import QueueLimits

STEPS = 20      # of a usual picture
WEIGHTS = {"heavy": 2.0, "light": 0.5}


class Device:
    """Serves a queue; `time` is in steps, `ended` says when each job did, `steps` whose steps were done."""

    def __init__(self, window=2, jobs=0):
        self.queue = FairQueue(lambda role: QueueLimits(WEIGHTS.get(role, 1.0), jobs=jobs), window)
        self.time, self.ended, self.steps, self.places = 0, {}, [], count(1)
        self.done = Counter()      # job → steps

    def ask(self, owner, pictures=1, size=1.0, role="member"):
        """size: of a picture, in usual ones"""
        place = next(self.places)
        job = QueuedJob(f"{owner}{place}", owner, role, pictures, size * USUAL_WORK, place)
        self.queue.add(job)
        return job.id

    def run(self, steps):
        for _ in range(steps):
            while self.queue.take():
                pass
            if not self.queue.in_hand:
                return
            self.step(min(self.queue.in_hand.values(), key=lambda job: job.start + job.made * self.queue.span(job)))

    def step(self, job):
        self.time += 1
        self.steps.append(job.owner)
        self.done[job.id] += 1
        if self.done[job.id] == round(STEPS * job.work / USUAL_WORK) * (job.made + 1):
            self.queue.made(job.id)
        if not job.left:
            self.queue.remove(job.id)
            self.ended[job.id] = self.time

    def run_out(self):
        self.run(10**6)
        assert not self.queue.jobs


@pytest.mark.parametrize("crowd", [["alice"], ["alice", "carol"]])
@pytest.mark.parametrize("late", range(0, 3 * STEPS, 7))
def test_one_picture_behind_thirty_two_takes_at_most_three_times_as_long_as_alone(crowd, late):
    device = Device()
    for owner in crowd:
        device.ask(owner, 32)
    device.run(late)
    asked = device.time
    mine = device.ask("bob")
    device.run_out()
    assert device.ended[mine] - asked <= 3 * STEPS


def test_a_late_account_is_served_before_the_second_of_a_thousand_jobs_more():
    device = Device()
    bobs = [device.ask("bob") for _ in range(1000)]
    device.run(5 * STEPS)
    before = sum(job in device.ended for job in bobs)
    mine = device.ask("alice")
    device.run(10 * STEPS)
    assert sum(device.ended.get(job, device.time) < device.ended[mine] for job in bobs) - before <= 2


def test_what_waits_is_counted_without_what_is_in_hand_or_paused_and_only_so_far():
    queue = Device(window=1).queue
    for place, pictures in enumerate((3, 5, 7)):
        queue.add(QueuedJob(str(place), "bob", "member", pictures, USUAL_WORK, place))
    assert (queue.waiting_pictures(100), queue.waiting_pictures(4)) == (15, 4)
    queue.take()
    queue.pause("1", True)
    assert (queue.waiting_pictures(100), queue.waiting_pictures(7), queue.waiting_pictures(1)) == (7, 7, 1)


def test_of_one_account_first_come_first_served_and_accounts_take_turns():
    device = Device(window=1)
    asked = {owner: [device.ask(owner) for _ in range(4)] for owner in ("alice", "bob", "carol")}
    device.run_out()
    ended = sorted(device.ended, key=device.ended.get)
    for jobs in asked.values():
        assert [job for job in ended if job in jobs] == jobs
    for turn in range(0, 12, 3):
        assert {job.rstrip("0123456789") for job in ended[turn : turn + 3]} == set(asked)


def test_whoever_keeps_asking_for_single_pictures_starves_no_batch():
    device = Device()
    device.ask("batch", 50)
    for _ in range(30):
        device.ask("single"), device.ask("single")
        device.run(2 * STEPS)
    assert Counter(device.steps)["batch"] >= 0.45 * len(device.steps)


def test_small_pictures_and_large_ones_get_equal_work_done():
    device = Device()
    device.ask("large", 10, size=8)
    for _ in range(80):
        device.ask("small")
    device.run(60 * STEPS)
    shares = Counter(device.steps)
    assert abs(shares["large"] - shares["small"]) <= 8 * STEPS + STEPS


def test_work_is_done_in_proportion_to_the_weights():
    device = Device()
    for role in ("heavy", "member", "light"):
        device.ask(role, 500, role=role)
    device.run(350 * STEPS)
    shares = Counter(device.steps)
    assert [shares[role] / len(device.steps) for role in ("heavy", "member", "light")] == pytest.approx(
        [2 / 3.5, 1 / 3.5, 0.5 / 3.5], abs=0.01
    )


def test_idling_saves_no_time_up():
    device = Device()
    device.ask("busy", 100)
    device.run(50 * STEPS)
    device.ask("idler", 40)
    device.steps.clear()
    device.run(20 * STEPS)
    assert Counter(device.steps)["busy"] >= 9 * STEPS


def test_what_a_cancelled_job_did_not_use_is_its_accounts_again():
    device = Device()
    device.ask("alice", 200)
    device.ask("bob", 10)
    device.run(4 * STEPS)
    device.queue.remove("alice1")
    again = device.ask("alice")
    device.run(4 * STEPS)
    assert again in device.ended


def test_no_more_is_handed_over_than_is_worked_on():
    device = Device(window=2)
    for pictures in (1, 5, 1):
        device.ask("alice", pictures)
    device.run(1)
    assert list(device.queue.in_hand) == ["alice1", "alice2"]
    device.run(4 * STEPS)
    assert list(device.queue.in_hand) == ["alice2"]      # two and more of its pictures are left


def test_each_of_several_workers_has_a_large_job_of_the_same_account():
    device = Device(window=4)
    device.queue.workers = 2
    jobs = [device.ask("alice", pictures=40) for _ in range(3)]
    assert [device.queue.take().id for _ in range(2)] == jobs[:2] and device.queue.take() is None
    device.queue.remove(jobs[0])
    assert device.queue.take().id == jobs[2]


def test_jobs_at_a_time_are_no_more_than_the_limit():
    device = Device(window=16, jobs=1)
    for _ in range(3):
        device.ask("alice"), device.ask("bob")
    device.run(1)
    assert [job.owner for job in device.queue.in_hand.values()] == ["alice", "bob"]
    device.run_out()


def test_a_moved_job_takes_the_place_and_the_others_theirs():
    device = Device()
    jobs = [device.ask("alice") for _ in range(4)]
    other = device.ask("bob")
    assert device.queue.move(jobs[3], jobs[1]) == {jobs[3]: 2, jobs[1]: 3, jobs[2]: 4}
    assert [job.id for job in device.queue.waiting_of("alice")] == [jobs[0], jobs[3], jobs[1], jobs[2]]
    assert device.queue.move(jobs[3], jobs[1]) == {}
    device.queue.move(jobs[0], "")
    assert [(job.id, job.place) for job in device.queue.waiting_of("alice")] == [
        (jobs[3], 1), (jobs[1], 2), (jobs[2], 3), (jobs[0], 4),
    ]
    assert device.queue.place_of(other).ahead == 1
    device.run_out()
    assert [job for job in sorted(device.ended, key=device.ended.get) if job != other] == [
        jobs[3], jobs[1], jobs[2], jobs[0],
    ]


def test_a_paused_job_waits_behind_all_and_keeps_its_place():
    device = Device(window=1)
    first, second, third = (device.ask("alice") for _ in range(3))
    device.queue.pause(first, True)
    assert [device.queue.place_of(job).ahead for job in (first, second, third)] == [2, 0, 1]
    device.run(STEPS)
    device.queue.pause(first, False)
    assert [device.queue.place_of(job).ahead for job in (first, third)] == [0, 1]
    device.run_out()
    assert device.ended[second] < device.ended[first] < device.ended[third]


def test_places_tell_in_which_order_jobs_end_and_how_much_work_that_is():
    device = Device(window=1)
    jobs = [device.ask(owner, size=size) for owner, size in (("a", 1), ("a", 2), ("b", 1), ("c", 4), ("b", 1))]
    places = {job: device.queue.place_of(job) for job in jobs}
    assert sorted(place.ahead for place in places.values()) == list(range(5))
    assert max(place.work for place in places.values()) == pytest.approx(9 * USUAL_WORK)
    device.run_out()
    assert sorted(jobs, key=lambda job: places[job].ahead)[0] == min(device.ended, key=device.ended.get)


def test_a_script_that_makes_more_pictures_is_charged_for_them():
    device = Device()
    grid = device.ask("alice", 1)
    device.run(1)
    device.queue.resize(grid, 10)
    next_one, other = device.ask("alice"), device.ask("bob", 5)
    device.run(8 * STEPS)
    assert other not in device.ended and next_one not in device.ended
    device.run_out()
    assert device.ended[other] < device.ended[next_one]


def test_accounts_that_are_gone_are_forgotten():
    device = Device()
    for number in range(200):
        device.ask(f"visitor-{number}-")
        device.run_out()
    assert len(device.queue._served) < 10 and not device.queue._waiting
