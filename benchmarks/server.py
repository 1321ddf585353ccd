from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median

import httpx
import psutil

from benchmarks.people import HABITS, AskedJob, Ledger, Person, drawn, followed, images_of, live, request, started
from benchmarks.pings import percentile, pings
from benchmarks.servers import get, process, until
from modules.app.passwords import hash_password
from modules.base.accounts import Role
from modules.settings.flags import parse_flags
from modules.store.accounts import AccountStore

CROWD = 32
LATE = {"steps": 20}
LATE_ROUNDS = 3
SAMPLE_SECONDS = 2.0      # between two looks at the memory
RECORDED = """
    SELECT outputs.path, json_extract(outputs.facts, '$.seed') FROM outputs JOIN jobs ON jobs.id = outputs.job
    WHERE jobs.owner = ? AND outputs.kind = 'image'
"""
WARM = 0.3                # of the time: the memory's slope is that of the rest


def run(people: str = "50", minutes: str = "2") -> None:
    """What so many people at once are served, and what is lost or doubled of it: `server --people 50 --minutes 10`."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = tokens_of_new_accounts(Path(folder), int(people))
        with process("--data-dir", folder, "--worker", "process") as (server, address):
            until(lambda: b'"loaded":"easel' in get(f"{address}/easel/v1/state", tokens["person-1"]))
            asyncio.run(measure(Path(folder), server, address, tokens, float(minutes) * 60))


def tokens_of_new_accounts(data: Path, people: int) -> Mapping[str, str]:
    """Name → token; the first one administers the server."""
    store = AccountStore(parse_flags(["--data-dir", str(data)], {}).paths.database)
    password, tokens = hash_password("a password of the benchmark"), {}
    for number in range(people):
        name = store.add(f"person-{number}", Role.MEMBER if number else Role.ADMINISTRATOR, password).name
        tokens[name] = store.add_token(name, "benchmark", "")
    return tokens


async def measure(
    data: Path, server: psutil.Process, address: str, tokens: Mapping[str, str], seconds: float
) -> None:
    ledger, memory = Ledger(), Memory()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=len(tokens))
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        people = [Person(client, name, token, ledger) for name, token in tokens.items()]
        tell_late([await late_ratio(people[0], people[1]) for _ in range(LATE_ROUNDS)])
        watching = asyncio.create_task(memory.watch(server))
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
            probe = asyncio.get_running_loop().run_in_executor(elsewhere, pings, address, seconds)
            asked, spent = jobs_of(ledger), cpu_seconds(server)
            await crowd(people, seconds)
            tell_pings(await probe)
            tell_cost(cpu_seconds(server) - spent, jobs_of(ledger) - asked)
        watching.cancel()
    tell_memory(memory)
    tell_ledger(ledger, [*ledger.faults, *differences(ledger, data)], seconds / 60)


def jobs_of(ledger: Ledger) -> int:
    return sum(map(len, ledger.jobs.values()))


def cpu_seconds(server: psutil.Process) -> float:
    """Of the server's own process, without the worker's."""
    times = server.cpu_times()
    return float(times.user + times.system)


def tell_cost(seconds: float, jobs: int) -> None:
    each = 1000 * seconds / max(1, jobs)
    print(f"  the server's own CPU time, streams and pings included: {each:.0f} ms a job")


async def crowd(people: Sequence[Person], seconds: float) -> None:
    end = time.monotonic() + seconds
    lives = (live(each, HABITS[i % len(HABITS)], lambda: time.monotonic() > end) for i, each in enumerate(people))
    await asyncio.gather(*lives)


async def late_ratio(somebody: Person, other: Person) -> float:
    """Seconds that a picture takes behind somebody's 32 ÷ alone."""
    alone = median([await seconds_of_one(other) for _ in range(3)])
    job = somebody.ledger.asked(somebody.name, CROWD)
    await started(somebody, job, {**request(job), **LATE})
    await followed(somebody, f"/easel/v1/jobs/{job.id}/events", 5)      # it is under way
    behind = await seconds_of_one(other)
    await somebody.ask("POST", f"/easel/v1/queue/{job.id}/cancel")
    *_, last = [event async for event in somebody.events(f"/easel/v1/jobs/{job.id}/events")]
    job.seeds = [picture["seed"] for picture in images_of(last)]
    return behind / alone


