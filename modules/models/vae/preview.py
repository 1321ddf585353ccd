"""A cheap preview of a latent: the affine map from latent channels to colours that fits its VAE best."""

from __future__ import annotations

import io
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from modules.models.vae.vae import Vae
from modules.sampling.noise import cpu_generator


class LatentPreview:
    """The map of a latent (C, h, w) to its colours (3, h, w), fitted once by least squares."""

    def __init__(self, vae: Vae) -> None:
        self.map = fit_preview(vae)       # (C + 1, 3): colours per channel, then the constant

    def look(self, latent: Tensor) -> Tensor:
        colours = torch.cat([latent.float().flatten(1), latent.new_ones(1, latent[0].numel()).float()]).T @ self.map.to(
            latent.device
        )
        return colours.T.reshape(3, *latent.shape[1:])


Look = Callable[[Tensor], Tensor]      # latent (C, h, w) → picture (3, H, W) in about [−1, 1], of any size


def preview_jpeg(colours: Tensor, width: int, height: int) -> bytes:
    """Return a picture (3, H, W) in about [−1, 1] as a JPEG of that size."""
    pixels = ((colours + 1) * 127.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return jpeg_of(Image.fromarray(pixels.cpu().numpy()).resize((width, height), Image.Resampling.BICUBIC))


def jpeg_of(image: Image.Image) -> bytes:
    """Return a picture as a preview's JPEG."""
    out = io.BytesIO()
    image.convert("RGB").save(out, "jpeg", quality=80)
    return out.getvalue()


@torch.inference_mode()
def fit_preview(vae: Vae, samples: int = 8, side: int = 8) -> Tensor:
    """Return the map fitted on smooth random latents and their decoded pictures, averaged over each latent cell.

    A broken VAE's is grey.
    """
    weight = next(vae.module.parameters())
    channels = vae.module.config.latent_channels
    coarse = torch.randn(samples, channels, side // 4, side // 4, generator=cpu_generator(0)) * 1.5
    latents = interpolate(coarse, (side, side), mode="bilinear").to(weight)
    pixels = vae.module.decode(vae.latent.to_vae(latents), return_dict=False)[0].float()
    colours = avg_pool2d(pixels.nan_to_num().clamp(-1, 1), pixels.shape[-1] // side).permute(0, 2, 3, 1).reshape(-1, 3)
    known = latents.float().permute(0, 2, 3, 1).reshape(-1, channels)
    known = torch.cat([known, torch.ones_like(known[:, :1])], dim=1)
    return torch.linalg.lstsq(known.cpu(), colours.cpu()).solution
