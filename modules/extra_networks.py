"""A1111's `modules.extra_networks`, for extensions: what prompts say about networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from modules.prompts.network_tags import take_networks


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
