"""Cards over HTTP, and A1111's routes to the same files."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from urllib.parse import quote

import pytest
from PIL import Image

from tests.api.test_generate import SMALL, post
from tests.golden_data import GOLDEN
from tests.library.headers import safetensors
from tests.servers import serving, with_tiny_model

CAPTIONS = {"10_cats": {"cat": 9, "fur": 3}, "5_more": {"cat": 2}}
OUTSIDE = [
    "../secret.png",
    "%2e%2e/secret.png",
    "/etc/passwd",
    "..",
    ".",
    "/",
    "",
    "~",
    "file:///etc/hostname",
    "a\0b",
    "x" * 900,
    "/proc/self/environ",
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A server whose folders hold a little of everything."""
    data = with_tiny_model(tmp_path_factory.mktemp("shelf"))
    models = data / "models"
    safetensors(
        models / "Lora/cat.safetensors",
        {"ss_output_name": "Katze", "ss_base_model_version": "sd_v1", "ss_tag_frequency": json.dumps(CAPTIONS)},
    )
    safetensors(models / "Lora/style/ink wash.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    safetensors(models / "Lora/style/cat.safetensors", {})
    (models / "Lora/style/ink wash.json").write_text(
        json.dumps({"activation text": "ink", "preferred weight": 0.7, "vae": "mine"})
    )
    picture_file(models / "Lora/style/ink wash.webp")
    picture_file(data / "secret.png")
    for folder in ("embeddings", "hypernetworks", "VAE"):
        shutil.copytree(GOLDEN / "models" / folder, models / folder)
    with serving(data) as client:
        assert client.app.cards.wait(60)
        yield client


def picture_file(path, size=(6, 4), **how):
    Image.new("RGB", size, "red").save(path, **how)
    return path.read_bytes()


def listed(client, **wishes):
    reply = client.get("/easel/v1/cards", params=wishes)
    assert reply.status_code == 200, reply.text
    return reply.json()


def card(client, name, kind="lora", **more):
    return next(
        card for card in listed(client, kind=kind)["cards"] if card["name"] == name and more.items() <= card.items()
    )


def address(client, name, **more):
    return f"/easel/v1/cards/{card(client, name, **more)['id']}"


@pytest.mark.slow
def test_a_card_tells_what_is_in_and_beside_its_file(shelf):
    found = card(shelf, "ink wash")
    assert (
        found["folder"] == "style"
        and found["family"] == "SDXL"
        and found["activation"] == "ink"
        and found["weight"] == 0.7
    )
    assert found["insert"] == "<lora:ink wash:0.7>" and found["fits"] is None and found["modified"].endswith("+00:00")
    assert card(shelf, "tinyti", "embedding")["insert"] == "tinyti"
    assert card(shelf, "hn_drop", "hypernetwork")["insert"] == "<hypernet:hn_drop:1>"
    assert card(shelf, "tiny-sd1", "checkpoint")["insert"] == "tiny-sd1.safetensors"


def test_a_name_that_two_files_have_comes_with_its_folder(shelf):
    assert card(shelf, "cat", folder="style")["insert"] == "<lora:style/cat:1>"
    assert card(shelf, "cat", folder="")["insert"] == "<lora:cat:1>"


def test_cards_are_searched_narrowed_sorted_and_paged(shelf):
    names = lambda **wishes: [found["name"] for found in listed(shelf, **wishes)["cards"]]
    everything = listed(shelf)
    assert everything["total"] == 4 and everything["folders"] == ["style"] and everything["families"] == ["SD1", "SDXL"]
    assert (
        names(search="KATZ") == ["cat"]
        and names(search="wash in") == ["ink wash"]
        and names(search="nk") == ["easel-ink", "ink wash"]
    )
    assert names(family="SD1") == ["cat", "easel-ink"] and names(folder="style") == ["cat", "ink wash"] and names(folder="sty") == []
    assert names(sort="path", order="desc", folder="style") == ["ink wash", "cat"]
    assert names(sort="path", folder="style", offset=1, limit=1) == ["ink wash"]
    assert listed(shelf, offset=1, limit=1)["total"] == 4


def test_fitting_is_about_the_models_family(shelf):
    fits = {found["name"]: found["fits"] for found in listed(shelf, folder="style", model_family="SDXL")["cards"]}
    assert fits == {"cat": None, "ink wash": True}
    assert listed(shelf, family="SDXL", model_family="SD1")["cards"][0]["fits"] is False


def test_details_come_from_the_file(shelf):
    found = shelf.get(address(shelf, "cat", folder="")).json()
    assert (
        found["tags"] == [["cat", 11], ["fur", 3]]
        and found["metadata"]["ss_tag_frequency"] == CAPTIONS
        and found["sha256"] is None
    )


def test_what_is_changed_stands_in_the_file_beside_and_in_the_list(shelf):
    path = shelf.app.models.loras.roots[0] / "style/ink wash.json"
    change = {"description": "<b>bold</b>", "family": "sd2", "weight": None, "notes": "mine", "negative": "blurry"}
    reply = shelf.patch(address(shelf, "ink wash"), json=change)
    assert (
        reply.status_code == 200
        and reply.json()["notes"] == "mine"
        and reply.json()["weight"] is None
        and reply.json()["family"] == "SD2"
    )
    assert json.loads(path.read_text()) == {
        "activation text": "ink",
        "preferred weight": 0,
        "vae": "mine",
        "description": "<b>bold</b>",
        "sd version": "SD2",
        "notes": "mine",
        "negative text": "blurry",
    }
    assert card(shelf, "ink wash")["negative"] == "blurry" and listed(shelf, search="bold")["total"] == 1
    assert shelf.patch(address(shelf, "ink wash"), json={"family": "", "weight": 0.7}).json()["family"] == "SDXL"


@pytest.mark.parametrize(
    "change",
    [{"family": "Stable Diffusion"}, {"weight": 1e9}, {"weight": "x"}, {"path": "/etc"}, {"notes": 5}, [], "x"],
)
def test_unfit_changes_are_refused(shelf, change):
    assert shelf.patch(address(shelf, "cat"), json=change).status_code == 422


def test_a_broken_sidecar_is_not_overwritten(shelf):
    path = shelf.app.models.loras.roots[0] / "cat.json"
    path.write_text("{broken")
    reply = shelf.patch(address(shelf, "cat", folder=""), json={"notes": "x"})
    assert reply.status_code == 422 and "cat.json" in reply.json()["detail"] and path.read_text() == "{broken"
    path.unlink()


def test_a_preview_is_sent_as_what_it_is(shelf):
    reply = shelf.get(card(shelf, "ink wash")["preview"])
    assert (
        reply.status_code == 200
        and reply.headers["content-type"] == "image/webp"
        and "immutable" in reply.headers["cache-control"]
    )
    assert shelf.get(address(shelf, "cat") + "/preview").status_code == 404


@pytest.mark.slow
def test_a_picture_of_a_job_becomes_the_preview(shelf):
    post(shelf, prompt="a cat", save_images=True)
    job = shelf.get("/easel/v1/jobs").json()[0]
    old = card(shelf, "ink wash")["preview"]
    reply = shelf.put(
        address(shelf, "ink wash") + "/preview", json={"job": job["id"], "index": job["pictures"][0]["index"]}
    )
    assert reply.status_code == 200 and reply.json()["preview"] not in (old, None)
    shown = Image.open(io.BytesIO(shelf.get(reply.json()["preview"]).content))
    assert shown.format == "PNG" and shown.text["parameters"].startswith("a cat")
    (shelf.app.models.loras.roots[0] / "style/ink wash.preview.png").unlink()


def test_a_file_of_ones_own_becomes_the_preview_whatever_it_is_called(shelf, tmp_path):
    folder = shelf.app.models.loras.roots[0]
    content = picture_file(tmp_path / "big.jpg", (3000, 1500))
    reply = shelf.put(
        address(shelf, "cat", folder="") + "/preview", files={"image": ("../../evil.html", content, "text/html")}
    )
    assert reply.status_code == 200, reply.text
    with Image.open(folder / "cat.preview.png") as written:
        assert written.size == (1024, 512)
    assert not list(folder.parent.parent.rglob("evil*"))
    (folder / "cat.preview.png").unlink()


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"files": {"image": ("a.png", b"<svg/>", "image/png")}}, 422),
        ({"data": {"image": "text"}}, 415),
        ({"json": {"job": "none", "index": 0}}, 404),
        ({"json": {"index": 0}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, 415),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 422),
    ],
    ids=["svg", "form", "job", "json", "kind", "boundary", "no part"],
)
def test_what_is_no_picture_becomes_no_preview(shelf, how, status):
    reply = shelf.put(address(shelf, "cat") + "/preview", **how)
    assert reply.status_code == status, reply.text
    assert not list(shelf.app.models.loras.roots[0].rglob("cat.preview*"))


