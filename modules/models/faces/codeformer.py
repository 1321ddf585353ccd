"""CodeFormer: a face as codes of a codebook of 1024, which a transformer predicts from the damaged picture.

Zhou et al. 2022, arXiv:2206.11253. Names are those of `codeformer-v0.1.0.pth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from modules.models.faces.vqgan import ResBlock, encoder, vqgan_generator
from modules.models.layers import LEAKY_SLOPE, conv3x3

HEAD = 64               # width of an attention head: 8 of them in 512
ADAIN_EPSILON = 1e-5          # avoids a division by 0 for a plain surface


@dataclass(frozen=True, slots=True)
class CodeFormerSizes:
    """The sizes of a CodeFormer network.

    widths: of the autoencoder by resolution, the picture's first; fused: the sides in pixels at which features are
        exchanged
    """

    widths: tuple[int, ...] = (64, 128, 128, 256, 256, 512)
    latent: int = 256
    codes: int = 1024
    places: int = 256       # 16 × 16
    width: int = 512        # of the transformer
    inner: int = 1024       # of its layers
    layers: int = 9
    fused: tuple[str, ...] = ("32", "64", "128", "256")

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> CodeFormerSizes:
        halvings = sorted(
            int(name.split(".")[2])
            for name in state
            if name.startswith("encoder.blocks.") and name.endswith(".conv.weight")
        )
        codes, latent = state["quantize.embedding.weight"].shape
        places, width = state["position_emb"].shape
        return cls(
            widths=(
                *(state[f"encoder.blocks.{n}.conv.weight"].shape[0] for n in halvings),
                state["generator.blocks.0.weight"].shape[0],
            ),
            latent=latent,
            codes=codes,
            places=places,
            width=width,
            inner=state["ft_layers.0.linear1.weight"].shape[0],
            layers=len({name.split(".")[1] for name in state if name.startswith("ft_layers.")}),
            fused=tuple(dict.fromkeys(name.split(".")[1] for name in state if name.startswith("fuse_convs_dict."))),
        )

    @property
    def side(self) -> int:
        """The picture's side, in pixels."""
        return int(self.places**0.5) * 2 ** (len(self.widths) - 1)

    def side_at(self, level: int) -> str:
        return str(self.side >> level)

    def width_at(self, side: str) -> int:
        return self.widths[(self.side // int(side)).bit_length() - 1]


class TransformerLayer(nn.Module):
    """A transformer layer; positions are added only to its queries and keys."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, width // HEAD)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """x: (places, 1, width)"""
        normed = self.norm1(x)
        placed = normed + position
        x = x + self.self_attn(placed, placed, normed, need_weights=False)[0]
        return x + self.linear2(gelu(self.linear1(self.norm2(x))))


class Fusion(nn.Module):
    """The controllable feature transformation: the damaged picture's features mixed into the generator's (§3.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encode_enc = ResBlock(2 * width, width)
        self.scale, self.shift = (
            nn.Sequential(conv3x3(width, width), nn.LeakyReLU(LEAKY_SLOPE), conv3x3(width, width)) for _ in range(2)
        )

    def forward(self, seen: Tensor, drawn: Tensor, weight: float) -> Tensor:
        seen = self.encode_enc(torch.cat((seen, drawn), 1))
        return drawn + weight * (drawn * self.scale(seen) + self.shift(seen))


class CodeFormer(nn.Module):
    """(1, 3, side, side) RGB in [−1, 1] and a weight → the same face restored.

    weight: 0 draws from the codes alone, the better picture; 1 keeps most of the face that was there
    """

    def __init__(self, sizes: CodeFormerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder, self.generator = encoder(sizes.widths, sizes.latent), vqgan_generator(sizes.widths, sizes.latent)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(sizes.codes, sizes.latent)})
        self.position_emb = nn.Parameter(torch.empty(sizes.places, sizes.width))
        self.feat_emb = nn.Linear(sizes.latent, sizes.width)
        self.ft_layers = nn.ModuleList(TransformerLayer(sizes.width, sizes.inner) for _ in range(sizes.layers))
        self.idx_pred_layer = nn.Sequential(nn.LayerNorm(sizes.width), nn.Linear(sizes.width, sizes.codes, bias=False))
        self.fuse_convs_dict = nn.ModuleDict({side: Fusion(sizes.width_at(side)) for side in sizes.fused})

    @property
    def side(self) -> int:
        return self.sizes.side

    def forward(self, x: Tensor, weight: float) -> Tensor:
        latent, seen = self.looked_at(x)
        codes = self.quantize["embedding"](self.guessed(latent).argmax(-1))
        return self.drawn(in_style_of(latent, codes.T.reshape(latent.shape)), seen, weight)

    def looked_at(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the latent (1, latent, h, w), and the encoder's features by their sides."""
        seen = {}
        for number, block in enumerate(self.encoder.blocks):
            x = block(x)
            if number in self.encoder.marks:
                seen[self.sizes.side_at(self.encoder.marks[number])] = x
        return x, seen

    def guessed(self, latent: Tensor) -> Tensor:
        """Return the probability of each code in each place, (places, codes)."""
        x = self.feat_emb(latent.flatten(2).permute(2, 0, 1))
        for layer in self.ft_layers:
            x = layer(x, self.position_emb[:, None])
        return self.idx_pred_layer(x)[:, 0]

    def drawn(self, x: Tensor, seen: Mapping[str, Tensor], weight: float) -> Tensor:
        for number, block in enumerate(self.generator.blocks):
            x = block(x)
            side = self.sizes.side_at(self.generator.marks[number]) if number in self.generator.marks else ""
            if weight > 0 and side in self.fuse_convs_dict:
                x = self.fuse_convs_dict[side](seen[side], x, weight)
        return x


def in_style_of(style: Tensor, x: Tensor) -> Tensor:
    """Return `x` with the mean and the deviation of each channel of `style`, so that colours stay.

    Huang & Belongie 2017, arXiv:1703.06868.
    """
    own_mean, own_deviation = moments(x)
    mean, deviation = moments(style)
    return (x - own_mean) / own_deviation * deviation + mean


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x, (2, 3), keepdim=True)
    return mean, (variance + ADAIN_EPSILON).sqrt()
