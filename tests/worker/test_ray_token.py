"""The token of a Ray cluster: made once, for its owner's eyes, and shown by whoever has one."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.worker.cluster.ray_token import AUTH_MODE, auth_mode, made_token, token_file


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_cluster_begins_with_a_token_that_its_owner_alone_reads_and_keeps_it(home):
    assert made_token({}) == {AUTH_MODE: "token"}
    token = token_file().read_text()
    assert token_file().is_relative_to(home) and len(token) == 64
    assert token_file().stat().st_mode & 0o777 == 0o600
    assert made_token({}) == {AUTH_MODE: "token"} and token_file().read_text() == token


def test_a_machine_shows_a_token_where_it_has_one():
    assert auth_mode({}) == {AUTH_MODE: "disabled"}
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        assert auth_mode({name: "x"}) == {AUTH_MODE: "token"}
    made_token({})
    assert auth_mode({}) == {AUTH_MODE: "token"}


def test_what_the_environment_says_goes_before_and_a_token_of_its_own_is_the_one():
    assert auth_mode({AUTH_MODE: "disabled", "RAY_AUTH_TOKEN": "x"}) == {AUTH_MODE: "disabled"}
    assert made_token({AUTH_MODE: "disabled"}) == {AUTH_MODE: "disabled"}
    assert made_token({"RAY_AUTH_TOKEN": "x"}) == {AUTH_MODE: "token"}
    assert not token_file().exists()


def test_a_home_that_cannot_be_written_is_told_with_the_way_out(home):
    (home / ".ray").write_text("no folder")
    with pytest.raises(Invalid) as told:
        made_token({})
    assert "RAY_AUTH_TOKEN_PATH" in str(told.value.hint) and str(token_file()) in str(told.value)
