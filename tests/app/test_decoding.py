"""Room to decode pictures in."""

from __future__ import annotations

import asyncio

import pytest

from modules.app.decoding import DecodingBudget
from modules.base.errors import Busy
from tests.asynchronous import run


def test_no_more_pixels_than_allowed_are_decoded_at_a_time():
    async def all_of_them():
        budget, now, most, done = DecodingBudget(100, waiting=50), 0, 0, 0

        async def one(pixels):
            nonlocal now, most, done
            async with budget.room(pixels):
                now += pixels
                most = max(most, now)
                await asyncio.sleep(0)
                now -= pixels
                done += 1

        await asyncio.gather(*(one(pixels) for pixels in [60, 30, 100, 1, 50, 50] * 5))
        return most, done, budget.free

    assert run(all_of_them()) == (100, 30, 100)


def test_what_is_larger_than_all_room_has_all_of_it():
    async def alone():
        budget = DecodingBudget(100)
        async with budget.room(10_000):
            return budget.free

    assert run(alone()) == 0


@pytest.mark.parametrize(("waiting", "patience"), [(0, 60.0), (5, 0.0)])
def test_who_would_wait_too_long_is_told_to_come_again(waiting, patience):
    async def turned_away():
        budget = DecodingBudget(100, patience, waiting)
        async with budget.room(100):
            with pytest.raises(Busy):
                async with budget.room(1):
                    raise AssertionError("there was no room")
        return budget.free, budget.waiting

    assert run(turned_away()) == (100, 0)


def test_room_comes_back_whatever_happens_in_it():
    async def failing():
        budget = DecodingBudget(100)
        with pytest.raises(ZeroDivisionError):
            async with budget.room(100):
                raise ZeroDivisionError
        return budget.free

    assert run(failing()) == 100
