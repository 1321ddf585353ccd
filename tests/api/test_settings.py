"""Settings, lists and figures over HTTP."""

from __future__ import annotations

import pytest

from modules.settings.options import SETTING_NAMES


def test_options_can_be_posted_back_as_they_were_read(client):
    options = client.get("/sdapi/v1/options").json()
    assert options["sd_model_checkpoint"].startswith("tiny-sd1.safetensors")
    assert client.post("/sdapi/v1/options", json=options).status_code == 200
    assert client.post("/sdapi/v1/options", json={**options, "emphasis": None}).status_code == 200
    assert client.get("/sdapi/v1/options").json() == options


def test_a_checkpoint_that_was_read_before_its_hash_was_known_is_no_choice(client):
    before = client.app.settings.current.sd_model_checkpoint
    assert client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "tiny-sd1.safetensors"}).status_code == 200
    assert client.app.settings.current.sd_model_checkpoint == before


@pytest.mark.parametrize(
    "bad",
    [
        {"no_such_setting": 1},
        {"CLIP_stop_at_last_layers": 99},
        {"emphasis": "Loud"},
        {"sd_model_checkpoint": "none such"},
    ],
)
def test_one_bad_option_changes_nothing(client, bad):
    before = client.get("/sdapi/v1/options").json()
    reply = client.post("/sdapi/v1/options", json={"eta_ddim": 0.5, **bad})
    assert reply.status_code in (404, 422)
    assert next(iter(bad)) in reply.text or str(next(iter(bad.values()))) in reply.text
    assert client.get("/sdapi/v1/options").json() == before


def test_an_option_is_kept(client):
    client.post("/sdapi/v1/options", json={"eta_ddim": 0.25})
    assert client.get("/sdapi/v1/options").json()["eta_ddim"] == 0.25
    assert '"eta_ddim": 0.25' in client.app.flags.paths.settings_file.read_text()
    client.post("/sdapi/v1/options", json={"eta_ddim": 0.0})


FOLDERS = [name for name in SETTING_NAMES if name.startswith("outdir_")]
PATTERNS = ["samples_filename_pattern", "directories_filename_pattern", "grid_zip_filename_pattern", "font"]


@pytest.mark.parametrize("name", FOLDERS + PATTERNS)
@pytest.mark.parametrize("value", ["/etc", "../../[seed]", "a/../../b", "C:\\x", "\\\\host\\share", "a\0b", "x" * 5000])
def test_no_setting_leads_out_of_the_outputs(client, name, value):
    before = client.get("/sdapi/v1/options").json()
    reply = client.post("/sdapi/v1/options", json={name: value})
    assert reply.status_code == 422 and name in reply.text and "below the outputs folder" in reply.text
    assert client.get("/sdapi/v1/options").json() == before
    request = {"prompt": "", "steps": 1, "width": 64, "height": 64, "override_settings": {name: value}}
    assert client.post("/sdapi/v1/txt2img", json=request).status_code == 422


@pytest.mark.parametrize("name", FOLDERS + ["directories_filename_pattern", "save_to_dirs"])
def test_where_people_log_in_no_request_says_where_its_pictures_go(guarded, name):
    value = False if name == "save_to_dirs" else "alice"
    request = {"prompt": "", "steps": 1, "width": 64, "height": 64, "override_settings": {name: value}}
    reply = guarded.post("/sdapi/v1/txt2img", json=request, auth=("bob", "b-secret"))
    assert reply.status_code == 403 and name in reply.json()["detail"]


@pytest.mark.parametrize("name", ["../../x.ckpt", "/etc/passwd", "http://example.org/x", ".*[", "nowhere"])
def test_a_checkpoints_name_is_never_a_path(client, name):
    reply = client.post("/sdapi/v1/options", json={"sd_model_checkpoint": name})
    assert (reply.status_code, reply.json()["error"]) == (404, "model_not_found")


def test_lists_are_what_a1111s_clients_expect(client):
    [model, *_] = client.get("/sdapi/v1/sd-models").json()
    assert {"title", "model_name", "hash", "sha256", "filename", "config"} <= model.keys()
    samplers = {each["name"]: each for each in client.get("/sdapi/v1/samplers").json()}
    assert len(samplers) == 20 and "k_euler_a" in samplers["Euler a"]["aliases"]
    assert all(isinstance(value, str) for each in samplers.values() for value in each["options"].values())
    schedulers = {each["name"]: each["label"] for each in client.get("/sdapi/v1/schedulers").json()}
    assert schedulers["karras"] == "Karras" and schedulers["sgm_uniform"] == "SGM Uniform" and len(schedulers) == 12


def test_new_models_are_found_on_refresh_and_broken_ones_named(client):
    folder = client.app.models.checkpoints.roots[0]
    (folder / "page.safetensors").write_text("<html>Not found</html>" * 100)
    try:
        assert client.post("/sdapi/v1/refresh-checkpoints").status_code == 200
        found = {each["model_name"]: each for each in client.get("/sdapi/v1/sd-models").json()}
        assert "web page" in found["page"]["problem"] and not found["tiny-sd1"]["problem"]
    finally:
        (folder / "page.safetensors").unlink()
        client.post("/sdapi/v1/refresh-checkpoints")


def test_memory_and_flags(client):
    assert client.get("/sdapi/v1/memory").json()["ram"]["total"] > 0
    flags = client.get("/sdapi/v1/cmd-flags").json()
    assert flags["nowebui"] is True and "api_auth" not in flags


def test_the_documentation_needs_no_network(client):
    page = client.get("/docs").text
    assert "http://" not in page and "https://" not in page and "//cdn" not in page
    assert client.get("/easel/static/swagger-ui-bundle.js").status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert {
        "/sdapi/v1/txt2img",
        "/sdapi/v1/options",
        "/sdapi/v1/progress",
        "/sdapi/v1/png-info",
        "/easel/v1/jobs/{job}",
    } <= paths.keys()
