"""Authentication by password, token or session, from a copy in memory that follows the database."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from modules.app.login_throttle import LoginThrottle
from modules.app.passwords import LONGEST_PASSWORD, hash_password, matches_password
from modules.base.accounts import LOCAL_ACCOUNT, NOBODY, Account, Role, account_key
from modules.base.errors import Unauthenticated, WebUIError
from modules.settings.flags import LOOPBACK, Flags
from modules.store.accounts import (
    SESSION_KIND,
    SESSION_SECONDS,
    TOKEN_KIND,
    AccountRecord,
    AccountsSnapshot,
    AccountStore,
    CredentialRecord,
    account_of,
    secret_hash,
)

log = logging.getLogger(__name__)
VERIFIED_SECONDS = 300      # a right password is not hashed again for so long: clients send it with each call
MOST_VERIFIED = 1000
HASHING_THREADS = 2      # each uses 19 MiB while it computes
USES_SECONDS = 60      # between two writes of a credential's last use
WRONG_LOGIN_HINT = "The administrator of this server can give you a new password."


@dataclass(frozen=True, slots=True)
class Credential:
    """A shown credential and its account.

    kind: SESSION_KIND, TOKEN_KIND, "password", "local" where there are no accounts, "" for nothing
    id: of the session or token; of a password, a stamp that changes with it
    """

    account: Account
    kind: str
    id: str = ""


NO_CREDENTIAL = Credential(NOBODY, "")
LOCAL_CREDENTIAL = Credential(LOCAL_ACCOUNT, "local")


class Authenticator:
    """The accounts of the database and of the flags. All but `refresh` and `required` belongs to the event loop."""

    def __init__(self, store: AccountStore, flags: Flags) -> None:
        self.store, self.beyond_loopback = store, flags.host not in LOOPBACK
        self.flag_accounts = flag_accounts(flags)
        self.throttle = LoginThrottle()
        self.changed: list[Callable[[], None]] = []      # called on the event loop
        self._snapshot = store.snapshot()
        self._by_id = {each.id: each for each in self._snapshot.credentials.values()}
        self._reading = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._verified: dict[bytes, tuple[Credential, float]] = {}      # keyed hash of name and password → valid until
        self._uses: dict[str, float] = {}
        self._hashing = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="passwords")
        self._unknown = ""      # a hash that no password has, computed when it is first needed

    @property
    def has_accounts(self) -> bool:
        return bool(self.flag_accounts) or any(not each.deleted for each in self._snapshot.accounts.values())

    @property
    def required(self) -> bool:
        """True if people must log in: not on one's own machine, unless there are accounts."""
        return self.beyond_loopback or self.has_accounts

    # The copy in memory

    async def refresh(self) -> None:
        """Read the accounts again if anything has changed, and call the listeners."""
        if await asyncio.to_thread(self._read_changes):
            self._verified.clear()
            for tell in tuple(self.changed):
                tell()

    def _read_changes(self) -> bool:
        with self._reading:
            if self.store.revision() == self._snapshot.revision:
                return False
            found = self.store.snapshot()
            self._by_id = {each.id: each for each in found.credentials.values()}
            self._snapshot = found
            return True

    async def watch(self, seconds: float) -> None:
        """Look for changes by other processes, and record what was used, again and again until cancelled."""
        recorded = time.monotonic()
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
                if self._uses and time.monotonic() - recorded >= USES_SECONDS:
                    uses, self._uses, recorded = self._uses, {}, time.monotonic()
                    await asyncio.to_thread(self.store.note_uses, uses)
            except (sqlite3.Error, WebUIError) as error:      # a full disk, a locked file: the next look may succeed
                log.warning("The accounts could not be read again: %s", error)

    def forget_flag_sessions(self) -> None:
        """End the sessions of the flags' accounts at a start: the flags may have other passwords now."""
        self.store.end_all_of([each.account.name for each in self.flag_accounts.values()])
        self._read_changes()

    @property
    def snapshot(self) -> AccountsSnapshot:
        return self._snapshot

    def last_use(self, record: CredentialRecord) -> float:
        return self._uses.get(record.id, record.used)

    # Credentials

    def account(self, name: str) -> Account | None:
        """Return the account of that name, if it is enabled."""
        key = account_key(name)
        if key in self.flag_accounts:
            return self.flag_accounts[key].account
        record = self._snapshot.accounts.get(key)
        return account_of(record) if record and record.usable else None

    def by_secret(self, kind: str, secret: str) -> Credential | None:
        """Return a session or token that exists and whose account is enabled."""
        record = self._snapshot.credentials.get(secret_hash(secret))
        if record is None or record.kind != kind or self._is_over(record):
            return None
        account = self.account(record.account)
        if account is None:
            return None
        self._uses[record.id] = time.time()
        return Credential(account, kind, record.id)

    async def by_password(self, name: str, password: str, address: str) -> Credential:
        """Return the credential of a name and password.

        Raises Unauthenticated, or RateLimited after too many wrong passwords.
        """
        key = hmac.digest(self._key, f"{account_key(name)}\0{password}".encode(errors="replace"), "sha256")
        if found := self._remembered(key):
            return found
        self.throttle.begin(account_key(name), address)
        revision, credential = self._snapshot.revision, await self._verify(name, password)
        if credential is None:
            raise Unauthenticated("Name or password is wrong.", WRONG_LOGIN_HINT)
        self.throttle.succeed(account_key(name), address)
        if revision == self._snapshot.revision:
            self._remember(key, credential)
        return credential

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._hashing, hash_password, password)

    def stands(self, credential: Credential) -> bool:
        """Return whether the credential is still valid; open requests are checked after every change."""
        name = credential.account.name
        if credential.kind in (SESSION_KIND, TOKEN_KIND):
            found = self._by_id.get(credential.id)
            return found is not None and not self._is_over(found) and self.account(name) is not None
        if credential.kind == "password":
            record = self._snapshot.accounts.get(account_key(name))
            return self.account(name) is not None and password_stamp(record) == credential.id
        return credential.kind == "" or not self.required

    async def _verify(self, name: str, password: str) -> Credential | None:
        """Check a password; an unknown name takes as much time as a known one."""
        password = password[:LONGEST_PASSWORD + 1]      # longer ones do not exist
        key = account_key(name)
        of_flags, record = self.flag_accounts.get(key), self._snapshot.accounts.get(key)
        run = asyncio.get_running_loop().run_in_executor
        self._unknown = self._unknown or await run(self._hashing, hash_password, secrets.token_urlsafe(16))
        hashed = record.password if record and record.usable and not of_flags else self._unknown
        right = await run(self._hashing, matches_password, hashed, password)
        if of_flags:
            right = of_flags.has_password(password)
        account = self.account(name)
        return Credential(account, "password", password_stamp(record)) if right and account else None

    def _is_over(self, record: CredentialRecord) -> bool:
        return record.kind == SESSION_KIND and self.last_use(record) + SESSION_SECONDS < time.time()

    def _remembered(self, key: bytes) -> Credential | None:
        credential, until = self._verified.get(key, (None, 0.0))
        return credential if time.monotonic() < until else None

    def _remember(self, key: bytes, credential: Credential) -> None:
        if len(self._verified) >= MOST_VERIFIED:
            self._verified.clear()
        self._verified[key] = credential, time.monotonic() + VERIFIED_SECONDS


@dataclass(frozen=True, slots=True)
class FlagAccount:
    """An account of the flags; its password may differ between --gradio-auth and --api-auth."""

    account: Account
    passwords: tuple[str, ...]

    def has_password(self, password: str) -> bool:
        """Compare a password, in constant time."""
        given = password.encode(errors="replace")
        return sum(hmac.compare_digest(each.encode(), given) for each in self.passwords) > 0


def flag_accounts(flags: Flags) -> Mapping[str, FlagAccount]:
    """Return the accounts of --gradio-auth, --gradio-auth-path and --api-auth by key; the first is an administrator."""
    found: dict[str, FlagAccount] = {}
    for name, password in flags.accounts:
        role = Role.MEMBER if found else Role.ADMINISTRATOR
        known = found.get(account_key(name), FlagAccount(Account(name, role), ()))
        found[account_key(name)] = FlagAccount(known.account, (*known.passwords, password))
    return found


def password_stamp(record: AccountRecord | None) -> str:
    """Return a stamp that changes with the account's password."""
    return sha256(record.password.encode()).hexdigest() if record else ""
