"""The limits of an account in the queue, by its role and the current settings."""

from __future__ import annotations

from dataclasses import dataclass

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
    if role.lower() == "member":
        return QueueLimits(
            settings.queue_member_weight,
            settings.queue_member_pictures,
            settings.queue_member_work,
            settings.queue_member_jobs,
        )
    return QueueLimits(
        settings.queue_guest_weight, settings.queue_guest_pictures, settings.queue_guest_work, settings.queue_guest_jobs
    )
