"""The networks for faces: their published layouts, and truths about what they compute."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d

from modules.models.faces import building
from modules.models.faces.building import DETECTOR_NETWORK
from modules.models.faces.codeformer import CodeFormer, Fusion, in_style_of
from modules.models.faces.detection import anchors
from modules.models.faces.gfpgan import ModulatedConv, feature_transform
from modules.models.faces.restoring import restore_with
from modules.models.faces.vqgan import Halving, SpatialAttention
from tests.models.faces.face_networks import CODEFORMER, GFPGAN, QUICK, REAL, SMALL, random_state, real

GFPGAN_LAYOUT = {
    "conv_body_first.weight": (32, 3, 1, 1),
    "conv_body_first.bias": (32,),
    "conv_body_down.0.conv1.weight": (32, 32, 3, 3),
    "conv_body_down.0.conv2.weight": (64, 32, 3, 3),
    "conv_body_down.0.skip.weight": (64, 32, 1, 1),
    "conv_body_down.1.conv2.bias": (128,),
    "conv_body_down.2.skip.weight": (256, 128, 1, 1),
    "conv_body_down.6.conv2.weight": (256, 256, 3, 3),
    "final_conv.weight": (256, 256, 3, 3),
    "final_conv.bias": (256,),
    "conv_body_up.0.conv1.weight": (256, 256, 3, 3),
    "conv_body_up.4.conv2.weight": (128, 256, 3, 3),
    "conv_body_up.6.skip.weight": (32, 64, 1, 1),
    "toRGB.0.weight": (3, 256, 1, 1),
    "toRGB.4.weight": (3, 128, 1, 1),
    "toRGB.6.bias": (3,),
    "final_linear.weight": (8192, 4096),
    "final_linear.bias": (8192,),
    "stylegan_decoder.style_mlp.1.weight": (512, 512),
    "stylegan_decoder.style_mlp.15.bias": (512,),
    "stylegan_decoder.constant_input.weight": (1, 512, 4, 4),
    "stylegan_decoder.style_conv1.weight": (1,),
    "stylegan_decoder.style_conv1.bias": (1, 512, 1, 1),
    "stylegan_decoder.style_conv1.modulated_conv.weight": (1, 512, 512, 3, 3),
    "stylegan_decoder.style_conv1.modulated_conv.modulation.weight": (512, 512),
    "stylegan_decoder.style_conv1.modulated_conv.modulation.bias": (512,),
    "stylegan_decoder.to_rgb1.bias": (1, 3, 1, 1),
    "stylegan_decoder.to_rgb1.modulated_conv.weight": (1, 3, 512, 1, 1),
    "stylegan_decoder.style_convs.0.modulated_conv.weight": (1, 512, 512, 3, 3),
    "stylegan_decoder.style_convs.8.modulated_conv.weight": (1, 256, 512, 3, 3),
    "stylegan_decoder.style_convs.12.modulated_conv.modulation.weight": (128, 512),
    "stylegan_decoder.style_convs.13.modulated_conv.weight": (1, 64, 64, 3, 3),
    "stylegan_decoder.style_convs.13.weight": (1,),
    "stylegan_decoder.to_rgbs.0.modulated_conv.weight": (1, 3, 512, 1, 1),
    "stylegan_decoder.to_rgbs.6.modulated_conv.weight": (1, 3, 64, 1, 1),
    "stylegan_decoder.noises.noise0": (1, 1, 4, 4),
    "stylegan_decoder.noises.noise1": (1, 1, 8, 8),
    "stylegan_decoder.noises.noise14": (1, 1, 512, 512),
    "condition_scale.0.0.weight": (256, 256, 3, 3),
    "condition_scale.4.2.weight": (128, 128, 3, 3),
    "condition_scale.6.2.bias": (32,),
    "condition_shift.5.0.weight": (64, 64, 3, 3),
    "condition_shift.6.2.weight": (32, 32, 3, 3),
}
CODEFORMER_LAYOUT = {
    "position_emb": (256, 512),
    "feat_emb.weight": (512, 256),
    "feat_emb.bias": (512,),
    "quantize.embedding.weight": (1024, 256),
    "encoder.blocks.0.weight": (64, 3, 3, 3),
    "encoder.blocks.1.norm1.weight": (64,),
    "encoder.blocks.1.conv2.weight": (64, 64, 3, 3),
    "encoder.blocks.3.conv.weight": (64, 64, 3, 3),
    "encoder.blocks.4.conv_out.weight": (128, 64, 1, 1),
    "encoder.blocks.6.conv.bias": (128,),
    "encoder.blocks.10.conv1.weight": (256, 128, 3, 3),
    "encoder.blocks.15.conv.weight": (256, 256, 3, 3),
    "encoder.blocks.16.conv_out.weight": (512, 256, 1, 1),
    "encoder.blocks.17.q.weight": (512, 512, 1, 1),
    "encoder.blocks.18.norm2.bias": (512,),
    "encoder.blocks.19.proj_out.weight": (512, 512, 1, 1),
    "encoder.blocks.20.conv1.weight": (512, 512, 3, 3),
    "encoder.blocks.21.k.bias": (512,),
    "encoder.blocks.22.conv2.weight": (512, 512, 3, 3),
    "encoder.blocks.23.weight": (512,),
    "encoder.blocks.24.weight": (256, 512, 3, 3),
    "generator.blocks.0.weight": (512, 256, 3, 3),
    "generator.blocks.2.norm.weight": (512,),
    "generator.blocks.4.conv1.weight": (512, 512, 3, 3),
    "generator.blocks.5.v.weight": (512, 512, 1, 1),
    "generator.blocks.7.proj_out.bias": (512,),
    "generator.blocks.8.conv.weight": (512, 512, 3, 3),
    "generator.blocks.9.conv_out.weight": (256, 512, 1, 1),
    "generator.blocks.15.conv_out.weight": (128, 256, 1, 1),
    "generator.blocks.20.conv.weight": (128, 128, 3, 3),
    "generator.blocks.21.conv1.weight": (64, 128, 3, 3),
    "generator.blocks.23.weight": (64,),
    "generator.blocks.24.weight": (3, 64, 3, 3),
    "generator.blocks.24.bias": (3,),
    "ft_layers.0.self_attn.in_proj_weight": (1536, 512),
    "ft_layers.0.self_attn.in_proj_bias": (1536,),
    "ft_layers.8.linear1.weight": (1024, 512),
    "ft_layers.8.linear2.weight": (512, 1024),
    "ft_layers.4.self_attn.out_proj.weight": (512, 512),
    "ft_layers.8.norm2.bias": (512,),
    "idx_pred_layer.0.weight": (512,),
    "idx_pred_layer.1.weight": (1024, 512),
    "fuse_convs_dict.32.encode_enc.conv_out.weight": (256, 512, 1, 1),
    "fuse_convs_dict.64.scale.0.weight": (256, 256, 3, 3),
    "fuse_convs_dict.128.encode_enc.norm1.weight": (256,),
    "fuse_convs_dict.256.shift.2.bias": (128,),
}
RETINAFACE_LAYOUT = {
    "body.conv1.weight": (64, 3, 7, 7),
    "body.bn1.running_mean": (64,),
    "body.bn1.num_batches_tracked": (),
    "body.layer1.0.conv1.weight": (64, 64, 1, 1),
    "body.layer1.0.downsample.0.weight": (256, 64, 1, 1),
    "body.layer1.0.downsample.1.bias": (256,),
    "body.layer1.2.conv3.weight": (256, 64, 1, 1),
    "body.layer2.0.conv2.weight": (128, 128, 3, 3),
    "body.layer2.3.bn3.running_var": (512,),
    "body.layer3.0.downsample.0.weight": (1024, 512, 1, 1),
    "body.layer3.5.conv1.weight": (256, 1024, 1, 1),
    "body.layer4.2.conv3.weight": (2048, 512, 1, 1),
    "fpn.output1.0.weight": (256, 512, 1, 1),
    "fpn.output2.0.weight": (256, 1024, 1, 1),
    "fpn.output3.0.weight": (256, 2048, 1, 1),
    "fpn.output3.1.weight": (256,),
    "fpn.merge1.0.weight": (256, 256, 3, 3),
    "fpn.merge2.1.running_var": (256,),
    "ssh1.conv3X3.0.weight": (128, 256, 3, 3),
    "ssh1.conv5X5_1.0.weight": (64, 256, 3, 3),
    "ssh2.conv5X5_2.0.weight": (64, 64, 3, 3),
    "ssh3.conv7X7_2.0.weight": (64, 64, 3, 3),
    "ssh3.conv7x7_3.1.weight": (64,),
    "ClassHead.0.conv1x1.weight": (4, 256, 1, 1),
    "BboxHead.1.conv1x1.bias": (8,),
    "LandmarkHead.2.conv1x1.weight": (20, 256, 1, 1),
}
LAYOUTS = [      # kind, shapes, tensors, bytes of the published file
    (GFPGAN, GFPGAN_LAYOUT, 285, 348_632_874),
    (CODEFORMER, CODEFORMER_LAYOUT, 515, 376_637_898),
    (DETECTOR_NETWORK, RETINAFACE_LAYOUT, 456, 109_497_761),
]
KINDS = pytest.mark.parametrize("kind", REAL, ids=["GFPGAN", "CodeFormer", "RetinaFace"])


@pytest.mark.parametrize(
    ("kind", "layout", "count", "size"), LAYOUTS, ids=["GFPGANv1.4", "codeformer-v0.1.0", "detection_Resnet50_Final"]
)
def test_the_names_and_shapes_are_those_of_the_published_file(kind, layout, count, size):
    shapes = {name: tuple(tensor.shape) for name, tensor in real(kind).state_dict().items()}
    assert len(shapes) == count
    assert {name: shapes.get(name) for name in layout} == layout
    numbers = sum(tensor.numel() for tensor in real(kind).state_dict().values())
    assert 0 < size - 4 * numbers < 512 * count      # a pickle adds some hundred bytes to each tensor


@KINDS
@pytest.mark.parametrize("sizes", [REAL, SMALL], ids=["real", "small"])
def test_sizes_are_read_from_the_weights(kind, sizes):
    with torch.device("meta"):
        state = kind.make(sizes[kind]).state_dict()
    assert kind.sizes(state) == sizes[kind]
    assert building.build_face_network(kind, "it.pth", state).state_dict().keys() == state.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "how"),
    [(GFPGAN, ()), (CODEFORMER, (1.0,)), (DETECTOR_NETWORK, ())],
    ids=["GFPGAN", "CodeFormer", "RetinaFace"],
)
def test_the_real_layers_fit_end_to_end(kind, how):
    """Shapes alone: nothing is computed."""
    result = real(kind).eval()(torch.empty(1, 3, 512, 512, device="meta"), *how)
    shapes = [tuple(each.shape) for each in result] if isinstance(result, tuple) else tuple(result.shape)
    assert shapes == ([(10752,), (10752, 4), (10752, 10)] if kind is DETECTOR_NETWORK else (1, 3, 512, 512))


# GFPGAN ---------------------------------------------------------------------------------------------


def picture(seed=0, side=512):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.slow
@torch.no_grad()
def test_gfpgan_restores_the_same_face_the_same_way():
    net = building.build_face_network(GFPGAN, "it.pth", random_state(GFPGAN))
    first, again, other = net(picture()), net(picture()), net(picture(1))
    assert first.shape == (1, 3, 512, 512) and first.isfinite().all() and first.std() > 0.01
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_a_guide_that_changes_nothing_changes_nothing():
    x = torch.randn(1, 6, 4, 4)
    assert torch.equal(feature_transform(x, torch.ones(1, 4, 4, 4), torch.zeros(1, 4, 4, 4)), x)
    assert torch.equal(
        feature_transform(x, torch.zeros(1, 4, 4, 4), torch.ones(1, 4, 4, 4)),
        torch.cat((x[:, :2], torch.ones(1, 4, 4, 4)), 1),
    )


@torch.no_grad()
def test_demodulated_filters_have_unit_length():
    conv = ModulatedConv(5, 3, 3, 4, demodulate=True)
    torch.nn.init.normal_(conv.weight)
    x, style = torch.randn(1, 5, 8, 8), torch.randn(1, 4)
    scaled = conv.weight[0] * conv.modulation(style)[0, :, None, None]
    expected = conv2d(x, scaled / scaled.flatten(1).norm(dim=1)[:, None, None, None], padding=1)
    assert torch.allclose(conv(x, style), expected, atol=1e-5)


# CodeFormer -----------------------------------------------------------------------------------------


@pytest.mark.slow
@torch.no_grad()
def test_codeformers_weight_lets_the_damaged_picture_in():
    """At 0 the fusions are not even asked: a net whose fusions are broken draws the same."""
    state = random_state(CODEFORMER, QUICK)
    broken = {
        name: torch.full_like(tensor, torch.nan) if name.startswith("fuse") else tensor
        for name, tensor in state.items()
    }
    net, deaf = quick(state), quick(broken)
    damaged = picture(side=64)
    codes, mixed = net(damaged, 0.0), net(damaged, 1.0)
    assert codes.shape == damaged.shape and codes.isfinite().all() and mixed.isfinite().all()
    assert torch.equal(deaf(damaged, 0.0), codes)
    assert not torch.allclose(codes, mixed)
    assert torch.equal(restore_with(net, 1.0)(damaged), mixed)


@pytest.mark.slow
@torch.no_grad()
def test_codeformer_draws_with_codes_of_its_book():
    """With a book of one code, all pictures are the same but for the colours of their latents."""
    net = quick(random_state(CODEFORMER, QUICK))
    latent, _ = net.looked_at(picture(side=64))
    assert latent.shape == (1, 32, 2, 2) and net.guessed(latent).shape == (4, 16)
    net.quantize["embedding"].weight.copy_(net.quantize["embedding"].weight[:1].expand(16, -1))
    first = net(picture(side=64), 0.0)
    # whatever the transformer guesses
    net.ft_layers, net.position_emb.data = torch.nn.ModuleList(), torch.zeros(4, 64)
    assert torch.equal(net(picture(side=64), 0.0), first)


def quick(state):
    net = CodeFormer(QUICK).eval()
    net.load_state_dict(state)
    return net


@torch.no_grad()
def test_a_fusion_goes_with_its_weight():
    fusion, seen, drawn = Fusion(32), torch.randn(1, 32, 8, 8), torch.randn(1, 32, 8, 8)
    whole = fusion(seen, drawn, 1.0) - drawn
    assert torch.equal(fusion(seen, drawn, 0.0), drawn)
    assert torch.allclose(fusion(seen, drawn, 0.25) - drawn, whole / 4, atol=1e-5)


def test_codes_take_the_damaged_pictures_colours():
    style, x = torch.randn(1, 4, 8, 8) * 3 + 5, torch.randn(1, 4, 8, 8)
    styled = in_style_of(style, x)
    assert torch.allclose(styled.mean((2, 3)), style.mean((2, 3)), atol=1e-4)
    assert torch.allclose(styled.std((2, 3)), style.std((2, 3)), atol=1e-3)


@torch.no_grad()
def test_attention_is_a_softmax_over_places():
    attention, x = SpatialAttention(32), torch.randn(1, 32, 4, 4)
    normed = attention.norm(x)
    q, k, v = (part(normed).flatten(2)[0] for part in (attention.q, attention.k, attention.v))
    share = torch.softmax(q.T @ k / 32**0.5, 1)
    assert torch.allclose(attention(x), x + attention.proj_out((v @ share.T).view(1, 32, 4, 4)), atol=1e-5)
    assert Halving(32)(x).shape == (1, 32, 2, 2)


# RetinaFace -----------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(64, 64), (70, 90), (33, 129)])
def test_the_detector_answers_for_every_anchor(height, width):
    net = building.build_face_network(DETECTOR_NETWORK, "it.pth", random_state(DETECTOR_NETWORK))
    scores, boxes, landmarks = net(torch.randn(1, 3, height, width) * 50)
    count = len(anchors(height, width))
    assert (scores.shape, boxes.shape, landmarks.shape) == ((count,), (count, 4), (count, 10))
    assert scores.min() >= 0 and scores.max() <= 1
