"""Textual-inversion embeddings: a word of the prompt with vectors of its own (Gal et al. 2022, arXiv:2208.01618).

They come as A1111's pickles, as bare tensors (safetensors and diffusers' files), for SDXL one table for each text
encoder, and as pictures that contain A1111's dict as JSON: in a text chunk, or, for those shared where text is
stripped, in the pixels.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelUnsupported

ONLY = "clip"               # our name of a model's only encoder; SDXL's are clip_l and clip_g
TEXT_CHUNK = "sd-ti-embedding"
PICTURE_FORMATS = ("PNG", "WEBP")
MOST_EMBEDDING_PIXELS = 2**24
LONGEST_JSON = 2**25        # bytes; 75 vectors of both SDXL encoders have 4 million
SHORT = 12                  # hex digits of the hash in generation data
EMBEDDING_HINT = "Embeddings are .pt, .bin and .safetensors files, and pictures that carry one."
COPY_EMBEDDING_AGAIN = "Download or copy the file again; pictures must not have been converted."


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    name: str                           # the word in the prompt
    file: str
    vectors: Mapping[str, Tensor]       # text encoder → (count, width) float32, one count for all encoders
    step: int | None = None             # training steps
    checkpoint: str | None = None       # the name of the checkpoint it was trained on
    checkpoint_hash: str | None = None
    sha256: str = ""                    # of the whole file

    @classmethod
    def read(cls, file: str, content: object, sha256: str = "") -> Embedding:
        """Read an embedding from a file's content: tensors, a `weights_only` pickle's object, or a picture's bytes.

        Its name is the file's; a picture may contain a better one. Raises ModelUnsupported or ModelCorrupt.
        """
        name = PurePath(file).stem
        if isinstance(content, bytes):
            content = read_embedded_picture(file, content)
            name = value_as(content.get("name"), str) or name
        if not isinstance(content, Mapping):
            raise ModelUnsupported(f"{file} is not a textual-inversion embedding.", EMBEDDING_HINT)
        return cls(
            name,
            file,
            read_vectors(file, content),
            step=value_as(content.get("step"), int),
            checkpoint=value_as(content.get("sd_checkpoint_name"), str),
            checkpoint_hash=value_as(content.get("sd_checkpoint"), str),
            sha256=sha256,
        )

    @property
    def count(self) -> int:
        """The number of its tokens in a prompt."""
        return len(next(iter(self.vectors.values())))

    @property
    def width(self) -> int:
        """The width of all encoders together, `shape` in A1111's API."""
        return sum(table.shape[1] for table in self.vectors.values())

    @property
    def shorthash(self) -> str:
        """The hash in the generation data's "TI hashes"."""
        return self.sha256[:SHORT]

    def vectors_for(self, encoders: Mapping[str, int]) -> dict[str, Tensor]:
        """Return the vectors, (count, width), for each of a model's text encoders, given their widths.

        Raises ModelMismatch if it was made for other encoders.
        A model's only encoder is called ONLY; SDXL's are clip_l and clip_g, of which the refiner has the latter.
        """
        for encoder, width in encoders.items():
            if encoder not in self.vectors or self.vectors[encoder].shape[1] != width:
                made = ", ".join(f"{name} {table.shape[1]}" for name, table in self.vectors.items())
                has = ", ".join(f"{name} {width}" for name, width in encoders.items())
                raise ModelMismatch(
                    f"{self.file} does not fit the model: its vectors are for {made}, the model has {has}.",
                    "Use an embedding made for this family of models.",
                )
        return {encoder: self.vectors[encoder] for encoder in encoders}


def value_as(value: object, kind: type) -> Any:
    """Return a value of a file's metadata, if it has the expected type."""
    return value if isinstance(value, kind) else None


