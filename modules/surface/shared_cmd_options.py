"""A1111's `modules.shared_cmd_options`: the flags as a namespace."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.plugins.host import Host
from modules.settings.flags import Flags, Paths
from modules.surface.binding import view

USUAL_FLAGS: Mapping[str, Any] = {      # flags of A1111's that Easel has not, at A1111's defaults
    "ui_config_file": "ui-config.json", "hide_ui_dir_config": False, "freeze_settings": False, "share": False,
    "ngrok": None, "ngrok_region": "", "lowvram": False, "medvram": False, "medvram_sdxl": False, "lowram": False,
    "no_hashing": False, "disable_safe_unpickle": False, "allow_code": False, "api_log": False, "ui_debug_mode": False,
    "administrator": False, "gradio_debug": False, "gradio_queue": True, "no_gradio_queue": False,
    "deepdanbooru": False, "opt_channelslast": False, "always_batch_cond_uncond": False,
    "upcast_sampling": False, "use_ipex": False, "disable_nan_check": False, "sub_quad_q_chunk_size": 1024,
    "sub_quad_kv_chunk_size": None, "sub_quad_chunk_threshold": None, "config": None, "vae_path": None,
    "localizations_dir": "localizations", "textual_inversion_templates_dir": "textual_inversion_templates",
    "update_all_extensions": False, "api_server_stop": False, "disable_console_progressbars": False,
    "enable_console_prompts": False, "no_prompt_history": False, "skip_load_model_at_start": False,
    "max_batch_count": 16, "do_not_download_clip": True, "unload_gfpgan": False, "no_progressbar_hiding": False,
    "use_textbox_seed": False, "filenames_max_length": 128, "no_download_sd_model": True, "gradio_img2img_tool": None,
    "gradio_inpaint_tool": None, "xformers_flash_attention": False, "update_check": False, "test_server": False,
    "log_startup": False, "dump_sysinfo": False, "reinstall_torch": False, "reinstall_xformers": False,
    "skip_version_check": True, "skip_python_version_check": True, "skip_torch_cuda_test": True,
    "disable_opt_split_attention": False, "clip_models_path": None, "ldsr_models_path": None,
}
SECRET_FLAGS = ("gradio_auth", "gradio_auth_path", "api_auth")      # None: nobody's password is an extension's business


def flag_paths(paths: Paths) -> dict[str, str]:
    """Return A1111's flags of folders, at what they are here where the command line names none."""
    models = paths.models
    return {
        "data_dir": str(paths.data_dir), "models_dir": str(models), "ckpt_dir": str(models / "Stable-diffusion"),
        "vae_dir": str(models / "VAE"), "lora_dir": str(models / "Lora"), "lyco_dir": str(models / "LyCORIS"),
        "lyco_dir_backcompat": str(models / "LyCORIS"), "embeddings_dir": str(paths.data_dir / "embeddings"),
        "hypernetwork_dir": str(models / "hypernetworks"), "ui_settings_file": str(paths.settings_file),
        "ui_config_file": str(paths.data_dir / "ui-config.json"), "styles_file": str(paths.styles_files[0]),
        "localizations_dir": str(paths.data_dir / "localizations"),
        "esrgan_models_path": str(models / "ESRGAN"), "realesrgan_models_path": str(models / "RealESRGAN"),
        "gfpgan_models_path": str(models / "GFPGAN"), "codeformer_models_path": str(models / "Codeformer"),
        "config": str(paths.configs / "v1-inference.yaml"),
    }


def cmd_opts() -> argparse.Namespace:
    """Return the one namespace of flags that all extensions see, and may write to."""
    return view("cmd_opts", namespace)


def namespace(host: Host) -> argparse.Namespace:
    flags: Flags = host.program.flags
    given = {name: spelled_value(value) for name, value in flags.public().items() if value not in (None, ())}
    values = dict(USUAL_FLAGS) | flag_paths(flags.paths) | dict.fromkeys(SECRET_FLAGS)
    values["gradio_allowed_path"] = [*map(str, host.folders)]   # the page reads their files, wherever they are
    missing = dict.fromkeys(flags.public()) | {"use_cpu": []}
    return argparse.Namespace(**(missing | values | given | host.flags))


def spelled_value(value: Any) -> Any:
    """Return a flag's value as A1111's parser has it: paths are texts.

    >>> spelled_value(Path("a/b"))
    'a/b'
    """
    if isinstance(value, tuple):
        return [spelled_value(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def __getattr__(name: str) -> Any:
    if name == "cmd_opts":
        return cmd_opts()
    raise AttributeError(f"module 'modules.shared_cmd_options' has no attribute {name!r}")
