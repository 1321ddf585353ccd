"""A1111's `modules.sd_schedulers`: the list of noise schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modules.plugins.host import Host
from modules.sampling.schedules import SCHEDULES
from modules.surface.binding import view


@dataclass
class Scheduler:
    """A noise schedule of A1111's list."""

    name: str
    label: str
    function: Any
    default_rho: float = -1
    need_inner_model: bool = False
    aliases: list[str] | None = None


def made_schedulers(host: Host) -> list[Scheduler]:
    return [Scheduler(name.lower().replace(" ", "_"), name, None) for name in SCHEDULES.names]


def own_schedules() -> dict[str, Scheduler]:
    """Return the schedules that extensions have added, by their names, labels and aliases in small letters."""
    listed: list[Scheduler] = view("sd_schedulers", made_schedulers)
    added = [each for each in listed if callable(each.function) and SCHEDULES.get(each.label) is None]
    return {name.lower(): each for each in added for name in (each.name, each.label, *(each.aliases or ()))}


def __getattr__(name: str) -> Any:
    if name == "schedulers":
        return view("sd_schedulers", made_schedulers)
    if name == "schedulers_map":
        own: list[Scheduler] = view("sd_schedulers", made_schedulers)
        return {key: each for each in own for key in (each.name, each.label)}
    raise AttributeError(f"module 'modules.sd_schedulers' has no attribute {name!r}")
