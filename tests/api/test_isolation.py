"""Two people on one server: what is one's does not exist for the other."""

from __future__ import annotations

import base64
import io
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.base.fields import declared_params
from modules.settings.options import Settings
from tests.servers import settled

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
TINY = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "sampler_name": "Euler", "seed": 1}


def picture(colour: str = "red") -> str:
    """A PNG file in base64."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def started(guarded, auth, **body):
    reply = guarded.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": TINY, **body}, auth=auth)
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def without_id(reply):
    """Status and body, but for the number that each refusal has."""
    return reply.status_code, {name: value for name, value in reply.json().items() if name != "request_id"}


@pytest.fixture(scope="module")
def alices(guarded):
    """A finished job of hers."""
    job = started(guarded, ALICE)
    assert settled(guarded, job, auth=ALICE)["state"] == "done"
    return job


def test_pictures_of_an_account_lie_in_a_folder_of_its_own(guarded, alices):
    outputs = guarded.app.flags.paths.outputs
    [saved] = guarded.app.jobs.get(alices).pictures
    assert saved.saved and Path(saved.path).is_relative_to(outputs / "alice" / "txt2img-images")
    copied = guarded.post(f"/easel/v1/jobs/{alices}/save", json={"index": 0}, auth=ALICE).json()["files"]
    assert copied and all(name.startswith("outputs/alice/log/images/") for name in copied)


def sent(guarded, auth, colour="red"):
    return guarded.post("/easel/v1/inputs", json={"image": picture(colour)}, auth=auth).json()["name"]


def from_inputs(name: str, own: str) -> dict[str, dict]:
    """Every place of a request that names a picture which was sent."""
    drawing = {**TINY, "denoising_strength": 0.5}
    return {
        "init_images": {"kind": "img2img", "fields": {**drawing, "init_images": [name]}},
        "mask": {"kind": "img2img", "fields": {**drawing, "init_images": [own], "mask": name}},
        "batch": {
            "kind": "img2img",
            "fields": {**drawing, "batch_source": "upload", "batch_sent": [{"image": own}, {"image": name}]},
        },
        "resized": {"kind": "img2img", "fields": {**drawing, "init_images": [name], "resize_by": True}},
        "extras": {"kind": "extras", "fields": {"images": [own, name], "infotexts": ["", ""]}},
    }


@pytest.mark.parametrize("place", from_inputs("", ""))
def test_the_name_of_somebody_elses_picture_says_no_more_than_a_made_up_one(guarded, place):
    hers, his, nobodys = sent(guarded, ALICE), sent(guarded, BOB, "blue"), "0" * 64 + ".png"
    refusals = [
        guarded.post("/easel/v1/jobs", json=from_inputs(name, his)[place], auth=BOB) for name in (hers, nobodys)
    ]
    assert [reply.status_code for reply in refusals] == [422, 422]
    assert without_id(refusals[0]) == without_id(refusals[1])
    accepted = guarded.post("/easel/v1/jobs", json=from_inputs(hers, hers)[place], auth=ALICE)
    assert accepted.status_code == 200, accepted.text
    assert settled(guarded, accepted.json()["job"], auth=ALICE)["state"] == "done"


def test_a_sent_picture_is_shown_to_whom_it_belongs_alone(guarded):
    name = sent(guarded, ALICE, "orange")
    kept = guarded.get(f"/easel/v1/inputs/{name}", auth=ALICE)
    assert kept.status_code == 200 and kept.headers["content-type"] == "image/png"
    others, nobodys = (
        guarded.get(f"/easel/v1/inputs/{each}", auth=BOB) for each in (name, name.replace(name[:4], "0000", 1))
    )
    assert others.status_code == nobodys.status_code == 404
    assert guarded.get("/easel/v1/inputs/..%2F..%2Feasel.sqlite", auth=ALICE).status_code == 404


def test_the_same_picture_sent_by_two_is_two_files(guarded):
    name = sent(guarded, ALICE, "green")
    assert sent(guarded, BOB, "green") == name
    found = sorted(path.parent.name for path in (guarded.app.flags.paths.cache / "inputs").rglob(name))
    assert found == ["alice", "bob"]


def test_styles_are_the_servers_and_ones_own(guarded):
    (guarded.app.flags.paths.data_dir / "styles.csv").write_text("name,prompt,negative_prompt\nOurs,warm,\n")
    own = guarded.app.data_of("alice").paths.styles_files[-1]
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("name,prompt,negative_prompt\nMine,a secret word,\n")
    try:
        listed = {auth: guarded.get("/sdapi/v1/prompt-styles", auth=auth).json() for auth in (ALICE, BOB)}
        assert [style["name"] for style in listed[ALICE]] == ["Ours", "Mine"]
        assert [style["name"] for style in listed[BOB]] == ["Ours"]
        offered = guarded.get("/easel/v1/choices", auth=BOB).json()["lists"]["styles"]
        assert offered == [["Ours", "Ours"]]
        bobs = {"kind": "txt2img", "fields": {**TINY, "styles": ["Mine"]}}
        refused = guarded.post("/easel/v1/jobs", json=bobs, auth=BOB)
        assert refused.status_code == 404 and "a secret word" not in refused.text
        job = started(guarded, ALICE, fields={**TINY, "styles": ["Mine"]})
        assert settled(guarded, job, auth=ALICE)["params"]["prompt"] == "a cat, a secret word"
    finally:
        own.unlink()
        (guarded.app.flags.paths.data_dir / "styles.csv").unlink()


# Settings --------------------------------------------------------------------------------------------


def options(guarded, auth):
    return guarded.get("/sdapi/v1/options", auth=auth).json()


def set_options(guarded, auth, values, **query):
    return guarded.post("/sdapi/v1/options", json=values, params=query, auth=auth)


@pytest.fixture
def as_before(guarded):
    """Afterwards everybody's settings are as they were."""
    yield
    for owner in ("alice", "bob"):
        guarded.app.data_of(owner).settings.forget(options(guarded, ALICE))
    set_options(guarded, ALICE, {"eta_ddim": 0.0, "CLIP_stop_at_last_layers": 1})


