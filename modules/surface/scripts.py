"""A1111's `modules.scripts`: the base class of scripts, and lists of them."""

from __future__ import annotations

import logging
import re
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from modules.plugins.host import surface
from modules.plugins.scripts import script_classes
from modules.surface import script_callbacks as script_callbacks
from modules.surface.binding import bound_host, view
from modules.worker.hooks import script_runner

log = logging.getLogger(__name__)

AlwaysVisible = object()        # what `Script.show` returns for a script that is always on


class MaskBlendArgs:
    def __init__(
        self, current_latent: Any, nmask: Any, init_latent: Any, mask: Any, blended_latent: Any, denoiser: Any = None,
        sigma: Any = None,
    ) -> None:
        self.current_latent, self.nmask, self.init_latent, self.mask = current_latent, nmask, init_latent, mask
        self.blended_latent, self.denoiser, self.sigma = blended_latent, denoiser, sigma
        self.is_final_blend = denoiser is None


class PostSampleArgs:
    def __init__(self, samples: Any) -> None:
        self.samples = samples


class PostprocessImageArgs:
    def __init__(self, image: Any) -> None:
        self.image = image


class PostProcessMaskOverlayArgs:
    def __init__(self, index: int, mask_for_overlay: Any, overlay_image: Any) -> None:
        self.index, self.mask_for_overlay, self.overlay_image = index, mask_for_overlay, overlay_image


class PostprocessBatchListArgs:
    def __init__(self, images: list[Any]) -> None:
        self.images = images


class OnComponent(NamedTuple):
    """What a callback of `on_before_component` of a script is given."""

    component: Any