@pytest.mark.slow
def test_nobody_takes_anothers_picture(guarded):
    alice, bob = ("alice", "a-secret"), ("bob", "b-secret")
    assert guarded.post("/sdapi/v1/txt2img", json={**SMALL, "prompt": "secret"}, auth=alice).status_code == 200
    job = guarded.get("/easel/v1/jobs", auth=alice).json()[0]
    model = guarded.get("/easel/v1/cards", params={"kind": "checkpoint"}, auth=bob).json()["cards"][0]
    guarded.app.settings.change(members_edit_models=True)
    reply = guarded.put(f"/easel/v1/cards/{model['id']}/preview", json={"job": job["id"], "index": 0}, auth=bob)
    guarded.app.settings.change(members_edit_models=False)
    assert reply.status_code == 404


@pytest.mark.parametrize("name", [name for name in OUTSIDE if name.strip("./")])
def test_only_ids_open_cards(shelf, name):
    for end in ("", "/preview"):
        assert shelf.get(f"/easel/v1/cards/{quote(name, safe='')}{end}").status_code == 404
    assert shelf.patch(f"/easel/v1/cards/{quote(name, safe='')}", json={"notes": "x"}).status_code in (404, 405)


@pytest.mark.parametrize(
    "wishes",
    [{"kind": "x"}, {"sort": "id; drop"}, {"limit": 0}, {"limit": 10**6}, {"offset": -1}, {"search": "x" * 300}],
)
def test_unfit_wishes_are_refused(shelf, wishes):
    assert shelf.get("/easel/v1/cards", params=wishes).status_code == 422


