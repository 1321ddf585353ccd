"""Sessions of pages that call functions of extensions: the account that each belongs to, and the files it may name."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modules.base.errors import Forbidden, NotFound
from modules.base.limits import parts_of

SESSION_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_PAGE_SESSIONS = 2000         # the oldest are forgotten
MOST_FILES = 10_000          # of a session, and uploads that no session has named yet


@dataclass
class PageSession:
    """A page in a browser."""

    account: str
    files: OrderedDict[str, None] = field(default_factory=OrderedDict)     # paths that it uploaded or was given


class PageSessions:
    """All sessions, the most recently used last."""

    def __init__(self, public: Iterable[str] = ()) -> None:
        self.public = frozenset(public)      # paths that are part of every page
        self._sessions: OrderedDict[str, PageSession] = OrderedDict()
        self._uploads: OrderedDict[str, str] = OrderedDict()       # path → account

    def claim(self, name: object, account: str) -> PageSession:
        """Return the session of that name, which is the account's from now on. Raises NotFound for another's."""
        if not (isinstance(name, str) and SESSION_HASH.fullmatch(name)):
            raise NotFound("That is no session of a page.", "Reload the page.")
        session = self._sessions.setdefault(name, PageSession(account))
        if session.account != account:
            raise NotFound("There is no such session.", "Reload the page.")
        self._sessions.move_to_end(name)
        if len(self._sessions) > MOST_PAGE_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def uploaded(self, paths: Iterable[str], account: str) -> None:
        """Note an account's uploads: they belong to the session that names them first."""
        for path in paths:
            remember(self._uploads, path, account)

    def give(self, session: PageSession, value: Any) -> None:
        """Let a session name the files in a value that it is sent."""
        for path in file_paths(value):
            remember(session.files, path, None)

    def check(self, session: PageSession, value: Any) -> None:
        """Check the files that a session names in a value. Raises Forbidden."""
        for path in file_paths(value):
            if self._uploads.get(path) == session.account:
                del self._uploads[path]
                remember(session.files, path, None)
            if path not in session.files and path not in self.public:
                raise Forbidden("That file is not of this page.", "Choose it again.")

    def may_read(self, path: str, account: str) -> bool:
        """Return whether a file is part of every page, or of one of the account's."""
        mine = (session for session in self._sessions.values() if session.account == account)
        return path in self.public or self._uploads.get(path) == account or any(path in each.files for each in mine)


    def check_own(self, account: str, value: Any) -> None:
        """Check the files that a value names: each is of every page, or of one of the account's. Raises Forbidden."""
        for path in file_paths(value):
            if not self.may_read(path, account):
                raise Forbidden("That file is not of this page.", "Choose it again.")


def remember(table: OrderedDict[str, Any], key: str, value: Any) -> None:
    table[key] = value
    if len(table) > MOST_FILES:
        table.popitem(last=False)


def file_paths(value: Any) -> Iterator[str]:
    """Yield the paths in a value of gradio's: a file is an object with its `path`, wherever it stands."""
    for part in parts_of(value):
        if isinstance(part, dict) and isinstance(part.get("path"), str):
            yield part["path"]


def without_addresses(value: Any) -> Any:
    """Return a value whose files are named by their paths alone: an address would be fetched by the server.

    Raises Forbidden for a file that only has an address.
    """
    if isinstance(value, list):
        return [without_addresses(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("url") and not value.get("path"):
        raise Forbidden("A file from an address is not taken.", "Upload it.")
    return {name: without_addresses(each) for name, each in value.items() if name != "url"}
