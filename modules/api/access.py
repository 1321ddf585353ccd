"""The door: which hosts, origins and people may speak to the server. Plain ASGI, in front of page and API alike."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import logging
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.api.errors import body_of, error_headers
from modules.api.forwarding import TrustedProxies
from modules.api.incoming import IncomingBody, with_readable_range
from modules.api.origins import PREFLIGHT_HEADERS, SAFE, Origins
from modules.api.outgoing import SECURITY_HEADERS, OutgoingResponse
from modules.api.routing import check_size, declared_size
from modules.base.accounts import LOCAL_ACCOUNT, NOBODY, Account, Role
from modules.base.errors import BadHost, NotFound, Unauthenticated, UnsupportedMedia, WebUIError
from modules.settings.flags import Accounts, Flags

log = logging.getLogger(__name__)
PUBLIC = "/internal/ping"      # answered without an account
# what a foreign page can post without asking
FORM_CONTENT_TYPES = ("application/x-www-form-urlencoded", "text/plain")
LONGEST_PATH, LONGEST_PATH_PART = 2000, 255      # characters of an address, bytes of a part of it
CONTROLS = frozenset(map(chr, (*range(32), 127)))


class Access:
    """Sets `scope["account"]` for everything behind it, or answers with a refusal. It stands before all routing."""

    def __init__(self, app: ASGIApp, accounts: Accounts, flags: Flags) -> None:
        self.app, self.accounts = app, accounts
        self.hosts = allowed_hosts(flags)
        self.proxies = TrustedProxies(flags.trusted_proxy)
        self.origins = Origins(flags)
        self.public = flags.subpath + PUBLIC

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scope = with_readable_range(self.proxies.seen_through(scope))
        body = IncomingBody(Headers(scope=scope), receive)
        response = OutgoingResponse(send, body)
        try:
            await self.admit(scope, body, response)
            await response.finish(scope, receive)
        except Exception as error:       # the request's border: its client is told, the HTTP server hears of nothing
            if isinstance(error, WebUIError) and not response.started:
                await refuse(error, scope, receive, response.send)
            else:
                told = await response.fail(scope, receive)
                log.error(
                    "Request %s failed: %s %.200r",
                    told,
                    scope.get("method", scope["type"]),
                    scope["path"],
                    exc_info=error,
                )

    async def admit(self, scope: Scope, body: IncomingBody, response: OutgoingResponse) -> None:
        """Let the request in. Raises WebUIError."""
        headers = Headers(scope=scope)
        self.check_host(headers)
        response.headers = {**SECURITY_HEADERS, **self.origins.headers(headers)}
        if self.origins.preflight(scope, headers):
            await Response(status_code=204, headers=PREFLIGHT_HEADERS)(scope, body.receive, response.send)
            return
        self.origins.check(scope, headers)
        check_form(scope, headers)
        scope["account"] = self.account(scope, headers)
        check_target(scope["path"])
        check_size(declared_size(headers))
        await self.app(scope, body.receive, response.send)

    def check_host(self, headers: Headers) -> None:
        """Only names this server goes by: a foreign name that was pointed here (DNS rebinding) is turned away."""
        if hostname(headers.get("host", "")) not in self.hosts:
            raise BadHost(
                "This server does not go by that name.",
                "Use the address it printed at its start, or name this one with --allowed-hosts.",
            )

    def account(self, scope: Scope, headers: Headers) -> Account:
        """Who asks. The first account there is administers the server. Raises Unauthenticated."""
        if not self.accounts:
            return LOCAL_ACCOUNT
        name, password = basic_credentials(headers.get("authorization", ""))
        found = [known for known, secret in self.accounts if same_secret(known, name) & same_secret(secret, password)]
        if found:
            return Account(found[0], Role.ADMINISTRATOR if found[0] == self.accounts[0][0] else Role.MEMBER)
        if scope["path"] == self.public:
            return NOBODY
        raise Unauthenticated("Please log in.", "Name and password are those of --gradio-auth or --api-auth.")


def check_form(scope: Scope, headers: Headers) -> None:
    """Raises UnsupportedMedia."""
    form = headers.get("content-type", "").split(";")[0].strip().lower() in FORM_CONTENT_TYPES
    if scope["type"] == "http" and scope["method"] not in SAFE and form:
        raise UnsupportedMedia("Send JSON.", "Set the header Content-Type: application/json.")


def check_target(path: str) -> None:
    """Only what can be a path here: no other form of target, nothing that a file system or a log would stumble over.

    Raises NotFound.
    """
    longest = max(len(part) for part in path.encode(errors="replace").split(b"/"))
    if (
        not path.startswith("/")
        or len(path) > LONGEST_PATH
        or longest > LONGEST_PATH_PART
        or any(letter in CONTROLS for letter in path)
    ):
        raise NotFound("There is nothing at that address.", "The addresses of the API are at /docs.")


def same_secret(secret: str, given: str) -> bool:
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
    hosts = {"127.0.0.1", "localhost", "::1", *flags.allowed_hosts}
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
    await JSONResponse(body_of(error), error.status, {**error_headers(error), **login})(scope, receive, send)
