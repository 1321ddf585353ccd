"""Settings that shape pictures: models, prompts, samplers, memory and compatibility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from modules.base.fields import Checkbox, Choice, Colour, Number, Param, Slider
from modules.settings.dynamic import DYNAMIC_MODES, NOT_DYNAMIC

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
FIND_ORDERS = ("None", "Position (left to right)", "Position (center to edge)", "Area (large to small)")

ANY_DEVICE = "any"      # of what there is


@dataclass(frozen=True, kw_only=True)
class DrawingSettings:
    """The settings that shape pictures, or the work of making them."""

    sd_model_checkpoint: Annotated[str, Param("Stable Diffusion checkpoint", Choice("checkpoints"), "The model that draws.", section="sd")] = ""
    sd_checkpoints_limit: Annotated[int, Param("Checkpoints kept loaded", Slider(1, 10), "More are dropped from memory, oldest first.", section="sd", server=True)] = 1
    emphasis: Annotated[str, Param("Emphasis mode", Choice(("None", "Ignore", "Original", "No norm")), "What (word:1.2) does to the text's meaning.", "Emphasis", section="sd")] = "Original"
    needed_device: Annotated[str, Param(
        "Draw on", Choice((ANY_DEVICE, "GPU", "CPU")),
        "Where several workers draw: the kind that your jobs wait for.", section="queue",
    )] = ANY_DEVICE
    needed_precision: Annotated[str, Param(
        "Draw in", Choice((ANY_DEVICE, "float32", "float16")),
        "Where several workers draw: the precision that your jobs wait for.", section="queue",
    )] = ANY_DEVICE
    randn_source: Annotated[str, Param("Random number source", Choice(("GPU", "CPU", "NV")), "Whose noise a seed gives: this device's, the CPU's, or an NVIDIA GPU's on any device.", "RNG", section="sd")] = "GPU"
    dynamic_prompts: Annotated[str, Param(
        "Dynamic prompts", Choice(DYNAMIC_MODES),
        "What {a|b}, wildcards and ${variable} mean in prompts: Off, plain text as in A1111; Random, choices by the picture's seed; Combinations, one after another.",
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
    img2img_background_color: Annotated[str, Param("Background of transparent pictures", Colour(), "What is transparent becomes this colour.", section="img2img")] = "#ffffff"
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

    control_net_unit_count: Annotated[int, Param("ControlNet units", Slider(1, 10), "So many units the forms show; reload the page after a change.", section="control-net")] = 3
    control_net_no_detectmap: Annotated[bool, Param("Do not append detectmap to output", Checkbox(), "Pictures come without the maps that ControlNet followed.", section="control-net")] = False
    control_net_inpaint_blur_sigma: Annotated[int, Param("Blur of inpaint_only's seam", Slider(1, 64), "Over so many pixels the preprocessor inpaint_only blends what is painted with the picture.", section="control-net")] = 7
    control_net_detectmap_autosaving: Annotated[bool, Param("Allow detectmap auto saving", Checkbox(), "The maps that come with a picture are saved beside it.", section="control-net")] = False
    controlnet_increment_seed_during_batch: Annotated[bool, Param("Increment seed after each controlnet batch iteration", Checkbox(), "Seeds count up over a unit's pictures for a batch, as over any pictures; off, all have the first's.", section="control-net")] = False
    controlnet_ignore_noninpaint_mask: Annotated[bool, Param("Ignore mask on ControlNet input image if control type is not inpaint", Checkbox(), "Off, a mask that is drawn on an empty picture, or on a scribble's or line art's, is what the map is made of.", section="control-net")] = False
    control_net_allow_script_control: Annotated[bool, Param("Allow other script to control this extension", Checkbox(), "Scripts of A1111's extensions may change units by fields of p such as control_net_weight.", section="control-net")] = False
    control_net_sync_field_args: Annotated[bool, Param("Paste ControlNet parameters in infotext", Checkbox(), "Pasted data fill the units; off, the units stay as they are.", section="control-net")] = True
    ad_bbox_sortby: Annotated[str, Param("Order of the finds", Choice(FIND_ORDERS), "In which order the detailer paints what it finds.", "ADetailer order", section="ADetailer", shapes=True)] = FIND_ORDERS[0]
    ad_same_seed_for_each_tab: Annotated[bool, Param("All finds have the picture's seed", Checkbox(), "Otherwise seeds count up from find to find.", "ADetailer same seed", section="ADetailer", shapes=True)] = False
    ad_save_previews: Annotated[bool, Param("Save the finds", Checkbox(), "A copy with the finds framed is saved beside each picture.", section="ADetailer")] = False
    ad_save_images_before: Annotated[bool, Param("Save the picture before the detailer", Checkbox(), "It is saved beside the detailed picture.", section="ADetailer")] = False

    face_restoration: Annotated[bool, Param("Restore faces", Checkbox(), "Find the faces of every picture and draw them anew; the model's files go into models/Codeformer or models/GFPGAN.", section="face-restoration")] = False
    face_restoration_model: Annotated[str, Param("Face restoration model", Choice(("CodeFormer", "GFPGAN")), "What draws them.", "Face restoration", section="face-restoration")] = "CodeFormer"
    code_former_weight: Annotated[float, Param("CodeFormer weight", Slider(0, 1, 0.01), "0 restores most, 1 keeps most of the face.", "Face restoration weight", section="face-restoration")] = 0.5
