"""ComfyUI's: a graph of nodes as JSON, once as it ran ("prompt"), once as it was drawn ("workflow").

The graph is followed upstream from the picture: the sampler nearest to it made the last pass, the farthest the first.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from modules.metadata.dialects.comfyui_graph import ComfyGraph, ComfyNode, drawn_graph, run_graph, shown_nodes
from modules.metadata.dialects.dialect import (
    USUAL_KEY,
    ConvertedData,
    Dialect,
    PictureTexts,
    ProgramData,
    file_part,
    json_object,
    mapping_or_empty,
    model_stem,
    number_or_none,
    text_or_empty,
)
from modules.prompts.grammar import emphasised

COMFYUI_PROGRAM = "ComfyUI"
RAN, DRAWN = "prompt", "workflow"
GRAPH_WORD = re.compile(rf"({RAN}|{DRAWN}): ?(?={{)", re.IGNORECASE)
MOST_TEXT_PARTS = 64
MOST_ENDS = 100          # from which samplers are looked for
EMBEDDING_TAG = re.compile(r"embedding:([^\s,:()\[\]]+)")
CONDITIONED = ("positive", "negative")
LATENT_METHODS = {
    "bilinear": "Latent", "nearest-exact": "Latent (nearest-exact)", "bicubic": "Latent (bicubic)",
}
TEXT_INPUTS = (
    "text", "text_g", "text_l", "t5xxl", "clip_l", "prompt", "string", "value", "text_positive", "text_a", "text_b",
    "text_c", "text_d", "string_a", "string_b",
)
PIPES = ("pipe", "basic_pipe", "context", "base_ctx")      # of custom nodes: model, prompts and latent in one link
NETWORK_NAME = re.compile(r"lora(?:_name)?(_\d{1,3})?")
NETWORK_STRENGTHS = (
    "strength_model{}", "lora_model_strength{}", "model_weight{}", "model_str{}", "lora{}_model_strength",
    "strength{}", "lora_wt{}", "lora_strength{}",
)
VALUES_OF_KINDS: Mapping[str, Mapping[str, Any]] = {      # small nodes whose kind is their value
    "KarrasScheduler": {"scheduler": "karras"}, "ExponentialScheduler": {"scheduler": "exponential"},
    "PolyexponentialScheduler": {"scheduler": "polyexponential"}, "BetaSamplingScheduler": {"scheduler": "beta"},
    "AlignYourStepsScheduler": {"scheduler": "align_your_steps"},
    "SamplerEulerAncestral": {"sampler_name": "euler_ancestral"}, "SamplerLMS": {"sampler_name": "lms"},
    "SamplerDPMPP_2S_Ancestral": {"sampler_name": "dpmpp_2s_ancestral"},
    "SamplerDPMPP_SDE": {"sampler_name": "dpmpp_sde"}, "SamplerDPMPP_2M_SDE": {"sampler_name": "dpmpp_2m_sde"},
    "SamplerDPMPP_3M_SDE": {"sampler_name": "dpmpp_3m_sde"}, "SamplerDPMAdaptative": {"sampler_name": "dpm_adaptive"},
    "BasicGuider": {"cfg": 1},
}
DISTILLED_GUIDANCE = "Distilled CFG Scale"      # the key that Forge writes
WITHOUT_WORDS = "ConditioningZeroOut"
LEFT_OUT_NOTES = {"ControlNet": "ControlNets are not converted.", "IPAdapter": "IP adapters are not converted."}


# Reading -------------------------------------------------------------------------------------------


def read_comfyui(said: PictureTexts) -> ProgramData | None:
    ran, drawn = run_graph(comfy_json(said, RAN)), drawn_graph(comfy_json(said, DRAWN))
    if not ran.nodes and not drawn.nodes:
        return None
    keys = comfy_keys(said.texts)
    made = comfy_conversion(ran if ran.nodes else drawn, said)
    if not ran.nodes:
        made.notes.append("Only the drawn graph is in the file: values of nodes that Easel does not know are left out.")
    return made.told(COMFYUI_PROGRAM, keys, shown_nodes(ran if ran.nodes else drawn))


def comfy_json(said: PictureTexts, name: str) -> Mapping[str, Any]:
    """Return one of both graphs: a text of its own, one behind its name, or a part of JSON in the usual place."""
    part = json_object(said.parameters).get(name)
    inside = json_object(part) if isinstance(part, str) else mapping_or_empty(part)
    return json_object(said.texts.get(name, "")) or behind_word(said.texts, name) or inside


def comfy_keys(texts: Mapping[str, str]) -> tuple[str, ...]:
    named = [name for name in (RAN, DRAWN) if name in texts]
    named += [USUAL_KEY] if {RAN, DRAWN} & json_object(texts.get(USUAL_KEY, "")).keys() else []
    marked = [name for name, text in texts.items() if GRAPH_WORD.match(text)]
    return tuple(dict.fromkeys([*named, *marked]))


def behind_word(texts: Mapping[str, str], word: str) -> dict[str, Any]:
    """Return the JSON behind `prompt:` or `workflow:`, as ComfyUI and its nodes write EXIF's texts of WebP files."""
    for text in texts.values():
        found = GRAPH_WORD.match(text)
        if found and found[1].lower() == word:
            return json_object(text[found.end() :])
    return {}


