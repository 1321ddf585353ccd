"""The listeners of a step: what `sampling.consulted` asks, in the form of A1111's callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules.plugins.host import CallFailed, Host, surface
from modules.sampling.batch_rows import ModelRows
from modules.sampling.consulted import (
    CALLBACK_STATE,
    CFG_AFTER_CFG,
    CFG_DENOISED,
    CFG_DENOISER,
    COMBINE,
    MASK_BLEND,
    Combination,
    Consult,
    Estimates,
    MaskBlend,
    SamplerState,
    StepCount,
)
from modules.worker.hooks.replaced import call_replaced, extension_of
from modules.worker.hooks.script_runner import ScriptRunner

CALLBACKS = (CFG_DENOISER, CFG_DENOISED, CFG_AFTER_CFG)


class StepListeners:
    """Answers the consultations of one pass of a batch.

    sampler: A1111's view of the sampler, whose `model_wrap_cfg` is the denoiser; state: `shared.state`
    """

    def __init__(
        self, host: Host, scripts: ScriptRunner, sampler: Any, count: StepCount, note: Callable[[str], None]
    ) -> None:
        self.host, self.scripts, self.p, self.sampler, self.note = host, scripts, sampler.p, sampler, note
        self.denoiser, self.state, self.count = sampler.model_wrap_cfg, host.generation.state, count
        self.a1111 = surface("script_callbacks")
        self.moments: dict[str, Callable[[Any], None]] = {
            CFG_DENOISER: self.denoiser_asked, CFG_DENOISED: self.denoised, CFG_AFTER_CFG: self.after_guidance,
            MASK_BLEND: self.mask_blended, CALLBACK_STATE: self.sampler_stepped, COMBINE: self.combined,
        }

    def heard(self) -> frozenset[str]:
        """Return the moments that somebody listens to."""
        heard = {moment for moment in CALLBACKS if self.host.listeners(moment)}
        if self.scripts.hears(MASK_BLEND):
            heard.add(MASK_BLEND)
        if extension_of(self.host, self.sampler.callback_state):
            heard.add(CALLBACK_STATE)
        if extension_of(self.host, self.denoiser.combine_denoised):
            heard.add(COMBINE)
        return frozenset(heard)

    def consult(self, asked: Consult) -> None:
        self.denoiser.step = self.count.evaluation
        self.state.sampling_step = self.count.sampling_step
        self.moments[asked.moment](asked.payload)

    def call(self, moment: str, params: Any) -> None:
        """Call the listeners of a moment in order; one that fails is told once."""
        for listener in self.host.listeners(moment):
            try:
                self.host.call(listener.extension, moment, listener.function, params)
            except CallFailed as error:
                self.note(f"{error}; the picture was made without it.")

    def steps(self) -> tuple[int, int]:
        return self.state.sampling_step, self.state.sampling_steps

    def denoiser_asked(self, rows: ModelRows) -> None:
        params = self.a1111.CFGDenoiserParams(
            rows.x, rows.image_cond, rows.sigma, *self.steps(), rows.text_cond, rows.text_uncond, self.denoiser
        )
        self.call(CFG_DENOISER, params)
        rows.x, rows.image_cond, rows.sigma = params.x, params.image_cond, params.sigma
        rows.text_cond, rows.text_uncond = params.text_cond, params.text_uncond

    def denoised(self, out: Estimates) -> None:
        self.call(CFG_DENOISED, self.a1111.CFGDenoisedParams(out.x, *self.steps(), self.denoiser.inner_model))

    def after_guidance(self, guided: Estimates) -> None:
        params = self.a1111.AfterCFGCallbackParams(guided.x, *self.steps())
        self.call(CFG_AFTER_CFG, params)
        guided.x = params.x

    def mask_blended(self, blend: MaskBlend) -> None:
        args = surface("scripts").MaskBlendArgs(
            blend.current_latent, self.denoiser.nmask, self.denoiser.init_latent, self.denoiser.mask,
            blend.blended_latent, denoiser=None if blend.is_final_blend else self.denoiser, sigma=blend.sigma,
        )
        self.scripts.call(MASK_BLEND, self.p, args)
        blend.blended_latent = args.blended_latent

    def sampler_stepped(self, state: SamplerState) -> None:
        told = {
            "i": state.step, "x": state.x, "sigma": state.sigma, "sigma_hat": state.sigma, "denoised": state.denoised,
        }
        self.told_replaced(CALLBACK_STATE, self.sampler.callback_state, told)

    def combined(self, parts: Combination) -> None:
        scale = parts.scale * self.denoiser.cond_scale_miltiplier
        how = parts.x, parts.prompts, parts.text_uncond, scale
        parts.result = self.told_replaced(COMBINE, self.denoiser.combine_denoised, *how)

    def told_replaced(self, moment: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that an extension has put in the place of A1111's; None if it fails, which is told."""
        try:
            return call_replaced(self.host, moment, function, *args)
        except CallFailed as error:
            self.note(f"{error}; the picture was made without it.")
