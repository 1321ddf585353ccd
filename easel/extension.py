"""An extension's declaration: one value, `Extension`, in the file `extension.py` of its folder.

Everything an extension adds is registered on that value while the file is imported, as routes are on a FastAPI
application: its arguments, its listeners, its settings, routes, tabs and commands. Nothing else happens at import.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, dataclass_transform

from easel.declared import DeclarationError, caller, declared_class, place_of
from easel.moments import Moment, V
from easel.pages import Page
from modules.base.fields import Param, declared_params

API_VERSION = (1, 2)        # a moment or a field is never removed within a major version
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 60
VERSION_CLAUSE = re.compile(r"(>=|<=|==|>|<)\s*(\d{1,4})(?:\.(\d{1,4}))?")
COMPARISONS: dict[str, Callable[[tuple[int, int], tuple[int, int]], bool]] = {
    ">=": lambda here, wanted: here >= wanted, "<=": lambda here, wanted: here <= wanted,
    "==": lambda here, wanted: here == wanted, ">": lambda here, wanted: here > wanted,
    "<": lambda here, wanted: here < wanted,
}
SLOTS = ("scripts", "sampler", "dimensions", "cfg", "seed", "accordions")

C = TypeVar("C", bound=type[Any])
F = TypeVar("F", bound=Callable[..., Any])
Slot = Literal["scripts", "sampler", "dimensions", "cfg", "seed", "accordions"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class MomentListener:
    """A function that listens to a moment. takes_arguments: whether it is given the extension's arguments too"""

    moment: Moment[Any]
    function: Callable[..., Any]
    takes_arguments: bool
    where: str                          # file and line, for errors


@dataclass(frozen=True)
class DeclaredScript:
    """A script that a request may choose instead of being drawn once.

    function: given the request as a Plan and the arguments, it returns a DrawingGrid
    """

    title: str
    argument_class: type[Any]
    about: str
    kinds: Sequence[Literal["txt2img", "img2img"]]
    function: Callable[..., Any]
    where: str                          # file and line, for errors


@dataclass(frozen=True)
class Route:
    """An address below /easel/x/<name of the extension>."""

    method: Method
    path: str
    function: Callable[..., Any]


