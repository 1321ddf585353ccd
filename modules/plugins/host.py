"""The host of extensions: which there are, what they have registered, and the one door into their code."""

from __future__ import annotations

import argparse
import importlib
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, get_ident
from types import ModuleType
from typing import Any, TypeVar

from easel.declared import DeclarationError
from modules.base.accounts import LOCAL_OWNER
from modules.base.border import outcome
from modules.base.errors import StopAsked, WebUIError
from modules.plugins.callbacks import Callbacks, ExtensionListener
from modules.plugins.failures import MARKED_MOMENTS, MOST_FAILURES, FailuresInARow, may_switch_off
from modules.plugins.importing import SURFACE, Importing
from modules.plugins.installing import keep_pip_away, leave_site_folder, let_pip_in, use_site_folder
from modules.plugins.loading_order import CallbackRule, callback_name, callback_rules, in_asked_order, loading_order
from modules.plugins.manifest import Extension, find_examples, find_extensions, find_parts
from modules.plugins.native import NativeExtension, declares, in_listening_order, load_native
from modules.plugins.native_settings import declare_settings, with_settings
from modules.plugins.scripts import (
    EXTRAS_TAB,
    SCRIPT_TABS,
    TABS,
    LoadedScript,
    extras_script,
    instances,
    script_classes,
)
from modules.plugins.switches import NOT_FOR_OTHERS, LoadingMarker, switched_off, switched_off_by_name
from modules.settings.flags import Flags
from modules.settings.ui_config import UI_CONFIG, UiConfig

log = logging.getLogger(__name__)
T = TypeVar("T")
IN_USE, SWITCHED_OFF, UNUSABLE = "loaded", "off", "failed"       # states of an extension

# below the data folder, which extensions take for granted: name → its first content; None: a folder
USED_FILES = {UI_CONFIG: "{}", "localizations": None, "tmp": None}


@dataclass
class ExtensionState:
    """An extension and what has become of it."""

    extension: Extension
    state: str = IN_USE
    why: str = ""                   # it is off or has failed, as a sentence
    seconds: dict[str, float] = field(default_factory=dict)     # spent in its code, by moment
    failures: FailuresInARow = field(default_factory=FailuresInARow)
    told: list[str] = field(default_factory=list)               # its errors, newest last, as sentences

    @property
    def name(self) -> str:
        return self.extension.name


def found_state(extension: Extension, why_not: str) -> ExtensionState:
    """Return the state of an extension that is to be loaded, or not."""
    return ExtensionState(extension, SWITCHED_OFF if why_not else IN_USE, why_not)


@dataclass(frozen=True, eq=False)
class CallInHand:
    """A call into an extension's code that has not come back yet. thread: the number of the thread that is in it"""

    extension: str
    moment: str
    thread: int
    began: float = field(default_factory=time.monotonic)


class CallFailed(WebUIError):
    """An extension's function that raised an error; `__cause__` is that error."""

    status, code = 500, "extension_failed"


