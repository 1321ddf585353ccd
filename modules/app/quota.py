"""An account's quotas of queued jobs and of work, and the time until there is room again."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from modules.base.errors import OverQuota

QUOTA_SECONDS = 3600
SOONEST, LATEST = 5, QUOTA_SECONDS      # seconds in Retry-After


def check_pictures(most: int, wanted: int, unfinished: int, wait: float | None) -> None:
    """Check the number of queued pictures. Raises OverQuota.

    wait: seconds until enough of the unfinished ones are done, if known
    """
    if most and wanted > most:
        raise OverQuota(
            f"These are {wanted:,} pictures; your account may have {most:,} waiting.",
            "Ask for fewer at once.", LATEST,
        )
    if most and unfinished + wanted > most:
        raise OverQuota(
            f"Your account has {unfinished:,} pictures waiting and may have {most:,}.",
            "Ask again when some are done, or cancel some.", bounded(wait),
        )


def check_work(most: float, wanted: float, spent: Iterable[tuple[float, float]], now: float) -> None:
    """Check the work of the last hour. Raises OverQuota.

    spent: the time and the work (megapixel-steps) of each job in the last hour, oldest first
    """
    spent = list(spent)
    used = sum(work for _, work in spent)
    if not most or used + wanted <= most:
        return
    wait = float(LATEST)
    for asked, work in spent:
        used -= work
        if used + wanted <= most:
            wait = asked + QUOTA_SECONDS - now
            break
    raise OverQuota(
        f"Your account may ask for {most:,.0f} megapixel-steps an hour; with this it would be "
        f"{sum(work for _, work in spent) + wanted:,.0f}.",
        "Ask again later, or for smaller pictures, fewer steps or fewer pictures.", bounded(wait),
    )


def bounded(seconds: float | None) -> int:
    return min(LATEST, max(SOONEST, ceil(seconds or 0)))
