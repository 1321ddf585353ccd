"""The rights that an administrator may give to members."""

from __future__ import annotations

from modules.base.accounts import Account, Role
from modules.base.errors import Forbidden
from modules.settings.options import Settings

MAKE_MODELS, TRAIN = "members_make_models", "members_train"      # settings, each of which gives members a right


def makes_models(account: Account, server: Settings) -> bool:
    """Return whether the account may merge, convert and extract."""
    return is_allowed(account, server.members_make_models)


def check_right(account: Account, server: Settings, right: str) -> None:
    """Check a right that a setting gives to members. Raises Forbidden."""
    check_allowed(account, getattr(server, right), right)


def check_edits_models(account: Account, server: Settings) -> None:
    """Check the right to change descriptions and previews beside model files. Raises Forbidden."""
    check_allowed(account, server.members_edit_models, "members_edit_models")


def check_allowed(account: Account, members: bool, setting: str) -> None:
    """Check a right. Raises Forbidden.

    members: may they? setting: the one that decides
    """
    if is_allowed(account, members):
        return
    hint = f"An administrator can let members, by the setting {setting}."
    if setting == TRAIN:
        raise Forbidden("Training is the administrator's.", hint)
    raise Forbidden("The model files are the administrator's.", hint)


def is_allowed(account: Account, members: bool) -> bool:
    """Return whether a right that members have, or do not have, is the account's."""
    return account.role >= (Role.MEMBER if members else Role.ADMINISTRATOR)
