"""The kit for an extension's own tests: the shipped model, a fake engine, comparison with kept pictures. No server.

As a plugin of pytest (`webui.py extension test FOLDER` loads it) it gives tests two fixtures:

    studio       draws with the shipped model, and with the extension whose tests run
    fake_engine  answers listeners by arithmetic, in microseconds
"""

from __future__ import annotations

import colorsys
import shutil
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from easel import moments
from easel.extension import Extension
from easel.moments import Conditioning, EncodedText, Moment, Picture, Plan, Step, V
from easel.scripts import DrawingGrid
from modules.plugins.native import plain_arguments

if TYPE_CHECKING:
    from modules.commands.easel import Easel

SIDE, STEPS, SEED = 128, 4, 1       # of a picture, unless a test wants another: the shipped model's size
ROUNDING = 2                        # levels of 255 by which company in a batch may change a picture
COUPLED = "A picture changed by {found} levels of 255 {how}: a listener keeps something between two calls."


# The shipped model ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture that the kit has drawn, with its generation data, and what its owner was told."""

    image: Image.Image
    infotext: str
    warnings: tuple[str, ...]

    @property
    def pixels(self) -> bytes:
        """The picture's bytes: equal for equal pictures."""
        return self.image.tobytes()

    @property
    def levels(self) -> np.ndarray:
        """The picture as (H, W, 3) int16, for arithmetic."""
        return np.asarray(self.image, np.int16)

    @property
    def mean(self) -> tuple[float, float, float]:
        """The mean of red, green and blue, 0 … 255."""
        red, green, blue = self.levels.reshape(-1, 3).mean(0)
        return float(red), float(green), float(blue)

    def distance(self, other: Drawn) -> int:
        """Return the largest difference of a pixel's level, 0 … 255."""
        return int(np.abs(self.levels - other.levels).max())


@dataclass(eq=False)
class Studio:
    """Easel without a server, with one extension. folder: the extension's"""

    easel: Easel
    folder: Path

    @property
    def extension(self) -> Extension:
        """The extension, as Easel has loaded it. Raises LookupError with the reason if it could not be loaded."""
        host = self.easel.app.extensions
        found = next((each for each in host.natives() if each.folder == self.folder.name), None)
        if found is None:
            why = next((each.why for each in host.extensions if each.name == self.folder.name), "it was not found")
            raise LookupError(f"{self.folder.name} is not loaded: {why}")
        return found.declaration

    def draw(self, prompt: str, arguments: Any = None, **fields: Any) -> Drawn:
        """Draw a picture: 128 pixels, four steps, seed 1, unless `fields` of the request say otherwise.

        arguments: the extension's, as a value of its class or by name; None leaves it out of the request
        """
        return self._drawn(self.easel.txt2img, prompt, arguments, fields)

    def redraw(self, image: Image.Image, prompt: str, arguments: Any = None, **fields: Any) -> Drawn:
        """Draw from a picture, as img2img does; otherwise as `draw`."""
        return self._drawn(lambda words, **how: self.easel.img2img(image, words, **how), prompt, arguments, fields)

    def draw_script(self, prompt: str, title: str, *arguments: Any, **fields: Any) -> list[Drawn]:
        """Draw a script's pictures in the place of a request's, their grid last; otherwise as `draw`.

        arguments: the script's, in their order; what is left out is at its default
        """
        usual = {"steps": STEPS, "seed": SEED, "width": SIDE, "height": SIDE, "sampler_name": "Euler"}
        made = self.easel.txt2img(prompt, **{**usual, "script_name": title, "script_args": arguments, **fields})
        texts = zip(made.images, made.infotexts, strict=True)
        return [Drawn(image.convert("RGB"), text, made.warnings) for image, text in texts]

    def _drawn(self, make: Callable[..., Any], prompt: str, arguments: Any, fields: Mapping[str, Any]) -> Drawn:
        usual = {"steps": STEPS, "seed": SEED, "width": SIDE, "height": SIDE, "sampler_name": "Euler"}
        own = {} if arguments is None else {self.extension.name: named_arguments(arguments)}
        made = make(prompt, **{**usual, "extensions": own, **fields})
        return Drawn(made.images[0].convert("RGB"), made.infotext, made.warnings)

    def check(self, arguments: Any = None, prompt: str = "a red fox") -> None:
        """Check that the same request gives the same picture: again, and beside another picture.

        Raises AssertionError, which says what differs.
        """
        first, again = self.draw(prompt, arguments), self.draw(prompt, arguments)
        assert first.pixels == again.pixels, COUPLED.format(found=first.distance(again), how="when it was drawn again")
        beside = self.draw(prompt, arguments, n_iter=2)
        found = first.distance(beside)
        assert found <= ROUNDING, COUPLED.format(found=found, how="beside another picture")
        assert not first.warnings, " ".join(first.warnings)


