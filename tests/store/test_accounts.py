"""Accounts, sessions, tokens and the audit log in the database."""

from __future__ import annotations

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from modules.base.accounts import Role
from modules.base.errors import Conflict, Invalid, UnknownName, WebUIError
from modules.store import accounts
from modules.store.accounts import SESSION_KIND, TOKEN_KIND, AccountStore, secret_hash


@pytest.fixture
def store(tmp_path):
    found = AccountStore(tmp_path / "easel.sqlite")
    found.add("ann", Role.ADMINISTRATOR, "hash-ann")
    found.add("Bob", Role.MEMBER, "hash-bob")
    return found


def everything(path):
    """All that stands in the database's files."""
    return b"".join(each.read_bytes() for each in path.parent.glob("easel.sqlite*"))


def test_what_is_added_is_there_after_a_restart(store):
    again = AccountStore(store.db.path)
    assert [(each.name, each.role, each.password) for each in again.list()] == [
        ("ann", Role.ADMINISTRATOR, "hash-ann"), ("Bob", Role.MEMBER, "hash-bob"),
    ]
    assert again.get("BOB").name == "Bob"


@pytest.mark.parametrize("name", ["bob", "BOB", "ann"])
def test_a_name_is_given_once_however_it_is_written(store, name):
    with pytest.raises(Conflict):
        store.add(name, Role.GUEST, "hash")


@pytest.mark.parametrize("name", ["", "..", "a/b", "local"])
def test_a_name_that_is_none_is_refused(store, name):
    with pytest.raises(Invalid):
        store.add(name, Role.GUEST, "hash")


def test_secrets_are_told_once_and_never_kept(store):
    secrets = [store.add_session("Bob", "Firefox", "10.0.0.1"), store.add_token("Bob", "phone", "10.0.0.1")]
    assert not [secret for secret in secrets if secret.encode() in everything(store.db.path)]
    assert {secret_hash(secret) for secret in secrets} == store.snapshot().credentials.keys()
    assert len(set(secrets)) == 2 and all(len(secret) >= 43 for secret in secrets)      # 256 bits in base64


@pytest.mark.parametrize("change", [
    lambda store: store.set_password("bob", "hash-2"), lambda store: store.set_disabled("bob", True),
    lambda store: store.delete("bob"), lambda store: store.end_all_of(["Bob"]),
])
def test_a_change_of_password_disabling_and_deletion_end_sessions_and_tokens(store, change):
    for name in ("Bob", "ann"):
        store.add_session(name, "Firefox", "")
        store.add_token(name, "phone", "")
    change(store)
    assert sorted(each.account for each in store.snapshot().credentials.values()) == ["ann", "ann"]


@pytest.mark.parametrize("change", [
    lambda store: store.add("eve", Role.GUEST, "hash"), lambda store: store.set_password("bob", "hash-2"),
    lambda store: store.set_role("bob", Role.GUEST), lambda store: store.set_disabled("bob", True),
    lambda store: store.delete("bob"), lambda store: store.add_session("Bob", "", ""),
    lambda store: store.add_token("Bob", "", ""), lambda store: store.end_all_of(["ann"]),
])
def test_every_change_is_seen_by_another_process(store, change):
    store.add_token("ann", "old", "")
    other, before = AccountStore(store.db.path), store.revision()
    change(other)
    assert store.revision() > before


def test_using_a_session_is_no_change(store):
    store.add_session("Bob", "", "")
    before, (key,) = store.revision(), [each.id for each in store.credentials("Bob", SESSION_KIND)]
    store.note_uses({key: 2.0**40})
    assert store.revision() == before and store.credentials("Bob", SESSION_KIND)[0].used == 2.0**40


@pytest.mark.parametrize("change", [
    lambda store: store.set_role("ann", Role.MEMBER), lambda store: store.set_disabled("ann", True),
    lambda store: store.delete("ann"),
])
def test_the_last_administrator_stays(store, change):
    with pytest.raises(Conflict):
        change(store)
    store.set_role("bob", Role.ADMINISTRATOR)
    change(store)


def test_two_administrators_who_go_at_once_leave_one(store):
    store.set_role("bob", Role.ADMINISTRATOR)

    def demote(name):
        with contextlib.suppress(WebUIError):
            AccountStore(store.db.path).set_role(name, Role.MEMBER)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(demote, ["ann", "bob"]))
    assert sorted(each.role for each in store.list()) == [Role.MEMBER, Role.ADMINISTRATOR]


def test_a_deleted_account_leaves_its_name_to_the_same_person_alone(store):
    store.delete("bob")
    assert [each.name for each in store.list()] == ["ann"]
    with pytest.raises(UnknownName):
        store.get("bob")
    with pytest.raises(Conflict):
        store.add("BOB", Role.GUEST, "hash")
    assert store.add("BOB", Role.GUEST, "hash-3", returning=True).name == "Bob"


def test_the_first_account_is_made_once(tmp_path):
    store = AccountStore(tmp_path / "easel.sqlite")

    def make(name):
        try:
            return AccountStore(store.db.path).add_first(name, "hash").name
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as threads:
        made = [name for name in threads.map(make, ["a1", "a2", "a3", "a4"]) if name]
    assert [(each.name, each.role) for each in store.list()] == [(made[0], Role.ADMINISTRATOR)] and len(made) == 1


def test_nobody_ends_somebody_elses_session(store):
    store.add_session("ann", "Firefox", "")
    (found,) = store.credentials("ann", SESSION_KIND)
    for name in ("Bob", "nobody"):
        with pytest.raises(UnknownName):
            store.end_credential(name, found.id)
    assert store.end_credential("ann", found.id).label == "Firefox"


def test_sessions_and_tokens_are_bounded(store, monkeypatch):
    monkeypatch.setattr(accounts, "MOST_SESSIONS", 3)
    monkeypatch.setattr(accounts, "MOST_TOKENS", 3)
    kept = [store.add_session("Bob", str(number), "") for number in range(5)]
    assert [each.label for each in store.credentials("Bob", SESSION_KIND)] != [] and len(
        store.credentials("Bob", SESSION_KIND)) == 3
    assert secret_hash(kept[-1]) in store.snapshot().credentials
    for number in range(3):
        store.add_token("Bob", str(number), "")
    with pytest.raises(Conflict):
        store.add_token("Bob", "one more", "")
    assert len(store.credentials("Bob", TOKEN_KIND)) == 3


def test_the_audit_log_has_the_newest_first_and_is_bounded(store, monkeypatch):
    monkeypatch.setattr(accounts, "KEPT_AUDIT", 5)
    for number in range(8):
        store.note("ann", "tried", str(number), "10.0.0.1")
    assert [entry.subject for entry in store.audit(100)] == ["7", "6", "5", "4", "3"]
    assert [entry.subject for entry in store.audit(2)] == ["7", "6"]


def test_a_change_that_fails_half_way_has_changed_nothing(store):
    before = store.snapshot()
    with pytest.raises(sqlite3.OperationalError), store.db.open() as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM accounts")
        db.execute("no SQL")
    assert store.snapshot() == before
