"""Samplers and noise schedules that extensions have added: their names in requests and lists. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from modules.base.fields import with_values
from modules.base.registry import Registry
from modules.engine.messages import JobSpec
from modules.params.txt2img import Generation
from modules.plugins.host import Host, surface
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES

R = TypeVar("R")
# field → what Easel has of that kind, and the one whose plan a picture has in the place of an extension's
SAMPLING_FIELDS: Mapping[str, tuple[Registry[Any], str]] = {
    "sampler_name": (SAMPLERS, "Euler"), "hr_sampler_name": (SAMPLERS, "Euler"),
    "scheduler": (SCHEDULES, "Automatic"), "hr_scheduler": (SCHEDULES, "Automatic"),
}
SECOND_FIELDS = {"hr_sampler_name": "Use same sampler", "hr_scheduler": "Use same scheduler"}


def own_of(host: Host, name: str) -> Mapping[str, Any]:
    """Return what extensions have added for a field, by name in small letters."""
    if not host.active:
        return {}
    own: Mapping[str, Any]
    own = surface("sd_samplers").own_samplers() if "sampler" in name else surface("sd_schedulers").own_schedules()
    return own


def added_names(host: Host, name: str) -> list[str]:
    """Return the names for a field's list that extensions have added."""
    return list(dict.fromkeys(name_of(each) for each in own_of(host, name).values()))


def name_of(added: Any) -> str:
    """Return the name that people read of a sampler or a schedule of A1111's lists."""
    return str(getattr(added, "label", None) or added.name)


def fields_of_extensions(params: Mapping[str, Any]) -> list[str]:
    """Return the fields of a job that name what is none of Easel's own."""
    return [
        name for name, (known, _) in SAMPLING_FIELDS.items()
        if (value := params.get(name)) and value != SECOND_FIELDS.get(name) and known.get(str(value)) is None
    ]


def with_known_sampling(host: Host, request: R) -> tuple[R, dict[str, Any]]:
    """Return the request with Easel's own in the place of extensions' samplers and schedules, and the latter's names.
    """
    if not host.active or not isinstance(request, Generation):
        return request, {}
    given = {name: own_of(host, name).get(str(getattr(request, name, "")).lower()) for name in SAMPLING_FIELDS}
    params = {name: name_of(found) for name, found in given.items() if found}
    return with_values(request, **{name: SAMPLING_FIELDS[name][1] for name in params}), params


def plannable(spec: JobSpec) -> JobSpec:
    """Return a job with Easel's own in the place of extensions' samplers and schedules."""
    stand_ins = {name: SAMPLING_FIELDS[name][1] for name in fields_of_extensions(spec.params)}
    return replace(spec, params={**spec.params, **stand_ins}) if stand_ins else spec
