"""A clock that jumps under the server."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.attacks.row import Row, Skipped, Start, must
from benchmarks.attacks.target import Target, seconds_of

HOUR = 3600
IDLE_GAPS, IDLE_SECONDS = 6, 30
JUMPS = {
    "a day on": 24 * HOUR, "ten years on": 3650 * 24 * HOUR, "an hour back": -HOUR, "a day back": -24 * HOUR,
    "right again": 0,
}

# the time of day plus what stands in a file; the monotonic clock goes on as it is
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) {
    char text[32] = {0};
    int file = open(getenv("EASEL_CLOCK"), O_RDONLY);
    if (file < 0) return 0;
    long got = read(file, text, 31);
    close(file);
    return got > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t which, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && which == CLOCK_REALTIME) now->tv_sec += shift();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *told) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (told) *told = exact.tv_sec;
    return exact.tv_sec;
}
"""


def jumping_clock(target: Target) -> str:
    """A day on, ten years on, an hour back, a day back: in the middle of jobs, and between them."""
    clock, told = target.data / "clock", []
    began = target.ended("alice", target.ask("alice"))["id"]
    for shift, seconds in JUMPS.items():
        job = target.ask("alice", steps=60, n_iter=2)
        target.until_begun("alice", job)
        clock.write_text(str(seconds))
        while (now := target.job("alice", job))["state"] not in ("done", "failed", "interrupted"):
            must((now["eta"] or 0) >= 0 and (now["wait"] or 0) >= 0, f"{shift}: eta {now['eta']}, wait {now['wait']}")
            time.sleep(0.1)
        must(now["state"] == "done", f"{shift}: {now['state']} {now['error']}")
        must(target.clients["bob"].get("/sdapi/v1/options").status_code == 200, f"{shift}: bob is shut out")
        told.append(shift)
    files = len(target.saved_images())
    must(files == 1 + 2 * len(JUMPS), f"{files} files of {1 + 2 * len(JUMPS)} pictures")
    asked = [target.ask("alice", steps=60) for _ in range(8)]
    waiting = [job["id"] for job in target.clients["alice"].get("/easel/v1/queue?states=queued").json()["jobs"]]
    must(waiting and waiting == asked[-len(waiting) :], f"the order is another one: {waiting}")
    for job in asked:
        target.clients["alice"].post(f"/easel/v1/queue/{job}/cancel")
    must(target.job("alice", began)["state"] == "done", "an old job is lost")
    return f"{', '.join(told)}: {files} pictures, each with a file, order kept"


def idle_hours(target: Target) -> str:
    """Half a day with six gaps, in each of which nobody asks for anything and the clock goes on by two hours."""
    clock, longest = target.data / "clock", 0.0
    for gap in range(1, IDLE_GAPS + 1):
        time.sleep(IDLE_SECONDS)
        clock.write_text(str(2 * HOUR * gap))
        with seconds_of() as took:
            first = target.pixels(target.draw("alice"))
        must(first == target.reference, f"after gap {gap} the first picture is another one")
        longest = max(longest, took())
        must(target.clients["bob"].get("/easel/v1/queue").status_code == 200, f"after gap {gap} bob is shut out")
    clock.write_text("0")
    gaps = f"{IDLE_GAPS} gaps of {IDLE_SECONDS} s, {2 * IDLE_GAPS} hours by the clock"
    return f"{gaps}; the first picture as before, in {longest:.1f} s at most"


def with_clock(data: Path) -> None:
    """Compile what moves the clock."""
    if not shutil.which("cc"):
        raise Skipped("there is no C compiler")
    (data / "clock").write_text("0")
    (data / "clock.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", data / "clock.so", data / "clock.c"], check=True)


CLOCK = Start(environment=(("LD_PRELOAD", "$DATA/clock.so"), ("EASEL_CLOCK", "$DATA/clock")), prepare=with_clock)
ROWS = (
    Row("OPS-06", "the clock jumps", jumping_clock, CLOCK),
    Row("CON-12", "idle for two hours again and again", idle_hours, CLOCK, long=True),
)
