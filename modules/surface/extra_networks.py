"""A1111's `modules.extra_networks`, for extensions: what prompts say about networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from modules.plugins.host import CallFailed
from modules.prompts.network_tags import NetworkTag, take_networks
from modules.surface.binding import bound_host, view


class ExtraNetworkParams:
    """The arguments of one tag: all of them, those without a name, those with one."""

    def __init__(self, items: Iterable[str] | None = None) -> None:
        self.items = list(items or [])
        self.positional = [item for item in self.items if item.count("=") != 1]
        self.named = dict(item.split("=") for item in self.items if item.count("=") == 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExtraNetworkParams) and self.items == other.items


def parse_prompt(prompt: str) -> tuple[str, defaultdict[str, list[ExtraNetworkParams]]]:
    """The prompt without its tags, and the tags' arguments by kind of network."""
    text, tags = take_networks(prompt)
    networks: defaultdict[str, list[ExtraNetworkParams]] = defaultdict(list)
    for tag in tags:
        networks[tag.kind].append(ExtraNetworkParams(tag.items))
    return text, networks


def parse_prompts(prompts: Iterable[str]) -> tuple[list[str], defaultdict[str, list[ExtraNetworkParams]] | None]:
    """All prompts without their tags, and the arguments of the first's: a batch shares its networks."""
    parsed = [parse_prompt(prompt) for prompt in prompts]
    return [text for text, _ in parsed], parsed[0][1] if parsed else None


# Networks of extensions' own ---------------------------------------------------------------------------


class ExtraNetwork:
    """A kind of network, by the name in its tags."""

    def __init__(self, name: str) -> None:
        self.name = name

    def activate(self, p: Any, params_list: list[ExtraNetworkParams]) -> None:
        """Begin to apply the networks that a batch's prompt names; without any the list is empty."""
        raise NotImplementedError

    def deactivate(self, p: Any) -> None:
        """Stop applying them."""
        raise NotImplementedError


class Registered:
    """The kinds of network that extensions have registered, each with the extension's name."""

    def __init__(self) -> None:
        self.networks: dict[str, ExtraNetwork] = {}
        self.aliases: dict[str, str] = {}
        self.extensions: dict[str, str] = {}


def registered() -> Registered:
    return view("extra_networks", lambda host: Registered())


def register_extra_network(extra_network: ExtraNetwork) -> None:
    registered().networks[extra_network.name] = extra_network
    registered().extensions[extra_network.name] = bound_host().calling


def register_extra_network_alias(extra_network: ExtraNetwork, alias: str) -> None:
    registered().aliases[alias] = extra_network.name


def own_names() -> set[str]:
    """Return the names that tags of extensions' networks may have."""
    return {*registered().networks, *registered().aliases}


def network_data() -> defaultdict[str, list[ExtraNetworkParams]]:
    return defaultdict(list)


def add_tags(data: defaultdict[str, list[ExtraNetworkParams]], tags: Iterable[NetworkTag]) -> None:
    for tag in tags:
        data[tag.kind].append(ExtraNetworkParams(tag.items))


def activate(p: Any, extra_network_data: Any, note: Callable[[str], None] = lambda text: None) -> None:
    """Activate all kinds for what a prompt says of each; one that fails is told."""
    own = registered()
    for name, network in own.networks.items():
        params = [
            each for key, given in (extra_network_data or {}).items() if own.aliases.get(key, key) == name
            for each in given
        ]
        called(name, "activate", note, network.activate, p, params)


def deactivate(p: Any, extra_network_data: Any, note: Callable[[str], None] = lambda text: None) -> None:
    for name, network in registered().networks.items():
        called(name, "deactivate", note, network.deactivate, p)


def called(name: str, moment: str, note: Callable[[str], None], function: Callable[..., Any], *args: Any) -> None:
    try:
        bound_host().call(registered().extensions[name], moment, function, *args)
    except CallFailed as error:
        note(str(error))
