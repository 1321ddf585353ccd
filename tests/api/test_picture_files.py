"""A job's pictures as a zip, and the folder that they are in."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from modules.api import picture_files
from tests.api.test_generate import post
from tests.api.test_saving_by_hand import set_to

SILENT = ("true",)      # a program that does nothing, in the file manager's place


@pytest.mark.slow
def test_a_zip_has_all_pictures_of_a_job_as_they_are(client):
    post(client, force_task_id="zip-1", save_images=True, n_iter=2)
    job = client.get("/easel/v1/jobs/zip-1").json()
    reply = client.get("/easel/v1/jobs/zip-1/zip")
    assert reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as found:
        names = found.namelist()
        assert len(names) == len(job["pictures"]) >= 2 and found.testzip() is None
        assert {found.read(name) for name in names} == {client.get(each["url"]).content for each in job["pictures"]}


@pytest.mark.slow
def test_the_zip_is_called_as_the_settings_pattern_says(client):
    post(client, force_task_id="zip-2", save_images=True, seed=77)
    with set_to(client, grid_zip_filename_pattern="猫 [seed]"):
        told = client.get("/easel/v1/jobs/zip-2/zip").headers["content-disposition"]
    assert "77" in told and told.endswith(".zip")
    assert client.get("/easel/v1/jobs/no-such-job/zip").status_code == 404


@pytest.mark.slow
def test_a_picture_that_has_been_deleted_is_left_out_of_zip_and_name(client):
    post(client, force_task_id="zip-5", save_images=True, n_iter=2, seed=77)
    first, second = [each for each in client.app.jobs.get("zip-5").pictures if "grid" not in each.kind]
    Path(first.path).unlink()
    with set_to(client, grid_zip_filename_pattern="[seed]"):
        reply = client.get("/easel/v1/jobs/zip-5/zip")
    assert "78" in reply.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.content)) as found:
        assert Path(second.path).name in found.namelist() and Path(first.path).name not in found.namelist()


@pytest.mark.slow
def test_a_pictures_folder_is_told_and_opened_where_nobody_else_may_use_the_server(client, monkeypatch):
    monkeypatch.setattr(picture_files, "USUAL_FILE_MANAGER", SILENT)
    monkeypatch.setattr(picture_files, "FILE_MANAGERS", {})
    monkeypatch.setenv("DISPLAY", ":0")
    post(client, force_task_id="zip-3", save_images=True)
    found = client.post("/easel/v1/folder", json={"job": "zip-3", "index": 0}).json()
    assert found["folder"].startswith("outputs/txt2img-images/")
    assert found["opened"] is True
    without = client.post("/easel/v1/folder", json={}).json()
    assert without["folder"] == "outputs/txt2img-images"


def test_a_folder_is_told_and_not_opened_where_others_may_use_the_server(guarded, monkeypatch):
    monkeypatch.setattr(picture_files, "open_folder", lambda folder: pytest.fail(f"{folder} was opened"))
    found = guarded.post("/easel/v1/folder", json={}, auth=("alice", "a-secret")).json()
    assert found["opened"] is False


@pytest.mark.slow
def test_a_jobs_seconds_are_known_once_it_has_ended(client):
    post(client, force_task_id="zip-4")
    assert client.get("/easel/v1/jobs/zip-4").json()["seconds"] > 0


def test_a_folder_is_not_opened_without_a_screen_or_a_file_manager(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "FILE_MANAGERS", {})
    for name in picture_files.SCREENS:
        monkeypatch.delenv(name, raising=False)
    assert not picture_files.open_folder(tmp_path)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(picture_files, "USUAL_FILE_MANAGER", ("no-such-program-of-any-kind",))
    assert not picture_files.open_folder(tmp_path)
