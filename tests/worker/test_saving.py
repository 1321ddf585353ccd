"""A drawn picture becomes files: their names, their formats, what is saved with them, and what a failing disk costs."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import DiskFull, Unwritable
from modules.engine.messages import JobSpec
from modules.imaging.filename import LONGEST_FILE_NAME
from modules.imaging.read import read_metadata
from modules.imaging.save import Destination
from modules.library.catalog import ModelFile
from modules.params.extras import Extras
from modules.params.txt2img import Txt2Img
from modules.pipelines import extras
from modules.pipelines.plan import Files, each_image
from modules.pipelines.result import Result, SideImage
from modules.settings.options import IMAGE_FORMATS, Settings
from modules.store.saving_notes import SavingNotes
from modules.worker.batch import Member
from modules.worker.job_kinds import JobPlan, extended_infotext, finished_facts, plan_images
from modules.worker.saving import Where, save_image
from tests.planning import image_plan

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
MODEL = ModelFile(Path("models/tiny.safetensors"), "tiny", sha256="0123456789abcdef")
TODAY = date.today().isoformat()
FLAT = {"save_to_dirs": False}


class Desk:
    """Keeps pictures of requests that nobody draws."""

    def __init__(self, folder):
        self.outputs = folder / "outputs"
        self.where = Where(self.outputs, folder / "cache", lambda backend: {})

    def keep(self, settings=None, index=0, owner=LOCAL_OWNER, drawn=None, save=True, unstyled=None, **fields):
        settings = Settings(**settings or {})
        request = Txt2Img(**{"prompt": "a cat, <lora:ink:1> on a mat", "seed": 7, "width": 64, "height": 48, **fields})
        recipe = plan_images(each_image(image_plan(request, settings, Files(MODEL))))
        recorded = asdict(request) | ({"unstyled": unstyled} if unstyled else {})
        spec = JobSpec("job", owner, "txt2img", recorded, asdict(settings), save)
        return save_image(recipe, index, drawn or Result(PIXELS), spec, self.where)

    def extras(self, settings=None, members=(), infotext="", **fields):
        settings = Settings(**settings or {})
        plans = extras.plans(Extras(**fields), settings, None, [("", infotext)])
        recipe = JobPlan(plans * max(1, len(members)), extended_infotext, finished_facts, members)
        return save_image(
            recipe, 0, Result(PIXELS), JobSpec("job", LOCAL_OWNER, "extras", {}, asdict(settings)), self.where
        )

    @property
    def files(self):
        return sorted(str(path.relative_to(self.outputs)) for path in self.outputs.rglob("*") if path.is_file())


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


# Names -----------------------------------------------------------------------------------------------


def test_the_usual_name_is_a_number_and_the_seed_in_a_folder_of_the_day(desk):
    kept = [desk.keep(index=index, n_iter=2) for index in range(2)]
    assert desk.files == [f"txt2img-images/{TODAY}/00000-7.png", f"txt2img-images/{TODAY}/00001-8.png"]
    assert [each.event.path for each in kept] == [str(desk.outputs / name) for name in desk.files]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (FLAT, "txt2img-images/00000-7-a cat,  on a mat.png"),
        (FLAT | {"samples_filename_pattern": "[model_name]-[steps]"}, "txt2img-images/00000-tiny-20.png"),
        (FLAT | {"samples_filename_pattern": "[none]"}, "txt2img-images/00000.png"),
        (FLAT | {"samples_filename_pattern": "[none]", "save_images_add_number": False}, "txt2img-images/00000.png"),
        (
            FLAT | {"samples_filename_pattern": "[width]/[height]", "save_images_add_number": False},
            "txt2img-images/64_48.png",
        ),
        (
            {"directories_filename_pattern": "[model_hash]/x", "samples_filename_pattern": "[user]"},
            "txt2img-images/0123456789/x/00000-alice.png",
        ),
        ({"directories_filename_pattern": "", "directories_max_prompt_words": 2}, "txt2img-images/a cat/00000-7.png"),
        (FLAT | {"outdir_samples": "all of it", "samples_filename_pattern": "[seed]"}, "all of it/00000-7.png"),
        (
            FLAT | {"outdir_txt2img_samples": "outputs/mine/too", "samples_filename_pattern": "[seed]"},
            "mine/too/00000-7.png",
        ),
        (FLAT | {"outdir_txt2img_samples": "outputs", "samples_filename_pattern": "[seed]"}, "00000-7.png"),
    ],
    ids=str,
)
def test_names_and_folders_follow_the_patterns(desk, settings, name):
    desk.keep(settings, owner="alice", steps=20)
    assert desk.files == [f"alice/{name}"]


def test_places_in_a_batch_are_told_by_its_pictures(desk):
    settings = FLAT | {
        "samples_filename_pattern": "[seed_first]-[seed_last]-[batch_number]-[generation_number]",
        "save_images_add_number": False,
    }
    for index in range(4):
        desk.keep(settings, index, n_iter=2, batch_size=2)
    assert [Path(name).stem for name in desk.files] == ["7-10-1-1", "7-10-1-3", "7-10-2-2", "7-10-2-4"]


def test_styles_are_known_by_what_the_job_recorded(desk):
    unstyled = {"prompt": "a cat", "negative_prompt": "", "styles": [["Mat", "{prompt}, on a mat"]]}
    settings = FLAT | {"samples_filename_pattern": "[styles]-[prompt_no_styles]"}
    desk.keep(settings, unstyled=unstyled, prompt="a cat, on a mat")
    assert desk.files == ["txt2img-images/00000-Mat-a cat.png"]


def test_a_setting_of_an_older_job_that_leads_elsewhere_leads_nowhere(desk, tmp_path):
    """Settings are checked when they are set; what was recorded otherwise still stays below the outputs."""
    desk.keep(
        {
            "outdir_samples": "../../etc",
            "directories_filename_pattern": "..\\..",
            "samples_filename_pattern": "../[seed]",
        }
    )
    assert desk.files == ["etc/00000-.._7.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_a_prompt_of_any_length_makes_a_name_that_fits(desk):
    kept = desk.keep(FLAT | {"samples_filename_pattern": "[prompt]" * 30}, prompt="猫 " * 3000)
    assert kept.problem is None and len(Path(kept.event.path).name.encode()) <= LONGEST_FILE_NAME


UNNUMBERED = FLAT | {"samples_filename_pattern": "x", "save_images_add_number": False}


@pytest.mark.parametrize(("how", "names"), [
    ({}, ["x.png"]),
    ({"settings": {"save_images_replace_action": "Add number suffix"}}, ["x-1.png", "x.png"]),
    ({"owner": "alice"}, ["x-1.png", "x.png"]),
    ({"n_iter": 2}, ["x-1.png", "x.png"]),
], ids=["replaced", "asked not to", "several people", "several pictures"])
def test_a_picture_is_replaced_only_where_nobody_can_miss_it(desk, how, names):
    settings = UNNUMBERED | how.pop("settings", {})
    for _ in range(2):
        desk.keep(settings, **how)
    assert [Path(name).name for name in desk.files] == names


# Formats ---------------------------------------------------------------------------------------------

LARGE = "a cat, 猫, " * 8_000


@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_generation_data_come_back_from_every_format(desk, name):
    kept = desk.keep({"samples_format": name}, prompt="a cat, 猫, “quoted”")
    content = Path(kept.event.path).read_bytes()
    assert kept.event.path.endswith(f".{name}")
    assert Image.open(io.BytesIO(content)).format == {"jpg": "JPEG"}.get(name, name.upper())
    assert read_metadata(content).infotext == kept.event.infotext
    plain = desk.keep({"samples_format": name, "enable_pnginfo": False})
    assert read_metadata(Path(plain.event.path).read_bytes()).infotext == ""


@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_no_generation_data_is_too_long_to_be_kept(desk, name):
    """JPEG has no room for it: then it lies beside the picture."""
    kept = desk.keep({"samples_format": name}, prompt=LARGE)
    path = Path(kept.event.path)
    text = (
        path.with_suffix(".txt").read_text() if name in ("jpg", "jpeg") else read_metadata(path.read_bytes()).infotext
    )
    assert text.strip() == kept.event.infotext and kept.problem is None


def test_quality_and_losslessness_are_as_set(desk):
    sizes = [
        Path(desk.keep({"samples_format": "jpg", "jpeg_quality": each}).event.path).stat().st_size for each in (10, 95)
    ]
    assert sizes[0] < sizes[1] / 2
    exact = desk.keep({"samples_format": "webp", "webp_lossless": True})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(Path(exact.event.path).read_bytes()))), PIXELS)


def test_what_is_too_wide_for_its_format_becomes_a_png(desk):
    wide = Result(np.zeros((8, 16_384, 3), np.uint8))
    assert desk.keep({"samples_format": "webp"}, drawn=wide).event.path.endswith(".png")


def test_transparent_pictures_can_be_saved_in_every_format(desk):
    clear = Result(np.zeros((8, 8, 4), np.uint8))
    for name in IMAGE_FORMATS:
        assert desk.keep({"samples_format": name}, drawn=clear).problem is None


@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_what_is_not_to_be_saved_is_cached_in_its_format(desk, name):
    kept = desk.keep({"samples_format": name}, save=False)
    path = Path(kept.event.path)
    assert path.parent == desk.where.cache and path.suffix == f".{name}" and not kept.event.saved
    assert not desk.outputs.exists()


# What is saved with it -------------------------------------------------------------------------------


def test_a_text_file_has_the_pictures_name(desk):
    kept = desk.keep({"save_txt": True, "enable_pnginfo": True})
    assert Path(kept.event.path).with_suffix(".txt").read_text() == kept.event.infotext + "\n"


@pytest.mark.parametrize(("settings", "name", "size"), [
    ({"target_side_length": 32}, "00000-7.jpg", (32, 24)), ({"img_downscale_threshold": 0}, "00000-7.jpg", (64, 48)),
    ({"target_side_length": 32, "samples_format": "jpg"}, "00000-7-1.jpg", (32, 24)),
    ({"target_side_length": 32, "export_for_4chan": False}, None, None), ({}, None, None),
], ids=str)
def test_a_large_picture_has_a_copy_beside_it(desk, settings, name, size):
    kept = desk.keep(settings)
    others = [path for path in Path(kept.event.path).parent.iterdir() if str(path) != kept.event.path]
    assert [path.name for path in others] == ([name] if name else [])
    if name:
        copy, own = others[0].read_bytes(), Path(kept.event.path).read_bytes()
        assert Image.open(io.BytesIO(copy)).size == size and read_metadata(copy).infotext == kept.event.infotext
        assert Image.open(io.BytesIO(own)).size == (64, 48)


def test_stages_come_before_their_picture_and_masks_after_it(desk):
    drawn, grey = Result(PIXELS), Image.new("L", (32, 24))
    drawn.extra_params.side_images += [SideImage("-mask", grey, after=True), SideImage("-before-highres-fix", grey)]
    kept = desk.keep(drawn=drawn)
    assert [Path(name).name for name in desk.files] == [
        "00000-7-before-highres-fix.png",
        "00001-7.png",
        "00002-7-mask.png",
    ]
    assert kept.event.path.endswith("00001-7.png")
    assert {read_metadata((desk.outputs / name).read_bytes()).infotext for name in desk.files} == {kept.event.infotext}


def test_the_maps_that_a_picture_followed_are_saved_beside_it_if_the_settings_say_so(desk):
    maps = tuple(Image.new("RGB", (32, 24), shade) for shade in ("black", "white"))
    desk.keep(drawn=Result(PIXELS, maps=maps))
    assert [Path(name).name for name in desk.files] == ["00000-7.png"]
    desk.keep({"control_net_detectmap_autosaving": True}, drawn=Result(PIXELS, maps=maps))
    assert [Path(name).name for name in desk.files][2:] == [
        "00002-7-detected-map-0.png", "00003-7-detected-map-1.png",
    ]


def test_what_a_picture_was_made_of_is_saved_once(desk):
    for _ in range(2):
        drawn = Result(PIXELS)
        drawn.extra_params.starts["abc"] = Image.fromarray(PIXELS)
        desk.keep({"outdir_init_images": "outputs/starts"} | FLAT, drawn=drawn)
    assert [name for name in desk.files if not name.startswith("txt2img")] == ["starts/abc.png"]


@pytest.mark.parametrize("failing", [".txt", ".png"])
def test_a_full_disk_costs_what_belongs_to_a_picture_before_the_picture(desk, monkeypatch, failing):
    write = Destination.write

    def full(place, content, extension, *how):
        if f".{extension}" == failing:
            raise DiskFull("No space left.", "Free some.")
        return write(place, content, extension, *how)

    monkeypatch.setattr(Destination, "write", full)
    kept = desk.keep({"save_txt": True})
    assert isinstance(kept.problem, DiskFull) and Path(kept.event.path).is_file()
    assert kept.event.saved == (failing == ".txt")


def test_what_is_returned_beside_a_picture_is_in_the_cache_alone(desk):
    grey, clear = Image.new("RGB", (32, 24), "grey"), Image.new("RGBA", (32, 24))
    kept = desk.keep({"samples_format": "jpg"}, drawn=Result(PIXELS, returned=(grey, clear)))
    files = [Path(path) for path in kept.event.facts["returned"]]
    assert [Image.open(io.BytesIO(path.read_bytes())).mode for path in files] == ["RGB", "RGBA"] and {
        path.parent for path in files
    } == {desk.where.cache}
    assert [read_metadata(path.read_bytes()).infotext for path in files] == ["", ""] and len(desk.files) == 1
    assert "returned" not in desk.keep().event.facts


def test_a_full_cache_costs_what_is_returned_beside_a_picture_before_the_picture(desk):
    desk.where.cache.write_text("no folder")
    kept = desk.keep(drawn=Result(PIXELS, returned=(Image.new("RGB", (8, 8)),)))
    assert kept.problem and kept.event.saved and Path(kept.event.path).is_file() and "returned" not in kept.event.facts


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_picture_that_outputs_and_cache_refuse_is_kept_among_the_temporary_files(desk, monkeypatch, tmp_path, code):
    """As on a data folder whose one disk is full: the client is given the picture all the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sync = os.fsync

    def broken(handle):
        if "easel-" not in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(code, os.strerror(code))
        sync(handle)

    monkeypatch.setattr(os, "fsync", broken)
    kept = desk.keep()
    assert not kept.event.saved and isinstance(kept.problem, DiskFull if code == errno.ENOSPC else Unwritable)
    assert np.array_equal(Image.open(kept.event.path), PIXELS)
    assert not list(tmp_path.rglob("*.tmp")) and desk.files == []


