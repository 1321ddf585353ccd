"""An image's generation data: every setting that made it, under A1111's keys and in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from modules.base.fields import at_default, declared_params
from modules.base.version import VERSION
from modules.library.upscalers import BUILT_IN
from modules.params import infotext
from modules.params.control_infotext import unit_pairs
from modules.params.detailer_infotext import detailer_pairs
from modules.params.hires import LATENT_MODES
from modules.params.infotext import Pair
from modules.params.regions import region_pairs
from modules.params.txt2img import Generation
from modules.pipelines.plan import ImagePlan, Pass, resolved_schedule
from modules.prompts import grammar
from modules.prompts.network_tags import without_separators
from modules.sampling.samplers import CHURN, SAMPLERS
from modules.sampling.schedules import SCHEDULES
from modules.settings.options import Settings


def image_infotext(plan: ImagePlan, extra: Mapping[str, object], before: Mapping[str, str] = infotext.NOWHERE) -> str:
    """Return the text for an image's `parameters`: the request's values, and `extra`, known only once it is made.

    before: the key of A1111's before which another of `extra` stands
    """
    if moments := plan.moments:
        plan, extra = replace(plan, params=plan.asked), {**moments.pairs, **extra}
    prompt = grammar.strip_comments(plan.params.prompt)
    negative = grammar.strip_comments(plan.params.negative_prompt)
    pairs = dict([
        *basics(plan), *face_pairs(plan), *model_pairs(plan), *variation(plan), *setting_pairs(plan),
        *unit_pairs(plan.params), *detailer_pairs(plan.params.detailer),
        *region_pairs(plan.params.regions, plan.params.region_mode, plan.params.region_base),
        *hires_pairs(plan, extra), *extra.items(), *end(plan),
    ])
    return infotext.write_infotext(prompt, negative, infotext.ordered(pairs, before))


def basics(plan: ImagePlan) -> Iterator[Pair]:
    p = plan.params
    yield "Steps", p.steps
    yield "Sampler", p.sampler_name
    yield "Schedule type", written_schedule(p)
    yield "CFG scale", p.cfg_scale
    yield "Seed", p.seed
    yield "Size", f"{p.width}x{p.height}"


def written_schedule(params: Generation) -> str:
    """Return the schedule's name; "Automatic" stays only where it means the model's own spacing."""
    resolved = resolved_schedule(params)
    return "Automatic" if params.scheduler == "Automatic" and resolved == "Uniform" else resolved


def face_pairs(plan: ImagePlan) -> Iterator[Pair]:
    s = plan.settings
    if s.face_restoration:
        yield "Face restoration", s.face_restoration_model
        yield from changed_pairs(plan, "code_former_weight") if s.face_restoration_model == "CodeFormer" else ()


def model_pairs(plan: ImagePlan) -> Iterator[Pair]:
    s, files = plan.settings, plan.files
    if s.add_model_hash_to_info:
        yield "Model hash", files.checkpoint.shorthash
    if s.add_model_name_to_info:
        yield "Model", files.checkpoint.model_name
    if files.vae and s.add_vae_hash_to_info:
        yield "VAE hash", files.vae.shorthash
    if files.vae and s.add_vae_name_to_info:
        yield "VAE", files.vae.path.name


def variation(plan: ImagePlan) -> Iterator[Pair]:
    p = plan.params
    if p.subseed_strength:
        yield "Variation seed", p.subseed
        yield "Variation seed strength", p.subseed_strength
    if p.seed_resize_from_w > 0 and p.seed_resize_from_h > 0:
        yield "Seed resize from", f"{p.seed_resize_from_w}x{p.seed_resize_from_h}"


def setting_pairs(plan: ImagePlan) -> Iterator[Pair]:
    """Yield the settings that shaped this image and are not at their defaults."""
    s, sampler = plan.settings, SAMPLERS[plan.params.sampler_name]
    if s.CLIP_stop_at_last_layers > 1:
        yield "Clip skip", s.CLIP_stop_at_last_layers
    if s.eta_noise_seed_delta and sampler.ancestral and s.eta_ancestral:
        yield "ENSD", s.eta_noise_seed_delta
    yield from changed_pairs(plan, "randn_source", "skip_early_cond", "refiner_switch_by_sample_steps")
    if any(bracket in plan.params.prompt + plan.params.negative_prompt for bracket in "()[]"):
        yield from changed_pairs(plan, "emphasis")
    yield from sampler_options(plan)
    loras = (lora for each in plan.all_passes for lora in each.files.all_loras)
    hashes = {without_separators(lora.name): lora.hash for lora in loras}
    if hashes and s.lora_add_hashes_to_infotext:
        yield "Lora hashes", ", ".join(f"{name}: {hashed}" for name, hashed in hashes.items())
    if plan.settings.scheduled_networks and any(len(each.networks.entries) > 1 for each in plan.passes):
        yield from changed_pairs(plan, "scheduled_networks")
    yield from shaping_pairs(plan)
    yield "Token merging ratio", plan.passes[0].weights.token_merging or None
    yield from hypertile(plan)


def hypertile(plan: ImagePlan) -> Iterator[Pair]:
    s = plan.settings
    if any(each.weights.hypertile for each in plan.passes):
        yield "Hypertile U-Net" if s.hypertile_enable_unet else "Hypertile U-Net second pass", True
        yield from changed_pairs(
            plan, "hypertile_max_depth_unet", "hypertile_max_tile_unet", "hypertile_swap_size_unet"
        )
    if s.hypertile_enable_vae:
        yield from changed_pairs(
            plan, "hypertile_enable_vae", "hypertile_max_depth_vae", "hypertile_max_tile_vae", "hypertile_swap_size_vae"
        )


def hires_pairs(plan: ImagePlan, extra: Mapping[str, object]) -> Iterator[Pair]:
    """Yield the values of hires fix's second pass that differ from the first."""
    p, second = plan.params, plan.hires
    if not second:
        return
    yield "Denoising strength", p.denoising_strength
    yield "Hires resize" if p.hr_resize_x or p.hr_resize_y else "Hires upscale", hires_size(plan)
    yield "Hires upscaler", p.hr_upscaler or None
    yield "Hires steps", p.hr_second_pass_steps or None
    if p.hr_checkpoint_name:
        # A1111's text for a file that it has not hashed yet
        yield "Hires checkpoint", second.files.checkpoint.model_name
    if second.params.sampler_name != p.sampler_name:
        yield "Hires sampler", second.params.sampler_name
    if spacing(second.params) not in (None, spacing(p)):
        yield "Hires schedule type", spacing(second.params)
    yield "Hires CFG Scale", p.hr_cfg or None
    for key, name in (("Hires prompt", "prompt"), ("Hires negative prompt", "negative_prompt")):
        if getattr(second.params, name) != getattr(p, name):
            yield key, grammar.strip_comments(getattr(second.params, name))
    yield from hires_options(plan, second, extra)


