"""One door: whoever hands a request over, page, A1111's API, command line or library, gets the same job."""

from __future__ import annotations

import io
from dataclasses import fields

import pytest
from PIL import Image

from modules.api.generate import start_generation
from modules.api.requests import Img2ImgRequest, Txt2ImgRequest, normalise_request, understood_img2img
from modules.app.kept_inputs import keep_input
from modules.base.accounts import LOCAL_ACCOUNT, Account, Role
from modules.base.errors import Forbidden, Invalid, UnknownName
from modules.base.fields import checker
from modules.commands.assemble import assemble
from modules.commands.generate import flag_of, read_arguments
from modules.params.scripts import PROMPTS_FROM_FILE
from modules.params.training import Training
from modules.params.txt2img import Generation
from modules.requests.again import recorded_form, run_again
from modules.requests.form import read_submission
from modules.requests.kinds import JOB_KINDS
from modules.requests.submit import Submission, submit
from modules.settings.flags import parse_flags
from modules.worker.planners import planner_of
from tests.servers import with_tiny_model

SAME = {
    "steps": 3,
    "sampler_name": "Euler",
    "cfg_scale": 5.0,
    "width": 64,
    "height": 64,
    "seed": 7,
    "subseed": 8,
    "denoising_strength": 0.5,
    "seed_resize_from_w": 0,
    "seed_resize_from_h": 0,
    "hr_upscaler": "Latent",
}
STYLES = "name,prompt,negative_prompt\nWarm,warm light,cold\n"


@pytest.fixture
def app(tmp_path):
    """Everything wired, no worker: jobs are recorded and wait."""
    folder = with_tiny_model(tmp_path)
    (folder / "styles.csv").write_text(STYLES)
    return assemble(parse_flags(["--nowebui", "--data-dir", str(folder)], {}))


def by_page(app, given, settings, script=None):
    asked = read_submission(app, LOCAL_ACCOUNT, "txt2img", given, settings, script)
    return submit(app, asked, LOCAL_ACCOUNT)


def by_api(app, given, settings, script=None):
    body = {**given, "override_settings": settings, "save_images": True}
    if script:
        body |= {
            "script_name": script[0],
            "script_args": [False, script[1].get("same_seed", False), "start", script[1]["text"]],
        }
    return start_generation(app, checker(Txt2ImgRequest).validate_python(normalise_request(body)), LOCAL_ACCOUNT)