@pytest.mark.parametrize(("settings", "named"), [
    ({}, "outdir_txt2img_samples"), ({"outdir_samples": "all"}, "outdir_samples"),
])
def test_a_folder_that_cannot_be_written_is_named_by_its_setting(desk, settings, named):
    desk.outputs.write_text("no folder")
    kept = desk.keep(settings)
    assert isinstance(kept.problem, Unwritable) and f"setting {named} " in kept.problem.hint


# Killed before it was recorded ------------------------------------------------------------------------


@pytest.fixture
def noting(desk, tmp_path):
    desk.where = replace(desk.where, notes=SavingNotes(tmp_path / "cache"))
    return desk


@pytest.mark.parametrize("settings", [{}, {"save_txt": True}, {"samples_format": "jpg"}, FLAT], ids=str)
def test_a_picture_that_a_killed_run_has_named_is_not_written_twice(noting, settings):
    first = noting.keep(settings)
    files = noting.files
    again = noting.keep(settings)
    assert (again.event.path, again.event.saved, again.problem) == (first.event.path, True, None)
    assert noting.files == files
    assert noting.keep(settings, index=0, n_iter=2, seed=7).event.path == first.event.path


def test_what_a_killed_run_left_out_beside_its_picture_is_written_then(noting):
    path = Path(noting.keep({"save_txt": True}).event.path)
    path.with_suffix(".txt").unlink()
    noting.keep({"save_txt": True})
    assert path.with_suffix(".txt").is_file() and len(noting.files) == 2


