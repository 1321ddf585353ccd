"""The limits of an account in the queue, by its role and the current settings."""

from __future__ import annotations

from dataclasses import dataclass

from modules.settings.account_options import role_setting
from modules.settings.options import Settings


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """The limits of one account; 0 is no limit.

    weight: its share of the device, relative to others'; pictures: unfinished ones
    work: megapixel-steps asked for within an hour; jobs: handed over at a time
    """

    weight: float = 1.0
    pictures: int = 0
    work: float = 0.0
    jobs: int = 0


def queue_limits(settings: Settings, role: str) -> QueueLimits:
    """Return the limits of a role.

    role: a name of `Role`, in any case; an unknown one has a guest's limits
    """
    if role.lower() == "administrator":
        return QueueLimits(settings.queue_administrator_weight)
    names = ("weight", "pictures", "work", "jobs")
    return QueueLimits(*(getattr(settings, role_setting(f"queue_{{}}_{name}", role)) for name in names))
