"""What a request may name, for scripts that check their arguments before a job is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modules.base.errors import UnknownName

Styles = Mapping[str, Any]           # name → an object with a `prompt` and a `negative_prompt`


def style_texts(names: Iterable[str], styles: Styles) -> dict[str, tuple[str, str]]:
    """Return prompt and negative prompt of each style. Raises UnknownName."""
    for name in names:
        if name not in styles:
            raise UnknownName("style", name, styles)
    return {name: (styles[name].prompt, styles[name].negative_prompt) for name in names}


def accept(variant: Any) -> None:
    return None


def no_axes(tab: str) -> Sequence[Any]:
    return ()


@dataclass(frozen=True)
class KnownNames:
    """What there is for one account.

    settings: the declared class of settings; check: checks a `Variant`, raising UnknownName or Invalid
    extension_axes: returns the plot axes that extensions have added to a tab
    returns_grids: the account's standing setting, without the request's own
    scripts: the registry of scripts, where extensions have added some; None: Easel's own
    """

    styles: Styles = field(default_factory=dict)
    settings: type[Any] = object
    check: Callable[[Any], None] = accept
    extension_axes: Callable[[str], Sequence[Any]] = no_axes
    returns_grids: bool = False
    scripts: Any = None