def hires_size(plan: ImagePlan) -> object:
    p = plan.params
    return f"{p.hr_resize_x}x{p.hr_resize_y}" if p.hr_resize_x or p.hr_resize_y else p.hr_scale


def spacing(params: Generation) -> str | None:
    """Return the schedule that A1111's k-diffusion samplers name; None for the model's own."""
    automatic = SAMPLERS[params.sampler_name].timesteps or written_schedule(params) == "Automatic"
    return None if automatic else resolved_schedule(params)


def hires_options(plan: ImagePlan, second: Pass, extra: Mapping[str, object]) -> Iterator[Pair]:
    yield from changed_pairs(plan, "img2img_extra_noise", "hires_fix_use_firstpass_conds")
    yield "Token merging ratio hr", second.weights.token_merging or None
    if "Refiner" in extra:
        yield from changed_pairs(plan, "hires_fix_refiner_pass")
    if plan.params.hr_upscaler not in ("", *LATENT_MODES, *BUILT_IN):
        yield from changed_pairs(plan, "ESRGAN_tile", "ESRGAN_tile_overlap")


def sampler_options(plan: ImagePlan) -> Iterator[Pair]:
    s, sampler = plan.settings, SAMPLERS[plan.params.sampler_name]
    if "eta" in sampler.options:
        yield from changed_pairs(plan, "eta_ddim" if sampler.timesteps else "eta_ancestral")
    yield from changed_pairs(plan, *(name for name in CHURN if name in sampler.options))
    if sampler.name == "UniPC":
        yield from changed_pairs(plan, "uni_pc_variant", "uni_pc_skip_type", "uni_pc_order", "uni_pc_lower_order_final")
    yield from changed_pairs(plan, "always_discard_next_to_last_sigma")
    if sampler.timesteps:
        return
    schedule = resolved_schedule(plan.params)
    if schedule == "Beta":
        yield "Beta schedule alpha", s.beta_dist_alpha
        yield "Beta schedule beta", s.beta_dist_beta
    yield from changed_pairs(plan, "sigma_min", "sigma_max", "sgm_noise_multiplier")
    if "rho" in SCHEDULES[schedule].options:
        yield from changed_pairs(plan, "rho")


def changed_pairs(plan: ImagePlan, *names: str) -> Iterator[Pair]:
    """Yield the settings of these names that are not at their defaults, under their infotext keys."""
    for name in names:
        if not at_default(plan.settings, name):
            yield declared_params(Settings)[name].infotext, getattr(plan.settings, name)


def shaping_pairs(plan: ImagePlan) -> Iterator[Pair]:
    """Yield the settings and fields that shape every image and are not at their defaults."""
    for values in (plan.settings, plan.params):
        for name, param in declared_params(type(values)).items():
            if param.shapes and not at_default(values, name):
                yield param.infotext, getattr(values, name)


def end(plan: ImagePlan) -> Iterator[Pair]:
    if plan.settings.add_version_to_infotext:
        yield "Version", VERSION
