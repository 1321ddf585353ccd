"""A restart of the server that somebody asks for: the program ends as always, and begins anew with the same flags."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from modules.base.errors import Conflict


@dataclass
class Restart:
    """Whether the program is to begin anew once its server has ended."""

    end: Callable[[], None] | None = None       # ends the server; None where there is none to end
    wanted: bool = False
    began: float = field(default_factory=time.time)

    def ask(self) -> None:
        """End the server, to begin anew. Raises Conflict where the program cannot begin itself."""
        if self.end is None:
            raise Conflict("This Easel cannot be started anew from here.", "End it, and start it again.")
        self.wanted = True
        self.end()
