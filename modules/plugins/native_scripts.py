"""Scripts of extensions of Easel's own API, as rows beside A1111's: a request chooses one by its title."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

from easel.extension import DeclaredScript
from easel.scripts import DrawingGrid
from modules.base.errors import Invalid
from modules.base.registry import Registry
from modules.params.known_names import KnownNames, style_texts
from modules.params.scripts import SCRIPTS, Script, arguments
from modules.params.txt2img import Generation
from modules.plugins.host import Host
from modules.plugins.native import NativeExtension
from modules.plugins.plan_values import plan_of_request


@dataclass(frozen=True)
class NativeScript:
    """A script of an extension that is in use."""

    host: Host
    native: NativeExtension
    declared: DeclaredScript

    @cached_property
    def row(self) -> Script:
        """The script as requests, page and API know it; the request's styles are added to each of its pictures."""
        own: Any = self.declared.argument_class
        return Script(
            self.declared.title, with_styles_field(own), tuple(self.declared.kinds),
            self.declared.about, self.settled, styles_later=True,
        )

    def settled(self, given: Any, params: Generation, known: KnownNames) -> Any:
        """Return the arguments with the texts of the request's styles. Raises Invalid, UnknownName or CallFailed."""
        self.grid(params, given)
        return replace(given, styles=style_texts(params.styles, known.styles))

    def arguments(self, params: Generation) -> Any:
        """Return the arguments of a resolved request. Raises Invalid."""
        return arguments(self.row, params.script_args)

    def grid(self, params: Generation, given: Any) -> DrawingGrid:
        """Return the pictures that are drawn in a request's place. Raises Invalid, or CallFailed."""
        return self.checked(self.call(self.declared.function, plan_of_request(params, 0), given))

    def call(self, function: Callable[..., Any], *values: Any) -> Any:
        """Return what the script's code returns. Raises the Invalid that it raises, or CallFailed."""
        found = self.host.call(self.native.folder, "script", partial(refusing, function), *values)
        if isinstance(found, ScriptRefusal):
            raise found.error
        return found

    def checked(self, found: Any) -> DrawingGrid:
        if not isinstance(found, DrawingGrid) or not all(found.shape):
            raise Invalid(f"{self.declared.where}: the script returned no grid of pictures.", field="script_name")
        return found


@dataclass(frozen=True)
class ScriptRefusal:
    """What a script says cannot be; that is no failure of the script."""

    error: Invalid


def refusing(function: Callable[..., Any], *values: Any) -> Any:
    """Return what a script's code returns, or its refusal."""
    try:
        return function(*values)
    except Invalid as error:
        return ScriptRefusal(error)


@cache
def with_styles_field(cls: Any) -> type[Any]:
    """Return a class of arguments with one more, which is Easel's: style → prompt and negative prompt."""
    styles: tuple[str, Any, Any] = ("styles", Mapping[str, tuple[str, str]], field(default_factory=dict))
    return make_dataclass(cls.__name__, [styles], bases=(cls,), frozen=True, namespace={"__module__": cls.__module__})


def native_scripts(host: Host) -> Iterator[NativeScript]:
    """Yield the scripts of extensions in use."""
    for native in host.natives():
        yield from (NativeScript(host, native, each) for each in native.declaration.scripts)


def native_script(host: Host, title: str) -> NativeScript | None:
    """Return the script of that title, compared without case."""
    return next((each for each in native_scripts(host) if each.declared.title.lower() == title.lower()), None)


def all_scripts(host: Host) -> Registry[Script]:
    """Return all scripts that a request may choose: Easel's own rows, then extensions'."""
    return Registry(SCRIPTS.kind, [*SCRIPTS, *(each.row for each in native_scripts(host))])
