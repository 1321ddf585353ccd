"""How modules of extensions are imported: with A1111's surface as their `modules`; nothing changes for others.

A finder takes every module whose file lies below a folder of an extension. Its loader gives the module a dictionary of
builtins of its own, whose `__import__` answers some names from `GIVEN`: gradio in its version 3's habits, `modules`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import local
from types import CodeType, ModuleType
from typing import Any

from modules.plugins.hollow import HOLLOW_PACKAGES, HollowModule, hollow
from modules.plugins.importlib_habits import importlib_module
from modules.plugins.installing import SITE_FOLDER

SURFACE = "modules.surface"         # the package of what extensions know as `modules`
HOME = "easel_extensions"           # the package under which their scripts are in `sys.modules`
SHARED_PACKAGES = ("scripts", "extensions")     # A1111's folders that are packages over all extensions

# the first part of a name that extension modules import → the module of ours that answers for it
GIVEN: dict[str, str] = {
    "modules": SURFACE,
    "launch": f"{SURFACE}.launch",
    "gradio": "gradio",
    "pydantic": "pydantic",
    "webui": f"{SURFACE}.call_queue",
    "subprocess": f"{SURFACE}.given_subprocess",
    "importlib": "importlib",
}

# the same for packages that are given only where they are not installed
STAND_INS: dict[str, str] = {
    "pkg_resources": f"{SURFACE}.pkg_resources_stand_in",
    "lora": f"{SURFACE}.networks",
    "networks": f"{SURFACE}.networks",
}
ABSENT = (*HOLLOW_PACKAGES, *STAND_INS)
# files of A1111's own folder of scripts, which extensions import
A1111_SCRIPTS = frozenset({
    "custom_code", "img2imgalt", "loopback", "outpainting_mk_2", "poor_mans_outpainting", "postprocessing_codeformer",
    "postprocessing_gfpgan", "postprocessing_upscale", "prompt_matrix", "prompts_from_file", "sd_upscale",
})

PLOT_SCRIPT = "xyz_grid"        # the one that is there


class Importing:
    """The finder of extensions' modules, in `sys.meta_path` from `install` to `remove`."""

    def __init__(self, root: Path, examples: Path | None = None) -> None:
        """root: the folder of all extensions; examples: of those that come with the program"""
        self.root = root.resolve()
        both = (root, examples) if examples else (root,)
        named = (each for folder in both for each in (folder.absolute(), folder.resolve()))
        self.roots = tuple(f"{each}/" for each in dict.fromkeys(named))
        self.folders: list[Path] = []           # of those that have been loaded, in order
        self.current = local()                  # `.folder`: of the extension that this thread loads
        self._before: set[str] = set()          # names in sys.modules that are not the extensions'

    def install(self) -> None:
        """Begin to answer. The finder stands before the usual one, which it asks itself."""
        self._before = set(sys.modules)
        place = next((i for i, finder in enumerate(sys.meta_path) if finder is PathFinder), len(sys.meta_path))
        sys.meta_path.insert(place, self)
        for name in SHARED_PACKAGES:
            sys.modules.setdefault(name, shared_package(name))
        shared = sys.modules["extensions"]
        shared.__path__ = [str(self.root)]

    def remove(self) -> None:
        """Stop to answer, and forget the modules of all extensions."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [name for name, module in list(sys.modules.items()) if self.is_theirs(module)]:
            del sys.modules[name]
        for name in SHARED_PACKAGES:
            if name not in self._before:
                sys.modules.pop(name, None)
        taken = {str(folder) for folder in self.folders}
        sys.path[:] = [entry for entry in sys.path if entry not in taken]
        self.folders.clear()

    def is_theirs(self, module: ModuleType | None) -> bool:
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and self.has(file)

    def has(self, file: str) -> bool:
        return file.startswith(self.roots)

    def extension_of(self, file: str) -> str:
        """Return the name of the extension that a file belongs to; "" for one of nobody's."""
        root = next((root for root in self.roots if file.startswith(root)), "")
        return file[len(root):].partition("/")[0] if root else ""

    @contextmanager
    def loading(self, folder: Path) -> Iterator[None]:
        """Look in an extension's folder first, in this thread, while the extension is loaded; later last, in all."""
        self.current.folder = folder
        if folder not in self.folders:
            self.folders.append(folder)
            sys.path.append(str(folder))
            sys.modules["scripts"].__path__.append(str(folder / "scripts"))
        try:
            yield
        finally:
            self.current.folder = None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is, as the usual finder does; those of extensions with a loader of their own."""
        spec = None
        if folder := getattr(self.current, "folder", None):
            if path is None:
                spec = PathFinder.find_spec(name, [str(folder)])
            elif name.startswith("scripts."):
                spec = PathFinder.find_spec(name, [str(folder / "scripts")])
        if spec is None or spec.origin is None:         # None: a folder without __init__.py, which may be elsewhere too
            spec = PathFinder.find_spec(name, path, target) or spec
        if spec and spec.origin and isinstance(spec.loader, SourceFileLoader):
            if self.has(spec.origin):
                spec.loader = ExtensionLoader(spec.name, spec.origin)
            elif SITE_FOLDER in spec.origin:
                spec.loader = PackageLoader(spec.name, spec.origin)
        return spec

    def calling_file(self) -> Path:
        """Return the file of extensions' that has called into Easel; without one, the innermost caller's."""
        frame = outer = sys._getframe(1)
        while outer and not self.has(outer.f_code.co_filename):
            outer = outer.f_back  # type: ignore[assignment]
        return Path((outer or frame).f_code.co_filename)

    def preload(self, path: Path, parser: Any) -> None:
        """Import an extension's preload.py, and let it declare its flags."""
        run_preload(self.load(path, path.parent), parser)

    def run_installer(self, path: Path) -> None:
        """Run an extension's install.py as the program of this process; raises what it raises."""
        loader = ExtensionLoader("__main__", str(path))
        spec = importlib.util.spec_from_file_location("__main__", path, loader=loader)
        assert spec
        with self.loading(path.parent):
            loader.exec_module(importlib.util.module_from_spec(spec))

    def load(self, path: Path, folder: Path | None = None) -> ModuleType:
        """Import an extension's file as a script, under a name that no other file has; raises what it raises.

        folder: the extension's, if the file is not in one of its folders
        """
        folder = folder or path.parents[1]
        name = f"{HOME}.{folder.name}.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path, loader=ExtensionLoader(name, str(path)))
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        with ExitStack() as undo, self.loading(folder):
            undo.callback(sys.modules.pop, name)
            spec.loader.exec_module(module)
            undo.pop_all()
        if path.parent.name == "scripts":               # where other scripts look for it
            sys.modules[f"scripts.{path.stem}"] = module
        return module


