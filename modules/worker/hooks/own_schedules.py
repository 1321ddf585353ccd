"""Noise schedules of extensions: functions of a number of steps that return a pass's noise levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from modules.base.errors import Invalid
from modules.pipelines.sampling import trained_levels
from modules.plugins.host import Host
from modules.requests.own_sampling import name_of, own_of
from modules.sampling.schedules import ModelSigmas
from modules.worker.hooks.replaced import call_replaced

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_batch import HookedPicture


class ScheduledModel:
    """The model as a schedule knows it: its trained noise levels, from low to high."""

    def __init__(self, levels: ModelSigmas) -> None:
        self.sigmas = torch.tensor([float(each) for each in levels.sigmas])
        self.log_sigmas = self.sigmas.log()

    @property
    def sigma_min(self) -> Tensor:
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        return self.sigmas[-1]

    def sigma_to_t(self, sigma: Any, quantize: Any = None) -> Tensor:
        """Return the timestep of a noise level: between the trained ones by its logarithm."""
        place = np.interp(torch.as_tensor(sigma).log().numpy(), self.log_sigmas.numpy(), np.arange(len(self.sigmas)))
        return torch.as_tensor(place, dtype=torch.float32)

    def t_to_sigma(self, t: Any) -> Tensor:
        """Return the noise level of a timestep."""
        level = np.interp(torch.as_tensor(t).numpy(), np.arange(len(self.sigmas)), self.log_sigmas.numpy())
        return torch.as_tensor(level, dtype=torch.float32).exp()


def own_levels(host: Host, name: str, picture: HookedPicture) -> list[float]:
    """Return the noise levels of an extension's schedule of that name; those of the plan if it has none.

    Raises CallFailed, or Invalid where it returns another number of levels.
    """
    start, schedule = picture.start, own_of(host, "scheduler").get(name.lower())
    if schedule is None or start.pass_.sampler.timesteps:
        return start.levels
    trained, steps = trained_levels(start.pass_, start.facts), start.pass_.schedule_steps
    s = start.pass_.settings
    spare = start.pass_.sampler.discard_next_to_last_sigma or s.always_discard_next_to_last_sigma
    how: dict[str, Any] = {"sigma_min": s.sigma_min or trained.lowest, "sigma_max": s.sigma_max or trained.highest}
    if schedule.need_inner_model:
        how["inner_model"] = ScheduledModel(trained)
    if schedule.default_rho != -1 and s.rho:
        how["rho"] = s.rho
    found = call_replaced(host, "scheduler", schedule.function, n=steps + spare, **how, device=torch.device("cpu"))
    levels = [float(each) for each in found]
    levels = [*levels[:-2], levels[-1]] if spare else levels
    if len(levels) != steps + 1:
        raise Invalid(f"The schedule {name_of(schedule)} has {len(levels)} noise levels for {steps} steps.",
                      "It is an extension's: choose another one, or ask its author.", field="scheduler")
    return levels
