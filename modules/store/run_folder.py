"""The folder of a training: its plan, its manifest, its log, and what a person asks of it while it runs. No torch.

    run.json        the job's parameters, hashes, files so far
    log.jsonl       a line for each step and each validation
    state/          what the run goes on from
    pictures.json   what its pictures and captions were
    drawings.safetensors    what its base drew, by which drift is measured
    samples.jsonl   the pictures drawn with its snapshots, by their jobs
    orders/         one small file for each order, removed when it is obeyed
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from modules.base.files import append_whole, discard, write_atomically, write_error

PAUSE, STOP, SNAPSHOT, SAMPLE, RATE = "pause", "stop", "snapshot", "sample", "rate"
RUN_ORDERS = (PAUSE, STOP, SNAPSHOT, SAMPLE, RATE)
MOST_LOG_LINES = 1_000_000      # of a log that are looked at


@dataclass(frozen=True)
class RunFolder:
    """One run's folder; all may be read while the run goes on, in whichever process."""

    root: Path

    @property
    def exists(self) -> bool:
        return self._manifest.is_file()

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def _manifest(self) -> Path:
        return self.root / "run.json"

    @property
    def _log(self) -> Path:
        return self.root / "log.jsonl"

    @property
    def _orders(self) -> Path:
        return self.root / "orders"

    @property
    def _samples(self) -> Path:
        return self.root / "samples.jsonl"

    def manifest(self) -> dict[str, Any]:
        """Return what the run says of itself; {} before its first word."""
        return read_facts(self._manifest) or {}

    def params(self) -> dict[str, Any]:
        """Return the job's parameters that the run began with."""
        return dict(self.manifest().get("params", {}))

    def tell(self, **facts: Any) -> None:
        """Change facts of the manifest. Raises DiskFull or Unwritable."""
        self.root.mkdir(parents=True, exist_ok=True)
        told = json.dumps({**self.manifest(), **facts}, ensure_ascii=False, indent=1)
        write_atomically(self._manifest, told.encode())

    def open_log(self, step: int) -> None:
        """Begin the log anew from a step: lines of steps that a crash undid are dropped."""
        self.root.mkdir(parents=True, exist_ok=True)
        kept = [
            json.dumps(line) + "\n" for line in self.log()
            if line["step"] < step or (line["step"] == step and "rate" in line)      # what was asked before that step
        ]
        write_atomically(self._log, "".join(kept).encode())

    def log_step(self, facts: Mapping[str, Any]) -> None:
        """Add a line; it is readable at once. Raises DiskFull or Unwritable."""
        try:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(dict(facts)) + "\n")
        except OSError as error:
            raise write_error(self._log, error) from error

    def log(self, since: int = -1) -> Iterator[dict[str, Any]]:
        """Yield the lines of all steps after one, in their order."""
        yield from (line for line in json_lines(self._log) if line.get("step", -1) > since)

    def note_sample(self, facts: Mapping[str, Any]) -> None:
        append_whole(self._samples, (json.dumps(dict(facts)) + "\n").encode(), b"")

    def samples(self) -> list[dict[str, Any]]:
        return list(json_lines(self._samples))

    def order(self, what: str, value: float = 0.0) -> None:
        """Ask something of the run; it obeys before its next step. Orders are obeyed in their order."""
        self._orders.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"order": what, "value": value}).encode()
        write_atomically(self._orders / f"{time.time_ns():020d}-{what}.json", content)

    def take_orders(self) -> list[tuple[str, float]]:
        """Return what was asked since, and forget it."""
        found = []
        for path in sorted(self._orders.glob("*.json")) if self._orders.is_dir() else ():
            told = read_facts(path) or {}
            if told.get("order") in RUN_ORDERS:
                found.append((told["order"], float(told.get("value", 0.0))))
            discard(path)
        return found


def read_facts(path: Path) -> dict[str, Any] | None:
    """Return the object in a file; None if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file with one a line; a last line that is half written is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in islice(lines, MOST_LOG_LINES):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found