TOTALS = {"  ": 4, "cat OR ink": 1, "c\0at": 3}


@pytest.mark.parametrize("search", ['"', "cat OR ink", "*", "' --", "c\0at", "NEAR(", "\\", "%", "日本", "  "])
def test_any_text_may_be_searched_for(shelf, search):
    assert listed(shelf, search=search)["total"] == TOTALS.get(search, 0)


def test_refreshing_sees_what_came_and_what_went(shelf):
    path = shelf.app.models.loras.roots[0] / "new.safetensors"
    safetensors(path, {})
    assert shelf.post("/easel/v1/cards/refresh").status_code == 204
    assert listed(shelf, search="new")["total"] == 1
    path.unlink()
    assert shelf.post("/sdapi/v1/refresh-loras").status_code == 200
    assert listed(shelf, search="new")["total"] == 0 and len(shelf.get("/sdapi/v1/loras").json()) == 4


def test_a_link_out_of_the_folders_is_no_preview(shelf):
    link = shelf.app.models.loras.roots[0] / "cat.png"
    link.symlink_to(shelf.app.flags.data_dir / "secret.png")
    shelf.post("/easel/v1/cards/refresh")
    assert card(shelf, "cat", folder="")["preview"] is None
    link.unlink()


def test_a1111s_lists_have_its_fields_and_no_path_of_ours(shelf):
    [cat, *_] = [found for found in shelf.get("/sdapi/v1/loras").json() if found["path"] == "cat.safetensors"]
    assert cat["name"] == "cat" and cat["alias"] == "Katze" and cat["metadata"]["ss_tag_frequency"] == CAPTIONS
    assert {"name": "hn_drop", "path": "hn_drop.pt"} in shelf.get("/sdapi/v1/hypernetworks").json()
    assert {"model_name": "tiny-alt.vae.safetensors", "filename": "tiny-alt.vae.safetensors"} in shelf.get(
        "/sdapi/v1/sd-vae"
    ).json()
    for route in ("loras", "embeddings", "hypernetworks", "sd-vae"):
        assert str(shelf.app.flags.data_dir) not in shelf.get(f"/sdapi/v1/{route}").text
    for route in ("vae", "embeddings", "loras", "checkpoints"):
        assert shelf.post(f"/sdapi/v1/refresh-{route}").status_code == 200


def test_an_embedding_counts_as_many_tokens_as_it_has_vectors(shelf):
    vectors = shelf.get("/sdapi/v1/embeddings").json()["loaded"]["tinyti"]["vectors"]
    count = lambda prompt: shelf.post("/easel/v1/tokens", json={"prompt": prompt}).json()["tokens"]
    assert count("a TinyTI cat") == 2 + vectors and vectors > 1