async def seconds_of_one(person: Person) -> float:
    job = person.ledger.asked(person.name, 1)
    began = time.perf_counter()
    await drawn(person, "txt2img", {**request(job), **LATE, "save_images": True}, job)
    return time.perf_counter() - began


@dataclass
class Memory:
    """Resident megabytes of the server and of its worker, with the minutes at which they were looked at."""

    minutes: list[float] = field(default_factory=list)
    resident: dict[str, list[float]] = field(default_factory=lambda: {"server": [], "worker": []})

    async def watch(self, server: psutil.Process) -> None:
        began = time.monotonic()
        while True:
            worker = next(each for each in server.children() if "worker_process" in " ".join(each.cmdline()))
            self.minutes.append((time.monotonic() - began) / 60)
            for name, each in (("server", server), ("worker", worker)):
                self.resident[name].append(each.memory_info().rss / 2**20)
            await asyncio.sleep(SAMPLE_SECONDS)

    def slope(self, name: str) -> float:
        """Megabytes a minute, once it is warm."""
        warm = int(len(self.minutes) * WARM)
        return linear_regression(self.minutes[warm:], self.resident[name][warm:]).slope


def differences(ledger: Ledger, data: Path) -> list[str]:
    """What is recorded and written otherwise than those who asked were told. No two pictures have the same seed."""
    found: list[str] = []
    with closing(sqlite3.connect(data / "easel.sqlite")) as db:
        undone = db.execute("SELECT id, state FROM jobs WHERE state NOT IN ('done', 'interrupted')").fetchall()
        found += [f"{job} is {state}" for job, state in undone]
        for account, jobs in ledger.jobs.items():
            rows = db.execute(RECORDED, (account,)).fetchall()
            told = Counter(seed for job in jobs if job.answered for seed in job.seeds)
            recorded = Counter(seed for _, seed in rows)
            found += [f"{account}: the picture of seed {seed} is lost" for seed in (told - recorded).elements()]
            found += [f"{account}: one more picture of seed {seed}" for seed in (recorded - told).elements()]
            found += file_differences(account, data / "outputs" / account, [Path(path) for path, _ in rows], jobs)
    return found


def file_differences(account: str, folder: Path, recorded: Sequence[Path], jobs: Sequence[AskedJob]) -> list[str]:
    there = {path for path in folder.rglob("*.png") if path.parent.parent.name != "txt2img-grids"}
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in there}
    return [
        *(f"{path} is recorded and is not there" for path in {*recorded} if not path.is_file()),
        *(f"{path} is there and is not recorded" for path in there - {*recorded}),
        *([f"{account}: two pictures have one file"] if len({*recorded}) < len(recorded) else []),
        *(f"{account}: {seen} was shown, and is no file" for job in jobs for seen in {*job.seen} - digests),
    ]


# --- what is printed ---

def tell_late(ratios: Sequence[float]) -> None:
    print(f"  a picture behind somebody's {CROWD} ÷ alone {spread(ratios)}, goal ≤ 3", flush=True)


def tell_pings(found: Mapping[str, Sequence[float]]) -> None:
    for connection, values in found.items():
        shares = "   ".join(f"p{share * 100:.0f} {percentile(values, share):.1f}" for share in (0.5, 0.95, 0.99))
        print(f"  a ping on a {connection} connection, ms: {shares}   most {max(values):.0f}   goals 50 and 250")


def tell_memory(memory: Memory) -> None:
    for name, values in memory.resident.items():
        print(f"  memory of the {name}: {values[-1]:.0f} MB, {memory.slope(name):+.2f} MB a minute once warm, goal < 1")


def tell_ledger(ledger: Ledger, faults: Sequence[str], minutes: float) -> None:
    jobs = [job for jobs in ledger.jobs.values() for job in jobs]
    print(f"  {len(jobs)} jobs of {sum(len(job.seeds) for job in jobs)} pictures, {ledger.statuses.total()} answers, "
          f"{ledger.streams} streams in {minutes:g} minutes; refused for a while: {ledger.refused.total()}")
    errors = sum(count for status, count in ledger.statuses.items() if status >= 500) - ledger.refused[503]
    print(f"  answers 5xx: {errors}, goal 0; lost, doubled or otherwise wrong: {len(faults)}, goal 0")
    for fault in faults[:20]:
        print(f"    {fault}")


def spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} – {max(values):.2f})"