# ConvertedData ----------------------------------------------------------------------------------------


def comfy_conversion(graph: ComfyGraph, said: PictureTexts) -> ConvertedData:
    """Return the generation data of the branch that ends in the picture."""
    made = ConvertedData()
    passes = comfy_passes(graph)
    if not passes:
        made.notes.append("No sampler of a kind that Easel knows is in the graph.")
        return made
    first, last = passes[-1], passes[0]
    made.prompt, made.negative_prompt = (comfy_prompt(graph, first, which, made) for which in CONDITIONED)
    add_comfy_model(graph, first, made)
    add_comfy_pass(graph, first, made)
    add_comfy_size(graph, passes, said, made)
    if last is not first:
        add_second_comfy_pass(graph, passes, made)
    made.add("RNG", "CPU")
    note_unconverted_steps(graph, first, made)
    if emphasised(made.prompt) or emphasised(made.negative_prompt):
        made.notes.append("ComfyUI gives (word:1.2) another meaning: the picture is like it, not the same.")
    return made


def note_unconverted_steps(graph: ComfyGraph, first: ComfyNode, made: ConvertedData) -> None:
    """Note what led the first pass, and what worked on its picture, and has no place in the data."""
    kinds = {node.kind for node in graph.behind(first)}
    later = {node.kind for node in graph.nodes.values() if {"image", "sampler_name", "denoise"} <= node.inputs.keys()}
    made.notes += [note for mark, note in LEFT_OUT_NOTES.items() if any(mark in kind for kind in kinds)]
    made.notes += [f"{kind} worked on the picture afterwards, which is not converted." for kind in sorted(later)]


def comfy_passes(graph: ComfyGraph) -> list[ComfyNode]:
    """Return the samplers on the way to the picture, the last pass first."""
    for end in graph.ends[:MOST_ENDS]:
        chain = [node for node in (end, *graph.behind(end)) if is_comfy_sampler(node)]
        if chain:
            return chain
    return []


def is_comfy_sampler(node: ComfyNode) -> bool:
    """Return whether a node samples: its latent and prompts come one by one, or together in a pipe."""
    latent = any(name in node.inputs for name in ("latent_image", "latent", "samples"))
    piped = "sampler_name" in node.inputs and any(name in node.inputs for name in PIPES)
    led = "positive" in node.inputs and "sampler" in node.kind.lower()
    return latent and ("guider" in node.inputs or led) or piped


def comfy_prompt(graph: ComfyGraph, sampler: ComfyNode, which: str, made: ConvertedData) -> str:
    """Return the texts that a sampler is led by, in their order."""
    start = sampler.inputs.get(which) or next((sampler.inputs[name] for name in PIPES if name in sampler.inputs), None)
    guider = graph.linked(sampler.inputs.get("guider"))
    if guider:
        start = guider.inputs.get(which, guider.inputs.get("conditioning") if which == "positive" else None)
    texts = list(dict.fromkeys(comfy_texts(graph, start, which)))[:MOST_TEXT_PARTS]
    if len(texts) > 1:
        made.notes.append(f"The {which} prompt has {len(texts)} parts in ComfyUI; they stand one after another.")
    return EMBEDDING_TAG.sub(lambda found: model_stem(found[1]), ", ".join(texts))


