"""/sdapi/v1/txt2img as A1111's clients use it."""

from __future__ import annotations

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from modules.imaging.read import read_metadata
from tests.servers import settled

SMALL = {
    "prompt": "a red circle",
    "steps": 4,
    "width": 64,
    "height": 64,
    "seed": 11,
    "cfg_scale": 5,
    "sampler_name": "Euler",
}


def post(client, **fields):
    reply = client.post("/sdapi/v1/txt2img", json={**SMALL, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


def picture(encoded):
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def refused(client, status, **fields):
    reply = client.post("/sdapi/v1/txt2img", json={**SMALL, **fields})
    assert reply.status_code == status, reply.text
    return reply.json()


@pytest.mark.slow
def test_a_reply_has_a_picture_and_tells_how_it_was_made(client):
    reply = post(client, n_iter=2, batch_size=2)
    info = json.loads(reply["info"])
    assert [picture(each).size for each in reply["images"]] == [(64, 64)] * 4
    assert info["all_seeds"] == [11, 12, 13, 14]
    assert info["sd_model_name"] == "tiny-sd1"
    assert [picture(each).text["parameters"] for each in reply["images"]] == info["infotexts"]
    assert reply["parameters"]["steps"] == 4
    assert {
        "prompt",
        "all_prompts",
        "negative_prompt",
        "all_negative_prompts",
        "seed",
        "subseed",
        "all_subseeds",
        "width",
        "height",
        "sampler_name",
        "cfg_scale",
        "steps",
        "batch_size",
        "sd_model_hash",
        "job_timestamp",
        "clip_skip",
        "version",
    } <= info.keys()


@pytest.mark.slow
def test_the_same_request_gives_the_same_picture(client):
    assert post(client)["images"] == post(client)["images"]


def test_defaults_are_a1111s_api_defaults(client):
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Txt2ImgRequest"]["properties"]
    assert {
        name: schema[name]["default"]
        for name in ("steps", "cfg_scale", "width", "height", "seed", "sampler_name", "scheduler")
    } == {
        "steps": 50,
        "cfg_scale": 7.0,
        "width": 512,
        "height": 512,
        "seed": -1,
        "sampler_name": "Euler",
        "scheduler": "Automatic",
    }


@pytest.mark.slow
def test_nulls_mean_the_default_and_strange_keys_nothing(client):
    odd = {
        "styles": None,
        "eta": None,
        "scheduler": None,
        "script_name": None,
        "firstphase_width": 0,
        "negative_prompt": None,
        "zzz": [1],
    }
    assert post(client, **odd)["images"] == post(client)["images"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", 10**6),
        ("width", 0),
        ("width", -8),
        ("width", 10**9),
        ("width", 512.5),
        ("height", 8193),
        ("batch_size", 10**6),
        ("n_iter", 10**6),
        ("cfg_scale", 1000),
        ("steps", "many"),
        ("prompt", 5),
        ("prompt", "x" * 200_000),
        ("seed", 2**70),
    ],
)
def test_a_value_outside_its_limits_is_422_and_named(client, field, value):
    body = refused(client, 422, **{field: value})
    assert field in body["detail"][0]["loc"]
    assert body["error"] == "validation" and body["request_id"]


@pytest.mark.parametrize(("field", "value"), [
    ("script_name", "Custom code"),
    ("alwayson_scripts", {"AnimateDiff": {"args": []}}),
])
def test_what_is_not_there_yet_is_refused_by_name(client, field, value):
    assert refused(client, 422, **{field: value})["detail"][0]["loc"][-1] == field
    post(client, **{field: type(value)()})


def test_an_unknown_sampler_is_refused_with_a_suggestion(client):
    assert "Euler a" in refused(client, 404, sampler_name="Euler b")["hint"]
    refused(client, 404, scheduler="karas")


@pytest.mark.slow
def test_old_and_other_names_of_samplers_are_understood(client):
    info = json.loads(post(client, sampler_name="DPM++ 2M Karras")["info"])
    assert "Sampler: DPM++ 2M, Schedule type: Karras" in info["infotexts"][0]
    assert json.loads(post(client, sampler_name=None, sampler_index="k_heun")["info"])["sampler_name"] == "Heun"


@pytest.mark.slow
def test_override_settings_belong_to_their_request_alone(client):
    def skipping(n):
        return post(client, override_settings={"CLIP_stop_at_last_layers": n}, steps=8)["images"][0]

    alone = [skipping(n) for n in (1, 3)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(skipping, (1, 3)))
    for one, other in zip(alone, together):
        difference = np.abs(np.asarray(picture(one), int) - np.asarray(picture(other), int))
        assert difference.max() <= 1
    assert alone[0] != alone[1]
    assert client.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 1


def test_a_bad_override_is_refused_and_a_foreign_one_told(client):
    assert (
        refused(client, 422, override_settings={"CLIP_stop_at_last_layers": 99})["detail"][0]["loc"][-1]
        == "CLIP_stop_at_last_layers"
    )
    warnings = json.loads(post(client, override_settings={"forge_additional_modules": []})["info"])["warnings"]
    assert "forge_additional_modules" in warnings[0]


def test_a_missing_network_is_told_not_claimed(client):
    info = json.loads(post(client, prompt="a circle <lora:nowhere:1>")["info"])
    assert "nowhere" in info["warnings"][0]
    assert "Lora hashes" not in info["infotexts"][0]


@pytest.mark.slow
def test_saving_is_asked_for(client):
    outputs = client.app.flags.paths.outputs
    before = set(outputs.rglob("*.png"))
    post(client, save_images=False)
    assert set(outputs.rglob("*.png")) == before
    post(client, save_images=True)
    [new] = set(outputs.rglob("*.png")) - before
    assert new.parent.parent.name == "txt2img-images" and new.name.endswith("-11.png")


@pytest.mark.parametrize(("name", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")])
def test_a_reply_is_in_the_format_of_files_with_its_generation_data(client, name, kind):
    reply = post(
        client,
        override_settings={"samples_format": name, "samples_filename_pattern": "[styles]-[seed]"},
        save_images=True,
    )
    [content] = [base64.b64decode(each) for each in reply["images"]]
    assert picture(reply["images"][0]).format == kind
    assert [read_metadata(content).infotext] == json.loads(reply["info"])["infotexts"]
    [file] = client.app.flags.paths.outputs.rglob(f"*-None-11.{name}")
    assert file.read_bytes() == content


def test_what_silly_tavern_sends_works(client):
    post(
        client,
        **{
            "sampler_name": "Euler a",
            "scheduler": "Automatic",
            "restore_faces": False,
            "enable_hr": False,
            "hr_upscaler": "Latent",
            "hr_scale": 2,
            "denoising_strength": 0.7,
            "hr_second_pass_steps": 0,
            "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"},
            "override_settings_restore_afterwards": True,
            "clip_skip": 1,
            "save_images": True,
            "send_images": True,
            "do_not_save_grid": False,
        },
    )


def test_what_sdwebuiapi_sends_works(client):
    reply = post(
        client,
        **{
            "enable_hr": False,
            "hr_scale": 2,
            "hr_upscaler": "Latent",
            "denoising_strength": 0.7,
            "firstphase_width": 0,
            "firstphase_height": 0,
            "styles": [],
            "subseed": -1,
            "subseed_strength": 0.0,
            "seed_resize_from_h": 0,
            "seed_resize_from_w": 0,
            "batch_size": 1,
            "n_iter": 1,
            "tiling": False,
            "do_not_save_samples": False,
            "eta": 1.0,
            "s_churn": 0,
            "s_tmax": 0,
            "s_tmin": 0,
            "s_noise": 1,
            "script_args": [],
            "script_name": None,
            "sampler_index": "Euler",
            "use_deprecated_controlnet": False,
            "alwayson_scripts": {},
        },
    )
    assert json.loads(reply["info"])["seed"] == 11


@pytest.mark.slow
def test_many_who_wait_do_not_keep_others_waiting(client):
    threads = [threading.Thread(target=post, args=(client,), kwargs={"seed": i, "steps": 2}) for i in range(50)]
    for thread in threads:
        thread.start()
    assert client.get("/internal/ping").status_code == 200
    for thread in threads:
        thread.join()


@pytest.mark.slow
def test_a_job_can_be_followed_by_its_id_and_asked_for_again(client):
    post(client, force_task_id="mine-1")
    described = settled(client, "mine-1")
    assert described["state"] == "done" and described["fraction"] == 1.0
    found = client.get(described["pictures"][0]["url"])
    assert found.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(found.content)).text["parameters"] == described["pictures"][0]["infotext"]
    assert refused(client, 422, force_task_id="mine-1")["detail"][0]["loc"][-1] == "force_task_id"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2**53 + 1, 2**63, 2**64 - 1, -2])
