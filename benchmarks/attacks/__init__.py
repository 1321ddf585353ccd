"""Attacks and faults on a real server, by the rows of docs/server.md."""

from __future__ import annotations

import fnmatch
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import httpx
import psutil

from benchmarks.attacks.row import Failed, Row, Skipped
from benchmarks.attacks.table import ROWS
from benchmarks.attacks.target import Target


def run(passes: str = "1", rows: str = "*") -> None:
    """Rows of attacks and faults, each against a server of its kind: `attacks [passes] --rows "IMG-*,RES-01"`."""
    wanted = [row for row in ROWS if any(fnmatch.fnmatch(row.id, pattern) for pattern in rows.split(","))]
    wanted.sort(key=lambda row: repr(row.start))
    found: Counter[str] = Counter()
    for count in range(int(passes)):
        print(f"  pass {count + 1} of {passes}, {len(wanted)} rows", flush=True)
        for _, group in groupby(wanted, key=lambda row: row.start):
            found.update(verdicts(list(group)))
    print(f"  {found.total()} times a row: {', '.join(f'{found[verdict]} {verdict}' for verdict in found)}")


def verdicts(group: Sequence[Row]) -> Iterator[str]:
    """Play rows that share a server; a server that a row has broken is replaced."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target: Target | None = None
        for number, row in enumerate(group):
            began = time.monotonic()
            verdict, evidence = "FAIL", ""
            try:
                target = target or Target(Path(folder) / str(number), row.start)
                evidence, verdict = target.played(row), "met"
            except Skipped as reason:
                evidence, verdict = str(reason), "skip"
            except Failed as fault:
                evidence = str(fault)
            except (AssertionError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError,
                    httpx.HTTPError, psutil.Error, subprocess.SubprocessError):
                evidence = traceback.format_exc(limit=-3)
            print(f"  {row.id:<8} {verdict:<5} {time.monotonic() - began:5.1f} s  {row.what}: {evidence}", flush=True)
            if target and (verdict == "FAIL" or not row.keeps):
                target.end()
                target = None
            yield verdict
        if target:
            target.end()
