"""The limit of open streams: each is one connection, for as long as its job takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from modules.base.errors import Busy

MOST_STREAMS_OF_ACCOUNT = 100      # a page has one, of the job that somebody looks at
MOST_STREAMS = 1000


class Streams:
    """The open streams by account, within one event loop."""

    def __init__(self, of_account: int = MOST_STREAMS_OF_ACCOUNT, of_all: int = MOST_STREAMS) -> None:
        self.of_account, self.of_all = of_account, of_all
        self.open: Counter[str] = Counter()

    @contextmanager
    def counted(self, account: str) -> Iterator[None]:
        """Count a stream as the account's for the time of the block. Raises Busy if one more would be too many."""
        if self.open[account] >= self.of_account or self.open.total() >= self.of_all:
            raise Busy("Too many streams are open.", "Close some, or ask for the job itself from time to time.")
        self.open[account] += 1
        try:
            yield
        finally:
            self.open[account] -= 1
            self.open += Counter()      # without those that have none
