"""The settings: names, defaults and sections as in A1111, so that its `config.json`, its API clients and
`override_settings` mean the same here. A request works on a snapshot; nothing changes under it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import ValidationError

from modules.base.errors import Forbidden, Invalid
from modules.base.fields import (
    BelowOutputs,
    Checkbox,
    Choice,
    Number,
    Param,
    Slider,
    Text,
    checker,
    declared_params,
)
from modules.settings.dynamic import DYNAMIC_MODES, NOT_DYNAMIC

IMAGE_FORMATS = ("png", "jpg", "jpeg", "webp", "avif", "gif")
FOR_GRIDS = "Kept for grids of pictures, which Easel does not make yet."
BELOW = "Below the outputs folder; `outputs/` before it may be left out."

ATTENTION_BACKENDS = (  # A1111's names of attention backends, as in config.json
    "Automatic",
    "xformers",
    "sdp-no-mem - scaled dot product without memory efficient attention",
    "sdp - scaled dot product",
    "sub-quadratic",
    "Doggettx",
    "V1 - original v1",
    "InvokeAI",
    "None",
)

SAFETY_OFF, SAFETY_MARK, SAFETY_BLUR, SAFETY_REFUSE = "Off", "Mark", "Blur", "Refuse"
SAFETY_ACTIONS = (SAFETY_OFF, SAFETY_MARK, SAFETY_BLUR, SAFETY_REFUSE)      # what is done about a flagged picture


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings: values that are not part of each request."""

    sd_model_checkpoint: Annotated[str, Param("Stable Diffusion checkpoint", Choice("checkpoints"), "The model that draws.", section="sd")] = ""
    sd_checkpoints_limit: Annotated[int, Param("Checkpoints kept loaded", Slider(1, 10), "More are dropped from memory, oldest first.", section="sd", server=True)] = 1
    emphasis: Annotated[str, Param("Emphasis mode", Choice(("None", "Ignore", "Original", "No norm")), "What (word:1.2) does to the text's meaning.", "Emphasis", section="sd")] = "Original"
    randn_source: Annotated[str, Param("Random number source", Choice(("GPU", "CPU", "NV")), "Whose noise a seed gives: this device's, the CPU's, or an NVIDIA GPU's on any device.", "RNG", section="sd")] = "GPU"
    dynamic_prompts: Annotated[str, Param(
        "Dynamic prompts", Choice(DYNAMIC_MODES),
        "What {a|b}, __wildcard__ and ${variable} mean in prompts: Off, plain text as in A1111; Random, choices by the picture's seed; Combinations, one after another.",
        section="sd",
    )] = NOT_DYNAMIC
    comma_padding_backtrack: Annotated[int, Param("Prompt word wrap", Slider(0, 74), "How many tokens back a comma may be where a long prompt is split.", "Prompt word wrap", section="sd", shapes=True)] = 20
    CLIP_stop_at_last_layers: Annotated[int, Param("Clip skip", Slider(1, 12), "Read the prompt from a layer before the last; 1 is the last.", "Clip skip", section="sd")] = 1
    enable_quantization: Annotated[bool, Param("Quantise timesteps", Checkbox(), "Ask the model at whole timesteps only.", "Quantization", section="sd", shapes=True)] = False

    hires_fix_refiner_pass: Annotated[str, Param("Hires fix: passes with the refiner", Choice(("first pass", "both passes", "second pass")), "In which of the two passes the refiner takes over.", "Hires refiner", section="sd")] = "second pass"
    refiner_networks: Annotated[bool, Param("Networks with the refiner", Checkbox(), "Let the prompt's LoRAs and hypernetworks work on the refiner too, as far as they fit it; A1111's refiner works without.", "Refiner networks", section="sd")] = False

    sdxl_crop_top: Annotated[int, Param("SDXL crop top", Number(0, 8192), "Tell SDXL that so many pixels were cut off above.", "SDXL crop top", section="sdxl", shapes=True)] = 0
    sdxl_crop_left: Annotated[int, Param("SDXL crop left", Number(0, 8192), "Tell SDXL that so many pixels were cut off at the left.", "SDXL crop left", section="sdxl", shapes=True)] = 0
    sdxl_refiner_low_aesthetic_score: Annotated[float, Param("SDXL low aesthetic score", Slider(0, 10, 0.1), "How good the refiner is told the negative prompt's picture is.", "SDXL low aesthetic score", section="sdxl", shapes=True)] = 2.5
    sdxl_refiner_high_aesthetic_score: Annotated[float, Param("SDXL high aesthetic score", Slider(0, 10, 0.1), "How good the refiner is told the prompt's picture is.", "SDXL high aesthetic score", section="sdxl", shapes=True)] = 6.0
    sdxl_clip_l_skip: Annotated[bool, Param("Clip skip SDXL", Checkbox(), "Let clip skip count for the first of SDXL's text encoders.", "Clip skip SDXL", section="sd", shapes=True)] = False

    sd_vae: Annotated[str, Param("SD VAE", Choice("vaes"), "What turns latents into pictures: a file, the checkpoint's own, or Automatic: a file of the checkpoint's name.", "VAE", section="vae")] = "Automatic"
    sd_vae_overrides_per_model_preferences: Annotated[bool, Param("A chosen VAE goes before a checkpoint's own preference", Checkbox(), "Off: what a checkpoint's card names is used even where another VAE is chosen.", section="vae")] = True
    sd_vae_encode_method: Annotated[str, Param("VAE type for encode", Choice(("Full", "TAESD")), "TAESD is much faster and nearly as good, if its files are in models/VAE-approx.", "VAE Encoder", section="vae", shapes=True)] = "Full"
    sd_vae_decode_method: Annotated[str, Param("VAE type for decode", Choice(("Full", "TAESD")), "TAESD is much faster and nearly as good, if its files are in models/VAE-approx.", "VAE Decoder", section="vae", shapes=True)] = "Full"
    sd_vae_tiles: Annotated[bool, Param("Decode in tiles", Checkbox(), "Turn large latents into pictures piece by piece: less memory, and edges that may differ slightly.", "VAE tiles", section="vae", shapes=True)] = False

    inpainting_mask_weight: Annotated[float, Param("Inpainting conditioning mask strength", Slider(0, 1, 0.01), "How much of the masked part is hidden from an inpainting model; 0 shows it all.", "Conditional mask weight", section="img2img")] = 1.0
    initial_noise_multiplier: Annotated[float, Param("Noise multiplier for img2img", Slider(0, 1.5, 0.001), "Weaker noise smooths the picture, stronger adds detail.", "Noise multiplier", section="img2img")] = 1.0
    img2img_extra_noise: Annotated[float, Param("Extra noise multiplier for img2img and hires fix", Slider(0, 1, 0.01), "Noise on top of what the denoising strength asks for.", "Extra noise", section="img2img")] = 0.0
    img2img_color_correction: Annotated[bool, Param("Colour correction", Checkbox(), "Give the result the colours of the picture it started from.", section="img2img")] = False
    img2img_fix_steps: Annotated[bool, Param("Do exactly as many steps as asked for", Checkbox(), "Otherwise fewer for less denoising.", section="img2img")] = False
    img2img_background_color: Annotated[str, Param("Background of transparent pictures", Text(1, 50), "What is transparent becomes this colour.", section="img2img")] = "#ffffff"
    overlay_inpaint: Annotated[bool, Param("Overlay the original when inpainting", Checkbox(), "Keep what is not masked as it was, to the pixel.", section="img2img")] = True
    return_mask: Annotated[bool, Param("Return the mask too", Checkbox(), "Show the mask of a painted picture beside it.", section="img2img")] = False
    return_mask_composite: Annotated[bool, Param("Return what was painted in the mask too", Checkbox(), "Show the painted part alone beside it, clear around the mask.", section="img2img")] = False

    sd_lora: Annotated[str, Param("Add network to prompt", Choice("loras"), "A LoRA that every prompt gets.", section="extra_networks")] = "None"
    sd_hypernetwork: Annotated[str, Param("Add hypernetwork to prompt", Choice("hypernetworks"), "A hypernetwork that every prompt gets.", section="extra_networks")] = "None"
    extra_networks_default_multiplier: Annotated[float, Param("Default strength of networks", Slider(0, 2, 0.01), "What a click on a card writes into the prompt.", section="extra_networks")] = 1.0
    scheduled_networks: Annotated[bool, Param("Networks follow prompt editing", Checkbox(), "[<lora:name:1>::0.5] then counts for the first half only; else a tag counts throughout, wherever it stands, as in A1111.", "Scheduled networks", section="extra_networks")] = False
    lora_add_hashes_to_infotext: Annotated[bool, Param("Write LoRA hashes", Checkbox(), "Which LoRAs a picture was made with, in its generation data.", section="extra_networks")] = True
    textual_inversion_add_hashes_to_infotext: Annotated[bool, Param("Write embedding hashes", Checkbox(), "Which embeddings a picture was made with, in its generation data.", section="extra_networks")] = True

    job_history_limit: Annotated[int, Param("Jobs remembered", Number(0, 1_000_000), "Records of older jobs are forgotten, once an hour; their pictures stay. 0 remembers all.", section="system", server=True)] = 20_000

    pictures_side_by_side: Annotated[int, Param("Pictures of one job made side by side", Slider(0, 16), "More take less time together; fewer show the first one sooner and lose less when interrupted. 0 is what pays here: 2 on a CPU, 8 on a GPU. A batch of Batch size is always made together.", section="optimizations", server=True)] = 0
    pictures_alone: Annotated[bool, Param("Make every picture alone", Checkbox(), "Share no UNet call with other pictures: slower, but the last bit never depends on company.", section="optimizations")] = False
    cross_attention_optimization: Annotated[str, Param("Cross attention optimization", Choice(ATTENTION_BACKENDS), "How attention is computed: the same picture but for its last bits, at other speed and memory. Automatic is the command line's choice, else PyTorch's.", section="optimizations", server=True)] = "Automatic"
    token_merging_ratio: Annotated[float, Param("Token merging ratio", Slider(0, 0.9, 0.1), "This share of the picture's similar places is thought over together: faster, slightly different.", "Token merging ratio", section="optimizations")] = 0.0
    token_merging_ratio_img2img: Annotated[float, Param("Token merging ratio for img2img", Slider(0, 0.9, 0.1), "0 is the one above.", section="optimizations")] = 0.0
    token_merging_ratio_hr: Annotated[float, Param("Token merging ratio for the high-res pass", Slider(0, 0.9, 0.1), "0 is the one above.", "Token merging ratio hr", section="optimizations")] = 0.0
    pad_cond_uncond: Annotated[bool, Param("Pad prompts to one length", Checkbox(), "Fill the shorter of prompt and negative prompt with empty text, so that both share a UNet call.", "Pad conds", section="optimizations")] = False
    pad_cond_uncond_v0: Annotated[bool, Param("Pad prompts as before 1.6", Checkbox(), "Repeat the end of a short negative prompt, or cut a long one.", "Pad conds v0", section="optimizations")] = False

    fp8_storage: Annotated[str, Param("FP8 weight", Choice(("Disable", "Enable for SDXL", "Enable")), "Store the UNet's and the text encoders' weights in 8 bits: half the memory, slightly other pictures.", "FP8 weight", section="optimizations")] = "Disable"
    cache_fp16_weight: Annotated[bool, Param("Cache FP16 weight for LoRA", Checkbox(), "With FP8 weights, keep the originals in the computer's memory, so that LoRAs are added more precisely.", "Cache FP16 weight for LoRA", section="optimizations")] = False

    hypertile_enable_unet: Annotated[bool, Param("Enable Hypertile U-Net", Checkbox(), "Let the UNet think over large pictures tile by tile: faster, details differ.", "Hypertile U-Net", section="hypertile")] = False
    hypertile_enable_unet_secondpass: Annotated[bool, Param("Enable Hypertile U-Net for hires fix second pass", Checkbox(), "There, even if not in the first.", "Hypertile U-Net second pass", section="hypertile")] = False
    hypertile_max_depth_unet: Annotated[int, Param("Hypertile U-Net max depth", Slider(0, 3), "0 tiles the widest layers only, 3 all.", "Hypertile U-Net max depth", section="hypertile")] = 3
    hypertile_max_tile_unet: Annotated[int, Param("Hypertile U-Net max tile size", Slider(0, 512, 16), "Pixels; tiles are about so large, and no smaller than 128.", "Hypertile U-Net max tile size", section="hypertile")] = 256
    hypertile_swap_size_unet: Annotated[int, Param("Hypertile U-Net swap size", Slider(0, 64), "Layers take turns with so many tile sizes, that seams do not add up.", "Hypertile U-Net swap size", section="hypertile")] = 3
    hypertile_enable_vae: Annotated[bool, Param("Enable Hypertile VAE", Checkbox(), "Let the VAE think over large pictures tile by tile: they hardly change.", "Hypertile VAE", section="hypertile")] = False
    hypertile_max_depth_vae: Annotated[int, Param("Hypertile VAE max depth", Slider(0, 3), "The VAE has one such layer, at depth 0.", "Hypertile VAE max depth", section="hypertile")] = 3
    hypertile_max_tile_vae: Annotated[int, Param("Hypertile VAE max tile size", Slider(0, 512, 16), "Pixels; tiles are about so large, and no smaller than 128.", "Hypertile VAE max tile size", section="hypertile")] = 128
    hypertile_swap_size_vae: Annotated[int, Param("Hypertile VAE swap size", Slider(0, 64), "Among how many tile sizes it chooses.", "Hypertile VAE swap size", section="hypertile")] = 3

    use_old_scheduling: Annotated[bool, Param("Old prompt editing timelines", Checkbox(), "Read [a:b:when] as versions before 1.6 did.", "Old prompt editing timelines", section="compatibility", shapes=True)] = False
    auto_backcompat: Annotated[bool, Param("Automatic compatibility", Checkbox(), "Pasted generation data of older versions switches on what keeps its picture.", section="compatibility")] = True
    use_old_hires_fix_width_height: Annotated[bool, Param("Hires fix: width and height are the result's", Checkbox(), "As A1111 first had it: the first pass draws about 512 × 512 pixels.", section="compatibility")] = False
    hires_fix_use_firstpass_conds: Annotated[bool, Param("Hires fix: read the second prompt with the first pass's networks", Checkbox(), "LoRAs of the hires prompt then change the picture, not what its words mean.", "Hires conds of first pass", section="compatibility")] = False
    use_old_emphasis_implementation: Annotated[bool, Param("Old emphasis", Checkbox(), "Read prompts as A1111's first versions did: brackets alone weigh, and 75 tokens are all.", "Old emphasis", section="compatibility", shapes=True)] = False
    use_old_karras_scheduler_sigmas: Annotated[bool, Param("Old Karras levels", Checkbox(), "Karras schedules run from 10 to 0.1 whatever the model.", "Old Karras sigmas", section="compatibility", shapes=True)] = False
    use_downcasted_alpha_bar: Annotated[bool, Param("Downcast alphas_cumprod", Checkbox(), "Noise levels in half precision, as before 1.7.", "Downcast alphas_cumprod", section="compatibility", shapes=True)] = False
    refiner_switch_by_sample_steps: Annotated[bool, Param("Refiner switches by steps", Checkbox(), "Count sampling steps instead of timesteps, as before 1.8.", "Refiner switch by sampling steps", section="compatibility")] = False

    eta_ddim: Annotated[float, Param("Eta for DDIM", Slider(0, 1, 0.01), "Share of fresh noise at each DDIM step.", "Eta DDIM", section="sampler-params")] = 0.0
    eta_ancestral: Annotated[float, Param("Eta for k-diffusion samplers", Slider(0, 1, 0.01), "Share of fresh noise at each step of ancestral and SDE samplers.", "Eta", section="sampler-params")] = 1.0
    s_churn: Annotated[float, Param("Sigma churn", Slider(0, 100, 0.01), "Noise added back at each step of Euler, Heun and DPM2.", "Sigma churn", section="sampler-params")] = 0.0
    s_tmin: Annotated[float, Param("Sigma tmin", Slider(0, 10, 0.01), "Churn only above this noise level.", "Sigma tmin", section="sampler-params")] = 0.0
    s_tmax: Annotated[float, Param("Sigma tmax", Slider(0, 999, 0.01), "Churn only below this noise level; 0 means any.", "Sigma tmax", section="sampler-params")] = 0.0
    s_noise: Annotated[float, Param("Sigma noise", Slider(0, 1.1, 0.001), "Strength of the noise that samplers add.", "Sigma noise", section="sampler-params")] = 1.0
    eta_noise_seed_delta: Annotated[int, Param("Eta noise seed delta", Number(-(2**63), 2**63 - 1), "Added to the seed for all noise after the first.", "ENSD", section="sampler-params")] = 0
    sigma_min: Annotated[float, Param("Schedule min sigma", Number(0, 100), "The lowest noise level; 0 is the model's own.", "Schedule min sigma", section="sampler-params")] = 0.0
    sigma_max: Annotated[float, Param("Schedule max sigma", Number(0, 1000), "The highest noise level; 0 is the model's own.", "Schedule max sigma", section="sampler-params")] = 0.0
    rho: Annotated[float, Param("Schedule rho", Number(0, 100), "How Karras and Polyexponential schedules bend; 0 is their own.", "Schedule rho", section="sampler-params")] = 0.0
    beta_dist_alpha: Annotated[float, Param("Beta schedule alpha", Slider(0.01, 5, 0.01), "Shape of the Beta schedule at its noisy end.", "Beta schedule alpha", section="sampler-params")] = 0.6
    beta_dist_beta: Annotated[float, Param("Beta schedule beta", Slider(0.01, 5, 0.01), "Shape of the Beta schedule at its clean end.", "Beta schedule beta", section="sampler-params")] = 0.6
    always_discard_next_to_last_sigma: Annotated[bool, Param("Always discard next-to-last sigma", Checkbox(), "Make the last step a longer one, for every sampler.", "Discard penultimate sigma", section="sampler-params")] = False
    uni_pc_variant: Annotated[str, Param("UniPC variant", Choice(("bh1", "bh2", "vary_coeff")), "Which B(h) UniPC uses.", "UniPC variant", section="sampler-params")] = "bh1"
    uni_pc_skip_type: Annotated[str, Param("UniPC skip type", Choice(("time_uniform", "time_quadratic", "logSNR")), "How UniPC spaces its steps.", "UniPC skip type", section="sampler-params")] = "time_uniform"
    uni_pc_order: Annotated[int, Param("UniPC order", Slider(1, 50), "How many past steps UniPC uses; fewer than there are steps.", "UniPC order", section="sampler-params")] = 3
    uni_pc_lower_order_final: Annotated[bool, Param("UniPC lower order final", Checkbox(), "Use fewer past steps at the end.", "UniPC lower order final", section="sampler-params")] = True
    skip_early_cond: Annotated[float, Param("Ignore negative prompt during early sampling", Slider(0, 1, 0.01), "For this share of the steps the negative prompt is left out.", "Skip Early CFG", section="sampler-params")] = 0.0
    s_min_uncond: Annotated[float, Param("Negative Guidance minimum sigma", Slider(0, 15, 0.01), "Below this noise level every other step leaves the negative prompt out, for speed.", "NGMS", section="optimizations")] = 0.0
    s_min_uncond_all: Annotated[bool, Param("Negative Guidance minimum sigma all steps", Checkbox(), "Leave it out at every step below that level.", "NGMS all steps", section="optimizations")] = False
    sgm_noise_multiplier: Annotated[bool, Param("SGM noise multiplier", Checkbox(), "Start from slightly stronger noise, as Stability's own code does.", "SGM noise multiplier", section="sampler-params")] = False
    sd_noise_schedule: Annotated[str, Param("Noise schedule", Choice(("Default", "Zero Terminal SNR")), "Zero Terminal SNR begins at pure noise, for models trained so.", "Noise Schedule", section="sampler-params", shapes=True)] = "Default"

    upscaler_for_img2img: Annotated[str, Param("Upscaler for img2img", Choice("upscalers"), "What enlarges a picture that is smaller than the result; None is Lanczos.", "Upscaler for img2img", section="upscaling")] = "None"
    ESRGAN_tile: Annotated[int, Param("Tile size for upscalers", Slider(0, 512, 16), "Models enlarge a picture piece by piece, in tiles of this side in pixels; 0 takes all of it at once.", "ESRGAN tile", section="upscaling")] = 192
    ESRGAN_tile_overlap: Annotated[int, Param("Tile overlap for upscalers", Slider(0, 48), "So many pixels the tiles share; with few, seams may show.", "ESRGAN tile overlap", section="upscaling")] = 8

    face_restoration: Annotated[bool, Param("Restore faces", Checkbox(), "Find the faces of every picture and draw them anew; the model's files go into models/Codeformer or models/GFPGAN.", section="face-restoration")] = False
    face_restoration_model: Annotated[str, Param("Face restoration model", Choice(("CodeFormer", "GFPGAN")), "What draws them.", "Face restoration", section="face-restoration")] = "CodeFormer"
    code_former_weight: Annotated[float, Param("CodeFormer weight", Slider(0, 1, 0.01), "0 restores most, 1 keeps most of the face.", "Face restoration weight", section="face-restoration")] = 0.5

    samples_save: Annotated[bool, Param(
        "Save every picture", Checkbox(),
        "Write each finished picture to the outputs folder.", section="saving-images",
    )] = True
    samples_format: Annotated[
        str,
        Param(
            "File format for pictures",
            Choice(IMAGE_FORMATS),
            "Of files and of the API's replies. Generation data is in each of them; only PNG and lossless WebP keep "
            "every pixel.",
            section="saving-images",
        ),
    ] = "png"
    samples_filename_pattern: Annotated[str, Param(
        "Pattern of file names", BelowOutputs(),
        "Such as [seed]-[prompt_words]; docs/saving.md lists what may stand in brackets. Empty is [seed].",
        section="saving-images",
    )] = ""
    save_images_add_number: Annotated[bool, Param(
        "Number the files", Checkbox(),
        "Each picture's name begins with a number of five digits.", section="saving-images",
    )] = True
    save_images_replace_action: Annotated[
        str,
        Param(
            "If there is a file of that name",
            Choice(("Replace", "Add number suffix")),
            "Only where files are not numbered. Pictures of the same job, and on a server with accounts all pictures, "
            "are never replaced.",
            section="saving-images",
        ),
    ] = "Replace"
    save_incomplete_images: Annotated[bool, Param(
        "Save interrupted pictures", Checkbox(),
        "Also write pictures that were interrupted half way.", section="saving-images",
    )] = False
    enable_pnginfo: Annotated[bool, Param(
        "Write generation data into pictures", Checkbox(),
        "Everything needed to make the picture again, as text inside the file.", section="saving-images",
    )] = True
    save_txt: Annotated[bool, Param(
        "Write a text file beside every picture", Checkbox(), "With its generation data.", section="saving-images",
    )] = False
    save_images_before_highres_fix: Annotated[bool, Param(
        "Save the picture before hires fix", Checkbox(),
        "Beside the finished one, its name ending in -before-highres-fix.", section="saving-images",
    )] = False
    save_images_before_face_restoration: Annotated[bool, Param(
        "Save the picture before face restoration", Checkbox(),
        "Beside the finished one, its name ending in -before-face-restoration.", section="saving-images",
    )] = False
    save_images_before_color_correction: Annotated[bool, Param(
        "Save the picture before colour correction", Checkbox(),
        "Beside the finished one, its name ending in -before-color-correction.", section="saving-images",
    )] = False
    save_mask: Annotated[bool, Param(
        "Save the mask of inpainting", Checkbox(),
        "Beside the finished picture, its name ending in -mask.", section="saving-images",
    )] = False
    save_mask_composite: Annotated[bool, Param(
        "Save the painted part alone", Checkbox(),
        "Of inpainting, all around it transparent; its name ends in -mask-composite.", section="saving-images",
    )] = False
    save_init_img: Annotated[bool, Param(
        "Save the pictures that img2img starts from", Checkbox(),
        "Under a name made of their content, which the generation data tell.", section="saving-images",
    )] = False
    jpeg_quality: Annotated[int, Param(
        "Quality of JPEG, WebP and AVIF", Slider(1, 100),
        "More is larger and nearer to the picture.", section="saving-images",
    )] = 80
    webp_lossless: Annotated[bool, Param(
        "Lossless WebP", Checkbox(), "Keep every pixel.", section="saving-images",
    )] = False
    export_for_4chan: Annotated[bool, Param(
        "Save a copy of large pictures as JPEG", Checkbox(),
        "Beside the picture, for places that take no large ones.", section="saving-images",
    )] = True
    img_downscale_threshold: Annotated[float, Param(
        "Large are files above so many MB", Number(0, 1_000_000), "For the copies above.", section="saving-images",
    )] = 4.0
    target_side_length: Annotated[float, Param(
        "Large are pictures with sides above so many pixels", Number(16, 65_535),
        "For the copies above, which are made smaller if need be.", section="saving-images",
    )] = 4000.0
    img_max_size_mp: Annotated[float, Param(
        "Largest grid, in megapixels", Number(0, 1_000_000),
        "Larger ones are not written.", section="saving-images",
    )] = 200.0
    use_original_name_batch: Annotated[bool, Param(
        "Extras: keep the names of a batch's pictures", Checkbox(),
        "Results are called as the pictures they were made of; else they are numbered.", section="saving-images",
    )] = True
    use_upscaler_name_as_suffix: Annotated[bool, Param(
        "Extras: add the upscaler's name", Checkbox(), "At the end of the file's name.", section="saving-images",
    )] = False
    save_selected_only: Annotated[bool, Param(
        "Save only the selected picture", Checkbox(),
        "What the button Save copies; off: all pictures of the job.", section="saving-images",
    )] = True
    save_write_log_csv: Annotated[bool, Param(
        "List pictures saved by hand in log.csv", Checkbox(),
        "In their folder: prompt, seed, model and so on of each, for a spreadsheet.", section="saving-images",
    )] = True
    notification_audio: Annotated[bool, Param(
        "Play a sound when pictures are ready", Checkbox(),
        "If a file notification.mp3 is in the data folder.", section="saving-images",
    )] = True
    notification_volume: Annotated[int, Param(
        "Its volume", Slider(0, 100), "In percent.", section="saving-images",
    )] = 100
    return_grid: Annotated[bool, Param(
        "Show the grid of a batch", Checkbox(),
        "So far in plots only: a cell is then the grid of all its pictures.", section="saving-images",
    )] = True
    grid_save: Annotated[bool, Param(
        "Save every grid", Checkbox(), "Write grids to the outputs folder.", section="saving-images",
    )] = True
    grid_format: Annotated[str, Param(
        "File format for grids", Choice(IMAGE_FORMATS), "As for pictures.", section="saving-images",
    )] = "png"
    grid_extended_filename: Annotated[bool, Param(
        "Seed and prompt in the names of grids", Checkbox(),
        "Else they have numbers only.", section="saving-images",
    )] = False
    grid_only_if_multiple: Annotated[bool, Param(
        "No grid of a single picture", Checkbox(), FOR_GRIDS, section="saving-images",
    )] = True
    grid_prevent_empty_spots: Annotated[bool, Param(
        "No empty places in grids", Checkbox(),
        "Choose rows and columns so that all are filled.", section="saving-images",
    )] = False
    grid_zip_filename_pattern: Annotated[str, Param(
        "Pattern of archive names", BelowOutputs(), f"As for pictures. {FOR_GRIDS}", section="saving-images",
    )] = ""
    n_rows: Annotated[int, Param(
        "Rows of a grid", Slider(-1, 16),
        "-1 finds a number, 0 takes the batch size.", section="saving-images",
    )] = -1
    font: Annotated[str, Param(
        "Font of grids", BelowOutputs(), f"Its name. {FOR_GRIDS}", section="saving-images",
    )] = ""
    grid_text_active_color: Annotated[str, Param(
        "Colour of text in grids", Text(1, 50), "In the legend.", section="saving-images",
    )] = "#000000"
    grid_text_inactive_color: Annotated[str, Param(
        "Colour of crossed out text in grids", Text(1, 50), "In the legend.", section="saving-images",
    )] = "#999999"
    grid_background_color: Annotated[str, Param(
        "Background of grids", Text(1, 50), "Behind the legend and between cells.", section="saving-images",
    )] = "#ffffff"
    save_manifest: Annotated[bool, Param("Write a reproducibility manifest into pictures", Checkbox(), "Beside the generation data: hashes of every model file, all settings, device and library versions.", section="saving-images")] = False

    outdir_samples: Annotated[str, Param(
        "Folder for pictures", BelowOutputs(),
        f"Empty: each kind of picture has its own. {BELOW}", section="saving-paths", server=True,
    )] = ""
    outdir_txt2img_samples: Annotated[str, Param(
        "Folder for txt2img", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/txt2img-images"
    outdir_img2img_samples: Annotated[str, Param(
        "Folder for img2img", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/img2img-images"
    outdir_extras_samples: Annotated[str, Param(
        "Folder for Extras", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/extras-images"
    outdir_grids: Annotated[str, Param(
        "Folder for grids", BelowOutputs(),
        "Empty: each kind of grid has its own.", section="saving-paths", server=True,
    )] = ""
    outdir_txt2img_grids: Annotated[str, Param(
        "Folder for txt2img's grids", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/txt2img-grids"
    outdir_img2img_grids: Annotated[str, Param(
        "Folder for img2img's grids", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/img2img-grids"
    outdir_save: Annotated[str, Param(
        "Folder for pictures saved by hand", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "log/images"
    outdir_init_images: Annotated[str, Param(
        "Folder for the pictures that img2img starts from", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/init-images"

    save_to_dirs: Annotated[bool, Param(
        "Save pictures in subfolders", Checkbox(), "Named by the pattern below.", section="saving-to-dirs", server=True,
    )] = True
    grid_save_to_dirs: Annotated[bool, Param(
        "Save grids in subfolders", Checkbox(), "Named by the pattern below.", section="saving-to-dirs",
    )] = True
    use_save_to_dirs_for_ui: Annotated[bool, Param(
        "Subfolders for pictures saved by hand", Checkbox(), "Named by the pattern below.", section="saving-to-dirs",
    )] = False
    directories_filename_pattern: Annotated[
        str,
        Param(
            "Pattern of subfolders",
            BelowOutputs(),
            "Such as [date] or [user]/[model_name]; docs/saving.md lists what may stand in brackets. Empty is "
            "[prompt_words].",
            section="saving-to-dirs",
            server=True,
        ),
    ] = "[date]"
    directories_max_prompt_words: Annotated[int, Param(
        "Most words of [prompt_words]", Slider(1, 20),
        "So many of the prompt's first words.", section="saving-to-dirs",
    )] = 8

    add_model_name_to_info: Annotated[bool, Param("Write the model's name", Checkbox(), "Name the checkpoint in the generation data.", section="infotext")] = True
    add_model_hash_to_info: Annotated[bool, Param("Write the model's hash", Checkbox(), "Ten digits that tell which checkpoint it really was.", section="infotext")] = True
    add_vae_name_to_info: Annotated[bool, Param("Write the VAE's name", Checkbox(), "Name the VAE in the generation data, if it is not the checkpoint's own.", section="infotext")] = True
    add_vae_hash_to_info: Annotated[bool, Param("Write the VAE's hash", Checkbox(), "Ten digits that tell which VAE it really was.", section="infotext")] = True
    add_user_name_to_info: Annotated[bool, Param("Write the user's name", Checkbox(), "Who logged in, where people do.", section="infotext")] = False
    add_version_to_infotext: Annotated[bool, Param("Write the version", Checkbox(), "The program's version, at the end of the generation data.", section="infotext")] = True
    disable_weights_auto_swap: Annotated[
        bool,
        Param(
            "Keep the chosen checkpoint",
            Checkbox(),
            "Generation data that name another one do not choose it; it is only told.",
            section="infotext",
        ),
    ] = True

    live_previews_enable: Annotated[bool, Param("Live preview", Checkbox(), "Show the picture while it is made.", section="ui")] = True
    show_progress_type: Annotated[str, Param("Live preview method", Choice(("Full", "Approx NN", "Approx cheap", "TAESD")), "TAESD looks best, if its files are in models/VAE-approx; all others are a quick estimate.", section="ui")] = "Approx NN"
    show_progress_every_n_steps: Annotated[int, Param("Preview every N steps", Slider(-1, 32), "-1 shows none until the picture is done.", section="ui")] = 1

    queue_administrator_weight: Annotated[float, Param(
        "Administrators: weight in the queue", Slider(0.1, 10, 0.1),
        "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
    )] = 1.0
    queue_member_weight: Annotated[float, Param(
        "Members: weight in the queue", Slider(0.1, 10, 0.1),
        "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
    )] = 1.0
    queue_member_pictures: Annotated[int, Param(
        "Members: pictures waiting", Number(0, 1_000_000),
        "So many unfinished pictures an account may have; more are refused until some are done. 0 is any number.",
        section="queue", server=True,
    )] = 400
    queue_member_work: Annotated[float, Param(
        "Members: megapixel-steps an hour", Number(0, 1_000_000_000),
        "What an account may ask for within an hour; a picture of 512 × 512 in 20 steps is 5.2. 0 is any amount.",
        section="queue", server=True,
    )] = 40_000.0
    queue_member_jobs: Annotated[
        int,
        Param(
            "Members: jobs at a time",
            Number(0, 1000),
            "So many jobs of an account are worked on at once; the others wait. 0 is as many as pays.",
            section="queue",
            server=True,
        ),
    ] = 0
    queue_guest_weight: Annotated[float, Param(
        "Guests: weight in the queue", Slider(0.1, 10, 0.1),
        "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
    )] = 0.5
    queue_guest_pictures: Annotated[int, Param(
        "Guests: pictures waiting", Number(0, 1_000_000),
        "So many unfinished pictures an account may have; more are refused until some are done. 0 is any number.",
        section="queue", server=True,
    )] = 16
    queue_guest_work: Annotated[float, Param(
        "Guests: megapixel-steps an hour", Number(0, 1_000_000_000),
        "What an account may ask for within an hour; a picture of 512 × 512 in 20 steps is 5.2. 0 is any amount.",
        section="queue", server=True,
    )] = 1_000.0
    queue_guest_jobs: Annotated[int, Param(
        "Guests: jobs at a time", Number(0, 1000),
        "So many jobs of an account are worked on at once; the others wait. 0 is as many as pays.", section="queue", server=True,
    )] = 1

    safety_checker_model: Annotated[str, Param(
        "Safety checker", Choice("safety_checkers"),
        "Stable Diffusion's own, a file in models/safety_checker. Empty is the first there is.",
        section="safety-checker", server=True,
    )] = ""
    safety_checker_guest: Annotated[str, Param(
        "Guests: flagged pictures", Choice(SAFETY_ACTIONS),
        "Mark only says so; Blur delivers and saves a blurred picture; Refuse delivers a black one and saves none. Both "
        "show no previews, and draw nothing without the checker's file.",
        section="safety-checker", server=True,
    )] = SAFETY_OFF
    safety_checker_member: Annotated[str, Param(
        "Members: flagged pictures", Choice(SAFETY_ACTIONS), "As for guests.", section="safety-checker", server=True,
    )] = SAFETY_OFF
    safety_checker_administrator: Annotated[str, Param(
        "Administrators: flagged pictures", Choice(SAFETY_ACTIONS),
        "As for guests. Without accounts, everybody's.", section="safety-checker", server=True,
    )] = SAFETY_OFF

    members_make_models: Annotated[bool, Param(
        "Members may make models", Checkbox(), "Merge, convert and extract; else administrators alone.",
        section="accounts", server=True,
    )] = False
    members_edit_models: Annotated[bool, Param(
        "Members may edit models' cards", Checkbox(),
        "Write descriptions and previews beside the model files; else administrators alone.",
        section="accounts", server=True,
    )] = False
    limit_member_megapixels: Annotated[float, Param(
        "Members: megapixels of a picture", Number(0, 1000),
        "The largest result; 1024 × 1024 is 1.05. 0 is any size that can be drawn.", section="accounts", server=True,
    )] = 0.0
    limit_member_pictures: Annotated[int, Param(
        "Members: pictures of a job", Number(0, 1_000_000), "0 is any number.", section="accounts", server=True,
    )] = 0
    limit_member_steps: Annotated[int, Param(
        "Members: steps", Number(0, 1000), "Of each pass; 0 is any number.", section="accounts", server=True,
    )] = 0
    quota_member_inputs: Annotated[int, Param(
        "Members: megabytes of pictures sent", Number(0, 10_000_000),
        "What jobs start from; of more than that the oldest are deleted that no job needs. 0 is any amount.",
        section="accounts", server=True,
    )] = 2000
    quota_member_storage: Annotated[int, Param(
        "Members: megabytes of pictures made", Number(0, 10_000_000),
        "Of an account's folder of outputs; whoever has as much saves no more. 0 is any amount.",
        section="accounts", server=True,
    )] = 0
    limit_guest_megapixels: Annotated[float, Param(
        "Guests: megapixels of a picture", Number(0, 1000),
        "The largest result; 1024 × 1024 is 1.05. 0 is any size that can be drawn.", section="accounts", server=True,
    )] = 1.1
    limit_guest_pictures: Annotated[int, Param(
        "Guests: pictures of a job", Number(0, 1_000_000), "0 is any number.", section="accounts", server=True,
    )] = 4
    limit_guest_steps: Annotated[int, Param(
        "Guests: steps", Number(0, 1000), "Of each pass; 0 is any number.", section="accounts", server=True,
    )] = 50
    quota_guest_inputs: Annotated[int, Param(
        "Guests: megabytes of pictures sent", Number(0, 10_000_000),
        "What jobs start from; of more than that the oldest are deleted that no job needs. 0 is any amount.",
        section="accounts", server=True,
    )] = 200
    quota_guest_storage: Annotated[int, Param(
        "Guests: megabytes of pictures made", Number(0, 10_000_000),
        "Of an account's folder of outputs; whoever has as much saves no more. 0 is any amount.",
        section="accounts", server=True,
    )] = 0


SETTING_NAMES = tuple(field.name for field in fields(Settings))


def change_settings(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return `settings` with some values changed, all or none. Raises Invalid naming the first invalid field."""
    for name in values:
        if name not in SETTING_NAMES:
            raise Invalid(f"There is no setting called {name!r}.", "GET /sdapi/v1/options lists them.", field=name)
    candidate = {name: getattr(settings, name) for name in SETTING_NAMES} | dict(values)
    try:
        return checker(Settings).validate_python(candidate)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise Invalid(
            f"The setting {name} cannot be {candidate[name]!r:.80}.", allowed_values(name, first["msg"]), field=name
        ) from error


def allowed_values(name: str, otherwise: str) -> str:
    """Return a setting's possible values, in words; `otherwise` if its control has no limits."""
    widget = declared_params(Settings)[name].widget
    if isinstance(widget, Choice) and isinstance(widget.of, tuple):
        return f"It can be: {', '.join(widget.of)}."
    if isinstance(widget, BelowOutputs):
        return ("It can only name what is below the outputs folder: no whole path, no `..`, at most"
                f" {widget.longest:,} characters. To have pictures elsewhere, make that folder a link.")
    return f"{otherwise}."


def for_request(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return the settings of one request, whose token merging goes before the setting for img2img alone.

    Raises Invalid.
    """
    img2img = {"token_merging_ratio_img2img": 0.0} if "token_merging_ratio" in values else {}
    return change_settings(settings, img2img | dict(values))


def is_server_setting(name: str) -> bool:
    """Return whether only the administrator may change it, for all accounts at once."""
    param = declared_params(Settings).get(name)
    return param is not None and param.server


def check_own_settings(names: Collection[str]) -> None:
    """Raise Forbidden naming the server's settings among them."""
    if servers := [name for name in names if is_server_setting(name)]:
        subject = f"The setting {servers[0]} is" if len(servers) == 1 else f"The settings {', '.join(servers)} are"
        raise Forbidden(f"{subject} the server's.", "Leave it out; an administrator may change it for all.")


def with_file(values: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Return settings from a file's values; bad and unknown ones keep their defaults and are named in the second."""
    settings, problems = Settings(), []
    for name, value in values.items():
        try:
            settings = change_settings(settings, {name: value})
        except Invalid as error:
            problems.append(str(error))
    return settings, problems

