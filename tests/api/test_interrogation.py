"""A picture put into words over A1111's route."""

from __future__ import annotations

import base64
import io
import shutil

import pytest
from PIL import Image

from modules.base.accounts import LOCAL_ACCOUNT
from modules.requests.captions import caption_lengths, captioned
from tests.models.test_captioning import write_captioner

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")


def encoded(colour="orange"):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def with_blip(guarded):
    folder = guarded.app.flags.paths.models / "BLIP/small"
    write_captioner(folder)
    yield
    shutil.rmtree(folder)
    guarded.app.models.of("captioner").refresh()


def asked(server, auth=None, **body):
    return server.post("/sdapi/v1/interrogate", json={"image": encoded(), "model": "clip", **body}, auth=auth)


def test_without_a_file_it_is_said_which_is_missing_and_where_it_goes(client):
    for model, file in (("clip", "models/BLIP"), ("deepdanbooru", "models/torch_deepdanbooru/")):
        refused = asked(client, model=model)
        assert refused.status_code == 422 and file in refused.json()["hint"]
    assert asked(client, model="x").status_code == 404


@pytest.mark.slow
@pytest.mark.usefixtures("with_blip")
def test_a_picture_becomes_words_of_its_own_account(guarded):
    told = asked(guarded, BOB)
    assert told.status_code == 200 and set(told.json()) == {"caption"} and "word" in told.json()["caption"]
    assert asked(guarded, BOB, model="clip").json() == told.json()
    for_extensions = captioned(guarded.app, base64.b64decode(encoded()), LOCAL_ACCOUNT)
    assert for_extensions == told.json()["caption"]
    captions = guarded.app.flags.paths.cache / "captions"
    assert "bob" in [path.parent.name for path in captions.rglob("*.txt")]


@pytest.mark.slow
@pytest.mark.usefixtures("with_blip")
def test_a1111s_settings_say_how_long_a_caption_is(guarded):
    lengths = {"interrogate_clip_min_length": 4, "interrogate_clip_max_length": 5}
    told = guarded.post("/sdapi/v1/options", json=lengths, auth=BOB)
    assert not {*lengths} & {*(told.json() or {}).get("ignored", ())}
    try:
        assert len(asked(guarded, BOB, image=encoded("blue")).json()["caption"].split()) <= 5
    finally:
        guarded.post("/sdapi/v1/options", json={"interrogate_clip_min_length": 24, "interrogate_clip_max_length": 48}, auth=BOB)


@pytest.mark.parametrize(("told", "counts"), [(3, 3), (2.5, 2), (0, 1), (10**9, 16), (float("inf"), 16), (float("nan"), 1)])
def test_lengths_beyond_the_limits_are_the_limits(told, counts):
    settings = {"interrogate_clip_num_beams": told, "interrogate_clip_min_length": 24, "interrogate_clip_max_length": 48}
    assert caption_lengths(settings) == {"num_beams": counts, "min_length": 24, "max_length": 48}


@pytest.mark.usefixtures("with_blip")
def test_what_is_no_picture_or_none_is_refused(guarded):
    assert asked(guarded, BOB, image="").status_code == 422
    assert asked(guarded, BOB, image="bm8gcGljdHVyZQ==").status_code in (415, 422)
    hers = guarded.post("/easel/v1/inputs", json={"image": encoded("#3a5b7c")}, auth=ALICE).json()["name"]      # hers alone
    job = {"kind": "interrogate", "fields": {"image": hers}}
    assert guarded.post("/easel/v1/jobs", json=job, auth=BOB).status_code == 422
    assert guarded.post("/easel/v1/jobs", json={"kind": "interrogate", "fields": {"image": "0" * 64 + ".png"}}, auth=BOB).status_code == 422
