"""Firefox, driven over WebDriver BiDi (W3C): JSON over a WebSocket (RFC 6455), of which only what it needs is here.

Playwright's own way to Firefox asks for a command that Debian's firefox-esr does not know.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modules.base.bootstrap import listen

FIREFOXES = ("firefox-esr", "firefox")
PATIENCE = 90      # seconds for a start or an answer, on a busy machine


def found_firefox() -> str | None:
    return next(filter(None, map(shutil.which, FIREFOXES)), None)


@contextmanager
def firefox(program: str, profile: Path) -> Iterator[FirefoxPage]:
    """A page of a new Firefox, without a window, until the block ends."""
    probe = listen("127.0.0.1", 0)
    port = probe.getsockname()[1]
    probe.close()
    command = [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", str(port)]
    with (profile / "firefox.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield FirefoxPage(WebSocket(port, "/session"))
    finally:
        process.terminate()
        process.wait(30)


class FirefoxPage:
    """A page: what BiDi says of it as Python values."""

    def __init__(self, line: WebSocket) -> None:
        self._line, self._asked = line, 0
        self.complaints: list[str] = []      # errors on its console
        self.ask("session.new", capabilities={})
        self._context = self.ask("browsingContext.getTree")["contexts"][0]["context"]
        self.ask("session.subscribe", events=["log.entryAdded"])

    def ask(self, method: str, **params: Any) -> Any:
        """Raises RuntimeError with what the browser says."""
        self._asked += 1
        self._line.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            said = json.loads(self._line.receive())
            if said.get("method") == "log.entryAdded" and said["params"]["level"] == "error":
                self.complaints.append(str(said["params"]["text"]))
            if said.get("id") == self._asked:
                if said["type"] == "error":
                    raise RuntimeError(f"{method}: {said['error']}: {said['message']}")
                return said["result"]

    def open(self, address: str) -> None:
        self.ask("browsingContext.navigate", context=self._context, url=address, wait="interactive")

    def evaluate(self, expression: str) -> Any:
        """Return what an expression of the page is, a string, a number or a truth value."""
        answer = self.ask(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True
        )
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > end:
                raise TimeoutError(expression)
            time.sleep(0.2)

    def click(self, selector: str) -> None:
        """Click an element's middle by the mouse."""
        self.wait(f"document.querySelector({json.dumps(selector)})?.offsetParent")
        x, y = json.loads(self.evaluate(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({ block: 'center' }); const { x, y, width, height } = found.getBoundingClientRect();"
            " return JSON.stringify([Math.round(x + width / 2), Math.round(y + height / 2)]); })()"
        ))
        moves = [{"type": "pointerMove", "x": x, "y": y}, *({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))]
        self._perform({"type": "pointer", "id": "mouse", "actions": moves})

    def type(self, text: str) -> None:
        keys = [{"type": f"key{way}", "value": each} for each in text for way in ("Down", "Up")]
        self._perform({"type": "key", "id": "keyboard", "actions": keys})

    def screenshot(self) -> bytes:
        return base64.b64decode(self.ask("browsingContext.captureScreenshot", context=self._context)["data"])

    def _perform(self, source: dict[str, Any]) -> None:
        self.ask("input.performActions", context=self._context, actions=[source])


class WebSocket:
    """A WebSocket's client for texts."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = connected(port)
        self._file = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "",
        )
        self._socket.sendall("\r\n".join(head).encode())
        if b" 101 " not in self._file.readline():
            raise RuntimeError("Firefox does not speak WebDriver BiDi.")
        while self._file.readline().strip():
            pass

    def send(self, text: str) -> None:
        content, mask = text.encode(), os.urandom(4)
        length = len(content)
        size = bytes([0x80 | length]) if length < 126 else struct.pack(">BH", 0xFE, length)
        if length >= 2**16:
            size = struct.pack(">BQ", 0xFF, length)
        masked = bytes(each ^ mask[i % 4] for i, each in enumerate(content))
        self._socket.sendall(b"\x81" + size + mask + masked)

    def receive(self) -> str:
        """Return the next text; a text may come in several frames."""
        content, last = b"", False
        while not last:
            first, length = self._file.read(2)
            if length >= 126:
                length = int.from_bytes(self._file.read(2 if length == 126 else 8), "big")
            part = self._file.read(length)
            if first & 0x0F in (0, 1):      # a text, or more of one; pings are none
                content, last = content + part, bool(first & 0x80)
        return content.decode()


def connected(port: int) -> socket.socket:
    """Return a connection, once somebody listens there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
