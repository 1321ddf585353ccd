"""What is done about pictures that the safety checker flags, by the role of the account that asks for them."""

from __future__ import annotations

from modules.settings.options import Settings

SAFETY_SETTINGS = {role: f"safety_checker_{role}" for role in ("guest", "member", "administrator")}


def safety_setting(role: str) -> str:
    """Return the name of a role's setting.

    role: a name of `Role`, in any case; an unknown one has the guests' setting
    """
    return SAFETY_SETTINGS.get(role.lower(), SAFETY_SETTINGS["guest"])


def safety_action(s: Settings, role: str) -> str:
    """Return one of SAFETY_ACTIONS."""
    action: str = getattr(s, safety_setting(role))
    return action