def by_terminal(app, given, settings, script=None):
    line = [given["prompt"]]
    for name, value in given.items():
        if name != "prompt":
            line += [
                word for each in (value if isinstance(value, list) else [value]) for word in (flag_of(name), str(each))
            ]
    line += [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
    if script:
        line += [
            "--script",
            script[0],
            *(word for name, value in script[1].items() for word in ("--script-argument", f"{name}={str(value)}")),
        ]
    return submit(app, read_arguments(app, [each.replace("=True", "=true") for each in line]), LOCAL_ACCOUNT)


FACES = {"page": by_page, "api": by_api, "terminal": by_terminal}
REQUESTS = {
    "plain": ({}, {}, None),
    "a style": ({"styles": ["Warm"]}, {}, None),
    "an old sampler's name": ({"sampler_name": "DPM++ 2M Karras"}, {}, None),
    "settings": ({}, {"CLIP_stop_at_last_layers": 2, "token_merging_ratio": 0.5}, None),
    "an unknown setting": ({}, {"forge_memory": 3}, None),
    "a script": ({}, {}, ("prompts from file or textbox", {"text": "one\ntwo", "same_seed": True})),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_page_api_and_command_line_make_the_same_job_of_a_request(app, request_):
    more, settings, script = request_
    made = {}
    for face, hand_over in FACES.items():
        submitted = hand_over(app, {"prompt": "a fox", **SAME, **more}, settings, script)
        record = app.jobs.get(submitted.job)
        # the terminal's is the last one's
        chosen = {name: value for name, value in record.settings.items() if name != "sd_model_checkpoint"}
        made[face] = record.kind, record.params, chosen, record.save, submitted.notes
    assert made["page"] == made["api"] == made["terminal"]
    assert made["page"][1]["prompt"] == ("a fox, warm light" if more.get("styles") else "a fox")
    assert made["page"][4] == (
        ("There is no setting called 'forge_memory'; it was ignored.",) if "forge_memory" in settings else ()
    )


REFUSED = {
    "a value": ({"steps": 0}, {}, None),
    "a sampler": ({"sampler_name": "Oiler"}, {}, None),
    "a style": ({"styles": ["Cold"]}, {}, None),
    "a setting": ({}, {"CLIP_stop_at_last_layers": 99}, None),
    "a checkpoint": ({}, {"sd_model_checkpoint": "gone.ckpt"}, None),
    "a script": ({}, {}, ("Magic", {"text": ""})),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_what_one_refuses_all_refuse_and_nothing_is_recorded(app, face, request_):
    more, settings, script = request_
    with pytest.raises((Invalid, UnknownName, ValueError)):
        FACES[face](app, {"prompt": "a fox", **SAME, **more}, settings, script)
    assert app.jobs.store.recent("local", 10, 0) == []


def test_a_checkpoint_of_the_settings_that_is_not_here_is_replaced_and_told(app):
    app.settings.change(sd_model_checkpoint="gone.ckpt")
    record = app.jobs.get(submit(app, Submission("txt2img", JOB_KINDS["txt2img"].request(**SAME)), LOCAL_ACCOUNT).job)
    assert record.settings["sd_model_checkpoint"] == "tiny-sd1.safetensors" and "gone.ckpt" in record.warnings[0]


def test_where_people_log_in_a_request_does_not_choose_folders(app):
    with pytest.raises(Forbidden):
        submit(
            app,
            Submission("txt2img", JOB_KINDS["txt2img"].request(), {"outdir_samples": "outputs/x"}),
            Account("alice", Role.MEMBER),
        )


@pytest.mark.parametrize("kind", list(JOB_KINDS), ids=lambda kind: kind.name)
def test_every_kind_has_a_planner_and_a_request_of_its_own(kind):
    assert callable(planner_of(kind.name)) and planner_of(kind.name).__module__ == kind.planner.partition(":")[0]
    assert kind.request() == checker(kind.request).validate_python({})
    assert kind.draws == issubclass(kind.request, Generation | Training)


@pytest.mark.parametrize("kind", JOB_KINDS.names)
def test_each_kind_says_who_may_ask_for_it(app, kind):
    with pytest.raises(Forbidden):
        submit(app, Submission(kind, JOB_KINDS[kind].request()), Account("guest", Role(JOB_KINDS[kind].may - 1)))


def test_img2img_of_a1111s_api_takes_batches_and_sizes_by_scale(app, tmp_path):
    from PIL import Image

    (tmp_path / "in").mkdir()
    Image.new("RGB", (64, 128)).save(tmp_path / "in/a.png")
    body = {
        "batch_source": "folder",
        "batch_input_dir": str(tmp_path / "in"),
        "resize_by": True,
        "scale_by": 2,
        "styles": ["Warm"],
    }
    asked = checker(Img2ImgRequest).validate_python(understood_img2img(body))
    params = app.jobs.get(start_generation(app, asked, LOCAL_ACCOUNT).job).params
    entry = params["batch"]["entries"][0]
    assert (entry["file"], entry["params"]) == ("a.png", {"width": 128, "height": 256})
    assert params["unstyled"]["styles"] and {each.name for each in fields(asked)} >= {"batch_sent", "batch_source"}


def small_png():
    written = io.BytesIO()
    Image.new("RGB", (64, 64)).save(written, "PNG")
    return written.getvalue()


def test_a_form_names_a_noise_multiplier_only_where_it_was_changed(app):
    for asked, shown in ((None, None), (0.9, 0.9)):
        given = {"steps": 3, "seed": 7, "init_images": [keep_input(app, LOCAL_ACCOUNT, small_png())], "initial_noise_multiplier": asked}
        job = submit(app, read_submission(app, LOCAL_ACCOUNT, "img2img", given, {}), LOCAL_ACCOUNT).job
        assert recorded_form(app, app.jobs.get(job), LOCAL_ACCOUNT)["fields"]["initial_noise_multiplier"] == shown


GUEST, MEMBER = Account("gus", Role.GUEST), Account("bob", Role.MEMBER)


def asked_by(app, account, **fields):
    return submit(app, read_submission(app, account, "txt2img", {**SAME, **fields}, {}), account)


def test_a_guest_may_ask_for_little(app):
    asked_by(app, GUEST)
    for beyond in ({"width": 1280, "height": 1024}, {"steps": 51}, {"n_iter": 5}, {"enable_hr": True, "hr_scale": 4.0,
                   "width": 512, "height": 512}):
        with pytest.raises(Invalid, match="account"):
            asked_by(app, GUEST, **beyond)
        asked_by(app, MEMBER, **beyond)


def test_models_are_made_by_administrators_and_by_members_who_are_let(app):
    merge = Submission("convert", JOB_KINDS["convert"].request(model="tiny-sd1", name="half"))
    for account in (GUEST, MEMBER):
        with pytest.raises(Forbidden):
            submit(app, merge, account)
    app.settings.change(members_make_models=True)
    with pytest.raises(Forbidden):
        submit(app, merge, GUEST)
    assert app.jobs.get(submit(app, merge, MEMBER).job).kind == "convert"


def test_where_there_are_no_accounts_nothing_is_limited(app):
    app.settings.change(limit_guest_steps=1, limit_member_steps=1, quota_member_storage=1, members_make_models=False)
    submit(app, read_submission(app, LOCAL_ACCOUNT, "txt2img", {**SAME, "steps": 150}, {}), LOCAL_ACCOUNT)


# Dynamic prompts -------------------------------------------------------------------------------------


def dynamic(app, mode="Random", **fields):
    asked = Submission("txt2img", Txt2ImgRequest(**{"seed": 5, **fields}), {"dynamic_prompts": mode})
    return app.jobs.store.get(submit(app, asked, LOCAL_ACCOUNT).job)


def test_a_dynamic_prompt_is_plain_text_unless_the_settings_say_otherwise(app):
    assert dynamic(app, "Off", prompt="{a|b} __nothing__").params["prompt"] == "{a|b} __nothing__"


def test_each_picture_has_a_prompt_of_its_own_and_the_template_is_kept(app):
    (app.flags.paths.data_dir / "wildcards").mkdir()
    (app.flags.paths.data_dir / "wildcards" / "colours.txt").write_text("red\nblue\n")
    params = dynamic(app, "Combinations", prompt="a __colours__ {cat|dog}", negative_prompt="{x}", n_iter=4).params
    assert [each["prompt"] for each in params["picture_prompts"]] == ["a red cat", "a blue cat", "a red dog", "a blue dog"]
    assert (params["prompt"], params["negative_prompt"]) == ("a red cat", "x")
    assert params["templates"] == {"prompt": "a __colours__ {cat|dog}", "negative_prompt": "{x}"}


def test_styles_may_be_dynamic_prompts(app):
    (app.flags.paths.data_dir / "styles.csv").write_text("name,prompt,negative_prompt\nWarm,{warm|warm} light,\n")
    assert dynamic(app, prompt="a", styles=("Warm",)).params["prompt"] == "a, warm light"


def test_a_picture_of_a_batch_is_asked_for_alone_by_its_seed(app):
    template = "{a|b|c|d|e|f|g|h} {1|2|3|4|5|6}"
    together = dynamic(app, prompt=template, n_iter=2, batch_size=2).params["picture_prompts"]
    assert [each["prompt"] for each in together] == [
        dynamic(app, prompt=template, seed=5 + number).params["prompt"] for number in range(4)
    ]


def test_a_script_works_on_a_prompt_that_is_plain_already(app):
    given = dynamic(app, prompt="{a|a} cat|{red|red}", script_name="Prompt matrix").params
    assert (given["prompt"], given["templates"]) == ("a cat|red", {"prompt": "{a|a} cat|{red|red}"})


def test_each_line_of_prompts_from_file_chooses_by_its_own_seed(app):
    lines = "a {1|2|3|4|5|6} cat\n--prompt a {1|2|3|4|5|6} cat --seed 5\n--negative_prompt {x} --steps 3\nplain"
    given = dynamic(app, prompt="{a|a}", script_name=PROMPTS_FROM_FILE, script_args=(True, False, "end", lines)).params
    first, second, third, last = given["script_args"][-1]
    assert first == second and first["prompt"] in [f"a {number} cat" for number in range(1, 7)]
    assert (third, last) == ({"negative_prompt": "x"}, {"prompt": "plain"})
    assert given["prompt"] == "a" and given["script_args"][3] == lines
    combined = dynamic(app, "Combinations", script_name=PROMPTS_FROM_FILE, script_args=(False, True, "end", lines.split("\n")[0]))
    assert combined.params["script_args"][-1][0]["prompt"] == "a 1 cat"
    off = dynamic(app, "Off", script_name=PROMPTS_FROM_FILE, script_args=(False, True, "end", lines))
    assert off.params["script_args"][-1] == []


def test_each_picture_of_a_line_chooses_by_its_own_seed(app):
    lines = "a {1|2|3|4|5|6} cat\n--prompt a {1|2|3|4|5|6} dog --n_iter 3 --subseed_strength 0.5\nplain"
    given = dynamic(app, script_name=PROMPTS_FROM_FILE, script_args=(False, True, "end", lines), batch_size=2).params
    cats, dogs = ([each["prompt"] for each in given["script_args"][-1][part]] for part in (slice(2), slice(2, 8)))
    assert cats == [
        dynamic(app, prompt="a {1|2|3|4|5|6} cat", seed=seed).params["prompt"] for seed in (5, 6)
    ]
    assert len(dogs) == 6 and len(set(dogs)) == 1 and dogs[0].endswith("dog")      # variations keep the prompt
    assert given["script_args"][-1][8:] == [{"prompt": "plain"}] * 2


def test_each_file_of_a_batch_has_a_prompt_of_its_own(app, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64)).save(folder / f"{number}.png")
    fields = {"prompt": "a {cat|dog|owl}", "batch_source": "folder", "batch_input_dir": str(folder), "seed": 5}
    asked = read_submission(app, LOCAL_ACCOUNT, "img2img", fields, {"dynamic_prompts": "Combinations"})
    params = app.jobs.store.get(submit(app, asked, LOCAL_ACCOUNT).job).params
    assert [each["params"]["prompt"] for each in params["batch"]["entries"]] == ["a cat", "a dog", "a owl"]
    assert (params["templates"], params.get("picture_prompts")) == ({"prompt": "a {cat|dog|owl}"}, None)


def test_files_of_a_batch_asked_for_again_with_a_new_seed_choose_anew_as_each_was_written(app, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        Image.new("RGB", (64, 64)).save(folder / f"{number}.png")
    template = "{a|b|c|d|e|f|g|h}" * 20
    fields = {"prompt": template, "batch_source": "folder", "batch_input_dir": str(folder), "seed": 5}
    asked = read_submission(app, LOCAL_ACCOUNT, "img2img", fields, {"dynamic_prompts": "Random"})
    record = app.jobs.store.get(submit(app, asked, LOCAL_ACCOUNT).job)
    again = app.jobs.store.get(run_again(app, record, LOCAL_ACCOUNT, new_seed=True)).params
    before, after = ([each["params"]["prompt"] for each in params["batch"]["entries"]] for params in (record.params, again))
    assert again["templates"] == {"prompt": template} and all(one != other for one, other in zip(before, after, strict=True))
    same = app.jobs.store.get(run_again(app, record, LOCAL_ACCOUNT, new_seed=False)).params
    assert [each["params"]["prompt"] for each in same["batch"]["entries"]] == before


def test_prompts_of_hires_fix_make_the_same_choices(app):
    params = dynamic(app, prompt="a {1|2|3|4|5|6}", hr_prompt="large, a {1|2|3|4|5|6}", enable_hr=True, n_iter=3).params
    assert all(each["hr_prompt"] == f"large, {each['prompt']}" for each in params["picture_prompts"])


def test_a_dynamic_prompt_asked_for_again_with_a_new_seed_chooses_anew(app):
    record = dynamic(app, prompt="{a|b|c|d|e|f|g|h}" * 20)
    again = app.jobs.store.get(run_again(app, record, LOCAL_ACCOUNT, new_seed=True))
    assert again.params["templates"] == record.params["templates"]
    assert again.params["prompt"] != record.params["prompt"]
    assert recorded_form(app, record, LOCAL_ACCOUNT)["fields"]["prompt"] == "{a|b|c|d|e|f|g|h}" * 20


@pytest.mark.parametrize("prompt", ["{a", "__../../etc/passwd__", "{" * 10_000])
def test_a_dynamic_prompt_that_cannot_be_made_plain_is_refused_before_a_job_is_recorded(app, prompt):
    with pytest.raises(Invalid) as refusal:
        dynamic(app, prompt=prompt)
    assert refusal.value.field == "prompt"
