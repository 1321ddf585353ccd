"""The account behind a request. The server's door makes it, and the command line; nothing else does."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from modules.base.errors import Forbidden, Invalid

LOCAL_OWNER = "local"      # the owner of everything, where nobody logs in
LONGEST_ACCOUNT_NAME = 32      # characters
ACCOUNT_NAME = re.compile(r"[\w-](?:[\w.-]*[\w-])?")      # no dot at either end
# no file or folder can have these names on Windows, whatever follows a dot
WINDOWS_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789"
}


class Role(IntEnum):
    """What an account may do; a higher one may do all that a lower one may."""

    ANYONE = 0             # who has not logged in
    GUEST = 1              # draws with what is there
    MEMBER = 2
    ADMINISTRATOR = 3


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


def account_name(text: str) -> str:
    """The name as accounts have it, which is also one of a folder on every system. Raises Invalid."""
    name = unicodedata.normalize("NFKC", text) if len(text) <= LONGEST_ACCOUNT_NAME else text
    if not ACCOUNT_NAME.fullmatch(name) or len(name) > LONGEST_ACCOUNT_NAME:
        raise Invalid(
            f"{name[:LONGEST_ACCOUNT_NAME]!r} is no name for an account.",
            f"Take 1 to {LONGEST_ACCOUNT_NAME} letters and digits; . _ and - may stand between them.", "name",
        )
    if account_key(name) == LOCAL_OWNER or account_key(name).partition(".")[0] in WINDOWS_DEVICES:
        raise Invalid(f"{name!r} is a name that the system uses itself.", "Choose another one.", "name")
    return name


def account_key(name: str) -> str:
    """Equal for names that differ only in upper and lower case: there is one account of them."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def account_folder(name: str) -> str:
    """The account's sub folder where each has one; the local account has none, "".

    A name that is no folder's (it stands in an old record, or in a flag) gives one that no account has.
    """
    if name == LOCAL_OWNER:
        return ""
    try:
        return account_name(name)
    except Invalid:
        return "~" + sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
