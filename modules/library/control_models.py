"""ControlNet's models by the names that people and programs have for them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from modules.base.errors import ModelCorrupt, ModelError, UnknownName, WebUIError
from modules.library.catalog import FIRST_CONVOLUTION, ModelFile, is_hash
from modules.library.family_detection import context_widths
from modules.library.library import Library
from modules.library.safetensors_header import is_named_safetensors, read_header

# the first weights of UNets and of their copies in ControlNets, as layouts name them
FIRST_CONVOLUTIONS = (
    FIRST_CONVOLUTION, "control_model.input_blocks.0.0.weight", "input_blocks.0.0.weight", "conv_in.weight",
)
OLD_HASH_AT, OLD_HASH_BYTES, OLD_HASH_DIGITS = 2**20, 2**16, 8


def old_hash(path: Path) -> str:
    """Return A1111's first hash of a file, which ControlNet's titles have: of 64 KiB, from 1 MiB on."""
    with path.open("rb") as file:
        file.seek(OLD_HASH_AT)
        return sha256(file.read(OLD_HASH_BYTES)).hexdigest()[:OLD_HASH_DIGITS]


def control_title(file: ModelFile) -> str:
    """Return a model's name as lists have it: `control_v11p_sd15_canny [d14c016b]`."""
    try:
        return f"{file.model_name} [{old_hash(file.path)}]"
    except OSError:
        return file.model_name


def control_models(library: Library) -> Sequence[ModelFile]:
    """Return the usable files."""
    return [file for file in library.of("controlnet").list() if not file.problem]


def fits_checkpoint(control: ModelFile, checkpoint: ModelFile) -> bool:
    """Return whether a ControlNet is as wide as a checkpoint's UNet and reads text as wide, as far as headers show."""
    pairs = zip(unet_widths(control), unet_widths(checkpoint), strict=True)
    return all(one == other for one, other in pairs if one and other)


def unet_widths(file: ModelFile) -> tuple[int, int]:
    """Return the channels of a UNet's first convolution, and those of the text that it sees; 0: not shown."""
    try:
        shapes = read_header(file.path).shapes if is_named_safetensors(file.path) else {}
    except (ModelError, OSError):
        shapes = {}
    first = next((shapes[name][0] for name in FIRST_CONVOLUTIONS if shapes.get(name)), 0)
    return first, next(context_widths(shapes), 0)


def control_model_named(library: Library, name: str) -> ModelFile | None:
    """Return the same as `find_control_model`; None where that raises."""
    try:
        return find_control_model(library, name)
    except WebUIError:
        return None


def find_control_model(library: Library, name: str) -> ModelFile:
    """Return the file of a name or a title, whose hash may differ. Raises UnknownName or ModelCorrupt."""
    wanted, begin = split_title(name)
    for files in library.of("controlnet").list_and_again():
        for file in files:
            if wanted.casefold() in {each.casefold() for each in file.names}:
                if file.problem:
                    raise ModelCorrupt(file.problem, "Choose another ControlNet.")
                return file
        if found := next((each for each in control_models(library) if hashed_like(each, begin)), None):
            return found
    known = [file.model_name for file in control_models(library)]
    raise UnknownName("ControlNet", name, known or ["none yet: put one into models/ControlNet"])


def split_title(title: str) -> tuple[str, str]:
    """Return the name in a title and the hash behind it; "" without one."""
    stem, bracket, hashed = title.strip().rpartition("[")
    return (stem.strip(), hashed[:-1].lower()) if bracket and hashed.endswith("]") else (title.strip(), "")


def hashed_like(file: ModelFile, begin: str) -> bool:
    if not is_hash(begin):
        return False
    return (file.sha256 or "").startswith(begin) or (len(begin) == OLD_HASH_DIGITS and old_hash(file.path) == begin)
