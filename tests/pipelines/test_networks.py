"""Network tags: which file, how strong, and what is none."""

from __future__ import annotations

import base64
import json
import shutil
import unicodedata
from math import inf

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.base.errors import Invalid, ModelMissing
from modules.models.lora.adapters import AdapterFiles
from modules.params.txt2img import Txt2Img
from modules.pipelines.networks import networks_of, with_standing_networks
from modules.prompts.network_tags import MOST_NETWORK_TAGS
from modules.requests.paste import with_local_names
from modules.settings.options import Settings
from tests.golden_data import GOLDEN, library

NAME = "odd näme 🎨 (v1) [x]"
EQUALS = ("a=b", "te=0.5", "x=y=z", "=")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "Lora").mkdir()
    for name, copied in (("locon", "locon"), ("lora_linear", NAME), *(("lora_ab_keys", each) for each in EQUALS)):
        shutil.copy(GOLDEN / f"models/Lora/{name}.safetensors", folder / "Lora" / f"{copied}.safetensors")
    for kind in ("embeddings", "hypernetworks", "VAE"):
        shutil.copytree(GOLDEN / "models" / kind, folder / kind)
    return library(folder / "none", folder, folder / "h.sqlite")


def found(models, prompt, negative=""):
    return networks_of(Txt2Img(prompt=prompt, negative_prompt=negative), models)


@pytest.mark.parametrize(
    ("tag", "text", "unet", "rank"),
    [
        ("<lora:locon>", 1, 1, None),
        ("<lora:locon:0.8>", 0.8, 0.8, None),
        ("<lora:locon:0.3:0.9>", 0.3, 0.9, None),
        ("<lora:locon:te=0.9:unet=0.2>", 0.9, 0.2, None),
        ("<lora:locon:0.5:unet=0.2>", 0.5, 0.2, None),
        ("<lora:locon:te=0.5>", 0.5, 0.5, None),
        ("<lora:locon:1:te=0.3>", 0.3, 0.3, None),
        ("<lora:locon:1:0.7:te=0.3>", 0.3, 0.7, None),
        ("<lora:locon:1:1:4>", 1, 1, 4),
        ("<lora:locon:1:1:0>", 1, 1, 0),
        ("<lora:locon:1:dyn=8>", 1, 1, 8),
        ("<lyco:locon:-0.5>", -0.5, -0.5, None),
        ("<lora:LOCON:1>", 1, 1, None),
    ],
)
def test_strengths_are_read_as_a1111_reads_them(models, tag, text, unet, rank):
    [lora] = found(models, f"a {tag} b").loras
    assert (lora.use.text, lora.use.unet, lora.use.rank, lora.use.blocks) == (text, unet, rank, "")


@pytest.mark.parametrize("tag", ["<lora:locon:0.8:lbw=1,0,0>", "<lora:locon:0.8:1,0,0>"])
def test_block_weights_are_read_as_their_extensions_users_write_them(models, tag):
    [lora] = found(models, tag).loras
    assert (lora.use.text, lora.use.unet, lora.use.blocks) == (0.8, 0.8, "1,0,0")


def test_any_file_name_can_be_named(models):
    assert [lora.name for lora in found(models, f"<lora:{NAME}:1>").loras] == [NAME]
    assert found(models, f"<lora:{unicodedata.normalize('NFD', NAME)}:1>").loras


@pytest.mark.parametrize("name", EQUALS)
def test_a_name_may_have_an_equals_sign(models, name):
    for rest, text, unet in (
        ("", 1, 1),
        (":0.8", 0.8, 0.8),
        (":0.3:0.9", 0.3, 0.9),
        (":te=0.2", 0.2, 0.2),
        (":1:unet=0.4", 1, 0.4),
    ):
        networks = found(models, f"a <lora:{name}{rest}> b")
        [lora] = networks.loras
        assert (lora.name, lora.use.text, lora.use.unet) == (name, text, unet) and not networks.notes


