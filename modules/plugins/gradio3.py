"""gradio 6 with the habits of gradio 3, for extension modules alone: nothing of gradio itself is changed.

Each of gradio's blocks has a subclass here, which takes the arguments, methods and events of version 3. Extension
modules get these under gradio's names (`Gradio3Module`); a component of our own page is *adopted* before it is handed
to an extension: it changes its class, not its type in the page.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from types import ModuleType
from typing import Any

import gradio
import numpy as np
from gradio.blocks import Block, BlockContext
from gradio.blocks_events import BLOCKS_EVENTS, BlocksMeta
from gradio.component_meta import ComponentMeta
from PIL import Image

from modules.base.border import outcome
from modules.plugins.gradio3_arguments import constructor_arguments, event_arguments, update_arguments

log = logging.getLogger(__name__)
GRADIO_VERSION = "3.41.2"                  # what A1111 1.10 has
GENERAL = ("FormComponent", "Component", "ComponentBase", "Block", "BlockContext")      # bases that are in no page
OLD_STYLES = ("height", "width", "columns", "rows", "object_fit", "preview", "container", "size")
PAINTING_TOOLS = ("sketch", "color-sketch", "editor")
UNGIVEN = object()
UNSEEN = "unseen-layout"                   # a class of the style sheet's


def with_signature(kind: Any) -> Any:
    """Give a class's constructor the arguments of gradio's: that is where gradio reads which properties there are."""
    if "__init__" not in vars(kind):        # it inherits one, which must keep its own
        kind.__init__ = forwarded(kind.__init__)
    kind.__init__.__signature__ = inspect.signature(real_class(kind).__init__)
    return kind


def forwarded(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that calls another."""

    @wraps(init)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)

    return construct


class Gradio3Meta(ComponentMeta):
    """The metaclass of the layer's components: gradio's own writes files beside the source of each class."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        return with_signature(ABCMeta.__new__(cls, name, bases, attrs))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, vars(cls).get("gradio3_real", ())) or super().__instancecheck__(instance)


class ImageMeta(Gradio3Meta):
    """The metaclass of gradio 3's Image: with a tool to paint it is an image editor."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("tool") in PAINTING_TOOLS and cls is layered(gradio.Image):
            kwargs.pop("source", None)
            return sketched()(*args, **kwargs)
        return super().__call__(*args, **kwargs)


class Gradio3BlocksMeta(BlocksMeta):
    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        return with_signature(type.__new__(cls, name, bases, attrs))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, vars(cls).get("gradio3_real", ())) or super().__instancecheck__(instance)


def layered_class(real: Any, meta: Any) -> Any:
    """Make gradio 3's class of a block of gradio 6.

    Its one base is that block's, so that a component of ours can change to it (`adopt`).
    """

    class Layered(real, metaclass=meta):  # type: ignore[misc]
        __slots__ = ()
        gradio3_real = real
        page = ""       # of a page with several: gradio sets it where a component is rendered
        __module__, __qualname__, __doc__ = real.__module__, real.__qualname__, real.__doc__

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            args, given, kept = constructor_arguments(real_class(type(self)), args, kwargs)
            super().__init__(*args, **given)
            for name, value in kept.items():
                setattr(self, name, value)

        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            kind: Any = type(self)
            return event_method(self, found) if name in event_names(kind) else found

        @classmethod
        def update(cls, value: Any = UNGIVEN, *args: Any, **kwargs: Any) -> dict[str, Any]:
            """Return an update of such a component; what is None is left as it is, but for the value."""
            given = {} if value is UNGIVEN else {"value": value}
            return gradio.update(**given, **update_arguments(kwargs))

        def style(self, **kwargs: Any) -> Any:
            return old_style(self, kwargs)

        def get_block_name(self) -> str:
            return page_name(type(self))

        def get_block_class(self) -> str:
            return class_name(type(self))

        @classmethod
        def get_component_class_id(cls) -> str:
            return real_class(cls).get_component_class_id()

    Layered.__name__ = real.__name__
    return Layered


def old_style(component: Any, looks: Mapping[str, Any]) -> Any:
    """Set what gradio 3's `.style` sets, as far as gradio 6 has it; returns the component."""
    for name, value in looks.items():
        name = {"grid": "columns"}.get(name, name)
        if name in OLD_STYLES and hasattr(component, name):
            setattr(component, name, value)
    return component


def painted(found: Mapping[str, Any]) -> Any:
    """Return the layers of an ImageEditor's value as a mask, a picture of the type of its background."""
    background = found["background"]
    mask = np.zeros((*np.asarray(background).shape[:2], 3), np.uint8)
    for layer in found["layers"]:
        mask[np.asarray(layer)[..., -1] > 0] = 255
    return Image.fromarray(mask) if isinstance(background, Image.Image) else mask


@cache
def layered(real: Any) -> Any:
    """Return gradio 3's class of a block of gradio 6."""
    if issubclass(real, gradio.Blocks):
        return layered_class(real, Gradio3BlocksMeta)
    return layered_class(real, ImageMeta if real is gradio.Image else Gradio3Meta)


