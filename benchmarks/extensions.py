from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.measure import alternating, report
from benchmarks.servers import get, process, until
from benchmarks.startup import spent
from modules.commands.easel import Easel

SIDE, STEPS = 256, 20
STARTS = 3
SHIPPED = Path(__file__).resolve().parents[1] / "models"
LISTENING = """
from modules import script_callbacks

for listen in (script_callbacks.on_cfg_denoiser, script_callbacks.on_cfg_denoised, script_callbacks.on_cfg_after_cfg):
    listen(lambda params: None)
"""
PAGE_ONLY = """
from modules import script_callbacks

script_callbacks.on_ui_tabs(lambda: [])
"""
NATIVE = """
from easel import Extension, moments

ext = Extension("measured", "1.0")

for moment in (moments.conditioned, moments.denoising, moments.denoised, moments.finished):
    ext.on(moment)(lambda value: value)
"""
SOURCES = (
    ("page only", "scripts/measured.py", PAGE_ONLY, "1.00"),
    ("listening", "scripts/measured.py", LISTENING, "≤ 1.03"),
    ("listening to moments", "extension.py", NATIVE, "≤ 1.03"),
)


def run(folder: str = "") -> None:
    """A picture while an extension listens to each step and changes nothing, or only has a tab ÷ one without any.

    folder: a data folder with extensions; then CPU seconds of a start with them, and of one without any
    """
    if folder:
        return report_starts(folder)
    with ExitStack() as stack:
        plain = stack.enter_context(drawing("", ""))
        for name, file, source, goal in SOURCES:
            with drawing(file, source) as extended:
                report(alternating({name: lambda: draw(extended), "plain": lambda: draw(plain)}), name, "plain", goal)


def report_starts(folder: str) -> None:
    sides = {"with them": (), "without": ("--disable-all-extensions",)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(STARTS):
        for name, flags in sides.items():
            seconds[name].append(start_seconds("--data-dir", folder, "--use-cpu", "all", *flags))
    report(seconds, "with them", "without", "none")
    print(f"  loading them costs {median(seconds['with them']) - median(seconds['without']):.2f} CPU s")


def start_seconds(*flags: str) -> float:
    """CPU seconds of a server until its page is there, with the controls of extensions if it has any."""
    with process(*flags) as (server, address):
        until(lambda: b"easel_facts" in get(address))
        return spent(server)


@contextmanager
def drawing(file: str, source: str) -> Iterator[Easel]:
    """Easel with one extension of that source in a file of that name, or without any; its model is loaded."""
    with tempfile.TemporaryDirectory(prefix="easel-") as data:
        if source:
            path = Path(data) / "extensions" / "measured" / file
            path.parent.mkdir(parents=True)
            path.write_text(source)
        with Easel(SHIPPED, data, use_cpu=("all",)) as easel:
            if source:
                easel.app.extensions.load(easel.app)
            draw(easel)
            yield easel
            easel.app.extensions.unload()


def draw(easel: Easel) -> None:
    easel.txt2img("a red fox", steps=STEPS, width=SIDE, height=SIDE, seed=1, sampler_name="Euler a")
