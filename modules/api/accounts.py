"""/easel/v1/account: one's own account; /easel/v1/accounts and /audit: all accounts, for administrators."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import MaxLen
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from modules.api.access import client_address
from modules.api.audit_log import note
from modules.api.cookies import Cookies
from modules.api.login import LoginText, begin_session, check_needed, checked_password
from modules.api.routing import KnownFields, account, router
from modules.app.app import App
from modules.app.passwords import check_password_form, made_up_password
from modules.base.accounts import Role, account_key, account_name, with_article
from modules.base.errors import Conflict
from modules.base.limits import Id
from modules.store.accounts import LONGEST_LABEL, SESSION_KIND, TOKEN_KIND, AccountRecord, CredentialRecord

RoleName = Literal["guest", "member", "administrator"]
MOST_ENTRIES = 500      # of the audit log in one reply


class OwnAccount(BaseModel):
    name: str
    role: str
    local: bool         # the server has no accounts
    by_flag: bool       # its password is in the server's flags


class NewPassword(KnownFields):
    current: LoginText = Field(repr=False)
    password: LoginText = Field(repr=False)


class NewToken(KnownFields):
    label: Annotated[str, MaxLen(LONGEST_LABEL)] = Field(description="What it is for, to tell it from others.")


class TokenMade(BaseModel):
    token: str          # its secret, shown only this once
    label: str


class CredentialInfo(BaseModel):
    id: str
    label: str          # a token's name, or a session's browser
    address: str        # the address that it was made from
    created: float      # seconds since 1970, like all times here
    used: float
    current: bool       # True for the credential of this request


class NewAccount(KnownFields):
    name: LoginText
    role: RoleName = "member"
    password: LoginText = Field("", repr=False, description="Without one, one is made up and told.")
    returning: bool = Field(False, description="The same person as a deleted account of that name.")


class AccountMade(BaseModel):
    name: str
    role: str
    password: str       # the generated one, else ""


class AccountChange(KnownFields):
    role: RoleName | None = None
    disabled: bool | None = None
    password: LoginText | None = Field(None, repr=False)


class AccountInfo(BaseModel):
    name: str
    role: str
    disabled: bool
    by_flag: bool
    created: float | None
    used: float | None          # the last use of one of its sessions or tokens
    sessions: int
    tokens: int


class AuditLine(BaseModel):
    at: float
    account: str
    action: str
    subject: str
    address: str


def routes(app: App) -> APIRouter:
    api = APIRouter()
    for part in (own_routes(app), administrator_routes(app)):
        api.routes.extend(part.routes)
    return api


def own_routes(app: App) -> APIRouter:
    api, auth = router("accounts", "/easel/v1", Role.GUEST), app.authenticator

    @api.get("/account")
    def own_account(request: Request) -> OwnAccount:
        """The caller's account."""
        who = account(request)
        by_flag = is_by_flag(app, who.name)
        return OwnAccount(name=who.name, role=who.role.name.lower(), local=who.is_local, by_flag=by_flag)

    @api.post("/account/password", status_code=204)
    async def change_password(body: NewPassword, request: Request) -> Response:
        """Change the password and end all sessions and tokens of the account; the caller gets a new session."""
        name = own_name(app, request)
        check_password_form(body.password, name)
        await checked_password(app, request, name, body.current)
        await set_password(app, name, body.password)
        await note(app, request, name, "changed the password", name)
        if request.scope["credential"].kind != SESSION_KIND:
            return Response(status_code=204)
        credential = await auth.by_password(name, body.password, client_address(request.scope))
        made = await begin_session(app, Cookies(app.flags.subpath), request, credential)
        return Response(status_code=204, headers={"Set-Cookie": made.headers["set-cookie"]})

    @api.get("/account/tokens")
    def tokens(request: Request) -> list[CredentialInfo]:
        """The caller's tokens, without their secrets."""
        return credential_infos(app, request, TOKEN_KIND)

    @api.post("/account/tokens", status_code=201)
    async def make_token(body: NewToken, request: Request) -> TokenMade:
        """Make a token to send as `Authorization: Bearer …`, or in place of the password of HTTP Basic."""
        name, label = own_name(app, request), body.label.strip() or "token"
        secret = await asyncio.to_thread(auth.store.add_token, name, label, client_address(request.scope))
        await auth.refresh()
        await note(app, request, name, "made a token", label)
        return TokenMade(token=secret, label=label)

    @api.get("/account/sessions")
    def sessions(request: Request) -> list[CredentialInfo]:
        """The caller's sessions."""
        return credential_infos(app, request, SESSION_KIND)

    @api.delete("/account/credentials/{credential}", status_code=204)
    async def end_credential(credential: Id, request: Request) -> None:
        """Revoke a token or end a session of the caller's."""
        name = account(request).name
        ended = await asyncio.to_thread(auth.store.end_credential, name, credential)
        await auth.refresh()
        await note(app, request, name, f"ended a {ended.kind}", ended.label)

    return api


