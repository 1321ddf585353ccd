"""Cookies of this server: not for scripts or other sites, and over https for https alone."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

SESSION_COOKIE, SETUP_COOKIE = "easel_session", "easel_setup"
LONGEST_COOKIES = 8192      # characters of a Cookie header that is read


class Cookies:
    """The server's cookies.

    subpath: the path of the server's pages
    """

    def __init__(self, subpath: str) -> None:
        self.path = subpath or "/"

    def name(self, scope: Scope, name: str) -> str:
        """Return the cookie's name, with the prefix that keeps other servers from setting it (RFC 6265bis, 4.1.3)."""
        if not is_secure(scope):
            return name
        return f"__Host-{name}" if self.path == "/" else f"__Secure-{name}"

    def read(self, scope: Scope, name: str) -> str:
        """Return the cookie's value, "" if there is none."""
        text = Headers(scope=scope).get("cookie", "")
        if len(text) > LONGEST_COOKIES:
            return ""
        return cookie_values(text).get(self.name(scope, name), "")

    def set(self, response: Response, scope: Scope, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            self.name(scope, name), value, max_age=seconds, path=self.path, secure=is_secure(scope), httponly=True,
            samesite="lax",
        )

    def clear(self, response: Response, scope: Scope, name: str) -> None:
        self.set(response, scope, name, "", 0)


def cookie_values(header: str) -> dict[str, str]:
    """Return the values by name; malformed parts are skipped."""
    pairs = [part.strip().partition("=") for part in header.split(";")]
    return {name: value for name, _, value in reversed(pairs) if name}


def is_secure(scope: Scope) -> bool:
    return scope.get("scheme") in ("https", "wss")
