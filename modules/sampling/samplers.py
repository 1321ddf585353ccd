"""The table of samplers. A sampler is a function in `euler_heun`, `dpm_solver` or `timestep`, and one row here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.base.registry import Registry
from modules.sampling import dpm_solver, euler_heun, timestep, unipc
from modules.sampling.flows import Flow, Noise, Tuning

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Sampler:
    """A sampler's row in the table: its flow, and the facts that passes need to set it up."""

    name: str
    flow: Callable[[Tensor, Sequence[float], Noise, Tuning], Flow]
    aliases: tuple[str, ...] = ()
    schedule: str = "Uniform"        # the schedule that "Automatic" means
    order: int = 0                   # the order of convergence of a deterministic sampler
    evaluations: int = 1             # model calls a step, as prompt editing counts them
    brownian: bool = False           # its noise is a Brownian path's, not the image's generator's
    ancestral: bool = False          # it uses η, and with it A1111's "ENSD"
    discard_next_to_last_sigma: bool = False        # its schedule has one step more, without the last level but one
    timesteps: bool = False          # it uses training timesteps and ignores the schedule type
    looks_ahead: bool = False        # it corrects its first move by an estimate at the move's end
    stride: int = 1                  # the model is asked only at every so-many-th timestep (LCM)
    guidance: float = 1.0            # factor of the CFG scale
    options: tuple[str, ...] = ()    # fields of Tuning that it uses


CHURN = ("s_churn", "s_tmin", "s_tmax", "s_noise")
ETA_NOISE = ("eta", "s_noise")

SAMPLERS = Registry(
    "sampler",
    (
        Sampler("DPM++ 2M", dpm_solver.dpmpp_2m, ("k_dpmpp_2m",), "Karras", order=2),
        Sampler(
            "DPM++ SDE",
            dpm_solver.dpmpp_sde,
            ("k_dpmpp_sde",),
            "Karras",
            evaluations=2,
            brownian=True,
            options=ETA_NOISE,
        ),
        Sampler(
            "DPM++ 2M SDE",
            dpm_solver.dpmpp_2m_sde,
            ("k_dpmpp_2m_sde",),
            "Exponential",
            order=2,
            brownian=True,
            options=ETA_NOISE,
        ),
        Sampler(
            "DPM++ 2M SDE Heun",
            dpm_solver.dpmpp_2m_sde_heun,
            ("k_dpmpp_2m_sde_heun",),
            "Exponential",
            order=2,
            brownian=True,
            options=ETA_NOISE,
        ),
        Sampler(
            "DPM++ 2S a",
            dpm_solver.dpmpp_2s_ancestral,
            ("k_dpmpp_2s_a",),
            "Karras",
            evaluations=2,
            ancestral=True,
            options=ETA_NOISE,
        ),
        Sampler(
            "DPM++ 3M SDE",
            dpm_solver.dpmpp_3m_sde,
            ("k_dpmpp_3m_sde",),
            "Exponential",
            order=2,
            discard_next_to_last_sigma=True,
            brownian=True,
            options=ETA_NOISE,
        ),
        Sampler(
            "Euler a", euler_heun.euler_ancestral, ("k_euler_a", "k_euler_ancestral"), ancestral=True, options=("eta",)
        ),
        Sampler("Euler", euler_heun.euler, ("k_euler",), order=1, options=CHURN),
        Sampler("LMS", euler_heun.lms, ("k_lms",)),
        Sampler("Heun", euler_heun.heun, ("k_heun",), order=2, evaluations=2, looks_ahead=True, options=CHURN),
        Sampler(
            "DPM2",
            euler_heun.dpm_2,
            ("k_dpm_2",),
            "Karras",
            order=2,
            evaluations=2,
            discard_next_to_last_sigma=True,
            looks_ahead=True,
            options=CHURN,
        ),
        Sampler(
            "DPM2 a",
            euler_heun.dpm_2_ancestral,
            ("k_dpm_2_a",),
            "Karras",
            evaluations=2,
            ancestral=True,
            discard_next_to_last_sigma=True,
            looks_ahead=True,
            options=ETA_NOISE,
        ),
        Sampler("DPM fast", dpm_solver.dpm_fast, ("k_dpm_fast",), ancestral=True, options=ETA_NOISE),
        Sampler("DPM adaptive", dpm_solver.dpm_adaptive, ("k_dpm_ad",), ancestral=True, options=("eta",)),
        Sampler(
            "Restart", euler_heun.restart, ("restart",), "Karras", evaluations=2, looks_ahead=True, options=("s_noise",)
        ),
        Sampler("DDIM", timestep.ddim, ("ddim",), "Automatic", timesteps=True, options=("eta",)),
        Sampler(
            "DDIM CFG++",
            timestep.ddim_cfgpp,
            ("ddim_cfgpp",),
            "Automatic",
            timesteps=True,
            guidance=1 / 12.5,
            options=("eta",),
        ),
        Sampler("PLMS", timestep.plms, ("plms",), "Automatic", timesteps=True, looks_ahead=True),
        Sampler("UniPC", unipc.unipc, ("unipc",), "Automatic", timesteps=True),
        Sampler("LCM", euler_heun.lcm, ("k_lcm",), stride=20),
    ),
)
