"""What other programs write is recognised, shown readably, and converted as far as it is well defined."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.metadata.contents import picture_contents
from modules.metadata.dialects.dialect import ConvertedData, PictureTexts
from modules.metadata.dialects.invokeai import a1111_weights
from modules.metadata.dialects.table import programs_data
from modules.params.infotext import split_infotext
from tests.imaging.test_read import chunk, png
from tests.metadata.layouts import (
    CIVITAI,
    COMFY,
    DRAW_THINGS,
    EASY,
    FOOOCUS,
    INVOKE_2,
    INVOKE_3,
    SWARM,
    WORKFLOW,
    node,
    png_of,
)
from tests.metadata.test_hidden import NOVELAI


def texts_png(size=(64, 96), **texts):
    chunks = (chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + text.encode()) for key, text in texts.items())
    return png(b"".join(chunks), size=size)


def pairs_of(contents):
    return split_infotext(contents.pasted).pairs


# ComfyUI -------------------------------------------------------------------------------------------


GRAPH = {
    "3": node("KSampler", seed=156680208700286, steps=20, cfg=8, sampler_name="euler_ancestral", scheduler="karras",
              denoise=1, model=["10", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
    "4": node("CheckpointLoaderSimple", ckpt_name="sd\\v1-5.safetensors"),
    "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
    "6": node("CLIPTextEncode", text="a fox, embedding:good.pt", clip=["10", 1]),
    "7": node("CLIPTextEncode", text="bad", clip=["10", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["12", 0]),
    "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
    "10": node("LoraLoader", lora_name="ink.safetensors", strength_model=0.8, strength_clip=1, model=["4", 0],
               clip=["11", 0]),
    "11": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["4", 1]),
    "12": node("VAELoader", vae_name="mse.safetensors"),
}
UPSCALED = {
    **GRAPH,
    "8": node("VAEDecode", samples=["21", 0], vae=["12", 0]),
    "20": node("LatentUpscaleBy", upscale_method="nearest-exact", scale_by=1.5, samples=["3", 0]),
    "21": node("KSampler", seed=156680208700286, steps=12, cfg=8, sampler_name="euler", scheduler="normal",
               denoise=0.6, model=["10", 0], positive=["6", 0], negative=["7", 0], latent_image=["20", 0]),
}


def test_a_comfyui_graph_becomes_generation_data():
    found = picture_contents(texts_png(prompt=json.dumps(GRAPH), workflow="{}"))
    assert found.infotext == "" and [each.program for each in found.programs] == ["ComfyUI"]
    assert found.pasted == (
        "a fox, good <lora:ink:0.8>\nNegative prompt: bad\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 8, Seed: 156680208700286, Size: 512x768, "
        "Model: v1-5, VAE: mse.safetensors, Clip skip: 2, RNG: CPU"
    )
    assert ("5 · EmptyLatentImage", "width: 512, height: 768, batch_size: 1") in found.programs[0].readable


def test_two_passes_with_an_enlargement_between_them_are_hires_fix():
    pairs = pairs_of(picture_contents(texts_png(prompt=json.dumps(UPSCALED))))
    assert {
        "Steps": "20", "Denoising strength": "0.6", "Hires upscale": "1.5", "Hires steps": "12",
        "Hires upscaler": "Latent (nearest-exact)", "Size": "512x768", "Sampler": "Euler a",
    }.items() <= pairs.items()


def test_values_of_a_comfyui_graph_are_followed_through_the_nodes_that_hold_them():
    graph = {
        **GRAPH,
        "3": node("SamplerCustomAdvanced", noise=["30", 0], guider=["31", 0], sampler=["32", 0], sigmas=["33", 0],
                  latent_image=["5", 0]),
        "30": node("RandomNoise", noise_seed=["34", 0]),
        "31": node("BasicGuider", model=["4", 0], conditioning=["35", 0]),
        "32": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "33": node("BasicScheduler", scheduler="sgm_uniform", steps=4, denoise=1, model=["4", 0]),
        "34": node("PrimitiveInt", value=99),
        "35": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "6": node("CLIPTextEncode", text=["36", 0], clip=["4", 1]),
        "36": node("PrimitiveString", value="a harbour"),
    }
    found = picture_contents(texts_png(prompt=json.dumps(graph)))
    assert split_infotext(found.pasted).prompt == "a harbour"
    assert {
        "Seed": "99", "Steps": "4", "Sampler": "DPM++ 2M", "Schedule type": "SGM Uniform", "Size": "512x768",
        "CFG scale": "1", "Distilled CFG Scale": "3.5",
    }.items() <= pairs_of(found).items()


def loaded(**more):
    """A loader of custom nodes that has prompts, size and models in one."""
    return node("Efficient Loader", ckpt_name="fox.safetensors", clip_skip=-2, positive="a fox", negative="bad",
                empty_latent_width=512, empty_latent_height=768, **more)


SAMPLED = {"seed": 42, "steps": 20, "cfg": 7, "sampler_name": "euler", "scheduler": "normal", "denoise": 1}
ONE_LORA = {"lora_name": "ink.safetensors", "lora_model_strength": 0.7}
STACK = node("LoRA Stacker", lora_count=1, lora_name_1="wash.safetensors", lora_wt_1=0.5, lora_name_2="no.safetensors")
SWITCHED = node("CR LoRA Stack", switch_1="On", lora_name_1="ink.safetensors", model_weight_1=0.6, switch_2="Off",
                lora_name_2="no.safetensors", model_weight_2=1)
ROWS = node("Power Lora Loader (rgthree)", header={"type": "x"}, lora_1={"on": True, "lora": "a/ink.safetensors", "strength": 0.8},
            lora_2={"on": False, "lora": "no.safetensors", "strength": 1}, model=["4", 0])
CUSTOM = {
    "a loader with all in one": ({
        "1": loaded(**ONE_LORA, lora_stack=["9", 0]), "9": STACK,
        "2": node("KSampler (Efficient)", **SAMPLED, model=["1", 0], positive=["1", 1], negative=["1", 2], latent_image=["1", 3]),
    }, "a fox <lora:ink:0.7> <lora:wash:0.5>", {"Size": "512x768", "Model": "fox", "Clip skip": "2"}),
    "a pipe": ({
        "1": loaded(lora_name="None"), "2": node("easy preSampling", **SAMPLED, pipe=["1", 0]),
        "3": node("easy kSampler", pipe=["2", 0]), "4": node("SaveImage", images=["3", 1]),
    }, "a fox", {"Size": "512x768", "Model": "fox", "Seed": "42", "Steps": "20"}),
    "rows that are switched": ({
        **COMFY, "3": COMFY["3"] | {"inputs": COMFY["3"]["inputs"] | {"model": ["20", 0]}},
        "20": node("CR Apply LoRA Stack", model=["21", 0], lora_stack=["22", 0]), "21": ROWS, "22": SWITCHED,
    }, "a fox, (ink:1.2) <lora:ink:0.8> <lora:ink:0.6>", {"Model": "fox", "Seed": "42"}),
    "texts that are joined": ({
        **COMFY, "6": node("CLIPTextEncode", text=["30", 0]), "30": node("Text Concatenate", text_a=["31", 0], text_b="in snow"),
        "31": node("Text Multiline", text="a fox"),
    }, "a fox, in snow", {"Seed": "42"}),
}

SAMPLER = COMFY["3"]["inputs"]


def comfy_with(more, **inputs):
    """The usual graph with other inputs of its sampler, and with more nodes."""
    return {**COMFY, "3": {**COMFY["3"], "inputs": SAMPLER | inputs}, **more}


BY_STEPS = {"sampler_name": "euler", "scheduler": "karras", "cfg": 7, "steps": 20, "positive": ["6", 0], "negative": ["7", 0]}
REFINED = {
    **COMFY,
    "3": node("KSamplerAdvanced", **BY_STEPS, noise_seed=42, start_at_step=0, end_at_step=16, model=["4", 0], latent_image=["5", 0]),
    "20": node("KSamplerAdvanced", **BY_STEPS, noise_seed=0, start_at_step=16, end_at_step=10_000, model=["21", 0], latent_image=["3", 0]),
    "21": node("CheckpointLoaderSimple", ckpt_name="refining.safetensors"), "8": node("VAEDecode", samples=["20", 0]),
}
TWO_HALVES = {**REFINED, "20": {**REFINED["20"], "inputs": REFINED["20"]["inputs"] | {"model": ["4", 0]}}}
FROM_KINDS = {
    **COMFY,
    "3": node("SamplerCustom", noise_seed=42, cfg=7, model=["4", 0], positive=["6", 0], negative=["7", 0], sampler=["20", 0],
              sigmas=["21", 0], latent_image=["5", 0]),
    "20": node("SamplerDPMPP_2M_SDE", eta=1), "21": node("KarrasScheduler", steps=20, sigma_max=14.6, sigma_min=0.03, rho=7),
}
CUSTOM |= {
    "a refiner": (REFINED, "a fox, (ink:1.2)", {"Model": "fox", "Refiner": "refining", "Refiner switch at": "0.8", "Seed": "42"}),
    "one pass in two halves": (TWO_HALVES, "a fox, (ink:1.2)", {"Model": "fox", "Steps": "20", "Seed": "42"}),
    "values that are a node's kind": (
        FROM_KINDS, "a fox, (ink:1.2)", {"Sampler": "DPM++ 2M SDE", "Schedule type": "Karras", "Steps": "20", "Seed": "42"}),
    "a way round": (
        comfy_with({"20": {"class_type": "Reroute", "inputs": {"": ["4", 0]}}}, model=["20", 0]), "a fox, (ink:1.2)", {"Model": "fox"}),
}


@pytest.mark.parametrize(("graph", "prompt", "pairs"), CUSTOM.values(), ids=CUSTOM.keys())
def test_what_custom_nodes_hold_is_found(graph, prompt, pairs):
    [told] = picture_contents(png_of({"prompt": json.dumps(graph)})).programs
    found = split_infotext(told.infotext)
    assert found.prompt == prompt and pairs.items() <= found.pairs.items()


def notes_of(graph):
    return picture_contents(png_of({"prompt": json.dumps(graph)})).programs[0].notes


def test_conditioning_that_is_zeroed_has_no_words_and_one_pass_needs_no_note():
    zeroed = comfy_with({"20": node("ConditioningZeroOut", conditioning=["6", 0])}, negative=["20", 0])
    assert split_infotext(picture_contents(png_of({"prompt": json.dumps(zeroed)})).pasted).negative_prompt == ""
    assert not any("passes" in note for graph in (REFINED, TWO_HALVES) for note in notes_of(graph))


@pytest.mark.parametrize(("graph", "word"), [
    (comfy_with({"20": node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0])}, positive=["20", 0]), "ControlNets"),
    (comfy_with({"20": node("IPAdapterAdvanced", model=["4", 0])}, model=["20", 0]), "IP adapters"),
    (comfy_with({"9": node("SaveImage", images=["20", 0]), "20": node("FaceDetailer", image=["8", 0], **SAMPLED)}), "FaceDetailer"),
])
def test_what_a_graph_does_beyond_sampling_is_told(graph, word):
    assert any(word in note for note in notes_of(graph))


# The drawn graph: text and size are shown at the node "12", which stands for a subgraph; its sampler is one deeper.
SAMPLING, INNERMOST = "0f5a-sampling", "9c31-inner"


def slot(name, link=None, kind="*", shown=False):
    return {"name": name, "type": kind, "link": link} | ({"widget": {"name": name}} if shown else {})


def wire(number, origin, output, target, place):
    return {"id": number, "origin_id": origin, "origin_slot": output, "target_id": target, "target_slot": place, "type": "*"}


SUBGRAPHS = {
    "nodes": [
        {"id": 1, "type": "CheckpointLoaderSimple", "widgets_values": ["fox.safetensors"]},
        {"id": 2, "type": "LoraLoader", "mode": 4, "widgets_values": ["ink.safetensors", 1, 1],
         "inputs": [slot("model", 1, "MODEL"), slot("clip", 2, "CLIP")],
         "outputs": [{"type": "MODEL"}, {"type": "CLIP"}]},
        {"id": 12, "type": SAMPLING, "widgets_values": ["a fox", 512],
         "inputs": [slot("model", 3, "MODEL"), slot("clip", 4, "CLIP"), slot("text", shown=True), slot("width", shown=True)]},
        {"id": 9, "type": "SaveImage", "inputs": [slot("images", 5)]},
    ],
    "links": [[1, 1, 0, 2, 0, "MODEL"], [2, 1, 1, 2, 1, "CLIP"], [3, 2, 0, 12, 0, "MODEL"], [4, 2, 1, 12, 1, "CLIP"],
              [5, 12, 0, 9, 0, "IMAGE"]],
    "definitions": {"subgraphs": [
        {"id": SAMPLING, "name": "Sampling", "nodes": [
            {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["left in it"],
             "inputs": [slot("clip", 2), slot("text", 3, shown=True)]},
            {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["bad"], "inputs": [slot("clip", 2)]},
            {"id": 5, "type": "EmptyLatentImage", "widgets_values": [64, 768, 1], "inputs": [slot("width", 4, shown=True)]},
            {"id": 20, "type": INNERMOST, "inputs": [slot("a", 1), slot("b", 5), slot("c", 6), slot("d", 7)]},
            {"id": 8, "type": "VAEDecode", "inputs": [slot("samples", 8)]},
        ], "links": [wire(1, -10, 0, 20, 0), wire(2, -10, 1, 6, 0), wire(3, -10, 2, 6, 1), wire(4, -10, 3, 5, 0),
                     wire(5, 6, 0, 20, 1), wire(6, 7, 0, 20, 2), wire(7, 5, 0, 20, 3), wire(8, 20, 0, 8, 0),
                     wire(9, 8, 0, -20, 0)]},
        {"id": INNERMOST, "name": "Inner", "nodes": [
            {"id": 3, "type": "KSampler", "widgets_values": [42, "fixed", 20, 7, "euler", "karras", 1],
             "inputs": [slot("model", 1), slot("positive", 2), slot("negative", 3), slot("latent_image", 4)]},
        ], "links": [wire(place + 1, -10, place, 3, place) for place in range(4)] + [wire(5, 3, 0, -20, 0)]},
    ]},
}


def test_a_drawn_graph_alone_is_read_through_its_subgraphs_and_past_what_is_bypassed():
    found = picture_contents(texts_png(workflow=json.dumps(SUBGRAPHS)))
    assert found.pasted == (
        "a fox\nNegative prompt: bad\n"
        "Steps: 20, Sampler: Euler, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model: fox, RNG: CPU"
    )
    assert any(label.startswith("12:20:3 · KSampler") for label, _ in found.programs[0].readable)


def test_subgraphs_that_hold_themselves_or_lead_in_a_circle_are_read_as_far_as_they_go():
    holds_itself = {"id": "a", "nodes": [{"id": 1, "type": "a"}, {"id": 2, "type": "a"}], "links": []}
    through = {"id": "b", "nodes": [], "links": [wire(1, -10, 0, -20, 0)]}
    circle = {
        "nodes": [{"id": 1, "type": "b", "inputs": [slot("x", 1)]}, {"id": 2, "type": "KSampler", "inputs": [slot("model", 1)]}],
        "links": [[1, 1, 0, 1, 0, "*"]], "definitions": {"subgraphs": [through]},
    }
    for graph in ({**holds_itself, "definitions": {"subgraphs": [holds_itself]}}, circle):
        assert picture_contents(texts_png(workflow=json.dumps(graph))).infotext == ""


@pytest.mark.parametrize("loop", [["6", 0], ["3", 0], ["nowhere", 0], [[], 0], {"a": 1}, None, 7])
def test_a_comfyui_graph_may_be_a_loop_or_lead_nowhere(loop):
    graph = {**GRAPH, "6": node("CLIPTextEncode", text=loop, clip=loop), "5": node("EmptyLatentImage", width=loop)}
    assert picture_contents(texts_png(prompt=json.dumps(graph))).programs


@pytest.mark.parametrize("text", ["a fox", "[1]", "{}", '{"a": {"class_type": 3}}', '{"a": 1}', "[" * 50_000])
def test_a_text_called_prompt_need_not_be_comfyuis(text):
    found = picture_contents(texts_png(prompt=text))
    assert not found.programs and [each.text for each in found.texts] == [text]


# Texts from anybody --------------------------------------------------------------------------------

KEYS = (
    "image", "prompt", "v2", "caption", "char_captions", "loras", "loraweights", "model", "name", "inputs", "class_type",
    "text", "nodes", "links", "widgets_values", "base_model", "version", "sampler", "seed", "size", "extraMetadata",
    "sui_image_params", "extra", "airs", "use_stable_diffusion_model", "use_lora_model", "v4_prompt",
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("parameters", "prompt", "workflow", "Comment", "invokeai_metadata", "sd-metadata", "hidden in the pixels")


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_json_in_any_place_is_read_or_left_alone(data):
    layouts = (COMFY, WORKFLOW, INVOKE_3, INVOKE_2, FOOOCUS, SWARM, DRAW_THINGS, CIVITAI, EASY, NOVELAI)
    layout = dict(data.draw(st.sampled_from(layouts)))
    for key in data.draw(st.lists(st.sampled_from(sorted(layout)), max_size=3)):
        layout[key] = data.draw(JSON_VALUES)
    text = json.dumps(layout)
    texts = {"Software": "NovelAI", **dict.fromkeys(data.draw(st.sets(st.sampled_from(FIELDS), min_size=1)), text)}
    for found in programs_data(PictureTexts(texts, (64, 96), {"exif:UserComment": text})):
        assert isinstance(found.infotext, str) and set(found.keys) <= {*texts, "exif:UserComment", "Description"}
        assert all(isinstance(part, str) for pair in found.readable for part in pair)


@pytest.mark.parametrize(("line", "prompt"), [
    ("a (red fox)1.3 and ink++", "a (red fox:1.3) and (ink:1.21)"), ("semi-realistic c- art", "semi-realistic (c:0.9) art"),
    ("(a fox)- b", "(a fox:0.9) b"), ("a - b, x+y", "a - b, x+y"), ("(a, (b)1.2)", "(a, (b:1.2))"), ("", ""),
])
def test_invokeais_weights_are_written_as_a1111_writes_them(line, prompt):
    assert a1111_weights(line, ConvertedData()) == prompt


def test_what_has_no_equal_is_said():
    said = {**FOOOCUS, "sampler": "res_multistep", "scheduler": "turbo"}
    [found] = programs_data(PictureTexts({"parameters": json.dumps(said)}, (64, 96)))
    assert any("res_multistep" in note for note in found.notes) and any("turbo" in note for note in found.notes)
    assert any(note.endswith("added to it: Fooocus V2.") for note in found.notes) and "Sampler" not in split_infotext(found.infotext).pairs


def test_figures_of_novelai_4_have_captions_of_their_own():
    comment = {
        "prompt": "a harbour", "uc": "bad", "steps": 28, "sampler": "k_euler", "seed": 1, "scale": 5,
        "v4_prompt": {"caption": {"base_caption": "a harbour", "char_captions": [{"char_caption": "a girl", "centers": []}]}},
        "v4_negative_prompt": {"caption": {"char_captions": [{"char_caption": "hat"}, {"char_caption": ""}]}},
    }
    [found] = programs_data(PictureTexts({"Software": "NovelAI", "Comment": json.dumps(comment)}, (64, 96)))
    text = split_infotext(found.infotext)
    assert (text.prompt, text.negative_prompt) == ("a harbour\na girl", "bad\nhat")


def test_a_refiner_of_swarmui_takes_over_at_a_step():
    said = {"sui_image_params": SWARM["sui_image_params"] | {
        "refinermodel": "own/refining", "refinermethod": "StepSwap", "refinercontrolpercentage": 0.2,
    }}
    [found] = programs_data(PictureTexts({"parameters": json.dumps(said)}, (64, 96)))
    assert {"Refiner": "refining", "Refiner switch at": "0.8"}.items() <= split_infotext(found.infotext).pairs.items()
