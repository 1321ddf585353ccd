"""Faces restored in txt2img, img2img and Extras: what is asked, when, and what is told of it."""

from __future__ import annotations

import copy
import io
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from modules.api.generate import overrides_of
from modules.api.requests import Txt2ImgRequest, normalise_request
from modules.base.errors import ModelMissing, OutOfMemory
from modules.engine.messages import JobSpec
from modules.imaging.inputs import save_input
from modules.library.model_kinds import CODEFORMER, GFPGAN
from modules.models.device import Answers
from modules.models.faces.restoring import FaceRestorers
from modules.params import infotext
from modules.params.extras import Extras, postprocessing_text
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.prompts.grammar import emphasised
from modules.requests.paste import fields_from_pairs
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.sampling.questions import Decode, Interrupted, RestoreFaces
from modules.settings.options import Settings, for_request
from modules.worker.job_kinds import plan_job
from tests.golden_data import inputs, with_folders
from tests.playing import made

RED = (255, 0, 0)


@pytest.fixture
def shelf(device, tmp_path):
    """The golden library, with files for faces that nobody reads here."""
    for name in ("GFPGAN/GFPGANv1.4.pth", "GFPGAN/detection_Resnet50_Final.pth", "Codeformer/codeformer-v0.1.0.pth"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return with_folders(with_folders(device.library, GFPGAN, tmp_path / "GFPGAN"), CODEFORMER, tmp_path / "Codeformer")


def stored(image):
    out = io.BytesIO()
    image.save(out, "png")
    return save_input(inputs(), out.getvalue())


def drawing(kind="txt2img", **settings):
    snapshot = Settings(**{"sd_model_checkpoint": "tiny-sd1", "face_restoration": True} | settings)
    usual = {"prompt": "a red circle", "steps": 2, "width": 32, "height": 32, "seed": 5, "sampler_name": "Euler"}
    if kind == "txt2img":
        return JobSpec("it", "me", kind, asdict(resolve_request(Txt2Img(**usual))), asdict(snapshot))
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 32, 16))
    params = Img2Img(
        **usual,
        init_images=(stored(Image.new("RGB", (32, 32), "blue")),),
        mask=stored(mask),
        mask_blur=0,
        inpaint_full_res=False,
    )
    return JobSpec("it", "me", kind, asdict(resolve_img2img(params, snapshot)), asdict(snapshot))


def extras(image, before="", **fields):
    params = asdict(Extras(**fields)) | {"images": [stored(image)], "infotexts": [before]}
    return JobSpec("it", "me", "extras", params, asdict(Settings()))


def played(device, shelf, job, stop=False):
    """The first picture's questions, itself, and its recipe; faces are restored by painting all red."""
    recipe, asked, answer = plan_job(job, shelf, inputs()), [], None
    task = recipe.plans[0].task()
    try:
        while True:
            asked.append(ask := task.send(answer))
            if stop and isinstance(ask, RestoreFaces):
                asked.append(ask := task.throw(Interrupted()))
            answer = np.full_like(ask.pixels, RED) if isinstance(ask, RestoreFaces) else device.answer([ask])[0]
    except StopIteration as done:
        return asked, done.value, recipe


# txt2img and img2img --------------------------------------------------------------------------------


@pytest.mark.slow
def test_faces_come_after_the_picture_and_are_written_down(device, shelf):
    asked, drawn, recipe = played(device, shelf, drawing())
    assert [type(ask) for ask in asked[-2:]] == [Decode, RestoreFaces]
    assert (asked[-1].name, asked[-1].weight, asked[-1].pixels.shape) == ("CodeFormer", 0.5, (32, 32, 3))
    assert (drawn.pixels == RED).all()
    assert "Seed: 5, Face restoration: CodeFormer, Size: 32x32" in recipe.infotext(0, drawn.extra_params)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_picture_before_is_there_to_be_saved_if_it_is_wanted(device, shelf, wanted):
    asked, drawn, _ = played(device, shelf, drawing(save_images_before_face_restoration=wanted))
    found = [(each.suffix, np.asarray(each.image).tolist()) for each in drawn.extra_params.side_images]
    assert found == ([("-before-face-restoration", asked[-1].pixels.tolist())] if wanted else [])


