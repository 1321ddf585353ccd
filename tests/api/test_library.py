"""The picture library over HTTP."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from starlette.testclient import TestClient

from modules.app.folders import ListedFolder, ServerFolders, listed_folder
from modules.base.errors import Forbidden
from modules.commands.assemble import assemble
from modules.commands.serve import application
from modules.settings.flags import parse_flags
from tests.gallery.pictures import infotext, save
from tests.servers import settled

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
    assert (details["path"], details["program"], details["tampered"]) == ("txt2img-images/1.png", "AUTOMATIC1111", False)
    file = shelf.get(f"{LIBRARY}/pictures/{row['id']}/file", auth=ALICE)
    path = shelf.easel.flags.paths.outputs / "alice/txt2img-images/1.png"
    assert file.content == path.read_bytes() and file.headers["content-type"] == "image/png"
    thumbnail = shelf.get(f"{LIBRARY}/pictures/{row['id']}/thumbnail?v={row['version']}", auth=ALICE)
    assert thumbnail.content[:2] == b"\xff\xd8" and "immutable" in thumbnail.headers["cache-control"]


def test_days_facets_and_completions_are_of_what_fits(shelf):
    assert shelf.get(f"{LIBRARY}/sections?q=seed:2", auth=ALICE).json() == [{"name": "2026-11-03", "count": 1, "title": ""}]
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


def ids_of(client, auth=ALICE, **query):
    return [each["id"] for each in listed(client, auth, **query)["pictures"]]


def test_marks_are_set_for_named_pictures_and_for_all_that_fit(shelf):
    [first] = ids_of(shelf, q="seed:0")
    body = {"pictures": [first], "favourite": True, "rating": 4, "add_tags": [" best  one "], "note": "for print",
            "add_albums": ["Show"]}
    assert shelf.patch(f"{LIBRARY}/pictures", json=body, auth=ALICE).json()["changed"] == 1
    for found in ("is:favourite", "rating:4", 'tag:"best one"', "note:print", "album:show", "print"):
        assert ids_of(shelf, q=found) == [first], found
    details = shelf.get(f"{LIBRARY}/pictures/{first}", auth=ALICE).json()
    assert details["tags"] == ["best one"] and details["albums"][0]["name"] == "Show"
    assert shelf.patch(f"{LIBRARY}/pictures", json={"q": "fox", "in": "", "rating": 2}, auth=ALICE).json()["changed"] == 3
    assert len(ids_of(shelf, q="rating:2")) == 3
    undone = {"pictures": [first], "favourite": False, "remove_tags": ["best one"], "remove_albums": ["show"], "note": ""}
    shelf.patch(f"{LIBRARY}/pictures", json=undone, auth=ALICE)
    assert ids_of(shelf, q="is:favourite") == ids_of(shelf, q="has:tag") == ids_of(shelf, q="has:note") == []


@pytest.mark.parametrize(("body", "status"), [
    ({"favourite": True}, 422), ({"pictures": [999_999], "favourite": True}, 404), ({"pictures": [1], "rating": 6}, 422),
    ({"q": "steps:many", "rating": 1}, 422), ({"pictures": [1], "stars": 1}, 422), ({"pictures": [1], "remove_albums": [9]}, 404),
])
def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(shelf, body, status):
    revision = listed(shelf)["pictures"]
    assert shelf.patch(f"{LIBRARY}/pictures", json=body, auth=ALICE).status_code == status
    assert listed(shelf)["pictures"] == revision


def test_an_album_is_made_named_and_taken_away(shelf):
    album = shelf.post(f"{LIBRARY}/albums", json={"name": "Night"}, auth=ALICE).json()
    assert shelf.post(f"{LIBRARY}/albums", json={"name": "night"}, auth=ALICE).status_code == 409
    pictures = ids_of(shelf, q="fox")
    shelf.patch(f"{LIBRARY}/pictures", json={"pictures": pictures, "add_albums": [album["id"]]}, auth=ALICE)
    shelf.patch(f"{LIBRARY}/albums/{album['id']}", json={"name": "Nights"}, auth=ALICE)
    assert {"name": "Nights", "count": 3}.items() <= shelf.get(f"{LIBRARY}/albums", auth=ALICE).json()[0].items()
    assert ids_of(shelf, **{"in": f"album:{album['id']}"}) == pictures
    assert shelf.get(f"{LIBRARY}/albums", auth=BOB).json() == []
    assert shelf.delete(f"{LIBRARY}/albums/{album['id']}", auth=ALICE).status_code == 204
    assert ids_of(shelf, q="fox") == pictures


def test_folders_of_a_shared_server_are_closed(shelf, tmp_path):
    assert shelf.get(f"{LIBRARY}/folders", auth=ALICE).json()[0]["path"] == ""
    reply = shelf.post(f"{LIBRARY}/folders", json={"path": str(tmp_path)}, auth=ALICE)
    assert reply.status_code == 403, reply.text
    assert shelf.get(f"{LIBRARY}/folders/choose", auth=ALICE).status_code == 403


def test_a_folder_is_chosen_by_going_through_them(client, tmp_path):
    for place in ("deep/deeper", "other", ".hidden"):
        (tmp_path / place).mkdir(parents=True)
    save(tmp_path / "deep/1.png")

    def look(path: object) -> dict:
        return client.get(f"{LIBRARY}/folders/choose", params={"path": str(path)}).json()

    assert look(tmp_path) == {
        "path": str(tmp_path), "above": str(tmp_path.parent), "folders": ["deep", "other"], "pictures": 0
    }
    assert look(tmp_path / "deep")["folders"] == ["deeper"] and look(tmp_path / "deep")["pictures"] == 1
    assert look("/")["above"] is None and look("")["path"]
    assert client.get(f"{LIBRARY}/folders/choose", params={"path": str(tmp_path / "none")}).status_code == 422


def test_only_open_folders_of_a_shared_server_are_gone_through(tmp_path):
    opened = tmp_path / "opened"
    (opened / "inside").mkdir(parents=True)
    folders = ServerFolders(start=tmp_path, opened=(opened,), shared=True, datasets=tmp_path / "datasets")
    assert listed_folder(folders, "").below == (str(opened),)
    assert listed_folder(folders, str(opened)) == ListedFolder(opened, None, ("inside",), 0)
    assert listed_folder(folders, str(opened / "inside")).above == opened
    for closed in (tmp_path, "/"):
        with pytest.raises(Forbidden):
            listed_folder(folders, str(closed))
    with pytest.raises(Forbidden):
        listed_folder(ServerFolders(start=tmp_path, opened=(), shared=True, datasets=tmp_path), "")


def test_files_are_moved_renamed_trashed_and_brought_back(shelf):
    outputs = shelf.easel.flags.paths.outputs / "alice"
    [first] = ids_of(shelf, q="seed:0")
    done = shelf.post(f"{LIBRARY}/move", json={"pictures": [first], "folder": "keep"}, auth=ALICE).json()
    assert (done["changed"], done["problems"]) == (1, []) and (outputs / "keep/0.png").is_file()
    body = {"pictures": [first], "pattern": "fox-[seed]"}
    assert shelf.post(f"{LIBRARY}/rename", json=body | {"preview": True}, auth=ALICE).json() == {
        "names": [{"id": first, "before": "0.png", "after": "fox-0.png"}]
    }
    shelf.post(f"{LIBRARY}/rename", json=body, auth=ALICE)
    shelf.post(f"{LIBRARY}/trash", json={"pictures": [first]}, auth=ALICE)
    assert ids_of(shelf, q="seed:0") == [] and ids_of(shelf, **{"in": "trash"}) == [first]
    assert shelf.post(f"{LIBRARY}/restore", json={"q": "", "in": "trash"}, auth=ALICE).json()["changed"] == 1
    assert (outputs / "keep/fox-0.png").is_file() and ids_of(shelf, q="seed:0") == [first]
    assert shelf.post(f"{LIBRARY}/trash", json={"pictures": [first]}, auth=BOB).status_code in (200, 404)
    assert ids_of(shelf, q="seed:0") == [first]


def test_many_come_as_one_file(shelf):
    chosen = ids_of(shelf, q="fox")
    packed = shelf.get(f"{LIBRARY}/zip?pictures={','.join(map(str, chosen))}&data=0", auth=ALICE)
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert len(archive.namelist()) == 3
    assert shelf.post(f"{LIBRARY}/zip", json={"q": "fox"}, auth=ALICE).content[:2] == b"PK"
    sheet = shelf.post(f"{LIBRARY}/contact-sheet", json={"pictures": chosen}, auth=ALICE)
    assert sheet.text.count("<figure>") == 3 and "attachment" in sheet.headers["content-disposition"]
    assert shelf.get(f"{LIBRARY}/zip?pictures=1,x", auth=ALICE).status_code == 422


def test_relations_are_answered_for_ones_own_pictures_alone(shelf):
    [first] = ids_of(shelf, q="seed:1")
    family = shelf.get(f"{LIBRARY}/pictures/{first}/family", auth=ALICE).json()
    assert [(node["id"], node["kind"]) for node in family["nodes"]] == [(first, "txt2img")] and family["edges"] == []
    assert shelf.get(f"{LIBRARY}/pictures/{first}/similar?limit=5", auth=ALICE).json()["pictures"] == []
    assert shelf.get(f"{LIBRARY}/duplicates", auth=ALICE).json()["groups"] == []
    unknown = max(ids_of(shelf, BOB)) + 1
    assert shelf.get(f"{LIBRARY}/pictures/{unknown}/family", auth=BOB).status_code == 404


@pytest.mark.slow
def test_a_picture_that_was_just_made_is_in_the_library_and_is_made_again_pixel_by_pixel(client):
    job = drawn(client)
    row = soon(client, f"job:{job}")
    details = client.get(f"{LIBRARY}/pictures/{row['id']}").json()
    assert (details["job"], details["index"], details["program"]) == (job, 0, "Easel")
    again = client.post(f"{LIBRARY}/pictures/{row['id']}/again").json()["job"]
    assert settled(client, again)["state"] == "done"
    compared = client.get(f"{LIBRARY}/pictures/{row['id']}/again/{again}").json()
    assert (compared["reproduces"], compared["max_difference"], compared["differing_pixels"]) == (True, 0, 0)
    other = drawn(client, seed=6)
    compared = client.get(f"{LIBRARY}/pictures/{row['id']}/again/{other}").json()
    assert not compared["reproduces"] and compared["max_difference"] > 1


def drawn(client, seed: int = 5) -> str:
    fields = {"prompt": "a fox in the library", "steps": 2, "width": 64, "height": 64, "seed": seed}
    job = client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": fields}).json()["job"]
    assert settled(client, job)["state"] == "done"
    return job


def soon(client, place: str) -> dict:
    """The first picture of a place, once it is there: it is recorded beside the job."""
    for _ in range(200):
        if found := client.get(LIBRARY, params={"in": place}).json()["pictures"]:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"{place} stays empty")
