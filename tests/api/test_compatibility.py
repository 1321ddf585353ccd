"""Habits of A1111's API that its clients rely on."""

from __future__ import annotations

import json

import pytest

from modules.base.fields import Choice, declared_params
from modules.base.last_good import last_good_path
from modules.prompts.styles import Style, write_styles
from modules.settings.file import SettingsFile
from modules.settings.foreign import A1111_SETTINGS, CHOICES, CLOSED, HIDDEN_SETTINGS, SECTIONS
from modules.settings.options import SETTING_NAMES, Settings
from tests.api.test_generate import SMALL, post, refused
from tests.api.test_img2img import MASK, PICTURE

BEGINNING = """a blue square
Negative prompt: red
Steps: 3, Sampler: Heun, Schedule type: Karras, CFG scale: 4.5, Seed: 77, Size: 72x64"""
GIVEN = f"{BEGINNING}, Clip skip: 2"


def told(reply):
    return json.loads(reply["info"])


@pytest.mark.slow
def test_numbers_may_come_as_text(client):
    assert post(client, steps="4", cfg_scale="5.0", seed="11", width=64.0)["images"] == post(client)["images"]


@pytest.mark.slow
def test_the_samplers_old_name_counts_only_where_the_new_one_is_missing(client):
    assert told(post(client, sampler_name="Euler", sampler_index="Heun"))["sampler_name"] == "Euler"
    for missing in (None, ""):
        assert told(post(client, sampler_name=missing, sampler_index="Heun"))["sampler_name"] == "Heun"
        assert told(post(client, sampler_name=missing, sampler_index=None))["sampler_name"] == "Euler"


@pytest.mark.slow
def test_generation_data_fills_in_what_is_not_given(client):
    reply = client.post("/sdapi/v1/txt2img", json={"infotext": GIVEN}).json()
    [text] = told(reply)["infotexts"]
    assert text.startswith(BEGINNING) and "Clip skip: 2" in text
    again = client.post("/sdapi/v1/txt2img", json={"infotext": text}).json()
    assert again["images"] == reply["images"]


@pytest.mark.slow
def test_what_is_given_goes_before_generation_data(client):
    body = {"infotext": GIVEN, "seed": 5, "sampler_index": "Euler", "steps": None}
    body["override_settings"] = {"CLIP_stop_at_last_layers": 1}
    [text] = told(client.post("/sdapi/v1/txt2img", json=body).json())["infotexts"]
    assert "Seed: 5" in text and "Sampler: Euler" in text and "Steps: 3" in text and "Clip skip" not in text


@pytest.mark.parametrize("text", ["", "just a prompt", "\n\n", "Steps: 2, Sampler: Euler, Seed: 3, Size: 64x64"])
def test_any_text_is_generation_data_of_some_kind(client, text):
    assert (
        client.post("/sdapi/v1/txt2img", json={"steps": 1, "width": 64, "height": 64, "infotext": text}).status_code
        == 200
    )


@pytest.mark.slow
def test_generation_data_that_name_what_is_not_here_still_make_a_picture(client):
    text = "a blue square <lora:gone:1>\nSteps: 2, Sampler: dpmpp_9s, CFG scale: 4.5, Seed: 77, Size: 64x64, Model hash: cc6cb27103, Model: v1-5, VAE: gone.pt"
    hires = ", Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: 4x-Gone, Hires sampler: DPM++ 2M Karras, Refiner: gone [cc6cb27103]"
    reply = client.post("/sdapi/v1/txt2img", json={"infotext": text + hires})
    assert reply.status_code == 200, reply.text
    info = told(reply.json())
    assert (
        "Made with v1-5 [cc6cb27103], gone.pt, the sampler dpmpp_9s, the refiner gone [cc6cb27103] and the upscaler "
        "4x-Gone (not here): "
        "using tiny-sd1, Automatic, Euler, none and Latent."
    ) in info["warnings"]
    assert "Hires sampler: DPM++ 2M" in info["infotexts"][0]
    # what the client says itself is still its own fault
    refused(client, 404, infotext=text, sampler_name="dpmpp_9s")


def test_generation_data_fill_in_img2img_with_its_own_fields(client):
    text = f"{BEGINNING}, Denoising strength: 0.25, Mask blur: 11, Masked content: latent noise, Inpaint area: Only masked, Masked area padding: 16"
    reply = client.post(
        "/sdapi/v1/img2img",
        json={"infotext": text, "init_images": [PICTURE], "mask": MASK, "inpaint_full_res_padding": 8},
    )
    assert reply.status_code == 200, reply.text
    for said in (
        "Denoising strength: 0.25",
        "Mask blur: 11",
        "Masked content: latent noise",
        "Inpaint area: Only masked",
        "Masked area padding: 8",
    ):
        assert said in told(reply.json())["infotexts"][0]