def named_arguments(arguments: Any) -> dict[str, Any]:
    """Return arguments by name: of a declared value, or of a mapping."""
    return plain_arguments(arguments) if is_dataclass(arguments) else dict(arguments)


@contextmanager
def open_studio(folder: Path) -> Iterator[Studio]:
    """Open a studio for an extension's folder, in an empty data folder; its files are copied there."""
    from modules.commands.easel import Easel
    from modules.settings.flags import ROOT

    with TemporaryDirectory(prefix="easel-studio-", ignore_cleanup_errors=True) as data:
        ignored = shutil.ignore_patterns("__pycache__", ".git", ".pytest_cache", "metadata.ini")
        shutil.copytree(folder, Path(data, "extensions", folder.name), ignore=ignored)
        with Easel(ROOT / "models", data, extensions=True, use_cpu=("all",)) as easel:
            yield Studio(easel, folder)


def compare(image: Image.Image, kept: Path, within: int = ROUNDING) -> None:
    """Compare a picture with one that was kept. A file that is not there is written, for somebody to look at.

    within: levels of 255 by which a pixel may differ
    Raises AssertionError: the picture differs, or was kept only now.
    """
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        image.save(kept)
        raise AssertionError(f"{kept} was written. Look at it; if it is right, keep it and run the tests again.")
    with Image.open(kept) as file:
        wanted = file.convert("RGB")
    assert image.size == wanted.size, f"The picture is {image.size}, and {kept} is {wanted.size}."
    found = int(np.abs(np.asarray(image, np.int16) - np.asarray(wanted, np.int16)).max())
    assert found <= within, f"The picture differs from {kept} by {found} levels of 255; {within} are allowed."


# The fake engine --------------------------------------------------------------------------------------


