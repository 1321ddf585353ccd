"""A1111's `modules.shared`: settings, flags, state and models, as extensions know them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from PIL.Image import Resampling

from modules.plugins.hollow import NotHere
from modules.plugins.host import Host
from modules.settings.flags import ROOT
from modules.surface.binding import bound_host, view
from modules.surface.job_views import ModelView, StateView
from modules.surface.options import OptionDiv as OptionDiv
from modules.surface.options import OptionHTML as OptionHTML
from modules.surface.options import OptionInfo as OptionInfo
from modules.surface.options import current_opts
from modules.surface.options import options_section as options_section
from modules.surface.paths_internal import PATH_NAMES
from modules.surface.shared_cmd_options import cmd_opts as flags_namespace
from modules.surface.styles import StyleDatabase
from modules.surface.util import html as html
from modules.surface.util import html_path as html_path
from modules.surface.util import listfiles as listfiles
from modules.surface.util import natural_sort_key as natural_sort_key
from modules.surface.util import walk_files as walk_files

batch_cond_uncond = True
parallel_processing_allowed = True
xformers_available = False
sd_refiner = None
clip_model = None
demo = None
gradio_theme = None
loaded_hypernetworks: list[Any] = []
progress_print_out = sys.stdout
tab_names: list[str] = []
hide_dirs: Mapping[str, Any] = {"visible": True}
latent_upscale_default_mode = "Latent"
latent_upscale_modes: Mapping[str, Mapping[str, Any]] = {      # of hires fix, as torch names them
    "Latent": {"mode": "bilinear", "antialias": False},
    "Latent (antialiased)": {"mode": "bilinear", "antialias": True},
    "Latent (bicubic)": {"mode": "bicubic", "antialias": False},
    "Latent (bicubic antialiased)": {"mode": "bicubic", "antialias": True},
    "Latent (nearest)": {"mode": "nearest", "antialias": False},
    "Latent (nearest-exact)": {"mode": "nearest-exact", "antialias": False},
}

SCALED = {"None": Resampling.NEAREST, "Lanczos": Resampling.LANCZOS, "Nearest": Resampling.NEAREST}


class TotalTqdm:
    """A1111's progress bar in the terminal: here the page has it."""

    def update(self) -> None: ...
    def updateTotal(self, new_total: int) -> None: ...
    def reset(self) -> None: ...
    def clear(self) -> None: ...


class SeenUpscaler:
    """An upscaler as extensions see it: `.name` and `.scaler.upscale(image, scale, data_path)`."""

    def __init__(self, name: str) -> None:
        self.name, self.data_path, self.local_data_path, self.model = name, None, None, None
        self.scale, self.scaler = 4, self

    def upscale(self, img: Any, scale: float, selected_model: Any = None) -> Any:
        """Return the picture that many times as large. Raises NotHere for an upscaler with a model, outside a job."""
        size = int(img.width * scale), int(img.height * scale)
        if self.name not in SCALED:
            if (job := bound_host().generation) is None:
                raise NotHere(f"modules.shared.sd_upscalers[{self.name!r}].scaler.upscale")
            return job.upscale(img, scale, self.name)
        return img.resize(size, SCALED[self.name]) if self.name != "None" else img


class MemoryMonitor:
    """`mem_mon`: figures of memory, of which the page has its own."""

    disabled = True
    opts: Any = None
    data: Mapping[str, int] = {}

    def monitor(self) -> None: ...
    def read(self) -> Mapping[str, int]:
        return {}

    def stop(self) -> Mapping[str, int]:
        return {}


def interrogate_models(host: Host) -> Any:
    from modules.surface.interrogate import InterrogateModels

    return InterrogateModels()


def device(host: Host) -> Any:
    from modules.surface import devices

    return devices.get_optimal_device()


def weight_load_location(host: Host) -> Any:
    return None if device(host).type != "cpu" else "cpu"


# name → how the surface makes it for the bound host, once, when it is first read
VIEWS: Mapping[str, Callable[[Host], Any]] = {
    "cmd_opts": lambda host: flags_namespace(),
    "prompt_styles": lambda host: StyleDatabase(),
    "total_tqdm": lambda host: TotalTqdm(),
    "mem_mon": lambda host: MemoryMonitor(),
    "device": device,
    "interrogator": interrogate_models,
    "weight_load_location": weight_load_location,
    "options_templates": lambda host: OptionTemplates(),
    "sd_upscalers": lambda host: [SeenUpscaler(name) for name in host.program.models.upscalers()],
    "face_restorers": lambda host: [],
    "hypernetworks": lambda host: {
        file.model_name: str(file.path) for file in host.program.models.hypernetworks.list()
    },
    "restricted_opts": lambda host: set(),
    "state": StateView,
    "sd_model": ModelView,
}
# name → what it is now
CURRENT: Mapping[str, Callable[[Host], Any]] = {
    "opts": lambda host: current_opts(),
    "config_filename": lambda host: str(host.program.flags.paths.settings_file),
    "styles_filename": lambda host: [str(path) for path in host.program.flags.paths.styles_files],
    "styles_dir": lambda host: str(host.program.flags.paths.data_dir),
    "ui_config_filename": lambda host: str(host.program.flags.paths.data_dir / "ui-config.json"),
    "html_folder": lambda host: str(ROOT / "html"),
    "sd_configs_path": lambda host: str(host.program.flags.paths.configs),
    "default_sd_model_file": lambda host: str(host.program.flags.paths.models / "model.ckpt"),
}


class OptionTemplates(dict[str, Any]):
    """`options_templates`: settings put into it are declared."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        super().update(*args, **kwargs)
        opts = current_opts()
        for name, option in dict(*args, **kwargs).items():
            opts.add_option(name, option)


def list_checkpoint_tiles(use_short: bool = False) -> list[str]:
    from modules.surface import sd_models

    return sd_models.checkpoint_tiles(use_short)


def refresh_checkpoints() -> None:
    bound_host().program.models.checkpoints.refresh()


def list_samplers() -> Any:
    from modules.surface import sd_samplers

    return sd_samplers.sampler_lists().all_samplers


def reload_hypernetworks() -> None:
    bound_host().program.models.hypernetworks.refresh()


def __getattr__(name: str) -> Any:
    if name in VIEWS:
        return view(name, VIEWS[name])
    if name in CURRENT:
        return CURRENT[name](bound_host())
    if name in PATH_NAMES:
        return str(PATH_NAMES[name](bound_host().program.flags))
    raise AttributeError(f"module 'modules.shared' has no attribute {name!r}")
