"""A1111's `modules.scripts_postprocessing`: scripts of the Extras tab."""

from __future__ import annotations

from typing import Any

from modules.plugins.scripts import EXTRAS_TAB
from modules.surface.binding import bound_host


class PostprocessedImageSharedInfo:
    """What the scripts of one picture tell one another."""

    def __init__(self) -> None:
        self.target_width: int | None = None
        self.target_height: int | None = None


class PostprocessedImage:
    """A picture of the Extras tab on its way through the scripts."""

    def __init__(self, image: Any) -> None:
        self.image, self.info = image, dict[str, Any]()
        self.shared = PostprocessedImageSharedInfo()
        self.extra_images: list[Any] = []
        self.nametags: list[str] = []
        self.disable_processing, self.caption = False, None

    def get_suffix(self, used_suffixes: Any = None) -> str:
        return "".join(f"-{tag}" for tag in self.nametags)

    def create_copy(self, new_image: Any, *, nametags: Any = None, disable_processing: bool = False) -> Any:
        copy = PostprocessedImage(new_image)
        copy.info, copy.shared = dict(self.info), self.shared
        copy.nametags, copy.disable_processing = [*self.nametags, *(nametags or ())], disable_processing
        return copy


class ScriptPostprocessing:
    """The base class of scripts of the Extras tab."""

    filename: Any = None
    controls: Any = None
    args_from: int | None = None
    args_to: int | None = None
    order = 1000
    name: Any = None
    group: Any = None
    section: Any = None
    create_group = True

    def ui(self) -> Any: ...
    def process(self, pp: Any, **args: Any) -> None: ...
    def process_firstpass(self, pp: Any, **args: Any) -> None: ...
    def image_changed(self) -> None: ...


class ScriptPostprocessingRunner:
    """The scripts of the Extras tab, as extensions ask for them."""

    ui_created = True

    @property
    def scripts(self) -> list[ScriptPostprocessing]:
        return [each.script for each in bound_host().scripts(EXTRAS_TAB)]

    def scripts_in_preferred_order(self) -> list[ScriptPostprocessing]:
        return self.scripts
