"""The table of checkpoint families that Easel samples with. Their networks are in `networks.py`."""

from __future__ import annotations

from modules.base.families import SD1, SD2, SDXL, SDXL_REFINER
from modules.models.checkpoint.family import Denoiser, Family, TextPart
from modules.models.checkpoint.hints import Hints
from modules.models.checkpoint.networks import CLIP_TEXT, OPEN_CLIP_TEXT, UNET_NETWORK
from modules.models.text import TextReader
from modules.models.unet import unet_arguments
from modules.sampling.latent import SD_LATENT, LatentFormat
from modules.sampling.schedules import ALIGNED_SDXL

PENULTIMATE = 2      # layer, counted from the end

CLIP = TextPart("cond_stage_model.transformer.", CLIP_TEXT)
OPEN_CLIP_PART = TextPart("cond_stage_model.model.", OPEN_CLIP_TEXT, PENULTIMATE, padding=0)
XL_CLIP = TextPart("conditioner.embedders.0.transformer.", CLIP_TEXT, PENULTIMATE, normed=False, optional_skip=True)
XL_OPEN_CLIP = TextPart(
    "conditioner.embedders.1.model.", OPEN_CLIP_TEXT, PENULTIMATE, normed=False, padding=0, pooled=True
)
REFINER_OPEN_CLIP = TextPart(
    "conditioner.embedders.0.model.", OPEN_CLIP_TEXT, PENULTIMATE, normed=False, padding=0, pooled=True
)

DIFFUSION_UNET = Denoiser(UNET_NETWORK, unet_arguments)
XL_LATENT = LatentFormat(factor=0.13025, tiny="taesdxl")
XL_HINTS = Hints(unet={"num_head_channels": 64}, native_size=1024)
SIZE_AND_CROP = ("height", "width", "crop_top", "crop_left")      # Podell et al. 2023, arXiv:2307.01952, §2.2

FAMILIES = (
    Family(SD1, DIFFUSION_UNET, (CLIP,), TextReader, SD_LATENT, Hints(unet={"num_heads": 8})),
    Family(
        SD2,
        DIFFUSION_UNET,
        (OPEN_CLIP_PART,),
        TextReader,
        SD_LATENT,
        Hints(unet={"num_head_channels": 64}, prediction_type=""),
    ),
    Family(
        SDXL,
        DIFFUSION_UNET,
        (XL_CLIP, XL_OPEN_CLIP),
        TextReader,
        XL_LATENT,
        XL_HINTS,
        told=(*SIZE_AND_CROP, "height", "width"),
        aligned=ALIGNED_SDXL,
        large=True,
        ldm_loras=True,
    ),
    Family(
        SDXL_REFINER,
        DIFFUSION_UNET,
        (REFINER_OPEN_CLIP,),
        TextReader,
        XL_LATENT,
        XL_HINTS,
        told=(*SIZE_AND_CROP, "aesthetic"),
        aligned=ALIGNED_SDXL,
        large=True,
        ldm_loras=True,
    ),
)
