"""What a row of the table of attacks is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.attacks.target import Target


class Failed(Exception):
    """The server did not do what it must."""


class Skipped(Exception):
    """Something is missing on this machine that the row needs."""


def must(true: object, otherwise: str) -> None:
    if not true:
        raise Failed(otherwise)


@dataclass(frozen=True)
class Start:
    """How the server of a row is started.

    mounts: shell commands in a mount namespace of its own, with $DATA for the data folder; prefix: words before the
    command; networks: with the golden LoRAs; page: with the page; accounts: with the three accounts
    """

    flags: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    mounts: str = ""
    prefix: tuple[str, ...] = ()
    page: bool = False
    accounts: bool = True
    networks: bool = False
    prepare: Callable[..., None] | None = None      # is called with the data folder before the start


@dataclass(frozen=True)
class Row:
    """An attack or a fault.

    play: attacks the target, and returns the figures that show what it has borne; raises Failed
    keeps: the server is as good as before, and the next row may have it
    calm: pings are not judged, since the server is stopped or starved on purpose
    """

    id: str
    what: str
    play: Callable[[Target], str]
    start: Start = Start()
    keeps: bool = True
    calm: bool = False
    logged: bool = False      # an error that is foreseen in nobody's code is logged with its traceback
    alone: bool = False       # its seconds or megabytes are judged so closely that nothing else may run beside it
    long: bool = False        # more than a minute: begun before the others, on a server of its own
