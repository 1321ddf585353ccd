"""ComfyUI's graph of nodes: as it ran, or as it was drawn, and the ways through it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from modules.metadata.dialects.comfyui_drawn import drawn_nodes, linked_inputs
from modules.metadata.dialects.dialect import MOST_SHOWN, LabelledValues, mapping_or_empty, shown_value, text_or_empty

MOST_NODES = 10_000
MOST_STEPS = 64          # from a value back to the node that holds it
SCALARS = ("value", "seed", "noise_seed", "int", "float", "number", "text", "string", "text1", "Value")
HANDS_ON = "Reroute"     # a node that gives what it is given, by whatever name
GRAPH_INPUTS = {      # a drawn node's values in their order, by its type
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step",
    ),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "KarrasScheduler": ("steps", "sigma_max", "sigma_min", "rho"),
    "SamplerCustom": ("add_noise", "noise_seed", "", "cfg"),
    "RandomNoise": ("noise_seed",),
    "CFGGuider": ("cfg",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (
        "width", "height", "crop_w", "crop_h", "target_width", "target_height", "text_g", "text_l",
    ),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "VAELoader": ("vae_name",),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "LatentUpscaleBy": ("upscale_method", "scale_by"),
    "LatentUpscale": ("upscale_method", "width", "height", "crop"),
    "PrimitiveNode": ("value",),
}
Inputs: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComfyNode:
    number: str
    kind: str
    inputs: Inputs
    title: str = ""


@dataclass(frozen=True)
class ComfyGraph:
    """Nodes by their numbers; an input is a value, or number and output of another node."""

    nodes: Mapping[str, ComfyNode] = field(default_factory=dict)

    def linked(self, value: Any) -> ComfyNode | None:
        """Return the node that an input comes from."""
        is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)
        return self.nodes.get(str(value[0])) if is_link else None

    def scalar(self, value: Any) -> Any:
        """Return an input's own value, also if it comes from a node that holds one."""
        for _ in range(MOST_STEPS):
            node = self.linked(value)
            if node is None:
                return None if isinstance(value, list | Mapping) else value
            value = next((node.inputs[name] for name in SCALARS if name in node.inputs), None)
        return None

    def upstream(self, starts: Iterable[Any], *names: str) -> Iterator[ComfyNode]:
        """Yield the nodes that inputs come from, nearest first; through the inputs of these names, or through all."""
        waiting, seen = deque(starts), set[str]()
        while waiting:
            node = self.linked(waiting.popleft())
            if node is None or node.number in seen:
                continue
            seen.add(node.number)
            yield node
            every = not names or node.kind.startswith(HANDS_ON)
            waiting += [value for name, value in node.inputs.items() if every or name in names]

    def behind(self, node: ComfyNode) -> Iterator[ComfyNode]:
        return self.upstream(node.inputs.values())

    @property
    def ends(self) -> list[ComfyNode]:
        """Nodes that no other takes anything from: those that save a picture first."""
        inputs = (value for node in self.nodes.values() for value in node.inputs.values())
        sources = {str(value[0]) for value in inputs if self.linked(value)}
        found = [node for number, node in self.nodes.items() if number not in sources and node.inputs]
        return sorted(found, key=lambda node: "Save" not in node.kind)


# Reading -------------------------------------------------------------------------------------------


def run_graph(said: Mapping[str, Any]) -> ComfyGraph:
    """Return the graph as it ran; empty if that is none."""
    nodes = {}
    for number, node in list(said.items())[:MOST_NODES]:
        if isinstance(node, Mapping) and isinstance(node.get("class_type"), str):
            title = text_or_empty(mapping_or_empty(node.get("_meta")).get("title"))
            nodes[number] = ComfyNode(number, node["class_type"], mapping_or_empty(node.get("inputs")), title)
    return ComfyGraph(nodes)


def drawn_graph(said: Mapping[str, Any]) -> ComfyGraph:
    """Return the drawn graph as if it had run, with the values of nodes that are known."""
    nodes = {}
    for number, node, level in list(drawn_nodes(said)):      # all levels are there before a link is followed
        kind = text_or_empty(node.get("type"))
        inputs = {**drawn_values(node, kind), **linked_inputs(node, level)}
        nodes[number] = ComfyNode(number, kind, inputs, text_or_empty(node.get("title")))
    return ComfyGraph(nodes)


def drawn_values(node: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return a drawn node's own values by name."""
    values = node.get("widgets_values")
    if isinstance(values, list):
        return {name: value for name, value in zip(GRAPH_INPUTS.get(kind, ()), values, strict=False) if name}
    return dict(values) if isinstance(values, Mapping) else {}


def shown_nodes(graph: ComfyGraph) -> LabelledValues:
    """Return each node with its own values."""
    found = []
    for node in list(graph.nodes.values())[:MOST_SHOWN]:
        own = {name: value for name, value in node.inputs.items() if not graph.linked(value)}
        told = ", ".join(f"{name}: {shown_value(value)}" for name, value in own.items() if value not in (None, ""))
        called = f"{node.title} ({node.kind})" if node.title and node.title != node.kind else node.kind
        found.append((f"{node.number} · {called}", told))
    return tuple(found)
