"""/sdapi/v1/extra-… and the lists around upscalers, as A1111's clients use them."""

from __future__ import annotations

import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.base.errors import OutOfMemory

DRAWN = "a cat\nNegative prompt: a dog\nSteps: 20, Sampler: Euler, Seed: 7, Size: 24x16"
SHIPPED = {"upscaler_1": "R-ESRGAN AnimeVideo", "upscaling_resize": 2}
NEAREST = {"upscaler_1": "Nearest"}


def encoded(size=(24, 16), text="", kind="png", exif=None):
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8))
    info, out = PngInfo(), io.BytesIO()
    if text:
        info.add_text("parameters", text)
    image.save(out, kind, **({"pnginfo": info} if kind == "png" else {}), **({"exif": exif} if exif else {}))
    return base64.b64encode(out.getvalue()).decode()


def single(client, status=200, **fields):
    reply = client.post("/sdapi/v1/extra-single-image", json={"image": encoded(), **fields})
    assert reply.status_code == status, reply.text
    return reply.json()


def batch(client, pictures, status=200, **fields):
    reply = client.post("/sdapi/v1/extra-batch-images", json={"imageList": pictures, **fields})
    assert reply.status_code == status, reply.text
    return reply.json()


def picture(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def newest(client):
    return client.get("/easel/v1/jobs").json()[0]


# Enlarging ------------------------------------------------------------------------------------------


def test_a_picture_comes_back_larger_with_its_generation_data(client):
    reply = single(client, image=encoded(text=DRAWN), **NEAREST)
    done = "Postprocess upscale by: 2, Postprocess upscaler: Nearest"
    assert reply.keys() == {"html_info", "image"} and reply["html_info"] == f"<p>{done}</p>"
    large, small = picture(reply["image"]), picture(encoded())
    assert large.text["parameters"] == f"{DRAWN}, {done}"
    assert np.array_equal(large, small.resize((48, 32), Image.Resampling.NEAREST))


def test_without_an_upscaler_the_picture_is_what_it_was(client):
    reply = single(
        client, image="data:image/png;base64," + encoded(text=DRAWN), upscaler_1=None, upscaler_2="", upscaling_resize=4
    )
    assert reply["html_info"] == "<p></p>"
    assert picture(reply["image"]).text["parameters"] == DRAWN
    assert np.array_equal(picture(reply["image"]), picture(encoded()))


def test_to_a_size_it_is_cropped_to_it(client):
    reply = single(client, resize_mode=1, upscaling_resize_w=40, upscaling_resize_h=40, upscaler_1="lanczos")
    assert picture(reply["image"]).size == (40, 40)
    assert (
        reply["html_info"]
        == "<p>Postprocess upscale to: 40x40, Postprocess crop to: 40x40, Postprocess upscaler: Lanczos</p>"
    )


def test_pictures_of_a_batch_come_back_in_their_order(client):
    around = client.app.flags.paths.data_dir.parent
    pictures, before = (
        [{"data": encoded((8 * n, 16)), "name": "../../x.png"} for n in (1, 2, 3)],
        set(around.rglob("x.png")),
    )
    reply = batch(client, pictures, upscaler_1="Lanczos", upscaler_2="Nearest", extras_upscaler_2_visibility=0.5)
    assert [picture(each).size for each in reply["images"]] == [(16, 32), (32, 32), (48, 32)]
    assert reply["html_info"].endswith("Postprocess upscaler: Lanczos, Postprocess upscaler 2: Nearest</p>")
    assert set(around.rglob("x.png")) == before


def test_a_shipped_model_enlarges(client):
    names = [each["name"] for each in client.get("/sdapi/v1/upscalers").json()]
    reply = single(client, upscaler_1="R-ESRGAN AnimeVideo")
    assert "R-ESRGAN AnimeVideo" in names and picture(reply["image"]).size == (48, 32)


def test_a_picture_is_saved_only_if_that_is_asked(client):
    folder = client.app.flags.paths.outputs / "extras-images"
    single(client, **NEAREST)
    assert not list(folder.rglob("*.png"))
    single(client, image=encoded(text=DRAWN), save_images=True, **NEAREST)
    assert [path.name for path in folder.rglob("*.png")] == ["00000-7.png"]


def test_it_is_a_job_like_others_and_counts_its_pictures(client):
    batch(client, [{"data": encoded(), "name": ""}] * 3, **NEAREST)
    job = newest(client)
    assert (job["kind"], job["state"], len(job["pictures"])) == ("extras", "done", 3)
    assert client.get(job["pictures"][2]["url"]).headers["content-type"] == "image/png"


def test_defaults_are_a1111s(client):
    schema = client.get("/openapi.json").json()["components"]["schemas"]["ExtrasSingleImageRequest"]["properties"]
    assert {name: field["default"] for name, field in schema.items() if name != "save_images"} == {
        "resize_mode": 0,
        "show_extras_results": True,
        "gfpgan_visibility": 0,
        "codeformer_visibility": 0,
        "codeformer_weight": 0,
        "upscaling_resize": 2,
        "upscaling_resize_w": 512,
        "upscaling_resize_h": 512,
        "upscaling_crop": True,
        "upscaler_1": "None",
        "upscaler_2": "None",
        "extras_upscaler_2_visibility": 0,
        "upscale_first": False,
        "image": "",
    }


def test_a_turned_photograph_is_upright_before_it_is_measured(client):
    exif = Image.Exif()
    exif[0x0112] = 6      # EXIF's Orientation: turn by 90°
    assert picture(single(client, image=encoded((24, 16), kind="jpeg", exif=exif), **NEAREST)["image"]).size == (32, 48)


# Refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"upscaling_resize": 0}, "upscaling_resize"),
        ({"upscaling_resize": 1e9}, "upscaling_resize"),
        ({"resize_mode": 2}, "resize_mode"),
        ({"upscaling_resize_w": 0}, "upscaling_resize_w"),
        ({"upscaling_resize_h": 10**9}, "upscaling_resize_h"),
        ({"extras_upscaler_2_visibility": 1.5}, "extras_upscaler_2_visibility"),
        ({"image": ""}, "image"),
        ({"image": None}, "image"),
        ({"image": 5}, "image"),
        ({"image": encoded((3000, 8)), "upscaling_resize": 12, **NEAREST}, "upscaling_resize"),
        ({"image": encoded((8, 1000)), "resize_mode": 1, "upscaling_resize_w": 2000, **NEAREST}, "upscaling_resize_h"),
    ],
)
def test_what_is_outside_its_limits_is_422_and_named(client, fields, name):
    body = single(client, 422, **fields)
    assert body["error"] == "validation" and name in body["detail"][0]["loc"]


