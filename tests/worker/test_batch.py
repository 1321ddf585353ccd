"""Batches: which pictures, which masks, whose data; each as if it were alone;
nothing that is not a picture stops the others.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.app.folders import ServerFolders
from modules.app.jobs import pictures_of
from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Invalid, InvalidImage
from modules.engine.engine import Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.imaging.inputs import save_input as keep_input
from modules.library.library import Library
from modules.params.batch import Batch, BatchItem, FromFolder, Img2ImgBatch, Sent
from modules.params.extras import Extras
from modules.params.img2img import ORIGINAL, Img2Img
from modules.pipelines.result import LeftOut
from modules.requests.batch_inputs import extras_batch, img2img_batch, scaled_fields, sized
from modules.requests.png_info import PngInfoReader
from modules.requests.resolve import resolve_img2img
from modules.sampling.questions import Wait
from modules.settings.flags import parse_flags
from modules.settings.options import Settings
from modules.worker.job_kinds import plan_job
from modules.worker.saving import Where, save_image
from tests.golden_data import inputs, kept
from tests.playing import made

ANY_FOLDER = ServerFolders.of(parse_flags([], {}), LOCAL_OWNER)
USUAL = {
    "prompt": "a red circle",
    "steps": 2,
    "width": 64,
    "height": 64,
    "seed": 5,
    "inpainting_fill": ORIGINAL,
    "mask_blur": 0,
    "inpaint_full_res": False,
}
DATA = "a cat\nNegative prompt: a dog\nSteps: 3, Sampler: DPM++ 2M Karras, CFG scale: 4.5, Seed: 77, Size: 64x64, Model hash: 1234abcd"


def put(folder, *names, text="", mode="RGB", fill="red"):
    """Pictures in a folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        info = PngInfo()
        info.add_text("parameters", text)
        Image.new(mode, (64, 64), fill).save(folder / name, "png", pnginfo=info if text else None)
    return folder


def wish(folder, **fields):
    return Img2ImgBatch(**USUAL | {"batch_source": "folder", "batch_input_dir": str(folder)} | fields)


def files(batch):
    return [entry.file for entry in batch.entries]


def recorded(request, batch):
    params = resolve_img2img(replace(request, init_images=("x",), mask=batch.entries[0].mask), Settings())
    return {name: value for name, value in asdict(params).items() if not name.startswith("batch_")} | {
        "batch": asdict(batch)
    }


def job(params, kind="img2img"):
    return JobSpec("it", LOCAL_OWNER, kind, json.loads(json.dumps(params)), asdict(Settings(sd_model_checkpoint="tiny-sd1")))


def played(device, spec):
    """The recipe, and each picture as the engine leaves it."""
    recipe = plan_job(spec, device.library, inputs())
    pictures = [ImageTask(recipe.task(index), spec.id, index, "me", index) for index in range(len(recipe.plans))]
    engine = Engine(device.answer, lambda picture: None)
    engine.submit(pictures)
    engine.inbox.get()()
    while engine.running:
        engine.step()
    return recipe, pictures


def alone(device, image, **fields):
    params = resolve_img2img(Img2Img(**USUAL | {"init_images": (image,)} | fields), Settings())
    [drawn], recipe = made(device, job(asdict(params)))
    return drawn.pixels, recipe.infotext(0, drawn.extra_params)


# Which pictures -------------------------------------------------------------------------------------


def test_a_folder_is_a_batch_of_its_pictures_and_tells_of_the_rest(tmp_path):
    put(tmp_path, "b10.png", "b9.png")
    (tmp_path / "notes.txt").write_text("no picture")
    batch = img2img_batch(wish(tmp_path, batch_output_dir=str(tmp_path / "out")), ANY_FOLDER)
    assert files(batch) == ["b9.png", "b10.png"] and batch.entries[0].image == str(tmp_path / "b9.png")
    assert batch.folder == str(tmp_path / "out") and (tmp_path / "out").is_dir()
    assert batch.notes == ("Left out, no pictures that Easel can read: notes.txt.",)


