"""What reverse proxies say of the requests that they hand on: believed from those that are named, from nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

PREFIX = b"x-forwarded-"
OTHER_PROXY_HEADERS = frozenset({b"forwarded", b"x-gradio-server", b"x-real-ip"})      # others that libraries read


class TrustedProxies:
    """The addresses and networks given by --trusted-proxy."""

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None) or found      # ::ffff:10.0.0.1, at a socket for both
        return any(mapped in network for network in self.networks)

    def seen_through(self, scope: Scope) -> Scope:
        """The request as the nearest trusted proxy had it, without any word that only proxies say."""
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
        """The nearest address that is no trusted proxy's: what stands before it in the chain,
        anybody may have written.
        """
        for claimed in reversed([part.strip() for line in chain for part in line.split(",")]):
            try:
                address = str(ipaddress.ip_address(claimed))
            except ValueError:
                break
            if address not in self:
                break
        return address


def last(values: Sequence[str]) -> str:
    """What the nearest proxy says: it comes after what it was given."""
    return values[-1].rpartition(",")[2].strip() if values else ""


def scheme_for(kind: str, scheme: str) -> str:
    """http or https, as websockets have it if it is one; "" for any other word."""
    if scheme not in ("http", "https"):
        return ""
    return scheme.replace("http", "ws") if kind == "websocket" else scheme
