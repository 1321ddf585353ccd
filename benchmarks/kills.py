from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks.people import images_of
from tests.servers import with_tiny_model

ROOT = Path(__file__).resolve().parents[1]
ACCOUNTS = ("ann", "bob", "cleo")
UNFINISHED = 7             # jobs of each account
WORKER = "modules.commands.worker_process"
LONGEST = {"begin": 8.0, "work": 3.0}      # seconds until a kill: from the last one, or from the first picture since
PATIENCE = 300.0
ORPHAN_SECONDS = 30.0      # a worker that is still being imported learns late that its server is gone
FINISHED = ("done", "failed", "interrupted")


@dataclass
class LedgerJob:
    """A job whose id was told, and what was told of it since."""

    id: str
    account: str
    asked: int
    state: str = "queued"
    pictures: dict[int, str] = field(default_factory=dict)      # index → SHA-256 of the file


@dataclass
class Findings:
    """The figures of one run; `faults` is empty if nothing was lost."""

    faults: list[str] = field(default_factory=list)
    refused: int = 0                                            # requests without an answer, or with 503
    waits: list[float] = field(default_factory=list)            # seconds from a worker's kill to the next picture
    orphans: int = 0


def run(worker: str = "20", server: str = "20", seed: str = "0") -> None:
    """What kill -9 loses, of the worker and of the server, at random moments: `kills [worker kills] [server kills]`."""
    random.seed(int(seed))
    with tempfile.TemporaryDirectory() as folder:
        for what, loop, rounds in (("worker", KillLoop, int(worker)), ("server", ServerKillLoop, int(server))):
            if rounds:
                play_kills(loop(with_tiny_model(Path(folder) / what), what), rounds)


def play_kills(loop: KillLoop, rounds: int) -> None:
    """Play so many kills, and print what was found."""
    try:
        loop.play(rounds)
    except Exception:
        print((loop.data / "server.log").read_text()[-4000:])
        raise
    finally:
        loop.submitting = False
        loop.process.kill()
    loop.tell(rounds)


