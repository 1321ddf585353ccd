"""A1111's settings (1.10.1 and its bundled extensions) without effect here: their defaults, by A1111's sections.

They are listed, accepted and stored, so that clients find them and a config.json survives unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modules.base.errors import Invalid
from modules.base.limits import MAX_ITEMS, MAX_SETTING

SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "Saving images/grids": {"temp_dir": "", "clean_temp_dir_at_start": False},
    "Upscaling": {
        "realesrgan_enabled_models": ["R-ESRGAN 4x+", "R-ESRGAN 4x+ Anime6B"],
        "dat_enabled_models": ["DAT x2", "DAT x3", "DAT x4"],
        "DAT_tile": 192,
        "DAT_tile_overlap": 8,
        "set_scale_by_when_changing_upscaler": False,
        "SCUNET_tile": 256,
        "SCUNET_tile_overlap": 8,
        "SWIN_tile": 192,
        "SWIN_tile_overlap": 8,
        "SWIN_torch_compile": False,
        "ldsr_steps": 100,
        "ldsr_cached": False,
        "face_restoration_unload": False,
    },
    "System": {
        "auto_launch_browser": "Local",
        "enable_console_prompts": False,
        "show_warnings": False,
        "show_gradio_deprecation_warnings": True,
        "memmon_poll_rate": 8,
        "samples_log_stdout": False,
        "multiple_tqdm": True,
        "enable_upscale_progressbar": True,
        "print_hypernet_extra": False,
        "list_hidden_files": True,
        "disable_mmap_load_safetensors": False,
        "hide_ldm_prints": True,
        "dump_stacks_on_signal": False,
        "concurrent_git_fetch_limit": 16,
        "profiling_enable": False,
        "profiling_activities": ["CPU"],
        "profiling_record_shapes": True,
        "profiling_profile_memory": True,
        "profiling_with_stack": True,
        "profiling_filename": "trace.json",
        "api_enable_requests": True,
        "api_forbid_local_requests": True,
        "api_useragent": "",
    },
    "Training": {
        "unload_models_when_training": False,
        "pin_memory": False,
        "save_optimizer_state": False,
        "save_training_settings_to_txt": True,
        "dataset_filename_word_regex": "",
        "dataset_filename_join_string": " ",
        "training_image_repeats_per_epoch": 1,
        "training_write_csv_every": 500.0,
        "training_xattention_optimizations": False,
        "training_enable_tensorboard": False,
        "training_tensorboard_save_images": False,
        "training_tensorboard_flush_every": 120.0,
    },
    "Stable Diffusion": {
        "sd_checkpoints_keep_in_cpu": True,
        "sd_checkpoint_cache": 0,
        "sd_checkpoint_hash": "",
        "sd_unet": "Automatic",
        "enable_emphasis": True,
        "enable_batch_seeds": True,
        "upcast_attn": False,
        "tiling": False,
        "sd3_enable_t5": False,
        "sd_vae_explanation": "",
        "sd_vae_checkpoint_cache": 0,
        "sd_vae_as_default": True,
        "auto_vae_precision_bfloat16": False,
        "auto_vae_precision": True,
    },
    "img2img": {
        "img2img_editor_height": 720,
        "img2img_sketch_default_brush_color": "#ffffff",
        "img2img_inpaint_sketch_default_brush_color": "#ffffff",
        "img2img_inpaint_mask_high_contrast": True,
        "img2img_inpaint_precise_mask": False,
        "img2img_batch_show_results_limit": 32,
    },
    "Optimizations": {
        "persistent_cond_cache": True,
        "batch_cond_uncond": True,
        "dont_fix_second_order_samplers_schedule": False,
        "no_dpmpp_sde_batch_determinism": False,
    },
    "Interrogate": {
        "interrogate_keep_models_in_memory": False,
        "interrogate_return_ranks": False,
        "interrogate_clip_num_beams": 1,
        "interrogate_clip_min_length": 24,
        "interrogate_clip_max_length": 48,
        "interrogate_clip_dict_limit": 1500.0,
        "interrogate_clip_skip_categories": [],
        "interrogate_deepbooru_score_threshold": 0.5,
        "deepbooru_sort_alpha": True,
        "deepbooru_use_spaces": True,
        "deepbooru_escape": True,
        "deepbooru_filter_tags": "",
    },
    "Extra Networks": {
        "extra_networks_show_hidden_directories": True,
        "extra_networks_dir_button_function": False,
        "extra_networks_hidden_models": "When searched",
        "extra_networks_default_view": "cards",
        "extra_networks_card_width": 0.0,
        "extra_networks_card_height": 0.0,
        "extra_networks_card_text_scale": 1.0,
        "extra_networks_card_show_desc": True,
        "extra_networks_card_description_is_html": False,
        "extra_networks_card_order_field": "Path",
        "extra_networks_card_order": "Ascending",
        "extra_networks_tree_view_style": "Dirs",
        "extra_networks_tree_view_default_enabled": True,
        "extra_networks_tree_view_default_width": 180.0,
        "extra_networks_add_text_separator": " ",
        "ui_extra_networks_tab_reorder": "",
        "textual_inversion_print_at_load": False,
        "textual_inversion_image_embedding_data_cache": False,
        "lora_preferred_name": "Alias from file",
        "lora_bundled_ti_to_infotext": True,
        "lora_show_all": False,
        "lora_hide_unknown_for_versions": [],
        "lora_in_memory_limit": 0,
        "lora_not_found_warning_console": False,
        "lora_not_found_gradio_warning": False,
        "lora_functional": False,
    },
    "User interface": {
        "localization": "None",
        "gradio_theme": "Default",
        "gradio_themes_cache": True,
        "gallery_height": "",
        "do_not_show_images": False,
        "send_seed": True,
        "send_size": True,
        "send_cfg": True,
        "js_modal_lightbox": True,
        "js_modal_lightbox_initially_zoomed": True,
        "js_modal_lightbox_gamepad": False,
        "js_modal_lightbox_gamepad_repeat": 250.0,
        "js_live_preview_in_modal_lightbox": False,
        "sd_webui_modal_lightbox_icon_opacity": 1.0,
        "sd_webui_modal_lightbox_toolbar_opacity": 0.9,
        "open_dir_button_choice": "Subdirectory",
        "show_progress_in_title": True,
        "samplers_in_dropdown": True,
        "dimensions_and_batch_together": True,
        "keyedit_precision_attention": 0.1,
        "keyedit_precision_extra": 0.05,
        "keyedit_delimiters": ".,\\/!?%^*;:{}=`~() ",
        "keyedit_delimiters_whitespace": ["Tab", "Carriage Return", "Line Feed"],
        "keyedit_move": True,
        "disable_token_counters": False,
        "include_styles_into_token_counters": True,
        "quicksettings_list": ["sd_model_checkpoint"],
        "quick_setting_list": ["sd_model_checkpoint"],
        "ui_tab_order": [],
        "hidden_tabs": [],
        "ui_reorder_list": [],
        "hires_fix_show_sampler": False,
        "hires_fix_show_prompts": False,
        "txt2img_settings_accordion": False,
        "img2img_settings_accordion": False,
        "interrupt_after_current": True,
        "compact_prompt_box": False,
        "sd_checkpoint_dropdown_use_short": False,
        "extra_options_txt2img": [],
        "extra_options_img2img": [],
        "extra_options_cols": 1,
        "extra_options_accordion": False,
    },
    "Canvas hotkeys": {
        "canvas_hotkey_zoom": "Alt",
        "canvas_hotkey_adjust": "Ctrl",
        "canvas_hotkey_shrink_brush": "Q",
        "canvas_hotkey_grow_brush": "W",
        "canvas_hotkey_move": "F",
        "canvas_hotkey_fullscreen": "S",
        "canvas_hotkey_reset": "R",
        "canvas_hotkey_overlap": "O",
        "canvas_show_tooltip": True,
        "canvas_auto_expand": True,
        "canvas_blur_prompt": False,
        "canvas_disabled_functions": ["Overlap"],
        "hypertile_explanation": "",
    },
    "Infotext": {
        "infotext_skip_pasting": [],
        "infotext_explanation": "",
        "enable_prompt_comments": True,
    },
    "Live previews": {
        "show_progressbar": True,
        "live_previews_image_format": "png",
        "show_progress_grid": True,
        "live_preview_allow_lowvram_full": False,
        "live_preview_content": "Prompt",
        "live_preview_refresh_period": 1000.0,
        "live_preview_fast_interrupt": False,
    },
    "Sampler parameters": {"hide_samplers": [], "ddim_discretize": "uniform", "k_sched_type": "Automatic"},
    "Postprocessing": {
        "postprocessing_enable_in_main_ui": [],
        "postprocessing_disable_in_extras": [],
        "postprocessing_operation_order": [],
        "upscaling_max_images_in_cache": 5,
        "postprocessing_existing_caption_action": "Ignore",
    },
    "Hidden": {"disabled_extensions": [], "disable_all_extensions": "none", "restore_config_state_file": ""},
}

# Settings that reach out of the server: accepted silently, as by A1111's API, and never changed by a request.
CLOSED = frozenset("""
    temp_dir profiling_filename restore_config_state_file disabled_extensions disable_all_extensions
    api_enable_requests api_forbid_local_requests api_useragent enabled_examples
