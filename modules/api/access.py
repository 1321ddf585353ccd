"""The door: which hosts, origins and people may speak to the server. Plain ASGI, in front of page and API alike."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.errors import body_of
from modules.base.errors import BadHost, BadOrigin, Unauthenticated, UnsupportedMedia, WebUIError
from modules.engine.jobs import LOCAL
from modules.settings.flags import Accounts, Flags

PUBLIC = frozenset({"/internal/ping"})      # answered without an account
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("application/x-www-form-urlencoded", "text/plain")      # what a foreign page can post without asking
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
}


class Access:
    """Sets `scope["owner"]` for everything behind it, or answers with 401, 403 or 415."""

    def __init__(self, app: ASGIApp, accounts: Accounts, flags: Flags) -> None:
        self.app, self.accounts = app, accounts
        self.hosts = allowed_hosts(flags)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            self.check_host(headers)
            self.check_origin(scope, headers)
            scope["owner"] = self.owner(scope, headers)
        except WebUIError as error:
            await refuse(error, scope, receive, with_headers(send))
            return
        await self.app(scope, receive, with_headers(send))

    def check_host(self, headers: Headers) -> None:
        """Only names this server goes by: a foreign name that was pointed here (DNS rebinding) is turned away."""
        if hostname(headers.get("host", "")) not in self.hosts:
            raise BadHost("This server does not go by that name.", "Use the address it printed at its start.")

    def check_origin(self, scope: Scope, headers: Headers) -> None:
        """What changes something, or opens a socket, must come from our own page or from no page at all."""
        if scope["type"] == "http" and scope["method"] in SAFE:
            return
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            raise BadOrigin("That page may not speak to this server.", "Open Easel's own page.")
        form = headers.get("content-type", "").split(";")[0].strip().lower() in FORMS
        if scope["type"] == "http" and form:
            raise UnsupportedMedia("Send JSON.", "Set the header Content-Type: application/json.")

    def owner(self, scope: Scope, headers: Headers) -> str:
        """Who asks. Raises Unauthenticated."""
        if not self.accounts:
            return LOCAL
        name, password = basic_credentials(headers.get("authorization", ""))
        found = [known for known, secret in self.accounts if same(known, name) & same(secret, password)]
        if found:
            return found[0]
        if scope["path"].removeprefix(scope.get("root_path", "")) in PUBLIC:
            return ""
        raise Unauthenticated("Please log in.", "Name and password are those of --gradio-auth or --api-auth.")


def same(secret: str, given: str) -> bool:
    """Takes as long for a good guess as for a bad one."""
    return hmac.compare_digest(secret.encode(), given.encode())


def basic_credentials(header: str) -> tuple[str, str]:
    """Name and password of HTTP Basic authentication (RFC 7617); two empty texts if there are none."""
    scheme, _, encoded = header.partition(" ")
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (name, password) if scheme.lower() == "basic" else ("", "")


def hostname(host: str) -> str:
    """The name in a Host header, without its port; "" if it is not one."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if not set(host) & set("/?#@\\") else ""
    except ValueError:
        return ""


def allowed_hosts(flags: Flags) -> frozenset[str]:
    """Loopback always; beyond it, the names and addresses this computer has."""
    hosts = {"127.0.0.1", "localhost", "::1"}
    if flags.server_name:
        hosts.add(flags.server_name.lower())
    if flags.host not in hosts or flags.listen:
        hosts |= {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local", *own_addresses()}
    return frozenset(hosts)


def own_addresses() -> Iterable[str]:
    import psutil

    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            try:
                yield str(ipaddress.ip_address(address.address.split("%")[0]))
            except ValueError:      # a hardware address
                continue


async def refuse(error: WebUIError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403})
        return
    login = {"WWW-Authenticate": 'Basic realm="Easel", charset="UTF-8"'} if error.status == 401 else {}
    await JSONResponse(body_of(error), error.status, login)(scope, receive, send)


def with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