def read_vectors(file: str, content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return encoder → (count, width) float32."""
    terms = content.get("string_to_param", content)
    terms = getattr(terms, "_parameters", terms)  # a torch.nn.ParameterDict of any version
    tables = (
        {str(key): value for key, value in terms.items() if isinstance(value, Tensor)}
        if isinstance(terms, Mapping)
        else {}
    )
    for names in PAIRS:
        if names.keys() <= tables.keys():
            return same_count(file, {encoder: table_of(file, tables[key]) for key, encoder in names.items()})
    if not tables:
        raise ModelUnsupported(f"{file} is not a textual-inversion embedding.", EMBEDDING_HINT)
    if len(tables) > 1:
        raise ModelUnsupported(
            f"{file} has {len(tables)} tensors ({', '.join(tables):.80}); an embedding has one.", EMBEDDING_HINT
        )
    return {ONLY: table_of(file, *tables.values())}


def table_of(file: str, tensor: Tensor) -> Tensor:
    """Return a tensor (width,) or (count, width) as (count, width) float32."""
    table = tensor.detach().float() if tensor.is_floating_point() else tensor
    table = table.unsqueeze(0) if table.ndim == 1 else table
    if table.ndim != 2 or not table.numel() or not table.is_floating_point():
        raise ModelCorrupt(
            f"{file} holds no vectors but {tensor.dtype} of shape {tuple(tensor.shape)}.", EMBEDDING_HINT
        )
    return table


def same_count(file: str, tables: dict[str, Tensor]) -> dict[str, Tensor]:
    if len({len(table) for table in tables.values()}) > 1:
        raise ModelCorrupt(
            f"{file} has not as many vectors for one text encoder as for the other.", COPY_EMBEDDING_AGAIN
        )
    return tables


def read_embedded_picture(file: str, picture: bytes) -> Mapping[str, Any]:
    """Return A1111's dict in a picture. Raises ModelUnsupported if there is none, ModelCorrupt if it cannot be read."""
    try:
        with Image.open(io.BytesIO(picture), formats=PICTURE_FORMATS) as image:
            packed = packed_json(image) if image.width * image.height <= MOST_EMBEDDING_PIXELS else None
        content = json.loads(packed, object_hook=tensor_or_dict) if packed is not None else None
    except DECODING_ERRORS as error:
        raise ModelCorrupt(f"{file} is damaged ({type(error).__name__}).", COPY_EMBEDDING_AGAIN) from error
    if not isinstance(content, Mapping):
        raise ModelUnsupported(f"{file} is a picture without an embedding in it.", EMBEDDING_HINT)
    return content


def packed_json(image: Image.Image) -> bytes | None:
    """Return the data of the text chunk if there is one (base64), else of the pixels."""
    image.load()
    if text := getattr(image, "text", {}).get(TEXT_CHUNK):
        return base64.b64decode(text)
    packed = hidden_in(pixel_tensor(image))
    return None if packed is None else inflate_zlib(packed)


def tensor_or_dict(item: dict[str, Any]) -> Any:
    return torch.tensor(item["TORCHTENSOR"], dtype=torch.float32) if "TORCHTENSOR" in item else item


def inflate_zlib(packed: bytes) -> bytes:
    """Inflate a zlib stream; the bytes after it are padding."""
    stream = zlib.decompressobj()
    raw = stream.decompress(packed, LONGEST_JSON)
    if not stream.eof:
        raise ValueError("the stream is cut off, or too long")
    return raw


def pixel_tensor(image: Image.Image) -> Tensor:
    """Return the pixels, (height, width, 3) uint8."""
    return torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8).view(
        image.height, image.width, 3
    )


def hidden_in(pixels: Tensor) -> bytes | None:
    """Return the bytes hidden in the low four bits of a picture's sides; None if it has no such sides.

    Within any black frame, a column without low bits ends the left side and another begins the right one. Read row by
    row, the left side holds the bytes' low halves and the right side the high ones, each mixed with the same key stream
    by exclusive or.
    """
    low = unframed(pixels) & 0x0F
    empty = torch.nonzero(low.sum((0, 2)) == 0).flatten().tolist()
    if len(empty) < 2:
        return None
    sides = low[:, :empty[0]], low[:, empty[-1] + 1:]
    if not sides[0].numel() or sides[0].shape != sides[1].shape:
        return None
    lower, higher = (side.flatten() ^ key_stream(side.numel()) for side in sides)
    return (higher << 4 | lower).numpy().tobytes()


def unframed(pixels: Tensor) -> Tensor:
    """Return the pixels without the outer rows and columns in which no pixel has all three colours."""
    coloured = (pixels > 0).all(2)
    rows, columns = (torch.nonzero(coloured.any(axis)).flatten().tolist() for axis in (1, 0))
    return pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] if rows else pixels[:0, :0]


def key_stream(length: int) -> Tensor:
    """Return the key stream, (length,) uint8 of four bits: sₙ mod 255 mod 16, where sₙ₊₁ = (a sₙ + c) mod 2³², s₀ = 0.

    a = 1664525, c = 1013904223 (Numerical Recipes). In closed form sₙ = c (1 + a + … + aⁿ⁻¹); that the sum wraps at 2⁶⁴
    does not matter, which is a multiple of 2³².
    """
    powers = torch.full((length,), 1664525, dtype=torch.int64)
    powers[:1] = 1
    states = 1013904223 * powers.cumprod(0).cumsum(0) & 0xFFFFFFFF
    return (states % 255 & 0x0F).to(torch.uint8)


PAIRS = (           # encoders' names in files: A1111 and diffusers, diffusers' trainer
    {"clip_l": "clip_l", "clip_g": "clip_g"},
    {"text_encoders_0": "clip_l", "text_encoders_1": "clip_g"},
)
DECODING_ERRORS = (  # errors of the readers of pictures, base64, zlib, JSON and nested lists
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    zlib.error,
    Image.DecompressionBombError,
)
