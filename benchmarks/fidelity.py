from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import ROOT
from modules.models.device import Device
from tests.golden_data import GOLDEN, cases, result, spec
from tests.playing import (
    EXEMPT,
    LOST,
    TOLERANCE,
    Case,
    Exempt,
    close,
    differences,
    exempt,
    fields,
    golden_device,
    made,
    playable,
    recorded,
    told,
)

PAGE = ROOT / "docs/fidelity.md"
PLOTS = ("xyz", "matrix")      # grids and their cells: tests/pipelines/test_golden_plots.py holds them to A1111's


@dataclass(frozen=True, slots=True)
class Played:
    """One case beside A1111's pictures of it, in grey levels of 255."""

    name: str
    exempt: Exempt | None
    close: bool
    largest: int         # of any pixel of any picture
    mean: float
    infotext: bool       # the same generation data of every picture, in the same order
    error: str = ""      # why there is no picture

    @property
    def figures(self) -> str:
        return (
            self.error
            or f"max {self.largest}, mean {self.mean:.3f}, infotext {'equal' if self.infotext else 'differs'}"
        )


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    played: tuple[Played, ...]
    waiting: tuple[str, ...]      # for a feature
    failed: tuple[str, ...]       # in A1111 itself

    @property
    def strict(self) -> list[Played]:
        """Those that are held to the tolerance."""
        return [each for each in self.played if not each.exempt]


def run() -> None:
    """A1111's recorded pictures, made again; writes docs/fidelity.md."""
    with TemporaryDirectory() as folder:
        device = golden_device(Path(folder))
        found = []
        for name in sorted(path.name for path in (GOLDEN / "images").iterdir() if path.name not in PLOTS):
            found.append(family(device, name, cases(name)))
            print(f"  {row(name, found[-1].strict)} waiting {len(found[-1].waiting)}", flush=True)
    PAGE.write_text(page(found), "utf-8")


def family(device: Device, name: str, members: Sequence[Case]) -> Family:
    whole = [case for case in members if recorded(case)]
    able = [case for case in whole if playable(case) and not incomparable(case)]
    waiting = [case for case in whole if not playable(case) and not incomparable(case)]
    failed = [case for case in members if not recorded(case)]
    return Family(name, tuple(play(device, case) for case in able), names(waiting), names(failed))


def names(members: Iterable[Case]) -> tuple[str, ...]:
    return tuple(case["id"] for case in members)


def incomparable(case: Case) -> bool:
    allowed = exempt(case)
    return allowed is not None and math.isinf(allowed.mean)


def play(device: Device, case: Case) -> Played:
    """What went wrong with a case is a finding too: the others are still played."""
    try:
        return compared(device, case)
    except Exception as error:  # noqa: BLE001
        return Played(case["id"], exempt(case), False, 255, 255.0, False, f"{type(error).__name__}: {error}")


def compared(device: Device, case: Case) -> Played:
    job = spec(case)
    pictures, recipe = made(device, job)
    apart = differences(case, pictures)
    ours = [fields(text) for text in told(job, recipe, pictures)]
    theirs = [fields(text) for text in result(case)["infotexts"]]
    return Played(
        case["id"],
        exempt(case),
        all(close(case, each) for each in apart),
        largest=max(int(each.max()) for each in apart),
        mean=sum(float(each.mean()) for each in apart) / len(apart),
        infotext=ours == theirs,
    )


def page(found: Sequence[Family]) -> str:
    strict = [each for one in found for each in one.strict]
    parts = [HEADER.format(tolerance=TOLERANCE, lost=", ".join(sorted(LOST - {"Version"}))), TABLE]
    parts += [row(one.name, one.strict) + "\n" for one in found if one.strict]
    parts += [row("**all**", strict) + "\n", exceptions(found)]
    parts += listed("What differs", [(one.name, apart(one)) for one in found])
    parts += listed("Waiting for a feature", [(one.name, short(one, one.waiting)) for one in found])
    parts.append(DECISIONS)
    parts += listed("Errors of A1111 itself", [(one.name, short(one, one.failed)) for one in found])
    return "".join(parts)


