"""The account behind a request, made only by the server's door and by the command line."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from modules.base.errors import Forbidden, Invalid

LOCAL_OWNER = "local"      # the owner of everything on a server without accounts
LONGEST_ACCOUNT_NAME = 32      # characters
ACCOUNT_NAME = re.compile(r"[\w-](?:[\w.-]*[\w-])?")      # no dot at either end
# names of no file or folder on Windows, whatever follows a dot
WINDOWS_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789"
}


class Role(IntEnum):
    """The rights of an account; a higher role has all rights of a lower one."""

    ANYONE = 0             # not logged in
    GUEST = 1              # uses the models that are there
    MEMBER = 2
    ADMINISTRATOR = 3


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `name` is the owner of its jobs, pictures and choices."""

    name: str
    role: Role

    @property
    def is_local(self) -> bool:
        """True on a server without accounts: one person, their own machine."""
        return self.name == LOCAL_OWNER

    def check(self, needed: Role) -> None:
        """Raise Forbidden if the role is lower than `needed`."""
        if self.role < needed:
            raise Forbidden(
                f"This is for accounts that are {needed.name.lower()}.", "Ask the administrator of this server."
            )


LOCAL_ACCOUNT = Account(LOCAL_OWNER, Role.ADMINISTRATOR)
NOBODY = Account("", Role.ANYONE)


def account_name(text: str) -> str:
    """Return a valid account name, which is also a folder's name on every system. Raises Invalid."""
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
    """Return a key that ignores case: names that differ only in case are one account."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def account_folder(name: str) -> str:
    """Return the account's subfolder; "" for the local account.

    A name that cannot be a folder's (in an old record, or a flag) gets a folder that no account has.
    """
    if name == LOCAL_OWNER:
        return ""
    try:
        return account_name(name)
    except Invalid:
        return "~" + sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]


def with_article(noun: str) -> str:
    """Return "a member", "an administrator"."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