""".split())

# Settings with a fixed list of options in A1111; of a list, each value is one of them.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "auto_launch_browser": ("Disable", "Local", "Remote"),
    "profiling_activities": ("CPU", "CUDA"),
    "extra_networks_hidden_models": ("Always", "When searched", "Never"),
    "extra_networks_default_view": ("cards", "thumbs"),
    "extra_networks_card_order_field": ("Path", "Name", "Date Created", "Date Modified"),
    "extra_networks_card_order": ("Ascending", "Descending"),
    "extra_networks_tree_view_style": ("Tree", "Dirs"),
    "lora_preferred_name": ("Alias from file", "Filename"),
    "lora_hide_unknown_for_versions": ("SD1", "SD2", "SDXL"),
    "open_dir_button_choice": ("Output Root", "Subdirectory", "Subdirectory (even temp dir)"),
    "keyedit_delimiters_whitespace": ("Tab", "Carriage Return", "Line Feed"),
    "canvas_hotkey_zoom": ("Shift", "Ctrl", "Alt"),
    "canvas_hotkey_adjust": ("Shift", "Ctrl", "Alt"),
    "canvas_disabled_functions": (
        "Zoom",
        "Adjust brush size",
        "Hotkey enlarge brush",
        "Hotkey shrink brush",
        "Moving canvas",
        "Fullscreen",
        "Reset Zoom",
        "Overlap",
    ),
    "live_previews_image_format": ("jpeg", "png", "webp"),
    "live_preview_content": ("Combined", "Prompt", "Negative prompt"),
    "ddim_discretize": ("uniform", "quad"),
    "postprocessing_existing_caption_action": ("Ignore", "Keep", "Prepend", "Append"),
    "disable_all_extensions": ("none", "extra", "all"),
}

A1111_SETTINGS: Mapping[str, Any] = {name: value for section in SECTIONS.values() for name, value in section.items()}


def remembered(values: Mapping[str, Any], usual: Mapping[str, Any] = A1111_SETTINGS) -> dict[str, Any]:
    """Return the foreign settings among `values` that a request may change.

    usual: their defaults, those of extensions' settings too
    Raises Invalid naming the first one with a value that is impossible in A1111, or for its extension.
    """
    for name, value in values.items():
        if not same_type(value, usual[name]):
            raise Invalid(
                f"The setting {name} cannot be {value!r:.80}.",
                f"{usual[name]!r:.80} is its default, and its value must be of that kind.",
                field=name,
            )
        if strange := [
            each
            for each in (value if isinstance(value, list) else [value])
            if name in CHOICES and each not in CHOICES[name]
        ]:
            raise Invalid(
                f"The setting {name} cannot be {strange[0]!r:.80}.",
                f"It can be: {', '.join(CHOICES[name])}.",
                field=name,
            )
    return {name: value for name, value in values.items() if name not in CLOSED}


def same_type(value: Any, usual: Any) -> bool:
    if usual is None or isinstance(usual, dict):        # only an extension's
        return len(json.dumps(value)) <= MAX_SETTING
    if isinstance(usual, bool):
        return isinstance(value, bool)
    if isinstance(usual, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(usual, list):
        return isinstance(value, list) and len(value) <= MAX_ITEMS and all(same_type(each, "") for each in value)
    return isinstance(value, str) and len(value) <= MAX_SETTING

# of Easel's own, set by switches and not by hand
HIDDEN_SETTINGS: Mapping[str, Any] = {"enabled_examples": [], "enabled_for_others": []}