def test_pictures_that_were_sent_are_a_batch_with_their_files_names(tmp_path):
    batch = img2img_batch(
        Img2ImgBatch(
            batch_source="upload", batch_sent=(Sent("0" * 64 + ".png", "../../cat.png"),), batch_output_dir="/nowhere"
        ),
        ANY_FOLDER,
    )
    assert (files(batch), batch.folder) == (["cat.png"], "")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.png", "{folder}/a.png", "", "0" * 64 + ".png\n"])
def test_what_comes_from_the_browser_is_never_a_path(tmp_path, name):
    put(tmp_path, "a.png")
    with pytest.raises(Invalid):
        img2img_batch(
            Img2ImgBatch(batch_source="upload", batch_sent=(Sent(name.format(folder=tmp_path), "a.png"),)), ANY_FOLDER
        )


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"batch_source": "upload"}, "batch_sent"),
        ({"batch_source": "folder"}, "batch_input_dir"),
        ({"batch_source": "folder", "batch_input_dir": "{empty}"}, "batch_input_dir"),
        (
            {"batch_source": "folder", "batch_input_dir": "{full}", "batch_inpaint_mask_dir": "{empty}"},
            "batch_inpaint_mask_dir",
        ),
        (
            {"batch_source": "folder", "batch_input_dir": "{full}", "batch_inpaint_mask_dir": "{others}"},
            "batch_inpaint_mask_dir",
        ),
    ],
)
def test_what_makes_no_batch_is_refused_by_field(tmp_path, asked, field):
    places = {
        "empty": put(tmp_path / "empty"),
        "full": put(tmp_path / "full", "a.png"),
        "others": put(tmp_path / "others", "x.png", "y.png"),
    }
    with pytest.raises(Invalid) as refused:
        img2img_batch(Img2ImgBatch(**{name: value.format(**places) for name, value in asked.items()}), ANY_FOLDER)
    assert refused.value.field == field


def test_a_mask_is_the_one_of_the_pictures_name_or_the_only_one(tmp_path):
    pictures, masks = put(tmp_path / "in", "a.png", "b.png", "c.png"), put(tmp_path / "masks", "a.webp", "b.png")
    batch = img2img_batch(wish(pictures, batch_inpaint_mask_dir=str(masks)), ANY_FOLDER)
    assert [entry.mask for entry in batch.entries] == [str(masks / "a.webp"), str(masks / "b.png")]
    assert batch.notes == ("Left out, they have no mask: c.png.",)
    only = put(tmp_path / "one", "whatever.png")
    assert {entry.mask for entry in img2img_batch(wish(pictures, batch_inpaint_mask_dir=str(only)), ANY_FOLDER).entries} == {
        str(only / "whatever.png")
    }


def test_extras_take_a_folder_with_its_generation_data_but_nothing_that_grows_too_large(tmp_path):
    put(tmp_path, "a.png", text=DATA)
    Image.new("L", (2048, 2048)).save(tmp_path / "b.png")
    batch = extras_batch(
        FromFolder(batch_input_dir=str(tmp_path)), Extras(upscaler_1="Lanczos", upscaling_resize=16), ANY_FOLDER
    )
    assert [(entry.file, entry.infotext) for entry in batch.entries] == [("a.png", DATA)]
    assert batch.notes == ("Left out, they would become too large: b.png.",)


def test_a_record_comes_back_from_json_as_it_was():
    batch = Batch(
        (BatchItem("/a.png", "a.png", "/m.png", "text", {"seed": 7}, {"sd_model_checkpoint": "x"}),), "/out", ("note",)
    )
    params = json.loads(json.dumps({"n_iter": 2, "batch_size": 3, "batch": asdict(batch)}))
    assert Batch.recorded(params) == batch and pictures_of(params) == 6
    assert Batch.recorded({"n_iter": 2}) is None and pictures_of({"n_iter": 2}) == 2


# Their own data -------------------------------------------------------------------------------------


def own(batch, asked, library):
    """What each picture decides itself."""

    def record(request):
        return asdict(resolve_img2img(replace(request, init_images=("x",)), Settings()))

    return PngInfoReader(asked, record, library.checkpoints).applied(batch)