class Script:
    """The base class of extensions' scripts: what they do not override does nothing."""

    name: str | None = None
    section: str | None = None              # where in the form its controls stand
    filename: str | None = None
    args_from: int | None = None            # its part of all scripts' arguments
    args_to: int | None = None
    alwayson = False
    is_txt2img = False
    is_img2img = False
    tabname: str | None = None
    group: Any = None                       # the gr.Group of its controls
    create_group = True
    infotext_fields: list[Any] | None = None
    paste_field_names: list[str] | None = None
    api_info: Any = None
    on_before_component_elem_id: list[Any] | None = None
    on_after_component_elem_id: list[Any] | None = None
    setup_for_ui_only = False
    controls: list[Any] | None = None

    def title(self) -> str:
        raise NotImplementedError

    def ui(self, is_img2img: bool) -> Any:
        """Make gradio components and return them: their values are the arguments of the hooks."""

    def show(self, is_img2img: bool) -> Any:
        """Return whether to be in the dropdown of scripts; AlwaysVisible to be always on."""
        return True

    def run(self, p: Any, *args: Any) -> Any:
        """Make the pictures, of a script that is chosen; None to have them made as usual."""

    def setup(self, p: Any, *args: Any) -> None: ...
    def before_process(self, p: Any, *args: Any) -> None: ...
    def process(self, p: Any, *args: Any) -> None: ...
    def before_process_batch(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def after_extra_networks_activate(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def process_batch(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def postprocess_batch(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def postprocess_batch_list(self, p: Any, pp: Any, *args: Any, **kwargs: Any) -> None: ...
    def on_mask_blend(self, p: Any, mba: Any, *args: Any) -> None: ...
    def post_sample(self, p: Any, ps: Any, *args: Any) -> None: ...
    def postprocess_image(self, p: Any, pp: Any, *args: Any) -> None: ...
    def postprocess_maskoverlay(self, p: Any, ppmo: Any, *args: Any) -> None: ...
    def postprocess_image_after_composite(self, p: Any, pp: Any, *args: Any) -> None: ...
    def postprocess(self, p: Any, processed: Any, *args: Any) -> None: ...
    def before_component(self, component: Any, **kwargs: Any) -> None: ...
    def after_component(self, component: Any, **kwargs: Any) -> None: ...
    def before_hr(self, p: Any, *args: Any) -> None: ...

    def on_before_component(self, callback: Callable[..., Any], *, elem_id: str) -> None:
        """Call it before the component of that id is made."""
        self.on_before_component_elem_id = [*(self.on_before_component_elem_id or ()), (elem_id, callback)]

    def on_after_component(self, callback: Callable[..., Any], *, elem_id: str) -> None:
        """Call it after the component of that id is made."""
        self.on_after_component_elem_id = [*(self.on_after_component_elem_id or ()), (elem_id, callback)]

    def describe(self) -> str:
        return ""

    def elem_id(self, item_id: str) -> str:
        """Return an element's id with the script's title and, for scripts of both tabs, the tab's name."""
        both = self.show(True) == self.show(False)
        tab = ("img2img" if self.is_img2img else "txt2img") + "_" if both else ""
        title = re.sub("[^a-z_0-9]", "", re.sub(r"\s", "_", self.title().lower()))
        return f"script_{tab}{title}_{item_id}"


class ScriptBuiltinUI(Script):
    """A1111's class of scripts that draw parts of its own form."""

    setup_for_ui_only = True

    def elem_id(self, item_id: str) -> str:
        both = self.show(True) == self.show(False)
        tab = ("img2img" if self.is_img2img else "txt2img") + "_" if both else ""
        return f"{tab}{item_id}"


ScriptFile = namedtuple("ScriptFile", ["basedir", "filename", "path"])
ScriptClassData = namedtuple("ScriptClassData", ["script_class", "path", "basedir", "module"])


def script_classes_seen() -> list[ScriptClassData]:
    """Return the classes of all extensions' scripts, and of X/Y/Z plot, with their files."""
    found = []
    for path, (extension, module) in bound_host().modules.items():
        for each in script_classes(module, Script):
            found.append(ScriptClassData(each, str(path), str(extension.folder), module))
    return [*found, plot_script()]


def plot_script() -> ScriptClassData:
    """Return A1111's script X/Y/Z plot, to whose module extensions add axes."""
    module, root = surface("xyz_grid"), bound_host().program.flags.paths.root
    return ScriptClassData(module.Script, str(root / "scripts" / "xyz_grid.py"), str(root), module)


class ScriptRunner(script_runner.ScriptRunner):
    """The scripts of a tab. An extension's own runner has none until it is given a tab's."""

    def __init__(self, host: Any = None, tab: str = "", note: Callable[[str], None] = log.warning) -> None:
        super().__init__(host or bound_host(), tab or "txt2img", note)
        if not tab:
            self._loaded = []
            self.scripts, self.alwayson_scripts, self.selectable_scripts, self.titles = [], [], [], []

    def initialize_scripts(self, is_img2img: bool) -> None:
        """Take the scripts of a tab."""
        self.__init__(self._host, "img2img" if is_img2img else "txt2img", self._note)  # type: ignore[misc]

    def prepare_ui(self) -> None:
        """Controls are drawn by Easel's page."""

    def setup_ui(self) -> list[Any]:
        """Return no controls: those of scripts are in Easel's page."""
        return []

    def setup_ui_for_section(self, section: Any, scriptlist: Any = None) -> None:
        """Controls are drawn by Easel's page."""


def __getattr__(name: str) -> Any:
    if name == "scripts_data":
        return script_classes_seen()
    if name in ("scripts_txt2img", "scripts_img2img"):
        make = partial(ScriptRunner, tab=name.removeprefix("scripts_"))
        host = bound_host()
        return view(name, make) if host.ready.is_set() else make(host)      # it has not all while they are loaded
    if name == "scripts_current":
        return None
    if name == "postprocessing_scripts_data":
        return []
    raise AttributeError(f"module 'modules.scripts' has no attribute {name!r}")


def basedir() -> str:
    """Return the folder of the extension that is being loaded or called; the program's outside of any."""
    host = bound_host()
    return str(host.state_of(host.calling).extension.folder if host.calling else host.program.flags.paths.root)


def list_scripts(scriptdirname: str, extension: str, *, include_extensions: bool = True) -> list[ScriptFile]:
    """Return the files of all active extensions in a folder of that name, with that ending."""
    found = []
    for state in bound_host().active if include_extensions else ():
        for path in state.extension.files(scriptdirname, extension.lower()):
            found.append(ScriptFile(str(state.extension.folder), path.name, str(path)))
    return found


def list_files_with_name(filename: str) -> list[str]:
    """Return the paths of the files of that name in the folders of active extensions."""
    paths = [state.extension.folder / filename for state in bound_host().active]
    return [str(path) for path in paths if path.is_file()]
