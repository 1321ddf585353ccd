"""Accounts from the terminal."""

from __future__ import annotations

import io

import pytest

from modules.app.passwords import matches_password
from modules.base.accounts import Role
from modules.base.errors import Conflict, Invalid, UnknownName
from modules.commands.users import users
from modules.settings.flags import parse_flags, parse_known, without_secrets
from modules.store.accounts import AccountStore


@pytest.fixture
def run(tmp_path, monkeypatch):
    def running(*arguments, password="correct horse"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        flags, rest = parse_known([*arguments, "--data-dir", str(tmp_path)], {})
        return users(flags, rest)

    running.store = AccountStore(tmp_path / "easel.sqlite")
    return running


def test_accounts_are_added_listed_changed_and_deleted(run, capsys):
    run("add", "ann")
    run("add", "bob", "--role", "guest")
    assert [(each.name, each.role) for each in run.store.list()] == [
        ("ann", Role.ADMINISTRATOR), ("bob", Role.GUEST)]
    run("role", "BOB", "member")
    run("passwd", "bob", password="battery staple")
    assert run.store.get("bob").role == Role.MEMBER and matches_password(run.store.get("bob").password, "battery staple")
    run("disable", "bob")
    capsys.readouterr()
    run("list")
    shown = capsys.readouterr().out
    assert "disabled" in shown.splitlines()[1] and "argon2" not in shown and "battery" not in shown
    run("enable", "bob")
    assert run.store.get("bob").usable
    run("delete", "bob")
    assert [each.name for each in run.store.list()] == ["ann"]
    assert {line.account for line in run.store.audit(100)} == {"terminal"}


@pytest.mark.parametrize(("arguments", "error"), [
    (("add", "bob", "--role", "guest"), Conflict), (("add", "../x"), Invalid), (("passwd", "nobody"), UnknownName),
    (("add", "bob", "--password", "hunter2hunter2"), Invalid), (("dance",), Invalid), ((), Invalid),
])
def test_what_cannot_be_done_changes_nothing(run, arguments, error):
    with pytest.raises(error) as refused:
        run(*arguments)
    assert run.store.list() == [] and "hunter2" not in f"{refused.value} {refused.value.hint}"


def test_passwords_are_taken_off_the_command_line():
    plain, secret = without_secrets(
        ["--listen", "--gradio-auth", "ann:hunter2", "--port", "1", "--api-auth=bob:hunter3", "--gradio-auth-path", "f"])
    assert plain == ["--listen", "--port", "1", "--gradio-auth-path", "f"]
    assert secret == ["--gradio-auth", "ann:hunter2", "--api-auth=bob:hunter3"]


def test_accounts_are_read_from_a_file_as_a1111_has_it(tmp_path):
    path = tmp_path / "accounts"
    path.write_text("ann:a:b,bob:c\n\nkim:d\n", encoding="utf-8-sig")
    assert parse_flags(["--gradio-auth-path", str(path)], {}).accounts == (("ann", "a:b"), ("bob", "c"), ("kim", "d"))


def test_a_certificate_needs_its_key(tmp_path):
    (tmp_path / "cert.pem").write_text("")
    with pytest.raises(Invalid, match="certificate and its key"):
        parse_flags(["--tls-certfile", str(tmp_path / "cert.pem")], {})
