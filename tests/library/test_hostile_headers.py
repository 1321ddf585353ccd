"""safetensors files that are sound in form and hostile in content: names, numbers and texts that nobody means."""

from __future__ import annotations

import json
import os

import pytest
import torch
from safetensors.torch import save_file

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelMissing, ModelUnsupported
from modules.library import upscalers as upscaling
from modules.library.catalog import Catalog, ModelFile
from modules.library.describe import DEEPEST_JSON, LONGEST_METADATA, shown_metadata
from modules.library.model_kinds import LORA, UPSCALER
from modules.library.safetensors_header import read_header, read_header_metadata
from modules.models.checkpoint.hints import Hints, from_metadata
from modules.models.checkpoint.key_mapping import count, unet_names
from modules.models.files.tensor_stream import opened
from modules.networks.dialects import Targets
from modules.networks.formats import read_patches
from modules.networks.hypernetwork import Hypernetwork
from modules.networks.network import read_network
from modules.store.hashes import HashCache


def test_a_number_out_of_line_makes_no_blocks():
    keys = ["a.0.x", "a.1.x", "a.999999999999.x", f"a.{'9' * 5000}.x", "a.\u0663.x"]
    assert count(keys, "a") == 2
    assert unet_names(["input_blocks.999999999.0.op.weight"]) == {}


@pytest.mark.parametrize("raw", [
    b"{" + b",".join(b'"%d" : 0' % n for n in range(600_000)) + b"}",
    b'{"w":[' + b"1," * 2_100_000 + b"1]}",
], ids=["names", "values"])
def test_a_header_of_too_many_values_is_not_parsed(tmp_path, raw):
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw)
    with pytest.raises(ModelCorrupt, match="claims more than"):
        read_header(path)


def test_metadata_is_told_as_text_that_json_holds():
    nested = json.dumps({"a": "b"})
    for _ in range(DEEPEST_JSON + 1):
        nested = f'{{"a":{nested}}}'
    found = shown_metadata(
        {
            "lone": '{"a\\ud800":["\\udfff"]}',
            "long": "x" * 10**6,
            "within": json.dumps({"a": "x" * 10**6}),
            "deep": nested,
        }
    )
    assert found["lone"] == {"a?": ["?"]}
    assert len(found["long"]) < LONGEST_METADATA + 50 and len(found["within"]["a"]) < LONGEST_METADATA + 50
    assert found["deep"] == nested
    json.dumps(found, ensure_ascii=False).encode()


def test_lone_halves_of_characters_in_a_header_are_replaced(tmp_path):
    header = json.dumps({"__metadata__": {"ss_output_name": "a\ud800"}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert ModelFile(path, path.name).alias == "a?"


def test_a_file_that_has_gone_is_called_so(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(1)}, path)
    catalog = Catalog([tmp_path], HashCache(tmp_path / "hashes.sqlite"), LORA)
    file = catalog.find("x")
    path.unlink()
    assert file.metadata == {}
    with pytest.raises(ModelMissing, match="x.safetensors"):
        catalog.hashed(file)


def test_a_name_that_is_no_text_hides_nobody_else(tmp_path):
    for name in (b"x\xff.safetensors", b"y.safetensors"):
        save_file({"w": torch.zeros(1)}, tmp_path / "made")
        (tmp_path / "made").rename(os.fsdecode(os.fsencode(tmp_path / "") + b"/" + name))
    catalog = Catalog([tmp_path], HashCache(tmp_path / "hashes.sqlite"), LORA)
    assert [file.name for file in catalog.list() if not file.problem] == ["y.safetensors"]
    assert [
        name
        for name, file in upscaling.upscaler_files(Catalog([tmp_path], catalog.hashes, UPSCALER)).items()
        if not file.problem
    ] == ["y"]


def test_weights_in_eight_bits_are_copied_as_they_are(tmp_path):
    path = tmp_path / "x.safetensors"
    weight = torch.arange(4.0).to(torch.float8_e4m3fn)
    save_file({"w": weight}, path)
    with opened(path) as file:
        assert file.entries["w"].dtype is torch.float8_e4m3fn
        assert torch.equal(file.tensor("w").float(), weight.float())


@pytest.mark.parametrize("config", [
    {"unet": {"attention_head_dim": -8}}, {"unet": {"norm_num_groups": 1.5}}, {"vae": {"norm_num_groups": 0}},
    {"text_encoder": {"num_attention_heads": "x"}}, {"native_size": float("inf")},
])
def test_a_configuration_that_counts_nothing_is_refused(config):
    with pytest.raises(ModelCorrupt, match="x.safetensors"):
        from_metadata(Hints(), "x.safetensors", {"config": json.dumps(config)})


def test_a_rotation_in_more_stages_than_there_are_outputs_is_refused_at_once():
    patch = read_patches("x", {"oft_blocks": torch.empty(2**40, 0, 4, 4)})["weight"]
    assert not patch.fits((320, 4))


def test_a_layer_of_a_hypernetwork_has_a_number_of_sensible_length():
    state = {f"linear.{'9' * 5000}.weight": torch.zeros(4, 4)}
    with pytest.raises(ModelUnsupported):
        Hypernetwork.read("x.pt", {4: (state, state)})


def test_a_networks_own_words_are_told_on_one_line():
    nasty = "../x\0\x1b[31m\n<script>" + "y" * 2**20
    with pytest.raises(ModelMismatch) as caught:
        read_network("x", {nasty: torch.zeros(1)}, {"modelspec.architecture": nasty}, Targets.of({}, {}))
    for told in (str(caught.value), caught.value.hint):
        assert told.isprintable() and len(told) < 300


def test_a_bundled_embedding_is_a_table():
    with pytest.raises(ModelUnsupported, match="^x"):
        read_network("x", {"bundle_emb.word.clip_l": torch.zeros(3)}, {}, Targets.of({}, {}))


@pytest.mark.parametrize("alpha", [float("nan"), float("inf")])
def test_a_scale_that_is_no_number_is_refused(alpha):
    parts = {"lora_up.weight": torch.ones(4, 2), "lora_down.weight": torch.ones(2, 4), "alpha": torch.tensor(alpha)}
    with pytest.raises(ModelUnsupported, match="^x"):
        read_patches("x", parts)


@pytest.mark.parametrize("header", [
    b'{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"a":"b"}}',
    b'{"__metadata__" : {"a":"b"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
])
def test_metadata_are_those_of_the_whole_header_wherever_they_stand(tmp_path, header):
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert read_header_metadata(path) == read_header(path).metadata == ({"a": "b"} if b"meta" in header else {})


@pytest.mark.parametrize("header", [b'{"__metadata__":{"a":1}}', b'{"__metadata__":[]}', b'{"__metadata__":{"a":"b","a":"c"}}', b'{"__metadata__":{'])
def test_metadata_that_are_none_are_refused(tmp_path, header):
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelCorrupt):
        read_header_metadata(path)
