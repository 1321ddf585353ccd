"""Extensions that do harm, and addresses of extensions that would."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.attacks.row import Failed, Row, Start, must
from benchmarks.attacks.target import Target, wait_for
from benchmarks.servers import ROOT

ADDRESS = {"url": "https://example.org/somebody/some-extension"}
# {trap}: a file that none of them may make
HOSTILE_ADDRESSES = (
    'ext::sh -c "touch {trap}"', "file:///etc", "--upload-pack=touch {trap}", "-utouch {trap}",
    "ssh://-oProxyCommand=touch {trap}/x", "https://h/$HOME", "https://h/`touch {trap}`", "git://h/x", "/etc",
    "https://user:word@h/x", "https://h/x?y=z", "http://h/x",
)
HOSTILE_NAMES = ("https://h/a/../../x", "https://h/..", "https://h/.git", "https://h/", "https://h", "https://h/a/.")
BROKEN: Mapping[str, str] = {
    "cannot-import": "import nothing_like_that", "exits": "import sys\nsys.exit(3)", "raises": "raise ValueError",
}
RAISES = """
from modules import scripts

class Raises(scripts.Script):
    def title(self):
        return "Raises"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process_batch(self, p, *args, **kwargs):
        raise ValueError("on purpose")
"""
HANGS = RAISES.replace("Raises", "Hangs").replace(
    'raise ValueError("on purpose")', 'while "hang" in p.prompt:\n            pass'
)
ENDS = "import os\nos._exit(7)\n"
LOOPS = "while True:\n    pass\n"
LOOP_SECONDS = 40.0         # until somebody loses patience with a start that does not end


def with_extensions(sources: Mapping[str, str], data: Path) -> None:
    """Put extensions of one script each into a data folder."""
    for name, source in sources.items():
        scripts = data / "extensions" / name / "scripts"
        scripts.mkdir(parents=True, exist_ok=True)
        (scripts / f"{name.replace('-', '_')}.py").write_text(source)


def refused_beyond_loopback(target: Target) -> str:
    """Who is no administrator installs nothing, nor does an administrator without the flag."""
    replies = {name: client.post("/easel/v1/extensions", json=ADDRESS) for name, client in target.clients.items()}
    codes = {name: reply.status_code for name, reply in replies.items()}
    must(set(codes.values()) == {403}, f"they got {codes}")
    installer = target.clients["admin"].post("/easel/v1/extensions/cannot-import/installer").status_code
    must(installer == 403, f"an installer got {installer}")
    return "403 for everybody, for installing and for installers"


def refused_from_elsewhere(target: Target) -> str:
    """Another site's page installs nothing, in no form that a browser sends without asking."""
    client = target.clients["admin"]
    origin = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    forms: tuple[dict[str, Any], ...] = (
        {"json": ADDRESS}, {"data": ADDRESS},
        {"content": b'{"url": "https://h/x"}', "headers": {"Content-Type": "text/plain"}},
    )
    for form in forms:
        headers = {**origin, **form.get("headers", {})}
        code = client.post("/easel/v1/extensions", **{**form, "headers": headers}).status_code
        must(code in (403, 415), f"{form} got {code}")
    must(not list((target.data / "extensions").glob("*")), "something was installed")
    return f"{len(forms)} forms refused"


def hostile_addresses(target: Target) -> str:
    """Addresses that git would take for commands, files or options are refused before git is run."""
    trap, before = target.data / "trap", sorted((target.data / "extensions").glob("**/*"))
    for text in (*HOSTILE_ADDRESSES, *HOSTILE_NAMES):
        reply = target.clients["admin"].post("/easel/v1/extensions", json={"url": text.format(trap=trap)})
        must(reply.status_code == 422, f"{text} got {reply.status_code} {reply.text:.200}")
    must(not trap.exists(), "a command was run")
    must(sorted((target.data / "extensions").glob("**/*")) == before, "something was made")
    return f"{len(HOSTILE_ADDRESSES) + len(HOSTILE_NAMES)} addresses refused, nothing made"