def comfy_texts(graph: ComfyGraph, start: Any, which: str) -> Iterator[str]:
    waiting, seen = deque([start]), set[str]()
    while waiting:
        node = graph.linked(waiting.popleft())
        if node is None or node.number in seen:
            continue
        seen.add(node.number)
        if node.kind == WITHOUT_WORDS:
            continue
        named = (*TEXT_INPUTS, which) if isinstance(graph.scalar(node.inputs.get(which)), str) else TEXT_INPUTS
        own = [graph.scalar(node.inputs[name]) for name in named if name in node.inputs]
        found = [text for text in own if isinstance(text, str) and text.strip()]
        yield from found
        if not found:
            both = CONDITIONED[0] in node.inputs
            waiting += [node.inputs[which]] if both and which in node.inputs else list(node.inputs.values())


def add_comfy_pass(graph: ComfyGraph, sampler: ComfyNode, made: ConvertedData) -> None:
    values = comfy_values(graph, sampler)
    made.add_sampler(text_or_empty(values.get("sampler_name")), text_or_empty(values.get("scheduler")))
    made.add_numbers(values, {"steps": "Steps", "cfg": "CFG scale", "noise_seed": "Seed", "seed": "Seed"})
    add_distilled_guidance(graph, sampler, made)


def add_distilled_guidance(graph: ComfyGraph, sampler: ComfyNode, made: ConvertedData) -> None:
    """Add the guidance that a distilled model, such as Flux, is told as a number; the nearest node's counts."""
    told = (node.inputs["guidance"] for node in graph.behind(sampler) if "guidance" in node.inputs)
    value = next(filter(None, (number_or_none(graph.scalar(each)) for each in told)), None)
    if value is not None:
        made.add(DISTILLED_GUIDANCE, value)
        made.notes.append("Guidance of distilled models has no place in Easel's requests: it is kept as it was.")


def comfy_values(graph: ComfyGraph, sampler: ComfyNode) -> dict[str, Any]:
    """Return a sampler's own values, and those of the small nodes that hold its noise, schedule and guidance."""
    values: dict[str, Any] = {}
    for name in ("noise", "sampler", "sigmas", "guider"):
        helper = graph.linked(sampler.inputs.get(name))
        if helper:
            values |= {key: graph.scalar(value) for key, value in helper.inputs.items()}
            values |= VALUES_OF_KINDS.get(helper.kind, {})
    values |= {key: graph.scalar(value) for key, value in sampler.inputs.items()}
    return {key: value for key, value in values.items() if value is not None}


def add_comfy_model(graph: ComfyGraph, sampler: ComfyNode, made: ConvertedData) -> None:
    """Add the checkpoint, the LoRAs on the way to it, the VAE and CLIP skip."""
    for node in comfy_model_nodes(graph, sampler):
        for name, strength in comfy_networks(graph, node):
            made.add_network(name, strength)
    made.add("Model", comfy_checkpoint(graph, sampler))
    for node in graph.nodes.values():
        if node.kind == "VAELoader":
            made.add("VAE", file_part(text_or_empty(graph.scalar(node.inputs.get("vae_name")))))
        last_layer = number_or_none(graph.scalar(node.inputs.get("stop_at_clip_layer", node.inputs.get("clip_skip"))))
        if isinstance(last_layer, int) and last_layer < -1:
            made.add("Clip skip", -last_layer)


def comfy_model_nodes(graph: ComfyGraph, sampler: ComfyNode) -> Iterator[ComfyNode]:
    """Yield the nodes on the way to a sampler's model, nearest first."""
    guider = graph.linked(sampler.inputs.get("guider"))
    starts = [(guider or sampler).inputs.get(name) for name in ("model", *PIPES)]
    yield from graph.upstream(starts, "model", "lora_stack", "optional_lora_stack", *PIPES)


def comfy_checkpoint(graph: ComfyGraph, sampler: ComfyNode) -> str:
    for node in comfy_model_nodes(graph, sampler):
        for key in ("ckpt_name", "unet_name", "model_name"):
            name = text_or_empty(graph.scalar(node.inputs.get(key)))
            if name:
                return model_stem(name)
    return ""


