"""Generation data over HTTP."""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256

import pytest
from starlette.testclient import TestClient

from modules.commands.assemble import assemble
from modules.commands.serve import application
from modules.gallery.looks import Looks
from modules.metadata.formats import picture_digest
from modules.params.scripts import SCRIPTS, arguments, find_script
from modules.settings.flags import parse_flags
from tests.gallery.pictures import infotext, save

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
DATA, LIBRARY = "/easel/v1/data", "/easel/v1/library"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A server of two people with three pictures of hers and none of his."""
    data = tmp_path_factory.mktemp("data")
    for number in range(3):
        save(data / f"outputs/alice/txt2img-images/{number}.png", infotext(Seed=number), number)
    app = assemble(parse_flags(["--nowebui", "--data-dir", str(data), "--api-auth", "alice:a-secret,bob:b-secret"], {}))
    client = TestClient(application(app, ""), base_url="http://localhost")      # without its lifespan: no worker
    client.auth = ALICE
    assert client.get(LIBRARY).status_code == 200 and app.galleries.of("alice").wait(30)
    client.outputs, client.decoding = app.flags.paths.outputs / "alice/txt2img-images", app.decoding
    return client


def ref_of(desk, seed):
    rows = desk.get(LIBRARY, params={"q": f"seed:{seed}"}).json()["pictures"]
    [row] = [each for each in rows if each["name"] == f"{seed}.png"]
    return f"library:{row['id']}"


def read(desk, ref, **how):
    reply = desk.get(DATA, params={"picture": ref}, **how)
    assert reply.status_code == 200, reply.text
    return reply.json()


def sent(desk, content, **how):
    reply = desk.post(f"{DATA}/files", content=content, headers={"Content-Type": "image/png"}, **how)
    assert reply.status_code == 200, reply.text
    return reply.json()["picture"]


def test_a_picture_of_the_library_tells_all_its_file_says(desk):
    path = desk.outputs / "1.png"
    found = read(desk, ref_of(desk, 1))
    assert found["infotext"] == infotext(Seed=1) and found["fields"]["seed"] == 1 and found["editable"]
    assert (found["name"], found["format"]) == ("1.png", "PNG")
    assert found["revision"] == sha256(path.read_bytes()).hexdigest() and found["bytes"] == path.stat().st_size
    assert {"settings", "unknown", "texts", "dialects", "descriptive", "exif", "xmp", "iptc", "signed"} <= found.keys()


def test_a_file_that_is_sent_is_kept_byte_by_byte(desk):
    content = (desk.outputs / "0.png").read_bytes() + b"more behind it"
    ref = sent(desk, content)
    assert ref == f"upload:{sha256(content).hexdigest()}"
    found = read(desk, ref)
    assert found["infotext"] == infotext(Seed=0) and not found["editable"]
    file = desk.get(f"{DATA}/file", params={"picture": ref})
    assert file.content == content and 'filename="picture.png"' in file.headers["content-disposition"]


def test_what_is_no_picture_is_not_kept(desk):
    for content in (b"", b"no picture", b"\x89PNG\r\n\x1a\n"):
        assert desk.post(f"{DATA}/files", content=content, headers={"Content-Type": "image/png"}).status_code == 422


def test_anothers_pictures_and_files_do_not_exist(desk):
    refs = [ref_of(desk, 1), sent(desk, (desk.outputs / "0.png").read_bytes()), "library:999999", "job:none/0"]
    for ref in refs:
        for route in ("", "/file"):
            assert desk.get(DATA + route, params={"picture": ref}, auth=BOB).status_code == 404


@pytest.mark.parametrize("ref", ["", "file:/etc/passwd", "/etc/passwd", "upload"])
def test_what_is_no_reference_is_refused(desk, ref):
    assert desk.get(DATA, params={"picture": ref}).status_code in (404, 422)


@pytest.mark.parametrize("ref", ["upload:" + "0" * 64, "library:999999999999999", "job:x/0"])
def test_a_reference_to_nothing_is_not_found(desk, ref):
    assert desk.get(DATA, params={"picture": ref}).status_code == 404


@pytest.mark.parametrize("ref", ["upload:../../x", "upload:" + "z" * 64, "library:1e9", "library:" + "9" * 20, "job:/0", "job:x/-1"])
def test_what_is_no_reference_is_refused_in_words(desk, ref):
    reply = desk.get(DATA, params={"picture": ref})
    assert reply.status_code == 422 and "library:<id>" in reply.json()["hint"]


def test_form_and_text_are_kept_in_step(desk):
    def text(**body):
        reply = desk.post(f"{DATA}/text", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    parts = text(infotext=infotext(Seed=1, Mood='"a, b"'))
    assert ["Mood", "a, b"] in parts["unknown"]
    again = text(**{name: parts[name] for name in ("tab", "fields", "settings", "unknown")})
    assert text(infotext=again["infotext"])["fields"] == parts["fields"]
    assert text(infotext=infotext(Seed=1), fields={"seed": 5})["infotext"] == infotext(Seed=5)
    assert desk.post(f"{DATA}/text", json={"infotext": infotext(), "fields": {"steps": 10**6}}).status_code == 422


# Edits -------------------------------------------------------------------------------------------


def edited(desk, ref, edit, route="save", **more):
    reply = desk.post(f"{DATA}/{route}", json={"pictures": [ref], "edit": edit, **more})
    assert reply.status_code == 200, reply.text
    [told] = reply.json()["pictures"]
    return told


def test_an_edit_is_previewed_saved_and_undone_without_touching_a_pixel(desk):
    ref, path = ref_of(desk, 2), desk.outputs / "2.png"
    before = path.read_bytes()
    edit = {"fields": {"seed": 77, "Mood": "red"}, "unset": ["Model"], "descriptive": {"title": "Fox"}}
    changes = {each["what"]: (each["before"], each["after"]) for each in edited(desk, ref, edit, "preview")["changes"]}
    assert changes["Seed"] == ("2", "77") and changes["Model"] == ("sticker", "") and changes["Mood"] == ("", "red")
    assert changes["Description: title"] == ("", "Fox") and path.read_bytes() == before
    told = edited(desk, ref, edit)
    after = path.read_bytes()
    assert told == {"picture": ref, "revision": sha256(after).hexdigest()}
    assert picture_digest(after) == picture_digest(before)
    found = read(desk, ref)
    assert found["fields"]["seed"] == 77 and found["descriptive"]["title"] == "Fox" and len(found["history"]) == 1
    assert [row["id"] for row in desk.get(LIBRARY, params={"q": "seed:77"}).json()["pictures"]] == [int(ref[8:])]
    [undone] = desk.post(f"{DATA}/undo", json={"pictures": [ref]}).json()["pictures"]
    assert path.read_bytes() == before and undone["revision"] == sha256(before).hexdigest()
    assert read(desk, ref)["history"] == []
    [again] = desk.post(f"{DATA}/undo", json={"pictures": [ref]}).json()["pictures"]
    assert again["error"] == "conflict"


def test_a_file_that_changed_meanwhile_is_not_written(desk):
    ref, path = ref_of(desk, 1), desk.outputs / "1.png"
    before = path.read_bytes()
    told = edited(desk, ref, {"fields": {"seed": 5}}, revisions={ref: "0" * 64})
    assert told["error"] == "conflict" and path.read_bytes() == before


def test_a_copy_is_a_new_picture_beside_it_and_the_original_stays(desk):
    ref, path = ref_of(desk, 1), desk.outputs / "1.png"
    before = path.read_bytes()
    told = edited(desk, ref, {"fields": {"seed": 4711}}, as_copy=True)
    assert told["picture"] != ref and path.read_bytes() == before
    assert read(desk, told["picture"])["fields"]["seed"] == 4711
    [undone] = desk.post(f"{DATA}/undo", json={"pictures": [told["picture"]]}).json()["pictures"]
    assert "problem" not in undone and read(desk, told["picture"])["fields"]["seed"] == 1


def test_an_edit_of_a_file_that_was_sent_is_another_file(desk):
    content = (desk.outputs / "0.png").read_bytes()
    ref = sent(desk, content)
    told = edited(desk, ref, {"strip": ["all"]})
    file = desk.get(f"{DATA}/file", params={"picture": told["picture"]}).content
    assert picture_digest(file) == picture_digest(content) and read(desk, told["picture"])["infotext"] == ""
    assert read(desk, ref)["infotext"] == infotext(Seed=0)


def test_several_files_are_one_zip_each_as_it_is_and_none_of_anothers(desk):
    contents = [(desk.outputs / f"{number}.png").read_bytes() for number in (0, 1)]
    refs = [sent(desk, content) for content in contents]
    named = [{"picture": ref, "name": "a/fox.png"} for ref in refs]

    def zipped(auth):
        reply = desk.post(f"{DATA}/zip", json={"pictures": named}, auth=auth)
        assert reply.status_code == 200, reply.text
        with zipfile.ZipFile(io.BytesIO(reply.content)) as packed:
            return {name: packed.read(name) for name in packed.namelist()}

    assert zipped(ALICE) == {"a_fox.png": contents[0], "a_fox-1.png": contents[1]}
    assert list(zipped(BOB)) == ["not in here.txt"]


def test_what_decodes_pictures_waits_for_room_and_is_refused_before_anything_is_done(desk, monkeypatch):
    ref = sent(desk, (desk.outputs / "0.png").read_bytes())
    monkeypatch.setattr(desk.decoding, "free", 0)
    monkeypatch.setattr(desk.decoding, "most_waiting", 0)
    for route, body in (("preview", {"edit": {"strip": ["all"]}}), ("save", {"edit": {"strip": ["all"]}}), ("undo", {}),
                        ("repair", {})):
        assert desk.post(f"{DATA}/{route}", json={"pictures": [ref], **body}).status_code == 429, route
    assert desk.post(f"{DATA}/compare", json={"pictures": [ref, ref]}).status_code == 429


def test_find_and_replace_works_over_many_and_tells_each_problem(desk):
    refs = [sent(desk, (desk.outputs / f"{number}.png").read_bytes()) for number in (0, 1)] + ["library:999999"]
    edit = {"replace": [{"find": "(red) fox", "with": r"\1 \1 fox", "regex": True, "in": ["prompt"]}]}
    told = desk.post(f"{DATA}/save", json={"pictures": refs, "edit": edit}).json()["pictures"]
    assert [read(desk, each["picture"])["fields"]["prompt"] for each in told[:2]] == ["a red red fox"] * 2
    assert told[2]["problem"]


@pytest.mark.parametrize("edit", [
    {"fields": {"steps": 10**6}}, {"replace": [{"find": "(", "regex": True}]}, {"descriptive": {"rating": 9}},
    {"replace": [{"find": "(a|aa|a?)+$", "with": "", "regex": True}], "fields": {"prompt": "a" * 40 + "b"}},
    {"convert_from": "nobody"}, {"texts": {"ü" * 100: "x"}},
])
def test_an_edit_that_cannot_be_made_is_told_and_changes_nothing(desk, edit):
    ref, path = ref_of(desk, 1), desk.outputs / "1.png"
    before = path.read_bytes()
    told = edited(desk, ref, edit)
    assert "problem" in told or edit.get("fields", {}).get("prompt"), told
    if "problem" in told:
        assert path.read_bytes() == before
    else:
        desk.post(f"{DATA}/undo", json={"pictures": [ref]})


def test_an_emptied_history_undoes_nothing(desk):
    ref = ref_of(desk, 1)
    edited(desk, ref, {"fields": {"Mood": "blue"}})
    assert desk.post(f"{DATA}/history/empty", json={"pictures": [ref]}).json() == {"forgotten": 1}
    [told] = desk.post(f"{DATA}/undo", json={"pictures": [ref]}).json()["pictures"]
    assert told["error"] == "conflict"


def test_a_comparison_has_the_plot_that_leads_from_one_to_the_other(desk):
    first, second = (desk.outputs / f"{number}.png" for number in (0, 1))
    refs = [sent(desk, first.read_bytes())]
    prompt = {"fields": {"prompt": "a blue fox", "sampler_name": "Euler", "Mood": "red"}}
    refs.append(edited(desk, sent(desk, second.read_bytes()), prompt)["picture"])
    told = desk.post(f"{DATA}/compare", json={"pictures": refs}).json()
    rows = {row["key"]: row for row in told["rows"]}
    assert rows["Seed"]["values"] == ["0", "1"] and rows["Seed"]["differs"] and not rows["Steps"]["differs"]
    preset = told["preset"]
    assert preset["script_name"] == "X/Y/Z plot" and len(preset["script_args"]) == 18
    axes = {preset["script_args"][place]: preset["script_args"][place + 1] for place in (0, 3, 6)}
    assert axes == {"Prompt S/R": "red,blue", "Sampler": "Euler a,Euler", "Seed": "0,1"}
    assert any("Mood" in note for note in preset["notes"])
    chosen = arguments(find_script("X/Y/Z plot", "txt2img", SCRIPTS), preset["script_args"])
    assert chosen.x_values and chosen.csv_mode
    same = desk.post(f"{DATA}/compare", json={"pictures": [refs[0], refs[0]]}).json()
    assert same["preset"] is None and not any(row["differs"] for row in same["rows"])


def test_data_that_an_image_editor_lost_are_found_in_the_library(desk, monkeypatch):
    monkeypatch.setattr(Looks, "unknown", lambda looks: [1, 2])
    bare = edited(desk, sent(desk, (desk.outputs / "0.png").read_bytes()), {"strip": ["all"]})["picture"]
    [told] = desk.post(f"{DATA}/repair", json={"pictures": [bare]}).json()["pictures"]
    assert told["waiting"] == 2      # nobody has looked at these yet: they may be like it, too
    assert told["found"][0] == {"picture": ref_of(desk, 0), "how": "pixels", "infotext": infotext(Seed=0)}
