"""The emoji sets: which packages of the npm registry, their licences, and one drawing of each noun in each style."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

SIDE = 160  # pixels of a drawing's longer side: never enlarged in a picture of 128


@dataclass(frozen=True)
class Package:
    """A pinned package of the npm registry and what its licence says."""

    name: str
    version: str
    licence: str

    @property
    def archive(self) -> str:
        """`npm pack`'s name of its file."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


NAMES = Package("emojibase-data", "17.0.0", "MIT")
FLUENT_3D = Package("@lobehub/fluent-emoji-3d", "1.1.0", "MIT")
FLUENT_FLAT = Package("@iconify-json/fluent-emoji-flat", "1.2.6", "MIT")
NOTO = Package("@iconify-json/noto", "1.2.9", "Apache-2.0")
PACKAGES = (NAMES, FLUENT_3D, FLUENT_FLAT, NOTO)
STYLES = {"3d": FLUENT_3D, "flat": FLUENT_FLAT, "noto": NOTO}


def fetch(cache: Path) -> None:
    """Every package's archive in `cache`, by `npm pack`, which runs no script of theirs."""
    cache.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not (cache / package.archive).exists():
            subprocess.run(
                ["npm", "pack", f"{package.name}@{package.version}"], cwd=cache, check=True, capture_output=True
            )


@dataclass(frozen=True)
class Emoji:
    """One emoji of emojibase: the code points that name it in every set, and what it is called."""

    hexcode: str  # upper case, joined by "-"
    label: str
    subgroup: str
    chinese: str


@dataclass(frozen=True)
class Concept:
    """A noun of captions with the emoji that draw it."""

    noun: str
    emoji: tuple[Emoji, ...]


@dataclass(frozen=True)
class Sources:
    """The fetched packages, read where they lie."""

    cache: Path

    def _file(self, package: Package, name: str) -> bytes:
        with tarfile.open(self.cache / package.archive) as archive:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                raise FileNotFoundError(f"{package.name} {package.version} has no file {name}.")
            return member.read()

    @cached_property
    def emoji(self) -> dict[str, Emoji]:
        """All emoji by their English label."""
        subgroups = json.loads(self._file(NAMES, "meta/groups.json"))["subgroups"]
        chinese = {row["hexcode"]: row["label"] for row in json.loads(self._file(NAMES, "zh/data.json"))}
        return {
            row["label"]: Emoji(row["hexcode"], row["label"], subgroups[str(row["subgroup"])], chinese[row["hexcode"]])
            for row in json.loads(self._file(NAMES, "en/data.json"))
            if "subgroup" in row
        }

    def concepts(self, lines: str) -> tuple[Concept, ...]:
        """The concepts of `lines`, each `noun: label, label`; `#` begins a comment. An unknown label is a KeyError."""
        listed = (line.split(":", 1) for line in lines.splitlines() if line.strip() and not line.startswith("#"))
        return tuple(
            Concept(noun.strip(), tuple(self.emoji[label.strip()] for label in labels.split(",")))
            for noun, labels in listed
        )

    @cached_property
    def _pictures_3d(self) -> dict[str, bytes]:
        with tarfile.open(self.cache / FLUENT_3D.archive) as archive:
            return {
                _plain(Path(member.name).stem): archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive
                if member.name.endswith(".webp")
            }

    @cached_property
    def _icons(self) -> dict[str, dict[str, str]]:
        return {style: dict(self._drawings(package)) for style, package in STYLES.items() if package is not FLUENT_3D}

    def _drawings(self, package: Package) -> Iterator[tuple[str, str]]:
        """Hexcode and SVG text of each icon of an Iconify set."""
        icons = json.loads(self._file(package, "icons.json"))
        for hexcode, name in json.loads(self._file(package, "chars.json")).items():
            if name in icons["icons"]:
                icon = icons["icons"][name]
                width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
                body = icon["body"]
                yield (
                    _plain(hexcode),
                    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>',
                )

    def sprite(self, emoji: Emoji, style: str) -> Image.Image | None:
        """An emoji's drawing, RGBA, cut to what is not transparent, longer side `SIDE`; None if the set lacks it."""
        code = _plain(emoji.hexcode)
        if style == "3d":
            data = self._pictures_3d.get(code)
        else:
            svg = self._icons[style].get(code)
            data = None if svg is None else _rendered(svg)
        return None if data is None else _cut(Image.open(io.BytesIO(data)).convert("RGBA"))


def _plain(hexcode: str) -> str:
    """A hexcode as all sets can be joined by it: lower case, without the selector that asks for a coloured glyph."""
    return "-".join(code for code in hexcode.lower().split("-") if code != "fe0f")


def _rendered(svg: str) -> bytes:
    import resvg_py  # of this tool alone: see the package's head

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=2 * SIDE))


def _cut(sprite: Image.Image) -> Image.Image:
    return fitted_sprite(sprite.crop(sprite.getchannel("A").getbbox()), SIDE)


def fitted_sprite(sprite: Image.Image, side: float) -> Image.Image:
    """A drawing with its longer side of `side` pixels, the other in proportion, none below one."""
    scale = side / max(sprite.size)
    size = max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale))
    return sprite.resize(size, Image.Resampling.LANCZOS)