def run_preload(module: ModuleType, parser: Any) -> None:
    """Let an extension's preload.py declare flags, if it wants to."""
    if declare := getattr(module, "preload", None):
        declare(parser)


def shared_package(name: str) -> ModuleType:
    """Return a package without a file, over folders that are added to its path."""
    package = SharedPackage(name)
    package.__path__ = []
    return package


class SharedPackage(ModuleType):
    """A package over folders of all extensions, in which A1111's own scripts are hollow."""

    def __getattr__(self, name: str) -> Any:
        if self.__name__ == "scripts" and name == PLOT_SCRIPT:
            return importlib.import_module(f"{SURFACE}.{PLOT_SCRIPT}")
        if self.__name__ == "scripts" and name in A1111_SCRIPTS:
            return HollowModule(f"scripts.{name}")
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class ExtensionLoader(SourceFileLoader):
    """The loader of an extension's module: its `import` statements go through `given_import`."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": given_import}
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source; nothing is written beside it."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class PackageLoader(SourceFileLoader):
    """The loader of packages that were installed for extensions: they find the stand-in for torchvision."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": package_import}
        super().exec_module(module)


def package_import(name: str, *args: Any, **kwargs: Any) -> ModuleType:
    """What packages of extensions have as `__import__`."""
    if name.partition(".")[0] == "torchvision":
        return given_import(name, *args, **kwargs)
    return importer()(name, *args, **kwargs)


# what A1111's modules import, so that extensions find it in any of them: modules, names of `shared`, packages
MODULES_EVERYWHERE = frozenset({
    "shared", "devices", "images", "processing", "scripts", "script_callbacks", "errors", "extra_networks", "paths",
    "prompt_parser", "sd_hijack", "sd_models", "sd_samplers", "sd_vae", "masking", "lowvram", "hashes", "ui_common",
    "infotext_utils", "rng", "styles", "extensions", "sd_samplers_common", "ui_components", "modelloader", "cache",
})
QUEUE_EVERYWHERE = frozenset({"queue_lock", "wrap_gradio_call", "wrap_gradio_gpu_call", "wrap_queued_call"})
SHARED_EVERYWHERE = frozenset({"opts", "cmd_opts", "state", "sd_upscalers", "OptionInfo"})
PACKAGES_EVERYWHERE: Mapping[str, str] = {
    **{name: name for name in ("numpy", "torch", "os", "sys", "json", "re", "math", "time", "random", "tqdm")},
    "np": "numpy", "Image": "PIL.Image", "gr": "gradio",
}


def found_everywhere(name: str) -> Any:
    """Return what any of A1111's modules has under that name since it imports it. Raises AttributeError."""
    if name in MODULES_EVERYWHERE:
        return given_module(f"modules.{name}")
    if name in SHARED_EVERYWHERE:
        return getattr(given_module("modules.shared"), name)
    if name in QUEUE_EVERYWHERE:
        return getattr(given_module("modules.call_queue"), name)
    if name in a1111_names()["sd_samplers_common"]:
        return getattr(given_module("modules.sd_samplers_common"), name)
    if name in PACKAGES_EVERYWHERE:
        package = PACKAGES_EVERYWHERE[name]
        return LAYERED[package](package) if package in LAYERED else importlib.import_module(package)
    raise AttributeError(name)