def drawn(guarded, auth):
    return guarded.post("/sdapi/v1/txt2img", json=TINY, auth=auth).json()


@pytest.mark.slow
@pytest.mark.usefixtures("as_before")
def test_what_a_member_changes_holds_for_the_member_alone(guarded):
    before, hers, server = options(guarded, ALICE), drawn(guarded, ALICE), guarded.app.settings.current
    assert set_options(guarded, BOB, {"CLIP_stop_at_last_layers": 2, "localization": "his"}).status_code == 200
    assert options(guarded, BOB) == before | {"CLIP_stop_at_last_layers": 2, "localization": "his"}
    assert options(guarded, ALICE) == before and guarded.app.settings.current is server
    assert "Clip skip: 2" in drawn(guarded, BOB)["info"]
    again = drawn(guarded, ALICE)
    assert again["images"] == hers["images"] and "Clip skip" not in again["info"]
    kept = guarded.app.flags.paths.data_dir / "configs/accounts/bob/config.json"
    assert "CLIP_stop_at_last_layers" in kept.read_text()


SERVERS = [name for name, param in declared_params(Settings).items() if param.server]


@pytest.mark.parametrize("name", SERVERS)
def test_a_members_change_of_a_server_setting_is_refused_by_name_and_changes_nothing(guarded, name):
    before = options(guarded, BOB)
    other = {bool: lambda it: not it, str: lambda it: it + "x", int: lambda it: it + 1, float: lambda it: it + 1}
    value = other[type(before[name])](before[name])
    for how in ({}, {"mine": True}):
        reply = set_options(guarded, BOB, {"eta_ddim": 0.5, name: value}, **how)
        assert (reply.status_code, reply.json()["error"]) == (403, "forbidden") and name in reply.json()["detail"]
    overridden = {"kind": "txt2img", "fields": TINY, "settings": {name: value}}
    assert guarded.post("/easel/v1/jobs", json=overridden, auth=BOB).status_code == 403
    assert options(guarded, BOB) == before and options(guarded, ALICE) == before


def test_all_server_settings_of_a_refused_change_are_named(guarded):
    detail = set_options(guarded, BOB, {"sd_checkpoints_limit": 9, "outdir_samples": "x"}).json()["detail"]
    assert "sd_checkpoints_limit" in detail and "outdir_samples" in detail


