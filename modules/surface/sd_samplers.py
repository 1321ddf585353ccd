"""A1111's `modules.sd_samplers`: the list of samplers. An extension may add its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules.plugins.host import Host
from modules.sampling.samplers import SAMPLERS
from modules.surface.binding import bound_host, view
from modules.surface.sd_samplers_common import SamplerData
from modules.surface.sd_samplers_kdiffusion import KDiffusionSampler
from modules.surface.sd_samplers_timesteps import CompVisSampler


class SamplerLists:
    """The lists of samplers of one host."""

    def __init__(self, host: Host) -> None:
        self.all_samplers = [sampler_data(name) for name in SAMPLERS.names]
        self.all_samplers_map = {each.name: each for each in self.all_samplers}
        self.samplers_map: dict[str, str] = {}
        self.set_samplers()

    def set_samplers(self) -> None:
        """Take up what was added to `all_samplers`."""
        self.samplers = self.samplers_for_img2img = list(self.all_samplers)
        self.samplers_map.clear()
        for each in self.all_samplers:
            for name in (each.name, *each.aliases):
                self.samplers_map[name.lower()] = each.name


def sampler_data(name: str) -> SamplerData:
    sampler = SAMPLERS[name]
    kind: Callable[[Any], Any] = CompVisSampler if sampler.timesteps else KDiffusionSampler
    options: dict[str, Any] = {"scheduler": sampler.schedule.lower()} if sampler.schedule else {}
    options |= {"second_order": True} if sampler.evaluations > 1 else {}
    return SamplerData(sampler.name, lambda model: kind(sampler.name), list(sampler.aliases), options)


def sampler_lists() -> SamplerLists:
    return view("sd_samplers", SamplerLists)


def own_samplers() -> dict[str, SamplerData]:
    """Return the samplers that extensions have added, by their names and aliases in small letters."""
    lists = sampler_lists()
    added = [each for each in lists.all_samplers if SAMPLERS.get(each.name) is None]
    named = {name.lower(): each for name, each in lists.all_samplers_map.items() if SAMPLERS.get(name) is None}
    return {name.lower(): each for each in added for name in (each.name, *each.aliases)} | named


def find_sampler_config(name: str | None) -> SamplerData:
    lists = sampler_lists()
    if name in lists.all_samplers_map:
        return lists.all_samplers_map[name]
    return lists.all_samplers_map.get(lists.samplers_map.get(str(name).lower(), ""), lists.all_samplers[0])


def create_sampler(name: str, model: Any) -> Any:
    """Return A1111's sampler of that name. Raises an error for one that nobody has."""
    config = find_sampler_config(name)
    sampler = config.constructor(model)
    sampler.config = config
    return sampler


def set_samplers() -> None:
    sampler_lists().set_samplers()


def visible_samplers() -> list[SamplerData]:
    hidden = set(getattr(bound_host().program.settings.current, "hide_samplers", ()))
    return [each for each in sampler_lists().samplers if each.name not in hidden]


def visible_sampler_names() -> list[str]:
    return [each.name for each in visible_samplers()]


def __getattr__(name: str) -> Any:
    if name in ("all_samplers", "all_samplers_map", "samplers", "samplers_for_img2img", "samplers_map"):
        return getattr(sampler_lists(), name)
    raise AttributeError(f"module 'modules.sd_samplers' has no attribute {name!r}")
