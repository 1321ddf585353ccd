"""POST /easel/v1/jobs: a request by field name, for the page and for programs."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from modules.base.fields import form_defaults
from modules.params.txt2img import Txt2Img
from tests.servers import settled

SMALL = {"prompt": "a red circle", "steps": 2, "width": 64, "height": 64, "seed": 11}


def start(client, kind="txt2img", given=SMALL, **more):
    reply = client.post("/easel/v1/jobs", json={"kind": kind, "fields": given, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def refused(client, kind="txt2img", given=SMALL, **more):
    reply = client.post("/easel/v1/jobs", json={"kind": kind, "fields": given, **more})
    assert 400 <= reply.status_code < 500, reply.text
    return reply.status_code, reply.json()


def named(answer):
    """The field that a refusal is about, once it is a 422."""
    status, body = answer
    assert status == 422, body
    return body["detail"][0]["loc"][-1]


@pytest.fixture
def kept(client):
    file = io.BytesIO()
    Image.new("RGB", (64, 96), "red").save(file, "PNG")
    return client.post("/easel/v1/inputs", json={"image": base64.b64encode(file.getvalue()).decode()}).json()["name"]


@pytest.mark.slow
def test_a_job_is_begun_followed_and_saved_as_the_page_does(client):
    started = start(client, given=SMALL | {"seed": "9007199254740993"})
    job = settled(client, started["job"])
    assert (job["state"], job["made"], job["params"]["seed"], started["notes"]) == ("done", 1, 9007199254740993, [])
    assert job["pictures"][0]["saved"] and not settled(client, start(client, save=False)["job"])["pictures"][0]["saved"]


def test_what_is_not_given_is_as_the_form_begins_with_the_models_own_defaults(client):
    usual = form_defaults(Txt2Img)
    sidecar = next(iter(client.app.models.checkpoints.list())).path.with_suffix(".json")
    try:
        params = settled(client, start(client, given={"prompt": "a", "steps": 1, "width": 64, "height": 64})["job"])[
            "params"
        ]
        assert (params["sampler_name"], params["cfg_scale"]) == (usual["sampler_name"], usual["cfg_scale"])
        sidecar.write_text('{"defaults": {"cfg_scale": 2.5, "width": 64, "height": 64, "steps": 1}}')
        client.app.models.checkpoints.refresh()
        params = settled(client, start(client, given={"prompt": "a", "steps": 2})["job"])["params"]
        assert (params["cfg_scale"], params["width"], params["steps"]) == (2.5, 64, 2)
    finally:
        sidecar.unlink(missing_ok=True)
        client.app.models.checkpoints.refresh()


def test_settings_are_the_jobs_own_and_unknown_ones_are_told(client):
    started = start(
        client, settings={"CLIP_stop_at_last_layers": 2, "sd_vae": None, "sd_model_checkpoint": "", "forge_memory": 1}
    )
    assert started["notes"] == ["There is no setting called 'forge_memory'; it was ignored."]
    assert client.app.jobs.get(started["job"]).settings["CLIP_stop_at_last_layers"] == 2
    assert client.app.settings.current.CLIP_stop_at_last_layers == 1
    settled(client, started["job"])


def test_a_script_takes_its_arguments_by_name(client):
    script = {"name": "prompts from file or textbox", "arguments": {"text": "one\ntwo", "same_seed": True}}
    job = settled(client, start(client, given=SMALL | {"prompt": ""}, script=script)["job"])
    assert [each["infotext"].splitlines()[0] for each in job["pictures"]] == ["one", "two"]
    assert client.app.jobs.get(job["id"]).params["script_args"][:4] == [False, True, "start", "one\ntwo"]


@pytest.mark.slow
def test_img2img_starts_from_a_kept_picture_and_may_be_sized_by_it(client, kept):
    job = settled(
        client, start(client, "img2img", SMALL | {"init_images": [kept], "resize_by": True, "scale_by": 2})["job"]
    )
    assert (job["state"], job["params"]["width"], job["params"]["height"]) == ("done", 128, 192)


@pytest.mark.slow
def test_several_kept_pictures_are_one_batch(client, kept):
    sent = [
        {"image": kept, "file": "a.png"},
        {"image": kept, "file": "b.png", "infotext": "a dog\nSteps: 1, Sampler: Euler, CFG scale: 7, Seed: 77"},
    ]
    given = SMALL | {
        "batch_source": "upload",
        "batch_sent": sent,
        "batch_use_png_info": True,
        "batch_png_info_props": ["Seed"],
    }
    job = settled(client, start(client, "img2img", given)["job"])
    assert [picture["seed"] for picture in job["pictures"]] == [11, 77]


def test_extras_enlarges_kept_pictures(client, kept):
    job = settled(client, start(client, "extras", {"images": [kept, kept], "upscaling_resize": 2}, save=False)["job"])
    sizes = [Image.open(io.BytesIO(client.get(each["url"]).content)).size for each in job["pictures"]]
    assert (job["state"], sizes) == ("done", [(128, 192)] * 2)


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("txt2img", {"steps": 151}, "steps"),
        ("txt2img", {"n_iter": None}, "n_iter"),
        ("txt2img", {"seed": "x"}, "seed"),
        ("txt2img", {"stepz": 1}, "stepz"),
        ("txt2img", {"init_images": []}, "init_images"),
        ("txt2img", {"script_name": "Magic"}, "script_name"),
        ("img2img", {}, "init_images"),
        ("img2img", {"init_images": ["../../config.json"]}, "init_images"),
        ("img2img", {"init_images": [f"{'0' * 64}.png"]}, "init_images"),
        ("img2img", {"batch_source": "upload"}, "batch_sent"),
        ("img2img", {"batch_source": "folder", "batch_input_dir": "/nowhere"}, "batch_input_dir"),
        ("img2img", {"batch_source": "moon"}, "batch_source"),
        ("extras", {}, "images"),
        ("extras", {"images": ["x"]}, "images"),
        ("extras", {"images": ["x"], "infotexts": ["a", "b"]}, "infotexts"),
        ("extras", {"upscaling_resize": 99}, "upscaling_resize"),
        ("video", {}, "kind"),
    ],
    ids=str,
)
def test_a_refusal_names_the_field(client, kind, given, field):
    assert named(refused(client, kind, given)) == field


def test_a_mask_must_be_kept_as_well(client, kept):
    assert named(refused(client, "img2img", {"init_images": [kept], "mask": "x"})) == "mask"


@pytest.mark.parametrize(("kind", "script", "field"), [
    ("img2img", {"name": "Loopback", "arguments": {"loops": 99}}, "script.loops"),
    ("img2img", {"name": "Loopback", "arguments": {"loop": 9}}, "script.loop"),
    ("txt2img", {"name": "Prompts from file or textbox", "arguments": {"seeds": [1]}}, "script.seeds"),
    ("txt2img", {"name": "Loopback", "arguments": {}}, "script_name"), ("extras", {"name": "Loopback"}, "script"),
], ids=str)
def test_a_scripts_arguments_are_refused_by_name(client, kind, script, field):
    assert named(refused(client, kind, {}, script=script)) == field


def test_a_setting_that_will_not_do_is_named_and_nothing_is_begun(client):
    before = len(client.get("/easel/v1/jobs", params={"limit": 200}).json())
    assert named(refused(client, settings={"CLIP_stop_at_last_layers": 99})) == "CLIP_stop_at_last_layers"
    status, body = refused(client, settings={"sd_model_checkpoint": "gone.ckpt"})
    assert (status, body["error"]) == (404, "model_not_found")
    assert len(client.get("/easel/v1/jobs", params={"limit": 200}).json()) == before


@pytest.mark.slow
def test_a_job_belongs_to_the_account_that_asked_for_it_and_folders_are_the_servers(guarded):
    body = {"kind": "txt2img", "fields": SMALL}
    job = guarded.post("/easel/v1/jobs", json=body, auth=("alice", "a-secret")).json()["job"]
    assert guarded.get(f"/easel/v1/jobs/{job}", auth=("bob", "b-secret")).status_code == 404
    assert settled(guarded, job, auth=("alice", "a-secret"))["state"] == "done"
    elsewhere = body | {"settings": {"outdir_txt2img_samples": "outputs/bob"}}
    assert guarded.post("/easel/v1/jobs", json=elsewhere, auth=("alice", "a-secret")).status_code == 403
    assert guarded.post("/easel/v1/jobs", json=body).status_code == 401
