"""A picture of the library made again, and compared with what it was."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import Conflict, Invalid
from modules.commands.assemble import assemble
from modules.gallery.search import Wanted
from modules.requests.make_again import compare_again, compare_pixels, edited_record, make_again
from modules.settings.flags import parse_flags
from modules.store.jobs import DONE, FAILED, JobRecord, OutputRecord
from tests.gallery.pictures import infotext, save
from tests.servers import with_tiny_model


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The program without a worker."""
    return assemble(parse_flags(["--nowebui", "--data-dir", str(with_tiny_model(tmp_path_factory.mktemp("again")))], {}))


def picture(app, name: str, text: str):
    library = app.galleries.of("local")
    save(app.flags.paths.outputs / name, text, len(text))
    library.scan()
    return next(row for row in library.index.rows(library.search.found(Wanted())[0].tolist()) if row.name == name)


def test_a_picture_is_made_again_from_its_data_alone_and_not_saved(app):
    text = infotext("a fox", Seed=77, Model="tiny-sd1", Steps=3, Size="64x64", **{"CFG scale": 4.5})
    record = app.jobs.get(make_again(app, LOCAL_ACCOUNT, picture(app, "a.png", text), text))
    asked = {name: record.params[name] for name in ("prompt", "seed", "steps", "cfg_scale", "width", "n_iter", "batch_size")}
    assert asked == {"prompt": "a fox", "seed": 77, "steps": 3, "cfg_scale": 4.5, "width": 64, "n_iter": 1, "batch_size": 1}
    assert not record.save


def test_a_picture_made_from_another_is_made_again_by_its_jobs_record(app):
    app.jobs.store.add(JobRecord("from", "local", "extras", {"images": ["x.png"]}, {}, True, state=DONE))
    row = picture(app, "b.png", "")._replace(job="from")
    record = app.jobs.get(make_again(app, LOCAL_ACCOUNT, row, ""))
    assert (record.kind, record.params["images"], record.save) == ("extras", ["x.png"], False)


def test_what_was_edited_goes_before_the_jobs_record_and_the_rest_stays_the_jobs(app):
    made = infotext("a fox", Seed=8, Steps=20, Model="tiny-sd1", **{"Denoising strength": 0.5})
    now = infotext("a wolf", Seed=58, Steps=20, Model="tiny-sd1", **{"Denoising strength": 0.5, "Clip skip": 2})
    params = {"prompt": "{a fox|a cat}", "seed": 7, "steps": 21, "init_images": ["x.png"], "denoising_strength": 0.5}
    outputs = (OutputRecord(1, "b.png", made, {}, True),)
    record = JobRecord("from", "local", "img2img", params, {"CLIP_stop_at_last_layers": 1}, True, outputs=outputs)
    edited = edited_record(app, record, 1, now)
    assert edited.params == {**params, "prompt": "a wolf", "seed": 57}      # its second picture has seed 58 then
    assert edited.settings["CLIP_stop_at_last_layers"] == 2
    assert edited_record(app, record, 1, made) is record and edited_record(app, record, 1, "") is record


@pytest.mark.parametrize("text", ["", infotext(**{"Denoising strength": 0.5})])
def test_where_the_data_do_not_tell_enough_nothing_is_queued(app, text):
    row, before = picture(app, f"c{len(text)}.png", text), app.jobs.unfinished.running()
    with pytest.raises(Invalid):
        make_again(app, LOCAL_ACCOUNT, row, text)
    assert app.jobs.unfinished.running() == before


def saved_pixels(path, pixels: np.ndarray):
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_a_comparison_counts_pixels_and_the_largest_difference(tmp_path):
    pixels = np.full((4, 6, 3), 100)
    first = saved_pixels(tmp_path / "a.png", pixels)
    pixels[0, 0, 1] += 1
    near = compare_pixels(first, saved_pixels(tmp_path / "b.png", pixels), 0, False)
    assert (near.reproduces, near.max_difference, near.differing_pixels) == (True, 1, 1)
    pixels[1] += 9
    far = compare_pixels(first, saved_pixels(tmp_path / "c.png", pixels), 0, False)
    assert (far.reproduces, far.max_difference, far.differing_pixels) == (False, 9, 7)
    other = compare_pixels(first, saved_pixels(tmp_path / "d.png", np.zeros((2, 2, 3))), 0, False)
    assert (other.reproduces, other.max_difference) == (False, None)


def test_only_a_job_that_is_done_is_compared_and_the_right_picture_of_many(app, tmp_path):
    row = picture(app, "e.png", infotext())._replace(position=1)
    first = saved_pixels(tmp_path / "1.png", np.zeros((4, 4, 3)))
    other = saved_pixels(tmp_path / "0.png", np.full((4, 4, 3), 90))
    outputs = (OutputRecord(0, str(other), "", {}, False), OutputRecord(1, str(first), "", {}, False))
    done = JobRecord("j", "local", "img2img", {}, {}, False, state=DONE, outputs=outputs, asked=2)
    assert compare_again(row, first, done).index == 1 and compare_again(row, first, done).reproduces
    with pytest.raises(Conflict):
        compare_again(row, first, JobRecord("k", "local", "img2img", {}, {}, False, state=FAILED))
