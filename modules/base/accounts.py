"""The account behind a request. The server's door makes it, and the command line; nothing else does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from modules.base.errors import Forbidden

LOCAL_OWNER = "local"      # the owner of everything, where nobody logs in


class Role(IntEnum):
    """What an account may do; a higher one may do all that a lower one may."""

    ANYONE = 0             # who has not logged in
    MEMBER = 1
    ADMINISTRATOR = 2


@dataclass(frozen=True, slots=True)
class Account:
    """`name` owns jobs, pictures and choices."""

    name: str
    role: Role

    @property
    def is_local(self) -> bool:
        """True where there are no accounts: one person, their own machine."""
        return self.name == LOCAL_OWNER

    def check(self, needed: Role) -> None:
        """Raises Forbidden."""
        if self.role < needed:
            raise Forbidden(
                f"This is for accounts that are {needed.name.lower()}.", "Ask the administrator of this server."
            )


LOCAL_ACCOUNT = Account(LOCAL_OWNER, Role.ADMINISTRATOR)
NOBODY = Account("", Role.ANYONE)