def test_without_the_setting_nobody_asks(device, shelf):
    asked, _, recipe = played(device, shelf, drawing(face_restoration=False))
    assert not any(isinstance(ask, RestoreFaces) for ask in asked)
    assert "Face" not in recipe.infotext(0, {})


def test_around_a_painted_part_the_original_stays(device, shelf):
    """Restored before the original is laid over it."""
    _, drawn, recipe = played(device, shelf, drawing("img2img", face_restoration_model="GFPGAN"))
    assert (drawn.pixels[:15] == RED).all() and (drawn.pixels[17:] == (0, 0, 255)).all()
    assert "Face restoration: GFPGAN" in recipe.infotext(0, drawn.extra_params)


def test_somebody_who_stops_now_gets_the_face_as_well(device, shelf):
    asked, drawn, _ = played(device, shelf, drawing(), stop=True)
    assert isinstance(asked[-2], RestoreFaces) and isinstance(asked[-1], RestoreFaces)
    assert (drawn.pixels == RED).all() and drawn.complete


@pytest.mark.slow
def test_where_it_fails_the_picture_without_is_not_lost(device, shelf):
    recipe = plan_job(drawing(), shelf, inputs())
    task = recipe.plans[0].task()
    ask = next(task)
    with pytest.raises(StopIteration) as done:
        while True:
            failing = isinstance(ask, RestoreFaces)
            ask = task.throw(OutOfMemory("No memory left.")) if failing else task.send(device.answer([ask])[0])
    drawn, (plain,) = done.value.value, made(device, drawing(face_restoration=False))[0]
    assert np.array_equal(drawn.pixels, plain.pixels) and "No memory left" in drawn.extra_params.notes[0]
    assert "Face" not in recipe.infotext(0, drawn.extra_params)


@pytest.mark.slow
def test_without_a_models_file_the_picture_is_drawn_and_that_is_said(device, shelf):
    (shelf.of("gfpgan").roots[0] / "detection_Resnet50_Final.pth").unlink()
    for kind in ("txt2img", "img2img"):
        (drawn,), (plain,) = (
            made(with_library(device, shelf), drawing(kind, face_restoration=wanted))[0] for wanted in (True, False)
        )
        assert np.array_equal(drawn.pixels, plain.pixels)
        assert "detection_Resnet50_Final.pth is missing" in drawn.extra_params.notes[0] and not plain.extra_params.notes


def with_library(device, found):
    """A device whose restorers look into this library's folders."""
    other = copy.copy(device)
    other.library, other.face_restorers = found, FaceRestorers(found.catalogs, device.placement.device)
    other.answers = device.answers | {
        RestoreFaces: Answers.each(lambda ask: other.face_restorers.restore(ask.name, ask.pixels, ask.weight)),
    }
    return other


def test_extras_refuse_a_missing_model_before_anything_is_done(device, shelf):
    (shelf.of("gfpgan").roots[0] / "detection_Resnet50_Final.pth").unlink()
    with pytest.raises(ModelMissing, match="detection_Resnet50_Final.pth") as error:
        plan_job(extras(Image.new("RGB", (8, 8)), gfpgan_visibility=0.5), shelf, inputs())
    assert error.value.hint == "Put detection_Resnet50_Final.pth into models/GFPGAN."


@pytest.mark.parametrize(
    ("told", "settings"),
    [
        ("Face restoration: CodeFormer", {"face_restoration": True}),
        ("Face restoration: GFPGAN", {"face_restoration": True, "face_restoration_model": "GFPGAN"}),
        (
            "Face restoration: CodeFormer, Face restoration weight: 0.2",
            {"face_restoration": True, "code_former_weight": 0.2},
        ),
        ("Size: 8x8", {}),
    ],
)
def test_generation_data_bring_the_settings_back(told, settings):
    parsed = infotext.parse_infotext(f"a cat\nSteps: 20, Sampler: Euler, Seed: 1, {told}", emphasised)
    assert {
        name: value
        for name, value in fields_from_pairs(parsed)["settings"].items()
        if "face" in name or "former" in name
    } == settings


