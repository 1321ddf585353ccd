"""Which pages of the web may use this server: its own, and those that the flags name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope

from modules.base.errors import BadOrigin
from modules.settings.flags import Flags, normal_origin

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_ORIGIN = 300      # letters of an origin that is looked at
CORS_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
CORS_HEADERS = "Authorization, Content-Type, X-Requested-With"
# what browsers say of a request that another origin's page makes
CROSS_ORIGIN_SITES = frozenset({"cross-site", "same-site"})


class Origins:
    """`--cors-allow-origins` and `--cors-allow-origins-regex`."""

    def __init__(self, flags: Flags) -> None:
        self.named = frozenset(flags.cors_allow_origins)
        self.pattern = re.compile(flags.cors_allow_origins_regex) if flags.cors_allow_origins_regex else None

    def admit(self, origin: str) -> bool:
        """Whether the flags let pages of that origin in."""
        if not origin or origin == "null" or len(origin) > LONGEST_ORIGIN:
            return False
        return (
            "*" in self.named
            or normal_origin(origin) in self.named
            or bool(self.pattern and self.pattern.fullmatch(origin))
        )

    def check(self, scope: Scope, headers: Headers) -> None:
        """What changes something, or opens a socket, comes from a page that may, or from no page at all.

        Raises BadOrigin.
        """
        if scope["type"] == "http" and scope["method"] in SAFE:
            return
        origin = headers.get("origin")
        if origin is None:
            foreign = headers.get("sec-fetch-site", "").lower() in CROSS_ORIGIN_SITES
        else:
            foreign = normal_origin(origin) != own_origin(scope, headers) and not self.admit(origin)
        if foreign:
            raise BadOrigin(
                "That page may not speak to this server.",
                "Open Easel's own page, or name the other with --cors-allow-origins. Behind a proxy see "
                "--trusted-proxy.",
            )

    def headers(self, headers: Headers) -> Mapping[str, str]:
        """What lets the asking page read the answer; nothing for any that may not."""
        origin = headers.get("origin", "")
        if not self.admit(origin):
            return {}
        if "*" in self.named:      # all of the web, which then must not use what the browser remembers
            return {"Access-Control-Allow-Origin": "*"}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}

    def preflight(self, scope: Scope, headers: Headers) -> bool:
        """Whether this is a browser's question if a page may ask something, and it may.

        Browsers ask without credentials.
        """
        asks = scope["type"] == "http" and scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        return asks and self.admit(headers.get("origin", ""))


PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": CORS_METHODS,
    "Access-Control-Allow-Headers": CORS_HEADERS,
    "Access-Control-Max-Age": "600",
}


def own_origin(scope: Scope, headers: Headers) -> str:
    """That of a page this server has sent."""
    secure = scope.get("scheme") in ("https", "wss")
    return normal_origin(f"{'https' if secure else 'http'}://{headers.get('host', '')}")
