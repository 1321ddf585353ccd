"""Steps that several samplers share.

In all of sampling, `x` is (C, h, w): a clean latent with noise of standard deviation σ added ("variance exploding"
scale). No torch here: a sampler is arithmetic on whatever it is given.
"""

from __future__ import annotations

from math import expm1, inf, log, sqrt
from typing import TYPE_CHECKING

from modules.sampling.flows import Noise, Tuning

if TYPE_CHECKING:
    from torch import Tensor


def ancestral(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """Split the move σ → σ_next into a deterministic move to the first value and fresh noise of the second.

    Together they give σ_next: down² + up² = σ_next²; up is η times DDPM's (Ho et al. 2020).
    """
    if not eta:
        return sigma_next, 0.0
    up = min(sigma_next, eta * sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
    return sqrt(sigma_next**2 - up**2), up


def churned(x: Tensor, sigma: float, steps: int, noise: Noise, tune: Tuning) -> tuple[Tensor, float]:
    """Raise the noise level a little before a step: Karras et al. 2022, arXiv:2206.00364, Algorithm 2."""
    if not tune.s_churn:
        return x, sigma
    fresh = noise(sigma, sigma) * tune.s_noise      # drawn at every step, used or not, as in A1111
    gamma = min(tune.s_churn / steps, sqrt(2) - 1) if tune.s_tmin <= sigma <= tune.s_tmax else 0.0
    if not gamma:
        return x, sigma
    sigma_hat = sigma * (gamma + 1)
    return x + fresh * sqrt(sigma_hat**2 - sigma**2), sigma_hat


def log_snr(sigma: float) -> float:
    """Return λ = −log σ, the time variable of the DPM-Solver family."""
    return -log(sigma) if sigma else inf


def exponential_step(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Solve the data-prediction ODE exactly for a constant `denoised`: Lu et al. 2022, arXiv:2211.01095, eq. 9."""
    return x * (sigma_next / sigma) - denoised * expm1(log_snr(sigma) - log_snr(sigma_next))
