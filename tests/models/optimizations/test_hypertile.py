"""Tiles are cut and joined without loss, see only themselves, and one of them is plain attention."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.library.catalog import ModelFile
from modules.models.optimizations.hypertile import (
    Hypertiling,
    choose_split,
    counts,
    halved,
    join,
    smallest_tile,
    split_tiles,
    unet_layers,
    vae_layers,
)
from modules.models.optimizations.token_merging import TokenMerging
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files
from modules.sampling.weights import Hypertile, Weights
from modules.settings.options import Settings
from tests.golden_data import spec
from tests.models.lora.test_patcher import model  # noqa: F401  the same fixture
from tests.planning import image_plan
from tests.playing import golden_device, made

WANTED = Hypertile(depth=3, tile=128, swap=1)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def answered(unet, x):
    return unet(x, torch.tensor([500]), encoder_hidden_states=noise(1, 77, 64)).sample


# Which tiles


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (4, 1), (1, 6), (4, 6)])
def test_cutting_and_joining_are_inverse(rows, columns):
    grid = noise(2, 4, 6, 5)
    tiles = split_tiles(grid, rows, columns)
    assert tiles.shape == (2 * rows * columns, 4 // rows, 6 // columns, 5)
    assert torch.equal(join(tiles, rows, columns), grid)


def test_a_tile_is_a_piece_of_the_picture():
    grid = noise(2, 4, 6, 5)
    tiles = split_tiles(grid, 2, 3)
    assert torch.equal(tiles[0], grid[0, :2, :2])
    assert torch.equal(tiles[4], grid[0, 2:, 2:4])
    assert torch.equal(tiles[11], grid[1, 2:, 4:])


@given(side=st.integers(1, 300), smallest=st.integers(1, 128), swap=st.integers(0, 64))
def test_tiles_divide_a_side_and_are_no_smaller_than_asked(side, smallest, swap):
    found = counts(side, smallest, swap)
    assert 1 <= len(found) <= max(swap, 1)
    assert all(side % count == 0 and side // count >= min(smallest, side) for count in found)
    assert found == sorted(set(found), reverse=True)


@pytest.mark.parametrize(
    ("side", "smallest", "swap", "tiles"),
    [(64, 32, 3, [2, 1]), (128, 32, 3, [4, 2, 1]), (96, 16, 3, [6, 4, 3]), (96, 16, 1, [6]), (67, 32, 3, [1])],
)
def test_known_sides_are_cut_as_a1111_cuts_them(side, smallest, swap, tiles):
    assert counts(side, smallest, swap) == tiles


@pytest.mark.parametrize(
    ("height", "width", "wanted", "cells"),
    [(64, 64, 256, 32), (64, 64, 0, 16), (96, 64, 512, 32), (65, 64, 256, 16), (128, 128, 512, 64)],
)
def test_a_tile_is_no_larger_than_a_power_of_two_both_sides_have(height, width, wanted, cells):
    assert smallest_tile(height, width, wanted) == cells


def test_layers_take_turns():
    assert [choose_split((128, 128), 32, 3, place) for place in range(10)] == [
        (4, 4), (2, 4), (1, 4), (4, 2), (2, 2), (1, 2), (4, 1), (2, 1), (1, 1), (4, 4),
    ]


@pytest.mark.parametrize(
    ("size", "times", "expected"), [((64, 96), 0, (64, 96)), ((65, 96), 1, (33, 48)), ((65, 67), 2, (17, 17))]
)
def test_odd_sides_are_halved_up_as_by_convolutions(size, times, expected):
    assert halved(size, times) == expected


# The UNet


@pytest.mark.slow
@torch.inference_mode()
def test_switched_off_the_model_is_what_it_was(model):  # noqa: F811
    x, tiling = noise(1, 4, 32, 32), Hypertiling(model.unet)
    before = answered(model.unet, x)
    tiling.bring(WANTED)
    assert not torch.equal(answered(model.unet, x), before)
    tiling.bring(None)
    assert torch.equal(answered(model.unet, x), before)
    assert not model.unet._forward_pre_hooks


@pytest.mark.slow
@pytest.mark.parametrize("size", [(8, 8), (16, 16), (16, 8), (24, 24), (31, 31)])
@torch.inference_mode()
def test_a_picture_that_is_one_tile_is_what_it_was(model, size):  # noqa: F811
    x, tiling = noise(1, 4, *size), Hypertiling(model.unet)
    before = answered(model.unet, x)
    tiling.bring(WANTED)
    assert torch.equal(answered(model.unet, x), before)


def first_attention(model):  # noqa: F811
    """Its first layer, as the only one that is tiled."""
    tiling = Hypertiling(model.unet)
    tiling.layers = tiling.layers[:1]
    tiling.seen.size = (32, 32)
    tiling.bring(WANTED)
    return tiling.layers[0].attention


@pytest.mark.slow
@torch.inference_mode()
def test_a_tile_sees_only_itself(model):  # noqa: F811
    attention = first_attention(model)
    tokens = noise(1, 32, 32, attention.query_dim)
    far = tokens.clone()
    far[0, 20, 20] += 10
    some, others = (attention(each.flatten(1, 2)).view_as(each) for each in (tokens, far))
    changed = (some != others).any(dim=-1)[0]
    assert changed[16:, 16:].all()
    assert changed.sum() == 16 * 16


@torch.inference_mode()
def test_a_tile_is_answered_as_if_it_were_all(model):  # noqa: F811
    plain = next(unet_layers(model.unet)).attention.processor
    attention = first_attention(model)
    tokens = noise(2, 32, 32, attention.query_dim)
    tiled = attention(tokens.flatten(1, 2)).view_as(tokens)
    attention.set_processor(plain)
    alone = attention(tokens[:, 16:, :16].flatten(1, 2)).view(2, 16, 16, -1)
    assert torch.allclose(tiled[:, 16:, :16], alone, atol=1e-5)


@pytest.mark.slow
def test_layers_are_as_deep_as_their_resolution(model):  # noqa: F811
    """The latent's size there says it: what was recorded in a call."""
    tokens, layers = {}, list(unet_layers(model.unet))
    for layer in layers:
        layer.attention.register_forward_pre_hook(lambda attention, args: tokens.update({attention: args[0].shape[1]}))
    answered(model.unet, noise(1, 4, 33, 30))
    assert {layer.attention: torch.Size(halved((33, 30), layer.level)).numel() for layer in layers} == tokens


