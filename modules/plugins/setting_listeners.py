"""Functions of extensions' that are called after a setting has changed: A1111's `onchange`."""

from __future__ import annotations

from collections.abc import Iterable

from modules.plugins.host import Host


def tell_changed_settings(host: Host, names: Iterable[str]) -> None:
    """Call what extensions have registered for these settings of the server's; each hears of a change once.

    An error is told of its extension, and the setting stays as it was asked for.
    """
    if (opts := host.views.get("opts")) is None:        # made when an extension first asks for it
        return
    active = {state.name for state in host.active}
    for name in names:
        option = opts.data_labels.get(name)
        extension = host.listening_to.get(name) or host.owners.get(name)
        if option and option.onchange and extension in active:
            host.told_call(extension, "onchange", option.onchange)
