"""A folder as a job: through the queue, followed by its id, ended as any other."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from PIL import Image

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Forbidden
from modules.params.batch import Img2ImgBatch
from modules.params.img2img import Img2Img
from modules.requests.kinds import JOB_KINDS
from modules.ui.tabs.batch import whose_folders
from modules.ui.words import Words
from tests.servers import settled


@pytest.fixture
def folder(tmp_path):
    (found := tmp_path / "in").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64), (80 * number, 0, 0)).save(found / f"{number}.png")
    (found / "1.png").write_bytes((found / "1.png").read_bytes()[:60])
    return found


def wish(folder, **given):
    return {"batch_source": "folder", "batch_input_dir": str(folder), "width": 64, "height": 64, "steps": 2, **given}


def submitted(client, given):
    reply = client.post("/easel/v1/jobs", json={"kind": "img2img", "fields": given})
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def params_of(app, folder, **given):
    return JOB_KINDS["img2img"].resolve(app, Img2ImgBatch(**wish(folder, **given)), app.data_of(LOCAL_OWNER))


def test_all_pictures_but_the_damaged_one_are_made(client, folder, tmp_path):
    job = settled(client, submitted(client, wish(folder, batch_output_dir=str(tmp_path / "out"))))
    assert (job["state"], job["asked"], job["made"]) == ("done", 3, 2)
    assert [picture["index"] for picture in job["pictures"]] == [0, 2] and {
        picture["seed"] for picture in job["pictures"]
    } == {job["params"]["seed"]}
    assert job["warnings"] == ["1.png was left out. The picture is damaged or was cut off."]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]
    assert client.get(job["pictures"][1]["url"]).headers["content-type"] == "image/png"


def test_whoever_follows_it_may_ask_for_the_newest_alone_and_never_gets_the_list(client, folder):
    job = settled(client, submitted(client, wish(folder)))
    assert "batch" not in job["params"]
    newest = client.get(f"/easel/v1/jobs/{job['id']}", params={"newest": 1}).json()
    assert [picture["index"] for picture in newest["pictures"]] == [2] and newest["made"] == 2


def test_a_record_has_the_requests_fields_and_the_batch_and_goes_through_json(client, folder):
    record = params_of(client.app, folder, seed=-1)
    assert record.keys() - {"batch"} == {each.name for each in fields(Img2Img)} and record["seed"] >= 0
    assert json.loads(json.dumps(record))["batch"]["entries"][0]["image"] == str(folder / "0.png")


def test_a_shared_server_refuses_folders_and_says_so_beforehand(client, folder):
    app = client.app
    assert "machine where the server runs" in whose_folders(app.flags, Words())
    shared = replace(app, flags=replace(app.flags, listen=True), _data={})
    assert "closed" in whose_folders(shared.flags, Words())
    with pytest.raises(Forbidden):
        params_of(shared, folder)
    opened = replace(app, flags=replace(app.flags, listen=True, batch_dir=(folder,)), _data={})
    assert str(folder) in whose_folders(opened.flags, Words())
    assert params_of(opened, folder)["batch"]["entries"]
