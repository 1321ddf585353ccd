"""The door: it checks a request's host, origin and account. Plain ASGI, in front of page and API alike."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.api.cookies import SESSION_COOKIE, Cookies
from modules.api.errors import body_of, error_headers
from modules.api.forwarding import TrustedProxies
from modules.api.incoming import BodyMemory, IncomingBody, with_readable_range
from modules.api.open_requests import OpenRequests
from modules.api.origins import PREFLIGHT_HEADERS, SAFE, Origins, own_origin
from modules.api.outgoing import SECURITY_HEADERS, OutgoingResponse
from modules.api.routing import check_size, declared_size
from modules.app.authentication import LOCAL_CREDENTIAL, NO_CREDENTIAL, Authenticator, Credential
from modules.base.accounts import account_key
from modules.base.errors import BadHost, NotFound, Unauthenticated, UnsupportedMedia, WebUIError
from modules.base.own_addresses import own_addresses
from modules.settings.flag_types import normal_origin
from modules.settings.flags import Flags
from modules.store.accounts import SESSION_KIND, TOKEN_KIND, TOKEN_PREFIX

log = logging.getLogger(__name__)
# answered without an account; every other path needs one
PUBLIC = frozenset({
    "/internal/ping", "/internal/ready", "/login", "/logout", "/setup",
    *(f"/login/{name}" for name in ("colours.css", "accounts.css", "favicon.svg")),
    *(f"/login/{name}" for name in ("boot.js", "common.js", "login.js", "setup.js", "wording.js", "words.js")),
})
# the login page, and the pages that it sends a browser back to
PAGES = frozenset({"/", "/docs", "/account", "/accounts"})
# content types that a foreign page can post without a preflight
FORM_CONTENT_TYPES = ("application/x-www-form-urlencoded", "text/plain")
LONGEST_PATH, LONGEST_PATH_PART = 2000, 255      # characters of an address, bytes of a part of it
LONGEST_HOST = 300      # characters of a Host header
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?", re.ASCII)      # a name or address, and a port
MOST_HEADERS = 200
# headers of which a second one would be believed by some and the first by others
SINGLE_HEADERS = ("host", "origin", "authorization", "content-type", "content-encoding", "sec-fetch-site")
CONTROLS = frozenset(map(chr, (*range(32), 127)))


def nobody_counts(status: int) -> None:
    """Where nobody asks for figures."""


class Access:
    """The door's ASGI application, before all routing: it sets `scope["account"]`, or answers with an error."""

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, flags: Flags, count: Callable[[int], None] = nobody_counts
    ) -> None:
        """count: called with the status of each response"""
        self.app, self.authenticator, self.count = app, authenticator, count
        self.hosts = allowed_hosts(flags)
        self.proxies = TrustedProxies(flags.trusted_proxy)
        self.origins = Origins(flags)
        self.bodies = BodyMemory()
        self.subpath, self.cookies = flags.subpath, Cookies(flags.subpath)
        self.open = OpenRequests(authenticator.stands)
        authenticator.changed.append(self.open.end_fallen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scope = with_readable_range(self.proxies.seen_through(scope))
        body = IncomingBody(Headers(scope=scope), receive, self.bodies)
        response = OutgoingResponse(send, body, self.count)
        try:
            await self.admit(scope, body, response)
            await response.finish(scope, receive)
        except Exception as error:       # the request's border: its client gets an answer
            if isinstance(error, Unauthenticated) and response.started:
                await response.end(scope)
            elif isinstance(error, Unauthenticated) and self.is_page(scope):
                await self.send_to_login(scope, receive, response.send)
            elif isinstance(error, WebUIError) and not response.started:
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
        finally:
            body.forget()

    async def admit(self, scope: Scope, body: IncomingBody, response: OutgoingResponse) -> None:
        """Let the request in. Raises WebUIError."""
        headers = Headers(scope=scope)
        check_head(headers)
        self.check_host(headers)
        response.headers = {**SECURITY_HEADERS, **self.origins.headers(headers)}
        if self.origins.preflight(scope, headers):
            await Response(status_code=204, headers=PREFLIGHT_HEADERS)(scope, body.receive, response.send)
            return
        self.origins.check(scope, headers)
        check_form(scope, headers)
        credential = await self.identify(scope, headers)
        scope["credential"], scope["account"] = credential, credential.account
        check_target(scope["path"])
        check_size(declared_size(headers))
        await self.open.run(credential, answer(self.app, scope, body.receive, response.send))

    def check_host(self, headers: Headers) -> None:
        """Refuse a host name that is not this server's: a foreign name may point here (DNS rebinding)."""
        if hostname(headers.get("host", "")) not in self.hosts:
            raise BadHost(
                "This server does not go by that name.",
                "Use the address it printed at its start, or name this one with --allowed-hosts.",
            )

    async def identify(self, scope: Scope, headers: Headers) -> Credential:
        """Return the request's credential; a header goes before a cookie. Raises Unauthenticated or RateLimited."""
        if not self.authenticator.required:
            return LOCAL_CREDENTIAL
        public = scope["path"] in {self.subpath + path for path in PUBLIC}
        if "authorization" not in headers or public:
            found = self.authenticator.by_secret(SESSION_KIND, self.cookies.read(scope, SESSION_COOKIE))
        else:
            found = await self.by_header(scope, headers["authorization"])
        if found is None and public:
            return NO_CREDENTIAL
        if found is None:
            raise Unauthenticated("Please log in.", "A program sends name and password, or a token, as Authorization.")
        return found

    async def by_header(self, scope: Scope, header: str) -> Credential | None:
        """Return the credential in a header: a token, or a name with a password or token. Raises as `identify` does."""
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            return self.authenticator.by_secret(TOKEN_KIND, value.strip())
        name, password = basic_credentials(header)
        if not name:
            return None
        if password.startswith(TOKEN_PREFIX):
            found = self.authenticator.by_secret(TOKEN_KIND, password)
            return found if found and account_key(found.account.name) == account_key(name) else None
        return await self.authenticator.by_password(name, password, client_address(scope))

    def is_page(self, scope: Scope) -> bool:
        """Return whether a browser opens a page, so that it can be sent to the login page."""
        return (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and scope["path"] in {self.subpath + path for path in PAGES} | {self.subpath}
            and "text/html" in Headers(scope=scope).get("accept", "")
        )

    async def send_to_login(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["path"].removeprefix(self.subpath).strip("/")
        where = "login" if self.authenticator.has_accounts else "setup"
        query = f"?next={page}" if page and where == "login" else ""
        await RedirectResponse(f"{self.subpath}/{where}{query}", 303)(scope, receive, send)


async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


def client_address(scope: Scope) -> str:
    """Return the request's address; behind a trusted proxy, the one that the proxy gives."""
    return str((scope.get("client") or ("",))[0])


def check_head(headers: Headers) -> None:
    """Raise WebUIError for more headers than any client needs, and for two that contradict each other."""
    if len(headers) > MOST_HEADERS:
        raise WebUIError("That request has too many headers.", f"Send at most {MOST_HEADERS}.")
    for name in SINGLE_HEADERS:
        if len(headers.getlist(name)) > 1:
            raise WebUIError(f"That request has two headers {name}.", "Send one.")


def check_form(scope: Scope, headers: Headers) -> None:
    """Check how a body is written; plain text is what `fetch` sends a text as. Raises UnsupportedMedia."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):      # nothing is unpacked
        raise UnsupportedMedia("The request's body is compressed.", "Send it as it is, without Content-Encoding.")
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    of_our_page = kind == "text/plain" and normal_origin(headers.get("origin", "")) == own_origin(scope, headers)
    form = kind in FORM_CONTENT_TYPES and not of_our_page
    if scope["type"] == "http" and scope["method"] not in SAFE and form:
        raise UnsupportedMedia("Send JSON.", "Set the header Content-Type: application/json.")


def check_target(path: str) -> None:
    """Raise NotFound for a path that cannot exist here, or that a file system or a log could not handle."""
    longest = max(len(part) for part in path.encode(errors="replace").split(b"/"))
    if (
        not path.startswith("/")
        or len(path) > LONGEST_PATH
        or longest > LONGEST_PATH_PART
        or any(letter in CONTROLS for letter in path)
    ):
        raise NotFound("There is nothing at that address.", "The addresses of the API are at /docs.")


def basic_credentials(header: str) -> tuple[str, str]:
    """Return name and password of HTTP Basic authentication (RFC 7617); two empty texts if there are none."""
    scheme, _, encoded = header.partition(" ")
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (name, password) if scheme.lower() == "basic" else ("", "")


def hostname(host: str) -> str:
    """Return the name in a Host header, without its port; "" if it is malformed."""
    if len(host) > LONGEST_HOST or not HOST.fullmatch(host):
        return ""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "") if parts.port is None or parts.port else ""
    except ValueError:      # no IPv6 address, or a port beyond 65535
        return ""


def allowed_hosts(flags: Flags) -> frozenset[str]:
    """Return the allowed hosts: loopback, and beyond it the names and addresses of this computer."""
    hosts = {"127.0.0.1", "localhost", "::1", *flags.allowed_hosts}
    if flags.server_name:
        hosts.add(flags.server_name.lower())
    if flags.host not in hosts or flags.listen:
        hosts |= {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local", *own_addresses()}
    return frozenset(hosts)


async def refuse(error: WebUIError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403})
        return
    # a browser would ask for a password in a window of its own
    asks = error.status == 401 and "sec-fetch-mode" not in Headers(scope=scope)
    login = {"WWW-Authenticate": 'Basic realm="Easel", charset="UTF-8"'} if asks else {}
    await JSONResponse(body_of(error), error.status, {**error_headers(error), **login})(scope, receive, send)
