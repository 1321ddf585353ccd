"""Simulated people of one server, and a ledger of all that it was asked for and has answered."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

TINY = {"prompt": "a red apple", "width": 64, "height": 64, "steps": 4, "sampler_name": "Euler"}
THINKING = (1.0, 6.0)      # seconds between two things that a person does
WATCHING = 10.0            # seconds that the queue is watched at most
LONGEST_WAIT = 5.0         # seconds that a refusal is waited for, whatever it says


@dataclass
class AskedJob:
    """A job that somebody asked for, and what they were given of it."""

    seeds: Sequence[int]      # of its pictures
    id: str = ""
    answered: bool = False
    seen: list[str] = field(default_factory=list)      # SHA-256 of each file that was looked at


@dataclass
class Ledger:
    """All jobs by account, all answers by status, and what was wrong."""

    jobs: dict[str, list[AskedJob]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)      # 429 and 503 with a time to come again
    streams: int = 0
    seeds: Any = field(default_factory=lambda: count(1000, 100))      # no two pictures of a run are alike

    def asked(self, account: str, pictures: int) -> AskedJob:
        first = next(self.seeds)
        job = AskedJob(range(first, first + pictures))
        self.jobs.setdefault(account, []).append(job)
        return job

    def note(self, reply: httpx.Response) -> None:
        self.statuses[reply.status_code] += 1
        if reply.status_code in (429, 503) and "retry-after" in reply.headers:
            self.refused[reply.status_code] += 1
        elif reply.status_code >= 400:
            self.faults.append(f"{reply.status_code} of {reply.request.method} {reply.request.url.path}")


class Person:
    """Somebody with a token."""

    def __init__(self, client: httpx.AsyncClient, name: str, token: str, ledger: Ledger) -> None:
        self.client, self.name, self.ledger = client, name, ledger
        self.headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The answer; after a refusal with a time to come again, it is asked for again then."""
        while True:
            reply = await self.client.request(method, path, headers=self.headers, **how)
            self.ledger.note(reply)
            if reply.status_code not in (429, 503) or "retry-after" not in reply.headers:
                return reply
            await asyncio.sleep(min(float(reply.headers["retry-after"]), LONGEST_WAIT))

    async def events(self, path: str, most: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """The events of a stream, `most` of them or all."""
        async with self.client.stream("GET", path, headers=self.headers) as reply:
            self.ledger.note(reply)
            self.ledger.streams += 1
            async for line in reply.aiter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])
                    most -= 1
                if most == 0:
                    return


async def think() -> None:
    await asyncio.sleep(random.uniform(*THINKING))


async def program(person: Person) -> None:
    """One round of a program that knows A1111's API: pictures, some from pictures, and what there is to choose from."""
    await person.ask("GET", random.choice(("/sdapi/v1/options", "/sdapi/v1/sd-models", "/sdapi/v1/samplers")))
    job = person.ledger.asked(person.name, random.randint(1, 3))
    body = {**request(job), "save_images": True}
    made = await drawn(person, "txt2img", body, job)
    if made and random.random() < 0.3:
        job = person.ledger.asked(person.name, 1)
        await drawn(person, "img2img", {**body, **request(job), "init_images": made[:1]}, job)


async def drawn(person: Person, kind: str, body: Mapping[str, Any], job: AskedJob) -> list[str]:
    """The pictures of a call that waits for them, in base64."""
    reply = await person.ask("POST", f"/sdapi/v1/{kind}", json=body)
    if reply.status_code != 200:
        return []
    answer = reply.json()
    seeds = json.loads(answer["info"])["all_seeds"]
    if seeds != list(job.seeds) or len(answer["images"]) < len(seeds):
        person.ledger.faults.append(f"{person.name} asked for seeds {list(job.seeds)}, and got {seeds}")
    job.answered = True
    return answer["images"]


async def visitor(person: Person) -> None:
    """One round of somebody at the page: a job, its stream, perhaps left and opened again, and its pictures."""
    await person.ask("GET", random.choice(("/", "/easel/v1/queue", "/easel/v1/cards?kind=checkpoint")))
    job = person.ledger.asked(person.name, random.randint(1, 4))
    if not await started(person, job, request(job)):
        return
    stream = f"/easel/v1/jobs/{job.id}/events"
    if random.random() < 0.3:      # the page is loaded anew
        await followed(person, stream, 2)
    events = [event async for event in person.events(stream)]
    last = events[-1] if events else {}
    pictures = images_of(last)
    if last.get("state") != "done" or [picture["seed"] for picture in pictures] != list(job.seeds):
        person.ledger.faults.append(f"{job.id} ended as {last}")
    for picture in pictures:
        await person.ask("GET", f"{picture['url']}/thumbnail")
        job.seen.append(hashlib.sha256((await person.ask("GET", picture["url"])).content).hexdigest())


def images_of(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pictures of a job's description, without the grid of them."""
    return [picture for picture in told.get("pictures", ()) if picture["kind"] == "image"]


def request(job: AskedJob) -> dict[str, Any]:
    return {**TINY, "seed": job.seeds[0], "n_iter": len(job.seeds)}


async def started(person: Person, job: AskedJob, fields: Mapping[str, Any]) -> bool:
    """Ask for a job as the page does, which does not wait for it."""
    reply = await person.ask("POST", "/easel/v1/jobs", json={"kind": "txt2img", "fields": fields})
    if reply.status_code == 200:
        job.id, job.answered = reply.json()["job"], True
    return job.answered


async def watcher(person: Person) -> None:
    """One round of a page that is open and does nothing: the queue's stream, and A1111's progress."""
    with contextlib.suppress(asyncio.TimeoutError):      # of a queue in which nothing happens no event comes
        await asyncio.wait_for(followed(person, "/easel/v1/queue/events", random.randint(3, 20)), WATCHING)
    for _ in range(5):
        await person.ask("GET", "/sdapi/v1/progress?skip_current_image=true")
        await asyncio.sleep(0.5)


async def followed(person: Person, path: str, most: int) -> None:
    async for _ in person.events(path, most):
        pass


Habit = Callable[[Person], Awaitable[None]]
HABITS: tuple[Habit, ...] = (program, visitor, program, visitor, watcher)      # by turns


async def live(person: Person, habit: Habit, until: Callable[[], bool]) -> None:
    """Do it again and again until the time is over; an answer that does not come is a fault."""
    await asyncio.sleep(random.uniform(0, THINKING[1]))
    while not until():
        try:
            await habit(person)
        except httpx.HTTPError as error:
            person.ledger.faults.append(f"{type(error).__name__} in {habit.__name__}: {error}")
        await think()