@pytest.mark.usefixtures("as_before")
def test_a_member_may_post_back_what_was_read(guarded):
    read = options(guarded, BOB)
    assert set_options(guarded, BOB, {**read, "eta_ddim": 0.5}).status_code == 200
    assert options(guarded, BOB) == read | {"eta_ddim": 0.5}
    assert set(guarded.app.data_of("bob").settings._own) == {"eta_ddim"}


@pytest.mark.usefixtures("as_before")
def test_what_an_administrator_changes_holds_for_all_who_have_not(guarded):
    set_options(guarded, BOB, {"eta_ddim": 0.5})
    assert set_options(guarded, ALICE, {"eta_ddim": 0.25, "CLIP_stop_at_last_layers": 3}).status_code == 200
    assert (options(guarded, BOB)["eta_ddim"], options(guarded, BOB)["CLIP_stop_at_last_layers"]) == (0.5, 3)
    assert set_options(guarded, ALICE, {"eta_ddim": 0.75}, mine=True).status_code == 200
    assert (options(guarded, ALICE)["eta_ddim"], guarded.app.settings.current.eta_ddim) == (0.75, 0.25)
    assert set_options(guarded, ALICE, {"eta_ddim": 0.125}).status_code == 200
    assert (options(guarded, ALICE)["eta_ddim"], guarded.app.settings.current.eta_ddim) == (0.125, 0.125)
    assert options(guarded, BOB)["eta_ddim"] == 0.5


# Jobs ------------------------------------------------------------------------------------------------


def named(guarded, auth, name, **fields):
    """A finished picture of a job that its account gives a name."""
    reply = guarded.post("/sdapi/v1/txt2img", json={**TINY, **fields, "force_task_id": name}, auth=auth)
    return reply.status_code, json.loads(reply.json()["info"])["task_id"] if reply.status_code == 200 else reply.json()


def test_a_job_may_be_named_as_somebody_elses_and_nobody_learns_of_it(guarded):
    assert named(guarded, ALICE, "task(ours)", prompt="hers") == (200, "task(ours)")
    assert named(guarded, BOB, "task(ours)", prompt="his") == (200, "task(ours)")
    for auth, prompt in ((ALICE, "hers"), (BOB, "his")):
        assert guarded.get("/easel/v1/jobs/task(ours)", auth=auth).json()["params"]["prompt"] == prompt
        told = guarded.post("/internal/progress", json={"id_task": "task(ours)"}, auth=auth).json()
        assert told["completed"] and guarded.get("/easel/v1/jobs/task(ours)/pictures/0", auth=auth).status_code == 200
        refused = guarded.post("/sdapi/v1/txt2img", json={**TINY, "force_task_id": "task(ours)"}, auth=auth)
        assert refused.status_code == 422 and "'task(ours)'" in refused.json()["errors"]


def test_the_id_by_which_a_named_job_is_stored_opens_it_for_nobody_else(guarded):
    named(guarded, ALICE, "secretly")
    [stored] = [job["id"] for job in guarded.get("/easel/v1/jobs", auth=ALICE).json() if "secretly" in job["id"]]
    for job in ("secretly", stored):
        assert guarded.get(f"/easel/v1/jobs/{job}", auth=ALICE).status_code == 200
        reply, nothing = (guarded.get(f"/easel/v1/jobs/{each}", auth=BOB) for each in (job, "never there"))
        assert reply.status_code == 404
        assert reply.json()["detail"].replace(job, "never there") == nothing.json()["detail"]


def of_a_job(guarded, job: str):
    """Every call that names a job: method, path, body."""
    for path, methods in guarded.get("/openapi.json", auth=ALICE).json()["paths"].items():
        if "{job}" in path:
            for method in methods:
                yield method, path.format(
                    job=job, index=0, place=0, number=0, card="x", picture=1, form="html", over="top"
                )


BODIES = {"/save": {"index": 0}, "/place": {"before": None}, "/votes": {"better": 0, "worse": 1}, "/rate": {"value": 1}}