def test_generation_data_does_not_get_round_the_limits(client):
    reply = client.post("/sdapi/v1/txt2img", json={"infotext": GIVEN.replace("Steps: 3", "Steps: 100000")})
    assert reply.status_code == 422 and reply.json()["detail"][0]["loc"][-1] == "steps"
    assert client.post("/sdapi/v1/txt2img", json={**SMALL, "infotext": 5}).status_code == 422


def test_styles_are_written_out(client):
    path = client.app.flags.paths.styles_files[0]
    write_styles(path, [Style("Pixel", "pixel art of {prompt}, sharp", "blurry"), Style("Dark", "at night")])
    try:
        assert [each["name"] for each in client.get("/sdapi/v1/prompt-styles").json()] == ["Pixel", "Dark"]
        info = told(post(client, prompt="a cat", styles=["Pixel", "Dark"]))
        assert info["prompt"] == "a cat" and info["styles"] == ["Pixel", "Dark"]
        assert info["all_prompts"] == ["pixel art of a cat, sharp, at night"] and info["all_negative_prompts"] == [
            "blurry"
        ]
        assert refused(client, 404, styles=["Pixle"])["hint"] == "Did you mean 'Pixel'?"
    finally:
        path.unlink()
    assert client.get("/sdapi/v1/prompt-styles").json() == []


@pytest.mark.slow
def test_a_broken_table_of_styles_costs_the_styles_alone_and_heals(client):
    path = client.app.flags.paths.styles_files[0]
    last_good_path(path).unlink(missing_ok=True)
    path.write_bytes(b"\xff\xfe\x00")
    try:
        assert client.get("/sdapi/v1/prompt-styles").json() == [] and told(post(client))["prompt"] == SMALL["prompt"]
        refused(client, 404, styles=["Pixel"])
        path.write_text('name, prompt\nPixel, "pixel art, {prompt}"\n')
        assert told(post(client, prompt="a cat", styles=["Pixel"]))["all_prompts"] == ["pixel art, a cat"]
    finally:
        path.unlink()


@pytest.mark.parametrize("nothing", [
    {"refiner_checkpoint": "None"}, {"script_name": "None"}, {"refiner_switch_at": 0.8}, {"token_merging_ratio": 0},
])
def test_asking_for_nothing_in_a1111s_words_is_fine(client, nothing):
    post(client, **nothing)


@pytest.mark.slow
def test_names_are_no_paths_and_no_addresses(client):
    for name in ("../../etc/passwd", "a/b", "task(a/b)", "", "-", "x" * 100, "a_b", "task()", "ü", "a\n"):
        reply = client.post("/sdapi/v1/txt2img", json={**SMALL, "force_task_id": name})
        assert reply.status_code == (422 if name else 200), name
    for name in ("task(0abc-1)", "0b6c3f3e-7a55-4c1c-8d62-0f6f3e1c6a11", "7"):
        assert told(post(client, force_task_id=name))["task_id"] == name


def test_no_setting_is_both_ours_and_foreign():
    assert not A1111_SETTINGS.keys() & set(SETTING_NAMES)
    assert len(A1111_SETTINGS) == sum(map(len, SECTIONS.values())) and A1111_SETTINGS.keys() | HIDDEN_SETTINGS.keys() >= CLOSED


def test_the_language_of_the_page_has_an_effect(client):
    assert client.post("/sdapi/v1/options", json={"localization": "None", "gallery_height": ""}).json()["ignored"] == [
        "gallery_height"
    ]


def test_a_dump_of_a1111s_settings_may_be_posted(client):
    before = client.get("/sdapi/v1/options").json()
    dump = {"temp_dir": "", "clean_temp_dir_at_start": False, "sd_vae": "Automatic", "quicksettings_list": ["sd_vae"],
            "eta_ddim": 0.5, "sd_checkpoint_hash": "", "lora_functional": False, "emphasis": None}
    reply = client.post("/sdapi/v1/options", json=dump)
    assert reply.status_code == 200
    assert reply.json()["ignored"] == sorted(dump.keys() - {"eta_ddim", "emphasis", "sd_vae", "quicksettings_list"})
    assert client.get("/sdapi/v1/options").json() == {**before, "eta_ddim": 0.5, "quicksettings_list": ["sd_vae"]}
    client.post("/sdapi/v1/options", json=before)
    assert client.get("/sdapi/v1/options").json() == before


def test_no_request_switches_an_example_on(client):
    client.post("/sdapi/v1/options", json={"enabled_examples": ["warm-light"]})
    assert client.get("/sdapi/v1/options").json()["enabled_examples"] == []


