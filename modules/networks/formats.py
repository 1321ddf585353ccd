"""The formats of networks: a class for each kind of change of one parameter.

Each computes its change of a weight at strength 1: W' = W + strength · ΔW, in float32 at least, rounded to the
weight's own precision once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite

import torch
from torch import Tensor

from modules.base.errors import ModelUnsupported
from modules.networks.orthogonal import OFT, load_oft
from modules.networks.patch import COMPUTE_DTYPES, MISSHAPEN, Patch, Shape, along, flat, product, product_shape, taps

# the tensors of one module, by the end of their names: `lora_up.weight`, `alpha` …
Parts = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class LoRA(Patch):
    """Low-rank update, ΔW = scale · up @ down.

    Hu et al. 2021, arXiv:2106.09685, §4.1. For convolutions LoCon (LyCORIS, Yeh et al. 2023, arXiv:2309.14859, §3.1),
    whose Tucker form keeps the kernel apart: ΔW[o, i] = scale · Σ up[o, n] · mid[n, m] · down[m, i].

    up:    (out, rank) or (out, rank, 1, 1)
    down:  (rank, in) or (rank, in, kh, kw); beside `mid` (rank, in, 1, 1)
    mid:   (rank, rank, kh, kw) or none
    scale: alpha / rank
    """

    up: Tensor
    down: Tensor
    mid: Tensor | None
    scale: float

    @classmethod
    def load(cls, parts: Parts) -> LoRA:
        down = parts["lora_down.weight"]
        return cls(parts["lora_up.weight"], down, parts.get("lora_mid.weight"), rank_scale(parts, len(down)))

    def factors(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors (out, rank) and (rank, in · kh · kw), on the weight's device and in its precision."""
        down = self.down.to(weight).flatten(1)
        if self.mid is not None:
            down = torch.einsum("n m k l, m i -> n i k l", self.mid.to(weight), down).flatten(1)
        return self.up.to(weight).flatten(1), down

    def delta(self, weight: Tensor) -> Tensor:
        up, down = self.factors(weight)
        return self.scale * (up @ down).unflatten(1, weight.shape[1:])

    def fits(self, shape: Shape) -> bool:
        ranks = flat(self.up.shape)[1], len(self.down)
        kernel = 1 if self.mid is None else taps(self.mid)
        joined = ranks[0] == ranks[1] if self.mid is None else self.mid.shape[:2] == ranks
        return joined and flat(shape) == (len(self.up), self.down[0].numel() * kernel)

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        if not self.exact(weight.dtype):
            return Patch.apply(self, weight, strength)
        return self.added(weight, strength).view(weight.shape)

    def apply_into(self, weight: Tensor, strength: float, out: Tensor) -> None:
        if self.exact(weight.dtype) and out.is_contiguous():
            self.added(weight, strength, out.view(len(out), -1))
        else:
            out.copy_(self.apply(weight, strength))

    def added(self, weight: Tensor, strength: float, out: Tensor | None = None) -> Tensor:
        """Add the change in one pass over the weight, as a matrix; the product is rounded together with the sum."""
        up, down = self.factors(weight)
        return torch.addmm(weight.flatten(1), up, down, alpha=strength * self.scale, out=out)

    def exact(self, dtype: torch.dtype) -> bool:
        """Return whether a weight of this precision loses nothing if the factors are converted to it."""
        return dtype in COMPUTE_DTYPES or (dtype == self.up.dtype == self.down.dtype and dtype.itemsize == 2)

    def truncated(self, rank: int) -> LoRA:
        return self if self.mid is not None else replace(self, up=self.up[:, :rank], down=self.down[:rank])


@dataclass(frozen=True, slots=True)
class LoHa(Patch):
    """Hadamard product of two low-rank matrices, ΔW = scale · (a1 @ b1) ∘ (a2 @ b2).

    FedPara, Hyeon-Woo et al. 2021, arXiv:2108.06098, Prop. 1; with cores Prop. 3.

    a1, a2: (out, rank); beside cores (rank, out)
    b1, b2: (rank, in · kh · kw); beside cores (rank, in)
    t1, t2: the cores, (rank, rank, kh, kw), or none
    scale:  alpha / rank
    """

    a1: Tensor
    b1: Tensor
    a2: Tensor
    b2: Tensor
    t1: Tensor | None
    t2: Tensor | None
    scale: float

    @classmethod
    def load(cls, parts: Parts) -> LoHa:
        a1, b1, a2, b2 = (parts[f"hada_{name}"] for name in ("w1_a", "w1_b", "w2_a", "w2_b"))
        return cls(a1, b1, a2, b2, parts.get("hada_t1"), parts.get("hada_t2"), rank_scale(parts, len(b1)))

    def delta(self, weight: Tensor) -> Tensor:
        matrix = product(weight, self.a1, self.b1, core=self.t1) * product(weight, self.a2, self.b2, core=self.t2)
        return self.scale * matrix.unflatten(1, weight.shape[1:])

    def fits(self, shape: Shape) -> bool:
        return (
            product_shape(self.a1, self.b1, core=self.t1)
            == product_shape(self.a2, self.b2, core=self.t2)
            == flat(shape)
        )


