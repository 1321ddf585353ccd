"""The login throttle: each wrong password makes the next try wait longer.

A few tries are free. Then a name is slowed for the address that guesses it, so that its owner gets in from elsewhere;
and an address that fails at many names is slowed for all of them.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from modules.base.errors import RateLimited

FREE_TRIES, FREE_TRIES_OF_ADDRESS = 5, 100
FIRST_DELAY = 1.0      # seconds
# an address may be a whole house's
LONGEST_DELAY, LONGEST_DELAY_OF_ADDRESS = 900.0, 10.0
FORGOTTEN_SECONDS = 3600.0      # after the last failure
MOST_REMEMBERED = 20_000      # names and addresses; the oldest failures go first


@dataclass(slots=True)
class Failures:
    count: int = 0
    last: float = 0.0
    free_at: float = 0.0      # the time of the next allowed try


class LoginThrottle:
    """The counts of failed tries. For one thread alone, the event loop's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures: OrderedDict[tuple[str, str], Failures] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """Count a try as a failure until it succeeds, so that parallel tries count too. Raises RateLimited."""
        now, counters = self.clock(), counters_of(name, address)
        wait = max(self._wait(counter, now) for counter in counters)
        if wait > 0:
            seconds = max(1, math.ceil(wait))
            told = f"Try again in {seconds} second{'s' * (seconds > 1)}."
            raise RateLimited("Too many wrong passwords.", told, retry_after=seconds)
        for counter in counters:
            self._count(counter, now)
        while len(self.failures) > MOST_REMEMBERED:
            self.failures.popitem(last=False)

    def succeed(self, name: str, address: str) -> None:
        """Count the try as right: it was no failure of the address, and the name's failures are forgotten."""
        of_name, of_address = counters_of(name, address)
        self.failures.pop(of_name.key, None)
        if found := self.failures.get(of_address.key):
            found.count -= 1
            found.free_at = found.last + of_address.delay(found.count)

    def _wait(self, counter: Counter, now: float) -> float:
        found = self.failures.get(counter.key)
        return found.free_at - now if found else 0.0

    def _count(self, counter: Counter, now: float) -> None:
        found = self.failures.pop(counter.key, None)
        if found is None or now - found.last > FORGOTTEN_SECONDS:
            found = Failures()
        found.count, found.last = found.count + 1, now
        found.free_at = now + counter.delay(found.count)
        self.failures[counter.key] = found      # at the end, as the newest


@dataclass(frozen=True, slots=True)
class Counter:
    """The key that failures are counted under: a name and an address, or "" and an address."""

    key: tuple[str, str]
    free: int
    longest: float

    def delay(self, count: int) -> float:
        """Return the delay in seconds after so many failures: none for the first ones, then one, two, four …"""
        return 0.0 if count < self.free else min(FIRST_DELAY * 2.0 ** min(count - self.free, 20), self.longest)


def counters_of(name: str, address: str) -> tuple[Counter, Counter]:
    """Return the counters of the name from that address, and of the address."""
    network = network_of(address)
    return (
        Counter((name[:100] or "?", network), FREE_TRIES, LONGEST_DELAY),
        Counter(("", network), FREE_TRIES_OF_ADDRESS, LONGEST_DELAY_OF_ADDRESS),
    )


def network_of(address: str) -> str:
    """Return the address; of IPv6 the 64-bit network, which one customer has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:50]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