def test_every_setting_of_a1111_is_told_with_its_default_and_remembered(client):
    before = client.get("/sdapi/v1/options").json()
    assert {name: before[name] for name in A1111_SETTINGS} == A1111_SETTINGS
    assert (
        client.post(
            "/sdapi/v1/options", json={"send_seed": False, "memmon_poll_rate": 3, "hidden_tabs": ["Train"]}
        ).status_code
        == 200
    )
    after = client.get("/sdapi/v1/options").json()
    assert after == {**before, "send_seed": False, "memmon_poll_rate": 3, "hidden_tabs": ["Train"]}
    kept = SettingsFile(client.app.flags.paths.settings_file)
    assert kept.foreign == {name: after[name] for name in {**A1111_SETTINGS, **HIDDEN_SETTINGS}}
    client.post("/sdapi/v1/options", json=before)
    assert client.get("/sdapi/v1/options").json() == before


def test_no_request_changes_where_pictures_go(client):
    before = client.get("/sdapi/v1/options").json()
    for name in CLOSED & A1111_SETTINGS.keys():
        other = "/tmp/elsewhere" if isinstance(A1111_SETTINGS[name], str) else not A1111_SETTINGS[name]
        client.post("/sdapi/v1/options", json={name: other})
    assert client.get("/sdapi/v1/options").json() == before


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"sd_vae": "nothing.pt"}, 422),
        ({"upscaler_for_img2img": "Nothing"}, 422),
        ({"sd_lora": "nothing"}, 422),
        ({"sd_hypernetwork": "nothing"}, 422),
        ({"face_restoration_model": "nothing"}, 422),
        ({"sd_model_checkpoint": "nothing"}, 404),
        ({"sd_model_checkpoint": "t"}, 404),
        ({"sd_model_checkpoint": "["}, 404),
        ({"sd_model_checkpoint": "[0123456789]"}, 404),
        ({"sd_model_checkpoint": " " * 60_000}, 422),
        ({"sd_model_checkpoint": 5}, 422),
        ({"send_seed": "no"}, 422),
        ({"localization": "a" * 20_000}, 422),
        ({"hidden_tabs": [1]}, 422),
        ({"memmon_poll_rate": True}, 422),
        ({"auto_launch_browser": "Nonsense"}, 422),
        ({"auto_launch_browser": "local"}, 422),
        ({"canvas_disabled_functions": ["Zoom", "Nothing"]}, 422),
        ({"no_such": 1}, 422),
        ({"eta_ddim": 7}, 422),
    ],
)
def test_one_bad_setting_and_nothing_changes(client, bad, status):
    before = client.get("/sdapi/v1/options").json()
    reply = client.post("/sdapi/v1/options", json={"eta_ancestral": 0.5, "send_size": False, **bad})
    assert reply.status_code == status, reply.text
    if status == 422 and len(str(bad)) < 1000:
        assert reply.json()["detail"][0]["loc"][-1] == next(iter(bad))
    assert client.get("/sdapi/v1/options").json() == before


WITH_CHOICES = [
    (name, list(each.widget.of))
    for name, each in declared_params(Settings).items()
    if isinstance(each.widget, Choice) and isinstance(each.widget.of, tuple)
]


@pytest.mark.parametrize(("name", "known"), [*WITH_CHOICES, *CHOICES.items()])
def test_a_setting_with_choices_takes_only_these(client, name, known):
    before = client.get("/sdapi/v1/options").json()
    wrapped = (lambda value: [value]) if isinstance(before[name], list) else (lambda value: value)
    for wrong in ("Nonsense", known[0] + " ", known[0].swapcase(), "", 0):
        reply = client.post("/sdapi/v1/options", json={name: wrapped(wrong)})
        assert reply.status_code == 422 and name in reply.json()["detail"][0]["loc"], (wrong, reply.text)
    assert client.get("/sdapi/v1/options").json() == before
    for right in known:
        assert client.post("/sdapi/v1/options", json={name: wrapped(right)}).status_code == 200
    client.post("/sdapi/v1/options", json=before)
    assert client.get("/sdapi/v1/options").json() == before


@pytest.mark.parametrize(("name", "known"), WITH_CHOICES)
def test_so_it_does_for_one_request(client, name, known):
    assert refused(client, 422, override_settings={name: "Nonsense"})["detail"][0]["loc"][-1] == name


def test_what_a1111_offers_holds_its_defaults():
    for name, known in CHOICES.items():
        usual = A1111_SETTINGS[name]
        assert set(usual if isinstance(usual, list) else [usual]) <= set(known)


def test_names_in_settings_are_written_as_files_are_called_here(client):
    client.post("/sdapi/v1/options", json={"upscaler_for_img2img": "lanczos"})
    assert client.get("/sdapi/v1/options").json()["upscaler_for_img2img"] == "Lanczos"
    client.post("/sdapi/v1/options", json={"upscaler_for_img2img": "None"})


