"""Tiles are an economy, never a change: a network that looks no further than the overlap gives the same picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from modules.base.errors import NotANumber
from modules.models.upscaling.architectures import Net
from modules.models.upscaling.tiles import Tiling, run_upscaler, upscale_by_tiles
from tests.models.upscaling.asking import answered
from tests.models.upscaling.networks import CPU

WHOLE = Tiling(0, 8)


def net(run, scale, dtype=torch.float32):
    return Net(run, scale, CPU, dtype)


def drawn(net, pixels, tiling):
    """Enlarged by the net, tile after tile."""
    def ask(tile):
        return (yield tile)

    return answered(upscale_by_tiles(ask, pixels, tiling), lambda tile: run_upscaler(net, tile))


def picture(height, width):
    return torch.randint(
        0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(height * width)
    )


def inverted(x):
    return 1 - interpolate(x, scale_factor=2)


@pytest.mark.parametrize(
    "tiling", [WHOLE, Tiling(16, 4), Tiling(16, 0), Tiling(5, 4), Tiling(3, 99), Tiling(1, 8), Tiling(192, 8)], ids=str
)
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 16), (23, 41), (64, 5)], ids=str)
def test_a_pointwise_network_is_the_same_in_tiles(size, tiling):
    pixels = picture(*size)
    expected = (255 - pixels).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(drawn(net(inverted, 2), pixels, tiling), expected)


def test_a_network_that_looks_around_is_the_same_where_tiles_share_enough():
    """A 3×3 mean errs only at a tile's border: its first pixel fades in from nothing,
    its last lies under the next tile.
    """
    pixels = picture(30, 44)
    whole, tiled = (
        drawn(net(lambda x: avg_pool2d(x, 3, 1, 1), 1), pixels, tiling) for tiling in (WHOLE, Tiling(16, 4))
    )
    assert (whole.int() - tiled.int()).abs().max() <= 1


@pytest.mark.parametrize("length", range(1, 60))
@pytest.mark.parametrize("tiling", [Tiling(16, 4), Tiling(16, 15), Tiling(7, 0)], ids=str)
def test_tiles_cover_the_axis_and_share_the_overlap(length, tiling):
    spans = tiling.spans(length)
    assert (spans[0].start, spans[-1].stop) == (0, length)
    assert all(span.stop - span.start == min(tiling.size, length) for span in spans)
    assert all(one.stop - two.start >= tiling.shared for one, two in zip(spans, spans[1:]))


def test_tiles_lie_where_a1111_puts_them():
    """Spread evenly: (512 − 8) / (192 − 8) makes three, 160 apart."""
    assert Tiling(192, 8).spans(512) == [slice(0, 192), slice(160, 352), slice(320, 512)]


def test_one_tile_fades_in_over_the_other():
    """Tiles that differ all over show the seam itself: a straight line over the overlap."""
    shades = iter((0.0, 1.0))
    out = drawn(net(lambda x: torch.full_like(x, next(shades)), 1), picture(1, 12), Tiling(8, 4))
    assert out[0, 0].tolist() == [0, 0, 0, 0, 0, 64, 128, 191, 255, 255, 255, 255]


def test_no_tile_is_larger_than_was_asked_for():
    seen = []

    def watched(x):
        seen.append(tuple(x.shape[-2:]))
        return x

    drawn(net(watched, 1), picture(100, 70), Tiling(32, 8))
    assert set(seen) == {(32, 32)}


def test_networks_see_blue_green_red_as_with_a1111():
    seen = []
    colour = torch.tensor([200, 100, 50], dtype=torch.uint8)[:, None, None].expand(3, 4, 4)
    out = drawn(net(lambda x: seen.append(x) or x, 1), colour, WHOLE)
    assert (seen[0][0, :, 0, 0] * 255).round().tolist() == [50, 100, 200] and torch.equal(out, colour)


def test_the_network_gets_the_precision_it_runs_in():
    def checked(x):
        assert x.dtype == torch.bfloat16
        return x

    black = torch.zeros(3, 4, 4, dtype=torch.uint8)
    assert torch.equal(drawn(net(checked, 1, torch.bfloat16), black, WHOLE), black)


def test_numbers_that_are_no_colours_are_an_error():
    with pytest.raises(NotANumber):
        drawn(net(lambda x: x / 0, 1), picture(4, 4), WHOLE)