@dataclass(eq=False)
class Extension:
    """An extension.

    name: in small letters with hyphens; in requests, addresses and generation data
    version: the extension's own, as "1.2.0"
    easel: the versions of this API that it works with, such as ">=1.0,<2"
    title: its name for people; by default the name's words
    slot: the part of the forms that its controls stand in: one of SLOTS
    after, before: names of other extensions whose listeners come before its own, or after them; a circle is an error
    kinds: the tabs that it takes part in
    Raises DeclarationError.
    """

    name: str
    version: str
    easel: str = ">=1.0,<2"
    title: str = ""
    licence: str = ""
    about: str = ""                     # one sentence for people, above its controls
    slot: Slot = "scripts"
    after: Sequence[str] = ()
    before: Sequence[str] = ()
    kinds: Sequence[Literal["txt2img", "img2img"]] = ("txt2img", "img2img")
    argument_class: type[Any] | None = field(default=None, init=False, repr=False)
    setting_class: type[Any] | None = field(default=None, init=False, repr=False)
    listeners: list[MomentListener] = field(default_factory=list, init=False, repr=False)
    scripts: list[DeclaredScript] = field(default_factory=list, init=False, repr=False)
    route_list: list[Route] = field(default_factory=list, init=False, repr=False)
    tabs: dict[str, Callable[[Page], None]] = field(default_factory=dict, init=False, repr=False)
    commands: dict[str, Callable[..., Any]] = field(default_factory=dict, init=False, repr=False)
    is_active: Callable[[Any], bool] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        where = caller()
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise DeclarationError(f"{where}: {self.name!r} is no name. Write small letters and hyphens: warm-light.")
        if self.slot not in SLOTS:
            raise DeclarationError(f"{where}: there is no slot {self.slot!r}. There are: {', '.join(SLOTS)}.")
        if not fits_version(self.easel, API_VERSION):
            here = ".".join(map(str, API_VERSION))
            raise DeclarationError(f"{where}: {self.name} works with easel {self.easel}, and this is {here}.")
        self.title = self.title or self.name.replace("-", " ").capitalize()

    # --- what it asks of people ---

    @dataclass_transform(frozen_default=True)
    def arguments(self, cls: C) -> C:
        """Declare its arguments: each becomes a control, a field of the API, a flag, an axis and generation data.

            @ext.arguments
            class Warmth:
                amount: Annotated[float, Param("Warmth", Slider(0, 1, 0.05), "How warm the light is.")] = 0.0

        The class becomes a frozen dataclass. Every field needs a default, at which the extension had better do nothing.
        A field's key in generation data is the extension's title and the label, or the Param's own `infotext`.
        Raises DeclarationError.
        """
        self.argument_class = declared_class(cls)
        return self.argument_class  # type: ignore[return-value]

    @dataclass_transform(frozen_default=True)
    def settings(self, cls: C) -> C:
        """Declare settings of the server's: a class as for `arguments`; they have a section of the Settings tab.

        Routes and commands whose parameter is annotated by the class are given the settings as they are at that moment.
        Listeners are not: what shapes a picture is an argument, which the picture's data tell.
        """
        self.setting_class = declared_class(cls)
        return self.setting_class  # type: ignore[return-value]

    def active(self, function: Callable[[Any], bool]) -> Callable[[Any], bool]:
        """Declare when it takes part in a picture, by the arguments; where it does not, the picture costs nothing more.

        Without this function it takes part in every picture.
        """
        self.is_active = function
        return function

    # --- what it does ---

    def on(self, moment: Moment[V]) -> Callable[[F], F]:
        """Listen to a moment: `@ext.on(moments.denoised)`.

        The function is given the moment's value, and the arguments if it has a second parameter; it returns the value,
        or another of the same class. A listener of `finished` may be a generator, see `moments.Flow`. A listener
        computes what is small, for the device waits meanwhile; what needs a model it asks.
        Raises DeclarationError.
        """

        def listen(function: F) -> F:
            where = place_of(function)
            if not isinstance(moment, Moment):
                raise DeclarationError(f"{where}: {moment!r} is no moment; they are in easel.moments.")
            if inspect.isgeneratorfunction(function) and not moment.flows:
                raise DeclarationError(f"{where}: a listener of {moment.name} cannot be a flow: remove its `yield`.")
            takes = len(inspect.signature(function).parameters)
            if takes not in (1, 2):
                raise DeclarationError(f"{where}: {function.__name__} takes {takes} parameters; it is given the value "
                                       f"of {moment.name}, and the arguments if it wants them.")
            if takes == 2 and self.argument_class is None:
                raise DeclarationError(f"{where}: {function.__name__} wants arguments, and none are declared above it.")
            self.listeners.append(MomentListener(moment, function, takes == 2, where))
            return function

        return listen

    def script(self, title: str, arguments: type[Any], about: str = "") -> Callable[[F], F]:
        """Add a script to those that a form's Script list and the API's `script_name` offer.

            @ext.script("Weights", Weights, "Draws the prompt at several weights.")
            def weights(request: Plan, a: Weights) -> DrawingGrid:

        arguments: a class as for `arguments`, in the order of `script_args`; about: one sentence for people
        The function says which pictures are drawn in the request's place. It is called when a request comes, to refuse
        what cannot be by `Invalid`, and again when it is drawn: it computes what is small, and is pure.
        Raises DeclarationError.
        """
        declared = declared_class(arguments)
        if "styles" in declared_params(declared):
            where = place_of(arguments)
            raise DeclarationError(f"{where}: a script's styles are the request's. Call the argument otherwise.")

        def add(function: F) -> F:
            where = place_of(function)
            if len(inspect.signature(function).parameters) != 2:
                raise DeclarationError(f"{where}: {function.__name__} is given the request and the arguments.")
            self.scripts.append(DeclaredScript(title, declared, about, self.kinds, function, where))
            return function

        return add

    def route(self, method: Method, path: str) -> Callable[[F], F]:
        """Add an address below /easel/x/<name>: a function as for FastAPI. Login, limits and schema come with it."""

        def add(function: F) -> F:
            if not path.startswith("/"):
                raise DeclarationError(f"{place_of(function)}: the path {path!r} does not begin with /.")
            self.route_list.append(Route(method, path, function))
            return function

        return add

    def tab(self, title: str) -> Callable[[Callable[[Page], None]], Callable[[Page], None]]:
        """Add a tab: the function is given a Page and adds its parts."""

        def add(function: Callable[[Page], None]) -> Callable[[Page], None]:
            self.tabs[title] = function
            return function

        return add

    def command(self, function: F) -> F:
        """Add `webui.py extension run <name> <function>`; its parameters, with defaults, are the command's flags."""
        signature = inspect.signature(function).parameters.values()
        wanted = self.setting_class.__name__ if self.setting_class else None
        plain = (each for each in signature if each.annotation not in (self.setting_class, wanted))
        if missing := [each.name for each in plain if each.default is inspect.Parameter.empty]:
            raise DeclarationError(f"{place_of(function)}: the parameter {missing[0]} has no default.")
        self.commands[function.__name__.replace("_", "-")] = function
        return function

    # --- what follows from that ---

    def infotext_key(self, name: str) -> str:
        """Return an argument's key in generation data."""
        param = self.params[name]
        return param.infotext or f"{self.title} {param.label.lower()}"

    @property
    def params(self) -> dict[str, Param]:
        """The declarations of its arguments, by name."""
        return declared_params(self.argument_class) if self.argument_class else {}

    @property
    def default_arguments(self) -> Any:
        """The arguments of a request that does not name the extension; None if it has none."""
        return self.argument_class() if self.argument_class else None

    def takes_part(self, arguments: Any) -> bool:
        """Return whether it takes part in a picture with these arguments."""
        return self.is_active is None or bool(self.is_active(arguments))


def fits_version(wanted: str, here: tuple[int, int]) -> bool:
    """Return whether a version is one of those wanted, such as ">=1.0,<2". Raises DeclarationError for other words.

    >>> fits_version(">=1.0,<2", (1, 4))
    True
    """
    for clause in filter(None, (each.strip() for each in wanted[:100].split(","))):
        found = VERSION_CLAUSE.fullmatch(clause)
        if not found:
            raise DeclarationError(f"{clause!r} is no condition on a version. Write >=1.0,<2.")
        comparison, major, minor = found.groups()
        if not COMPARISONS[comparison](here, (int(major), int(minor or 0))):
            return False
    return True