def row(name: str, members: Sequence[Played]) -> str:
    if not members:
        return f"| {name} | 0 | – | – | – | – |"
    means = sum(each.mean for each in members) / len(members)
    within, told = sum(each.close for each in members), sum(each.infotext for each in members)
    return f"| {name} | {len(members)} | {within} | {max(each.largest for each in members)} | {means:.3f} | {told} |"


def exceptions(found: Sequence[Family]) -> str:
    rows = []
    for allowed in EXEMPT:
        members = [each for one in found for each in one.played if each.exempt is allowed]
        figures = (
            f"{max(each.largest for each in members)} | {max(each.mean for each in members):.3f}"
            if members
            else "– | –"
        )
        asked = "nothing" if math.isinf(allowed.mean) else f"mean < {allowed.mean:g}"
        rows.append(
            f"| {allowed.name} | {len(members)} | {figures} | {sum(each.infotext for each in members)} | {asked} | "
            f"{allowed.why} |\n"
        )
    return EXCEPTIONS + "".join(rows)


def apart(one: Family) -> list[str]:
    """Cases that miss what is asked of them, in pixels or words."""
    return [f"`{each.name}` ({each.figures})" for each in one.played if not (each.close and each.infotext)]


def short(one: Family, members: Iterable[str]) -> list[str]:
    return [f"`{name.removeprefix(one.name + '/')}`" for name in members]


def listed(title: str, families: Iterable[tuple[str, list[str]]]) -> list[str]:
    """A chapter with a line a family; nothing if no family has anything in it."""
    lines = [f"- {name} ({len(members)}): {', '.join(members)}\n" for name, members in families if members]
    return [f"\n## {title}\n\n", *lines] if lines else []


HEADER = """# Fidelity

The same generation data, the same picture: calls recorded from AUTOMATIC1111's web UI 1.10.1 (its API on the CPU, in fp32, on one thread), made
again by Easel (CPU, fp32, one thread), with small models of every kind that were trained for the purpose. Pictures are compared pixel by pixel in
grey levels of 255. A case is *within* if no channel of any pixel of any of its pictures is more than {tolerance} levels off, which is what A1111
on other hardware differs by from itself; *max* is the largest difference of a family, *mean* the average over its cases. *Infotext* counts
the cases whose generation data has the same fields with the same values in the same order, but for Version and those that only Easel writes:
{lost}.

The calls and A1111's answers lie in `tests/golden/images`; this page is written by

```
OMP_NUM_THREADS=1 python3 webui.py bench fidelity
```

(a few minutes). The same comparison is part of the tests: `python3 webui.py test tests/pipelines/test_golden_images.py`.

"""

TABLE = """| family | cases | within | max | mean | infotext |
|---|---:|---:|---:|---:|---:|
"""

EXCEPTIONS = """
## Exceptions

Played and shown here, but not held to the tolerance, nor counted above.

| exception | played | max | largest mean | infotext | asked for | why |
|---|---:|---:|---:|---:|---|---|
"""

DECISIONS = """
## Where A1111 may not do what was meant

Its pictures are matched all the same; what to do for another is said here.

- **GLoRA**: A1111 gives such a network the tag's strength alone and heeds no alpha. LyCORIS, which trains them, scales by alpha / rank: with a
  file whose alpha is not its rank, multiply the tag's strength by alpha / rank to have what its author saw.
- **A refiner works without the prompt's networks**, LoRAs and hypernetworks alike, even one of the checkpoint's own family. The setting Networks
  with the refiner takes along those that fit it; generation data then say `Refiner networks: True`.
- **Skip Early CFG and NGMS with `AND`**: where the negative prompt is left out the CFG scale is 1, so the prompts after the first count little.
  With DDIM, DDIM CFG++, PLMS and UniPC the limit of NGMS is compared with the timestep, so that it hardly ever takes effect.

## Whose checkpoint a call is made with

The API follows the options, as A1111's does, without accounts and with them: a call that names no checkpoint, VAE or clip skip is made with those
that `POST /sdapi/v1/options` set last, or with the defaults, whatever anybody has clicked on a page. What is clicked there goes with that page's own
requests alone (A1111's page sets the option for everybody). A program that wants another checkpoint posts the option, or sends `override_settings`.
"""
