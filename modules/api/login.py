"""The pages for logging in and for accounts: small ones of our own, without gradio."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

from annotated_types import MaxLen
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from pydantic import Field

from modules.api.access import client_address
from modules.api.audit_log import note
from modules.api.cookies import SESSION_COOKIE, SETUP_COOKIE, Cookies
from modules.api.routing import KnownFields, router
from modules.app.app import App
from modules.app.authentication import Credential
from modules.app.colours import COLOURS
from modules.app.languages import LANGUAGE_COOKIE, WORDING, language_of, shipped_words
from modules.app.passwords import check_password_form
from modules.base.accounts import LOCAL_OWNER, Role, account_name
from modules.base.errors import Conflict, Forbidden, NotFound, Unauthenticated
from modules.base.limits import MAX_ID
from modules.store.accounts import SESSION_KIND, SESSION_SECONDS

ACCOUNT_PAGES = Path(__file__).parent / "pages"
PAGE_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PAGE_FILE_HEADERS = {"Cache-Control": "private, no-cache", "Content-Security-Policy": PAGE_POLICY}
SETUP_SECONDS = 3600

LoginText = Annotated[str, MaxLen(1000)]


class Login(KnownFields):
    name: LoginText
    password: LoginText = Field(repr=False)


def routes(app: App) -> APIRouter:
    api = APIRouter()
    for part in (login_routes(app), setup_routes(app), account_pages(app)):
        api.routes.extend(part.routes)
    return api


def login_routes(app: App) -> APIRouter:
    api, cookies, auth = router("accounts", "", Role.ANYONE), Cookies(app.flags.subpath), app.authenticator

    @api.get("/login", include_in_schema=False)
    def login_page(request: Request) -> Response:
        if not auth.required or request.scope["credential"].kind == SESSION_KIND:
            return redirect(app, "/")
        return page("login.html") if auth.has_accounts else redirect(app, "/setup")

    @api.post("/login", include_in_schema=False)
    async def login(body: Login, request: Request) -> Response:
        """Start a session; its secret is in the cookie of the reply."""
        check_needed(app)
        credential = await checked_password(app, request, body.name, body.password)
        return await begin_session(app, cookies, request, credential)

    @api.post("/logout", include_in_schema=False)
    async def logout(request: Request) -> Response:
        """End the session, and all its open requests."""
        credential = request.scope["credential"]
        if credential.kind == SESSION_KIND:
            await end_session(app, request, credential)
        response = Response(status_code=204)
        cookies.clear(response, request.scope, SESSION_COOKIE)
        return response

    @api.get("/login/words.js", include_in_schema=False)
    def words(request: Request) -> Response:
        """The words of the language in which these pages are."""
        account = request.scope["credential"].account
        owner = account.name if account.role >= Role.GUEST else LOCAL_OWNER
        accepted, cookie = request.headers.get("accept-language", ""), request.cookies.get(LANGUAGE_COOKIE, "")
        language = language_of(app, owner, cookie, accepted)
        tag, own = (json.dumps(each, ensure_ascii=False) for each in (language.tag, language.own))
        script = f"window.wording.use({tag}, {shipped_words(language.tag)}, {own});"
        return Response(script, media_type=PAGE_TYPES[".js"], headers=PAGE_FILE_HEADERS)

    @api.get("/login/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        """A file of these pages."""
        path = page_files().get(name)
        if path is None:
            raise NotFound("There is nothing at that address.", "The addresses of the API are at /docs.")
        return FileResponse(path, media_type=PAGE_TYPES[path.suffix], headers=PAGE_FILE_HEADERS)

    return api


def setup_routes(app: App) -> APIRouter:
    """Return the routes of a server's first account."""
    api, cookies, auth = router("accounts", "", Role.ANYONE), Cookies(app.flags.subpath), app.authenticator

    @api.get("/setup", include_in_schema=False)
    def setup_page(request: Request, token: Annotated[str, Query(max_length=MAX_ID)] = "") -> Response:
        """The page behind the link in the terminal; its token leaves the address at once."""
        if not auth.required or auth.has_accounts:
            return redirect(app, "/login")
        if token:
            response = redirect(app, "/setup")
            if secret := app.setup_link.open(token):
                cookies.set(response, request.scope, SETUP_COOKIE, secret, SETUP_SECONDS)
            return response
        opened = app.setup_link.is_opened_by(cookies.read(request.scope, SETUP_COOKIE))
        return page("setup.html" if opened else "unset.html")

    @api.post("/setup", include_in_schema=False)
    async def setup(body: Login, request: Request) -> Response:
        """Make the administrator's account, once, and start a session."""
        if not app.setup_link.is_opened_by(cookies.read(request.scope, SETUP_COOKIE)):
            raise Forbidden("This needs the link that the terminal shows.", "Start Easel again for a new one.")
        check_password_form(body.password, account_name(body.name))
        hashed = await auth.hash(body.password)
        record = await asyncio.to_thread(auth.store.add_first, body.name, hashed)
        app.setup_link.end()
        await auth.refresh()
        await note(app, request, record.name, "made the first account", record.name)
        credential = await auth.by_password(body.name, body.password, client_address(request.scope))
        response = await begin_session(app, cookies, request, credential)
        cookies.clear(response, request.scope, SETUP_COOKIE)
        return response

    return api


