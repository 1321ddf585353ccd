"""Headers of reverse proxies, accepted from those that the flags name, from nobody else; the path below ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

PREFIX = b"x-forwarded-"
OTHER_PROXY_HEADERS = frozenset({b"forwarded", b"x-gradio-server", b"x-real-ip"})      # others that libraries read


def inner_path(scope: Scope) -> str:
    """The path below `--subpath`."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


class TrustedProxies:
    """The addresses and networks given by --trusted-proxy."""

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None) or found      # a socket for both kinds shows ::ffff:10.0.0.1
        return any(mapped in network for network in self.networks)

    def seen_through(self, scope: Scope) -> Scope:
        """Return the request as the nearest trusted proxy received it, without proxies' headers."""
        plain = [
            (name, value)
            for name, value in scope["headers"]
            if not name.startswith(PREFIX) and name not in OTHER_PROXY_HEADERS
        ]
        seen = {**scope, "headers": plain}
        address, port = scope.get("client") or ("", 0)
        if address not in self:
            return seen
        headers = Headers(scope=scope)
        if scheme := scheme_for(scope["type"], last(headers.getlist("x-forwarded-proto"))):
            seen["scheme"] = scheme
        if host := last(headers.getlist("x-forwarded-host")):
            seen["headers"] = [
                *((name, value) for name, value in plain if name != b"host"),
                (b"host", host.encode("latin-1")),
            ]
        seen["client"] = self.client(headers.getlist("x-forwarded-for"), address), port
        return seen

    def client(self, chain: Sequence[str], address: str) -> str:
        """Return the nearest address that is no trusted proxy's: anybody may have written those before it."""
        for claimed in reversed([part.strip() for line in chain for part in line.split(",")]):
            try:
                address = str(ipaddress.ip_address(claimed))
            except ValueError:
                break
            if address not in self:
                break
        return address


def last(values: Sequence[str]) -> str:
    """Return the nearest proxy's value, which is the last."""
    return values[-1].rpartition(",")[2].strip() if values else ""


def scheme_for(kind: str, scheme: str) -> str:
    """Return http or https, or the websocket form of it; "" for any other word."""
    if scheme not in ("http", "https"):
        return ""
    return scheme.replace("http", "ws") if kind == "websocket" else scheme
