"""Names of new files and folders."""

from __future__ import annotations

import pytest

from modules.requests.new_names import is_new_name


@pytest.mark.parametrize("name", ["zorb", "10_zorb ball", "Grüße (1)", "狐狸", "v1.5-a+b", "50% grey", "console", "it's"])
def test_a_name_means_itself(name):
    assert is_new_name(name)


@pytest.mark.parametrize("name", ["~", "~root", "${HOME}", "$HOME", "a$x"])
def test_what_people_expect_to_be_expanded_is_no_name(name):
    assert not is_new_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".git", "a.", "a/b", "a\\b", "C:", "a*", "a\nb", "a\0b", "a\u202eb", "CON", "nul.txt", "com1"]
)
def test_what_some_system_refuses_is_no_name_anywhere(name):
    assert not is_new_name(name)