def comfy_networks(graph: ComfyGraph, node: ComfyNode) -> Iterator[tuple[str, Any]]:
    """Yield names and strengths of a node's LoRAs: its one, rows of a stack, or rows that are objects of their own."""
    for key, value in node.inputs.items():
        row = mapping_or_empty(value)
        if text_or_empty(row.get("lora")) and row.get("on", True):
            yield row["lora"], row.get("strength", 1)
            continue
        found = NETWORK_NAME.fullmatch(key)
        name = text_or_empty(graph.scalar(value)) if found else ""
        number = found[1] or "" if found else ""
        if name not in ("", "None") and node.inputs.get(f"switch{number}") != "Off" and is_listed(graph, node, number):
            strengths = (graph.scalar(node.inputs.get(each.format(number))) for each in NETWORK_STRENGTHS)
            yield name, next((each for each in strengths if each is not None), 1)


def is_listed(graph: ComfyGraph, node: ComfyNode, number: str) -> bool:
    """Return whether a row of a stack is among those that the node counts."""
    count = number_or_none(graph.scalar(node.inputs.get("lora_count", node.inputs.get("num_loras"))))
    return count is None or not number or int(number[1:]) <= count


def add_comfy_size(graph: ComfyGraph, passes: list[ComfyNode], said: PictureTexts, made: ConvertedData) -> None:
    """Add the size of the empty latent; without one the picture began with another."""
    for node in graph.behind(passes[-1]):
        for sides in (("width", "height"), ("empty_latent_width", "empty_latent_height")):
            width, height = (number_or_none(graph.scalar(node.inputs.get(name))) for name in sides)
            latent = "Latent" in node.kind and "Upscale" not in node.kind or sides[0] != "width"
            if width and height and latent:
                made.add("Size", f"{width}x{height}")
                return
    made.add("Size", said.size_text)
    strength = number_or_none(comfy_values(graph, passes[-1]).get("denoise"))
    if strength is not None and strength < 1:
        made.add("Denoising strength", strength)
        made.notes.append("It was made from another picture, which is not in the file.")


def add_second_comfy_pass(graph: ComfyGraph, passes: list[ComfyNode], made: ConvertedData) -> None:
    """Add a refiner or hires fix, if two passes are all there is."""
    first, last = comfy_values(graph, passes[-1]), comfy_values(graph, passes[0])
    if len(passes) == 2 and goes_on_from(first, last):
        add_comfy_refiner(graph, passes, last, made)
        return
    between = next((node for node in graph.behind(passes[0]) if "scale_by" in node.inputs), None)
    factor = number_or_none(graph.scalar(between.inputs["scale_by"])) if between else None
    method = LATENT_METHODS.get(str(between.inputs.get("upscale_method"))) if between else None
    if len(passes) > 2 or not factor or not method:
        made.notes.append(f"The graph has {len(passes)} passes; only the first is in the generation data.")
        return
    made.add("Denoising strength", number_or_none(last.get("denoise")))
    made.add("Hires upscale", factor)
    made.add("Hires steps", number_or_none(last.get("steps")))
    made.add("Hires upscaler", method)
    if last.get("seed") not in (None, made.pairs.get("Seed")):
        made.notes.append("The second pass had a seed of its own, which hires fix has not.")


def goes_on_from(first: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Return whether a pass begins at the step at which the other ended: both are one, in which the model changed."""
    end, start, steps = (number_or_none(each) for each in (
        first.get("end_at_step"), last.get("start_at_step"), last.get("steps"),
    ))
    return start is not None and steps is not None and start == end and 0 < start < steps == first.get("steps")


def add_comfy_refiner(
    graph: ComfyGraph, passes: list[ComfyNode], last: Mapping[str, Any], made: ConvertedData
) -> None:
    name = comfy_checkpoint(graph, passes[0])
    if name and name != made.pairs.get("Model"):
        made.add("Refiner", name)
        made.add("Refiner switch at", float(f"{last['start_at_step'] / last['steps']:.4g}"))


COMFYUI = Dialect(
    COMFYUI_PROGRAM, 'PNG texts "prompt" and "workflow"; EXIF texts that begin with those words (WebP)', read_comfyui
)
