"""How much of the queue an account may have: by its role, as the settings are now."""

from __future__ import annotations

from dataclasses import dataclass

from modules.settings.options import Settings


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """0 is no limit.

    weight: its part of the device, against others'; pictures: unfinished ones
    work: asked for within an hour, megapixel-steps; jobs: in hand at a time
    """

    weight: float = 1.0
    pictures: int = 0
    work: float = 0.0
    jobs: int = 0


def queue_limits(settings: Settings, role: str) -> QueueLimits:
    """role: a name of `Role`, in any case; of an unknown one a guest's limits"""
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
