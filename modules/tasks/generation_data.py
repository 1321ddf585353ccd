"""The generation data of a picture: every setting that made it, under A1111's keys and in its order."""

from __future__ import annotations

from collections.abc import Iterator

from modules.params import infotext
from modules.prompts import grammar
from modules.settings.options import at_default
from modules.tasks.txt2img import Plan, schedule_type

VERSION = "v1.10.1+easel.0.1"      # whose numerics these are, and who computed them; PEP 440, so that A1111 can read it

Pair = tuple[str, object]


def write(plan: Plan, model_name: str) -> str:
    """The text for the picture's `parameters`; every figure as the request had it."""
    prompt = grammar.strip_comments(plan.params.prompt)
    negative = grammar.strip_comments(plan.params.negative_prompt)
    return infotext.write(prompt, negative, dict([*basics(plan), *model(plan, model_name), *variation(plan), *options(plan), *end(plan)]))


def basics(plan: Plan) -> Iterator[Pair]:
    p = plan.params
    yield "Steps", p.steps
    yield "Sampler", p.sampler_name
    yield "Schedule type", written_schedule(plan)
    yield "CFG scale", p.cfg_scale
    yield "Seed", p.seed
    yield "Size", f"{p.width}x{p.height}"


def written_schedule(plan: Plan) -> str:
    """The schedule's name; "Automatic" stays only where it means the model's own spacing."""
    resolved = schedule_type(plan)
    return "Automatic" if plan.params.scheduler == "Automatic" and resolved == "Uniform" else resolved


def model(plan: Plan, name: str) -> Iterator[Pair]:
    if plan.settings.add_model_hash_to_info:
        yield "Model hash", plan.weights.checkpoint[:10]
    if plan.settings.add_model_name_to_info:
        yield "Model", name


def variation(plan: Plan) -> Iterator[Pair]:
    p = plan.params
    if p.subseed_strength:
        yield "Variation seed", p.subseed
        yield "Variation seed strength", p.subseed_strength
    if p.seed_resize_from_w > 0 and p.seed_resize_from_h > 0:
        yield "Seed resize from", f"{p.seed_resize_from_w}x{p.seed_resize_from_h}"


def options(plan: Plan) -> Iterator[Pair]:
    """Settings that shaped this picture and are not at their defaults."""
    s, sampler = plan.settings, plan.sampler
    if s.CLIP_stop_at_last_layers > 1:
        yield "Clip skip", s.CLIP_stop_at_last_layers
    if s.eta_noise_seed_delta and sampler.ancestral and s.eta_ancestral:
        yield "ENSD", s.eta_noise_seed_delta
    if not at_default(s, "emphasis") and any(bracket in plan.params.prompt + plan.params.negative_prompt for bracket in "()[]"):
        yield "Emphasis", s.emphasis
    if "eta" in sampler.options:
        key, name = ("Eta DDIM", "eta_ddim") if sampler.timesteps else ("Eta", "eta_ancestral")
        if not at_default(s, name):
            yield key, getattr(s, name)
    for name, key in (("s_churn", "Sigma churn"), ("s_tmin", "Sigma tmin"), ("s_tmax", "Sigma tmax"), ("s_noise", "Sigma noise")):
        if name in sampler.options and not at_default(s, name):
            yield key, getattr(s, name)
    if schedule_type(plan) == "Beta":
        yield "Beta schedule alpha", 0.6
        yield "Beta schedule beta", 0.6
    if s.sgm_noise_multiplier:
        yield "SGM noise multiplier", True
    if s.use_old_scheduling:
        yield "Old prompt editing timelines", True


def end(plan: Plan) -> Iterator[Pair]:
    if plan.settings.add_version_to_infotext:
        yield "Version", VERSION
