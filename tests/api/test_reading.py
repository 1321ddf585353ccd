"""Pictures and texts read back."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from dataclasses import asdict
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from modules.api.info import decode_base64
from modules.base.fields import declared_params
from modules.base.version import VERSION
from modules.params.txt2img import Txt2Img
from modules.requests.compare_manifest import environment
from tests.api.test_generate import post


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) & 0xFFFFFFFF)


def png_of(width, height, *chunks):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * (width + 1) * height)) if width * height < 10_000 else b""
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + chunk(b"IEND", b"")


def ask(client, content):
    return client.post("/sdapi/v1/png-info", json={"image": base64.b64encode(content).decode()})


@pytest.mark.slow
def test_a_made_picture_tells_everything_again(client):
    made = post(
        client,
        prompt='a (red:1.2) circle, "quoted": x\nsecond line',
        negative_prompt="blue",
        subseed=5,
        subseed_strength=0.3,
        sampler_name="DPM++ SDE",
        scheduler="Exponential",
        cfg_scale=6.5,
        tiling=True,
    )
    reply = client.post("/sdapi/v1/png-info", json={"image": "data:image/png;base64," + made["images"][0]}).json()
    assert reply["parameters"]["Prompt"] == 'a (red:1.2) circle, "quoted": x\nsecond line'
    fields = client.post("/easel/v1/read-infotext", json={"text": reply["info"]}).json()["fields"]
    # not of the picture, or not asked for
    lost = {"styles", "n_iter", "batch_size", "seed_resize_from_w", "seed_resize_from_h", "region_mode", "region_base"}
    second_pass = {"denoising_strength", "refiner_checkpoint", "refiner_switch_at"} | {
        name for name in declared_params(Txt2Img) if "hr" in name.split("_")
    }
    for name in declared_params(Txt2Img).keys() - lost - second_pass:
        assert fields[name] == made["parameters"][name], name


@pytest.mark.slow
def test_settings_are_read_back_too(client):
    overrides = {"CLIP_stop_at_last_layers": 2, "eta_ancestral": 0.5, "emphasis": "No norm"}
    info = post(client, prompt="a (red:1.2) circle", sampler_name="Euler a", override_settings=overrides)
    text = client.post("/sdapi/v1/png-info", json={"image": info["images"][0]}).json()["info"]
    assert client.post("/easel/v1/read-infotext", json={"text": text}).json()["settings"] == overrides


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats_carry_it_in_exif(client, kind):
    image, exif = Image.new("RGB", (8, 8)), Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "ein roter Kreis\nSteps: 4".encode("utf-16-be")
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    assert ask(client, out.getvalue()).json()["info"].startswith("ein roter Kreis")


def test_a_picture_without_data_has_none(client):
    assert ask(client, png_of(4, 4)).json() == {"info": "", "items": {}, "parameters": {}}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"hello", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422),
        (b"%PDF-1.4", 422),
        (b"<html></html>", 422),
        (png_of(20_000, 20_000), 413),
        (png_of(9_500, 9_500), 413),
        (png_of(4, 4)[:-30], 422),
        (png_of(0, 0), 422),
        (png_of(4, 4, chunk(b"tEXt", b"parameters\0" + b"a" * 3_000_000)), 413),
        (png_of(4, 4, chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 100_000_000))), 422),
    ],
    ids=["empty", "text", "svg", "pdf", "html", "20000", "9500", "cut", "0x0", "long", "bomb"],
)
def test_hostile_pictures_are_refused(client, content, status):
    reply = ask(client, content)
    assert reply.status_code == status, reply.text
    assert reply.json()["detail"] and "Traceback" not in reply.text


PICTURE = png_of(4, 4, chunk(b"tEXt", b"parameters\0a cat"))
PLAIN = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize(
    "image",
    [
        base64.encodebytes(PICTURE).decode(),
        PLAIN.replace("A", "A \r\n\t"),
        f"  {PLAIN}\n",
        PLAIN.rstrip("="),
        PLAIN + "==",
        base64.urlsafe_b64encode(PICTURE).decode(),
        f"data:image/png;base64,{PLAIN}",
        f"DATA:image/png;name=x.png;charset=utf-8;base64, {PLAIN}",
        f"data:;base64,{PLAIN.rstrip('=')}",
        f"data:image/png;base64,{quote(PLAIN, safe='')}",
        f"base64,{PLAIN}",
    ],
)
def test_base64_is_taken_as_clients_write_it(image):
    assert decode_base64(image) == PICTURE


def test_addresses_and_bad_base64_are_refused(client):
    for image in (
        "http://127.0.0.1:1/x.png",
        "file:///etc/passwd",
        "!!!",
        "data:image/png;base64,???",
        PLAIN[:-5] + "€",
        "A",
        "data:",
        PLAIN[:8] + "=" + PLAIN,
    ):
        assert client.post("/sdapi/v1/png-info", json={"image": image}).status_code == 422


@pytest.mark.parametrize("text", ["a" * 40_000, "a " * 20_000, "a-" * 30_000, "Steps: 1, " * 5_000, '"' * 40_000])
def test_hostile_generation_data_is_read_in_passing(client, text):
    reply = ask(client, png_of(4, 4, chunk(b"tEXt", b"parameters\0" + text.encode())))
    assert reply.status_code == 200


def test_tokens_are_counted_at_their_most(client):
    count = lambda prompt: client.post("/easel/v1/tokens", json={"prompt": prompt, "steps": 20}).json()
    assert count("a red circle") == {"tokens": 3, "limit": 75}
    assert count("[a:a b c:0.5]") == {"tokens": 3, "limit": 75}
    assert count("word " * 80)["limit"] == 150


def test_unfit_values_are_not_taken_from_a_text(client):
    read = client.post(
        "/easel/v1/read-infotext", json={"text": "x\nSteps: many, Sampler: Euler, Seed: 4, Size: 64x64, Clip skip: 99"}
    ).json()
    assert "steps" not in read["fields"] and read["fields"]["seed"] == 4 and read["settings"] == {}



# Dynamic prompts -------------------------------------------------------------------------------------


def test_samples_tell_what_the_next_pictures_prompts_would_be(client):
    body = {"prompt": "{a|b} {x|y}", "negative_prompt": "{n}", "seed": 7, "mode": "Combinations", "count": 3}
    reply = client.post("/easel/v1/prompts/samples", json=body)
    assert reply.json()["samples"] == [
        {"seed": 7, "prompt": "a x", "negative_prompt": "n"},
        {"seed": 8, "prompt": "b x", "negative_prompt": "n"},
        {"seed": 9, "prompt": "a y", "negative_prompt": "n"},
    ]


@pytest.mark.parametrize("prompt", ["{a", "__../../etc/passwd__", "{" * 10_000])
def test_samples_of_what_cannot_become_a_prompt_are_refused(client, prompt):
    reply = client.post("/easel/v1/prompts/samples", json={"prompt": prompt})
    assert (reply.status_code, reply.json()["error"]) == (422, "validation")


@pytest.mark.slow
def test_a_dynamic_prompts_picture_is_made_again_from_its_data(client):
    settings = {"dynamic_prompts": "Random"}
    made = post(client, prompt="{red|blue} {cat|dog}", seed=3, n_iter=2, override_settings=settings)
    texts = json.loads(made["info"])["infotexts"]
    assert all('Template: {red|blue} {cat|dog}' in text for text in texts)
    for picture, text, seed in zip(made["images"], texts, (3, 4), strict=True):
        prompt = text.splitlines()[0]
        assert "{" not in prompt
        for written, given in ((prompt, {}), (prompt, settings), ("{red|blue} {cat|dog}", settings)):
            again = post(client, prompt=written, seed=seed, override_settings=given)
            assert same_pixels(again["images"][0], picture)


@pytest.mark.parametrize("key", ["Template", "Wildcard prompt"])
def test_the_template_of_pasted_data_is_told_apart(client, key):
    text = f'a red cat\nSteps: 1, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, {key}: "a {{red|blue}} cat, x"'
    found = client.post("/easel/v1/read-infotext", json={"text": text}).json()
    assert (found["templates"], found["unknown"]) == ({"prompt": "a {red|blue} cat, x"}, {})
    assert found["fields"]["prompt"] == "a red cat"


def same_pixels(one, other):
    """Whether two pictures are the same but for the rounding of a batch."""
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB"), np.int16) for each in (one, other)
    )
    return np.abs(first - second).max() <= 1


def test_what_is_no_longer_here_makes_another_picture_whatever_the_manifest_says(client):
    """Also what is looked for last, as a unit's model."""
    text = "x\nSteps: 5, Sampler: Euler, CFG scale: 7, Seed: 4, Size: 64x64"
    now = environment(client.app.jobs.status.device)
    manifest = {"version": VERSION, "models": [], "settings": asdict(client.app.settings.current), "environment": now}

    def verdict(text):
        found = client.post("/easel/v1/read-infotext", json={"text": text, "manifest": manifest}).json()
        return found["likeness"]["verdict"], found["notes"]

    assert verdict(text) == ("same", [])
    told, notes = verdict(f'{text}, ControlNet 0: "Module: none, Model: gone [00000000], Weight: 1"')
    assert told == "other" and any("gone" in note for note in notes)
