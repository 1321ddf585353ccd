"""The safety check in txt2img, img2img and scripts: who is checked, what is asked, what becomes of a flagged picture."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from modules.base.errors import ModelCorrupt, ModelMissing, NotANumber
from modules.engine.messages import JobSpec
from modules.imaging.blur import blurred_picture
from modules.imaging.inputs import save_input
from modules.imaging.save import png
from modules.library.model_kinds import SAFETY_CHECKER
from modules.params.extras import Extras
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.safety import withheld
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.sampling.questions import CheckSafety, Interrupted
from modules.settings.account_options import SAFETY_ACTIONS
from modules.settings.options import Settings
from modules.worker.job_kinds import plan_job
from modules.worker.saving import outcome_facts
from tests.golden_data import inputs, with_folders

ROLES = ("guest", "member", "administrator")
WITHHOLDING = ("Blur", "Refuse")
USUAL = {"prompt": "a red circle", "steps": 1, "width": 32, "height": 32, "seed": 5, "sampler_name": "Euler"}


@pytest.fixture
def shelf(device, tmp_path):
    """The golden library, with a checker's file that nobody reads here."""
    (tmp_path / "model.safetensors").write_bytes(b"\2" + bytes(7) + b"{}")
    return with_folders(device.library, SAFETY_CHECKER, tmp_path)


def drawing(action="Off", role="member", kind="txt2img", **settings):
    snapshot = Settings(**{"sd_model_checkpoint": "tiny-sd1", f"safety_checker_{role}": action} | settings)
    if kind == "extras":
        params = asdict(Extras()) | {"images": [stored(Image.new("RGB", (8, 8)))], "infotexts": [""]}
    elif kind == "img2img":
        params = asdict(resolve_img2img(Img2Img(**USUAL, init_images=(stored(noise(3)),)), snapshot))
    else:
        params = asdict(resolve_request(Txt2Img(**USUAL)))
    return JobSpec("it", "me", kind, params, asdict(snapshot), role=role)


def stored(image):
    return save_input(inputs(), png(image, ""))


def noise(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8))


def played(device, plan, verdict, index=0):
    """The questions to the checker, and the picture; `verdict`: a picture → is it flagged? Or an error for all."""
    asked, task, answer = [], plan.task(index), None
    try:
        ask = next(task)
        while True:
            if not isinstance(ask, CheckSafety):
                answer = device.answer([ask])[0]
            else:
                asked.append(ask)
                if isinstance(verdict, Exception):
                    ask = task.throw(verdict)
                    continue
                answer = [verdict(image) for image in ask.images]
            ask = task.send(answer)
    except StopIteration as done:
        return asked, done.value


def always(image):
    return True


def never(image):
    return False


# Who is checked -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", SAFETY_ACTIONS)
def test_a_job_is_checked_as_its_accounts_role_has_it(shelf, role, action):
    plan = plan_job(drawing(action, role), shelf, inputs())
    assert (plan.safety and plan.safety.action) == (None if action == "Off" else action)
    other = ROLES[ROLES.index(role) - 1]
    assert plan_job(replace(drawing(action, role), role=other), shelf, inputs()).safety is None


def test_a_role_that_nobody_knows_is_checked_as_a_guest(shelf):
    assert plan_job(replace(drawing("Blur", "guest"), role="wizard"), shelf, inputs()).safety.action == "Blur"


def test_previews_are_shown_where_nothing_is_withheld(shelf):
    shown = [plan_job(drawing(action), shelf, inputs()).shows_previews for action in SAFETY_ACTIONS]
    assert shown == [True, True, False, False]
    assert not plan_job(drawing("Mark", live_previews_enable=False), shelf, inputs()).shows_previews


def test_pictures_that_were_sent_to_extras_are_not_generated_and_not_checked(shelf):
    assert plan_job(drawing("Refuse", kind="extras"), shelf, inputs()).safety is None