class KillLoop:
    """A server with a full queue of three accounts, and a ledger of all that it has told; `kill` is what befalls it."""

    def __init__(self, data: Path, what: str) -> None:
        self.data, self.what = data, what
        self.jobs: dict[str, LedgerJob] = {}
        self.found = Findings()
        self.lock = threading.Lock()
        self.submitting = False
        self.killed_at: float | None = None
        self.begin()

    @property
    def worker_flags(self) -> Sequence[str]:
        return "--worker", "process"

    def begin(self) -> None:
        """Start the server, and wait until it answers."""
        flags = ("--nowebui", "--port", "0", "--data-dir", str(self.data), *self.worker_flags)
        people = ",".join(f"{name}:pw-{name}" for name in ACCOUNTS)
        with (self.data / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "webui.py", "--skip-install", *flags, "--gradio-auth", people],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "CI": "true"},
            )
        assert self.process.stdout
        address = next(line.split()[-1] for line in self.process.stdout if line.startswith("Easel is at"))
        self.clients = {
            name: httpx.Client(base_url=address, auth=(name, f"pw-{name}"), timeout=60) for name in ACCOUNTS
        }
        wait_for(lambda: self.answer(ACCOUNTS[0], "GET", "/internal/ping") is not None)

    def answer(self, account: str, method: str, path: str, **how: Any) -> httpx.Response | None:
        """The server's answer; None if it gave none."""
        try:
            return self.clients[account].request(method, path, **how)
        except httpx.TransportError:
            return None

    # Asking

    def ask_on(self) -> None:
        """Keep the queue full, beside the kills."""
        while self.submitting:
            for account in ACCOUNTS:
                with self.lock:
                    mine = [job for job in self.jobs.values() if job.account == account and job.state not in FINISHED]
                if len(mine) < UNFINISHED:
                    self.ask(account)
            time.sleep(0.05)

    def ask(self, account: str) -> None:
        pictures = random.randint(1, 3)
        fields = {"prompt": "a red circle", "seed": random.randint(0, 9), "steps": random.randint(2, 20), "width": 64,
                  "height": 64, "n_iter": pictures}
        reply = self.answer(account, "POST", "/easel/v1/jobs", json={"kind": "txt2img", "fields": fields})
        if reply is None or reply.status_code == 503:
            self.found.refused += 1
        elif reply.status_code != 200:
            self.fault(f"a request got {reply.status_code}: {reply.text:.200}")
        else:
            with self.lock:
                self.jobs[reply.json()["job"]] = LedgerJob(reply.json()["job"], account, pictures)

    # Killing

    def play(self, rounds: int) -> None:
        self.submitting = True
        asking = threading.Thread(target=self.ask_on)
        asking.start()
        for count in range(rounds):
            self.live_on()
            self.kill()
            self.check()
            print(f"  {self.what} killed {count + 1} times, {len(self.jobs)} jobs", file=sys.stderr, flush=True)
        self.submitting = False
        asking.join()
        self.drain()

    def live_on(self) -> None:
        """Until the moment of the next kill: half of them come while it starts and loads, half while it draws."""
        moment, began = random.choice(list(LONGEST)), self.pictures()
        wait_for(lambda: moment == "begin" or self.seen() > began)
        self.watch(time.monotonic() + random.uniform(0, LONGEST[moment]))

    def seen(self) -> int:
        """How many pictures there are, after another look."""
        self.look()
        return self.pictures()

    def pictures(self) -> int:
        with self.lock:
            return sum(len(job.pictures) for job in self.jobs.values())

    def watch(self, until: float) -> None:
        """Learn of pictures and ends until that moment."""
        while True:
            self.look()
            if time.monotonic() > until:
                return
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the worker."""
        wait_for(lambda: self.workers())
        os.kill(self.workers()[0], signal.SIGKILL)
        self.killed_at = time.monotonic()

    def workers(self) -> list[int]:
        children = psutil.Process(self.process.pid).children()
        return [child.pid for child in children if WORKER in child.cmdline()]

    # Checking

    def look(self) -> None:
        """Compare what the server tells with the ledger, and note what is new in it."""
        for account in ACCOUNTS:
            reply = self.answer(account, "GET", "/easel/v1/jobs?limit=200")
            for told in reply.json() if reply else ():
                with self.lock:
                    job = self.jobs.get(told["id"])
                if job and job.state not in FINISHED:
                    self.compare(job, told)

    def compare(self, job: LedgerJob, told: dict[str, Any]) -> None:
        indices = [picture["index"] for picture in images_of(told)]
        if len(set(indices)) < len(indices) or len(indices) > job.asked or not set(job.pictures) <= set(indices):
            self.fault(f"{job.id} had pictures {sorted(job.pictures)} and has {indices} of {job.asked}")
        for index in set(indices) - set(job.pictures):
            if content := self.picture(job, index):
                job.pictures[index] = content
                self.made()
        job.state = told["state"]

    def made(self) -> None:
        if self.killed_at:
            self.found.waits.append(time.monotonic() - self.killed_at)
            self.killed_at = None

    def picture(self, job: LedgerJob, index: int) -> str:
        reply = self.answer(job.account, "GET", f"/easel/v1/jobs/{job.id}/pictures/{index}")
        if reply is None:
            return ""
        if reply.status_code != 200:
            self.fault(f"picture {index} of {job.id} got {reply.status_code}")
        return hashlib.sha256(reply.content).hexdigest()

    def check(self) -> None:
        """After a kill: every unfinished job is there, in its owner's order."""
        with self.lock:
            known = list(self.jobs.values())
        for account in ACCOUNTS:
            reply = self.answer(account, "GET", "/easel/v1/queue?limit=200&states=queued,running")
            if reply is None or reply.status_code != 200:
                self.fault(f"the queue could not be read: {reply and reply.text:.200}")
                continue
            ids = {job.id for job in known}
            waiting = [job["id"] for job in reply.json()["jobs"] if job["state"] == "queued" and job["id"] in ids]
            if waiting != [job.id for job in known if job.id in waiting]:
                self.fault(f"the order of {account}'s jobs changed: {waiting}")
        for job in known:
            if job.state not in FINISHED:
                reply = self.answer(job.account, "GET", f"/easel/v1/jobs/{job.id}")
                if reply is None or reply.status_code != 200:
                    self.fault(f"{job.id} is not known any more")

    def drain(self) -> None:
        """Let everything end, then look at every picture, file and row once more."""
        end = time.monotonic() + PATIENCE
        while any(job.state not in FINISHED for job in self.jobs.values()) and time.monotonic() < end:
            self.watch(time.monotonic() + 1)
        for job in self.jobs.values():
            if job.state not in FINISHED:
                self.fault(f"{job.id} has not ended")
            if any(self.picture(job, index) != content for index, content in job.pictures.items()):
                self.fault(f"a picture of {job.id} has changed")
            if job.state == "done" and len(job.pictures) != job.asked:
                self.fault(f"{job.id} is done with {len(job.pictures)} of {job.asked} pictures")
        wait_for(lambda: not list(self.data.rglob("*.tmp")))      # a killed worker's half-written files
        self.process.terminate()
        self.process.wait(60)
        self.check_disk()

    def check_disk(self) -> None:
        with closing(sqlite3.connect(self.data / "easel.sqlite")) as db:
            if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                self.fault("the database is damaged")
            rows = {path for (path,) in db.execute("SELECT path FROM outputs WHERE saved = 1")}
            ends = {job: (deaths, error) for job, deaths, error in db.execute("SELECT id, deaths, error FROM jobs")}
        files = {str(path) for path in (self.data / "outputs").rglob("*.png")}
        if rows != files:
            self.fault(f"{len(rows - files)} pictures have no file, {len(files - rows)} files no record")
        for job in self.jobs.values():
            deaths, error = ends.get(job.id, (0, None))
            if job.state == "failed" and deaths < 2 or job.state == "interrupted":
                self.fault(f"{job.id} ended as {job.state} after {deaths} deaths: {error}")
        if left := list(self.data.rglob("*.tmp")):
            self.fault(f"{len(left)} half-written files are left, {left[0]}")

    def fault(self, words: str) -> None:
        print(f"  FAULT {words}", flush=True)
        self.found.faults.append(words)

    def tell(self, rounds: int) -> None:
        states = [job.state for job in self.jobs.values()]
        print(
            f"  {self.what} killed {rounds} times: {len(self.jobs)} jobs acknowledged, {states.count('done')} done, "
            f"{states.count('failed')} set aside after two deaths, {self.pictures()} pictures, {self.found.refused} "
            f"requests refused or cut; faults {len(self.found.faults)}, orphans {self.found.orphans}, goal 0"
        )
        if waits := self.found.waits:
            print(f"  seconds to the next picture: {median(waits):.1f} ({min(waits):.1f} – {max(waits):.1f})")


class ServerKillLoop(KillLoop):
    """The server is killed, in the place of its worker."""

    def kill(self) -> None:
        """Kill the server, see that its worker ends with it, and start it again."""
        workers = self.workers()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], ORPHAN_SECONDS)
        self.found.orphans += len(alive)
        self.begin()


def wait_for(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the server did not get there")
        time.sleep(0.05)
