"""Network tags: which file, how strong, and what is none."""

from __future__ import annotations

import shutil

import pytest

from modules.base.errors import Invalid
from modules.params.txt2img import Txt2Img
from modules.settings.options import Settings
from modules.tasks.networks import MOST_TAGS, networks_of, warnings, with_standing_networks
from tests.golden_data import GOLDEN, library

NAME = "odd näme 🎨 (v1) [x]"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "Lora").mkdir()
    for name, copied in (("locon", "locon"), ("lora_linear", NAME)):
        shutil.copy(GOLDEN / f"models/Lora/{name}.safetensors", folder / "Lora" / f"{copied}.safetensors")
    for kind in ("embeddings", "hypernetworks", "VAE"):
        shutil.copytree(GOLDEN / "models" / kind, folder / kind)
    return library(folder / "none", folder, folder / "h.sqlite")


def found(models, prompt, negative=""):
    return networks_of(Txt2Img(prompt=prompt, negative_prompt=negative), models)


@pytest.mark.parametrize(("tag", "text", "unet", "rank"), [
    ("<lora:locon>", 1, 1, None), ("<lora:locon:0.8>", 0.8, 0.8, None), ("<lora:locon:0.3:0.9>", 0.3, 0.9, None),
    ("<lora:locon:te=0.9:unet=0.2>", 0.9, 0.2, None), ("<lora:locon:0.5:unet=0.2>", 0.5, 0.2, None), ("<lora:locon:1:1:4>", 1, 1, 4),
    ("<lora:locon:1:dyn=8>", 1, 1, 8), ("<lyco:locon:-0.5>", -0.5, -0.5, None), ("<lora:LOCON:1>", 1, 1, None),
])
def test_strengths_are_read_as_a1111_reads_them(models, tag, text, unet, rank):
    [lora] = found(models, f"a {tag} b").loras
    assert (lora.use.text, lora.use.unet, lora.use.rank, lora.use.blocks) == (text, unet, rank, "")


@pytest.mark.parametrize("tag", ["<lora:locon:0.8:lbw=1,0,0>", "<lora:locon:0.8:1,0,0>"])
def test_block_weights_are_read_as_their_extensions_users_write_them(models, tag):
    [lora] = found(models, tag).loras
    assert (lora.use.text, lora.use.unet, lora.use.blocks) == (0.8, 0.8, "1,0,0")


def test_any_file_name_can_be_named(models):
    assert [lora.name for lora in found(models, f"<lora:{NAME}:1>").loras] == [NAME]


@pytest.mark.parametrize("name", ["../../../x", "/etc/passwd", "~/x", "..\\x", "locon/../locon", "*", "file:///etc/passwd"])
@pytest.mark.parametrize("kind", ["lora", "lyco", "hypernet"])
def test_a_name_is_never_a_path(models, kind, name):
    networks = found(models, f"<{kind}:{name}:1>")
    assert not networks.loras and not networks.hypernetworks
    assert repr(name.split(":")[0]) in warnings(networks.unknown)[0]


@pytest.mark.parametrize("weight", ["NaN", "inf", "-inf", "1e999", "--1", "two"])
def test_a_strength_that_is_none_is_refused(models, weight):
    with pytest.raises(Invalid, match="strength"):
        found(models, f"<lora:locon:{weight}>")


def test_tags_are_bounded(models):
    found(models, "<lora:locon:0.001>" * MOST_TAGS)
    with pytest.raises(Invalid, match="networks"):
        found(models, "<lora:locon:0.001>" * (MOST_TAGS + 1))


def test_hypernetworks_keep_their_order(models):
    first, second = found(models, "<hypernet:hn_121_relu:0.5><hypernet:hn_121_linear:0.7>").hypernetworks
    assert (first.strength, second.strength) == (0.5, 0.7) and first.sha256 != second.sha256


def test_embeddings_are_looked_for_in_both_prompts(models):
    assert len(found(models, "a TinyTI circle", "tidiff").embeddings) == 2
    assert not found(models, "a circle").embeddings


def test_standing_networks_are_written_into_the_prompt():
    settings = Settings(sd_lora="ink", sd_hypernetwork="hn", extra_networks_default_multiplier=0.5)
    assert with_standing_networks(Txt2Img(prompt="a"), settings).prompt == "a<lora:ink:0.5><hypernet:hn:0.5>"
    assert with_standing_networks(Txt2Img(prompt="a <lora:ink:1>"), Settings(sd_lora="ink")).prompt == "a <lora:ink:1>"