@dataclass(frozen=True, slots=True)
class LoKr(Patch):
    """Kronecker product, ΔW = scale · w1 ⊗ w2; LyCORIS, arXiv:2309.14859, §3.3.

    Either factor is whole, a tuple of one, or low-rank, a tuple of two (for `w2` perhaps with a core, as in LoHa).

    w1:    (out₁, in₁)
    w2:    (out₂, in₂ · kh · kw) in matrix form; out₁ · out₂ = out, in₁ · in₂ = in
    scale: alpha / rank; 1 where both factors are whole, for then there is no rank
    """

    w1: tuple[Tensor, ...]
    w2: tuple[Tensor, ...]
    t2: Tensor | None
    scale: float

    @classmethod
    def load(cls, parts: Parts) -> LoKr:
        w1, w2 = ((parts[w],) if w in parts else (parts[f"{w}_a"], parts[f"{w}_b"]) for w in ("lokr_w1", "lokr_w2"))
        ranks = [len(factors[1]) for factors in (w2, w1) if len(factors) == 2]
        return cls(w1, w2, parts.get("lokr_t2"), rank_scale(parts, ranks[0]) if ranks else 1.0)

    def delta(self, weight: Tensor) -> Tensor:
        matrix = torch.kron(product(weight, *self.w1), product(weight, *self.w2, core=self.t2))
        return self.scale * matrix.unflatten(1, weight.shape[1:])

    def fits(self, shape: Shape) -> bool:
        w1, w2 = product_shape(*self.w1), product_shape(*self.w2, core=self.t2)
        return tuple(a * b for a, b in zip(w1, w2, strict=False)) == flat(shape)


@dataclass(frozen=True, slots=True)
class GLoRA(Patch):
    """A low-rank update that also mixes the weight's own inputs, ΔW = scale · (W @ a + b).

    Chavan et al. 2023, arXiv:2306.07967, eq. 5, as LyCORIS stores it: a and b low-rank, the rest left out.

    a, b:  a tall and a wide factor each, (in, rank), (rank, in) and (out, rank), (rank, in · kh · kw)
    scale: what the file gives as such, else 1: A1111 heeds no alpha here
    """

    a: tuple[Tensor, Tensor]
    b: tuple[Tensor, Tensor]
    scale: float

    @classmethod
    def load(cls, parts: Parts) -> GLoRA:
        """Load the pairs, whose order differs between versions of LyCORIS: the length that all four share is the rank.

        If they share several lengths, it is the least.
        """
        pairs = [(parts[f"{x}1.weight"].flatten(1), parts[f"{x}2.weight"].flatten(1)) for x in "ab"]
        rank = min(
            length for length in pairs[0][0].shape if all(length in factor.shape for pair in pairs for factor in pair)
        )
        tall_first = all(tall.shape[1] == wide.shape[0] == rank for tall, wide in pairs)
        a, b = pairs if tall_first else [pair[::-1] for pair in pairs]
        return cls(a, b, rank_scale({name: part for name, part in parts.items() if name != "alpha"}, rank))

    def delta(self, weight: Tensor) -> Tensor:
        mixed = torch.einsum("o i ..., i r, r j -> o j ...", weight, *(factor.to(weight) for factor in self.a))
        return self.scale * (mixed + product(weight, *self.b).unflatten(1, weight.shape[1:]))

    def fits(self, shape: Shape) -> bool:
        return product_shape(*self.b) == flat(shape) and product_shape(*self.a) == (shape[1], shape[1])


@dataclass(frozen=True, slots=True)
class IA3(Patch):
    """Channels made stronger or weaker, ΔW = W ∘ factor, with a factor for each output or, `on_input`, each input.

    (IA)³, Liu et al. 2022, arXiv:2205.05638, §3.3, stored as l − 1.
    """

    factor: Tensor      # (out,) or (in,), perhaps with axes of length 1
    on_input: bool

    @classmethod
    def load(cls, parts: Parts) -> IA3:
        return cls(parts["weight"], bool(parts["on_input"]))

    def delta(self, weight: Tensor) -> Tensor:
        return weight * along(self.factor, weight, int(self.on_input))

    def fits(self, shape: Shape) -> bool:
        return len(shape) > 1 and self.factor.numel() == shape[int(self.on_input)]


