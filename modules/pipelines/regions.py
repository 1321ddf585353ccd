"""Regional prompts of a pass: their texts are read, and their places become shares of the latent's cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.imaging.masks import read_mask
from modules.params.regions import LATENT_MODE, Region
from modules.sampling.guidance import Guidance, Timeline
from modules.sampling.questions import Cond, Task
from modules.sampling.regions import Networks, RegionalPrompts

LEAST_SUM = 1e-3      # of all regions' weights in a cell that they are to rule

ReadRegion = Callable[[str, Networks], Task[Timeline[Cond]]]      # reads a prompt, by text encoders with these networks


def with_regions(
    guidance: Guidance, regions: Sequence[Region], networks: Sequence[Networks], shares: Tensor, mode: str,
    read: ReadRegion,
) -> Task[Guidance]:
    """Return the guidance with regional prompts, each with its networks."""
    prompts = []
    own = tuple(networks) or ((),) * len(regions)
    for region, uses in zip(regions, own, strict=True):
        prompts.append((yield from read(region.prompt, uses)))
    regional = RegionalPrompts(tuple(prompts), shares, mode == LATENT_MODE, own if any(own) else ())
    return replace(guidance, regions=regional)


def region_shares(
    regions: Sequence[Region], base: float, cells: tuple[int, int], load: Callable[[str], Image.Image]
) -> Tensor:
    """Return how much the picture's own prompt and each region's count, (1 + regions, h, w), summing to 1.

    base: the own prompt's share where regions are; it has all where there is none. cells: height and width
    """
    weights = np.stack([region_levels(region, cells, load) * region.weight for region in regions])
    whole = weights.sum(0)
    covered = np.clip(whole, 0, 1)
    own = 1 - covered * (1 - base)
    parts = weights / np.maximum(whole, LEAST_SUM) * (1 - own)
    return torch.from_numpy(np.concatenate([(1 - parts.sum(0))[None], parts]).astype(np.float32))


def region_levels(region: Region, cells: tuple[int, int], load: Callable[[str], Image.Image]) -> np.ndarray:
    """Return where a region is, (h, w) in [0, 1], its edge softened by its feather."""
    height, width = cells
    if region.mask:
        mask = read_mask(load(region.mask), rounded=False).resize((width, height), Image.Resampling.BOX)
        levels = np.asarray(mask, dtype=np.float64) / 255
    else:
        levels = np.outer(
            covered_cells(region.top, region.bottom, height), covered_cells(region.left, region.right, width)
        )
    if not region.feather:
        return levels
    from scipy.ndimage import gaussian_filter  # slow to import, seldom used

    return gaussian_filter(levels, region.feather * min(cells) / 2, mode="nearest")


def covered_cells(begin: float, end: float, cells: int) -> np.ndarray:
    """Return how much of each cell lies between two shares of a side."""
    edges = np.arange(cells + 1)
    return np.clip(np.minimum(edges[1:], end * cells) - np.maximum(edges[:-1], begin * cells), 0, 1)
