"""Pictures copied by hand into a folder of their own, and the sound of a job's end."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from modules.base.errors import DiskFull
from modules.imaging.read import read_metadata
from modules.requests import saving_by_hand
from tests.api.test_generate import post

HEADER = "prompt,seed,width,height,sampler,cfgs,steps,filename,negative_prompt,sd_model_name,sd_model_hash"


@contextmanager
def set_to(client, **settings):
    file = client.app.settings
    before, file._own = file._own, {**file._own, **settings}      # also what no request may set
    try:
        yield
    finally:
        file._own = before


def drawn(client, job, **fields):
    """A job with pictures in the cache alone."""
    post(client, force_task_id=job, save_images=False, **fields)
    return job


def saved(client, job, index=0, **how):
    """The copies' paths on the disk."""
    reply = client.post(f"/easel/v1/jobs/{job}/save", json={"index": index}, **how)
    assert reply.status_code == 200, reply.text
    return [client.app.flags.paths.outputs.parent / file for file in reply.json()["files"]]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_saved_picture_is_a_copy_with_its_data_and_a_row_in_the_log(client):
    job = drawn(client, "hand-1", prompt="猫, a \"cat\"\nin snow", negative_prompt="dog", n_iter=2)
    with set_to(client, outdir_save="outputs/kept"):
        [path] = saved(client, job, 1)
    picture = client.get(f"/easel/v1/jobs/{job}").json()["pictures"][1]
    assert path.parent == client.app.flags.paths.outputs / "kept" and path.name == "00000-12.png"
    assert path.read_bytes() == client.get(picture["url"]).content
    assert read_metadata(path.read_bytes()).infotext == picture["infotext"]
    assert (path.parent / "log.csv").read_text("utf-8").startswith(HEADER + "\n")
    [row] = rows(path.parent)
    assert row == {
        "prompt": '猫, a "cat"\nin snow',
        "seed": "12",
        "width": "64",
        "height": "64",
        "sampler": "Euler",
        "cfgs": "5.0",
        "steps": "4",
        "filename": path.name,
        "negative_prompt": "dog",
        "sd_model_name": "tiny-sd1",
        "sd_model_hash": row["sd_model_hash"],
    }
    assert f"Model hash: {row['sd_model_hash']}," in picture["infotext"]


@pytest.mark.slow
def test_saving_twice_makes_two_files_below_one_header(client):
    job = drawn(client, "hand-2")
    with set_to(client, outdir_save="twice", save_images_add_number=False, save_images_replace_action="Replace"):
        [[first], [second]] = saved(client, job), saved(client, job)
    assert first != second and first.read_bytes() == second.read_bytes()
    assert [row["filename"] for row in rows(first.parent)] == [first.name, second.name]


@pytest.mark.slow
def test_all_pictures_of_a_job_are_saved_in_subfolders_and_not_listed_as_the_settings_want(client):
    job = drawn(client, "hand-3", n_iter=2, batch_size=2)
    pattern = "[seed]-[batch_number]-[generation_number]-[seed_last]-[steps]-[sampler]-[model_name]-[width]"
    with set_to(
        client,
        outdir_save="all",
        save_selected_only=False,
        save_write_log_csv=False,
        use_save_to_dirs_for_ui=True,
        samples_filename_pattern=pattern,
        save_images_add_number=False,
        save_txt=True,
    ):
        paths = saved(client, job, 3)
    folder = client.app.flags.paths.outputs / "all" / date.today().isoformat()
    stems = [f"{11 + n}-{n % 2 + 1}-{n + 1}-14-4-Euler-tiny-sd1-64" for n in range(4)]
    assert paths == [folder / f"{stem}.png" for stem in stems]
    assert (folder / f"{stems[0]}.txt").read_text("utf-8").startswith("a red circle\nSteps: 4, ")
    assert not list(folder.parent.rglob("log.csv"))


def test_the_folder_of_saved_pictures_is_below_the_outputs(client):
    job = drawn(client, "hand-out")
    for outdir in ("../../elsewhere", "/elsewhere", "outputs/../../elsewhere"):
        with set_to(client, outdir_save=outdir):
            [path] = saved(client, job)
        assert path.resolve().is_relative_to(client.app.flags.paths.outputs.resolve()) and path.is_file()


@pytest.mark.parametrize(("text", "cell"), [
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"), ("\t=1", "'\t=1"), ("a = b", "a = b"), ("", ""),
])
def test_no_cell_of_the_log_is_a_formula(text, cell):
    assert saving_by_hand.harmless_cell(text) == cell


@pytest.mark.slow
def test_prompts_are_told_to_the_log_as_text(client):
    job = drawn(client, "hand-4", prompt="=HYPERLINK(1)", negative_prompt="@x", seed=-2)
    with set_to(client, outdir_save="formulas"):
        [path] = saved(client, job)
    [row] = rows(path.parent)
    assert (row["prompt"], row["negative_prompt"], row["seed"]) == ("'=HYPERLINK(1)", "'@x", "-2")


def test_a_picture_that_is_not_there_cannot_be_saved(client):
    job = drawn(client, "hand-5")
    assert client.post(f"/easel/v1/jobs/{job}/save", json={"index": 7}).status_code == 404
    assert client.post(f"/easel/v1/jobs/{job}/save", json={"index": -1}).status_code == 422
    Path(client.app.jobs.get(job).pictures[0].path).unlink()
    assert client.post(f"/easel/v1/jobs/{job}/save", json={"index": 0}).status_code == 404


def test_a_full_disk_is_told(client, monkeypatch):
    def full(path, content, header):
        raise DiskFull(f"No space left to write {path.name}.")

    job = drawn(client, "hand-6")
    monkeypatch.setattr(saving_by_hand, "append_whole", full)
    reply = client.post(f"/easel/v1/jobs/{job}/save", json={"index": 0})
    assert reply.status_code == 507 and "log.csv" in reply.json()["detail"]


def test_somebody_elses_picture_cannot_be_saved(guarded):
    alice, bob = {"auth": ("alice", "a-secret")}, {"auth": ("bob", "b-secret")}
    body = {"prompt": "a", "steps": 1, "width": 64, "height": 64, "force_task_id": "hers-by-hand"}
    assert guarded.post("/sdapi/v1/txt2img", json=body, **alice).status_code == 200
    before = list(guarded.app.flags.paths.outputs.rglob("*"))
    assert guarded.post("/easel/v1/jobs/hers-by-hand/save", json={"index": 0}, **bob).status_code == 404
    assert list(guarded.app.flags.paths.outputs.rglob("*")) == before
    with set_to(guarded, samples_filename_pattern="[user]"):
        [path] = saved(guarded, "hers-by-hand", **alice)
    assert path.name.endswith("-alice.png")


def test_the_sound_of_a_jobs_end_is_told_and_served_where_there_is_one(client):
    file = client.app.flags.paths.data_dir / "notification.mp3"
    assert client.get("/easel/v1/state").json()["sound"] is None
    assert client.get("/easel/v1/notification.mp3").status_code == 404
    file.write_bytes(b"ID3")
    try:
        with set_to(client, notification_volume=40):
            assert client.get("/easel/v1/state").json()["sound"] == 0.4
        with set_to(client, notification_audio=False):
            assert client.get("/easel/v1/state").json()["sound"] is None
        found = client.get("/easel/v1/notification.mp3")
        assert found.content == b"ID3" and found.headers["content-type"] == "audio/mpeg"
    finally:
        file.unlink()
