"""The log: one line a record, on standard error, as text or as JSON; nothing in it can begin a line of its own."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator

LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
PACKAGE = "modules."
CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x2028: "\\u2028", 0x2029: "\\u2029"
}


def start_log(level: str, as_json: bool) -> None:
    """Send all records from `level` on, and all warnings, to standard error. For a program's entry, once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False      # nobody reads it any more: that is no reason to stop


def logger_area(record: logging.LogRecord) -> str:
    """Return the part of the program: `worker` for modules.worker.runner, `uvicorn` for a library's."""
    return record.name.removeprefix(PACKAGE).partition(".")[0]


def escaped_line(text: str) -> str:
    """Return the text with control characters written out: it moves no cursor and begins no line."""
    return text.encode("utf-8", "backslashreplace").decode().translate(CONTROL_CHARACTERS)


class LineFormatter(logging.Formatter):
    """`2026-11-29 12:34:56.789 WARNING worker Job 7: …`; each line of a traceback is a line like that."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        head = f"{at}.{int(record.msecs):03} {record.levelname} {logger_area(record)}"
        return "\n".join(f"{head} {escaped_line(line)}" for line in self._lines(record))

    def _lines(self, record: logging.LogRecord) -> Iterator[str]:
        yield record.getMessage()
        for line in traceback_of(record).splitlines():
            yield f"| {line}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, area, message, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told = {
            "time": f"{at}.{int(record.msecs):03}Z", "level": record.levelname, "area": logger_area(record),
            "message": record.getMessage(),
        }
        if text := traceback_of(record):
            told["traceback"] = text
        return json.dumps(told)      # ASCII: control characters and lone surrogates are escaped


def traceback_of(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