def test_a_seed_of_64_bits_is_taken_told_and_read_back(client, seed):
    info = json.loads(
        post(client, seed=seed, subseed=seed, subseed_strength=0.1, sampler_name="DPM++ SDE", steps=2)["info"]
    )
    assert (info["seed"], info["all_seeds"], info["all_subseeds"]) == (seed, [seed], [seed])
    again = json.loads(
        post(
            client, infotext=info["infotexts"][0], seed=None, subseed=None, prompt=None, steps=None, sampler_name=None
        )["info"]
    )
    assert (again["all_seeds"], again["all_subseeds"]) == ([seed], [seed])


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused(client, seed):
    assert "seed" in str(refused(client, 422, seed=seed))


def standing(client, **settings):
    """Settings of the file as somebody brings it from elsewhere, until the next call."""
    client.app.settings.change(**settings)


@pytest.mark.slow
def test_settings_that_name_what_is_not_here_cost_no_picture_and_are_told(client):
    try:
        before = post(client)["images"]
        for settings in ({"sd_vae": "vae-gone.pt"}, {"sd_model_checkpoint": "gone.ckpt"}, {"face_restoration": True}):
            standing(client, **settings)
            reply = post(client)
            said = " ".join(json.loads(reply["info"])["warnings"])
            assert (
                reply["images"] == before
                and str(next(iter(settings.values()))).replace("True", "Faces were not restored") in said
            )
            standing(client, sd_vae="Automatic", sd_model_checkpoint="", face_restoration=False)
        standing(client, sd_vae="auto")
        assert post(client)["images"] == before
    finally:
        standing(client, sd_vae="Automatic", sd_model_checkpoint="", face_restoration=False)


@pytest.mark.slow
def test_faces_that_cannot_be_restored_cost_no_picture(client):
    reply = post(client, restore_faces=True)
    assert reply["images"] == post(client)["images"] and "codeformer-v0.1.0.pth" in str(
        json.loads(reply["info"])["warnings"]
    )


def test_a_checkpoint_that_a_request_names_is_refused_where_it_is_not_here(client):
    assert "gone.ckpt" in refused(client, 404, override_settings={"sd_model_checkpoint": "gone.ckpt"})["detail"]
