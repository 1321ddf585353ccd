"""A1111's `Processed`: the pictures of a `p`, with what is told of them."""

from __future__ import annotations

import json
from typing import Any

from modules.surface.binding import hooked_job, view
from modules.surface.job_views import StateView
from modules.surface.options import current_opts

OF_P = (
    "width", "height", "sampler_name", "cfg_scale", "image_cfg_scale", "steps", "batch_size", "restore_faces",
    "seed_resize_from_w", "seed_resize_from_h", "denoising_strength", "extra_generation_params", "styles",
    "is_using_inpainting_conditioning", "token_merging_ratio", "token_merging_ratio_hr", "s_churn", "s_tmin", "s_tmax",
    "s_noise", "s_min_uncond", "eta", "ddim_discretize", "sampler_noise_scheduler_override", "sd_model_name",
    "sd_model_hash", "sd_vae_name", "sd_vae_hash",
)


class Processed:
    """Pictures and their generation data."""

    def __init__(
        self, p: Any, images_list: list[Any], seed: Any = -1, info: str = "", subseed: Any = None,
        all_prompts: Any = None, all_negative_prompts: Any = None, all_seeds: Any = None, all_subseeds: Any = None,
        index_of_first_image: int = 0, infotexts: Any = None, comments: str = "",
    ) -> None:
        self.images, self.info, self.index_of_first_image = images_list, info, index_of_first_image
        self.prompt, self.negative_prompt = first_of(p.prompt), first_of(p.negative_prompt)
        for name in OF_P:
            setattr(self, name, getattr(p, name, None))
        self.seed = int(first_of(p.seed if seed == -1 else seed)) if seed is not None else -1
        self.subseed = int(first_of(p.subseed if subseed is None else subseed))
        self.comments = comments or "".join(f"{comment}\n" for comment in p.comments)
        self.clip_skip = current_opts().CLIP_stop_at_last_layers
        self.face_restoration_model = None
        self.job_timestamp, self.version = view("state", StateView).job_timestamp, "v1.10.1"
        self.all_prompts = all_prompts or p.all_prompts or [self.prompt]
        self.all_negative_prompts = all_negative_prompts or p.all_negative_prompts or [self.negative_prompt]
        self.all_seeds = all_seeds or p.all_seeds or [self.seed]
        self.all_subseeds = all_subseeds or p.all_subseeds or [self.subseed]
        self.infotexts = infotexts or [info] * len(images_list)

    def js(self) -> str:
        """Return everything but the pictures as JSON."""
        told = {name: value for name, value in vars(self).items() if name != "images"}
        return json.dumps(told, default=lambda _: None)

    def infotext(self, p: Any, index: int) -> str:
        place = index % len(self.all_prompts)
        return create_infotext(p, self.all_prompts, self.all_seeds, self.all_subseeds, comments=[], index=place)

    def get_token_merging_ratio(self, for_hr: bool = False) -> Any:
        return getattr(self, "token_merging_ratio_hr" if for_hr else "token_merging_ratio")


def first_of(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def create_infotext(
    p: Any, all_prompts: Any, all_seeds: Any, all_subseeds: Any, comments: Any = None, iteration: int = 0,
    position_in_batch: int = 0, use_main_prompt: bool = False, index: int | None = None,
    all_negative_prompts: Any = None,
) -> str:
    """Return the generation data of one picture of `p`."""
    place = iteration * p.batch_size + position_in_batch if index is None else index
    prompt = p.main_prompt if use_main_prompt else all_prompts[place]
    negatives = all_negative_prompts or p.all_negative_prompts
    negative = p.main_negative_prompt if use_main_prompt else negatives[place]
    from modules.worker.hooks.hooked_infotext import TextsOfPicture

    texts = TextsOfPicture(prompt, negative, int(all_seeds[place]), int(all_subseeds[place]))
    return str(hooked_job().infotext.text(p, place, texts))