def account_pages(app: App) -> APIRouter:
    """Return the routes of the pages for those who are logged in."""
    everybody, administrators = router("accounts", "", Role.GUEST), router("accounts", "", Role.ADMINISTRATOR)
    auth = app.authenticator

    @everybody.get("/account", include_in_schema=False)
    def account_page() -> Response:
        return page("account.html") if auth.required else redirect(app, "/")

    @administrators.get("/accounts", include_in_schema=False)
    def accounts_page() -> Response:
        return page("accounts.html") if auth.required else redirect(app, "/")

    everybody.routes.extend(administrators.routes)
    return everybody


def page_files() -> dict[str, Path]:
    """Return the pages' files by their names."""
    return {path.name: path for path in (*ACCOUNT_PAGES.iterdir(), COLOURS, WORDING) if path.suffix in PAGE_TYPES}


def page(name: str) -> HTMLResponse:
    html = (ACCOUNT_PAGES / name).read_text(encoding="utf-8")
    return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})


def redirect(app: App, path: str) -> RedirectResponse:
    return RedirectResponse(f"{app.flags.subpath}{path}", 303, {"Cache-Control": "no-store"})


def check_needed(app: App) -> None:
    """Raise Conflict on a server without accounts."""
    if not app.authenticator.required:
        raise Conflict("There are no accounts here.", "`python3 webui.py users add NAME` makes the first one.")


async def checked_password(app: App, request: Request, name: str, password: str) -> Credential:
    """Return the credential of a password. Raises Unauthenticated, which the audit log notes, or RateLimited."""
    auth = app.authenticator
    try:
        return await auth.by_password(name, password, client_address(request.scope))
    except Unauthenticated:
        known = auth.account(name)      # an unknown name may be a password typed there
        await note(app, request, known.name if known else "", "gave a wrong password")
        raise


async def begin_session(app: App, cookies: Cookies, request: Request, credential: Credential) -> Response:
    """Return a reply with a new session's cookie."""
    name, auth = credential.account.name, app.authenticator
    browser, address = browser_name(request.headers.get("user-agent", "")), client_address(request.scope)
    secret = await asyncio.to_thread(auth.store.add_session, name, browser, address)
    await auth.refresh()
    await note(app, request, name, "logged in", browser)
    response = JSONResponse({"name": name, "role": credential.account.role.name.lower()})
    cookies.set(response, request.scope, SESSION_COOKIE, secret, SESSION_SECONDS)
    return response


async def end_session(app: App, request: Request, credential: Credential) -> None:
    name, auth = credential.account.name, app.authenticator
    await asyncio.to_thread(auth.store.end_credential, name, credential.id)
    await auth.refresh()
    await note(app, request, name, "logged out")


BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "Mac", "Linux": "Linux",
}


def browser_name(agent: str) -> str:
    """Return a User-Agent's browser, in words that its owner knows."""
    browser = next((name for sign, name in BROWSERS.items() if f"{sign}/" in agent), "")
    system = next((name for sign, name in SYSTEMS.items() if sign in agent), "")
    return f"{browser}, {system}" if browser and system else browser or agent.partition("/")[0][:40]
