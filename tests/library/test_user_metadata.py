"""What lies beside a model file, what its header says of its family, and the index kept in step with both."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from modules.base.errors import Forbidden, Invalid, ModelCorrupt
from modules.base.families import family_named
from modules.library import cards as cards_module
from modules.library.cards import Cards
from modules.library.catalog import Catalog
from modules.library.describe import training_tags
from modules.library.family_detection import family_of_header
from modules.library.index import IndexQuery, LibraryIndex
from modules.library.model_kinds import CHECKPOINT, EMBEDDING, LORA
from modules.library.user_metadata import (
    UserMetadata,
    read_user_metadata,
    sidecar_files,
    text_of_html,
    write_user_metadata,
)
from modules.models.files.embedding_file import read_embedding_file
from modules.store.hashes import HashCache
from tests.golden_data import GOLDEN
from tests.library.headers import safetensors

CIVITAI = {
    "name": "v2",
    "baseModel": "SD 1.5",
    "trainedWords": ["ink", " wash, ", 5],
    "description": "<p>Line &amp; <b>ink</b></p><p>two</p>",
    "model": {"name": "Ink"},
}


@pytest.fixture
def model(tmp_path):
    return safetensors(tmp_path / "Lora/ink.v2.safetensors", {})


def read(model):
    return read_user_metadata(sidecar_files(model, model.parent, os.listdir(model.parent)).files)


def test_what_was_written_is_read(model):
    told = {
        "description": "ä",
        "family": "SDXL",
        "activation": "ink",
        "weight": 0.5,
        "negative": "no",
        "notes": "n",
        "vae": "soft.vae.pt",
    }
    write_user_metadata(model, told)
    assert read(model) == UserMetadata(**told)
    write_user_metadata(model, dict.fromkeys(told))
    assert read(model) == UserMetadata()


def test_a1111s_keys_are_kept_and_others_left_alone(model):
    path = model.with_suffix(".json")
    path.write_text(json.dumps({"sd version": "SD1", "vae": "x", "defaults": {"steps": 5}}))
    write_user_metadata(model, {"weight": 0.8})
    assert json.loads(path.read_text()) == {
        "sd version": "SD1",
        "vae": "x",
        "defaults": {"steps": 5},
        "preferred weight": 0.8,
    }


def test_a_users_words_go_before_civitais(model):
    model.with_suffix(".civitai.info").write_text(json.dumps(CIVITAI))
    assert read(model) == UserMetadata(
        title="Ink v2", description="Line & ink\ntwo", family="SD1", activation="ink, wash"
    )
    model.with_suffix(".txt").write_text("mine")
    model.with_suffix(".json").write_text(json.dumps({"activation text": "wash", "sd version": "SD2"}))
    assert read(model) == UserMetadata(title="Ink v2", description="mine", family="SD2", activation="wash")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b"\xff\xfe",
        b'{"notes": 5, "preferred weight": true, "sd version": []}',
        b"[" * 100_000,
        b'{"preferred weight": NaN, "description": "\\ud800"}',
        b'{"preferred weight": ' + b"9" * 5000 + b"}",
        b" " * 2**21,
    ],
)
def test_broken_files_say_nothing(model, content):
    for ending in (".json", ".civitai.info"):
        model.with_suffix(ending).write_bytes(content)
    found = read(model)
    assert (found.weight, found.notes, found.family, found.activation) == (None, "", "", "")
    found.description.encode()


@pytest.mark.parametrize("content", ["[]", "{", "5"])
def test_what_is_not_understood_is_not_overwritten(model, content):
    path = model.with_suffix(".json")
    path.write_text(content)
    with pytest.raises(Invalid, match="ink.v2.json"):
        write_user_metadata(model, {"notes": "x"})
    assert path.read_text() == content


def test_nothing_is_read_or_written_through_a_link_out_of_the_folder(model, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"notes": "secret"}')
    model.with_suffix(".json").symlink_to(secret)
    os.mkfifo(model.with_suffix(".txt"))
    model.with_suffix(".png").symlink_to(model.with_suffix(".png"))
    assert (
        read(model) == UserMetadata() and sidecar_files(model, model.parent, os.listdir(model.parent)).preview is None
    )
    with pytest.raises(Forbidden):
        write_user_metadata(model, {"notes": "x"})
    assert secret.read_text() == '{"notes": "secret"}'


def test_the_named_preview_goes_before_others(model):
    for ending, expected in (
        (".webp", ".webp"),
        (".png", ".png"),
        (".preview.jpg", ".preview.jpg"),
        (".preview.png", ".preview.png"),
    ):
        model.with_suffix(ending).touch()
        assert sidecar_files(model, model.parent, os.listdir(model.parent)).preview == model.with_suffix(expected)


@pytest.mark.parametrize("markup", ["<" * 10**6, "<a " * 300_000, "&lt;" * 200_000, "<" + "a" * 10**6])
def test_hostile_markup_is_read_in_passing(markup):
    assert len(text_of_html(markup)) <= len(markup)


@pytest.mark.parametrize(
    ("words", "family"),
    [
        ("sd_v1", "SD1"),
        ("sd_1.5", "SD1"),
        ("stable-diffusion-v1/lora", "SD1"),
        ("SD 1.5", "SD1"),
        ("SD1", "SD1"),
        ("sd_v2_768_v", "SD2"),
        ("stable-diffusion-v2-768-v", "SD2"),
        ("SD 2.1 768", "SD2"),
        ("sdxl_base_v1-0", "SDXL"),
        ("stable-diffusion-xl-v1-base/lora", "SDXL"),
        ("SDXL 1.0", "SDXL"),
        ("Pony", "SDXL"),
        ("Illustrious", "SDXL"),
        ("stable-diffusion-xl-v1-refiner", "SDXL refiner"),
        ("sd3", "SD3"),
        ("SD 3.5 Large", "SD3"),
        ("stable-diffusion-3-medium", "SD3"),
        ("flux1", "Flux"),
        ("Flux.1 D", "Flux"),
        ("", ""),
        ("Other", ""),
        ("Unknown", ""),
        ("x" * 10**6, ""),
    ],
)
def test_families_have_many_names(words, family):
    assert family_named(words) == family


@pytest.mark.parametrize(
    ("name", "width", "family"),
    [
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", 768, "SD1"),
        ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn2_to_k.lora_down.weight", 1024, "SD2"),
        ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight", 2048, "SDXL"),
        ("lora_unet_x_attn2_to_k.hada_w1_b", 768, "SD1"),
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1280, "SDXL refiner"),
        ("unet.x.attn2.processor.to_k_lora.down.weight", 768, "SD1"),
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", 3072, "Flux"),
        ("lora_unet_x_attn2_to_k.lora_up.weight", 768, ""),
        ("lora_unet_x_attn1_to_k.lora_down.weight", 768, ""),
        ("alpha", 768, ""),
    ],
)
def test_tensors_tell_the_family_where_the_trainer_does_not(name, width, family):
    assert family_of_header({}, {name: (4, width)}) == family
    assert family_of_header({"ss_base_model_version": "sd_v2"}, {name: (4, width)}) == "SD2"


def test_tags_are_counted_over_all_folders_and_hostile_ones_ignored():
    folders = {"10_a": {"cat": 3, "dog": 4}, "b": {"cat ": 2, "x": "9", "y": -1, "z": True}, "c": 5}
    assert training_tags({"ss_tag_frequency": json.dumps(folders)}) == (("cat", 5), ("dog", 4))
    for broken in ("", "{", "[1]", "{" * 10**5, '{"a": null}'):
        assert training_tags({"ss_tag_frequency": broken}) == ()


@pytest.fixture
def cards(tmp_path):
    """Of LoRAs and embeddings in a folder."""
    hashes = HashCache(tmp_path / "easel.sqlite")
    catalogs = {
        "lora": Catalog((tmp_path / "Lora",), hashes, LORA),
        "embedding": Catalog((tmp_path / "embeddings",), hashes, EMBEDDING),
    }
    return Cards(catalogs, LibraryIndex(tmp_path / "easel.sqlite"), read_embedding_file)


def lora(cards, **how):
    return {entry.name: entry for entry in cards.index.page(IndexQuery(kind="lora", **how)).entries}


def test_a_scan_reads_only_what_changed(cards, model, monkeypatch):
    read_files = []
    true = cards_module.describe_file
    monkeypatch.setattr(
        cards_module, "describe_file", lambda kind, file, *how: read_files.append(file.name) or true(kind, file, *how)
    )
    safetensors(model.with_name("other.safetensors"), {"ss_output_name": "Zebra"})
    for change in (
        lambda: None,
        lambda: safetensors(model, {"modelspec.title": "New"}),
        lambda: model.with_suffix(".json").write_text('{"notes": "x"}'),
        lambda: model.with_suffix(".png").touch(),
        lambda: model.with_suffix(".png").unlink(),
    ):
        change()
        cards.scan()
        cards.scan()
    assert read_files == ["ink.v2.safetensors", "other.safetensors", *["ink.v2.safetensors"] * 4]
    assert lora(cards)["ink.v2"].title == "New" and list(lora(cards, search="zebra")) == ["other"]
    model.unlink()
    cards.scan()
    assert list(lora(cards)) == ["other"]


def test_who_renews_the_lists_does_not_wait_for_a_scan_under_way(cards, model, monkeypatch):
    reading, go_on = threading.Event(), threading.Event()
    true = cards_module.describe_file

    def slowly(*how):
        reading.set()
        go_on.wait(60)
        return true(*how)

    monkeypatch.setattr(cards_module, "describe_file", slowly)
    cards.catalogs["lora"].refresh()
    cards.begin()
    assert reading.wait(60)
    safetensors(model.with_name("other.safetensors"), {})
    cards.renew("lora")
    assert "other" in [file.model_name for file in cards.catalogs["lora"].list()] and "other" not in lora(cards)
    go_on.set()
    while "other" not in lora(cards):
        time.sleep(0.01)
    cards.wait(60)
    cards.renew("lora")
    model.unlink()
    cards.renew("lora")
    while list(lora(cards)) != ["other"]:      # an earlier scan may still be under way
        time.sleep(0.01)


def test_broken_files_are_listed_with_what_is_wrong(cards, model):
    (model.parent / "cut.safetensors").write_bytes(model.read_bytes()[:20])
    (model.parent / "page.pt").write_text("<html>not a model</html>")
    cards.scan()
    assert lora(cards).keys() == {"ink.v2", "cut", "page"} and "web page" in lora(cards)["page"].problem


def test_embeddings_of_every_form_tell_their_vectors(cards, tmp_path):
    folder = tmp_path / "embeddings"
    folder.mkdir()
    for path in (GOLDEN / "models/embeddings").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    safetensors(folder / "xl.safetensors", {}, {"clip_l": (3, 768), "clip_g": (3, 1280)})
    cards.scan()
    facts = {entry.name: (json.loads(entry.facts), entry.family) for entry in cards.index.all("embedding")}
    assert facts["xl"] == (
        {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": 2048, "vectors": 3},
        "SDXL",
    )
    assert facts["tinyti"][0]["vectors"] >= 1 and facts["tidiff"][0]["shape"] == facts["tinyti"][0]["shape"]


def test_a_checkpoint_tells_its_family_by_its_text_encoder(tmp_path):
    hashes = HashCache(tmp_path / "easel.sqlite")
    cards = Cards(
        {"checkpoint": Catalog((GOLDEN / "models/Stable-diffusion",), hashes, CHECKPOINT)},
        LibraryIndex(tmp_path / "easel.sqlite"),
        read_embedding_file,
    )
    cards.begin()
    assert cards.wait(30) and [entry.family for entry in cards.index.all("checkpoint")] == ["SD1"]


def test_what_is_left_out_has_a_card_with_its_reason(cards, model):
    (model.parent / "gone.safetensors").symlink_to("/nowhere")
    (model.parent / "around").symlink_to(model.parent)
    os.mkfifo(model.parent / "pipe.safetensors")
    cards.scan()
    found = {entry.file: entry.problem for entry in cards.index.page(IndexQuery(kind="lora")).entries}
    assert found["ink.v2.safetensors"] == ""
    assert (
        "nowhere" in found["gone.safetensors"]
        and "leads back" in found["around"]
        and "pipe" in found["pipe.safetensors"]
    )


def test_a_card_heals_with_its_file(cards, model, monkeypatch):
    with monkeypatch.context() as refusing:
        refusing.setattr("modules.library.catalog.sniff", refused)
        cards.scan()
        assert "may not be read" in cards.index.page(IndexQuery(kind="lora")).entries[0].problem
    cards.scan()
    assert cards.index.page(IndexQuery(kind="lora")).entries[0].problem == ""


def refused(path):
    raise ModelCorrupt(f"{path.name} may not be read.")


def test_an_unforeseen_error_of_one_file_is_that_files(cards, model, monkeypatch):
    safetensors(model.with_name("odd.safetensors"), {})
    described = cards_module.describe_file

    def upset(kind, file, found, read_embedding):
        if file.model_name == "odd" and not file.problem:
            raise KeyError("unforeseen")
        return described(kind, file, found, read_embedding)

    monkeypatch.setattr(cards_module, "describe_file", upset)
    cards.scan()
    found = {entry.name: entry.problem for entry in cards.index.page(IndexQuery(kind="lora")).entries}
    assert found == {"ink.v2": "", "odd": "odd.safetensors could not be looked at (KeyError)."}


def test_a_first_scan_that_fails_ends_and_the_next_one_succeeds(cards, model, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(cards.index, "put", lambda entries: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        cards.begin()
        assert cards.wait(60) and not cards.index.page(IndexQuery(kind="lora")).entries
    cards.renew("lora")
    assert [entry.name for entry in cards.index.page(IndexQuery(kind="lora")).entries] == [
        "ink.v2"
    ] and not cards.scanning


def test_a_preview_in_a_linked_folder_is_shown(cards, model, tmp_path):
    elsewhere = tmp_path / "disk"
    safetensors(elsewhere / "wash.safetensors", {})
    (elsewhere / "wash.png").write_bytes(b"a picture")
    (model.parent / "linked").symlink_to(elsewhere)
    cards.scan()
    entry = cards.index.named("lora", "wash")
    assert entry.file == "linked/wash.safetensors" and cards.preview(entry) == b"a picture"
