"""Warm light: colours grow warmer with each step. It shows arguments, two moments, settings,
a tab, a route and a command."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from PIL import Image

from easel import Checkbox, Extension, Page, Param, Plan, Slider, Step, moments

ext = Extension(
    "warm-light", version="1.0.0", licence="Apache-2.0", slot="cfg",
    about="Moves the picture's colours towards those of the evening sun while it is drawn.",
)
TOWARDS_ORANGE = (0.5, 0.0, 0.0, 0.3)      # of a latent's channels, for models of Stable Diffusion 1 and 2


@ext.arguments
class Warmth:
    amount: Annotated[float, Param("Warmth", Slider(0, 1, 0.05), "How warm the light is; 0 is off.", "Warmth")] = 0.0
    words: Annotated[bool, Param("Say it in the prompt", Checkbox(), "Adds “warm light” to the prompt.")] = False


@ext.active
def wanted(a: Warmth) -> bool:
    return a.amount > 0


@ext.on(moments.planned)
def prompt(plan: Plan, a: Warmth) -> Plan:
    return plan.replace(prompt=f"{plan.prompt}, warm light") if a.words else plan


@ext.on(moments.denoised)
def tint(step: Step, a: Warmth) -> Step:
    clean = step.estimate
    if len(clean) != len(TOWARDS_ORANGE):
        return step
    colour = clean.new_tensor(TOWARDS_ORANGE)[:, None, None]
    return step.replace(clean=clean + a.amount * step.fraction * colour)


@ext.settings
class Presets:
    morning: Annotated[float, Param("Morning", Slider(0, 1, 0.05), "How warm the morning's light is.")] = 0.2
    evening: Annotated[float, Param("Evening", Slider(0, 1, 0.05), "How warm the evening's light is.")] = 0.5


@ext.route("GET", "/presets")
def presets(now: Presets) -> dict[str, float]:
    """Amounts of warmth that have a name."""
    return asdict(now)


@ext.command
def list_presets(now: Presets, least: float = 0.0) -> str:
    """Say which amounts of warmth have a name."""
    return "\n".join(f"{name}: {amount}" for name, amount in asdict(now).items() if amount >= least)


@ext.tab("Warm light")
def swatches(page: Page) -> None:
    page.text("What a warmth does to a grey wall.")
    page.form(Warmth, swatch, button="Show")


def swatch(a: Warmth) -> Image.Image:
    return Image.new("RGB", (128, 64), (128 + round(100 * a.amount), 128, 128 - round(100 * a.amount)))