def hostile_repositories(target: Target) -> str:
    """Hooks, filters, links, submodules, too large ones, those broken off: by the tests that have such repositories."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/plugins/test_git_install.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    must(done.returncode == 0, done.stdout[-1000:])
    return done.stdout.strip().splitlines()[-1]


def broken_extensions(target: Target) -> str:
    """Broken extensions are named and the rest works; one that ends the program is left out at the second start."""
    listed = {each["name"]: each for each in target.clients["admin"].get("/easel/v1/extensions").json()}
    for name in BROKEN:
        must(listed[name]["state"] == "failed" and listed[name]["why"], f"{name} is {listed[name]['state']}")
    must(target.draw("alice").status_code == 200, "no picture beside broken extensions")
    target.end()
    with_extensions({"ends": ENDS}, target.data)
    starts = 1
    while not started(target):
        starts += 1
        must(starts <= 2, "it did not start at the second attempt")
    listed = {each["name"]: each for each in target.clients["admin"].get("/easel/v1/extensions").json()}
    must(listed["ends"]["state"] == "off" and "ended" in listed["ends"]["why"], f"it is {listed['ends']}")
    must(target.draw("alice").status_code == 200, "no picture after it")
    return f"{len(BROKEN)} broken ones named; one that ends Easel was left out at start {starts}"


def endless_import(target: Target) -> str:
    """An extension whose import never ends costs the one start that is broken off over it; the next leaves it out."""
    target.end()
    with_extensions({"loops": LOOPS}, target.data)
    breaker = threading.Timer(LOOP_SECONDS, lambda: target.process.kill())
    breaker.start()
    first = started(target)
    breaker.cancel()
    must(first or started(target), "it did not start at the second attempt")
    listed = {each["name"]: each for each in target.clients["admin"].get("/easel/v1/extensions").json()}
    must(listed["loops"]["state"] == "off" and listed["loops"]["why"], f"it is {listed['loops']}")
    must(target.draw("alice").status_code == 200, "no picture beside it")
    return f"left out at start {1 if first else 2}: {listed['loops']['why']:.120}"


def started(target: Target) -> bool:
    try:
        target.begin()
    except (Failed, OSError):
        target.process.wait(60)
        return False
    wait_for(lambda: target.draw("admin").status_code == 200)
    return True


def raising_callback(target: Target) -> str:
    """A hook that raises is named to the picture's owner; the picture is made, and the next ones too."""
    reply = target.clients["alice"].post("/sdapi/v1/txt2img", json={
        "prompt": "a red circle", "width": 64, "height": 64, "steps": 2, "seed": 3})
    must(reply.status_code == 200, f"it got {reply.status_code}")
    must("raises failed in process_batch" in reply.text.replace("\\", ""), "the extension is not named")
    for _ in range(4):
        must(target.draw("bob").status_code == 200, "the next picture failed")
    listed = target.clients["admin"].get("/easel/v1/extensions").json()
    must(listed[0]["state"] == "loaded", "one person has switched it off for all")
    return "named, 5 pictures made, and still in use"


def hanging_hook(target: Target) -> str:
    """A hook that hangs is told of; interrupting ends its job, and the next pictures are made."""
    client = target.clients["alice"]
    asked = {"kind": "txt2img", "fields": {"prompt": "hang", "width": 64, "height": 64, "steps": 2, "seed": 3}}
    job = client.post("/easel/v1/jobs", json=asked).json()["job"]

    def told() -> bool:
        return "has been busy" in client.get(f"/easel/v1/jobs/{job}").text

    wait_for(told)
    client.post(f"/easel/v1/jobs/{job}/interrupt")
    wait_for(lambda: client.get(f"/easel/v1/jobs/{job}").json()["state"] == "interrupted")
    must(target.draw("bob").status_code == 200, "the next picture failed")
    return "told, freed by Interrupt, the next picture made"


BEYOND = Start(flags=("--server-name", "0.0.0.0"))
ROWS = (
    Row("EXT-01", "extensions are installed beyond loopback", refused_beyond_loopback, BEYOND),
    Row("EXT-02", "another site's page installs an extension", refused_from_elsewhere, Start(accounts=False)),
    Row("EXT-03", "addresses that git would run; EXT-04: names that lead out", hostile_addresses),
    Row("EXT-05", "hostile repositories; EXT-08: an installation is broken off", hostile_repositories, calm=True),
    Row("EXT-06", "extensions that cannot be loaded, or end Easel", broken_extensions,
        Start(prepare=partial(with_extensions, BROKEN)), keeps=False, calm=True, logged=True),
    Row("EXT-07", "a hook raises", raising_callback, Start(prepare=partial(with_extensions, {"raises": RAISES})),
        keeps=False, logged=True),
    Row("EXT-07b", "a hook hangs", hanging_hook, Start(prepare=partial(with_extensions, {"hangs": HANGS})),
        keeps=False, logged=True),
    Row("EXT-06b", "an extension whose import never ends", endless_import, keeps=False, calm=True, long=True),
)
