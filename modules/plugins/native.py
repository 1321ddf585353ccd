"""Extensions of Easel's own API: found, imported, ordered, and their arguments read. They are declared with `easel`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from easel.declared import DeclarationError
from easel.extension import Extension as Declaration
from easel.extension import MomentListener
from easel.moments import Moment
from modules.base.errors import Invalid, UnknownName
from modules.base.fields import checker, defaults
from modules.params.scripts import SCRIPTS
from modules.plugins.importing import HOME

if TYPE_CHECKING:
    from modules.plugins.host import Host
    from modules.plugins.manifest import Extension

DECLARING_FILE = "extension.py"
LARGEST_SOURCE = 2**20       # bytes


@dataclass(frozen=True)
class NativeExtension:
    """An extension of Easel's own API. folder: the folder's name, by which the host knows it"""

    declaration: Declaration
    folder: str

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def titles(self) -> set[str]:
        """The titles of its scripts, in small letters."""
        return {each.title.lower() for each in self.declaration.scripts}

    @property
    def shapes_pictures(self) -> bool:
        """Whether pictures may take it along: it listens to their making, or they carry its arguments."""
        return bool(self.declaration.listeners or self.declaration.argument_class)

    def listeners(self, moment: Moment[Any]) -> list[MomentListener]:
        """Return its listeners of a moment, in the order of their declaration."""
        return [each for each in self.declaration.listeners if each.moment is moment]

    def arguments(self, given: Mapping[str, Any]) -> Any:
        """Return its arguments, with defaults for those not given. Raises Invalid."""
        cls = self.declaration.argument_class
        known = defaults(cls) if cls else {}
        if unknown := [name for name in given if name not in known]:
            error = UnknownName(f"argument of {self.name}", unknown[0], known)
            raise Invalid(str(error), error.hint, "extensions")
        if cls is None:
            return None
        try:
            return checker(cls).validate_python({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            raise Invalid(
                f"{self.name}.{first['loc'][0]} cannot be {first['input']!r:.80}.", f"{first['msg']}.", "extensions"
            ) from error

    def keys(self) -> dict[str, str]:
        """Return the name of the argument of each key of generation data."""
        return {self.declaration.infotext_key(name): name for name in self.declaration.params}

    def pairs(self, arguments: Any) -> dict[str, object]:
        """Return the generation data of arguments that are not at their defaults."""
        usual = self.declaration.default_arguments
        return {
            key: getattr(arguments, name) for key, name in self.keys().items()
            if getattr(arguments, name) != getattr(usual, name)
        }


def declares(extension: Extension) -> Path | None:
    """Return the file that declares a native extension; None if the folder has none."""
    path = extension.optional(DECLARING_FILE)
    if path is None or path.stat().st_size > LARGEST_SOURCE:
        return None
    words = path.read_text("utf-8", errors="replace").split()
    return path if "easel" in words or any(word.startswith("easel.") for word in words) else None


def declaration_in(module: ModuleType) -> Declaration:
    """Return the one Extension in a file's namespace. Raises DeclarationError."""
    found = {id(each): each for each in vars(module).values() if isinstance(each, Declaration)}
    if len(found) != 1:
        raise DeclarationError(f"{DECLARING_FILE}: there are {len(found)} values of Extension, and one is needed.")
    return next(iter(found.values()))


def load_native(host: Host, extension: Extension, path: Path) -> NativeExtension:
    """Import a native extension's file. Raises what it raises, and DeclarationError."""
    module = load_part(path) if host.is_part(extension) else host.importing.load(path, extension.folder)
    declaration = declaration_in(module)
    made = NativeExtension(declaration, extension.name)
    for other in host.native:
        if other.name == made.name and other.folder != made.folder:
            raise DeclarationError(f"{DECLARING_FILE}: the name {made.name} is that of the folder {other.folder} too.")
        if other.folder != made.folder and (both := other.keys().keys() & made.keys().keys()):
            raise DeclarationError(f"{DECLARING_FILE}: {other.name} writes {min(both)!r} into generation data already.")
    taken = {title for other in host.native if other.folder != made.folder for title in other.titles}
    if both := made.titles & {*taken, *(each.name.lower() for each in SCRIPTS)}:
        raise DeclarationError(f"{DECLARING_FILE}: there is a script called {min(both)!r} already.")
    return made


