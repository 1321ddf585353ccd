"""Attacks and faults on a real server, by the rows of docs/server.md."""

from __future__ import annotations

import csv
import fnmatch
import multiprocessing
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from benchmarks.attacks.row import Failed, Row, Skipped
from benchmarks.attacks.table import ROWS
from benchmarks.attacks.target import Target

MET, FAILED, SKIPPED = "met", "FAIL", "skip"
SHORT_ROWS = 4             # that one lane plays on one server


class Verdict(NamedTuple):
    """What a row has found."""

    row: str
    verdict: str
    seconds: float
    evidence: str


def run(passes: str = "1", rows: str = "*", lanes: str = "2", table: str = "") -> None:
    """Rows of attacks and faults: `attacks --passes 3 --rows "IMG-*,RES-01" --lanes 2 --table FILE`."""
    wanted = [row for row in ROWS if any(fnmatch.fnmatch(row.id, pattern) for pattern in rows.split(","))]
    found: dict[str, list[Verdict]] = {row.id: [] for row in wanted}
    for count in range(1, int(passes) + 1):
        began = time.monotonic()
        print(f"  pass {count} of {passes}, {len(wanted)} rows", flush=True)
        for verdict in one_pass(wanted, int(lanes)):
            found[verdict.row].append(verdict)
        print(f"  pass {count} took {(time.monotonic() - began) / 60:.0f} minutes", flush=True)
    report(found, int(passes))
    if table:
        write_table(Path(table), found)


def one_pass(wanted: Sequence[Row], lanes: int) -> Iterator[Verdict]:
    """Play every row once: those side by side that may be, then the others one after another."""
    groups = [[row.id for row in group] for group in servers_of([row for row in wanted if not row.alone])]
    with ProcessPoolExecutor(lanes, multiprocessing.get_context("spawn")) as pool:
        for verdicts in pool.map(played_group, groups):
            yield from verdicts
    for group in servers_of([row for row in wanted if row.alone]):
        yield from played_on_one_server(group)


def servers_of(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Return the rows of each server in turn: long ones first and alone, then a few short ones of the same start."""
    short = sorted((row for row in rows if not row.long), key=lambda row: repr(row.start))
    shared = [list(group) for _, group in groupby(short, key=lambda row: row.start)]
    parts = [group[at : at + SHORT_ROWS] for group in shared for at in range(0, len(group), SHORT_ROWS)]
    return [*([row] for row in rows if row.long), *parts]


def played_group(ids: Sequence[str]) -> list[Verdict]:
    """Play rows that share a server; in a process of their own, to which only names are sent."""
    return list(played_on_one_server([row for row in ROWS if row.id in ids]))


def played_on_one_server(group: Sequence[Row]) -> Iterator[Verdict]:
    """Play rows that share a server; a server that a row has broken is replaced."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target: Target | None = None
        for number, row in enumerate(group):
            began = time.monotonic()
            verdict, evidence = FAILED, ""
            try:
                target = target or Target(Path(folder) / str(number), row.start)
                evidence, verdict = target.played(row), MET
            except Skipped as reason:
                evidence, verdict = str(reason), SKIPPED
            except Failed as fault:
                evidence = str(fault)
            except (AssertionError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError,
                    httpx.HTTPError, psutil.Error, subprocess.SubprocessError):
                evidence = traceback.format_exc(limit=-3)
            seconds = time.monotonic() - began
            print(f"  {row.id:<8} {verdict:<5} {seconds:5.1f} s  {row.what}: {evidence}", flush=True)
            if target and (verdict == FAILED or not row.keeps):
                target.end()
                target = None
            yield Verdict(row.id, verdict, seconds, evidence)
        if target:
            target.end()


def report(found: Mapping[str, Sequence[Verdict]], passes: int) -> None:
    """Say how many rows were met in every pass, and which were not."""
    always = [row for row, verdicts in found.items() if all(each.verdict == MET for each in verdicts)]
    print(f"  {len(always)} of {len(found)} rows were met in {passes} of {passes} passes")
    for row in found.keys() - always:
        print(f"  {row}: {', '.join(each.verdict for each in found[row])}")


def write_table(path: Path, found: Mapping[str, Sequence[Verdict]]) -> None:
    """Write a line a row: its verdict in every pass, the seconds of the slowest, what the last one found."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        passes = max((len(verdicts) for verdicts in found.values()), default=0)
        lines.writerow(["id", *(f"run{count}" for count in range(1, passes + 1)), "seconds", "evidence"])
        for row, verdicts in found.items():
            slowest = max(each.seconds for each in verdicts)
            lines.writerow([row, *(each.verdict for each in verdicts), f"{slowest:.1f}", verdicts[-1].evidence])