@pytest.mark.parametrize(
    ("props", "params"),
    [
        ((), {}),
        (("Prompt",), {"prompt": "a red circle a cat"}),
        (
            ("Negative prompt", "Seed", "CFG scale", "Steps"),
            {"negative_prompt": "a dog", "seed": 77, "cfg_scale": 4.5, "steps": 3},
        ),
        (("Sampler",), {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}),
    ],
)
def test_of_a_pictures_data_only_what_is_chosen_goes_before_the_forms(tmp_path, device, props, params):
    asked = wish(put(tmp_path, "a.png", text=DATA), batch_use_png_info=True, batch_png_info_props=props)
    assert own(img2img_batch(asked, ANY_FOLDER), asked, device.library).entries[0].params == params


def test_data_comes_from_the_file_called_alike_in_the_other_folder(tmp_path, device):
    pictures, data = (
        put(tmp_path / "in", "a.png", "b.png", text="none of this\nSteps: 9, Sampler: Euler, Seed: 9"),
        put(tmp_path / "data", "b.webp", text=DATA),
    )
    asked = wish(pictures, batch_use_png_info=True, batch_png_info_props=("Seed",), batch_png_info_dir=str(data))
    assert [entry.params for entry in own(img2img_batch(asked, ANY_FOLDER), asked, device.library).entries] == [
        {},
        {"seed": 77},
    ]


def test_a_picture_may_choose_its_checkpoint_and_one_that_is_not_here_is_told(tmp_path, device):
    here = device.library.checkpoints.hashed(device.library.checkpoints.find("tiny-sd1"))
    put(tmp_path, "a.png", text=DATA.replace("1234abcd", here.shorthash))
    put(tmp_path, "b.png", text=DATA)
    asked = wish(tmp_path, batch_use_png_info=True, batch_png_info_props=("Seed", "Model hash"))
    batch = own(img2img_batch(asked, ANY_FOLDER), asked, device.library)
    assert [(entry.params, entry.settings) for entry in batch.entries] == [
        ({"seed": 77}, {"sd_model_checkpoint": here.name}),
        ({"seed": 77}, {}),
    ]
    assert batch.notes[0].startswith(
        "Not all of b.png's generation data could be taken. There is no checkpoint called '1234abcd'"
    )


@pytest.mark.parametrize("wrong", ["Steps: 9999", "Sampler: Nobody's", "Seed: 99999999999999999999"])
def test_data_that_cannot_be_is_told_and_the_picture_drawn_as_the_form_says(tmp_path, device, wrong):
    key = wrong.partition(":")[0]
    asked = wish(
        put(tmp_path, "a.png", text=f"x\nSize: 8x8, Model: m, {wrong}"),
        batch_use_png_info=True,
        batch_png_info_props=(key,),
    )
    batch = own(img2img_batch(asked, ANY_FOLDER), asked, device.library)
    assert batch.entries[0].params == {} and "a.png" in batch.notes[0]


# Carried out ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_picture_is_as_if_it_were_alone(tmp_path, device):
    start = kept("@inputs/init_a.png")
    (tmp_path / "a.png").write_bytes((inputs() / start).read_bytes())
    put(tmp_path, "b.png", fill="blue")
    masks = put(tmp_path / "masks", "m.png", mode="L", fill=255)
    batch = img2img_batch(wish(tmp_path, batch_inpaint_mask_dir=str(masks)), ANY_FOLDER)
    batch = replace(batch, entries=(batch.entries[0], replace(batch.entries[1], params={"seed": 9, "steps": 3})))
    recipe, (a, b) = played(device, job(recorded(wish(tmp_path), batch)))
    pixels, text = alone(device, start, mask=keep_input(inputs(), (masks / "m.png").read_bytes()))
    assert abs(a.result.pixels.astype(int) - pixels).max() <= 1      # their company may change the last bit
    assert recipe.infotext(0, a.result.extra_params) == text
    assert "Steps: 3" in recipe.infotext(1, b.result.extra_params) and "Seed: 9" in recipe.infotext(
        1, b.result.extra_params
    )