class SurfaceModule(ModuleType):
    """A module of the surface: names that A1111's has and ours has not are hollow."""

    def __getattr__(self, name: str) -> Any:
        said = self.__name__.replace(SURFACE, "modules", 1)
        if said == "modules" and name in a1111_names():
            return given_module(f"modules.{name}")
        if name in a1111_names().get(said.partition(".")[2], ()):
            return hollow(f"{said}.{name}")
        try:
            return found_everywhere(name)
        except AttributeError:
            raise AttributeError(f"module {said!r} has no attribute {name!r}") from None


@cache
def a1111_names() -> Mapping[str, frozenset[str]]:
    """Return the names in each module of A1111 1.10.1, by the module's name below `modules`."""
    text = (Path(__file__).parents[1] / "surface" / "a1111_names.txt").read_text("utf-8")
    lines = (line.partition(":") for line in text.splitlines())
    return {name: frozenset(names.split()) for name, _, names in lines}


def given_import(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002  Python's names
    locals: Mapping[str, Any] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (), level: int = 0,
) -> ModuleType:
    """What extension modules have as `__import__`: names in `GIVEN` are answered by ours."""
    root = name.partition(".")[0]
    if level or not (root in GIVEN or root in ABSENT and is_missing(root)):
        try:
            return importer()(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as error:
            package, _, script = name.partition(".")
            if level or error.name != name or package != "scripts" or not hasattr(sys.modules[package], script):
                raise
            return getattr(sys.modules[package], script) if fromlist else sys.modules[package]
    module = given_module(name)
    for part in fromlist or ():
        if part != "*" and not hasattr(module, part):
            given_part(module, f"{name}.{part}")
    return module if fromlist else given_module(root)


def is_a1111s(name: str) -> bool:
    """Return whether A1111 has a module, or a package, of that name below `modules`."""
    return name in a1111_names() or any(each.startswith(f"{name}.") for each in a1111_names())


def given_part(module: ModuleType, name: str) -> None:
    """Give a module its part of that name, if that is a module too."""
    try:
        setattr(module, name.rpartition(".")[2], given_module(name))
    except ModuleNotFoundError:
        return      # so the import fails as Python has it: cannot import name


def given_module(name: str) -> ModuleType:
    """Return what extension modules get for the module of that name; raises ModuleNotFoundError with that name."""
    root, _, rest = name.partition(".")
    if root in HOLLOW_PACKAGES:
        return hollow_module(name)
    if root in LAYERED:
        return LAYERED[root](name)
    full = ".".join(filter(None, ((GIVEN | STAND_INS)[root], rest)))
    try:
        module = importlib.import_module(full)
    except ModuleNotFoundError as error:
        if not error.name or not full.startswith(error.name):
            raise
        if root == "modules" and is_a1111s(rest):
            return hollow_module(name)
        raise ModuleNotFoundError(f"No module named {name!r}", name=name) from None
    if root == "modules" and type(module) is ModuleType:
        module.__class__ = SurfaceModule
    if rest:
        setattr(given_module(name.rpartition(".")[0]), rest.rpartition(".")[2], module)
    return module


def gradio_given(name: str) -> ModuleType:
    """Return gradio's module of that name with the habits of gradio 3; it is imported only now."""
    from modules.plugins.gradio3 import gradio_module

    return gradio_module(name)


@cache
def pydantic_given(name: str) -> ModuleType:
    """Return pydantic with habits of pydantic 1; its parts are pydantic's own."""
    from modules.plugins.pydantic1 import PydanticModule

    return PydanticModule() if name == "pydantic" else importlib.import_module(name)


@cache
def importlib_given(name: str) -> ModuleType:
    """Return importlib's module of that name; it imports files of extensions as their `import` statements do."""
    return importlib_module(name, loader_of_extensions)


def loader_of_extensions(name: str, path: str) -> ExtensionLoader | None:
    """Return the loader for a file of an extension's; None for any other file."""
    finders = (each for each in sys.meta_path if isinstance(each, Importing))
    return ExtensionLoader(name, path) if path.endswith(".py") and any(each.has(path) for each in finders) else None


# packages that extensions have otherwise than they are: with habits of an earlier version, or of extensions
LAYERED: Mapping[str, Callable[[str], ModuleType]] = {
    "gradio": gradio_given, "pydantic": pydantic_given, "importlib": importlib_given,
}


@cache
def hollow_module(name: str) -> ModuleType:
    """Return the hollow module of that name, which its package has as a part."""
    root, _, rest = name.partition(".")
    if root == "torchvision":
        module = importlib.import_module(f"{SURFACE}.torchvision_stand_in").torchvision_module(name)
    else:
        module = HollowModule(name, a1111_names().get(rest) if root == "modules" else None)
    if rest:
        setattr(given_module(name.rpartition(".")[0]), rest.rpartition(".")[2], module)
    return module


def is_missing(package: str) -> bool:
    """Return whether there is no package of that name, neither installed nor the importing extension's own."""
    return importlib.util.find_spec(package) is None


def importer() -> Callable[..., ModuleType]:
    return builtins.__import__