@pytest.mark.parametrize("action", WITHHOLDING)
def test_without_a_checkers_file_nothing_is_drawn_and_the_setting_is_named(device, tmp_path, action):
    empty = with_folders(device.library, SAFETY_CHECKER, tmp_path)
    with pytest.raises(ModelMissing, match=f"safety_checker_member is {action}") as error:
        plan_job(drawing(action), empty, inputs())
    assert "models/safety_checker" in error.value.hint
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelCorrupt, match="safety_checker_member"):
        plan_job(drawing(action), empty, inputs())


def test_where_pictures_are_only_marked_a_missing_file_is_told_and_they_are_drawn(device, tmp_path):
    plan = plan_job(drawing("Mark"), with_folders(device.library, SAFETY_CHECKER, tmp_path), inputs())
    assert plan.safety is None and any("not checked" in note for note in plan.warnings())


def test_a_named_file_that_is_gone_is_not_replaced_by_another(shelf):
    with pytest.raises(ModelMissing, match="'mine'"):
        plan_job(drawing("Blur", safety_checker_model="mine"), shelf, inputs())
    assert plan_job(drawing("Blur", safety_checker_model="model"), shelf, inputs()).safety.file == "model.safetensors"


# What becomes of a picture --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["txt2img", "img2img"])
@pytest.mark.parametrize("action", SAFETY_ACTIONS)
def test_a_flagged_picture_is_marked_blurred_or_black_and_its_generation_data_stay(device, shelf, action, kind):
    spec = drawing(action, kind=kind)
    _, plain = played(device, plan_job(drawing(kind=kind), shelf, inputs()), never)
    plan = plan_job(spec, shelf, inputs())
    asked, drawn = played(device, plan, always)
    expected = {
        "Off": plain.pixels, "Mark": plain.pixels, "Refuse": np.zeros_like(plain.pixels),
        "Blur": np.asarray(blurred_picture(Image.fromarray(plain.pixels))),
    }
    assert np.array_equal(drawn.pixels, expected[action]) and len(asked) == (action != "Off")
    assert plan.infotext(0, drawn.extra_params) == plan.infotext(0, plain.extra_params)
    assert outcome_facts(drawn) == {
        "Off": {}, "Mark": {"nsfw_content_detected": True},
        "Blur": {"nsfw_content_detected": True, "withheld": "blurred"},
        "Refuse": {"nsfw_content_detected": True, "withheld": "refused"},
    }[action]


@pytest.mark.parametrize("action", SAFETY_ACTIONS[1:])
def test_a_picture_without_a_flag_is_itself(device, shelf, action):
    _, plain = played(device, plan_job(drawing(), shelf, inputs()), never)
    asked, drawn = played(device, plan_job(drawing(action), shelf, inputs()), never)
    assert np.array_equal(drawn.pixels, plain.pixels) and np.array_equal(asked[0].images[0], plain.pixels)
    assert outcome_facts(drawn) == {"nsfw_content_detected": False} and not drawn.extra_params.notes


def test_somebody_who_stops_during_the_check_gets_a_checked_picture(device, shelf):
    task = plan_job(drawing("Refuse"), shelf, inputs()).task(0)
    ask = next(task)
    while not isinstance(ask, CheckSafety):
        ask = task.send(device.answer([ask])[0])
    again = task.throw(Interrupted())
    assert isinstance(again, CheckSafety)
    with pytest.raises(StopIteration) as done:
        task.send([True])
    assert not done.value.value.pixels.any()


@pytest.mark.parametrize("action", WITHHOLDING)
def test_a_picture_that_cannot_be_checked_is_an_error_where_it_might_be_withheld(device, shelf, action):
    with pytest.raises(NotANumber):
        played(device, plan_job(drawing(action), shelf, inputs()), NotANumber("No number."))


