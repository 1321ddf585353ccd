"""Fonts of grids' legends: Roboto, one of the system by its file's name, and others for letters that these lack."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path, PurePath

from PIL import Image, ImageDraw, ImageFont

log = logging.getLogger(__name__)

GRID_FONT = Path(__file__).parent / "fonts/Roboto-Regular.ttf"
# with letters that Roboto lacks, of Linux, Windows and macOS; the first that has all of a text's is used
SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-microhei.ttc",
    "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "NotoSerifCJK-Regular.ttc", "DejaVuSans.ttf", "msyh.ttc",
    "YuGothM.ttc", "malgun.ttf", "seguisym.ttf", "PingFang.ttc", "Arial Unicode.ttf", "AppleSDGothicNeo.ttc",
)
NO_LETTER = "\U0010ffff"      # in no font: it looks as every letter that a font lacks
MOST_LETTERS = 200            # of a text that are looked for


def grid_font(size: int, name: str = "") -> ImageFont.FreeTypeFont:
    """Return a font of the system by its file's name; Roboto, which is always there, if there is none of that name."""
    if file := PurePath(name).name:
        try:
            return ImageFont.truetype(file, size)
        except OSError:
            log.warning("There is no font %s; grids are written in Roboto.", file)
    return ImageFont.truetype(str(GRID_FONT), size)


def font_for_text(text: str, usual: ImageFont.FreeTypeFont) -> ImageFont.FreeTypeFont:
    """Return the usual font; where it lacks letters of the text, one of the system of the same size that has them."""
    wanted = "".join(dict.fromkeys(each for each in text if not each.isascii() and not each.isspace()))[:MOST_LETTERS]
    if not lacks_letters(wanted, usual):
        return usual
    found = (ImageFont.truetype(path, int(usual.size)) for path in system_fonts())
    return next((each for each in found if not lacks_letters(wanted, each)), usual)


def lacks_letters(letters: str, font: ImageFont.FreeTypeFont) -> bool:
    missing = drawn_letter(NO_LETTER, font) if letters else b""
    return any(drawn_letter(each, font) == missing for each in letters)


def drawn_letter(letter: str, font: ImageFont.FreeTypeFont) -> bytes:
    """Return a letter's pixels."""
    side = int(font.size) * 2
    canvas = Image.new("L", (side, side))
    ImageDraw.Draw(canvas).text((0, 0), letter, fill=255, font=font)
    return canvas.tobytes()


@cache
def system_fonts() -> tuple[str, ...]:
    """Return the files of those of SYSTEM_FONTS that are here."""
    found = []
    for name in SYSTEM_FONTS:
        try:
            found.append(str(ImageFont.truetype(name, 10).path))
        except OSError:
            continue
    return tuple(found)