def test_a_network_goes_by_the_hash_that_generation_data_shows(models):
    [by_name] = found(models, "<lora:locon>").loras
    [by_hash] = found(models, f"<lora:{by_name.hash}>").loras
    assert by_hash.use == by_name.use
    assert not found(models, f"<lora:{by_name.hash[:7]}>").loras and not found(models, "<lora:%%%%%%%%>").loras


def test_pasted_loras_are_called_as_they_are_here(models):
    known = found(models, "<lora:locon>").loras[0].hash
    prompt, hashes = "a <lora:her, name:0.7:te=1> <lora:other:1>", "her name: {}, other: {}"
    for said, expected in (
        (hashes.format(known, known[::-1]), "a <lora:locon:0.7:te=1> <lora:other:1>"),
        (hashes.format("", known), "a <lora:her, name:0.7:te=1> <lora:locon:1>"),
        (f"locon: {known}", prompt),
        ("", prompt),
        ("nonsense", prompt),
    ):
        assert with_local_names({"Prompt": prompt, "Lora hashes": said}, models) == {
            "Prompt": expected,
            "Lora hashes": said,
        }


def test_tags_of_one_name_all_count_as_the_last_says(models):
    """As in A1111, where they share one object."""
    networks = found(models, f"<lora:locon:0.5><lora:{NAME}:1><lora:locon:0.3:0.2>")
    assert [(use.text, use.unet) for use in networks.uses] == [(0.3, 0.2), (1, 1), (0.3, 0.2)]


def test_what_is_no_argument_of_a_tag_is_told(models):
    [note] = found(models, "<lora:locon:1:lbwe=x>").notes
    assert "lbwe=" in note and "locon" in note
    [note] = found(models, "<lora:locon:1:1:4:0.5>").notes
    assert "0.5" in note
    assert not found(models, "<lora:locon:1:1:4:te=1:unet=1:dyn=2:lbw=ALL:start=1:stop=2>").notes


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ("start=3", (3, inf)),
        ("stop=5", (1, 5)),
        ("start=3:stop=5", (3, 5)),
        ("step=3-5", (3, 5)),
        ("step=3", (3, inf)),
        ("step=-5", (1, 5)),
        ("dyn=1", (1, inf)),
    ],
)
def test_steps_are_read_as_block_weights_are(models, said, steps):
    assert found(models, f"<lora:locon:1:lbw=ALL:{said}>").loras[0].steps == steps


def test_steps_that_are_none_are_refused(models):
    for said in ("start=x", "step=3-4-5", "stop=-1", "start=0.5"):
        with pytest.raises(Invalid, match="steps"):
            found(models, f"<lora:locon:1:{said}>")


@pytest.mark.parametrize(
    "name", ["../../../x", "/etc/passwd", "~/x", "..\\x", "locon/../locon", "*", "file:///etc/passwd"]
)
@pytest.mark.parametrize("kind", ["lora", "lyco", "hypernet"])
def test_a_name_is_never_a_path(models, kind, name):
    networks = found(models, f"<{kind}:{name}:1>")
    assert not networks.loras and not networks.hypernetworks
    assert repr(name.split(":")[0]) in networks.notes[0]


@pytest.mark.parametrize("weight", ["", " ", "NaN", "inf", "-inf", "1e999", "--1", "two"])
def test_a_strength_that_is_none_is_refused(models, weight):
    with pytest.raises(Invalid, match="strength"):
        found(models, f"<lora:locon:{weight}>")


def test_tags_are_bounded(models):
    found(models, "<lora:locon:0.001>" * MOST_NETWORK_TAGS)
    with pytest.raises(Invalid, match="networks"):
        found(models, "<lora:locon:0.001>" * (MOST_NETWORK_TAGS + 1))


