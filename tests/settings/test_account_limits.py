"""What a request of an account may ask for."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.settings.account_limits import MEGABYTE, AccountLimits, account_limits
from modules.settings.options import Settings


def test_limits_go_by_the_role():
    s = Settings(limit_member_steps=100, limit_guest_steps=10, quota_member_inputs=7)
    assert account_limits(s, "administrator") == AccountLimits()
    assert account_limits(s, "MEMBER").steps == 100 and account_limits(s, "member").inputs == 7 * MEGABYTE
    assert account_limits(s, "guest").steps == account_limits(s, "whoever").steps == 10


def test_members_may_ask_for_all_there_is_and_guests_for_little_unless_the_settings_say_otherwise():
    member, guest = (account_limits(Settings(), role) for role in ("member", "guest"))
    assert (member.megapixels, member.pictures, member.steps, member.storage) == (0, 0, 0, 0)
    assert 0 < guest.megapixels < 2 and 0 < guest.pictures < 10 and 0 < guest.steps < 100 and guest.inputs < member.inputs


@pytest.mark.parametrize(("asked", "field"), [
    (lambda limits: limits.check_size(1024, 1025), "height"), (lambda limits: limits.check_size(2048, 513), "width"),
    (lambda limits: limits.check_steps(21), "steps"), (lambda limits: limits.check_pictures(5), "n_iter"),
])
def test_what_is_beyond_is_refused_by_its_field(asked, field):
    with pytest.raises(Invalid) as refused:
        asked(AccountLimits(1024 * 1024 / 1e6, 4, 20))
    assert refused.value.field == field
    asked(AccountLimits())


def test_what_is_just_allowed_is_allowed():
    limits = AccountLimits(1024 * 1024 / 1e6, 4, 20)
    limits.check_size(1024, 1024)
    limits.check_steps(20)
    limits.check_pictures(4)
