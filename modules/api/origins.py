"""The web origins whose pages may use this server: its own, and those that the flags name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope

from modules.base.errors import BadOrigin
from modules.settings.flag_types import normal_origin
from modules.settings.flags import Flags

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_ORIGIN = 300      # characters; longer ones are not compared
CORS_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
CORS_HEADERS = "Authorization, Content-Type, X-Requested-With"
# the browser's header values for a foreign page's request
CROSS_ORIGIN_SITES = frozenset({"cross-site", "same-site"})


class Origins:
    """`--cors-allow-origins` and `--cors-allow-origins-regex`."""

    def __init__(self, flags: Flags) -> None:
        self.named = frozenset(flags.cors_allow_origins)
        self.pattern = re.compile(flags.cors_allow_origins_regex) if flags.cors_allow_origins_regex else None

    def admit(self, origin: str) -> bool:
        """Return whether the flags allow pages of that origin."""
        if not origin or origin == "null" or len(origin) > LONGEST_ORIGIN:
            return False
        return (
            "*" in self.named
            or normal_origin(origin) in self.named
            or bool(self.pattern and self.pattern.fullmatch(origin))
        )

    def check(self, scope: Scope, headers: Headers) -> None:
        """Refuse other pages: they neither change nor read nor follow anything. Raises BadOrigin.

        Browsers send an origin with whatever a foreign page's script asks for; a link to here comes without one.
        """
        origin = headers.get("origin")
        if origin is None:
            reading = scope["type"] == "http" and scope["method"] in SAFE
            foreign = not reading and headers.get("sec-fetch-site", "").lower() in CROSS_ORIGIN_SITES
        else:
            foreign = normal_origin(origin) != own_origin(scope, headers) and not self.admit(origin)
        if foreign:
            raise BadOrigin(
                "That page may not speak to this server.",
                "Open Easel's own page, or name the other with --cors-allow-origins. Behind a proxy see "
                "--trusted-proxy.",
            )

    def headers(self, headers: Headers) -> Mapping[str, str]:
        """Return the headers that let the page read the answer; none for a page that may not."""
        origin = headers.get("origin", "")
        if not self.admit(origin):
            return {}
        if "*" in self.named:      # any origin is allowed, so credentials must not be
            return {"Access-Control-Allow-Origin": "*"}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}

    def preflight(self, scope: Scope, headers: Headers) -> bool:
        """Return whether it is a browser's preflight of an allowed request; preflights have no credentials."""
        asks = scope["type"] == "http" and scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        return asks and self.admit(headers.get("origin", ""))


PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": CORS_METHODS,
    "Access-Control-Allow-Headers": CORS_HEADERS,
    "Access-Control-Max-Age": "600",
}


def own_origin(scope: Scope, headers: Headers) -> str:
    """Return the origin of this server's own pages."""
    secure = scope.get("scheme") in ("https", "wss")
    return normal_origin(f"{'https' if secure else 'http'}://{headers.get('host', '')}")
