"""A1111's `modules.processing`: the mutable request `p` that hooks are given, and what makes pictures of it.

The class attributes are A1111's fields and defaults. A `p` may be made by an extension, changed and given further
attributes; `process_images` reads it back into a request with the same checks as one from outside.
"""

from __future__ import annotations

import random
from typing import Any

from modules.surface.binding import hooked_job
from modules.surface.options import current_opts
from modules.surface.processed import Processed as Processed
from modules.surface.processed import create_infotext as create_infotext
from modules.surface.rng import slerp as slerp

opt_C, opt_f = 4, 8                     # A1111's names for a latent's channels and the pixels of its cell
LARGEST_SEED = 2**32 - 1


class StableDiffusionProcessing:
    """A request for pictures. Any further attribute is kept for as long as the job."""

    cached_c: Any = [None, None]
    cached_uc: Any = [None, None]
    c: Any = None
    uc: Any = None
    rng: Any = None
    sampler: Any = None
    prompts: Any = None
    negative_prompts: Any = None
    seeds: Any = None
    subseeds: Any = None
    all_prompts: Any = None
    all_negative_prompts: Any = None
    all_seeds: Any = None
    all_subseeds: Any = None
    main_prompt: Any = None
    main_negative_prompt: Any = None
    extra_network_data: Any = None
    iteration: int = 0
    is_hr_pass: bool = False
    is_using_inpainting_conditioning: bool = False
    paste_to: Any = None
    # p's fields that are read here; the others are those of `fields`
    batch_size: int
    token_merging_ratio: float
    token_merging_ratio_hr: float
    step_multiplier: int = 1
    sd_model_name: Any = None
    sd_model_hash: Any = None
    sd_vae_name: Any = None
    sd_vae_hash: Any = None
    latents_after_sampling: Any = ()
    pixels_after_sampling: Any = ()

    def __init__(self, **fields: Any) -> None:
        fields.pop("sd_model", None)        # A1111 has one model, whatever is given
        scripts, arguments = fields.pop("scripts", None), fields.pop("script_args", None)
        defaults = self.fields()
        if unknown := fields.keys() - defaults.keys():
            raise TypeError(f"{type(self).__name__} has no field called {sorted(unknown)[0]!r}.")
        vars(self).update({name: fresh(value) for name, value in defaults.items()} | fields)
        self.comments: dict[str, int] = {}
        for name, empty in (("styles", []), ("override_settings", {}), ("extra_generation_params", {})):
            if not vars(self)[name]:
                vars(self)[name] = empty
        self.cached_c, self.cached_uc = [None, None], [None, None]
        self.scripts_value: Any = None
        self.script_args_value: Any = None
        self.scripts_setup_complete = False
        if scripts is not None:
            self.scripts = scripts
        if arguments is not None:
            self.script_args = arguments

    @classmethod
    def fields(cls) -> dict[str, Any]:
        """Return the fields and their defaults."""
        return dict(FIELDS)

    @property
    def sd_model(self) -> Any:
        return hooked_job().sd_model

    @sd_model.setter
    def sd_model(self, value: Any) -> None:
        """A1111's setter does nothing either: there is one model."""

    @property
    def scripts(self) -> Any:
        return self.scripts_value

    @scripts.setter
    def scripts(self, value: Any) -> None:
        self.scripts_value = value
        self._set_up()

    @property
    def script_args(self) -> Any:
        return self.script_args_value

    @script_args.setter
    def script_args(self, value: Any) -> None:
        self.script_args_value = value
        self._set_up()

    def _set_up(self) -> None:
        if self.scripts_value is not None and self.script_args_value is not None and not self.scripts_setup_complete:
            self.setup_scripts()

    def setup_scripts(self) -> None:
        self.scripts_setup_complete = True
        self.scripts_value.setup_scripts(self)

    def comment(self, text: str) -> None:
        """Tell the job's owner something."""
        self.comments[text] = 1

    def get_token_merging_ratio(self, for_hr: bool = False) -> float:
        ratio = self.token_merging_ratio_hr if for_hr else self.token_merging_ratio
        return float(ratio or current_opts().token_merging_ratio)

    def clear_prompt_cache(self) -> None:
        self.cached_c, self.cached_uc = [None, None], [None, None]

    def setup_prompts(self) -> None:
        hooked_job().fill_prompts(self)

    def parse_extra_network_prompts(self) -> None:
        hooked_job().tags.take(self)

    def sample(
        self, conditioning: Any = None, unconditional_conditioning: Any = None, seeds: Any = None,
        subseeds: Any = None, subseed_strength: Any = None, prompts: Any = None,
    ) -> Any:
        """Sample the batch in hand: latents (pictures, C, h, w), or after hires fix its pictures, decoded.

        An extension may put a function of its own in its place. Other conditionings than `p.c` and `p.uc` are taken;
        noise is that of the pictures' seeds.
        """
        return hooked_job().batch_in_hand.sampled(conditioning, unconditional_conditioning)

    def init(self, all_prompts: Any, all_seeds: Any, all_subseeds: Any) -> None: ...
    def setup_conds(self) -> None: ...
    def close(self) -> None: ...
    def save_samples(self) -> bool:
        return hooked_job().saves(self)