@pytest.mark.slow
def test_no_route_that_names_a_job_knows_somebody_elses(guarded, alices):
    calls = list(of_a_job(guarded, alices))
    assert len(calls) >= 8
    for method, path in calls:
        body = next((body for end, body in BODIES.items() if path.endswith(end)), {})
        how = {"json": body} if method in ("post", "patch", "put") else {}
        reply = guarded.request(method, path, auth=BOB, **how)
        nothing = guarded.request(method, path.replace(alices, "gone"), auth=BOB, **how)
        assert reply.status_code == nothing.status_code == 404, (method, path, reply.text)
        told = [{**each.json(), "request_id": ""} for each in (reply, nothing)]
        assert str(told[0]).replace(alices, "gone") == str(told[1]), (method, path)
    assert guarded.app.jobs.get(alices).state == "done"


def test_a_picture_of_somebody_elses_job_is_no_cards_preview(guarded, alices):
    [card, *_] = guarded.get("/easel/v1/cards", params={"kind": "checkpoint"}, auth=BOB).json()["cards"]
    address = f"/easel/v1/cards/{card['id']}/preview"
    assert guarded.put(address, json={"job": alices, "index": 0}, auth=BOB).status_code in (403, 404)
    assert guarded.get("/easel/v1/cards", params={"kind": "checkpoint"}, auth=BOB).json()["cards"][0] == card


@pytest.mark.slow
def test_a1111s_routes_mean_ones_own_jobs(guarded):
    slow = {**TINY, "steps": 150, "width": 128, "height": 128}
    job = started(guarded, ALICE, fields=slow)
    try:
        for path in ("/sdapi/v1/interrupt", "/sdapi/v1/skip"):
            assert guarded.post(path, auth=BOB).status_code == 200
            assert guarded.post(path, params={"task_id": job}, auth=BOB).status_code == 404
        told = guarded.get("/sdapi/v1/progress", auth=BOB).json()
        assert (told["progress"], told["current_image"], told["current_task"]) == (0.0, None, None)
        assert told["state"]["job"] == "" and told["state"]["job_count"] == 0
        assert guarded.get("/internal/pending-tasks", auth=BOB).json() == {"size": 0, "tasks": []}
        asked = [guarded.post("/internal/progress", json={"id_task": each}, auth=BOB).json() for each in (job, "gone")]
        assert asked[0] == asked[1] and not asked[0]["active"]
        live = guarded.app.jobs.unfinished.live[job]
        assert not live.interrupted and not live.skipped
    finally:
        guarded.post("/sdapi/v1/interrupt", params={"task_id": job}, auth=ALICE)
        settled(guarded, job, auth=ALICE)


# What an account may ask for --------------------------------------------------------------------------


@contextmanager
def server_settings(guarded, **values):
    before = {name: getattr(guarded.app.settings.current, name) for name in values}
    guarded.app.settings.change(**values)
    try:
        yield
    finally:
        guarded.app.settings.change(**before)


