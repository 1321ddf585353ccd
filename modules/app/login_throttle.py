"""Wrong passwords: each makes the next try wait longer.

A few tries are free. Then a name is slowed for the address that guesses it, so that its owner gets in from elsewhere;
and an address that fails at many names is slowed for all of them.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from modules.base.errors import RateLimited

FREE_TRIES, FREE_TRIES_OF_ADDRESS = 5, 50
FIRST_DELAY, LONGEST_DELAY = 1.0, 900.0      # seconds
FORGOTTEN_SECONDS = 3600.0      # after the last failure
MOST_REMEMBERED = 20_000      # names and addresses; those whose last failure is oldest go


@dataclass(slots=True)
class Failures:
    count: int = 0
    last: float = 0.0
    free_at: float = 0.0      # when the next try may come


class LoginThrottle:
    """Not for several threads at once: the event loop's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures: OrderedDict[tuple[str, str], Failures] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """Count a try as a failure until it succeeds, so that many at once are no way around. Raises RateLimited."""
        now, keys = self.clock(), throttle_keys(name, address)
        wait = max(self._wait(key, now) for key, _ in keys)
        if wait > 0:
            raise RateLimited(
                "Too many wrong passwords.", f"Try again in {max(1, round(wait))} seconds.", retry_after=wait
            )
        for key, free in keys:
            self._count(key, free, now)
        while len(self.failures) > MOST_REMEMBERED:
            self.failures.popitem(last=False)

    def succeed(self, name: str, address: str) -> None:
        """The try that was begun was right: it was no failure of the address, and those of the name are forgotten."""
        (of_name, _), (of_address, free) = throttle_keys(name, address)
        self.failures.pop(of_name, None)
        if found := self.failures.get(of_address):
            found.count -= 1
            found.free_at = found.last + delay_after(found.count, free)

    def _wait(self, key: tuple[str, str], now: float) -> float:
        found = self.failures.get(key)
        return found.free_at - now if found else 0.0

    def _count(self, key: tuple[str, str], free: int, now: float) -> None:
        found = self.failures.pop(key, None)
        if found is None or now - found.last > FORGOTTEN_SECONDS:
            found = Failures()
        found.count, found.last = found.count + 1, now
        found.free_at = now + delay_after(found.count, free)
        self.failures[key] = found      # at the end: the youngest


def delay_after(count: int, free: int) -> float:
    """Seconds: none for the first tries, then one, two, four …"""
    return 0.0 if count < free else min(FIRST_DELAY * 2.0 ** min(count - free, 20), LONGEST_DELAY)


def throttle_keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], tuple[tuple[str, str], int]]:
    """What is counted of a try, and how many are free: the name from that address, the address."""
    network = network_of(address)
    return ((name[:100], network), FREE_TRIES), (("", network), FREE_TRIES_OF_ADDRESS)


def network_of(address: str) -> str:
    """The address; of IPv6 the 64 bits that one customer has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:50]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
