"""The DPM-Solver family: samplers that solve the diffusion ODE or SDE exactly for a simple clean estimate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import pairwise
from math import atan, exp, expm1, sqrt
from typing import TYPE_CHECKING

from modules.sampling.flows import Denoise, Flow, Noise, Tuning
from modules.sampling.sampler_steps import ancestral, exponential_step, log_snr

if TYPE_CHECKING:
    from torch import Tensor


def dpmpp_2m(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++(2M): extrapolate the clean estimate from the last two.

    Lu et al. 2022, arXiv:2211.01095, Algorithm 2.
    """
    previous, h_previous = None, 0.0
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = estimate = yield Denoise(x, sigma, step)
        h = log_snr(sigma_next) - log_snr(sigma)
        if previous is not None and sigma_next > 0:
            ratio = h / (2 * h_previous)
            estimate = denoised * (1 + ratio) - previous * ratio
        x = exponential_step(x, estimate, sigma, sigma_next)
        previous, h_previous = denoised, h
    return x


def dpmpp_sde(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++ (SDE), second order: an ancestral half step, a look, an ancestral whole step.

    The midpoint is the geometric mean of σ and σ_next. Lu et al. 2022, arXiv:2211.01095, with the noise of its SDE
    form.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Denoise(x, sigma, step)
        if sigma_next == 0:
            x = denoised
            continue
        middle = sqrt(sigma * sigma_next)
        down, up = ancestral(sigma, middle, tune.eta)
        ahead = exponential_step(x, denoised, sigma, down) + noise(sigma, middle) * (tune.s_noise * up)
        denoised = yield Denoise(ahead, middle, step)
        down, up = ancestral(sigma, sigma_next, tune.eta)
        x = exponential_step(x, denoised, sigma, down) + noise(sigma, sigma_next) * (tune.s_noise * up)
    return x


def dpmpp_2s_ancestral(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++(2S) towards a lower level, then fresh noise. Lu et al. 2022, arXiv:2211.01095, Algorithm 1."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        down, up = ancestral(sigma, sigma_next, tune.eta)
        denoised = yield Denoise(x, sigma, step)
        if down > 0:
            middle = sqrt(sigma * down)
            denoised = yield Denoise(exponential_step(x, denoised, sigma, middle), middle, step)
        x = exponential_step(x, denoised, sigma, down)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * (tune.s_noise * up)
    return x


def sde_step(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float, eta: float) -> Tensor:
    """The mean of the exact SDE step for a constant `denoised`: e^−(1+η)h · x + (1 − e^−(1+η)h) · denoised."""
    h = (1 + eta) * (log_snr(sigma_next) - log_snr(sigma))
    return x * (1 + expm1(-h)) - denoised * expm1(-h)


def sde_noise(sigma: float, sigma_next: float, eta: float) -> float:
    """Standard deviation of the noise that such a step adds: σ_next · √(1 − e^−2ηh)."""
    return sigma_next * sqrt(-expm1(-2 * eta * (log_snr(sigma_next) - log_snr(sigma))))


def dpmpp_2m_sde(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++(2M) SDE, midpoint form. Lu et al. 2022, arXiv:2211.01095, §3.4 and appendix."""
    return (yield from _dpmpp_2m_sde(x, sigmas, noise, tune, lambda h: -expm1(-h) / 2))


def dpmpp_2m_sde_heun(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++(2M) SDE with the correction of Heun's form."""
    return (yield from _dpmpp_2m_sde(x, sigmas, noise, tune, lambda h: 1 + expm1(-h) / h))


def _dpmpp_2m_sde(
    x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning, correction: Callable[[float], float]
) -> Flow:
    previous, h_previous = None, 0.0
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Denoise(x, sigma, step)
        if sigma_next == 0:
            x = denoised
            continue
        h = log_snr(sigma_next) - log_snr(sigma)
        x = sde_step(x, denoised, sigma, sigma_next, tune.eta)
        if previous is not None:
            x = x + (denoised - previous) * (correction((1 + tune.eta) * h) * h / h_previous)
        if tune.eta:
            x = x + noise(sigma, sigma_next) * (tune.s_noise * sde_noise(sigma, sigma_next, tune.eta))
        previous, h_previous = denoised, h
    return x


def dpmpp_3m_sde(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++(3M) SDE: as 2M, with first and second divided differences of the last three estimates."""
    past: list[tuple[Tensor, float]] = []      # earlier estimates and the steps that followed them, newest first
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Denoise(x, sigma, step)
        if sigma_next == 0:
            x = denoised
            continue
        h = log_snr(sigma_next) - log_snr(sigma)
        x = sde_step(x, denoised, sigma, sigma_next, tune.eta) + curvature(denoised, past, h, (1 + tune.eta) * h)
        if tune.eta:
            x = x + noise(sigma, sigma_next) * (tune.s_noise * sde_noise(sigma, sigma_next, tune.eta))
        past = [(denoised, h), *past[:1]]
    return x


def curvature(denoised: Tensor, past: Sequence[tuple[Tensor, float]], h: float, h_eta: float) -> Tensor | float:
    """The contribution of the estimate's changes to a step: φ₂·d₁ − φ₃·d₂, the exponential integrator's next terms."""
    if not past:
        return 0.0
    phi_2 = expm1(-h_eta) / h_eta + 1
    (newer, h_1), *older = past
    slope = (denoised - newer) / (h_1 / h)
    if not older:
        return slope * phi_2
    oldest, h_2 = older[0]
    r_0, r_1 = h_1 / h, h_2 / h
    slope_before = (newer - oldest) / r_1
    bend = (slope - slope_before) / (r_0 + r_1)
    return (slope + bend * r_0) * phi_2 - bend * (phi_2 / h_eta - 0.5)


def dpm_fast(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver-fast: third-order steps even in log σ, with as many questions as there are steps.

    Lu et al. 2022, arXiv:2206.00927, §3.4. Of `sigmas` only the ends and the count matter.
    """
    budget, start, end = len(sigmas) - 1, log_snr(sigmas[0]), log_snr(lowest(sigmas))
    orders = [3] * (budget // 3 - 1) + [2, 1] if budget % 3 == 0 else [3] * (budget // 3) + [budget % 3]
    length = (end - start) / len(orders)
    for step, order in enumerate(orders):
        t, t_next = start + step * length, start + (step + 1) * length
        down, up = split_step(t, t_next, end, tune.eta)
        x, _ = yield from solver_step(x, t, down, order, step)
        x = x + noise(exp(-t), exp(-t_next)) * (tune.s_noise * up)
    return x


def dpm_adaptive(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver-12 and -23 side by side; their difference sets the step. Lu et al. 2022, arXiv:2206.00927, appendix C.

    Of `sigmas` only the ends matter; error tolerances 0.0078 absolute and 0.05 relative.
    """
    t, end = log_snr(sigmas[0]), log_snr(lowest(sigmas))
    before, h = x, 0.05
    while t < end - 1e-5:
        t_next = min(end, t + h)
        down, up = split_step(t, t_next, end, tune.eta)
        done = int((len(sigmas) - 1) * (t - log_snr(sigmas[0])) / (end - log_snr(sigmas[0])))
        higher, lower = yield from solver_step(x, t, down, 3, done)
        tolerance = (lower.abs().maximum(before.abs()) * 0.05).clamp(min=0.0078)
        error = float(((lower - higher) / tolerance).square().mean().sqrt())
        factor = 1 + atan((error + 1e-8) ** (-1 / (1.5 if tune.eta else 3)) - 1)
        if factor >= 0.81:
            before, x = lower, higher + noise(exp(-t), exp(-t_next)) * (tune.s_noise * up)
            t = t_next
        h *= factor
    return x


def lowest(sigmas: Sequence[float]) -> float:
    return min(sigma for sigma in sigmas if sigma > 0)


def split_step(t: float, t_next: float, end: float, eta: float) -> tuple[float, float]:
    """Return the end of a step in λ, a little beyond `t_next`, and the noise that brings it back there."""
    down, _ = ancestral(exp(-t), exp(-t_next), eta)
    target = min(end, log_snr(down))
    return target, sqrt(max(0.0, exp(-2 * t_next) - exp(-2 * target)))


def solver_step(
    x: Tensor, t: float, t_next: float, order: int, step: int
) -> Generator[Denoise, Tensor, tuple[Tensor, Tensor]]:
    """One step of DPM-Solver-1, -2 or -3 in λ: Lu et al. 2022, arXiv:2206.00927, Algorithms 1 and 2.

    Returns the step, and the step of one order less from the same answers.
    """
    h = t_next - t
    first = yield from slope_at(x, t, step)
    reach = exp(-t_next) * expm1(h)
    euler = x - first * reach
    if order == 1:
        return euler, euler
    r_1 = 1 / order
    s_1 = t + r_1 * h
    second = yield from slope_at(x - first * (exp(-s_1) * expm1(r_1 * h)), s_1, step)
    midpoint = euler - (second - first) * (reach / (2 * r_1))
    if order == 2:
        return midpoint, euler
    r_2, s_2 = 2 / 3, t + 2 / 3 * h
    bend = r_2 / r_1 * (expm1(r_2 * h) / (r_2 * h) - 1)
    third = yield from slope_at(x - (first * expm1(r_2 * h) + (second - first) * bend) * exp(-s_2), s_2, step)
    return euler - (third - first) * (exp(-t_next) / r_2 * (expm1(h) / h - 1)), midpoint


def slope_at(x: Tensor, t: float, step: int) -> Generator[Denoise, Tensor, Tensor]:
    """ε at λ = t."""
    denoised = yield Denoise(x, exp(-t), step)
    return (x - denoised) * exp(t)
