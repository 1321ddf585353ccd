"""How long wrong passwords make wait."""

from __future__ import annotations

import pytest

from modules.app import login_throttle
from modules.app.login_throttle import FREE_TRIES, FREE_TRIES_OF_ADDRESS, LONGEST_DELAY, LoginThrottle, network_of
from modules.base.errors import RateLimited


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return LoginThrottle(clock)


def wait_of(throttle, name="ann", address="10.0.0.1"):
    try:
        throttle.begin(name, address)
    except RateLimited as error:
        return error.retry_after
    return 0


def test_each_failure_doubles_the_wait(throttle, clock):
    assert [wait_of(throttle) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES
    waits = []
    for _ in range(12):
        waits.append(wait := wait_of(throttle))
        clock.now += wait
        assert wait_of(throttle) == 0
    assert waits == [min(2**n, LONGEST_DELAY) for n in range(12)]


def test_trying_while_one_has_to_wait_makes_it_no_longer(throttle, clock):
    for _ in range(FREE_TRIES):
        wait_of(throttle)
    assert {wait_of(throttle) for _ in range(100)} == {1}
    clock.now += 1
    assert wait_of(throttle) == 0


def test_another_name_and_another_address_go_on(throttle):
    for _ in range(FREE_TRIES + 3):
        wait_of(throttle)
    assert wait_of(throttle) and not wait_of(throttle, "bob") and not wait_of(throttle, address="10.0.0.2")


def test_success_forgets_the_names_failures(throttle):
    for _ in range(3 * FREE_TRIES):
        assert wait_of(throttle) == 0
        throttle.succeed("ann", "10.0.0.1")


def test_an_address_that_tries_many_names_is_slowed_for_all(throttle, clock):
    for number in range(FREE_TRIES_OF_ADDRESS):
        assert wait_of(throttle, f"name{number}") == 0
    assert wait_of(throttle, "ann") == 1 and wait_of(throttle, "ann", "10.0.0.2") == 0
    for number in range(20):
        clock.now += (wait := wait_of(throttle, f"more{number}"))
        assert wait <= login_throttle.LONGEST_DELAY_OF_ADDRESS and wait_of(throttle, f"more{number}") == 0


def test_after_an_hour_all_is_forgotten(throttle, clock):
    for _ in range(FREE_TRIES + 1):
        wait_of(throttle)
    clock.now += login_throttle.FORGOTTEN_SECONDS + LONGEST_DELAY
    assert [wait_of(throttle) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_it_remembers_no_more_than_it_may(throttle, monkeypatch):
    monkeypatch.setattr(login_throttle, "MOST_REMEMBERED", 10)
    for number in range(50):
        wait_of(throttle, f"name{number}", f"10.0.{number}.1")
    assert len(throttle.failures) == 10


@pytest.mark.parametrize(("address", "network"), [
    ("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", ""),
    ("unix:", "unix:"),
])
def test_a_customer_of_ipv6_is_one_address(address, network):
    assert network_of(address) == network