def test_hypernetworks_keep_their_order(models):
    first, second = found(models, "<hypernet:hn_121_relu:0.5><hypernet:hn_121_linear:0.7>").hypernetworks
    assert (first.strength, second.strength) == (0.5, 0.7) and first.sha256 != second.sha256


def test_embeddings_are_looked_for_in_both_prompts(models):
    assert len(found(models, "a TinyTI circle", "tidiff").embeddings) == 2
    assert not found(models, "a circle").embeddings
    assert not found(models, "a <lora:TinyTI:1><hypernet:tidiff:1>").embeddings


def test_standing_networks_are_written_into_the_prompt():
    settings = Settings(sd_lora="ink", sd_hypernetwork="hn", extra_networks_default_multiplier=0.5)
    assert with_standing_networks(Txt2Img(prompt="a"), settings).prompt == "a<lora:ink:0.5><hypernet:hn:0.5>"
    assert with_standing_networks(Txt2Img(prompt="a <lora:ink:1>"), Settings(sd_lora="ink")).prompt == "a <lora:ink:1>"


def test_an_embedding_that_cannot_be_read_concerns_only_who_names_it(models, monkeypatch):
    def hashed(file):
        raise ModelMissing(f"{file.name} cannot be read.")

    monkeypatch.setattr(models.embeddings, "hashed", hashed)
    assert not found(models, "a tinytify circle").embeddings
    with pytest.raises(ModelMissing, match="tinyti"):
        found(models, "a circle", "TinyTI, blurred")


@pytest.fixture
def twins(tmp_path):
    """Files of one content under two names, a picture that calls itself otherwise than its file,
    and a plain picture.
    """
    embeddings = tmp_path / "embeddings"
    embeddings.mkdir()
    for name in ("baddream.pt", "bad-dream.PT"):
        shutil.copy(GOLDEN / "models/embeddings/tinyti.pt", embeddings / name)
    for name in ("broken.pt", "broken-too.pt"):
        (embeddings / name).write_bytes(b"PK\3\4" + bytes(100))
    card(embeddings / "card.png", "dreamword")
    Image.new("RGB", (8, 8)).save(embeddings / "cat.png")
    return library(tmp_path, tmp_path)


def card(path, word):
    """A picture that carries an embedding of 64-wide vectors, as A1111 writes them."""
    content = {"name": word, "string_to_param": {"*": {"TORCHTENSOR": [[0.5] * 64] * 2}}}
    text = PngInfo()
    text.add_text("sd-ti-embedding", base64.b64encode(json.dumps(content).encode()).decode())
    Image.new("RGB", (8, 8)).save(path, pnginfo=text)


def words_of(models, prompt):
    read = AdapterFiles(models).words(found(models, prompt).embeddings)
    return {each.name: each.shorthash for each in read.embeddings}, read.broken


def test_two_files_of_one_content_are_two_words(twins):
    words, _ = words_of(twins, "a cat, baddream, bad-dream")
    assert words.keys() == {"baddream", "bad-dream"} and len(set(words.values())) == 1


def test_a_renamed_file_has_its_new_word_at_the_next_look(twins):
    assert words_of(twins, "baddream")[0].keys() == {"baddream"}
    path = twins.embeddings.named("baddream").path
    path.rename(path.with_name("sweetdream.pt"))
    twins.embeddings.refresh()
    assert words_of(twins, "sweetdream, baddream")[0].keys() == {"sweetdream"}


def test_a_picture_goes_by_its_files_name_and_by_the_word_inside(twins):
    assert words_of(twins, "a card")[0].keys() == {"card"} and words_of(twins, "a dreamword")[0].keys() == {"dreamword"}


def test_a_picture_without_an_embedding_is_no_word(twins):
    assert words_of(twins, "a cat") == ({}, {})


def test_the_refusal_of_a_broken_file_names_that_file(twins):
    for word in ("broken", "broken-too"):
        errors = words_of(twins, f"a {word}")[1]
        assert str(errors[word]).startswith(f"{word}.pt")
