"""Which of A1111's functions an extension has replaced by its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from modules.plugins.host import Host, surface


def extension_of(host: Host, function: Any) -> str:
    """Return the active extension that a function is of, or what it wraps; "" for one of Easel's own."""
    names = {state.name for state in host.active}
    while function is not None:
        while isinstance(function, partial):
            function = function.func
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        if name := host.importing.extension_of(file):
            return name if name in names else ""
        function = getattr(function, "__wrapped__", None)
    return ""


def call_replaced(host: Host, moment: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that an extension may have put in the place of A1111's. Raises CallFailed if it is one's."""
    owner = extension_of(host, function)
    if not owner:
        return function(*args, **kwargs)
    return host.call(owner, moment, function, *args, **kwargs)


def encoding_functions() -> tuple[Any, Any]:
    """Return the functions that encode prompts with AND, and others, as they stand."""
    conds = surface("prompt_parser")
    return conds.get_multicond_learned_conditioning, conds.get_learned_conditioning


def sampling_replaced(host: Host) -> bool:
    """Return whether an extension has replaced a function by which A1111 encodes prompts or samples."""
    denoisers = surface("sd_samplers_cfg_denoiser")
    functions = [
        surface("sd_samplers").create_sampler,
        surface("sd_samplers_kdiffusion").KDiffusionSampler.callback_state,
        surface("sd_samplers_timesteps").CompVisSampler.callback_state,
        *encoding_functions(),
        denoisers.CFGDenoiserKDiffusion.combine_denoised, denoisers.CFGDenoiserTimesteps.combine_denoised,
    ]
    return any(extension_of(host, each) for each in functions)