def test_pictures_wait_with_empty_hands_for_their_turn(tmp_path, device):
    put(tmp_path, "a.png", "b.png")
    spec = job(recorded(wish(tmp_path), img2img_batch(wish(tmp_path), ANY_FOLDER)))
    recipe = plan_job(spec, device.library, inputs())
    assert isinstance(next(recipe.task(0)), Wait)
    (tmp_path / "b.png").unlink()
    _, (a, b) = played(device, spec)
    assert a.result.complete and isinstance(b.error, LeftOut) and str(b.error).startswith("b.png was left out. ")


def test_a_damaged_picture_is_left_out_and_a_script_may_find_that_first(tmp_path, device):
    put(tmp_path, "a.png", "b.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:60])
    batch = img2img_batch(wish(tmp_path), ANY_FOLDER)
    assert files(batch) == ["a.png", "b.png"]
    _, (a, b) = played(device, job(recorded(wish(tmp_path), batch)))
    assert a.result.complete and isinstance(b.error, LeftOut)
    upscale = {"script_name": "SD upscale", "script_args": ["", 16, "Lanczos", 2.0]}
    recipe = plan_job(job(recorded(wish(tmp_path), batch) | upscale), device.library, inputs())
    assert [member.file for member in recipe.members] == ["a.png"] and recipe.warnings()[0].startswith(
        "b.png was left out."
    )
    nothing = replace(batch, entries=batch.entries[1:])
    with pytest.raises(InvalidImage, match="None of the pictures"):
        plan_job(job(recorded(wish(tmp_path), nothing) | upscale), device.library, inputs())


@pytest.mark.parametrize(
    "fields",
    [
        {"script_name": "SD upscale", "script_args": ["", 16, "Lanczos", 2.0]},
        {"script_name": "Outpainting mk2", "script_args": ["", 8, 4, ["left"], 1.0, 0.05], "n_iter": 2},
    ],
)
def test_a_picture_keeps_its_number_when_a_file_before_it_has_gone(tmp_path, device, fields):
    """As when a job is resumed: what is made already is not made again, and what is not is made."""
    put(tmp_path, "a.png", "b.png", "c.png")
    spec = job(recorded(wish(tmp_path), img2img_batch(wish(tmp_path), ANY_FOLDER)) | fields)
    whole = plan_job(spec, device.library, inputs())
    (tmp_path / "a.png").unlink()
    rest = plan_job(spec, device.library, inputs())
    assert len(rest.numbers) == len(whole.numbers) * 2 // 3
    for number in rest.numbers:
        assert rest.members[number] == whole.members[number] and rest.plans[number].params == whole.plans[number].params
    assert "a.png was left out" in rest.warnings()[0] and rest.settings == whole.settings


@pytest.mark.parametrize("count", [3, 300])
def test_what_all_pictures_of_a_batch_share_is_looked_for_once(tmp_path, device, monkeypatch, count):
    looked = []
    for name in ("upscalers", "vae_for"):
        original = getattr(Library, name)
        monkeypatch.setattr(
            Library,
            name,
            lambda *how, name=name, original=original, **more: looked.append(name) or original(*how, **more),
        )
    batch = Batch(tuple(BatchItem(f"/nowhere/{number}.png", f"{number}.png") for number in range(count)))
    request = recorded(wish(tmp_path), batch)
    spec = replace(
        job(request),
        settings=asdict(Settings(sd_model_checkpoint="tiny-sd1", upscaler_for_img2img="r-esrgan 4x+ anime6b")),
    )
    monkeypatch.setattr(Library, "upscaler", lambda self, name: self.upscalers() and "R-ESRGAN 4x+ Anime6B")
    recipe = plan_job(spec, device.library, inputs())
    assert len(recipe.numbers) == count and sorted(looked) == ["upscalers", "vae_for"]


@pytest.mark.parametrize(
    ("fields", "names"), [({}, ["a.png", "b.png"]), ({"n_iter": 2}, ["a-1.png", "a-2.png", "b-1.png", "b-2.png"])]
)
def test_results_bear_their_pictures_names_and_overwrite_nothing(tmp_path, device, fields, names):
    folder = put(tmp_path / "in", "a.png", "b.webp")
    request = wish(folder, batch_output_dir=str(tmp_path / "out"), **fields)
    spec = job(recorded(request, img2img_batch(request, ANY_FOLDER)))
    (tmp_path / "out" / names[0]).write_text("theirs")
    recipe, pictures = played(device, spec)
    where = Where(tmp_path / "outputs", tmp_path / "cache", {})
    paths = [
        save_image(recipe, index, picture.result, spec, where).event.path for index, picture in enumerate(pictures)
    ]
    first = names[0].replace(".png", "-1.png")
    assert paths == [str(tmp_path / "out" / name) for name in (first, *names[1:])]
    assert (tmp_path / "out" / names[0]).read_text() == "theirs" and not (tmp_path / "outputs").exists()


def test_without_an_output_directory_pictures_are_saved_as_usual(tmp_path, device):
    folder = put(tmp_path / "in", "a.png")
    spec = job(recorded(wish(folder), img2img_batch(wish(folder), ANY_FOLDER)))
    recipe, [picture] = played(device, spec)
    path = save_image(recipe, 0, picture.result, spec, Where(tmp_path / "outputs", tmp_path / "cache", {})).event.path
    assert path.startswith(str(tmp_path / "outputs" / "img2img-images")) and path.endswith("00000-5.png")


def test_extras_enlarge_a_folder_and_keep_names_and_data(tmp_path, device):
    folder = put(tmp_path / "in", "a.png", text=DATA)
    asked = FromFolder(batch_input_dir=str(folder), batch_output_dir=str(tmp_path / "out"))
    params = Extras(upscaler_1="Lanczos")
    spec = job(asdict(params) | {"batch": asdict(extras_batch(asked, params, ANY_FOLDER))}, "extras")
    recipe, [picture] = played(device, spec)
    path = save_image(recipe, 0, picture.result, spec, Where(tmp_path / "outputs", tmp_path / "cache", {})).event.path
    assert path == str(tmp_path / "out" / "a.png") and recipe.facts(0)["seed"] == "77"
    with Image.open(path) as image:
        assert (
            image.size == (128, 128)
            and image.text["parameters"] == f"{DATA}, Postprocess upscale by: 2, Postprocess upscaler: Lanczos"
        )


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.png", "{folder}/a.png"])
def test_a_request_that_is_no_batch_cannot_name_files(tmp_path, device, name):
    put(tmp_path, "a.png")
    params = asdict(resolve_img2img(Img2Img(**USUAL, init_images=(name.format(folder=tmp_path),)), Settings()))
    _, [picture] = played(device, job(params))
    assert isinstance(picture.error, InvalidImage) and "gone" in str(picture.error)
    extras = asdict(Extras()) | {"images": [name.format(folder=tmp_path)], "infotexts": [""]}
    _, [picture] = played(device, job(extras, "extras"))
    assert isinstance(picture.error, InvalidImage)


# Sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((512, 512), 1, (512, 512)),
        ((515, 300), 1, (512, 296)),
        ((100, 200), 1.5, (144, 296)),
        ((64, 2048), 1, (64, 2048)),
    ],
)
def test_a_result_is_so_many_times_as_large_as_its_picture(size, scale, expected):
    assert tuple(scaled_fields(size, scale).values()) == expected


@pytest.mark.parametrize(("size", "scale"), [((64, 64), 0.9), ((64, 2048), 1.1), ((1, 1), 4)])
def test_sizes_that_cannot_be_drawn_are_refused(size, scale):
    with pytest.raises(Invalid, match="would have"):
        scaled_fields(size, scale)


def test_each_picture_of_a_batch_is_scaled_by_itself(tmp_path):
    folder = put(tmp_path / "in", "a.png", "small.png", "b.png")
    Image.new("RGB", (96, 64)).save(folder / "b.png")
    Image.new("RGB", (16, 16)).save(folder / "small.png")
    lying = Image.Exif()
    lying[0x0112] = 6
    Image.new("RGB", (96, 64)).save(folder / "c.jpg", exif=lying)
    batch = sized(img2img_batch(wish(folder), ANY_FOLDER), 2, inputs())
    assert [(each.file, each.params) for each in batch.entries] == [
        ("a.png", {"width": 128, "height": 128}),
        ("b.png", {"width": 192, "height": 128}),
        ("c.jpg", {"width": 128, "height": 192}),
    ]
    assert "small.png" in batch.notes[-1]
