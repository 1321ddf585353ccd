"""Names and roles of accounts."""

from __future__ import annotations

import pytest

from modules.base.accounts import Role, account_key, account_name, with_article
from modules.base.errors import Invalid


def test_roles_stand_in_their_order():
    assert [role.name for role in sorted(Role)] == ["ANYONE", "GUEST", "MEMBER", "ADMINISTRATOR"]
    assert [int(role) for role in sorted(Role)] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["a", "alice", "Anna-Maria", "j.r", "_x_", "-", "7", "Jürgen", "花子", "a" * 32, "com"])
def test_a_name_is_letters_digits_and_some_signs(name):
    assert account_name(name) == name


@pytest.mark.parametrize("name", [
    "", ".", "..", ".ssh", "alice.", "a/b", "a\\b", "a b", " a", "a\n", "a\0", "a:b", "a,b", "a@b", "a" * 33, "a" * 10**6,
    "con", "NUL", "com1", "LPT9.txt", "aux.x", "local", "Local", "\u202ealice", "a\u0301\u0301" * 12, "~", "*", "%2e", "a\u200bb",
])
def test_what_could_be_no_folder_everywhere_is_no_name(name):
    with pytest.raises(Invalid):
        account_name(name)


def test_names_that_look_alike_are_one():
    assert account_name("Ju\u0308rgen") == "Jürgen"
    assert account_key("Alice") == account_key("ALICE") == account_key("ａｌｉｃｅ")
    assert account_key("STRASSE") == account_key("straße")


def test_a_role_has_its_article():
    assert [with_article(role.name.lower()) for role in Role if role] == ["a guest", "a member", "an administrator"]