@dataclass(eq=False)
class FakeEngine:
    """Calls an extension's listeners with values of the test's own, and answers its flows by arithmetic.

    asked: all questions so far, for tests to look at
    """

    asked: list[Any] = field(default_factory=list)

    def plan(self, **changes: Any) -> Plan:
        """Return a plan of txt2img."""
        values: dict[str, Any] = {
            "kind": "txt2img", "index": 0, "seed": SEED, "prompt": "a red fox", "negative_prompt": "", "steps": STEPS,
            "sampler_name": "Euler", "scheduler": "Automatic", "cfg_scale": 7.0, "width": SIDE, "height": SIDE,
            "denoising_strength": 0.5,
        }
        return Plan(**{**values, **changes})

    def step(self, **changes: Any) -> Step:
        """Return the first step of a picture whose clean estimate is grey."""
        from torch import ones, zeros

        values = {"index": 0, "steps": STEPS, "sigma": 10.0, "latent": ones(4, 16, 16), "clean": zeros(4, 16, 16)}
        return Step(**{"plan": self.plan(), **values, **changes})

    def conditioning(self) -> Conditioning:
        """Return the conditioning of a prompt and a negative prompt of 77 tokens."""
        from torch import ones

        texts = [EncodedText(ones(77, 8), None, negative, float("inf")) for negative in (False, True)]
        return Conditioning(tuple(texts), self.plan())

    def picture(self, prompt: str = "a red fox", **changes: Any) -> Picture:
        """Return a picture of one colour, which follows from its prompt."""
        hue = zlib.crc32(prompt.encode()) % 360 / 360
        red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.8))
        image = Image.new("RGB", (SIDE, SIDE), (red, green, blue))
        return Picture(**{"image": image, "plan": self.plan(prompt=prompt), **changes})

    def call(self, extension: Extension, moment: Moment[V], value: V, arguments: Any = None) -> V:
        """Return a value as the extension's listeners of a moment leave it. arguments: by default its own defaults"""
        given = extension.default_arguments if arguments is None else arguments
        for listener in extension.listeners:
            if listener.moment is moment:
                answer = listener.function(value, given) if listener.takes_arguments else listener.function(value)
                value = self.run(answer, value) if isinstance(answer, Generator) else answer
                assert isinstance(value, moment.value), f"{listener.where}: it returned {type(value).__name__}."
        return value

    def script(self, extension: Extension, title: str, request: Plan, **arguments: Any) -> DrawingGrid:
        """Return what a script makes of a request. arguments: what is not at its default"""
        declared = next(each for each in extension.scripts if each.title == title)
        found = declared.function(request, declared.argument_class(**arguments))
        assert isinstance(found, DrawingGrid), f"{declared.where}: it returned {type(found).__name__}."
        return found

    def run(self, flow: Generator[Any, Any, V], about: Any) -> V:
        """Answer a flow's questions, and return its result. about: the picture that it is about"""
        answer: Any = None
        while True:
            try:
                question = flow.send(answer)
            except StopIteration as done:
                result: V = done.value
                return result
            self.asked.append(question)
            answer = self.answer(question, about)

    def answer(self, question: Any, about: Any) -> Any:
        """Return the answer to a question; none of it needs a model. Raises TypeError for what is no question."""
        from torch import Tensor, from_numpy

        match question:
            case moments.Draw():
                drawn = self.picture(question.prompt or about.plan.prompt)
                if question.start is None:
                    return drawn
                return Picture(Image.blend(question.start, drawn.image.resize(question.start.size),
                                           question.denoising_strength), drawn.plan, question.start)
            case moments.Enlarge(image, factor, _):
                return image.resize((round(image.width * factor), round(image.height * factor)))
            case moments.EncodePicture(image):
                small = np.asarray(image.resize((image.width // 8, image.height // 8)).convert("RGBA"), np.float32)
                return from_numpy(small).permute(2, 0, 1) / 127.5 - 1
            case moments.DecodeLatent(latent) if isinstance(latent, Tensor):
                levels = ((latent[:3].clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
                return Image.fromarray(levels).resize((levels.shape[1] * 8, levels.shape[0] * 8))
            case moments.EstimateClean(latent):
                return latent * 0
        raise TypeError(f"A flow yields questions of easel.moments, and not {type(question).__name__}.")


# Fixtures of pytest -----------------------------------------------------------------------------------


@pytest.fixture
def fake_engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="session")
def studio(request: pytest.FixtureRequest) -> Iterator[Studio]:
    """A studio with the extension whose tests run: the nearest folder above them that has an extension.py."""
    start = Path(str(request.config.rootpath)).resolve()
    places = [Path(each).resolve() for each in request.config.args] + [start]
    folder = next((found for place in places if (found := folder_above(place))), None)
    if folder is None:
        pytest.fail(f"No folder with an extension.py was found at {start} or above it.")
    with open_studio(folder) as opened:
        yield opened


def folder_above(place: Path) -> Path | None:
    """Return the nearest folder, from a place upwards, that has an extension.py; None without one."""
    place = Path(str(place).partition("::")[0])
    return next((each for each in (place, *place.parents) if (each / "extension.py").is_file()), None)
