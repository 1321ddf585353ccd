"""The picture library over HTTP."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from modules.commands.assemble import assemble
from modules.commands.serve import application
from modules.settings.flags import parse_flags
from tests.gallery.pictures import infotext, save

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
LIBRARY = "/easel/v1/library"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A server of two people with three pictures of hers and one of his."""
    data = tmp_path_factory.mktemp("library")
    for number in range(3):
        save(data / f"outputs/alice/txt2img-images/{number}.png", infotext(Seed=number), number, day=f"2026-11-0{number + 1}")
    save(data / "outputs/bob/txt2img-images/his.png", infotext("a secret"), 9)
    app = assemble(parse_flags(["--nowebui", "--data-dir", str(data), "--api-auth", "alice:a-secret,bob:b-secret"], {}))
    client = TestClient(application(app, ""), base_url="http://localhost")      # without its lifespan: no worker
    for auth in (ALICE, BOB):
        assert client.get(LIBRARY, auth=auth).status_code == 200
        assert app.galleries.of(auth[0]).wait(30)
    client.easel = app
    return client


def listed(client, auth=ALICE, **query):
    reply = client.get(LIBRARY, params=query, auth=auth)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_list_has_what_a_grid_needs(shelf):
    found = listed(shelf, q="fox", sort="newest")
    assert found["total"] == 3 and [each["name"] for each in found["pictures"]] == ["2.png", "1.png", "0.png"]
    assert found["pictures"][0].keys() == {
        "id", "name", "width", "height", "at", "favourite", "rating", "kind", "broken", "version", "flags"
    }
    assert listed(shelf, q="fox", offset=2, limit=1)["pictures"][0]["name"] == "0.png"
    assert listed(shelf, q="steps:many")["notes"]


def test_details_file_and_thumbnail_are_the_pictures(shelf):
    [row] = listed(shelf, q="seed:1")["pictures"]
    details = shelf.get(f"{LIBRARY}/pictures/{row['id']}", auth=ALICE).json()
    assert details["infotext"] == infotext(Seed=1) and ["Seed", "1"] in details["pairs"]
    assert (details["path"], details["program"], details["tampered"]) == ("txt2img-images/1.png", "A1111", False)
    file = shelf.get(f"{LIBRARY}/pictures/{row['id']}/file", auth=ALICE)
    path = shelf.easel.flags.paths.outputs / "alice/txt2img-images/1.png"
    assert file.content == path.read_bytes() and file.headers["content-type"] == "image/png"
    thumbnail = shelf.get(f"{LIBRARY}/pictures/{row['id']}/thumbnail?v={row['version']}", auth=ALICE)
    assert thumbnail.content[:2] == b"\xff\xd8" and "immutable" in thumbnail.headers["cache-control"]


def test_days_facets_and_completions_are_of_what_fits(shelf):
    assert shelf.get(f"{LIBRARY}/days?q=seed:2", auth=ALICE).json() == [{"day": "2026-11-03", "count": 1}]
    facets = shelf.get(f"{LIBRARY}/facets", auth=ALICE).json()
    assert facets["model"] == [{"value": "sticker", "count": 3}]
    assert shelf.get(f"{LIBRARY}/suggest?q=mod&at=3", auth=ALICE).json() == [{"text": "model:"}]


def test_anothers_pictures_do_not_exist(shelf):
    assert [each["name"] for each in listed(shelf, BOB)["pictures"]] == ["his.png"]
    theirs = {each["id"] for each in listed(shelf)["pictures"]}
    for picture in theirs - {each["id"] for each in listed(shelf, BOB)["pictures"]}:
        for route in ("", "/file", "/thumbnail"):
            reply = shelf.get(f"{LIBRARY}/pictures/{picture}{route}", auth=BOB)
            assert reply.status_code == 404
    assert listed(shelf, BOB, q="fox")["total"] == 0


def test_events_tell_the_revision(shelf):
    with shelf.stream("GET", f"{LIBRARY}/events?limit=1", auth=ALICE) as reply:
        assert '"revision"' in reply.read().decode()


@pytest.mark.parametrize("query", ["in=elsewhere", "sort=fastest", "limit=501", "offset=-1"])
def test_a_query_that_makes_no_sense_is_refused(shelf, query):
    assert shelf.get(f"{LIBRARY}?{query}", auth=ALICE).status_code == 422
