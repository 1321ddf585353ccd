"""Accounts are judged from memory, which follows the database whatever happens to it."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from argon2 import PasswordHasher

from modules.app.authentication import Authenticator
from modules.base.accounts import Role
from modules.base.errors import Unauthenticated
from modules.settings.flags import parse_flags
from modules.store.accounts import AccountStore
from tests.asynchronous import run

PASSWORD = "correct horse"
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
def store(tmp_path):
    found = AccountStore(tmp_path / "easel.sqlite")
    found.add("ann", Role.ADMINISTRATOR, HASHED)
    return found


def test_a_database_that_fails_for_a_while_is_looked_at_again(store, monkeypatch):
    auth, failures = Authenticator(store, parse_flags([], {})), []

    def failing():
        failures.append(1)
        if len(failures) < 3:
            raise sqlite3.OperationalError("database is locked")
        return AccountStore.revision(store)

    async def watched():
        watch = asyncio.create_task(auth.watch(0.01))
        while auth.account("bob") is None:
            await asyncio.sleep(0.01)
        watch.cancel()

    monkeypatch.setattr(store, "revision", failing)
    AccountStore(store.db.path).add("bob", Role.MEMBER, HASHED)
    run(asyncio.wait_for(watched(), 60))
    assert len(failures) >= 3


def test_a_remembered_password_is_forgotten_with_the_change(store):
    auth = Authenticator(store, parse_flags([], {}))

    async def logins():
        first = await auth.by_password("ann", PASSWORD, "")
        assert auth.stands(first)
        store.set_password("ann", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("battery staple"))
        await auth.refresh()
        assert not auth.stands(first)
        with pytest.raises(Unauthenticated):
            await auth.by_password("ann", PASSWORD, "")
        assert (await auth.by_password("ANN", "battery staple", "")).account.name == "ann"

    run(logins())


def test_one_account_may_have_a_password_for_the_page_and_another_for_the_api(store):
    flags = parse_flags(["--gradio-auth", "kim:first-one", "--api-auth", "KIM:other-one,lee:x"], {})
    auth = Authenticator(store, flags)

    async def logins():
        for password in ("first-one", "other-one"):
            assert (await auth.by_password("kim", password, "")).account.role == Role.ADMINISTRATOR
        assert (await auth.by_password("lee", "x", "")).account.role == Role.MEMBER
        with pytest.raises(Unauthenticated):
            await auth.by_password("kim", "x", "")

    run(logins())
