"""Metadata as picture programs, cameras and editors write them: files made for tests, the values are our own."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, field

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from modules.imaging.exif_entries import with_exif_text, with_user_comment
from modules.metadata.formats import file_metadata, with_file_metadata
from modules.metadata.pieces import FileMetadata
from tests.metadata.test_hidden import NOVELAI, hiding

SIZE = (48, 32)
PROMPTS = "a fox, (ink:1.2)\nNegative prompt: blurry, bad\n"
A1111 = f"{PROMPTS}Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 42, Size: 48x32, "
SAME = {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7", "Seed": "42", "Size": "48x32"}
KARRAS = {**SAME, "Sampler": "DPM++ 2M", "Schedule type": "Karras"}
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
SPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"'
)


@dataclass(frozen=True)
class Layout:
    """A file, which program it is of, and pairs that its generation data have once they are converted."""

    content: bytes
    program: str = ""
    pairs: dict = field(default_factory=dict)
    prompt: str = ""


def picture(mode="RGB"):
    return Image.merge(mode, [Image.linear_gradient("L").resize(SIZE) for _ in mode])


def png_of(texts, packed=(), **options):
    info, out = PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_text(key, text, zip=key in packed)
    picture().save(out, "png", pnginfo=info, **options)
    return out.getvalue()


def saved(file_format, **options):
    out = io.BytesIO()
    picture().save(out, file_format, **options)
    return out.getvalue()


def commented(file_format, text, **texts):
    """A file whose text stands in EXIF's comment, beside other texts of EXIF."""
    exif = with_user_comment(b"", text)
    for name, value in texts.items():
        exif = with_exif_text(exif, int(ExifTags.Base[name]), value)
    return with_file_metadata(saved(file_format), FileMetadata(exif=exif))


def little_endian(text):
    """EXIF as piexif writes it, but in Intel's order."""
    data = b"UNICODE\0" + text.encode("utf-16-le")
    inner = struct.pack("<HHHLLL", 1, 0x9286, 7, len(data), 44, 0) + data
    return b"II*\0" + struct.pack("<LHHHLLL", 8, 1, 0x8769, 4, 1, 26, 0) + inner


def xmp(*properties, attributes=""):
    inside = "".join(properties)
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
        f'<rdf:Description rdf:about="" {SPACES} {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
        f'{" " * 200}\n<?xpacket end="w"?>'
    ).encode()


def alternative(name, text):
    return f'<{name}><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></{name}>'


def with_xmp_packet(content, packet):
    was = file_metadata(content)
    return with_file_metadata(content, FileMetadata(was.texts, was.exif, packet, was.iptc))


