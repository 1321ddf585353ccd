"""The table of model kinds, read by catalogs, cards, routes, folders and records.

A further kind is one row here, and a loader in `models/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.settings.flags import ROOT, Flags

VAE_ENDINGS = (".vae.safetensors", ".vae.ckpt", ".vae.pt")
EMBEDDING_PICTURES = (".png", ".webp")      # may contain an embedding
FLAG = "--"


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """A kind of model file.

    where: folders below the models' folder, and flags that name further ones, in the order searched; new files go into
        the first
    among, marks: the kind whose folders hold some of these files too, and their endings there
    """

    name: str                        # in the API, in the index and in code
    label: str                       # in sentences, and in a picture's manifest
    endings: tuple[str, ...]         # the longest first
    where: tuple[str, ...]
    shipped: bool = False            # the program's own folder has some
    outside: str = ""                # a folder beside the models' folder, as in A1111; if it exists it goes first
    first: str = ""                  # the flag that names one file, the first of the list
    among: str = ""
    marks: tuple[str, ...] = ()
    page: str = ""                   # A1111's name for its tab of cards; "": no tab
    title: str = ""                  # that tab's label
    files: str = ""                  # its files' name in the sentence of an empty tab
    tag: str = ""                    # the prompt's tag: `<tag:name:1>`
    chosen: bool = False             # it is chosen by its file, not named in a prompt
    needs: tuple[str, ...] = ()      # kinds of the companion files that a card may name
    refresh: str = ""                # A1111's route that reads its folders again

    def stem(self, path: Path) -> str | None:
        """Return the file's name without extension, in any case; None if it is not of this kind."""
        ending = next((ending for ending in self.endings if path.name.casefold().endswith(ending)), None)
        return ending and path.name[:-len(ending)]

    @property
    def empty(self) -> str:
        """Return the sentence of a tab without cards."""
        return f"There is no {self.label} yet. Put {self.files} into this folder, then press refresh:"


def kind_folders(kind: ModelKind, flags: Flags) -> tuple[Path, ...]:
    """Return the folders of a kind, in the order searched."""
    models, data = flags.paths.models, flags.paths.data_dir
    found = [getattr(flags, flag_name(place)) if place.startswith(FLAG) else models / place for place in kind.where]
    if kind.outside:
        own = sorted((data / kind.outside, found[-1]), key=lambda folder: not folder.is_dir())
        found[-1:] = own
    return tuple(dict.fromkeys(filter(None, (*found, *program_folders(kind, flags)))))


def program_folders(kind: ModelKind, flags: Flags) -> tuple[Path, ...]:
    """Return the folders with what ships of a kind; none where the models' folder is the program's."""
    own = ROOT / "models"
    if not kind.shipped or flags.paths.models == own:
        return ()
    return tuple(own / place for place in kind.where if not place.startswith(FLAG))


def first_file(kind: ModelKind, flags: Flags) -> Path | None:
    """Return the first file of the list, if a flag names one."""
    return getattr(flags, flag_name(kind.first)) if kind.first else None


def flag_name(flag: str) -> str:
    """Return `--lora-dir` as a field of `Flags`."""
    return flag.removeprefix(FLAG).replace("-", "_")


def with_pages(kinds: Iterable[ModelKind]) -> Iterator[ModelKind]:
    """Yield the kinds that have a tab of cards."""
    return (kind for kind in kinds if kind.page)


UPSCALER_FOLDERS = ("ESRGAN", "RealESRGAN", "BSRGAN", "SwinIR", "DAT", "ScuNET", "HAT")
UPSCALER_FLAGS = tuple(
    f"--{name}-models-path" for name in ("esrgan", "realesrgan", "bsrgan", "swinir", "dat", "scunet")
)
UPSCALER_ENDINGS = (".safetensors", ".pth", ".pt")

