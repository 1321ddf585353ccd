"""Networks for faces: the real ones without their weights, and small ones with random weights under the same names."""

from __future__ import annotations

import torch

from modules.library import model_kinds
from modules.models.faces import codeformer, gfpgan, retinaface
from modules.models.faces.building import DETECTOR_NETWORK, RESTORER_NETWORKS
from tests.golden_data import catalog_of

GFPGAN, CODEFORMER = RESTORER_NETWORKS["gfpgan"], RESTORER_NETWORKS["codeformer"]
REAL = {
    GFPGAN: gfpgan.GfpganSizes(),
    CODEFORMER: codeformer.CodeFormerSizes(),
    DETECTOR_NETWORK: retinaface.RetinaFaceSizes(),
}
SMALL = {
    GFPGAN: gfpgan.GfpganSizes(
        unet=(8,) * 8, decoder=(16,) * 5 + (8,) * 3, guided=(8,) * 4 + (4,) * 3, style=12, mapping=2
    ),
    CODEFORMER: codeformer.CodeFormerSizes(widths=(32,) * 6, latent=32, codes=16, width=64, inner=32, layers=2),
    DETECTOR_NETWORK: retinaface.RetinaFaceSizes(stem=4, blocks=(1, 1, 1, 1), pyramid=8),
}
# 64 pixels
QUICK = codeformer.CodeFormerSizes(
    widths=(32,) * 6, latent=32, codes=16, places=4, width=64, inner=32, layers=2, fused=("4", "8", "16", "32")
)


def real(kind):
    """The network with the published sizes; it has no memory, so it cannot run."""
    with torch.device("meta"):
        return kind.make(REAL[kind])


def random_state(kind, sizes=None):
    """Random weights of the small network, or of one of those sizes."""
    torch.manual_seed(0)
    module = kind.make(sizes or SMALL[kind])
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for name, tensor in state.items():
        if tensor.is_floating_point():
            scale = 1 / max(1, tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.1
            state[name] = torch.randn(tensor.shape) * scale + (1.0 if unit(name, tensor) else 0.0)
            if name.endswith("running_var"):
                state[name] = torch.ones(tensor.shape)
    return state


def unit(name, tensor):
    """Is it a norm's scale?"""
    return "norm" in name and name.endswith(".weight") and tensor.ndim == 1


def one_face_state(landmarks):
    """A detector that finds one face with those (5, 2) landmarks in any picture of 640 × 640.

    All anchors of 512 pixels are sure, of boxes so large that they are all the same face: the first one stands for all.
    """
    state = random_state(DETECTOR_NETWORK)
    for level in range(3):
        for head in ("ClassHead", "BboxHead", "LandmarkHead"):
            for part in ("weight", "bias"):
                state[f"{head}.{level}.conv1x1.{part}"].zero_()
    state["ClassHead.2.conv1x1.bias"][3] = 20.0
    state["BboxHead.2.conv1x1.bias"][6:] = 15.0
    first = torch.tensor([16.0, 16.0])
    state["LandmarkHead.2.conv1x1.bias"][10:] = ((torch.as_tensor(landmarks) - first) / (0.1 * 512)).flatten()
    return state


def in_home(models):
    """Where restorers' files are in a folder like models/."""
    kinds = {"GFPGAN": model_kinds.GFPGAN, "Codeformer": model_kinds.CODEFORMER}
    return {kind.name: catalog_of(kind, models / folder) for folder, kind in kinds.items()}
