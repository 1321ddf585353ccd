"""The one ambient reference of the surface: the host whose extensions use it, bound before the first is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from modules.base.errors import WebUIError
from modules.plugins.host import Host

T = TypeVar("T")


class NoHost(WebUIError):
    """The surface was used where no host of extensions is."""

    status = 500


class NotHere(WebUIError, AttributeError):
    """Something of A1111's that Easel does not have in that form."""

    status = 501


class Binding:
    host: Host | None = None


BINDING = Binding()


def bind(host: Host) -> None:
    """Let the surface answer for this host, the one of this process."""
    BINDING.host = host


def unbind(host: Host) -> None:
    """Let the surface answer for nobody, if it has answered for this host."""
    if BINDING.host is host:
        BINDING.host = None


def bound_host() -> Host:
    """Return the host whose extensions use the surface. Raises NoHost."""
    if BINDING.host is None:
        raise NoHost("A1111's modules were used without an extension host.", "Only extensions may use them.")
    return BINDING.host


def hooked_job() -> Any:
    """Return the job whose hooks this thread calls. Raises NotHere outside of one."""
    if (job := bound_host().generation) is None:
        raise NotHere("No picture is being made here.", "Ask for it in a hook of a picture.")
    return job


def view(name: str, make: Callable[[Host], T]) -> T:
    """Return what the surface has made for the bound host under that name; made when it is first asked for."""
    views: dict[str, Any] = bound_host().views
    if name not in views:
        views[name] = make(bound_host())
    return views[name]