class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    """A request for pictures from words, and for hires fix."""

    cached_hr_c: Any = [None, None]
    cached_hr_uc: Any = [None, None]
    hr_c: Any = None
    hr_uc: Any = None
    all_hr_prompts: Any = None
    all_hr_negative_prompts: Any = None
    hr_prompts: Any = None
    hr_negative_prompts: Any = None
    hr_upscale_to_x: int = 0
    hr_upscale_to_y: int = 0
    truncate_x: int = 0
    truncate_y: int = 0
    latent_scale_mode: Any = None

    @classmethod
    def fields(cls) -> dict[str, Any]:
        return {**FIELDS, **TXT2IMG_FIELDS}


class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    """A request for pictures from others."""

    mask_for_overlay: Any = None
    nmask: Any = None
    init_latent: Any = None
    image_conditioning: Any = None
    init_img_hash: Any = None
    mask_blur_x: int
    mask_blur_y: int

    @classmethod
    def fields(cls) -> dict[str, Any]:
        return {**FIELDS, **IMG2IMG_FIELDS}

    def __init__(self, **fields: Any) -> None:
        blur = fields.pop("mask_blur", None)
        super().__init__(**fields)
        own = vars(self)
        own["image_mask"], own["mask"] = own["mask"], None
        if blur is not None:
            self.mask_blur = blur
        if own["initial_noise_multiplier"] is None:
            own["initial_noise_multiplier"] = current_opts().initial_noise_multiplier

    @property
    def mask_blur(self) -> int | None:
        return int(self.mask_blur_x) if self.mask_blur_x == self.mask_blur_y else None

    @mask_blur.setter
    def mask_blur(self, value: int | None) -> None:
        if value is not None:
            self.mask_blur_x = self.mask_blur_y = value


def fresh(value: Any) -> Any:
    """Return a default of one's own."""
    return value.copy() if isinstance(value, list | dict) else value