def administrator_routes(app: App) -> APIRouter:
    api, auth = router("accounts", "/easel/v1", Role.ADMINISTRATOR), app.authenticator

    @api.get("/accounts")
    def accounts() -> list[AccountInfo]:
        """All accounts: those of the flags, then the others by name."""
        return [*flag_account_infos(app), *(account_info(app, record) for record in auth.store.list())]

    @api.post("/accounts", status_code=201)
    async def add_account(body: NewAccount, request: Request) -> AccountMade:
        """Add an account; the first one of a server must be an administrator."""
        name, role = account_name(body.name), Role[body.role.upper()]
        check_not_by_flag(app, name)
        if not auth.has_accounts and role < Role.ADMINISTRATOR:
            raise Conflict("The first account is the administrator's.", "Give it the role administrator.")
        password = body.password or made_up_password()
        check_password_form(password, name)
        hashed = await auth.hash(password)
        made = await asyncio.to_thread(auth.store.add, name, role, hashed, body.returning)
        await auth.refresh()
        await note(app, request, account(request).name, f"added {with_article(body.role)}", made.name)
        return AccountMade(name=made.name, role=body.role, password="" if body.password else password)

    @api.patch("/accounts/{name}")
    async def change_account(name: Id, body: AccountChange, request: Request) -> AccountInfo:
        """Change the role, disable or enable the account, or set a password; the last two end its sessions."""
        check_not_by_flag(app, name)
        await apply_change(app, body, auth.store.get(name).name, request)
        return account_info(app, auth.store.get(name))

    @api.delete("/accounts/{name}", status_code=204)
    async def delete_account(name: Id, request: Request) -> None:
        """Delete the account. What it has made stays, so its name cannot be given to another."""
        check_not_by_flag(app, name)
        await asyncio.to_thread(auth.store.delete, name)
        await auth.refresh()
        await note(app, request, account(request).name, "deleted an account", name)

    @api.get("/audit")
    def audit(
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100, before: Annotated[float, Query()] = 1e12
    ) -> list[AuditLine]:
        """The audit log: logins and changes of accounts, newest first."""
        entries = auth.store.audit(limit, before)
        return [
            AuditLine(at=each.at, account=each.account, action=each.action, subject=each.subject, address=each.address)
            for each in entries
        ]

    return api


async def apply_change(app: App, body: AccountChange, name: str, request: Request) -> None:
    """Apply the changes in the order below. Raises Conflict, or Invalid for a password; earlier changes then stay."""
    store, by = app.authenticator.store, account(request).name
    if body.password is not None:
        check_password_form(body.password, name)
        await set_password(app, name, body.password)
        await note(app, request, by, "set a password", name)
    if body.role is not None:
        await asyncio.to_thread(store.set_role, name, Role[body.role.upper()])
        await note(app, request, by, f"made a {body.role} of", name)
    if body.disabled is not None:
        await asyncio.to_thread(store.set_disabled, name, body.disabled)
        await note(app, request, by, "disabled" if body.disabled else "enabled", name)
    await app.authenticator.refresh()


async def set_password(app: App, name: str, password: str) -> None:
    hashed = await app.authenticator.hash(password)
    await asyncio.to_thread(app.authenticator.store.set_password, name, hashed)
    await app.authenticator.refresh()


def own_name(app: App, request: Request) -> str:
    """Return the caller's name, if the account is in the database. Raises Conflict if it is not."""
    check_needed(app)
    name = account(request).name
    check_not_by_flag(app, name)
    return name


def is_by_flag(app: App, name: str) -> bool:
    return account_key(name) in app.authenticator.flag_accounts


def check_not_by_flag(app: App, name: str) -> None:
    """Raise Conflict for an account of the flags."""
    if is_by_flag(app, name):
        raise Conflict(
            f"The account {name} stands in the server's flags.",
            "It is changed where the server is started; accounts made on the page have tokens and passwords to change.",
        )


def credential_infos(app: App, request: Request, kind: str) -> list[CredentialInfo]:
    now = request.scope["credential"].id
    found = app.authenticator.store.credentials(account(request).name, kind)
    return [credential_info(app, record, now) for record in found]


def credential_info(app: App, record: CredentialRecord, now: str) -> CredentialInfo:
    return CredentialInfo(
        id=record.id, label=record.label, address=record.address, created=record.created,
        used=app.authenticator.last_use(record), current=record.id == now,
    )


def account_info(app: App, record: AccountRecord) -> AccountInfo:
    found = credentials_of(app, record.name)
    return AccountInfo(
        name=record.name, role=record.role.name.lower(), disabled=record.disabled, by_flag=False,
        created=record.created, used=max(map(app.authenticator.last_use, found), default=None),
        sessions=sum(each.kind == SESSION_KIND for each in found),
        tokens=sum(each.kind == TOKEN_KIND for each in found),
    )


def flag_account_infos(app: App) -> list[AccountInfo]:
    return [
        AccountInfo(
            name=each.account.name, role=each.account.role.name.lower(), disabled=False, by_flag=True, created=None,
            used=None, sessions=len(credentials_of(app, each.account.name)), tokens=0,
        )
        for each in app.authenticator.flag_accounts.values()
    ]


def credentials_of(app: App, name: str) -> Sequence[CredentialRecord]:
    return [each for each in app.authenticator.snapshot.credentials.values() if each.account == name]
