"""Every kind of network changes a weight as its formula says, written out here once more,
in float64 and by other means.
"""

from __future__ import annotations

import pytest
import torch
from torch import block_diag, einsum, eye, kron

from modules.base.errors import ModelUnsupported
from modules.networks.formats import LoRA, read_patches
from modules.networks.network import fit_patch

OUT, IN, RANK = 24, 16, 4
LINEAR, CONV = (OUT, IN), (OUT, IN, 3, 3)


def some(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape) + len(shape)))


def tucker(core, a, b):
    return einsum("nmkl,no,mi->oikl", core, a, b)


def turned(blocks, limit=None):
    """Cayley's transform, block by block."""
    skew = blocks - blocks.mT
    if limit and skew.norm() > limit:
        skew = skew / skew.norm() * limit
    return [(eye(len(q)).double() + q) @ torch.linalg.inv(eye(len(q)).double() - q) for q in skew]


def butterfly(weight, stages):
    for stage, blocks in enumerate(stages):
        order = torch.arange(OUT).view(-1, 2, 2**stage * blocks.shape[-1] // 2).mT.flatten()
        swap = eye(OUT).double()[order]
        weight = einsum("po,oi...->pi...", swap.T @ block_diag(*turned(blocks)) @ swap, weight)
    return weight


def magnified(weight, magnitude, axis):
    others = tuple(i for i in range(weight.ndim) if i != axis)
    return weight * magnitude / weight.square().sum(others, keepdim=True).sqrt()


UP, DOWN = {"lora_up.weight": some(OUT, RANK)}, {"lora_down.weight": some(RANK, IN)}
HADA = {f"hada_w{i}_a": some(OUT, RANK) * i for i in (1, 2)} | {f"hada_w{i}_b": some(RANK, IN) * i for i in (1, 2)}
HADA_TUCKER = {f"hada_w{i}_a": some(RANK, OUT) * i for i in (1, 2)} | {
    f"hada_w{i}_b": some(RANK, IN) * i for i in (1, 2)
}
CORES = {f"hada_t{i}": some(RANK, RANK, 3, 3) * i for i in (1, 2)}
TWO = {"alpha": torch.tensor(2.0)}      # half the rank
MIX = {
    "a1.weight": some(RANK, IN),
    "a2.weight": some(IN, RANK),
    "b1.weight": some(RANK, IN),
    "b2.weight": some(OUT, RANK),
}
BLOCKS, STAGES = some(4, 6, 6) / 5, some(3, 4, 6, 6) / 5

KINDS = {  # parts, shape of the weight, what the weight W becomes at strength 1 given the parts p in float64
    "lora": (
        UP | DOWN | TWO,
        LINEAR,
        lambda W, p: W + 0.5 * einsum("or,ri->oi", *p("lora_up.weight", "lora_down.weight")),
    ),
    "lora-no-alpha": (
        UP | DOWN,
        LINEAR,
        lambda W, p: W + einsum("or,ri->oi", *p("lora_up.weight", "lora_down.weight")),
    ),
    "lora-1x1": (
        UP | DOWN,
        (OUT, IN, 1, 1),
        lambda W, p: W + einsum("or,ri->oi", *p("lora_up.weight", "lora_down.weight"))[..., None, None],
    ),
    "locon": (
        {"lora_up.weight": some(OUT, RANK, 1, 1), "lora_down.weight": some(RANK, IN, 3, 3)} | TWO,
        CONV,
        lambda W, p: W + 0.5 * einsum("orxy,rikl->oikl", *p("lora_up.weight", "lora_down.weight")),
    ),
    "locon-tucker": (
        {
            "lora_up.weight": some(OUT, RANK, 1, 1),
            "lora_down.weight": some(RANK, IN, 1, 1),
            "lora_mid.weight": some(RANK, RANK, 3, 3),
        },
        CONV,
        lambda W, p: W + einsum("onxy,nmkl,mizw->oikl", *p("lora_up.weight", "lora_mid.weight", "lora_down.weight")),
    ),
    "loha": (
        HADA | TWO,
        LINEAR,
        lambda W, p: W + 0.5 * einsum("or,ri,os,si->oi", *p("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")),
    ),
    "loha-tucker": (
        HADA_TUCKER | CORES | TWO,
        CONV,
        lambda W, p: (
            W + 0.5 * tucker(*p("hada_t1", "hada_w1_a", "hada_w1_b")) * tucker(*p("hada_t2", "hada_w2_a", "hada_w2_b"))
        ),
    ),
    "lokr-whole": (
        {"lokr_w1": some(4, 4), "lokr_w2": some(6, 4)} | TWO,
        LINEAR,
        lambda W, p: W + kron(*p("lokr_w1", "lokr_w2")),
    ),
    "lokr-conv": (
        {"lokr_w1": some(4, 4), "lokr_w2": some(6, 4, 3, 3)},
        CONV,
        lambda W, p: W + einsum("ab,cdkl->acbdkl", *p("lokr_w1", "lokr_w2")).reshape(CONV),
    ),
    "lokr-low-rank": (
        {"lokr_w1": some(4, 4), "lokr_w2_a": some(6, 2), "lokr_w2_b": some(2, 4)} | TWO,
        LINEAR,
        lambda W, p: W + kron(p("lokr_w1")[0], einsum("or,ri->oi", *p("lokr_w2_a", "lokr_w2_b"))),
    ),
    "lokr-tucker": (
        {
            "lokr_w1_a": some(4, 2),
            "lokr_w1_b": some(2, 4),
            "lokr_t2": some(2, 2, 3, 3),
            "lokr_w2_a": some(2, 6),
            "lokr_w2_b": some(2, 4),
        },
        CONV,
        lambda W, p: (
            W
            + einsum(
                "ar,rb,cdkl->acbdkl", *p("lokr_w1_a", "lokr_w1_b"), tucker(*p("lokr_t2", "lokr_w2_a", "lokr_w2_b"))
            ).reshape(CONV)
        ),
    ),
    "glora": (
        MIX | TWO,
        LINEAR,
        lambda W, p: (
            W
            + (
                einsum("oi,ir,rj->oj", W, *p("a2.weight", "a1.weight"))
                + einsum("or,ri->oi", *p("b2.weight", "b1.weight"))
            )
        ),
    ),
    "glora-scaled": (
        MIX | TWO | {"scale": torch.tensor(0.25)},
        LINEAR,
        lambda W, p: (
            W
            + 0.25
            * (
                einsum("oi,ir,rj->oj", W, *p("a2.weight", "a1.weight"))
                + einsum("or,ri->oi", *p("b2.weight", "b1.weight"))
            )
        ),
    ),
    "glora-swapped": (
        {f"{x}{3 - i}.weight": MIX[f"{x}{i}.weight"] for x in "ab" for i in (1, 2)},
        LINEAR,
        lambda W, p: (
            W
            + einsum("oi,ir,rj->oj", W, *p("a1.weight", "a2.weight"))
            + einsum("or,ri->oi", *p("b1.weight", "b2.weight"))
        ),
    ),
    "glora-few-inputs": (
        {
            "a1.weight": some(2, RANK, 1, 1),
            "a2.weight": some(RANK, 2, 1, 1),
            "b1.weight": some(OUT, RANK, 1, 1),
            "b2.weight": some(RANK, 2, 3, 3),
        },
        (OUT, 2, 3, 3),
        lambda W, p: (
            W
            + einsum("oikl,irxy,rjzw->ojkl", W, *p("a1.weight", "a2.weight"))
            + einsum("orxy,rikl->oikl", *p("b1.weight", "b2.weight"))
        ),
    ),
    "ia3-in": ({"weight": some(IN), "on_input": torch.tensor(True)}, LINEAR, lambda W, p: W * (1 + p("weight")[0])),
    "ia3-out": (
        {"weight": some(1, OUT, 1, 1), "on_input": torch.tensor(0)},
        CONV,
        lambda W, p: W * (1 + p("weight")[0].view(OUT, 1, 1, 1)),
    ),
    "full": ({"diff": some(*CONV)}, CONV, lambda W, p: W + p("diff")[0]),
    "norm": ({"w_norm": some(OUT)}, (OUT,), lambda W, p: W + p("w_norm")[0]),
    "oft": (
        {"oft_blocks": BLOCKS, "rescale": some(OUT, 1)},
        LINEAR,
        lambda W, p: p("rescale")[0] * (block_diag(*turned(p("oft_blocks")[0])).T @ W),
    ),
    "oft-constrained": (
        {"oft_blocks": BLOCKS, "alpha": torch.tensor(0.02)},
        CONV,
        lambda W, p: einsum("po,oikl->pikl", block_diag(*turned(p("oft_blocks")[0], 0.02 * OUT)).T, W),
    ),
    "oft-old": ({"oft_diag": BLOCKS}, LINEAR, lambda W, p: block_diag(*p("oft_diag")[0]).T @ W),
    "boft": (
        {"oft_blocks": STAGES, "rescale": some(OUT, 1, 1, 1)},
        CONV,
        lambda W, p: p("rescale")[0] * butterfly(W, p("oft_blocks")[0]),
    ),
    "dora": (
        UP | DOWN | TWO | {"dora_scale": some(1, IN)},
        LINEAR,
        lambda W, p: magnified(
            W + 0.5 * einsum("or,ri->oi", *p("lora_up.weight", "lora_down.weight")), p("dora_scale")[0], 1
        ),
    ),
    "dora-conv": (
        {"diff": some(*CONV), "dora_scale": some(1, IN, 1, 1)},
        CONV,
        lambda W, p: magnified(W + p("diff")[0], p("dora_scale")[0], 1),
    ),
    "dora-out": (
        UP | DOWN | {"dora_scale": some(OUT, 1)},
        LINEAR,
        lambda W, p: magnified(
            W + einsum("or,ri->oi", *p("lora_up.weight", "lora_down.weight")), p("dora_scale")[0], 0
        ),
    ),
    "dora-peft": (
        UP | DOWN | {"lora_magnitude_vector": some(OUT)},
        LINEAR,
        lambda W, p: magnified(
            W + einsum("or,ri->oi", *p("lora_up.weight", "lora_down.weight")), p("lora_magnitude_vector")[0][:, None], 0
        ),
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def case(kind):
    """The patch, a weight for it, and what becomes of that at strength 1, in float64."""
    parts, shape, formula = KINDS[kind]
    weight = some(*shape)
    return (
        read_patches(kind, parts)["weight"],
        weight,
        formula(weight.double(), lambda *names: [parts[name].double() for name in names]),
    )


@each_kind
def test_a_kind_is_its_formula(kind):
    patch, weight, whole = case(kind)
    assert torch.allclose(patch.apply(weight.double(), 1.0), whole, atol=1e-5)
    assert torch.allclose(patch.apply(weight, 1.0).double(), whole, atol=1e-4)


@each_kind
def test_strength_scales_the_change_and_0_is_none(kind):
    patch, weight, whole = case(kind)
    assert torch.allclose(
        patch.apply(weight.double(), -0.4), weight.double() - 0.4 * (whole - weight.double()), atol=1e-5
    )
    assert torch.equal(patch.apply(weight, 0.0), weight)


@each_kind
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(kind, dtype):
    """The result is the exact one's neighbour, as good as the precision allows."""
    patch, weight, _ = case(kind)
    low = weight.to(dtype)
    exact = patch.apply(low.double(), 0.7)
    assert patch.apply(low, 0.7).dtype == dtype
    assert torch.allclose(patch.apply(low, 0.7).double(), exact, rtol=torch.finfo(dtype).eps, atol=1e-5)


@each_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_patch_may_be_written_anywhere(kind, dtype):
    patch, weight, _ = case(kind)
    weight = weight.to(dtype)
    expected = patch.apply(weight, 0.7)
    strided = torch.empty(*weight.shape, 2, dtype=dtype)[..., 0]
    for out in (torch.empty_like(weight), strided, weight):
        patch.apply_into(weight, 0.7, out)
        assert torch.equal(out, expected)


@each_kind
def test_a_patch_knows_its_shape(kind):
    patch, weight, _ = case(kind)
    assert patch.fits(weight.shape)
    assert not any(
        patch.fits(shape)
        for shape in [(OUT + 1, IN + 1), (IN, OUT), (2 * OUT, 2 * IN), (2 * OUT, 2 * IN, 3, 3), (2 * OUT,)]
    )


@pytest.mark.parametrize("shape", [(IN, OUT), (OUT, 2 * IN), (OUT, IN, 3, 3), (IN * OUT,)])
def test_as_many_numbers_are_not_enough(shape):
    assert not read_patches("x", UP | DOWN)["weight"].fits(shape)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_files_precision_does_not_matter(dtype):
    patch = read_patches("x", {name: tensor.to(dtype) for name, tensor in (UP | DOWN | TWO).items()})["weight"]
    exact = read_patches("x", {name: tensor.to(dtype).double() for name, tensor in (UP | DOWN | TWO).items()})["weight"]
    assert torch.allclose(patch.apply(some(*LINEAR), 1.0).double(), exact.apply(some(*LINEAR).double(), 1.0), atol=1e-5)


@pytest.mark.parametrize("kind", ["oft", "oft-constrained", "boft"])
def test_rotations_keep_lengths(kind):
    """What an orthogonal matrix does to the outputs leaves every input's norm as it was."""
    parts, shape, _ = KINDS[kind]
    patch = read_patches(kind, {name: tensor for name, tensor in parts.items() if name != "rescale"})["weight"]
    weight = some(*shape).double()
    assert torch.allclose(patch.apply(weight, 1.0).norm(dim=0), weight.norm(dim=0))


def test_a_lora_may_be_cut_to_its_first_directions():
    """The scale stays that of the whole rank, as A1111 has it."""
    patch = read_patches("x", UP | DOWN | TWO)["weight"]
    cut = LoRA(UP["lora_up.weight"][:, :1], DOWN["lora_down.weight"][:1], None, 0.5)
    assert torch.equal(patch.truncated(1).apply(some(*LINEAR), 1.0), cut.apply(some(*LINEAR), 1.0))


@pytest.mark.parametrize("name", ["diff_b", "b_norm", "bias"])
def test_biases_are_patches_of_their_own(name):
    found = read_patches("x", UP | DOWN | {name: some(OUT)})
    assert found.keys() == {"weight", "bias"}
    assert torch.equal(found["bias"].apply(some(OUT), 0.5), some(OUT) * 1.5)


@pytest.mark.parametrize(
    ("parts", "named"), [({"vera_lambda": some(1)}, "vera_lambda"), (UP, "lora_down.weight"), (DOWN, "lora_up.weight")]
)
def test_what_cannot_be_read_is_named(parts, named):
    with pytest.raises(ModelUnsupported, match=f"file: layer.*{named}"):
        read_patches("file: layer", parts)


@each_kind
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 4), (3, 2), (2, 3, 4, 5, 6)], ids=str)
def test_a_broken_file_is_refused_or_harmless(kind, shape):
    """Whatever one of the tensors has been replaced by."""
    parts, whole, _ = KINDS[kind]
    for spoilt in parts:
        try:
            fitting = fit_patch(read_patches(kind, parts | {spoilt: torch.zeros(shape)})["weight"], whole)
        except ModelUnsupported:
            continue
        assert fitting is None or fitting.apply(some(*whole), 1.0).shape == whole
