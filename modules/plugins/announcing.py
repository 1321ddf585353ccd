"""Components of a form are announced to extensions before and after they come into it, as A1111 announces its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gradio.context import Context

from modules.base.errors import WebUIError
from modules.plugins.failures import MOST_FAILURES
from modules.plugins.host import IN_USE, CallFailed, Host, surface
from modules.plugins.scripts import LoadedScript

# components of A1111's form, in its order, that scripts wait for before their own are drawn: id, class, label
ANCHORS_BEFORE = (
    ("{tab}_prompt", "Textbox", "Prompt"), ("{tab}_neg_prompt", "Textbox", "Negative prompt"),
    ("{tab}_interrupt", "Button", None), ("{tab}_skip", "Button", None), ("{tab}_generate", "Button", None),
    ("paste", "Button", None), ("{tab}_clear_prompt", "Button", None), ("{tab}_style_apply", "Button", None),
    ("{tab}_token_button", "Button", None), ("{tab}_negative_token_button", "Button", None),
    ("{tab}_styles", "Dropdown", "Styles"), ("{tab}_sampling", "Dropdown", "Sampling method"),
    ("{tab}_scheduler", "Dropdown", "Schedule type"), ("{tab}_steps", "Slider", "Sampling steps"),
    ("{tab}_denoising_strength", "Slider", "Denoising strength"), ("{tab}_width", "Slider", "Width"),
    ("{tab}_height", "Slider", "Height"), ("{tab}_batch_count", "Slider", "Batch count"),
    ("{tab}_batch_size", "Slider", "Batch size"), ("{tab}_cfg_scale", "Slider", "CFG Scale"),
    ("{tab}_seed", "Number", "Seed"), ("{tab}_subseed", "Number", "Variation seed"),
    ("{tab}_subseed_strength", "Slider", "Variation strength"), ("script_list", "Dropdown", "Script"),
)
# those of one tab alone
ANCHORS_OF_TAB: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "txt2img": (
        ("txt2img_hr-checkbox", "Checkbox", "Hires. fix"), ("txt2img_hr_upscaler", "Dropdown", "Upscaler"),
        ("txt2img_hires_steps", "Slider", "Hires steps"), ("txt2img_hr_scale", "Slider", "Upscale by"),
        ("txt2img_hr_resize_x", "Slider", "Resize width to"), ("txt2img_hr_resize_y", "Slider", "Resize height to"),
        ("hires_prompt", "Textbox", "Hires prompt"), ("hires_neg_prompt", "Textbox", "Hires negative prompt"),
    ),
    "img2img": (
        ("img2img_image", "Image", "Image for img2img"), ("img2img_sketch", "Image", "Image for img2img"),
        ("img2maskimg", "Image", "Image for inpainting with mask"),
        ("inpaint_sketch", "Image", "Color sketch inpainting"), ("img_inpaint_base", "Image", "Image for img2img"),
        ("img_inpaint_mask", "Image", "Mask"), ("resize_mode", "Radio", "Resize mode"),
        ("img2img_mask_blur", "Slider", "Mask blur"), ("img2img_scale", "Slider", "Scale"),
    ),
}
ANCHORS_AFTER = (
    ("{tab}_gallery", "Gallery", "Output"), ("{tab}_send_to_img2img", "Button", None),
    ("{tab}_send_to_inpaint", "Button", None), ("{tab}_send_to_extras", "Button", None),
    ("html_info_{tab}", "HTML", None), ("html_log_{tab}", "HTML", None), ("generation_info_{tab}", "Textbox", None),
    ("{tab}_generation_info_button", "Button", None),
)


class Announcer:
    """Announces the components of a tab to scripts and callbacks.

    The order is A1111's: scripts, then callbacks before a component; callbacks, then scripts after it.
    """

    def __init__(self, host: Host, scripts: Sequence[LoadedScript], *, unseen: bool = False) -> None:
        """unseen: whether nobody sees the page; then failures only end what the extension is told of it"""
        self.host, self.scripts, self.unseen = host, scripts, unseen
        self._failures: Counter[str] = Counter()

    def announced(self, component: Any) -> Iterator[None]:
        """Announce a component; what the caller does before it asks for the end brings it into the page."""
        from modules.plugins.gradio3 import adopt

        adopt(component)
        given = announced_arguments(component)
        for script in self.scripts:
            self._announce("before_component", script, component, given)
        self._call_back("before_component", component, given)
        yield
        self._call_back("after_component", component, given)
        for script in self.scripts:
            self._announce("after_component", script, component, given)

    def place(self, component: Any) -> None:
        """Render a component, and announce it before and after."""
        for _ in self.announced(component):
            component.render()

    def _announce(self, moment: str, script: LoadedScript, component: Any, given: Mapping[str, Any]) -> None:
        """Call a script's callbacks for this element id, then its method of that name."""
        waiting = getattr(script.script, f"on_{moment}_elem_id") or ()
        for elem_id, function in waiting:
            if elem_id == given["elem_id"]:
                self._told(script.extension, moment, function, surface("scripts").OnComponent(component))
        if getattr(type(script.script), moment) is not getattr(surface("scripts").Script, moment):
            self._told(script.extension, moment, getattr(script.script, moment), component, **given)

    def _call_back(self, moment: str, component: Any, given: Mapping[str, Any]) -> None:
        for listener in self.host.listeners(moment):
            self._told(listener.extension, moment, listener.function, component, **given)

    def _told(self, extension: str, moment: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call an extension that is still in use; what it drew before an error is removed."""
        state = self.host.state_of(extension)
        if state.state != IN_USE or self._failures[extension] >= MOST_FAILURES - 1:
            return
        try:
            with undone_after_error():
                self.host.call(extension, moment, function, *args, **kwargs)
        except CallFailed:      # logged, and counted: it is off after three
            if self.unseen:
                self._failures[extension] += 1


def draw_unseen(host: Host, tab: str, scripts: Sequence[LoadedScript]) -> None:
    """Draw the controls of scripts in a page that nobody sees, with A1111's components around them."""
    from modules.plugins.gradio3 import unseen_page

    announcer = Announcer(host, scripts, unseen=True)
    announced = tab in ANCHORS_OF_TAB
    before = (*ANCHORS_BEFORE[:-1], *ANCHORS_OF_TAB[tab], ANCHORS_BEFORE[-1]) if announced else ()
    with unseen_page():
        for anchor in before:
            announcer.place(anchor_component(tab, *anchor))
        for each in scripts:
            host.told_call(each.extension, "ui", each.draw, host.ui_config)
        for anchor in ANCHORS_AFTER if announced else ():
            announcer.place(anchor_component(tab, *anchor))


def anchor_component(tab: str, elem_id: str, kind: str, label: str | None) -> Any:
    from modules.plugins.gradio3 import gradio_module

    given = {"label": label} if label else {}
    return getattr(gradio_module("gradio"), kind)(elem_id=elem_id.format(tab=tab), render=False, **given)


def announced_arguments(component: Any) -> dict[str, Any]:
    """Return the arguments that A1111 announces a component with: those of its constructor."""
    given = dict(getattr(component, "constructor_args", None) or {})
    return given | {name: getattr(component, name, None) for name in ("elem_id", "label", "value")}


class UnplaceableError(WebUIError):
    """A component that an extension has drawn and gradio cannot place in the page."""

    status, code = 500, "component_unplaceable"


def drawn_whole(function: Callable[[], Any]) -> Any:
    """Call what draws into the page; after an error, or with what gradio cannot place, nothing of it stays.

    Raises UnplaceableError for a component that was put into the page and never rendered.
    """
    with undone_after_error():
        parent = Context.block
        known = {id(child) for child in parent.children}
        found = function()
        if Context.block is not parent:
            raise UnplaceableError("A layout was opened and not closed. Open layouts by `with` alone.")
        require_placed([child for child in parent.children if id(child) not in known])
        return found


def require_placed(blocks: Sequence[Any]) -> None:
    """Raise UnplaceableError for the first of blocks, and of all within them, that was never rendered."""
    for each in blocks:
        if not hasattr(each, "page") or each.parent is None or each._id not in Context.root_block.blocks:
            name = getattr(each, "label", None) or getattr(each, "elem_id", None) or ""
            raise UnplaceableError(f"{type(each).__name__} {name!r} stands in the page, but was not rendered in it.")
        require_placed(getattr(each, "children", ()))


@contextmanager
def undone_after_error() -> Iterator[Any]:
    """Remove from the page what is drawn within, if that ends with an error; or when the yielded function is called."""
    parent, root = Context.block, Context.root_block
    config = root.default_config
    children, blocks, functions = list(parent.children), set(config.blocks), set(config.fns)

    def undo() -> None:
        Context.block, Context.root_block = parent, root      # an error within a Blocks of its own loses both
        parent.children[:] = children
        for table, known in ((config.blocks, blocks), (config.fns, functions)):
            for number in set(table) - known:
                del table[number]

    whole = False
    try:
        yield undo
        whole = True
    finally:
        if not whole:
            undo()