def test_a_weight_other_than_the_usual_is_written(device, shelf):
    def text(**settings):
        return played(device, shelf, drawing(code_former_weight=0.2, **settings))[2].infotext(0, {})

    assert "Face restoration weight: 0.2" in text() and "weight" not in text(face_restoration_model="GFPGAN")


@pytest.mark.parametrize(
    ("asked", "standing", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_a_request_goes_before_the_settings(asked, standing, expected):
    body = Txt2ImgRequest(
        **normalise_request({"restore_faces": asked, "override_settings": {"face_restoration_model": "GFPGAN"}})
    )
    settings = for_request(Settings(face_restoration=standing), overrides_of(body))
    assert (settings.face_restoration, settings.face_restoration_model) == (expected, "GFPGAN")


def test_lines_of_a_list_of_prompts_decide_for_themselves(shelf):
    lines = "--prompt a --restore_faces true\nb\n--prompt c --restore_faces false"
    params = replace(
        resolve_request(Txt2Img(steps=1)),
        script_name="Prompts from file or textbox",
        script_args=(False, False, "start", lines),
    )
    job = JobSpec("it", "me", "txt2img", asdict(params), asdict(Settings(sd_model_checkpoint="tiny-sd1")))
    assert [plan.settings.face_restoration for plan in plan_job(job, shelf, inputs()).plans] == [True, False, False]


# Extras ---------------------------------------------------------------------------------------------


def grey(mode="RGB"):
    return Image.new(mode, (16, 16), (100, 100, 100, 50)[: len(mode)])


def test_faces_follow_the_upscaler_gfpgan_first(device, shelf):
    asked, drawn, _ = played(
        device,
        shelf,
        extras(
            grey(),
            upscaler_1="Nearest",
            upscaling_resize=4,
            codeformer_visibility=1,
            codeformer_weight=0.3,
            gfpgan_visibility=1,
        ),
    )
    assert [type(ask) for ask in asked] == [RestoreFaces, RestoreFaces]
    assert [(ask.name, ask.weight, ask.pixels.shape) for ask in asked] == [
        ("GFPGAN", 0, (64, 64, 3)),
        ("CodeFormer", 0.3, (64, 64, 3)),
    ]
    assert (drawn.pixels == RED).all()


def test_what_is_not_seen_is_not_asked_for(device, shelf):
    asked, drawn, recipe = played(device, shelf, extras(grey(), codeformer_weight=0.3))
    assert asked == [] and np.array_equal(drawn.pixels, grey()) and recipe.infotext(0, {}) == ""


@pytest.mark.parametrize(("visibility", "red"), [(0.5, 177.5), (1, 255), (0.1, 115.5)])
def test_what_is_restored_is_laid_over_what_was_there(device, shelf, visibility, red):
    _, drawn, _ = played(device, shelf, extras(grey(), gfpgan_visibility=visibility))
    assert abs(drawn.pixels[0, 0, 0] - red) <= 1


def test_transparency_stays(device, shelf):
    _, drawn, _ = played(device, shelf, extras(grey("RGBA"), gfpgan_visibility=1))
    assert drawn.pixels[0, 0].tolist() == [*RED, 50]


def test_what_was_done_is_written_under_a1111s_keys(device, shelf):
    before = "a cat\nSteps: 20, Sampler: Euler, Seed: 7"
    _, _, recipe = played(device, shelf, extras(grey(), before, gfpgan_visibility=0.25, codeformer_visibility=1))
    assert (
        recipe.infotext(0, {}) == f"{before}, GFPGAN visibility: 0.25, CodeFormer visibility: 1, CodeFormer weight: 0"
    )
    both = postprocessing_text(Extras(upscaler_1="Lanczos", gfpgan_visibility=1, upscale_first=True))
    assert both == "Postprocess upscale by: 2, Postprocess upscaler: Lanczos, GFPGAN visibility: 1"


def test_the_library_lists_who_can_restore(shelf):
    assert [each.name for each in shelf.face_restorers()] == ["CodeFormer", "GFPGAN"]
    assert replace(shelf, catalogs={}).face_restorers() == []