BEYOND = {
    "width": ({"width": 128, "height": 128}, {"limit_member_megapixels": 0.01}),
    "n_iter": ({"n_iter": 3}, {"limit_member_pictures": 2}),
    "batch_size": ({"batch_size": 3}, {"limit_member_pictures": 2}),
    "steps": ({"steps": 9}, {"limit_member_steps": 8}),
    "hires": ({"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent"}, {"limit_member_megapixels": 0.01}),
    "hires steps": ({"enable_hr": True, "hr_second_pass_steps": 9, "hr_scale": 1.0}, {"limit_member_steps": 8}),
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_is_beyond_an_accounts_limits_is_refused_before_it_is_a_job(guarded, case):
    fields, limits = BEYOND[case]
    listed = guarded.get("/easel/v1/jobs", auth=BOB).json()
    with server_settings(guarded, **limits):
        body = {"kind": "txt2img", "fields": {**TINY, **fields}}
        reply = guarded.post("/easel/v1/jobs", json=body, auth=BOB)
        assert (reply.status_code, reply.json()["error"]) == (422, "validation"), reply.text
        assert "account" in reply.json()["errors"]
        assert guarded.post("/easel/v1/jobs", json={**body, "fields": TINY}, auth=BOB).status_code == 200
        admins = guarded.post("/easel/v1/jobs", json=body, auth=ALICE)
        assert admins.status_code == 200, admins.text
        guarded.post(f"/easel/v1/jobs/{admins.json()['job']}/interrupt", auth=ALICE)
    assert len(guarded.get("/easel/v1/jobs", auth=BOB).json()) <= len(listed) + 1


def test_what_a_script_makes_of_a_request_has_the_same_limits(guarded):
    lines = "\n".join(["a cat", "--width 128 --height 128 --prompt a dog"])
    script = {"name": "Prompts from file or textbox", "arguments": {"text": lines}}
    with server_settings(guarded, limit_member_megapixels=0.01):
        ended = settled(guarded, started(guarded, BOB, script=script), auth=BOB)
        assert (ended["state"], ended["error"]["error"], ended["made"]) == ("failed", "validation", 0)
        assert "megapixels" in ended["error"]["message"]
    with server_settings(guarded, limit_member_pictures=1):
        ended = settled(guarded, started(guarded, BOB, script=script), auth=BOB)
        assert (ended["state"], ended["made"]) == ("failed", 0) and "1 pictures" in ended["error"]["message"]


def test_an_enlargement_beyond_the_limit_is_refused(guarded):
    fields = {"images": [sent(guarded, BOB)], "upscaler_1": "Lanczos", "upscaling_resize": 4}
    with server_settings(guarded, limit_member_megapixels=0.01):
        reply = guarded.post("/easel/v1/jobs", json={"kind": "extras", "fields": fields}, auth=BOB)
        assert reply.status_code == 422 and "megapixels" in reply.text
        fields["upscaling_resize"] = 1.5
        assert guarded.post("/easel/v1/jobs", json={"kind": "extras", "fields": fields}, auth=BOB).status_code == 200


@pytest.mark.slow
def test_pictures_sent_beyond_the_quota_are_refused_and_others_go_on(guarded):
    def noise(seed):
        file = io.BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (512, 512, 3), np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()

    folder = guarded.app.data_of("bob").paths.inputs
    with server_settings(guarded, quota_member_inputs=2):
        replies = [guarded.post("/easel/v1/inputs", json={"image": noise(seed)}, auth=BOB) for seed in range(4)]
        assert [reply.status_code for reply in replies][-2:] == [429, 429]
        assert replies[-1].json()["error"] == "quota" and int(replies[-1].headers["retry-after"]) > 0
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 2 * 2**20
        body = {"init_images": [noise(9)], "steps": 1, "width": 64, "height": 64, "denoising_strength": 0.5}
        assert guarded.post("/sdapi/v1/img2img", json=body, auth=BOB).status_code == 429
        assert guarded.post("/sdapi/v1/extra-single-image", json={"image": noise(8)}, auth=BOB).status_code == 429
        assert guarded.post("/easel/v1/inputs", json={"image": noise(9)}, auth=ALICE).status_code == 200
        long_ago = time.time() - 7200
        for path in folder.iterdir():
            os.utime(path, (long_ago, long_ago))
        assert guarded.post("/easel/v1/inputs", json={"image": noise(7)}, auth=BOB).status_code == 200


def test_at_the_quota_of_storage_a_job_is_refused_before_it_begins(guarded):
    assert settled(guarded, started(guarded, BOB), auth=BOB)["state"] == "done"
    big = guarded.app.data_of("bob").paths.outputs / "large.png"
    big.write_bytes(bytes(2**20))
    body = {"kind": "txt2img", "fields": TINY}
    try:
        with server_settings(guarded, quota_member_storage=1):
            reply = guarded.post("/easel/v1/jobs", json=body, auth=BOB)
            assert (reply.status_code, reply.json()["error"]) == (429, "quota") and reply.headers["retry-after"]
            assert guarded.post("/easel/v1/jobs", json={**body, "save": False}, auth=BOB).status_code == 200
            assert guarded.post("/easel/v1/jobs", json=body, auth=ALICE).status_code == 200
    finally:
        big.unlink()


MAKING = {
    "/easel/v1/merge": {"models": ["tiny-sd1", "tiny-sd1"]},
    "/easel/v1/convert": {"model": "tiny-sd1", "name": "by-bob"},
    "/easel/v1/extract-lora": {"tuned": "tiny-sd1", "base": "tiny-sd1"},
}


@pytest.mark.parametrize("path", MAKING)
def test_members_make_models_only_if_they_are_let(guarded, path):
    kind = {"/easel/v1/extract-lora": "extract_lora"}.get(path, path.rpartition("/")[2])
    for refused in (
        guarded.post(path, json=MAKING[path], auth=BOB),
        guarded.post("/easel/v1/jobs", json={"kind": kind, "fields": MAKING[path]}, auth=BOB),
    ):
        assert refused.status_code == 403 and "administrator" in refused.json()["detail"]
    with server_settings(guarded, members_make_models=True):
        assert guarded.post(path, json={**MAKING[path], "name": "a/b"}, auth=BOB).status_code == 422


def test_members_write_beside_models_only_if_they_are_let(guarded, alices):
    [card, *_] = guarded.get("/easel/v1/cards", params={"kind": "checkpoint"}, auth=BOB).json()["cards"]
    address = f"/easel/v1/cards/{card['id']}"
    folder = guarded.app.models.checkpoints.roots[0]
    before = sorted(folder.iterdir())
    assert guarded.patch(address, json={"notes": "his"}, auth=BOB).status_code == 403
    for body in ({"json": {"job": alices, "index": 0}}, {"files": {"image": b"x"}}):
        assert guarded.put(f"{address}/preview", auth=BOB, **body).status_code == 403
    assert sorted(folder.iterdir()) == before
    with server_settings(guarded, members_edit_models=True):
        assert guarded.put(f"{address}/preview", json={"job": alices, "index": 0}, auth=BOB).status_code == 404
        assert guarded.patch(address, json={"family": "none such"}, auth=BOB).status_code == 422


@pytest.mark.slow
def test_a_job_run_again_has_the_limits_and_the_server_settings_of_today(guarded):
    job = started(guarded, BOB, fields={**TINY, "steps": 2})
    settled(guarded, job, auth=BOB)
    address = f"/easel/v1/queue/{job}/again"
    with server_settings(guarded, limit_member_steps=1):
        assert guarded.post(address, json={}, auth=BOB).status_code == 422
    with server_settings(guarded, outdir_txt2img_samples="elsewhere"):
        again = settled(guarded, guarded.post(address, json={}, auth=BOB).json()["job"], auth=BOB)
        [saved] = guarded.app.jobs.get(again["id"]).pictures
        assert Path(saved.path).is_relative_to(guarded.app.data_of("bob").paths.outputs / "elsewhere")


# What lies outside ------------------------------------------------------------------------------------


def naming_outside(path: str) -> dict[str, tuple[str, str, dict[str, object]]]:
    """Method, address and arguments of requests that name a file of the server where only names are taken."""
    drawing = {"method": "POST", "path": "/sdapi/v1/txt2img"}
    batch = {"kind": "img2img", "fields": {**TINY, "batch_source": "folder", "batch_input_dir": str(Path(path).parent)}}
    return {
        "checkpoint": (*drawing.values(), {"json": {**TINY, "override_settings": {"sd_model_checkpoint": path}}}),
        "picture": ("POST", "/sdapi/v1/img2img", {"json": {**TINY, "init_images": [path]}}),
        "data": ("POST", "/sdapi/v1/png-info", {"json": {"image": path}}),
        "batch": ("POST", "/easel/v1/jobs", {"json": batch}),
        "thumbnail": ("GET", "/sd_extra_networks/thumb", {"params": {"filename": path}}),
        "card": ("GET", "/sd_extra_networks/metadata", {"params": {"page": "lora", "item": path}}),
        "static": ("GET", f"/easel/static/..%2f..%2f..%2f..{path}", {}),
        "page": ("GET", f"/static/..%2f..%2f..%2f..{path}", {}),
        "gradio": ("GET", f"/gradio_api/file={path}", {}),
    }


@pytest.mark.parametrize("place", naming_outside("/x"))
def test_what_lies_outside_is_told_from_nothing_by_nobody(guarded, place, tmp_path):
    there, missing = tmp_path / "there" / "a.png", tmp_path / "gone!" / "a.png"
    there.parent.mkdir()
    there.write_bytes(base64.b64decode(picture()))
    told = []
    for path in (there, missing):
        method, address, how = naming_outside(str(path))[place]
        status, body = without_id(guarded.request(method, address, auth=BOB, **how))
        told.append((status, json.dumps(body).replace("gone!", "there")))
    assert told[0] == told[1] and 400 <= told[0][0] < 500
