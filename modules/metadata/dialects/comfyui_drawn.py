"""ComfyUI's drawn graph ("workflow"), whose nodes may be subgraphs: read as if it had run.

A subgraph is defined once and stands wherever a node's type is its id. Inside, a link from SUBGRAPH_INPUTS is what its
node is given, one to SUBGRAPH_OUTPUTS is what its node gives. The nodes inside are numbered as in the graph that ran:
12:3 is node 3 of node 12.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modules.metadata.dialects.dialect import list_or_empty, mapping_or_empty, text_or_empty

SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS = -10, -20      # its two ends, as links name them
MUTED, BYPASSED = 2, 4          # modes of a node
MOST_DRAWN_NODES = 10_000
MOST_LEVELS = 20                # subgraphs in subgraphs
MOST_HOPS = 1_000               # of a link through the ends of subgraphs
LINK_PARTS = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
GraphPart = Mapping[str, Any]


@dataclass(eq=False)
class DrawnLevel:
    """The graph itself, or one subgraph at its place: its nodes by id, its links by theirs.

    links: the node and the output from which each comes; given: the link behind each of its outputs
    bypassed: nodes that hand on what they are given; node: that of the level above which this one stands for
    """

    prefix: str
    nodes: Mapping[int, GraphPart]
    links: Mapping[int, tuple[int, int]]
    given: Mapping[int, int]
    bypassed: Mapping[int, GraphPart]
    node: GraphPart = field(default_factory=dict)
    above: DrawnLevel | None = None
    inside: dict[int, DrawnLevel] = field(default_factory=dict)

    def number(self, node: int) -> str:
        return f"{self.prefix}{node}"


def drawn_nodes(said: GraphPart) -> Iterator[tuple[str, GraphPart, DrawnLevel]]:
    """Yield number, node and level of each node that does something itself."""
    subgraphs = {
        each["id"]: each for each in list_or_empty(mapping_or_empty(said.get("definitions")).get("subgraphs"))
        if text_or_empty(mapping_or_empty(each).get("id"))
    }
    waiting, count = [(level_of(said, ""), 0)], 0
    while waiting:
        level, depth = waiting.pop(0)
        for number, node in level.nodes.items():
            count += 1
            if count > MOST_DRAWN_NODES:
                return
            definition = subgraphs.get(text_or_empty(node.get("type")))
            if definition is None:
                yield level.number(number), node, level
            elif depth < MOST_LEVELS:
                level.inside[number] = level_of(definition, f"{level.number(number)}:", node, level)
                waiting.append((level.inside[number], depth + 1))


def level_of(
    said: GraphPart, prefix: str, node: GraphPart | None = None, above: DrawnLevel | None = None
) -> DrawnLevel:
    links = [found for link in list_or_empty(said.get("links")) if (found := link_parts(link))]
    nodes = {
        each["id"]: each for each in map(mapping_or_empty, list_or_empty(said.get("nodes"))[:MOST_DRAWN_NODES])
        if isinstance(each.get("id"), int) and text_or_empty(each.get("type"))
    }
    return DrawnLevel(
        prefix, {number: each for number, each in nodes.items() if each.get("mode") not in (MUTED, BYPASSED)},
        {link: (origin, slot) for link, origin, slot, _, _ in links},
        {slot: link for link, _, _, target, slot in links if target == SUBGRAPH_OUTPUTS},
        {number: each for number, each in nodes.items() if each.get("mode") == BYPASSED}, node or {}, above,
    )


def link_parts(link: Any) -> tuple[int, ...] | None:
    """Return a link's id, where it comes from and where it goes; the graph has them in a row, subgraphs by name."""
    parts: list[Any] = list_or_empty(link)[:5]
    if isinstance(link, Mapping):
        parts = [link.get(name) for name in LINK_PARTS]
    parts += [0] * (5 - len(parts)) if len(parts) >= 3 else []
    return tuple(parts) if len(parts) == 5 and all(isinstance(part, int) for part in parts) else None


def source_of(level: DrawnLevel | None, link: Any) -> Any:
    """Return number and output of the node that a link comes from, or the value that a subgraph's node gives it."""
    for _ in range(MOST_HOPS):
        if level is None or not isinstance(link, int) or link not in level.links:
            return None
        origin, slot = level.links[link]
        if origin == SUBGRAPH_INPUTS:
            entry = entry_at(level.node, slot)
            if not isinstance(entry.get("link"), int):
                return own_value(level.node, entry)
            level, link = level.above, entry["link"]
        elif origin in level.inside:
            level = level.inside[origin]
            link = level.given.get(slot)
        elif origin in level.bypassed:
            link = handed_on(level.bypassed[origin], slot)
        else:
            return [level.number(origin), slot]
    return None


def handed_on(node: GraphPart, slot: int) -> Any:
    """Return the link of the first input of an output's kind: so a bypassed node is passed by."""
    outputs = list_or_empty(node.get("outputs"))
    kind = mapping_or_empty(outputs[slot]).get("type") if 0 <= slot < len(outputs) else None
    entries = map(mapping_or_empty, list_or_empty(node.get("inputs")))
    return next((entry.get("link") for entry in entries if kind and entry.get("type") == kind), None)


def entry_at(node: GraphPart, slot: int) -> GraphPart:
    entries = list_or_empty(node.get("inputs"))
    return mapping_or_empty(entries[slot]) if 0 <= slot < len(entries) else {}


def own_value(node: GraphPart, entry: GraphPart) -> Any:
    """Return the value of an input that has a field at the node; its fields' values stand in their order."""
    shown = [each for each in list_or_empty(node.get("inputs")) if mapping_or_empty(each).get("widget")]
    values = node.get("widgets_values")
    place = next((place for place, each in enumerate(shown) if each is entry), None)
    return values[place] if isinstance(values, Sequence) and place is not None and place < len(values) else None


def linked_inputs(node: GraphPart, level: DrawnLevel) -> dict[str, Any]:
    """Return what comes to a node's inputs by links."""
    entries = map(mapping_or_empty, list_or_empty(node.get("inputs")))
    found = {text_or_empty(entry.get("name")): source_of(level, entry.get("link")) for entry in entries}
    return {name: value for name, value in found.items() if value is not None}