def test_another_file_that_took_the_name_stays_and_the_picture_is_written_beside_it(noting, monkeypatch):
    path = Path(noting.keep().event.path)
    path.unlink()
    path.write_bytes(b"somebody else's")
    kept = noting.keep()
    assert path.read_bytes() == b"somebody else's" and kept.event.path != str(path) and Path(kept.event.path).is_file()


def test_a_picture_that_was_recorded_is_nobodys_to_take_over(noting):
    first = noting.keep()
    noting.where.notes.forget("job", 0)
    assert noting.keep().event.path != first.event.path


def test_a_half_written_note_is_none(noting):
    noting.keep()
    (note,) = noting.where.notes.folder.iterdir()
    for content in (b"", b'{"path": "/x', b"[]", b'{"path": 5, "file": 5}'):
        note.write_bytes(content)
        assert noting.where.earlier("job", 0) is None


# Extras ----------------------------------------------------------------------------------------------

CAT = (Member("cat.webp", "", "cat"),)


@pytest.mark.parametrize(("how", "name"), [
    ({}, "00000.png"),
    ({"infotext": "a\nSteps: 1, Sampler: Euler, CFG scale: 1, Seed: 5"}, "00000-5.png"),
    ({"settings": {"samples_filename_pattern": "[model_name]"}}, "00000.png"),
    ({"members": CAT}, "cat.png"),
    ({"members": CAT, "settings": {"use_original_name_batch": False}}, "00000.png"),
    ({"upscaler_1": "4x/Sharp", "members": CAT, "settings": {"use_upscaler_name_as_suffix": True}}, "cat-4x_Sharp.png"),
    ({"settings": {"use_upscaler_name_as_suffix": True}}, "00000.png"),
], ids=str)
def test_extras_are_called_as_their_settings_say(desk, how, name):
    desk.extras(**how)
    assert desk.files == [f"extras-images/{TODAY}/{name}"]
