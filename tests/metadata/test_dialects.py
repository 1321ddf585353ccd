"""What other programs write is recognised, shown readably, and converted as far as it is well defined."""

from __future__ import annotations

import json

import pytest

from modules.metadata.contents import picture_contents
from modules.params.infotext import split_infotext
from tests.imaging.test_read import chunk, png


def texts_png(size=(64, 96), **texts):
    chunks = (chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + text.encode()) for key, text in texts.items())
    return png(b"".join(chunks), size=size)


def pairs_of(contents):
    return split_infotext(contents.pasted).pairs


# ComfyUI -------------------------------------------------------------------------------------------


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


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
    }.items() <= pairs_of(found).items()


@pytest.mark.parametrize("loop", [["6", 0], ["3", 0], ["nowhere", 0], [[], 0], {"a": 1}, None, 7])
def test_a_comfyui_graph_may_be_a_loop_or_lead_nowhere(loop):
    graph = {**GRAPH, "6": node("CLIPTextEncode", text=loop, clip=loop), "5": node("EmptyLatentImage", width=loop)}
    assert picture_contents(texts_png(prompt=json.dumps(graph))).programs


@pytest.mark.parametrize("text", ["a fox", "[1]", "{}", '{"a": {"class_type": 3}}', '{"a": 1}', "[" * 50_000])
def test_a_text_called_prompt_need_not_be_comfyuis(text):
    found = picture_contents(texts_png(prompt=text))
    assert not found.programs and [each.text for each in found.texts] == [text]
