"""A1111's `modules.paths_internal`: folders, as texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modules.settings.flags import ROOT, Flags
from modules.surface.binding import bound_host

PATH_NAMES: Mapping[str, Callable[[Flags], object]] = {
    "script_path": lambda flags: flags.paths.data_dir,      # where extensions look for and leave files
    "modules_path": lambda flags: ROOT / "modules",
    "data_path": lambda flags: flags.paths.data_dir,
    "models_path": lambda flags: flags.paths.models,
    "extensions_dir": lambda flags: flags.paths.extensions,
    "extensions_builtin_dir": lambda flags: flags.paths.data_dir / "extensions-builtin",
    "config_states_dir": lambda flags: flags.paths.data_dir / "config_states",
    "default_output_dir": lambda flags: flags.paths.outputs,
    "roboto_ttf_file": lambda flags: ROOT / "modules" / "imaging" / "fonts" / "Roboto-Regular.ttf",
    "sd_configs_path": lambda flags: flags.paths.configs,
    "sd_default_config": lambda flags: flags.paths.configs / "v1-inference.yaml",
    "cwd": lambda flags: flags.paths.data_dir,
}


def __getattr__(name: str) -> str:
    if name not in PATH_NAMES:
        raise AttributeError(f"module 'modules.paths' has no attribute {name!r}")
    return str(PATH_NAMES[name](bound_host().program.flags))
