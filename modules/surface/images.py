"""A1111's `modules.images`: pictures resized, joined, read and saved."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from modules.base.errors import Forbidden
from modules.imaging.read import read_metadata
from modules.imaging.resize import resize_image as resized
from modules.imaging.save import FileFormat, encode_image, next_number, save_named
from modules.requests.patterns import below_outputs
from modules.settings.account_paths import account_paths
from modules.surface.annotations import GridAnnotation as GridAnnotation
from modules.surface.annotations import draw_grid_annotations as draw_grid_annotations
from modules.surface.annotations import get_font as get_font
from modules.surface.asking import asking_account
from modules.surface.binding import bound_host
from modules.surface.name_generator import FilenameGenerator as FilenameGenerator

LANCZOS = Image.Resampling.LANCZOS
NEAREST = Image.Resampling.NEAREST
NOT_IN_NAMES = re.compile(r'[#<>:"/\\|?*\n\r\t]')


def resize_image(
    resize_mode: int, im: Image.Image, width: int, height: int, upscaler_name: str | None = None,
    force_RGBA: bool = False,
) -> Image.Image:
    """Return the picture at that size; resize_mode: 0 stretches, 1 crops, 2 fills."""
    if upscaler_name not in (None, "None", "", "Lanczos", "Nearest"):
        im = upscaled(im, max(width / im.width, height / im.height), str(upscaler_name))
    found = resized(im, resize_mode, (int(width), int(height)))
    return found.convert("RGBA") if force_RGBA else found


def upscaled(image: Image.Image, scale: float, name: str) -> Image.Image:
    """Return the picture enlarged by an upscaler, if it is smaller than wanted."""
    from modules.surface import shared

    found = next((each for each in shared.sd_upscalers if each.name == name), None)
    return found.scaler.upscale(image, scale, found.data_path) if found and scale > 1 else image


def flatten(img: Image.Image, bgcolor: str) -> Image.Image:
    """Return the picture as RGB, on that colour where it is transparent."""
    if img.mode != "RGBA":
        return img.convert("RGB")
    ground = Image.new("RGBA", img.size, bgcolor)
    return Image.alpha_composite(ground, img).convert("RGB")


def get_grid_size(rows: int | None, count: int, batch_size: int) -> int:
    return rows or max(1, math.floor(math.sqrt(count)))


def image_grid(imgs: Sequence[Image.Image], batch_size: int = 1, rows: int | None = None) -> Image.Image:
    """Return the pictures side by side, in as many rows as columns if none are named."""
    rows = min(len(imgs), get_grid_size(rows, len(imgs), batch_size))
    cols = math.ceil(len(imgs) / rows)
    width, height = imgs[0].size
    grid = Image.new("RGB", (cols * width, rows * height), "black")
    for i, image in enumerate(imgs):
        grid.paste(image, (i % cols * width, i // cols * height))
    return grid


def read_info_from_image(image: Image.Image) -> tuple[str | None, dict[str, Any]]:
    """Return a picture's generation data and its other texts."""
    texts: dict[str, Any] = {str(key): value for key, value in image.info.items()}
    infotext = texts.pop("parameters", None)
    if infotext is None and (name := getattr(image, "filename", "")) and Path(name).is_file():
        infotext = read_metadata(Path(name).read_bytes()).infotext or None
    return infotext, texts


def image_data(data: bytes) -> tuple[str, None]:
    """Return the generation data in a picture's file."""
    return read_metadata(data).infotext, None


def get_next_sequence_number(path: str, basename: str) -> int:
    """Return one more than the largest number of a file there; 0 in a new folder."""
    if not basename:
        return next_number(Path(path))
    begin = re.compile(re.escape(basename) + r"-(\d+)")
    found = [begin.match(each.name) for each in Path(path).iterdir()] if Path(path).is_dir() else []
    return max((int(each[1]) for each in found if each), default=-1) + 1


def sanitize_filename_part(text: str | None, replace_spaces: bool = True) -> str | None:
    """Return the text as part of a file's name."""
    if text is None:
        return None
    text = text.replace(" ", "_") if replace_spaces else text
    return NOT_IN_NAMES.sub("_", text).lstrip(" ").rstrip(" .")[:128]


def save_image(
    image: Image.Image, path: str, basename: str, seed: Any = None, prompt: str | None = None, extension: str = "png",
    info: str | None = None, short_filename: bool = False, no_prompt: bool = False, grid: bool = False,
    pnginfo_section_name: str = "parameters", p: Any = None, existing_info: dict[str, Any] | None = None,
    forced_filename: str | None = None, suffix: str = "", save_to_dirs: bool | None = None,
) -> tuple[str, None]:
    """Save a picture below the outputs folder with its generation data; returns the file's path and None.

    Raises Forbidden for a folder elsewhere.
    """
    folder = folder_to_save_in(path)
    parts = [basename] if basename else []
    if not forced_filename and not short_filename:
        parts += [str(each) for each in (seed, None if no_prompt else sanitize_filename_part(prompt)) if each]
    if not forced_filename:
        parts.insert(len(parts) if basename else 0, f"{get_next_sequence_number(str(folder), basename):05}")
    name = forced_filename or "-".join(parts)
    texts = {key: str(value) for key, value in (existing_info or {}).items() if isinstance(value, str)}
    content = encode_image(image, FileFormat(extension), info or "", texts)
    folder.mkdir(parents=True, exist_ok=True)
    return str(save_named(content, folder, (sanitize_filename_part(name + suffix, False) or "image"), extension)), None


def folder_to_save_in(path: str) -> Path:
    """Return a folder of the account that asks; raises Forbidden unless it lies below its outputs.

    The person at this computer may name any folder below the data folder too, and those of `--batch-dir`.
    """
    flags, account = bound_host().program.flags, asking_account()
    own = account_paths(flags.paths, account.name).outputs
    allowed = [own, flags.paths.data_dir, *flags.batch_dir] if account.is_local else [own]
    below = flags.paths.data_dir / path if account.is_local else own.joinpath(*below_outputs(path))
    folder = (Path(path) if Path(path).is_absolute() else below).resolve()
    if not any(folder.is_relative_to(each.resolve()) for each in allowed):
        raise Forbidden(f"An extension may not save pictures in {folder}.", "Choose a folder below the outputs folder.")
    return folder


def read(image: Any, **kwargs: Any) -> Image.Image:
    """Return a picture from a path, bytes or a file."""
    source = BytesIO(image) if isinstance(image, bytes) else image
    return Image.open(source)


def fix_image(image: Image.Image | None) -> Image.Image | None:
    """Return a picture whose transparency is a channel."""
    if image is not None and image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA")
    return image