def test_a_slip_of_the_pen_is_told_from_a_foreign_setting(client):
    reply = client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layer": 2})
    assert reply.status_code == 422 and reply.json()["detail"][0]["loc"][-1] == "CLIP_stop_at_last_layer"


def test_what_open_webui_does_to_choose_a_model(client):
    options = client.get("/sdapi/v1/options").json()
    [model, *_] = client.get("/sdapi/v1/sd-models").json()
    for name in (model["title"], model["model_name"], model["filename"], model["hash"], model["sha256"]):
        options["sd_model_checkpoint"] = name
        assert client.post("/sdapi/v1/options", json=options).status_code == 200
        assert client.get("/sdapi/v1/options").json()["sd_model_checkpoint"] == model["title"]
    body = {"prompt": "a cat", "batch_size": 1, "width": 64, "height": 64, "steps": 2, "negative_prompt": ""}
    assert len(client.post("/sdapi/v1/txt2img", json=body).json()["images"]) == 1
    client.app.settings.change(sd_model_checkpoint="")


def test_reading_options_and_posting_them_back_chooses_no_model(client):
    client.post("/sdapi/v1/options", json=client.get("/sdapi/v1/options").json())
    assert client.app.settings.current.sd_model_checkpoint == ""


def test_a_broken_model_cannot_be_chosen(client):
    folder = client.app.models.checkpoints.roots[0]
    (folder / "broken.safetensors").write_bytes(b"\xff" * 64)
    try:
        client.post("/sdapi/v1/refresh-checkpoints")
        reply = client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "broken"})
        assert (reply.status_code, reply.json()["error"]) == (422, "model_corrupt")
        assert "broken.safetensors" in reply.json()["detail"]
    finally:
        (folder / "broken.safetensors").unlink()
        client.post("/sdapi/v1/refresh-checkpoints")


def test_a_chosen_model_that_has_gone_costs_no_picture_and_is_told(client):
    client.app.settings.change(sd_model_checkpoint="gone.safetensors")
    try:
        assert client.get("/sdapi/v1/options").json()["sd_model_checkpoint"].startswith("tiny-sd1.safetensors")
        assert client.get("/easel/v1/state").status_code == 200
        info = told(post(client))
        assert info["sd_model_name"] == "tiny-sd1" and any(
            "gone.safetensors" in warning for warning in info["warnings"]
        )
    finally:
        client.app.settings.change(sd_model_checkpoint="")


def test_pictures_may_be_left_out_of_the_reply(client):
    reply = post(client, send_images=False)
    assert reply["images"] == [] and told(reply)["all_seeds"] == [11]


def test_no_reply_tells_where_things_lie(client):
    here = str(client.app.flags.paths.data_dir)
    replies = [json.dumps(post(client, save_images=True))]
    for path in ("sdapi/v1/options", "sdapi/v1/sd-models", "sdapi/v1/cmd-flags", "easel/v1/state", "easel/v1/jobs"):
        replies.append(client.get(f"/{path}").text)
    assert not [text for text in replies if here in text]


def test_progress_of_an_ended_job_is_whole(client):
    post(client, force_task_id="ended-1")
    found = client.get("/sdapi/v1/progress", params={"task_id": "ended-1"}).json()
    assert found["progress"] == 1.0 and found["state"]["job_count"] == 0 and found["current_task"] is None


def test_a_misspelt_field_is_told_with_what_was_meant(client):
    warnings = told(post(client, promt="a cat", enable_hires=True))["warnings"]
    assert "There is no field called 'promt'; it was ignored. Did you mean 'prompt'?" in warnings
    assert any("'enable_hires'" in warning for warning in warnings)


@pytest.mark.slow
def test_what_a1111s_clients_send_along_is_no_warning(client):
    along = {
        "seed_enable_extras": True,
        "comments": {},
        "disable_extra_networks": False,
        "outpath_samples": None,
        "prompt_for_display": "",
    }
    assert told(post(client, **along))["warnings"] == []
    assert "outpath_samples has no effect here." in told(post(client, outpath_samples="/tmp"))["warnings"]


def test_an_empty_text_chooses_nothing_on_an_axis_of_a_plot(client):
    args = [4, "1,2", "", 0, "", "", 0, "", "", True, True]
    reply = post(client, script_name="X/Y/Z plot", script_args=args)
    assert [text.partition("Steps: ")[2][0] for text in told(reply)["infotexts"][1:]] == ["1", "2"]


def test_interrupting_answers_an_object_and_skipping_nothing(client):
    assert client.post("/sdapi/v1/interrupt").json() == {} and client.post("/sdapi/v1/skip").json() is None


def test_countless_unknown_fields_are_told_in_few_words(client):
    warnings = told(post(client, **{f"{'x' * 200}{n}": n for n in range(5_000)}))["warnings"]
    assert len(warnings) <= 20 and all(len(warning) < 300 for warning in warnings)