class Host:
    """All extensions of a process. Without a folder of an extension it imports nothing and has nothing to call."""

    def __init__(self, root: Path, process: str = "server", examples: Path | None = None) -> None:
        """root: the folder of extensions; process: "server" or "worker", whichever it is

        examples: the folder of those that come with the program, which may be elsewhere
        """
        self.root, self.process, self.examples = root, process, examples
        self.marker: LoadingMarker | None = None
        self.program: Any = None            # the App; in a worker's process what it has of one
        self.extensions: list[ExtensionState] = []
        self.ui_config = UiConfig(root.parent / UI_CONFIG)      # A1111 has it beside the folder of extensions
        self.callbacks = Callbacks()
        self.importing = Importing(root, examples)
        self.modules: dict[Path, tuple[Extension, ModuleType]] = {}     # by script file, in order of loading
        self.native: tuple[NativeExtension, ...] = ()       # those of Easel's own API, in the order of their listeners
        self.options: dict[str, Any] = {}   # settings that extensions have declared: name → A1111's OptionInfo
        self.owners: dict[str, str] = {}    # the extensions that declared them
        self.listening_to: dict[str, str] = {}      # setting → the extension that is called when it changes
        self.flags: dict[str, Any] = {}     # flags that extensions have declared, with their values
        self.views: dict[str, Any] = {}     # what the surface has made for this host: opts, cmd_opts …
        self.job_in_hand: Any = None        # the job whose hooks are called (worker/hooks/hooked_job.py)
        self.shared: Callable[[], bool] = lambda: False     # whether several people use the server
        self.installs = False               # whether this process runs an installer, so that packages may be installed
        self.on_failed: Callable[[str, str], None] = lambda name, why: None      # is told what is out of use
        self.ready = Event()                # set once loading has ended
        self.in_hand: dict[int, CallInHand] = {}        # by thread, the innermost call
        self._scripts: dict[str, list[LoadedScript]] = {tab: [] for tab in SCRIPT_TABS}
        self._rules: list[CallbackRule] = []

    # --- loading ---

    def find(self, off: Callable[[Extension], str] = lambda extension: "") -> None:
        """List the folders of extensions. off: why one is not to be loaded, as a sentence; "" if it is"""
        parts = [each for each in self.extensions if self.is_part(each.extension)]
        own = find_extensions(self.root)
        found = (*own, *find_examples(self.examples, {each.name for each in own}))
        self.extensions = [*(found_state(extension, off(extension)) for extension in found), *parts]

    @property
    def folders(self) -> list[Path]:
        """The folders that extensions are in: a person's own, and those that come with Easel."""
        return [each for each in (self.root, self.examples) if each]

    @property
    def in_use(self) -> list[ExtensionState]:
        """All that is switched on and has not failed."""
        return [each for each in self.extensions if each.state == IN_USE]

    @property
    def active(self) -> list[ExtensionState]:
        """The extensions in use that somebody has added or switched on: without one, the page is as ever."""
        return [each for each in self.in_use if not self.is_part(each.extension)]

    def is_part(self, extension: Extension) -> bool:
        """Whether it is one of Easel's own parts that are extensions, and not a person's copy of one."""
        return extension.is_part and extension.folder.parent == self.examples

    def load_parts(self, flags: Flags, foreign: Mapping[str, Any]) -> None:
        """Import the parts of Easel that are extensions. They need neither a page nor A1111's surface.

        foreign: settings that are not Easel's own, such as which extensions are switched off
        """
        own = {each.name for each in find_extensions(self.root)}
        for extension in find_parts(self.examples, own):
            self.extensions.append(found_state(extension, switched_off_by_name(flags, foreign, extension)))
        self._import_declarations(self.in_use)

    def load(self, program: Any, *, page: bool = False) -> None:
        """Import all active extensions, and make their scripts for each tab; an error is that extension's alone.

        page: whether a page is built that draws the scripts' controls; `end_loading` is to be called after it
        """
        try:
            found = any(not self.is_part(each.extension) for each in self.extensions)
            if not found and (self.root.is_dir() or self.examples):
                self.marker = LoadingMarker(program.flags.paths.cache, self.process)
                self.marker.learn()
                self.find(switched_off(program.flags, program.settings.foreign, self.marker))
                self._tell_waiting()
            if self.active:
                self.bind(program)
                self._take_flags()
                self._import_declarations(self.active)
                self._import_scripts()
                self._register()
        finally:
            if not page:
                self.end_loading()

    def _tell_waiting(self) -> None:
        waiting = ", ".join(state.name for state in self.extensions if state.why == NOT_FOR_OTHERS)
        if waiting and self.process == "server":
            log.warning("Off until somebody switches them on, since others can reach this server: the extensions %s. "
                        "Do it by `python3 webui.py extension on NAME`, or in the Extensions tab.", waiting)

    def end_loading(self) -> None:
        """Draw what no page has drawn, give each script its part of the arguments, and let jobs begin."""
        try:
            for tab, scripts in self._scripts.items():
                if undrawn := [each for each in self.scripts(tab) if not each.drawn]:
                    importlib.import_module("modules.plugins.announcing").draw_unseen(self, tab, undrawn)
                begin = 1                       # the first argument is the chosen script
                for each in scripts:
                    begin = each.numbered(begin)
        finally:
            self.ready.set()

    def unload(self) -> None:
        """Call what wants to be called at the end, and forget everything; the surface has no host then."""
        if self.program is None:
            return
        for moment in ("before_reload", "script_unloaded"):
            self.call_listeners(moment)
        self.callbacks.remove(lambda listener: True)
        for each in (self.modules, self.views, self.options, self.owners, self.listening_to, self.flags):
            each.clear()
        self._scripts = {tab: [] for tab in SCRIPT_TABS}
        parts = {each.name for each in self.in_use if self.is_part(each.extension)}
        self.native = tuple(each for each in self.native if each.folder in parts)
        self.importing.remove()
        leave_site_folder(self.program.flags.paths.data_dir)
        let_pip_in()
        surface("binding").unbind(self)
        self.program = None
        self.ready.clear()

    def bind(self, program: Any) -> None:
        """Begin to answer for this process: the surface has a host now, and extensions' files can be imported."""
        self.program = program
        for name, content in USED_FILES.items():
            path = program.flags.paths.data_dir / name
            if content is None:
                path.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                path.write_text(content, "utf-8")
        use_site_folder(program.flags.paths.data_dir)
        keep_pip_away()
        surface("binding").bind(self)
        self.importing.install()

    def _take_flags(self) -> None:
        """Let each preload.py declare its flags, and read those of the command line that Easel does not know."""
        paths = [(each.name, path) for each in self.active if (path := each.extension.optional("preload.py"))]
        if not paths:
            return
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        for name, path in paths:
            self.told_call(name, "preload", self.importing.preload, path, parser)
        found = outcome(parser.parse_known_args, list(self.program.flags.extension_flags))
        if isinstance(found, BaseException):
            log.error("The flags of extensions are not used: %s", found)
            found = parser.parse_args([]), []
        known, rest = found
        self.flags.update(vars(known))
        if rest:
            log.warning("No extension knows the flag %s", rest[0].partition("=")[0])

    def _import_declarations(self, states: Sequence[ExtensionState]) -> None:
        """Import what native extensions declare; one that cannot be is out of use, and says where it is wrong."""
        for state in states:
            if not (path := declares(state.extension)):
                continue
            try:
                self.take_native(self.call(state.name, "load", load_native, self, state.extension, path))
            except CallFailed as error:
                where = place_of_error(error.__cause__ or error, state.extension.folder)
                self.fail(state.name, f"It could not be loaded{where}: {cause(error)}")

    def take_native(self, native: NativeExtension) -> None:
        """Take a native extension into use, in the place of an earlier one of its folder."""
        others = [each for each in self.native if each.folder != native.folder]
        try:
            self.native = tuple(in_listening_order([*others, native]))
        except DeclarationError as error:
            self.fail(native.folder, str(error))

    def _import_scripts(self) -> None:
        active = [state.extension for state in self.active]
        order, self._rules = loading_order(active), callback_rules(active)
        for path, unmet in order.missing.items():
            self.tell(path.parents[1].name, unmet)
        for file in order.files:
            name = file.extension.name
            try:
                self.modules[file.path] = file.extension, self.call(name, "load", self.importing.load, file.path)
            except CallFailed as error:
                self._note_unloadable(name, f"{file.path.name} could not be loaded: {cause(error)}")
        for state in self.active:
            state.failures = FailuresInARow()
            if state.why and not any(extension is state.extension for extension, _ in self.modules.values()):
                self.fail(state.name, state.why)

    def _note_unloadable(self, name: str, why: str) -> None:
        """As in A1111, the other files of the extension are used."""
        state = self.state_of(name)
        state.why = f"{state.why} {why}".strip()

    def _register(self) -> None:
        """Call what registers settings, then make the scripts of each tab, always-on ones first."""
        for native in self.natives():
            if native.declaration.setting_class:
                self.told_call(native.folder, "settings", declare_settings, native, surface("shared"))
        called = [each for moment in ("before_ui", "ui_settings") for each in self.listeners(moment)]
        for moment in ("list_optimizers", "list_unets"):
            self.call_listeners(moment, [])         # attention and UNets are the engine's
        for moment in ("before_ui", "ui_settings"):
            self.call_listeners(moment)
        a1111, extras = surface("scripts"), surface("scripts_postprocessing").ScriptPostprocessing
        for path, (extension, module) in self.modules.items():
            for each in script_classes(module, a1111.Script):
                for tab in TABS:
                    how = each, extension.name, path, tab, a1111.AlwaysVisible
                    loaded = self.told_call(extension.name, "script", instances, *how)
                    self._scripts[tab].extend(loaded or ())
        for extension, module in self.modules.values():
            for each in script_classes(module, extras):
                loaded = self.told_call(extension.name, "script", extras_script, each, extension.name)
                self._scripts[EXTRAS_TAB].extend(loaded or ())
        self._scripts[EXTRAS_TAB].sort(key=lambda each: each.script.order)
        for listener in self.listeners("ui_settings"):
            if listener not in called:      # a script has registered it while it was made
                called.append(listener)
                self.told_call(listener.extension, "ui_settings", listener.function)
        for scripts in self._scripts.values():
            scripts.sort(key=lambda each: not each.always_on)
            for place, script in enumerate(scripts):
                script.place = place

    # --- what there is ---

    def state_of(self, name: str) -> ExtensionState:
        return next(each for each in self.extensions if each.name == name)

    def scripts(self, tab: str) -> list[LoadedScript]:
        """Return the scripts of one of SCRIPT_TABS whose extensions are active: always-on ones first."""
        names = {state.name for state in self.active}
        return [each for each in self._scripts[tab] if each.extension in names]

    def with_settings(self, native: NativeExtension, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of a native extension's that is given its settings where it asks for them."""
        return with_settings(native, function, lambda: self.program.settings.foreign)

    def natives(self) -> list[NativeExtension]:
        """Return the extensions of Easel's own API that are in use, in the order of their listeners."""
        names = {state.name for state in self.in_use}
        return [each for each in self.native if each.folder in names]

    def listeners(self, moment: str) -> list[ExtensionListener]:
        """Return the active listeners of a moment of A1111's script_callbacks, such as "ui_tabs", in order."""
        names = {state.name for state in self.active}
        found = [each for each in self.callbacks.listeners(moment) if each.extension in names]
        return self.in_asked_order(moment, found, lambda each: each.name) if len(found) > 1 else found

    def in_asked_order(self, moment: str, callbacks: Sequence[T], name_of: Callable[[T], str]) -> list[T]:
        """Return callbacks in the order that metadata.ini and a person's settings ask for.

        moment: as A1111's setting `prioritized_callbacks_…` names it
        """
        first = self.program.settings.foreign.get(f"prioritized_callbacks_{moment}", ()) if self.program else ()
        return in_asked_order(callbacks, name_of, self._rules, first)

    def call_listeners(self, moment: str, *args: Any) -> None:
        """Call all listeners of a moment of loading or of the program's."""
        for listener in self.listeners(moment):
            self.told_call(listener.extension, moment, listener.function, *args)

    def tell_model_loaded(self, title: str = "") -> None:
        """Call what wants to know that another checkpoint is loaded. title: its own, which the model tells too"""
        if self.active:
            self.call_listeners("model_loaded", surface("shared").sd_model)

    def listen(self, moment: str, function: Callable[..., Any], name: str = "") -> None:
        """Add a listener for the extension whose code this thread runs."""
        taken = [each.name for each in self.callbacks.listeners(moment)]
        file = self.importing.calling_file()
        known_by = callback_name(self.calling, file.name, moment, name, taken)
        self.callbacks.add(moment, ExtensionListener(function, self.calling, known_by, file))

    @property
    def calling(self) -> str:
        """The name of the extension whose code this thread runs; "" if it runs none's."""
        call = self.in_hand.get(get_ident())
        return call.extension if call else ""

    @property
    def generation(self) -> Any:
        """The job whose hooks this thread calls; None in any other thread, such as one that answers a request."""
        job = self.job_in_hand
        return job if job is not None and job.thread == get_ident() else None

    # --- the door ---

    def call(self, extension: str, moment: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run an extension's function; every call into extensions' code is made here.

        Returns what the function returns. Raises CallFailed, which names extension and moment; it is logged, and three
        in a row that count (plugins/failures.py) switch the extension off until the next start. StopAsked passes
        through it.
        """
        state = self.state_of(extension)
        began = time.monotonic()
        marked = self.marker.during(extension) if self.marker and moment in MARKED_MOMENTS else nullcontext()
        with self._inside(extension, moment), marked:
            found = outcome(staying, partial(function, *args, **kwargs))
        state.seconds[moment] = state.seconds.get(moment, 0.0) + time.monotonic() - began
        if isinstance(found, StopAsked):
            raise found
        if isinstance(found, Exception):
            self._failed(state, moment, found)
            where = place_of_error(found, state.extension.folder)
            raise CallFailed(f"The extension {extension} failed in {moment}{where}: {error_text(found)}") from found
        state.failures = FailuresInARow()
        return found

    def told_call(self, extension: str, moment: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`call` for callers that go on without the result: None after a failure."""
        try:
            return self.call(extension, moment, function, *args, **kwargs)
        except CallFailed:
            return None

    def tell(self, extension: str, sentence: str) -> None:
        """Note what a person should know of an extension."""
        self.state_of(extension).told.append(sentence)
        log.warning("The extension %s: %s", extension, sentence)

    def fail(self, extension: str, why: str) -> None:
        """Take an extension out of use until the next start."""
        state = self.state_of(extension)
        state.state, state.why = UNUSABLE, why
        log.error("The extension %s is not used: %s", extension, why)
        self.on_failed(extension, why)

    def fail_elsewhere(self, extension: str, why: str) -> None:
        """Take an extension out of use that is out of use in the process that draws."""
        if extension in {state.name for state in self.in_use}:
            self.fail(extension, f"In the process that draws: {why}")

    @contextmanager
    def _inside(self, extension: str, moment: str = "") -> Iterator[None]:
        call = CallInHand(extension, moment, get_ident())
        around, self.in_hand[call.thread] = self.in_hand.get(call.thread), call
        try:
            yield
        finally:
            self.in_hand.pop(call.thread, None)
            if around:
                self.in_hand[call.thread] = around

    @property
    def is_shared(self) -> bool:
        """Whether several people use the server, as far as this process knows: an account's job tells it too."""
        return self.shared() or bool(self.job_in_hand and self.job_in_hand.spec.owner != LOCAL_OWNER)

    def _failed(self, state: ExtensionState, moment: str, error: BaseException) -> None:
        state.told.append(f"{moment}: {error_text(error)}")
        log.error("The extension %s failed in %s", state.name, moment, exc_info=error)
        if not may_switch_off(error, moment, self.is_shared):
            return
        if state.failures.add(self.generation) and state.state == IN_USE:
            self.fail(state.name, f"It failed {MOST_FAILURES} times in a row, last in {moment}: {error_text(error)}")


def surface(name: str) -> Any:
    """Return a module of A1111's surface; importing one is left until there is an extension."""
    return importlib.import_module(f"{SURFACE}.{name}")


def staying(function: Callable[[], Any]) -> Any:
    """Call it; raises RuntimeError where it ends the program."""
    try:
        return function()
    except SystemExit as error:
        raise RuntimeError(f"It would end the program ({error.code}).") from error


def place_of_error(error: BaseException, folder: Path) -> str:
    """Return the file and line of an extension's that an error comes from, as " (extension.py:12)"; "" if none is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder.resolve())]
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def error_text(error: BaseException) -> str:
    """Return an error as a person reads it."""
    text = str(error).strip()
    return text if isinstance(error, WebUIError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def cause(error: CallFailed) -> str:
    return error_text(error.__cause__ or error)