def iptc(*values):
    iim = b"".join(struct.pack(">BBBH", 0x1C, *key, len(text)) + text for key, text in values)
    return b"".join(
        b"8BIM" + struct.pack(">HHL", number, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for number, data in ((0x03ED, b"\0\x48\0\0\0\1\0\1\0\x48\0\0\0\1\0\1"), (0x0404, iim), (0x0425, b"d" * 16))
    )


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


COMFY = {
    "3": node("KSampler", seed=42, steps=20, cfg=7, sampler_name="dpmpp_2m", scheduler="karras", denoise=1,
              model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
    "4": node("CheckpointLoaderSimple", ckpt_name="fox.safetensors"),
    "5": node("EmptyLatentImage", width=48, height=32, batch_size=1),
    "6": node("CLIPTextEncode", text="a fox, (ink:1.2)", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blurry, bad", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
}
WORKFLOW = {
    "last_node_id": 9, "version": 0.4,
    "nodes": [
        {"id": 3, "type": "KSampler", "widgets_values": [42, "fixed", 20, 7, "dpmpp_2m", "karras", 1],
         "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 2}, {"name": "negative", "link": 3},
                    {"name": "latent_image", "link": 4}]},
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["fox.safetensors"], "inputs": []},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [48, 32, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a fox, (ink:1.2)"], "inputs": [{"name": "clip", "link": 5}]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["blurry, bad"], "inputs": [{"name": "clip", "link": 6}]},
        {"id": 8, "type": "VAEDecode", "widgets_values": [], "inputs": [{"name": "samples", "link": 7}]},
        {"id": 9, "type": "SaveImage", "widgets_values": ["ComfyUI"], "inputs": [{"name": "images", "link": 8}]},
    ],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "C"], [3, 7, 0, 3, 2, "C"], [4, 5, 0, 3, 3, "LATENT"],
              [5, 4, 1, 6, 0, "CLIP"], [6, 4, 1, 7, 0, "CLIP"], [7, 3, 0, 8, 0, "LATENT"], [8, 8, 0, 9, 0, "IMAGE"]],
}
INVOKE_3 = {
    "app_version": "5.4.3", "generation_mode": "sdxl_txt2img", "positive_prompt": "a fox, (ink)1.2",
    "negative_prompt": "blurry, bad", "width": 48, "height": 32, "seed": 42, "rand_device": "cpu", "cfg_scale": 7,
    "steps": 20, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
    "model": {"key": "1", "hash": "blake3:00", "name": "fox", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"name": "ink", "type": "lora"}, "weight": 0.75}],
}
INVOKE_2 = {
    "model": "stable diffusion", "model_weights": "fox", "app_id": "invoke-ai/InvokeAI", "app_version": "2.3.5",
    "image": {"prompt": [{"prompt": "a fox, (ink)1.2 [blurry, bad]", "weight": 1}], "steps": 20, "cfg_scale": 7,
              "width": 48, "height": 32, "seed": 42, "sampler": "k_euler_a", "type": "txt2img"},
}
FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "fox", "base_model_hash": "aeb7e9e689", "clip_skip": 2,
    "full_prompt": ["cinematic still a fox"], "guidance_scale": 7, "loras": [["ink", 0.1, "4852686128"]],
    "lora_combined_1": "ink : 0.1", "metadata_scheme": "fooocus", "negative_prompt": "blurry, bad",
    "performance": "Speed", "prompt": "a fox, (ink:1.2)", "refiner_model": "None", "refiner_switch": 0.5,
    "resolution": "(48, 32)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "42", "sharpness": 2,
    "steps": 20, "styles": "['Fooocus V2']", "vae": "Default (model)", "version": "Fooocus v2.5.5",
}
SWARM = {
    "sui_image_params": {
        "prompt": "a fox, (ink:1.2)", "negativeprompt": "blurry, bad", "model": "own/fox", "seed": 42, "steps": 20,
        "cfgscale": 7, "width": 48, "height": 32, "sampler": "dpmpp_2m", "scheduler": "karras", "loras": ["ink"],
        "loraweights": ["0.5"], "swarm_version": "0.9.5.1",
    },
    "sui_extra_data": {"date": "2025-01-02", "generation_time": "0.1 (prep) and 2 (gen) seconds"},
}
DRAW_THINGS = {
    "c": "a fox, (ink:1.2)", "uc": "blurry, bad", "model": "fox.ckpt", "sampler": "DPM++ 2M Karras", "scale": 7,
    "seed": 42, "seed_mode": "Scale Alike", "size": "48x32", "steps": 20, "strength": 1,
    "v2": {"loras": [{"file": "ink.ckpt", "weight": 0.8}]},
}
CIVITAI = {
    "resource-stack": node("CheckpointLoaderSimple", ckpt_name="urn:air:sd1:checkpoint:civitai:1@2"),
    "6": node("smZ CLIPTextEncode", text="a fox, (ink:1.2)", clip=["resource-stack", 1]),
    "7": node("smZ CLIPTextEncode", text="blurry, bad", clip=["resource-stack", 1]),
    "5": node("EmptyLatentImage", width=48, height=32, batch_size=1),
    "11": node("KSampler", sampler_name="euler_ancestral", scheduler="normal", seed=42, steps=20, cfg=7, denoise=1,
               model=["resource-stack", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
    "12": node("SaveImage", images=["11", 0]),
    "extra": {"airs": ["urn:air:sd1:checkpoint:civitai:1@2"]},
    "extraMetadata": json.dumps({
        "prompt": "a fox, (ink:1.2)", "negativePrompt": "blurry, bad", "steps": 20, "cfgScale": 7, "sampler": "Euler a",
        "seed": 42, "workflowId": "txt2img", "resources": [{"modelVersionId": 2, "strength": 1}],
    }),
}
EASY = {
    "prompt": "a fox, (ink:1.2)", "negative_prompt": "blurry, bad", "seed": "42", "num_inference_steps": "20",
    "guidance_scale": "7", "width": "48", "height": "32", "sampler_name": "euler_a", "use_stable_diffusion_model": "fox",
    "use_lora_model": "ink", "lora_alpha": "0.5", "clip_skip": "True",
}
PHOTOSHOP = xmp(
    alternative("dc:title", "A title"), "<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Ben</rdf:li></rdf:Seq></dc:creator>",
    "<dc:subject><rdf:Bag><rdf:li>fox</rdf:li><rdf:li>ink</rdf:li></rdf:Bag></dc:subject>",
    '<photoshop:TextLayers><rdf:Bag><rdf:li rdf:parseType="Resource"><photoshop:LayerName>one</photoshop:LayerName>'
    "</rdf:li></rdf:Bag></photoshop:TextLayers>",
    attributes='xmp:Rating="4" crs:Exposure="+0.5" xmp:CreatorTool="Adobe Photoshop 26.0 (Windows)"',
)


MOCHI = (
    "Include in Image: a fox, (ink:1.2); Exclude from Image: blurry, bad; Model: fox; Steps: 20; Guidance Scale: 7; Seed: 42; "
    "Size: 48x32; Scheduler: DPM-Solver++; ML Compute Unit: All; Generator: Mochi Diffusion 6.0"
)
MOCHI_PAIRS = {**SAME, "Sampler": "DPM++ 2M", "Model": "fox"}


NOVELAI_COMMENT = json.dumps({
    "prompt": "a fox, (ink:1.2)", "uc": "blurry, bad", "steps": 20, "sampler": "k_dpmpp_2m", "noise_schedule": "karras", "seed": 42, "scale": 7,
})
FOOOCUS_2_1 = {
    "Prompt": "a fox, (ink:1.2)", "Negative Prompt": "blurry, bad", "Styles": "['Fooocus V2']", "Performance": "Speed",
    "Resolution": "(48, 32)", "Sharpness": 2, "Guidance Scale": 7, "Base Model": "fox.safetensors", "Sampler": "dpmpp_2m_sde_gpu",
    "Scheduler": "karras", "Seed": 42, "LoRA 1": "ink.safetensors : 0.5", "Version": "v2.1.862",
}
FOOOCUS_MRE = {
    "prompt": "a fox, (ink:1.2)", "negative_prompt": "blurry, bad", "seed": 42, "width": 48, "height": 32, "steps": 20, "cfg": 7,
    "sampler": "dpmpp_2m", "scheduler": "karras", "base_model": "fox.safetensors", "l1": "ink.safetensors", "w1": 0.5, "l2": "None",
    "w2": 1, "software": "Fooocus-MRE v2.0.78",
}


def raw_profile(name, data):
    """A profile as ImageMagick writes it."""
    digits = data.hex()
    lines = "\n".join(digits[place : place + 72] for place in range(0, len(digits), 72))
    return f"\n{name}\n{len(data):8}\n{lines}\n"


def forge(extra):
    return f"{A1111}Model hash: 6ce0161689, Model: fox, {extra}"


LAYOUTS = {
    "A1111's PNG": Layout(png_of({"parameters": A1111 + "Version: v1.10.1"}), "AUTOMATIC1111", SAME),
    "A1111's PNG with words of all scripts": Layout(
        png_of({"parameters": A1111.replace("fox", "狐") + "Version: v1.10.1"}), "AUTOMATIC1111", SAME),
    "A1111's PNG with postprocessing beside it": Layout(
        png_of({"postprocessing": "Postprocess upscale by: 4", "parameters": A1111 + "Version: v1.9.4"}), "AUTOMATIC1111", SAME),
    "A1111's JPEG": Layout(commented("jpeg", A1111 + "Version: v1.10.1"), "AUTOMATIC1111", SAME),
    "A1111's WebP": Layout(commented("webp", A1111 + "Version: v1.10.1"), "AUTOMATIC1111", SAME),
    "A1111's AVIF": Layout(commented("avif", A1111 + "Version: v1.10.1"), "AUTOMATIC1111", SAME),
    "EXIF in Intel's order": Layout(
        with_file_metadata(saved("jpeg"), FileMetadata(exif=little_endian(A1111))), "AUTOMATIC1111", SAME),
    "A1111's text, packed": Layout(png_of({"parameters": A1111}, packed=("parameters",)), "AUTOMATIC1111", SAME),
    "A1111's text in a JPEG's comment": Layout(saved("jpeg", comment=A1111.encode()), "AUTOMATIC1111", SAME),
    "Easel's PNG": Layout(png_of({"parameters": A1111 + "Version: v1.10.1+easel.0.1"}), "Easel", SAME),
    "SD Forge": Layout(png_of({"parameters": forge("Version: f2.0.1v1.10.1-previous-659-gc055f2d4")}), "SD Forge", SAME),
    "SD.Next": Layout(
        commented("jpeg", forge("Backend: Diffusers, App: SD.Next, Version: 900264a, Operations: txt2img")), "SD.Next", SAME),
    "Civitai in A1111's words": Layout(commented("jpeg", A1111 + 'Clip skip: 2, Civitai resources: [{"type":"checkpoint","modelVersionId":2}]'),
                                       "Civitai", SAME),
    "ComfyUI's PNG": Layout(png_of({"prompt": json.dumps(COMFY), "workflow": json.dumps(WORKFLOW)}), "ComfyUI", KARRAS),
    "ComfyUI's PNG, packed": Layout(
        png_of({"prompt": json.dumps(COMFY), "workflow": json.dumps(WORKFLOW)}, ("prompt", "workflow")), "ComfyUI", KARRAS),
    "ComfyUI's drawn graph alone": Layout(png_of({"workflow": json.dumps(WORKFLOW)}), "ComfyUI", KARRAS),
    "ComfyUI's WebP": Layout(
        with_file_metadata(saved("webp"), FileMetadata(exif=with_exif_text(with_exif_text(
            b"", ExifTags.Base.Model, f"prompt:{json.dumps(COMFY)}"), ExifTags.Base.Make, f"workflow:{json.dumps(WORKFLOW)}"))),
        "ComfyUI", KARRAS),
    "ComfyUI's WebP by a custom node": Layout(
        commented("webp", "", Make=f"Prompt: {json.dumps(COMFY)}", ImageDescription=f"Workflow: {json.dumps(WORKFLOW)}"), "ComfyUI", KARRAS),
    "ComfyUI beside A1111's text": Layout(
        png_of({"parameters": A1111 + "Version: ComfyUI", "prompt": json.dumps(COMFY)}), "ComfyUI", SAME),
    "InvokeAI 5": Layout(
        png_of({"invokeai_metadata": json.dumps(INVOKE_3), "invokeai_graph": "{}", "invokeai_workflow": "{}"}),
        "InvokeAI", {**KARRAS, "Model": "fox", "Clip skip": "2", "RNG": "CPU"}),
    "InvokeAI 2": Layout(
        png_of({"Dream": '"a fox, (ink)1.2 [blurry, bad]" -s 20', "sd-metadata": json.dumps(INVOKE_2)}), "InvokeAI",
        {**SAME, "Model": "fox"}),
    "InvokeAI 1": Layout(
        png_of({"Dream": '"a fox, (ink)1.2 [blurry, bad]" -s 20 -S 42 -W 48 -H 32 -C 7 -A k_euler_a'}), "InvokeAI", SAME),
    "InvokeAI 1, before it wrote quotes": Layout(
        png_of({"Dream": "a fox, (ink)1.2 [blurry, bad] -s20 -S42 -W48 -H32 -C7 -Ak_euler_a"}), "InvokeAI", SAME),
    "NovelAI's texts": Layout(
        png_of({"Title": "AI generated image", "Software": "NovelAI", "Source": "Stable Diffusion 1D44365E",
                "Description": "a fox, (ink:1.2)",
                "Comment": json.dumps({"steps": 20, "sampler": "k_euler_ancestral", "seed": 42, "scale": 7,
                                       "uc": "blurry, bad"})}), "NovelAI", {**SAME, "Clip skip": "2"}),
    "NovelAI's comment alone": Layout(png_of({"Comment": NOVELAI_COMMENT}), "NovelAI", KARRAS),
    "NovelAI's JPEG": Layout(commented("jpeg", NOVELAI_COMMENT, Software="NovelAI", ImageDescription="a fox, (ink:1.2)"), "NovelAI", KARRAS),
    "NovelAI's texts in one": Layout(
        commented("webp", json.dumps({"Software": "NovelAI", "Source": "NovelAI Diffusion V4", "Comment": NOVELAI_COMMENT})), "NovelAI", KARRAS),
    "NovelAI's pixels": Layout(hiding(json.dumps(NOVELAI)), "NovelAI", {"Steps": "28"}, "a fox"),
    "A text hidden by an extension": Layout(hiding(A1111, "stealth_rgbinfo"), "AUTOMATIC1111", SAME),
    "Fooocus's JSON": Layout(
        png_of({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}), "Fooocus",
        {**KARRAS, "Sampler": "DPM++ 2M SDE", "Model hash": "aeb7e9e689"}),
    "Fooocus's JPEG": Layout(
        commented("jpeg", json.dumps(FOOOCUS), Software="Fooocus v2.5.5"), "Fooocus", {"Steps": "20", "Model": "fox"}),
    "Fooocus 2.1": Layout(
        png_of({"Comment": json.dumps(FOOOCUS_2_1)}), "Fooocus", {**KARRAS, "Sampler": "DPM++ 2M SDE", "Steps": "30", "Model": "fox"}),
    "Fooocus-MRE": Layout(png_of({"Comment": json.dumps(FOOOCUS_MRE)}), "Fooocus", {**KARRAS, "Model": "fox"}),
    "Fooocus in A1111's words": Layout(
        png_of({"parameters": A1111 + "Sharpness: 2, Styles: \"['Fooocus V2']\", Version: Fooocus v2.5.5", "fooocus_scheme": "a1111"}),
        "Fooocus", SAME),
    "SwarmUI's PNG": Layout(png_of({"parameters": json.dumps(SWARM, indent=2)}), "SwarmUI", {**KARRAS, "Model": "fox"}),
    "SwarmUI's JPEG": Layout(commented("jpeg", json.dumps(SWARM)), "SwarmUI", KARRAS),
    "Draw Things": Layout(
        with_xmp_packet(saved("png"), xmp(
            alternative("dc:description", "a fox&#xA;-blurry&#xA;Steps: 20"), "<xmp:CreatorTool>Draw Things</xmp:CreatorTool>",
            alternative("exif:UserComment", json.dumps(DRAW_THINGS).replace('"', "&quot;")))), "Draw Things", KARRAS),
    "Draw Things, before its second version": Layout(
        with_xmp_packet(saved("jpeg"), xmp(alternative("exif:UserComment", json.dumps({
            **{key: value for key, value in DRAW_THINGS.items() if key != "v2"}, "lora": [{"model": "ink.ckpt", "weight": 0.8}],
        }).replace('"', "&quot;")))), "Draw Things", KARRAS),
    "Civitai's generator": Layout(commented("jpeg", json.dumps(CIVITAI)), "Civitai", SAME),
    "Easy Diffusion's PNG": Layout(png_of(EASY), "Easy Diffusion", {**SAME, "Model": "fox", "Clip skip": "2"}),
    "Easy Diffusion's JPEG": Layout(commented("jpeg", json.dumps(EASY)), "Easy Diffusion", SAME),
    "Midjourney": Layout(
        png_of({"Description": "a fox, (ink:1.2) --ar 3:2 --no blurry, bad --v 6.1 Job ID: 0a1b2c3d-0000-4000-8000-0123456789ab",
                "Author": "someone"}), "Midjourney", {}),
    "stable-diffusion.cpp": Layout(
        png_of({"parameters": PROMPTS + "Steps: 20, CFG scale: 7.000000, Seed: 42, Size: 48x32, Model: fox.safetensors, RNG: cuda, "
                "Sampler: euler_a, Version: stable-diffusion.cpp"}), "stable-diffusion.cpp", {"Steps": "20", "Seed": "42"}),
    "RuinedFooocus": Layout(png_of({"parameters": json.dumps({
        "Prompt": "a fox, (ink:1.2)", "Negative": "blurry, bad", "steps": 20, "cfg": 7, "width": 48, "height": 32, "seed": 42,
        "sampler_name": "dpmpp_2m", "scheduler": "karras", "base_model_name": "fox.safetensors", "base_model_hash": "be9edd61",
        "loras": [["4852686128", "0.1 - ink.safetensors"]], "denoise": None, "clip_skip": 1, "software": "RuinedFooocus",
    })}), "RuinedFooocus", {**KARRAS, "Model": "fox", "Model hash": "be9edd61"}),
    "ComfyUI in EXIF's comment": Layout(
        commented("jpeg", json.dumps({"prompt": COMFY, "workflow": WORKFLOW})), "ComfyUI", KARRAS),
    "Mochi Diffusion's JPEG": Layout(with_file_metadata(saved("jpeg"), FileMetadata(iptc=iptc(
        ((2, 65), b"Mochi Diffusion"), ((2, 120), MOCHI.encode())))), "Mochi Diffusion", MOCHI_PAIRS),
    "Mochi Diffusion's PNG": Layout(
        with_xmp_packet(saved("png"), xmp(alternative("dc:description", MOCHI.replace("; ", "&#xA;")))), "Mochi Diffusion",
        MOCHI_PAIRS),
    "ImageMagick's PNG of a JPEG": Layout(
        png_of({"Raw profile type exif": raw_profile("exif", b"Exif\0\0" + with_user_comment(b"", A1111)),
                "Raw profile type iptc": raw_profile("iptc", iptc(((2, 80), b"Ann"))), "date:create": "2025"},
               ("Raw profile type exif",)), "AUTOMATIC1111", SAME),
    "Lightroom's JPEG of it": Layout(
        with_xmp_packet(saved("jpeg"), xmp(alternative("exif:UserComment", A1111.replace("\n", "&#xA;")), attributes='xmp:Rating="2"')),
        "AUTOMATIC1111", SAME),
    "Photoshop's JPEG": Layout(with_file_metadata(
        commented("jpeg", A1111, Software="Adobe Photoshop"),
        FileMetadata(exif=with_user_comment(b"", A1111), xmp=PHOTOSHOP,
                     iptc=iptc(((1, 90), b"\x1b%G"), ((2, 5), b"A title"), ((2, 80), b"Ann"), ((2, 103), b"\x01\xff"), ((2, 200), b"\x01\xff")))),
        "AUTOMATIC1111", SAME),
    "Photoshop's PNG": Layout(with_xmp_packet(png_of({"parameters": A1111, "Software": "Adobe ImageReady"}), PHOTOSHOP),
                              "AUTOMATIC1111", SAME),
    "GIMP's PNG": Layout(png_of({"parameters": A1111, "Comment": "Created with GIMP", "date:create": "2025-01-02"}),
                         "AUTOMATIC1111", SAME),
    "A camera's JPEG": Layout(commented("jpeg", "", Make="Camera", Model="One", Artist="Ann")),
    "A picture without a word": Layout(saved("png")),
}