@cache
def sketched() -> Any:
    """Return gradio 3's Image with `tool="sketch"`: its value is a picture and a mask."""

    class Sketched(layered(gradio.ImageEditor)):  # type: ignore[misc]
        __slots__ = ()

        def preprocess(self, payload: Any) -> Any:
            """Return {"image", "mask"}: the mask is white where something was painted."""
            found = super().preprocess(payload)
            if not found or found.get("background") is None:
                return None
            return {"image": found["background"], "mask": painted(found)}

    return Sketched


def real_class(kind: type) -> Any:
    """Return the class of gradio that a class of the layer, or an extension's subclass of it, stands for."""
    found = [vars(each)["gradio3_real"] for each in kind.__mro__ if "gradio3_real" in vars(each)]
    return next((each for each in found if each.__name__ not in GENERAL), found[0])


def page_name(kind: type) -> str:
    """Return the name by which the page knows such a block: gradio's own for it, where it has one."""
    real = real_class(kind)
    has_own = real.get_block_name is not Block.get_block_name
    return str(real.get_block_name(None)) if has_own else class_name(kind)


def class_name(kind: type) -> str:
    """Return the name of a block's class in small letters; a template has its base's."""
    real = real_class(kind)
    return (real.__base__ if hasattr(real, "is_template") else real).__name__.lower()


def adopt(component: Any) -> Any:
    """Give a component of our own page the habits of gradio 3, before it is handed to an extension; returns it."""
    if isinstance(component, Block) and not hasattr(component, "gradio3_real"):
        kind: Any = type(component)
        component.__class__ = layered(kind)
    return component


def keep_unseen_layouts(page: gradio.Blocks) -> None:
    """Keep in a page, unseen, what stands in an extension's layout that nothing ever shows: its scripts write there.

    gradio 6 draws nothing within a layout that is not visible, gradio 3 everything.
    """
    shown = {block._id for function in page.fns.values() for block in function.outputs}
    for block in page.blocks.values():
        is_theirs = isinstance(block, BlockContext) and hasattr(block, "gradio3_real")
        if is_theirs and not isinstance(block, gradio.Tab) and block.visible is False and block._id not in shown:
            block.visible, block.elem_classes = "hidden", [*(block.elem_classes or []), UNSEEN]


@cache
def event_names(kind: Any) -> frozenset[str]:
    events: Any = BLOCKS_EVENTS if issubclass(kind, gradio.Blocks) else getattr(kind, "EVENTS", [])
    return frozenset(map(str, events))


def event_method(component: Any, listener: Callable[..., Any]) -> Callable[..., Any]:
    """Return a component's event with the arguments of gradio 3, and what gradio reads off such a method."""

    @wraps(listener)
    def listen(*args: Any, **kwargs: Any) -> Any:
        return chained(listener(*args, **event_arguments(kwargs)))

    listen.__self__ = component  # type: ignore[attr-defined]
    return listen


def chained(dependency: Any) -> Any:
    """Give a listener's chain, such as `.then`, the arguments of gradio 3."""
    for name in ("then", "success", "failure"):
        if step := getattr(dependency, name, None):
            setattr(dependency, name, chain_step(step))
    return dependency


def chain_step(step: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: chained(step(*args, **event_arguments(kwargs)))


class EventMixin:
    """A base of gradio 3's for components with an event, such as `Changeable`."""


class Gradio3Module(ModuleType):
    """gradio, or one of its modules, as extension modules see it."""

    def __init__(self, real: ModuleType) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__path__ = getattr(real, "__path__", [])
        self.__version__ = GRADIO_VERSION
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name in ADDED_NAMES:
            return ADDED_NAMES[name]()
        if self.__name__ == "gradio.events" and name.endswith("able"):
            return EventMixin
        found = getattr(self._real, name)
        if isinstance(found, type) and issubclass(found, Block):
            found = layered(found)
        elif isinstance(found, ModuleType) and found.__name__.startswith("gradio."):
            found = gradio_module(found.__name__)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._real), *ADDED_NAMES})


# names of gradio 3 that gradio 6 has not
ADDED_NAMES: Mapping[str, Callable[[], Any]] = {
    "Box": lambda: layered(gradio.Group),
    "Variable": lambda: layered(gradio.State),
    "IOComponent": lambda: layered(gradio.components.Component),
    "inputs": lambda: components_module(),
    "outputs": lambda: components_module(),
    "StatusTracker": lambda: layered(gradio.HTML),
}


@cache
def gradio_module(name: str) -> ModuleType:
    """Return gradio's module of that name as extension modules see it; raises ModuleNotFoundError."""
    if name in ("gradio.inputs", "gradio.outputs"):
        return gradio_module("gradio.components")
    return Gradio3Module(importlib.import_module(name))


def components_module() -> ModuleType:
    return gradio_module("gradio.components")


@contextmanager
def unseen_page() -> Iterator[Any]:
    """A page that nobody sees: components made in it are in no page of ours."""
    with gradio.Blocks() as page:
        yield page


def default_value(component: Any) -> Any:
    """Return what a component hands to a function before anybody has touched it."""
    value = component.value if hasattr(component, "value") else None
    if callable(value):
        value = value()
    if value is not None and getattr(component, "data_model", None):
        value = outcome(component.data_model.model_validate, value)
    found = outcome(component.preprocess, value) if hasattr(component, "preprocess") else value
    return None if isinstance(found, Exception) else found