def test_a_picture_that_cannot_be_checked_is_told_where_it_would_only_be_marked(device, shelf):
    _, drawn = played(device, plan_job(drawing("Mark"), shelf, inputs()), NotANumber("No number."))
    assert outcome_facts(drawn) == {} and "not checked. No number." in drawn.extra_params.notes[0]


# What is beside a picture ---------------------------------------------------------------------------


def with_company():
    extra = ExtraParams()
    extra["Seed"] = 5
    extra.side_images = [SideImage("-before-highres-fix", noise(1)), SideImage("-mask", noise(2), after=True)]
    extra.starts = {"start": noise(3)}
    return Result(np.asarray(noise(0)), True, extra, (noise(4), noise(5).convert("RGBA")))


def test_of_a_refused_picture_nothing_is_left_beside_it():
    before = with_company()
    done = withheld(before, "Refuse", [True] + [False] * 5)
    assert done.extra_params.side_images == [] and done.extra_params.starts == {} and done.extra_params == {"Seed": 5}
    assert not done.pixels.any() and not any(np.asarray(each).any() for each in done.returned)
    assert [each.size for each in done.returned] == [(32, 32)] * 2
    # other images may share it, such as the next loop
    assert len(before.extra_params.side_images) == 2 and before.extra_params.starts and not before.extra_params.notes


def test_beside_a_blurred_picture_all_is_blurred():
    before = with_company()
    done = withheld(before, "Blur", [True] + [False] * 5)
    sides = zip(done.extra_params.side_images, before.extra_params.side_images, strict=True)
    assert all(np.array_equal(each.image, blurred_picture(was.image)) for each, was in sides)
    assert [each.suffix for each in done.extra_params.side_images] == ["-before-highres-fix", "-mask"]
    assert all(np.array_equal(a, blurred_picture(b)) for a, b in zip(done.returned, before.returned, strict=True))


@pytest.mark.parametrize("action", WITHHOLDING)
@pytest.mark.parametrize("flagged", range(1, 6))
def test_what_is_flagged_beside_a_picture_is_withheld_alone(action, flagged):
    """An earlier stage of a picture, or what Loopback started it from."""
    before = with_company()
    done = withheld(before, action, [place == flagged for place in range(6)])
    assert np.array_equal(done.pixels, before.pixels) and (done.flagged, done.withheld) == (False, "")
    assert len(done.extra_params.notes) == 1
    kept = {id(each.image) for each in done.extra_params.side_images} | {id(each) for each in done.returned}
    kept |= {id(each) for each in done.extra_params.starts.values()}
    images = [*(each.image for each in before.extra_params.side_images), *before.returned,
              *before.extra_params.starts.values()]
    assert [id(image) in kept for image in images] == [place != flagged for place in range(1, 6)]


def test_the_first_pass_of_hires_fix_is_checked_with_the_second(device, shelf):
    spec = drawing("Refuse", save_images_before_highres_fix=True)
    hires = replace(resolve_request(Txt2Img(**USUAL, enable_hr=True, hr_scale=2.0)))
    plan = plan_job(replace(spec, params=asdict(hires)), shelf, inputs())
    [asked], drawn = played(device, plan, lambda image: image.width == 32)
    assert [image.size for image in asked.images] == [(64, 64), (32, 32)]
    assert drawn.pixels.any() and drawn.extra_params.side_images == [] and drawn.withheld == ""


def test_a_loop_that_starts_from_a_flagged_one_is_not_saved_with_its_start(device, shelf):
    spec = drawing("Blur", kind="img2img", save_init_img=True)
    params = spec.params | {"script_name": "Loopback", "script_args": (2, 0.5, "Linear")}
    plan = plan_job(replace(spec, params=params), shelf, inputs())
    _, first = played(device, plan, lambda image: False)
    shown = np.asarray(Image.fromarray(first.pixels))
    [asked], second = played(device, plan, lambda image: np.array_equal(image, shown), index=1)
    assert any(np.array_equal(image, shown) for image in asked.images)
    assert second.extra_params.starts == {} and second.withheld == ""
