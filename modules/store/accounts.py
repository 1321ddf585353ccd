"""Accounts, their sessions and tokens, and the audit log, in the database. Of secrets only hashes are kept.

The server and the terminal may both write: a cache of what was read asks `revision` whether it has changed.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from modules.base.accounts import Account, Role, account_key, account_name
from modules.base.errors import Conflict, UnknownName
from modules.store.database import Database

SESSION_KIND, TOKEN_KIND = "session", "token"
SECRET_BYTES = 32
TOKEN_PREFIX = "easel_"      # so that a leaked token, also to a scanner, is recognised
MOST_TOKENS, MOST_SESSIONS = 50, 50      # per account; of more sessions the longest unused is ended
SESSION_SECONDS = 30 * 86400      # since the last use
KEPT_AUDIT = 20_000      # audit entries
LONGEST_LABEL = 100      # characters


@dataclass(frozen=True, slots=True)
class AccountRecord:
    name: str
    role: Role
    password: str             # argon2's hash
    disabled: bool
    deleted: bool             # its name stays taken: its jobs and pictures still have it
    created: float

    @property
    def usable(self) -> bool:
        return not (self.disabled or self.deleted)


@dataclass(frozen=True, slots=True)
class CredentialRecord:
    """A session or a token."""

    id: str
    kind: str
    account: str
    label: str                # the token's name, or the session's browser
    address: str              # the address that it was made from
    created: float
    used: float


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at: float
    account: str
    action: str
    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class AccountsSnapshot:
    """The data for logins, as they were at a revision."""

    revision: int
    accounts: Mapping[str, AccountRecord]          # by the key of its name
    credentials: Mapping[str, CredentialRecord]    # by the hash of its secret


class AccountStore:
    """The accounts in the database. Any thread may call any method."""

    def __init__(self, path: Path) -> None:
        self.db = Database(path)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that excludes other writers from its first statement on."""
        with self.db.open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    def revision(self) -> int:
        with self.db.reading() as db:
            return int(db.execute("SELECT number FROM accounts_revision").fetchone()[0])

    def snapshot(self) -> AccountsSnapshot:
        with self.db.open() as db:
            db.execute("BEGIN")      # so that all reads see one moment
            revision = int(db.execute("SELECT number FROM accounts_revision").fetchone()[0])
            accounts = {row["key"]: account_record(row) for row in db.execute("SELECT * FROM accounts")}
            credentials = {row["hash"]: credential_record(row) for row in db.execute("SELECT * FROM credentials")}
        return AccountsSnapshot(revision, accounts, credentials)

    # Accounts

    def list(self) -> Sequence[AccountRecord]:
        """Return the accounts that are not deleted, by name."""
        with self.db.reading() as db:
            return [account_record(row) for row in db.execute("SELECT * FROM accounts WHERE NOT deleted ORDER BY key")]

    def get(self, name: str) -> AccountRecord:
        """Return the account of that name. Raises UnknownName."""
        with self.db.reading() as db:
            return existing(db, name)

    def add(self, name: str, role: Role, password: str, returning: bool = False) -> AccountRecord:
        """Add an account.

        returning: True if the person of a deleted account comes back, and gets its pictures again
        Raises Invalid for a name that is not allowed, Conflict for one that is taken.
        """
        name = account_name(name)
        with self._writing() as db:
            insert_account(db, AccountRecord(name, role, password, False, False, time.time()), returning)
            return existing(db, name)

    def add_first(self, name: str, password: str) -> AccountRecord:
        """Add the administrator's account, if there is none yet. Raises Invalid or Conflict."""
        name = account_name(name)
        with self._writing() as db:
            if db.execute("SELECT 1 FROM accounts WHERE NOT deleted").fetchone():
                raise Conflict("There is an account already.", "Log in.")
            record = AccountRecord(name, Role.ADMINISTRATOR, password, False, False, time.time())
            insert_account(db, record, returning=True)
            return existing(db, name)

    def set_password(self, name: str, password: str) -> None:
        """Set the password, and end the account's sessions and tokens. Raises UnknownName."""
        with self._writing() as db:
            record = existing(db, name)
            db.execute("UPDATE accounts SET password = ? WHERE name = ?", (password, record.name))
            db.execute("DELETE FROM credentials WHERE account = ?", (record.name,))

    def set_role(self, name: str, role: Role) -> None:
        """Set the role. Raises UnknownName, or Conflict for the last administrator."""
        with self._writing() as db:
            record = existing(db, name)
            if role < Role.ADMINISTRATOR:
                keep_an_administrator(db, record)
            db.execute("UPDATE accounts SET role = ? WHERE name = ?", (int(role), record.name))

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Disable or enable an account.

        A disabled account has no sessions and tokens. Raises UnknownName, or Conflict for the last administrator.
        """
        with self._writing() as db:
            record = existing(db, name)
            if disabled:
                keep_an_administrator(db, record)
                db.execute("DELETE FROM credentials WHERE account = ?", (record.name,))
            db.execute("UPDATE accounts SET disabled = ? WHERE name = ?", (disabled, record.name))

    def delete(self, name: str) -> None:
        """Delete an account; its pictures and jobs stay, and its name stays taken.

        Raises UnknownName, or Conflict for the last administrator of others.
        """
        with self._writing() as db:
            record = existing(db, name)
            if db.execute("SELECT 1 FROM accounts WHERE NOT deleted AND name != ?", (record.name,)).fetchone():
                keep_an_administrator(db, record)
            db.execute("DELETE FROM credentials WHERE account = ?", (record.name,))
            db.execute("UPDATE accounts SET deleted = 1, password = '' WHERE name = ?", (record.name,))

    # Sessions and tokens

    def add_session(self, account: str, browser: str, address: str) -> str:
        """Add a session and return its secret, which is not stored."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with self._writing() as db:
            insert_credential(db, SESSION_KIND, secret, account, browser, address)
            oldest = "SELECT id FROM credentials WHERE account = ? AND kind = ? ORDER BY used DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM credentials WHERE id IN ({oldest})", (account, SESSION_KIND, MOST_SESSIONS))
        return secret

    def add_token(self, account: str, label: str, address: str) -> str:
        """Add a token and return its secret, which is not stored. Raises Conflict."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        with self._writing() as db:
            of_account = (account, TOKEN_KIND)
            found = db.execute("SELECT label FROM credentials WHERE account = ? AND kind = ?", of_account).fetchall()
            if len(found) >= MOST_TOKENS:
                raise Conflict(f"There are {MOST_TOKENS} tokens already.", "Revoke one that is not used.")
            insert_credential(db, TOKEN_KIND, secret, account, label, address)
        return secret

    def credentials(self, account: str, kind: str) -> Sequence[CredentialRecord]:
        """Return the sessions or tokens of one account, newest first."""
        ask = "SELECT * FROM credentials WHERE account = ? AND kind = ? AND used > ? ORDER BY created DESC, id"
        since = time.time() - SESSION_SECONDS if kind == SESSION_KIND else 0
        with self.db.reading() as db:
            return [credential_record(row) for row in db.execute(ask, (account, kind, since))]

    def end_credential(self, account: str, identity: str) -> CredentialRecord:
        """End a session or token of the account. Raises UnknownName if the account has none of that id."""
        with self._writing() as db:
            ask = "SELECT * FROM credentials WHERE id = ? AND account = ?"
            if (row := db.execute(ask, (identity, account)).fetchone()) is None:
                raise UnknownName("session or token", identity, [])
            db.execute("DELETE FROM credentials WHERE id = ?", (identity,))
            return credential_record(row)

    def end_all_of(self, accounts: Sequence[str]) -> None:
        """End the sessions and tokens of these accounts."""
        with self.db.open() as db:
            db.executemany("DELETE FROM credentials WHERE account = ?", [(name,) for name in accounts])

    def note_uses(self, uses: Mapping[str, float]) -> None:
        """Note the last uses, and end the sessions that have not been used for long.

        uses: id of a session or token → the time of its use
        """
        with self.db.open() as db:
            db.executemany("UPDATE credentials SET used = ? WHERE id = ?", [(at, key) for key, at in uses.items()])
            old = time.time() - SESSION_SECONDS
            db.execute("DELETE FROM credentials WHERE kind = ? AND used < ?", (SESSION_KIND, old))

    # The audit log

    def note(self, account: str, action: str, subject: str = "", address: str = "") -> None:
        """Add an entry to the audit log; it must contain no secret."""
        with self.db.open() as db:
            row = time.time(), account, action, subject[:LONGEST_LABEL], address
            db.execute("INSERT INTO audit (at, account, action, subject, address) VALUES (?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?", (KEPT_AUDIT,))

    def audit(self, limit: int, before: float = float("inf")) -> Sequence[AuditEntry]:
        """The newest entries from before a time, newest first."""
        ask = "SELECT at, account, action, subject, address FROM audit WHERE at < ? ORDER BY number DESC LIMIT ?"
        with self.db.reading() as db:
            return [AuditEntry(*row) for row in db.execute(ask, (before, limit))]


def existing(db: sqlite3.Connection, name: str) -> AccountRecord:
    """Return the account of that name. Raises UnknownName."""
    row = db.execute("SELECT * FROM accounts WHERE key = ? AND NOT deleted", (account_key(name),)).fetchone()
    if row is None:
        known = db.execute("SELECT name FROM accounts WHERE NOT deleted")
        raise UnknownName("account", name, [each["name"] for each in known])
    return account_record(row)


def insert_account(db: sqlite3.Connection, record: AccountRecord, returning: bool) -> None:
    """Insert an account, or replace a deleted one. Raises Conflict."""
    key = account_key(record.name)
    row = db.execute("SELECT * FROM accounts WHERE key = ?", (key,)).fetchone()
    if row is None:
        values = record.name, key, int(record.role), record.password, record.created
        db.execute("INSERT INTO accounts (name, key, role, password, created) VALUES (?, ?, ?, ?, ?)", values)
    elif row["deleted"] and returning:
        back = "UPDATE accounts SET role = ?, password = ?, disabled = 0, deleted = 0 WHERE key = ?"
        db.execute(back, (int(record.role), record.password, key))
    elif row["deleted"]:
        raise Conflict(
            f"There was an account called {row['name']}, whose pictures are still here.",
            "Choose another name, or say that it is the same person, who comes back.",
        )
    else:
        raise Conflict(f"There is an account called {row['name']} already.", "Choose another name.")


def keep_an_administrator(db: sqlite3.Connection, record: AccountRecord) -> None:
    """Raise Conflict if no other account could administer the server."""
    others = db.execute(
        "SELECT 1 FROM accounts WHERE role = ? AND NOT disabled AND NOT deleted AND name != ?",
        (int(Role.ADMINISTRATOR), record.name),
    )
    if record.role == Role.ADMINISTRATOR and others.fetchone() is None:
        raise Conflict(f"{record.name} is the only administrator.", "Make somebody else an administrator first.")


def insert_credential(
    db: sqlite3.Connection, kind: str, secret: str, account: str, label: str, address: str
) -> None:
    now = time.time()
    row = secrets.token_hex(8), kind, secret_hash(secret), account, label[:LONGEST_LABEL], address, now, now
    db.execute("INSERT INTO credentials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def secret_hash(secret: str) -> str:
    """Return the secret's hash; without salt, since 256 random bits cannot be guessed."""
    return sha256(secret.encode(errors="replace")).hexdigest()


def account_record(row: sqlite3.Row) -> AccountRecord:
    return AccountRecord(
        row["name"], Role(row["role"]), row["password"], bool(row["disabled"]), bool(row["deleted"]), row["created"]
    )


def credential_record(row: sqlite3.Row) -> CredentialRecord:
    return CredentialRecord(
        row["id"], row["kind"], row["account"], row["label"], row["address"], row["created"], row["used"]
    )


def account_of(record: AccountRecord) -> Account:
    return Account(record.name, record.role)
