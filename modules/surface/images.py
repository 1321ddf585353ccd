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
from modules.imaging.picture_grid import GridColours, GridLayout, draw_grid, rows_of_batch
from modules.imaging.read import read_metadata
from modules.imaging.resize import resize_image as resized
from modules.requests.patterns import below_outputs
from modules.settings.account_paths import account_paths
from modules.surface import shared
from modules.surface.annotations import GridAnnotation as GridAnnotation
from modules.surface.annotations import draw_grid_annotations as draw_grid_annotations
from modules.surface.annotations import get_font as get_font
from modules.surface.asking import asking_account
from modules.surface.binding import bound_host
from modules.surface.image_saving import SavedName, in_subfolder, next_sequence_number, tell_saving, write_told
from modules.surface.name_generator import FilenameGenerator as FilenameGenerator
from modules.surface.script_callbacks import ImageGridLoopParams, ImageSaveParams

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
    found = next((each for each in shared.sd_upscalers if each.name == name), None)
    return found.scaler.upscale(image, scale, found.data_path) if found and scale > 1 else image


def flatten(img: Image.Image, bgcolor: str) -> Image.Image:
    """Return the picture as RGB, on that colour where it is transparent."""
    if img.mode != "RGBA":
        return img.convert("RGB")
    ground = Image.new("RGBA", img.size, bgcolor)
    return Image.alpha_composite(ground, img).convert("RGB")


def image_grid(imgs: Sequence[Image.Image], batch_size: int = 1, rows: int | None = None) -> Image.Image:
    """Return the pictures side by side, each in the middle of a cell; without `rows`, in as many as the settings want.

    Extensions that listen to `image_grid` may change the pictures and the columns.
    """
    opts = shared.opts
    rows = rows_of_batch(len(imgs), opts.n_rows if rows is None else rows, batch_size, opts.grid_prevent_empty_spots)
    params = ImageGridLoopParams(list(imgs), math.ceil(len(imgs) / rows), rows)
    bound_host().call_listeners("image_grid", params)
    cell = max(image.width for image in params.imgs), max(image.height for image in params.imgs)
    colours = GridColours(opts.grid_background_color)
    return draw_grid(GridLayout(cell, len(params.imgs), params.cols), iter(params.imgs), colours)


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
    return next_sequence_number(Path(path), basename)


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
) -> tuple[str, str | None]:
    """Save a picture below the outputs folder, named and placed by the settings; extensions hear of it.

    Returns the file's path, and that of its text file; None without one. Raises Forbidden for a folder elsewhere,
    Invalid for a format that there is none of.
    """
    folder = folder_to_save_in(path)
    opts, names = shared.opts, FilenameGenerator(p, seed, prompt, image, basename)
    if save_to_dirs is None:
        save_to_dirs = opts.grid_save_to_dirs if grid else opts.save_to_dirs and not no_prompt
    name = SavedName(names, opts, forced_filename, suffix, decorated=not short_filename and seed is not None)
    target = name.path(in_subfolder(folder, names, opts, bool(save_to_dirs)), extension)
    texts = {**(existing_info or {}), **({} if info is None else {pnginfo_section_name: info})}
    params = ImageSaveParams(image, p, str(target), texts)
    tell_saving("before_image_saved", params)
    params.filename = str(folder_to_save_in(str(Path(params.filename).parent)) / Path(params.filename).name)
    params.filename, text_file = write_told(params, pnginfo_section_name, name.replaces, opts)
    params.image.already_saved_as = params.filename
    tell_saving("image_saved", params)
    return params.filename, text_file


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