@torch.inference_mode()
def test_only_layers_up_to_a_depth_are_tiled(model):  # noqa: F811
    tiling = Hypertiling(model.unet)
    for depth in range(4):
        tiling.bring(Hypertile(depth, 128, 1))
        assert len(tiling._before) == sum(layer.depth <= depth for layer in tiling.layers)
    assert min(layer.depth for layer in tiling.layers) == 0


@pytest.mark.slow
@torch.inference_mode()
def test_it_goes_with_token_merging(model):  # noqa: F811
    """Whichever came first; where tokens were merged they are no grid, and stay together."""
    x, merging, tiling = noise(1, 4, 32, 32), TokenMerging(model.unet), Hypertiling(model.unet)
    merging.bring(0.5)
    tiling.bring(WANTED)
    some = answered(model.unet, x)
    merging.bring(0.0)
    merging.bring(0.5)
    assert torch.equal(answered(model.unet, x), some)
    tiling.bring(None)
    tiling.bring(WANTED)
    assert torch.equal(answered(model.unet, x), some)


# The VAE


@pytest.mark.slow
@torch.inference_mode()
def test_the_decoder_is_tiled_and_the_encoder_is_not(model):  # noqa: F811
    latent, tiling = noise(1, 4, 32, 32), Hypertiling(model.vae)
    pixels = noise(1, 3, 256, 256)
    decoded, encoded = model.vae.decode(latent).sample, model.vae.encode(pixels).latent_dist.mode()
    tiling.bring(WANTED)
    assert not torch.equal(model.vae.decode(latent).sample, decoded)
    assert torch.equal(model.vae.encode(pixels).latent_dist.mode(), encoded)
    tiling.bring(None)
    assert torch.equal(model.vae.decode(latent).sample, decoded)


@pytest.mark.slow
@torch.inference_mode()
def test_a_tile_of_a_vaes_attention_is_answered_as_if_it_were_all(model):  # noqa: F811
    [layer] = vae_layers(model.vae)
    x = noise(1, layer.attention.query_dim, 32, 48)
    alone = layer.attention(x[:, :, 16:, :16].contiguous())
    tiling = Hypertiling(model.vae)
    tiling.seen.size = (32, 48)
    tiling.bring(WANTED)
    assert torch.allclose(layer.attention(x)[:, :, 16:, :16], alone, atol=1e-5)


# Pictures


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    return golden_device(tmp_path_factory.mktemp("models"))


def job(height=256, **overrides):
    payload = {"prompt": "a red fox", "seed": 1, "steps": 1, "width": 128, "height": height, "sampler_name": "Euler a"}
    return spec({"id": "x", "endpoint": "/sdapi/v1/txt2img", "payload": payload | {"override_settings": overrides}})


def pixels(device, job):
    [drawn], _ = made(device, job)
    return drawn.pixels


ON = {"hypertile_max_tile_unet": 128, "hypertile_swap_size_unet": 1}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["hypertile_enable_unet", "hypertile_enable_vae"])
def test_pictures_of_others_stay_what_they_were(device, part):
    before = pixels(device, job())
    tiled = pixels(device, job(**{part: True}, **ON))
    assert not np.array_equal(tiled, before)
    assert np.array_equal(pixels(device, job()), before)
    assert np.array_equal(pixels(device, job(**{part: True}, **ON)), tiled)


@pytest.mark.slow
def test_a_small_picture_is_the_same_with_it(device):
    assert np.array_equal(
        pixels(device, job(128, hypertile_enable_unet=True, hypertile_enable_vae=True, **ON)), pixels(device, job(128))
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(0, 0, (False, False)), (0, 1, (False, True)), (1, 0, (True, True)), (1, 1, (True, True))],
)
def test_each_pass_of_hires_fix_is_tiled_as_wanted(first, second, expected):
    files = Files(ModelFile(Path("x"), "x", "0"))
    settings = Settings(
        hypertile_enable_unet=bool(first), hypertile_enable_unet_secondpass=bool(second), hypertile_max_tile_unet=128
    )
    plan = image_plan(Txt2Img(enable_hr=True), settings, replace(files, hires=files))
    assert tuple(each.weights.hypertile == Hypertile(3, 128, 3) for each in plan.passes) == expected


def test_who_differs_in_it_shares_no_call():
    assert Weights("x", hypertile=WANTED) != Weights("x", hypertile=Hypertile(2, 128, 1)) != Weights("x")
    assert Weights("x", hypertile_vae=WANTED).drawing == Weights("x")
