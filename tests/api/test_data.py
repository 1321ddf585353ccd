"""Generation data over HTTP."""

from __future__ import annotations

from hashlib import sha256

import pytest
from starlette.testclient import TestClient

from modules.commands.assemble import assemble
from modules.commands.serve import application
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
    client.outputs = app.flags.paths.outputs / "alice/txt2img-images"
    return client


def ref_of(desk, seed):
    [row] = desk.get(LIBRARY, params={"q": f"seed:{seed}"}).json()["pictures"]
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


@pytest.mark.parametrize("ref", ["upload:../../x", "upload:" + "z" * 64, "library:1e9", "library:" + "9" * 20, "job:/0", "job:x/-1"])
def test_a_reference_to_nothing_is_not_found(desk, ref):
    assert desk.get(DATA, params={"picture": ref}).status_code == 404


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
