"""Loading face networks from files, with sizes inferred from the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from modules.base.errors import ModelMismatch
from modules.imaging.faces import SIDE
from modules.models.faces import codeformer, gfpgan, retinaface
from modules.models.files.state_dict import PARALLEL
from modules.models.upscaling.architectures import UNFIT
from modules.models.upscaling.read_state import read_state

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class FaceNetwork(Generic[N]):
    """A kind of face network.

    name: for messages; marks: names that only such files have; make: makes the network of its sizes
    """

    name: str
    marks: frozenset[str]
    sizes: Callable[[Mapping[str, Tensor]], Any]
    make: Callable[[Any], N]
    hint: str


def load_face_network(kind: FaceNetwork[N], path: Path, device: torch.device) -> N:
    """Return the network in that file. Raises ModelError, naming the file."""
    state = {name.removeprefix(PARALLEL): tensor for name, tensor in read_state(path).items()}
    return build_face_network(kind, path.name, state).to(device, torch.float32)


def build_face_network(kind: FaceNetwork[N], name: str, state: Mapping[str, Tensor]) -> N:
    """Return the network, made without memory, then given the file's own tensors; `name` is the file's.

    Raises ModelMismatch.
    """
    if not kind.marks <= state.keys():
        raise ModelMismatch(f"{name} is not {kind.name}.", kind.hint)
    try:
        with torch.device("meta"):
            module = kind.make(kind.sizes(state))
        module.load_state_dict(state, assign=True)
        fits = getattr(module, "side", SIDE) == SIDE
    except UNFIT as error:
        raise face_file_mismatch(kind, name) from error
    if not fits:
        raise face_file_mismatch(kind, name)
    return module.requires_grad_(False).eval()


def face_file_mismatch(kind: FaceNetwork[Any], name: str) -> ModelMismatch:
    return ModelMismatch(
        f"{name} resembles {kind.name}, but its weights do not fit together.", "Download it again, or use another."
    )


DETECTOR_NETWORK = FaceNetwork(
    "RetinaFace's face detector on a ResNet-50",
    frozenset({"body.conv1.weight", "fpn.output1.0.weight", "LandmarkHead.0.conv1x1.weight"}),
    retinaface.RetinaFaceSizes.of, retinaface.RetinaFace,
    "Use detection_Resnet50_Final.pth.",
)
RESTORER_NETWORKS: Mapping[str, FaceNetwork[nn.Module]] = {
    "gfpgan": FaceNetwork(
        "GFPGAN 1.2, 1.3 or 1.4",
        frozenset({"conv_body_first.weight", "condition_scale.0.2.weight", "stylegan_decoder.constant_input.weight"}),
        gfpgan.GfpganSizes.of, gfpgan.GFPGANv1Clean,
        "Use GFPGANv1.4.pth; GFPGANv1.pth is of an older kind.",
    ),
    "codeformer": FaceNetwork(
        "CodeFormer",
        frozenset({"position_emb", "quantize.embedding.weight", "ft_layers.0.self_attn.in_proj_weight"}),
        codeformer.CodeFormerSizes.of, codeformer.CodeFormer,
        "Use codeformer-v0.1.0.pth.",
    ),
}
