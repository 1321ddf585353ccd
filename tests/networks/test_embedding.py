"""Textual-inversion embeddings: every kind of file, and finding their names in a prompt."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file
from torch import Tensor

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelUnsupported
from modules.networks.embedding import Embedding, key_stream

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = GOLDEN / "models" / "embeddings"
VECTORS = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))


def golden(file: str) -> Embedding:
    path = FOLDER / file
    content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    return Embedding.read(file, content, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("file", "count"), [("tinyti.pt", 3), ("tidiff.bin", 1), ("ti-one.safetensors", 1), ("tibig.safetensors", 80)]
)
def test_recorded_files_are_read(file, count):
    found = golden(file)
    table = found.vectors_for({"clip": 64})["clip"]
    assert table.shape == (count, 64) and table.dtype == torch.float32 and table.abs().max() > 0
    assert (found.name, found.count, found.width) == (Path(file).stem, count, 64)


def test_a_file_tells_how_it_was_made():
    content = {"string_to_param": {"*": VECTORS}, "string_to_token": {"*": 265}, "name": "inside", "step": 7,
               "sd_checkpoint": "7460a6fa", "sd_checkpoint_name": "sd-v1-4"}
    found = Embedding.read("outside.pt", content)
    assert (found.name, found.step, found.checkpoint, found.checkpoint_hash) == ("outside", 7, "sd-v1-4", "7460a6fa")
    assert golden("tinyti.pt").step == 100 and golden("tinyti.pt").checkpoint is None
    assert golden("tidiff.bin").step is None


@pytest.mark.parametrize("case", ["bin", "case", "clipskip"])
def test_the_short_hash_is_a1111s(case):
    """"TI hashes" has twelve digits of the SHA-256 of the whole file."""
    told = json.loads((GOLDEN / "images" / "ti" / case / "result.json").read_text())["extra_generation_params"][
        "TI hashes"
    ]
    known = {found.name: found.shorthash for found in (golden("tinyti.pt"), golden("tidiff.bin"))}
    name, shorthash = told.split(": ")
    assert known[name] == shorthash


@pytest.mark.parametrize("content", [
    {"string_to_param": {"*": VECTORS}},
    {"string_to_param": {"*": torch.nn.Parameter(VECTORS)}},
    {"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(VECTORS)})},
    {"emb_params": VECTORS},
    {"<word>": VECTORS},
    {"<word>": VECTORS, "step": 3},
], ids=str)
def test_one_table_is_for_the_only_encoder(content):
    found = Embedding.read("word.pt", content).vectors_for({"clip": 8})["clip"]
    assert torch.equal(found, VECTORS) and not found.requires_grad


@pytest.mark.parametrize("names", [("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1")])
def test_sdxl_has_a_table_for_each_encoder(names):
    found = Embedding.read("xl.safetensors", {names[0]: VECTORS, names[1]: VECTORS.repeat(1, 2).half()})
    both = found.vectors_for({"clip_l": 8, "clip_g": 16})
    assert [table.shape for table in both.values()] == [(3, 8), (3, 16)] and both["clip_g"].dtype == torch.float32
    assert found.vectors_for({"clip_g": 16}).keys() == {"clip_g"}      # the refiner
    assert (found.count, found.width) == (3, 24)


@pytest.mark.parametrize(("content", "encoders"), [
    ({"emb_params": VECTORS}, {"clip": 16}),
    ({"emb_params": VECTORS}, {"clip_l": 8, "clip_g": 16}),
    ({"clip_l": VECTORS, "clip_g": VECTORS}, {"clip": 8}),
    ({"clip_l": VECTORS, "clip_g": VECTORS}, {"clip_l": 8, "clip_g": 16}),
])
def test_an_embedding_for_other_models_is_refused_by_name(content, encoders):
    with pytest.raises(ModelMismatch, match=r"^word\.pt .* 8, .* \d+\.$"):
        Embedding.read("word.pt", content).vectors_for(encoders)


# Pictures


def as_json(content: dict) -> bytes:
    return json.dumps(content, default=lambda tensor: {"TORCHTENSOR": tensor.tolist()}).encode()


WRITTEN = as_json({"string_to_token": {"*": 265}, "string_to_param": {"*": VECTORS}, "name": "pictured", "step": 9,
                   "sd_checkpoint": "7460a6fa", "sd_checkpoint_name": "sd-v1-4"})


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_text(text: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("sd-ti-embedding", text)
    return saved(Image.new("RGB", (8, 8), "white"), pnginfo=chunks)


def congruential():
    state = 0
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield state % 255 % 16


def side(halves: list[int], height: int) -> Tensor:
    """Half bytes as the low bits of a block of pixels; the high bits are of no meaning but to be seen."""
    mixed = [half ^ key for half, key in zip(halves, congruential(), strict=False)]
    return torch.tensor(mixed, dtype=torch.uint8).view(height, -1, 3) | 0x50


def hiding(packed: bytes, height: int = 64, frame: int = 3) -> Image.Image:
    """A picture with the bytes in its sides, each apart from the middle by a black column, in a black frame."""
    packed += bytes(-len(packed) % (3 * height))
    gap, middle = torch.zeros(height, 1, 3, dtype=torch.uint8), torch.full((height, 20, 3), 0x5A, dtype=torch.uint8)
    middle[:, 7] = 0x50         # without low bits, as happens in pictures
    sides = side([byte & 15 for byte in packed], height), side([byte >> 4 for byte in packed], height)
    pixels = torch.cat([sides[0], gap, middle, gap, sides[1]], dim=1)
    return Image.fromarray(torch.nn.functional.pad(pixels, (0, 0, frame, frame, frame, frame)).numpy())


PICTURES = {
    "text.png": with_text(base64.b64encode(WRITTEN).decode()),
    "pixels.png": saved(hiding(zlib.compress(WRITTEN))),
    "unframed.png": saved(hiding(zlib.compress(WRITTEN), frame=0)),
    "pixels.webp": saved(hiding(zlib.compress(WRITTEN)), "WEBP", lossless=True),
    "alpha.png": saved(hiding(zlib.compress(WRITTEN)).convert("RGBA")),
}


@pytest.mark.parametrize("file", PICTURES)
def test_a_picture_carries_an_embedding(file):
    found = Embedding.read(file, PICTURES[file], "0123456789abcdef")
    assert torch.equal(found.vectors_for({"clip": 8})["clip"], VECTORS)
    assert (found.name, found.step, found.checkpoint, found.shorthash) == ("pictured", 9, "sd-v1-4", "0123456789ab")


def test_a_picture_whose_embedding_has_no_name_gives_its_own():
    content = base64.b64encode(as_json({"string_to_param": {"*": VECTORS}})).decode()
    assert Embedding.read("own.name.png", with_text(content)).name == "own.name"


def test_the_key_stream_is_the_generators():
    assert key_stream(100_000).tolist() == list(islice(congruential(), 100_000))


BAD_PICTURES = {
    "plain": (saved(Image.new("RGB", (32, 32), "red")), ModelUnsupported),
    "black": (saved(Image.new("RGB", (32, 32))), ModelUnsupported),
    "noise": (
        saved(Image.frombytes("RGB", (64, 64), torch.arange(3 * 4096).to(torch.uint8).numpy().tobytes())),
        ModelUnsupported,
    ),
    "number": (with_text(base64.b64encode(b"7").decode()), ModelUnsupported),
    "no embedding": (with_text(base64.b64encode(b"{}").decode()), ModelUnsupported),
    "not base64": (with_text("a"), ModelCorrupt),
    "not JSON": (with_text(base64.b64encode(b"{").decode()), ModelCorrupt),
    "deep": (with_text(base64.b64encode(b"[" * 200_000).decode()), ModelCorrupt),
    "ragged": (
        with_text(base64.b64encode(b'{"string_to_param": {"*": {"TORCHTENSOR": [[1, 2], [3]]}}}').decode()),
        ModelCorrupt,
    ),
    "words": (
        with_text(base64.b64encode(b'{"string_to_param": {"*": {"TORCHTENSOR": ["a"]}}}').decode()),
        ModelCorrupt,
    ),
    "cut stream": (saved(hiding(zlib.compress(WRITTEN)[:-20] + bytes(400))), ModelCorrupt),
    "not zlib": (saved(hiding(WRITTEN)), ModelCorrupt),
    "bomb": (saved(hiding(zlib.compress(bytes(2**26)))), ModelCorrupt),
    "cut file": (PICTURES["pixels.png"][:400], ModelCorrupt),
    "no picture": (b"\x80\x04.", ModelCorrupt),
}


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_bad_picture_is_refused_by_name(kind):
    picture, error = BAD_PICTURES[kind]
    with pytest.raises(error, match=r"^bad\.png") as refused:
        Embedding.read("bad.png", picture)
    assert refused.value.hint


@pytest.mark.parametrize(("content", "error", "words"), [
    ([], ModelUnsupported, "not a textual-inversion"),
    ({}, ModelUnsupported, "not a textual-inversion"),
    ({"string_to_param": 3}, ModelUnsupported, "not a textual-inversion"),
    ({"string_to_param": {}}, ModelUnsupported, "not a textual-inversion"),
    ({"string_to_param": {"*": VECTORS, "+": VECTORS}}, ModelUnsupported, "2 tensors (*, +)"),
    ({"lora_up.weight": VECTORS, "lora_down.weight": VECTORS}, ModelUnsupported, "2 tensors"),
    ({"emb_params": VECTORS[None]}, ModelCorrupt, "(1, 3, 8)"),
    ({"emb_params": torch.tensor(1.0)}, ModelCorrupt, "()"),
    ({"emb_params": torch.zeros(0, 8)}, ModelCorrupt, "(0, 8)"),
    ({"emb_params": torch.zeros(2, 8, dtype=torch.int64)}, ModelCorrupt, "int64"),
    ({"clip_l": VECTORS, "clip_g": VECTORS[:2]}, ModelCorrupt, "as many"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_file_is_refused_by_name(content, error, words):
    with pytest.raises(error, match=r"^bad\.pt " + ".*" + re.escape(words)) as refused:
        Embedding.read("bad.pt", content)
    assert refused.value.hint