EMBEDDING = ModelKind(
    name="embedding", label="embedding", endings=(".safetensors", ".pt", ".bin", *EMBEDDING_PICTURES),
    where=("--embeddings-dir", "embeddings"), outside="embeddings", shipped=True,
    page="textual_inversion", title="Textual Inversion", files="textual inversion files", refresh="refresh-embeddings",
)
HYPERNETWORK = ModelKind(
    name="hypernetwork",
    label="hypernetwork",
    endings=(".pt", ".safetensors"),
    where=("--hypernetwork-dir", "hypernetworks"),
    shipped=True,
    page="hypernetworks",
    title="Hypernetworks",
    files="hypernetwork files",
    tag="hypernet",
)
CHECKPOINT = ModelKind(
    name="checkpoint",
    label="checkpoint",
    endings=(".safetensors", ".ckpt"),
    where=("Stable-diffusion", "--ckpt-dir"),
    shipped=True,
    first="--ckpt",
    page="checkpoints",
    title="Checkpoints",
    files="model files",
    chosen=True,
    needs=("vae",),
    refresh="refresh-checkpoints",
)
LORA = ModelKind(
    name="lora", label="LoRA", endings=(".safetensors", ".ckpt", ".pt"),
    where=("--lora-dir", "Lora", "--lyco-dir", "--lyco-dir-backcompat", "LyCORIS"),
    shipped=True, page="lora", title="Lora", files="LoRA files", tag="lora", refresh="refresh-loras",
)
VAE = ModelKind(
    name="vae", label="VAE", endings=(*VAE_ENDINGS, ".safetensors", ".ckpt", ".pt"), where=("--vae-dir", "VAE"),
    among="checkpoint", marks=VAE_ENDINGS, chosen=True, refresh="refresh-vae",
)
UPSCALER = ModelKind(
    name="upscaler",
    label="upscaler",
    endings=UPSCALER_ENDINGS,
    where=(*UPSCALER_FLAGS, *UPSCALER_FOLDERS),
    shipped=True,
)
GFPGAN = ModelKind(
    name="gfpgan", label="face restorer", endings=UPSCALER_ENDINGS,
    where=("--gfpgan-models-path", "--gfpgan-dir", "GFPGAN"), shipped=True,
)
CODEFORMER = ModelKind(
    name="codeformer", label="face restorer", endings=UPSCALER_ENDINGS,
    where=("--codeformer-models-path", "Codeformer"), shipped=True,
)
SAFETY_CHECKER = ModelKind(
    name="safety_checker", label="safety checker", endings=(".safetensors", ".bin", ".ckpt", ".pth", ".pt"),
    where=("safety_checker",), chosen=True,
)
CONTROLNET = ModelKind(
    name="controlnet", label="ControlNet", endings=(".safetensors", ".ckpt", ".pth", ".bin", ".pt"),
    where=("--controlnet-dir", "ControlNet"), shipped=True, chosen=True,
)
CLIP_VISION = ModelKind(
    name="clip_vision", label="CLIP image encoder", endings=(".safetensors", ".bin", ".pth", ".pt"),
    where=("clip_vision",), chosen=True,
)
CAPTIONER = ModelKind(
    name="captioner", label="caption model", endings=(".safetensors",), where=("BLIP",), chosen=True,
)
ANNOTATOR = ModelKind(
    name="annotator", label="preprocessor's network", endings=(".safetensors", ".pth", ".pt", ".bin"),
    where=("--controlnet-annotator-models-path", "ControlNet/annotator", "ControlNetPreprocessor"),
    outside="extensions/sd-webui-controlnet/annotator/downloads", chosen=True,
)
DETECTOR = ModelKind(
    name="detector", label="detector", endings=(".safetensors", ".pt", ".pth"), where=("adetailer",), shipped=True,
    chosen=True,
)

# in the order of their tabs
MODEL_KINDS = (
    EMBEDDING, HYPERNETWORK, CHECKPOINT, LORA, VAE, UPSCALER, GFPGAN, CODEFORMER, SAFETY_CHECKER, CONTROLNET,
    CLIP_VISION, ANNOTATOR, DETECTOR, CAPTIONER,
)