def test_embeddings_tell_their_vectors_and_training(shelf):
    reply = shelf.get("/sdapi/v1/embeddings").json()
    assert reply["skipped"] == {} and reply["loaded"].keys() >= {"tinyti", "tidiff", "ti-one"}
    for facts in reply["loaded"].values():
        assert (
            facts.keys() == {"step", "sd_checkpoint", "sd_checkpoint_name", "shape", "vectors"}
            and facts["vectors"] >= 1
        )


def test_a1111s_card_routes_look_names_up(shelf):
    assert (
        shelf.get("/sd_extra_networks/thumb", params={"filename": "style/ink wash.webp"}).headers["content-type"]
        == "image/webp"
    )
    assert shelf.get("/sd_extra_networks/thumb", params={"filename": "style/ink wash.safetensors"}).status_code == 200
    told = shelf.get("/sd_extra_networks/metadata", params={"page": "lora", "item": "ink wash"}).json()
    assert json.loads(told["metadata"]) == {"ss_base_model_version": "sdxl_base_v1-0"}
    assert shelf.get("/sd_extra_networks/metadata", params={"page": "hypernetworks", "item": "hn_drop"}).json() == {}
    assert shelf.get("/sd_extra_networks/metadata", params={"page": "nothing", "item": "cat"}).status_code == 404


def test_a1111s_pages_go_by_either_of_their_names(shelf):
    for page in ("textual inversion", "textual_inversion"):
        assert shelf.get("/sd_extra_networks/metadata", params={"page": page, "item": "tinyti"}).status_code == 200


@pytest.mark.slow
def test_a_picture_inside_a_file_can_be_asked_for(tmp_path):
    data = with_tiny_model(tmp_path / "data")
    content = picture_file(tmp_path / "inside.png")
    inside = json.dumps([base64.b64encode(each).decode() for each in (content, b"<script>")])
    safetensors(data / "models/Lora/covered.safetensors", {"ssmd_cover_images": inside})
    safetensors(
        data / "models/Lora/spec.safetensors",
        {"modelspec.thumbnail": f"data:image/png;base64,{json.loads(inside)[0]}", "ssmd_cover_images": "7"},
    )
    safetensors(data / "models/Lora/twice.safetensors", {"ssmd_cover_images": inside})
    beside = picture_file(data / "models/Lora/twice.png", (8, 8))
    with serving(data) as client:
        assert client.app.cards.wait(60)
        for name, expected in (("covered", content), ("spec", content), ("twice", beside)):
            assert client.get(card(client, name)["preview"]).content == expected
        found = [
            client.get("/sd_extra_networks/cover-images", params={"page": "lora", "item": "covered", "index": index})
            for index in range(3)
        ]
    assert (found[0].headers["content-type"], found[0].content) == ("image/png", content)
    assert [reply.status_code for reply in found] == [200, 422, 404]


def test_a_single_card_is_in_a1111s_elements(shelf):
    told = shelf.get(
        "/sd_extra_networks/get-single-card", params={"page": "lora", "tabname": "txt2img", "name": "ink wash"}
    ).json()
    assert '<div class="card" data-name="ink wash">' in told["html"] and 'class="preview"' in told["html"]
    assert (
        shelf.get("/sd_extra_networks/get-single-card", params={"page": "lora", "name": "nothing"}).status_code == 404
    )


@pytest.mark.parametrize("name", OUTSIDE)
def test_a1111s_card_routes_open_nothing_else(shelf, name):
    absolute = str(shelf.app.models.loras.roots[0] / "style/ink wash.webp")
    for filename in (name, absolute, f"style/../{name}", str(shelf.app.flags.data_dir / "secret.png")):
        assert shelf.get("/sd_extra_networks/thumb", params={"filename": filename}).status_code == 404
    assert shelf.get("/sd_extra_networks/metadata", params={"page": "lora", "item": name}).status_code == 404


@pytest.mark.slow
def test_the_list_is_there_again_after_a_restart(tmp_path):
    data = with_tiny_model(tmp_path / "data")
    for _ in range(2):
        with serving(data) as client:
            while listed(client, kind="checkpoint")["scanning"]:
                time.sleep(0.05)
            assert card(client, "tiny-sd1", "checkpoint")["family"] == "SD1"