@pytest.mark.parametrize(
    "image",
    [
        "no base64!",
        base64.b64encode(b"no picture").decode(),
        "http://127.0.0.1/x.png",
        "file:///etc/passwd",
        encoded()[:200],
    ],
)
def test_what_is_no_picture_is_refused(client, image):
    assert single(client, 422, image=image, **NEAREST)["error"] == "invalid_image"


def test_a_batch_without_pictures_or_with_an_empty_one_is_refused(client):
    assert batch(client, [], 422)["detail"][0]["loc"][-1] == "imageList"
    assert batch(client, [{"data": encoded()}, {"data": ""}], 422)["detail"][0]["loc"][-1] == "imageList.1"


def test_an_unknown_upscaler_is_refused_with_a_suggestion(client):
    assert "R-ESRGAN 4x+ Anime6B" in single(client, 404, upscaler_1="R-ESRGAN 4x+ Anime")["hint"]
    single(client, 404, upscaler_2="../../secret")


@pytest.mark.parametrize(
    ("field", "file"),
    [
        ("gfpgan_visibility", "GFPGANv1.4.pth into models/GFPGAN"),
        ("codeformer_visibility", "codeformer-v0.1.0.pth into models/Codeformer"),
    ],
)
def test_face_restoration_says_which_model_is_missing_and_where_it_goes(client, field, file):
    body = single(client, 422, **{field: 0.5})
    assert body["error"] == "model_missing" and file.split()[0] in body["detail"] and file in body["hint"]


def test_running_out_of_memory_is_told_in_words(client, monkeypatch):
    def exhausted(*_):
        raise OutOfMemory("The device ran out of memory.", "Ask for a smaller picture.")

    monkeypatch.setattr(client.app.jobs.worker.runner.result(60).device.upscalers, "enlarge", exhausted)
    body = single(client, 507, **SHIPPED)
    assert body["error"] == "oom" and "ran out of memory" in body["detail"]


def test_an_interrupted_request_is_told_so(client, monkeypatch):
    upscalers = client.app.jobs.worker.runner.result(60).device.upscalers
    plain = upscalers.enlarge

    def interrupted(*how):
        client.post("/sdapi/v1/interrupt")
        return plain(*how)

    monkeypatch.setattr(upscalers, "enlarge", interrupted)
    assert "interrupted" in batch(client, [{"data": encoded()}] * 2, 500, **SHIPPED)["detail"]
    assert newest(client)["state"] == "interrupted"


def test_pictures_and_jobs_are_their_owners(guarded):
    alice, bob = (httpx.BasicAuth(*each) for each in (("alice", "a-secret"), ("bob", "b-secret")))
    assert guarded.post("/sdapi/v1/extra-single-image", json={"image": encoded()}).status_code == 401
    before = {each["id"] for each in guarded.get("/easel/v1/jobs", auth=alice).json()}
    guarded.post("/sdapi/v1/extra-single-image", json={"image": encoded(), **NEAREST}, auth=alice).raise_for_status()
    [job] = [each for each in guarded.get("/easel/v1/jobs", auth=alice).json() if each["id"] not in before]
    assert guarded.get(job["pictures"][0]["url"], auth=bob).status_code == 404


# Lists ----------------------------------------------------------------------------------------------


def test_upscalers_have_a1111s_fields_and_no_folders(client):
    found = client.get("/sdapi/v1/upscalers").json()
    assert [each["name"] for each in found][:3] == ["None", "Lanczos", "Nearest"]
    assert all({"name", "model_name", "model_path", "model_url", "scale"} <= each.keys() for each in found)
    assert not any("/" in (each["model_path"] or "") for each in found)
    assert {each["scale"] for each in found} == {4}


def test_realesrgan_models_are_those_of_their_folder(client):
    found = client.get("/sdapi/v1/realesrgan-models").json()
    assert {"name": "R-ESRGAN 4x+ Anime6B", "path": "RealESRGAN_x4plus_anime_6B.safetensors", "scale": 4} in found


def test_latent_modes_and_face_restorers(client):
    assert client.get("/sdapi/v1/latent-upscale-modes").json() == [
        {"name": name}
        for name in (
            "Latent",
            "Latent (antialiased)",
            "Latent (bicubic)",
            "Latent (bicubic antialiased)",
            "Latent (nearest)",
            "Latent (nearest-exact)",
        )
    ]
    assert client.get("/sdapi/v1/face-restorers").json() == []