FIELDS: dict[str, Any] = {
    "outpath_samples": None, "outpath_grids": None, "prompt": "", "prompt_for_display": None, "negative_prompt": "",
    "styles": None, "seed": -1, "subseed": -1, "subseed_strength": 0, "seed_resize_from_h": -1,
    "seed_resize_from_w": -1, "seed_enable_extras": True, "sampler_name": None, "scheduler": None, "batch_size": 1,
    "n_iter": 1, "steps": 50, "cfg_scale": 7.0, "width": 512, "height": 512, "restore_faces": None, "tiling": None,
    "do_not_save_samples": False, "do_not_save_grid": False, "extra_generation_params": None, "overlay_images": None,
    "eta": None, "do_not_reload_embeddings": False, "denoising_strength": None, "ddim_discretize": None,
    "s_min_uncond": None, "s_churn": None, "s_tmax": None, "s_tmin": None, "s_noise": None, "override_settings": None,
    "override_settings_restore_afterwards": True, "sampler_index": None, "refiner_checkpoint": None,
    "refiner_switch_at": None, "refiner_checkpoint_info": None, "token_merging_ratio": 0, "token_merging_ratio_hr": 0,
    "disable_extra_networks": False, "firstpass_image": None, "sampler_noise_scheduler_override": None,
    "is_api": False, "force_task_id": None,
}
TXT2IMG_FIELDS: dict[str, Any] = {
    "enable_hr": False, "denoising_strength": 0.75, "firstphase_width": 0, "firstphase_height": 0, "hr_scale": 2.0,
    "hr_upscaler": None, "hr_second_pass_steps": 0, "hr_resize_x": 0, "hr_resize_y": 0, "hr_checkpoint_name": None,
    "hr_sampler_name": None, "hr_scheduler": None, "hr_cfg": None, "hr_prompt": "", "hr_negative_prompt": "",
}
IMG2IMG_FIELDS: dict[str, Any] = {
    "denoising_strength": 0.75, "init_images": None, "resize_mode": 0, "image_cfg_scale": None, "mask": None,
    "mask_blur_x": 4, "mask_blur_y": 4, "mask_round": True, "inpainting_fill": 0, "inpaint_full_res": True,
    "inpaint_full_res_padding": 0, "inpainting_mask_invert": 0, "initial_noise_multiplier": None, "latent_mask": None,
}


# Functions -------------------------------------------------------------------------------------------


def process_images(p: StableDiffusionProcessing) -> Any:
    """Make the pictures of `p`, with all hooks of its scripts, and wait for them. Returns a Processed."""
    return hooked_job().process_images(p)


def process_images_inner(p: StableDiffusionProcessing) -> Any:
    return process_images(p)


def get_fixed_seed(seed: Any) -> int:
    """Return the seed as a number; a random one for -1, empty or text."""
    try:
        seed = int(seed)
    except (TypeError, ValueError):
        seed = -1
    return random.randrange(LARGEST_SEED) if seed == -1 else seed


def fix_seed(p: Any) -> None:
    p.seed, p.subseed = get_fixed_seed(p.seed), get_fixed_seed(p.subseed)


def program_version() -> str:
    return "v1.10.1"


def create_random_tensors(
    shape: Any, seeds: Any, subseeds: Any = None, subseed_strength: float = 0.0, seed_resize_from_h: int = 0,
    seed_resize_from_w: int = 0, p: Any = None,
) -> Any:
    """Return the unit noise of pictures, (pictures, *shape)."""
    from modules.surface.rng import ImageRNG

    return ImageRNG(
        shape, seeds, subseeds=subseeds, subseed_strength=subseed_strength, seed_resize_from_h=seed_resize_from_h,
        seed_resize_from_w=seed_resize_from_w,
    ).next()


def create_binary_mask(image: Any, round: bool = True) -> Any:
    """Return a picture as a mask, L; one with transparency by its alpha."""
    if image.mode == "RGBA" and image.getextrema()[-1] != (255, 255):
        alpha = image.split()[-1].convert("L")
        return alpha.point(lambda level: 255 if level > 128 else 0) if round else alpha
    return image.convert("L")


def decode_latent_batch(model: Any, batch: Any, target_device: Any = None, check_for_nans: bool = False) -> Any:
    """Decode latents (pictures, C, h, w). Returns pictures (3, H, W) in [-1, 1], as a list."""
    return hooked_job().decode(batch)


def decode_first_stage(model: Any, x: Any) -> Any:
    """Decode latents (pictures, C, h, w). Returns pictures (pictures, 3, H, W) in [-1, 1]."""
    import torch

    return torch.stack(hooked_job().decode(x))


def setup_color_correction(image: Any) -> Any:
    """Return what `apply_color_correction` matches colours with: the picture itself."""
    return image


def apply_color_correction(correction: Any, original_image: Any) -> Any:
    from modules.imaging.colour import corrected

    return corrected(original_image, correction)