@dataclass(frozen=True, slots=True)
class Full(Patch):
    """A whole difference, ΔW = diff: of any weight, a norm's scale or a bias."""

    diff: Tensor

    def delta(self, weight: Tensor) -> Tensor:
        diff = self.diff.to(weight)
        return diff if diff.ndim == weight.ndim else diff.flatten(1).unflatten(1, weight.shape[1:])

    def fits(self, shape: Shape) -> bool:
        return self.diff.shape == shape or flat(self.diff.shape) == flat(shape)


@dataclass(frozen=True, slots=True)
class DoRA(Patch):
    """A direction changed by another patch, with a magnitude of its own: ΔW = magnitude · V / ‖V‖ − W, V = W + ΔW'.

    Liu et al. 2024, arXiv:2402.09353, eq. 5. ΔW' is `inner`'s, taken whole: the strength applies to all of ΔW.

    magnitude: (1, in, …), the norm then taken for each input over all outputs; or (out, 1, …), for each output
    """

    inner: Patch
    magnitude: Tensor

    def delta(self, weight: Tensor) -> Tensor:
        merged = weight + self.inner.delta(weight)
        others = [i for i in range(weight.ndim) if i != self.axis]
        norm = torch.linalg.vector_norm(merged, dim=others, keepdim=True).clamp_min(torch.finfo(weight.dtype).eps)
        return merged * (along(self.magnitude, weight, self.axis) / norm) - weight

    @property
    def axis(self) -> int:
        return 1 if len(self.magnitude) == 1 else 0

    def fits(self, shape: Shape) -> bool:
        return self.inner.fits(shape) and len(shape) > 1 and self.magnitude.numel() == shape[self.axis]

    def truncated(self, rank: int) -> DoRA:
        return replace(self, inner=self.inner.truncated(rank))


def rank_scale(parts: Parts, rank: int) -> float:
    """Return alpha / rank, as in kohya-ss files; no alpha is alpha = rank. A file may also give the scale itself.

    Raises ValueError if it is not finite: BLAS would leave the product out, and the picture would silently differ.
    """
    scale = float(parts["scale"]) if "scale" in parts else float(parts["alpha"]) / rank if "alpha" in parts else 1.0
    if not isfinite(scale):
        raise ValueError("the scale is not finite")
    return scale


def read_patches(layer: str, parts: Parts) -> dict[str, Patch]:
    """Return the patches of a module's `weight` and `bias`, as far as `parts` has them.

    Raises ModelUnsupported naming `layer`.
    """
    found: dict[str, Patch] = {}
    if load := next((load for telltale, load in PATCH_FORMATS.items() if telltale in parts), None):
        try:
            found["weight"] = decomposed(load(parts), parts)
        except KeyError as error:
            raise ModelUnsupported(f"{layer} lacks its {error.args[0]}.", BROKEN_FILE) from error
        except MISSHAPEN as error:
            raise ModelUnsupported(f"{layer} is not what its names say: {shapes_of(parts)}.", BROKEN_FILE) from error
    if bias := next((name for name in BIASES if name in parts), None):
        found["bias"] = Full(parts[bias])
    if not found:
        raise ModelUnsupported(
            f"{layer} is of a kind Easel does not know: {', '.join(sorted(parts))}.",
            "Easel reads LoRA and LyCORIS files.",
        )
    return found


def shapes_of(parts: Parts) -> str:
    return ", ".join(f"{part} {tuple(tensor.shape)}" for part, tensor in sorted(parts.items()))


def decomposed(patch: Patch, parts: Parts) -> Patch:
    """Return the patch with DoRA's magnitude, which any kind may have; PEFT's is for outputs, whatever its axes."""
    if "lora_magnitude_vector" in parts:
        return DoRA(patch, parts["lora_magnitude_vector"].flatten())
    return DoRA(patch, parts["dora_scale"]) if "dora_scale" in parts else patch


BROKEN_FILE = "The file may be broken; download it again."
BIASES = ("diff_b", "b_norm", "bias")

PATCH_FORMATS: dict[str, Callable[[Parts], Patch]] = {      # the part that identifies a kind; the first match counts
    "lora_up.weight": LoRA.load,
    "lora_down.weight": LoRA.load,
    "hada_w1_a": LoHa.load,
    "lokr_w1": LoKr.load,
    "lokr_w1_a": LoKr.load,
    "a1.weight": GLoRA.load,
    "on_input": IA3.load,
    "diff": lambda parts: Full(parts["diff"]),
    "w_norm": lambda parts: Full(parts["w_norm"]),
    "oft_blocks": load_oft,
    "oft_diag": lambda parts: OFT(parts["oft_diag"], inf, True, parts.get("rescale")),
}