def load_part(path: Path) -> ModuleType:
    """Import the file of a part of Easel, as any module is; raises what it raises."""
    full = f"{HOME}.{path.parent.name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec and spec.loader
    sys.modules[full] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget_modules(host: Host, folder: Path) -> None:
    """Take an extension's modules out of Python's, so that they are imported anew."""
    below = f"{folder.resolve()}/"
    for name, module in list(sys.modules.items()):
        if host.importing.is_theirs(module) and str(Path(str(module.__file__)).resolve()).startswith(below):
            del sys.modules[name]


def in_listening_order(extensions: Iterable[NativeExtension]) -> list[NativeExtension]:
    """Sort by name, then so that each comes after those it names. Raises DeclarationError for a circle."""
    left = sorted(extensions, key=lambda each: each.name)
    names = {each.name for each in left}
    earlier = {each.name: set(each.declaration.after) & names for each in left}
    for each in left:
        for other in set(each.declaration.before) & names:
            earlier[other].add(each.name)
    order: list[NativeExtension] = []
    while left:
        ready = next((each for each in left if not earlier[each.name] & {other.name for other in left}), None)
        if ready is None:
            raise DeclarationError(f"The order of {', '.join(each.name for each in left)} is a circle.")
        order.append(ready)
        left.remove(ready)
    return order


# Requests ---------------------------------------------------------------------------------------------


def named_native(natives: Sequence[NativeExtension], name: str) -> NativeExtension | None:
    """Return the extension of that name or title, which are compared without case."""
    wanted = name.lower()
    return next((each for each in natives if wanted in (each.name, each.declaration.title.lower())), None)


def known_arguments(natives: Sequence[NativeExtension], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a request's arguments of extensions, checked and complete. Raises Invalid."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in given.items():
        native = named_native(natives, name)
        if native is None:
            unknown = UnknownName("extension", name, [each.name for each in natives])
            raise Invalid(str(unknown), unknown.hint, field="extensions")
        if not isinstance(values, Mapping):
            raise Invalid(f"The arguments of {name} are no object.", 'Send {"amount": 0.5}.', field="extensions")
        arguments = native.arguments(values)
        found[native.name] = plain_arguments(arguments)
    return found


def plain_arguments(arguments: Any) -> dict[str, Any]:
    """Return arguments by name."""
    return {each.name: getattr(arguments, each.name) for each in fields(arguments)} if arguments is not None else {}


def argument_axes(natives: Iterable[NativeExtension]) -> list[str]:
    """Return the names of their arguments as axes of a plot: warm-light.amount."""
    return [f"{native.name}.{argument}" for native in natives for argument in native.declaration.params]


@dataclass
class PastedExtensions:
    """What generation data say of extensions. fields: arguments by extension; unknown: the pairs that are left"""

    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


TOOK_PART = "Extensions"        # the key of generation data that names them, with their versions


def read_pairs_of_extensions(natives: Sequence[NativeExtension], unknown: Mapping[str, Any]) -> PastedExtensions:
    """Read the pairs that nobody else knows; what the data do not tell of an extension is at its default."""
    found = PastedExtensions(unknown=dict(unknown))
    told = str(found.unknown.pop(TOOK_PART, ""))
    here = {each.name for each in natives}
    for name in (each.strip().partition(" ")[0] for each in told.split(",")[:100]):
        if name and name not in here:
            found.notes.append(f"The extension {name[:60]} took part in this picture, and is not here.")
    for native in (each for each in natives if each.shapes_pictures):
        given = {name: found.unknown.pop(key) for key, name in native.keys().items() if key in found.unknown}
        try:
            arguments = native.arguments(given)
        except Invalid as error:
            found.notes.append(f"{error} It is left as it usually is.")
            arguments = native.declaration.default_arguments
        found.fields[native.name] = plain_arguments(arguments)
    return found
