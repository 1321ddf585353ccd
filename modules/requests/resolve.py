"""From a received request to the worker's: names resolved, seeds drawn, nothing left to chance. No torch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modules.base.errors import Invalid
from modules.base.fields import with_values
from modules.params.hires import HIRES_MULTIPLE, USE_SAME, check_hires
from modules.params.img2img import Img2Img
from modules.params.regions import Region
from modules.params.scripts import RANDOM_SEEDS, Request
from modules.params.txt2img import Txt2Img
from modules.prompts import grammar
from modules.requests.control import resolve_units
from modules.requests.detailer import resolve_tabs
from modules.requests.sampler_names import NO_MODEL_NAMES, sampler_and_schedule, second_sampler_and_schedule
from modules.settings.options import Settings

ALWAYS_VAES = ("Automatic", "None")
NO_FILE_NAMES = ("", "auto", *ALWAYS_VAES)      # values of settings that mean no file
MOST_PROMPTS = 32            # joined by AND; each is a row of every UNet call


def resolve_request(params: Request) -> Request:
    """Return the request as it will be carried out. Raises UnknownName or Invalid, each naming the field."""
    sampler, scheduler = sampler_and_schedule(params.sampler_name, params.scheduler)
    if params.width < HIRES_MULTIPLE or params.height < HIRES_MULTIPLE:
        raise Invalid(
            f"A picture of {params.width}×{params.height} is too small.", "Ask for at least 64×64.", field="width"
        )
    check_joined(params.prompt, "prompt")
    check_regions(params.regions)
    names = second_pass_names(params) if isinstance(params, Txt2Img) and params.enable_hr else {}
    seed = draw_seed(params.seed)
    return with_values(
        params,
        sampler_name=sampler,
        scheduler=scheduler,
        seed=seed,
        subseed=draw_seed(params.subseed),
        control=resolve_units(params, seed),
        detailer=resolve_tabs(params.detailer),
        refiner_checkpoint=own_model(params.refiner_checkpoint),
        **names,
    )


def resolve_img2img(params: Img2Img, standing: Settings) -> Img2Img:
    """Return the img2img request as it will be carried out. Raises UnknownName or Invalid.

    standing: the settings without this request's overrides. As in A1111 the noise multiplier comes from them.
    """
    if not params.init_images:
        raise Invalid("There is no picture to start from.", "Send one in init_images.", field="init_images")
    if len(params.init_images) > max(1, params.batch_size):
        raise Invalid(
            "There are more pictures to start from than the batch has.", "Raise batch_size.", field="init_images"
        )
    multiplier = params.initial_noise_multiplier
    return resolve_request(
        replace(
            params, initial_noise_multiplier=standing.initial_noise_multiplier if multiplier is None else multiplier
        )
    )


def second_pass_names(params: Txt2Img) -> dict[str, Any]:
    """Return hires fix's resolved names; "" stays, for the first pass's. Raises UnknownName or Invalid."""
    sampler, schedule = second_sampler_and_schedule(params.hr_sampler_name, params.hr_scheduler)
    names = {
        "hr_checkpoint_name": own_model(params.hr_checkpoint_name),
        "hr_sampler_name": sampler,
        "hr_scheduler": schedule,
    }
    check_joined(params.hr_prompt, "hr_prompt")
    check_hires(params)
    return names


def check_joined(prompt: str, field: str) -> None:
    if len(grammar.compose(prompt)) > MOST_PROMPTS:
        raise Invalid(f"The prompt joins more than {MOST_PROMPTS} prompts by AND.", "Leave some out.", field=field)


def check_regions(regions: Sequence[Region]) -> None:
    for place, region in enumerate(regions):
        if region.left >= region.right or region.top >= region.bottom:
            raise Invalid(
                f"Region {place} is empty: it ends where it begins, or before.", "Give it a width and a height.",
                field="regions",
            )


def draw_seed(seed: int) -> int:
    return random.randrange(RANDOM_SEEDS) if seed == -1 else seed


def own_model(name: str) -> str:
    """Return the name of a second checkpoint; "" if none is chosen."""
    return "" if name in (*USE_SAME, *NO_MODEL_NAMES) else name
