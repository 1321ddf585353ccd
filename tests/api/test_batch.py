"""A folder as a job: through the queue, followed by its id, ended as any other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

from modules.base.errors import Forbidden
from modules.params.batch import Img2ImgBatch
from modules.params.img2img import Img2Img
from modules.ui.tabs.batch import recorded, whose_folders
from modules.ui.words import Words
from tests.servers import settled


@pytest.fixture
def folder(tmp_path):
    (found := tmp_path / "in").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64), (80 * number, 0, 0)).save(found / f"{number}.png")
    (found / "1.png").write_bytes((found / "1.png").read_bytes()[:60])
    return found


def asked(folder, **fields):
    return Img2ImgBatch(**{"batch_source": "folder", "batch_input_dir": str(folder), "width": 64, "height": 64, "steps": 2} | fields)


def submitted(client, wish):
    app = client.app
    return app.jobs.submit("img2img", recorded(app)(wish, app.settings.current), app.settings.current, "local")


def test_all_pictures_but_the_damaged_one_are_made(client, folder, tmp_path):
    job = settled(client, submitted(client, asked(folder, batch_output_dir=str(tmp_path / "out"))))
    assert (job["state"], job["asked"], job["made"]) == ("done", 3, 2)
    assert [picture["index"] for picture in job["pictures"]] == [0, 2] and {picture["seed"] for picture in job["pictures"]} == {job["params"]["seed"]}
    assert job["warnings"] == ["1.png was left out. The picture is damaged or was cut off."]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]
    assert client.get(job["pictures"][1]["url"]).headers["content-type"] == "image/png"


def test_whoever_follows_it_may_ask_for_the_newest_alone_and_never_gets_the_list(client, folder):
    job = settled(client, submitted(client, asked(folder)))
    assert "batch" not in job["params"]
    newest = client.get(f"/easel/v1/jobs/{job['id']}", params={"newest": 1}).json()
    assert [picture["index"] for picture in newest["pictures"]] == [2] and newest["made"] == 2


def test_a_record_has_the_requests_fields_and_the_batch_and_goes_through_json(client, folder):
    record = recorded(client.app)(asked(folder, seed=-1), client.app.settings.current)
    assert record.keys() - {"batch"} == set(Img2Img.__dataclass_fields__) and record["seed"] >= 0
    assert json.loads(json.dumps(record))["batch"]["entries"][0]["image"] == str(folder / "0.png")
    plain = recorded(client.app)(Img2ImgBatch(init_images=("x",)), client.app.settings.current)
    assert plain.keys() == set(Img2Img.__dataclass_fields__)


def test_the_api_takes_no_folders(client, folder, tmp_path):
    body = {"init_images": ["x"], "batch": {"folder": str(tmp_path), "entries": []}, "batch_source": "folder", "batch_input_dir": str(folder)}
    assert client.post("/sdapi/v1/img2img", json=body).status_code == 422      # the picture is none; nothing else is looked at


def test_a_shared_server_refuses_folders_and_says_so_beforehand(client, folder):
    app = client.app
    assert "machine where the server runs" in whose_folders(app.flags, Words())
    shared = replace(app, flags=replace(app.flags, listen=True))
    assert "closed" in whose_folders(shared.flags, Words())
    with pytest.raises(Forbidden):
        recorded(shared)(asked(folder), app.settings.current)
    opened = replace(app, flags=replace(app.flags, listen=True, batch_dir=(folder,)))
    assert str(folder) in whose_folders(opened.flags, Words())
    assert recorded(opened)(asked(folder), app.settings.current)["batch"]["entries"]
