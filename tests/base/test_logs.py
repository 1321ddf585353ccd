"""The log's lines: one a record, whatever was sent, in text and in JSON."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modules.base.logs import JsonFormatter, LineFormatter, escaped_line

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) \S+ .*")
ROOT = Path(__file__).resolve().parents[2]


def record_of(message, *arguments, name="modules.worker.runner", error=None):
    how = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.WARNING, "", 1, message, arguments, how)


def raised(message):
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_a_record_is_a_line_with_time_level_area_and_message():
    line = LineFormatter().format(record_of("Job %s: %d", "7", 3))
    assert LINE.fullmatch(line) and line.endswith(" WARNING worker Job 7: 3")
    assert " uvicorn " in LineFormatter().format(record_of("x", name="uvicorn.error"))


@pytest.mark.parametrize("sent", ["a\nb", "\r\n2026", "\x1b[2J", "\x00\x07\x7f\x9b", "\u2028\u2029\x85", "\udcff"])
def test_nothing_that_was_sent_begins_a_line_or_moves_a_cursor(sent):
    line = LineFormatter().format(record_of("Job %s", sent))
    assert len(line.splitlines()) == 1 and line.isprintable() and LINE.fullmatch(line)
    found = json.loads(JsonFormatter().format(record_of("Job %s", sent)))
    assert found["message"] == f"Job {sent}"


def test_each_line_of_a_traceback_is_one_of_the_log():
    lines = LineFormatter().format(record_of("failed", error=raised("one\ntwo"))).split("\n")
    assert len(lines) > 3 and all(LINE.fullmatch(line) for line in lines)
    assert all(" worker | " in line for line in lines[1:])


def test_json_is_an_object_a_line():
    text = JsonFormatter().format(record_of("failed", error=raised("one\ntwo")))
    found = json.loads(text)
    assert "\n" not in text and set(found) == {"time", "level", "area", "message", "traceback"}
    assert (found["level"], found["area"], found["time"][-1]) == ("WARNING", "worker", "Z")


def test_other_letters_stay_as_they_are():
    assert escaped_line("ein Füchslein 狐 \t") == "ein Füchslein 狐 \\t"


@pytest.mark.parametrize("code", [
    "from modules.base.bootstrap import say; say('one'); say('two')",
    "from modules.base.logs import start_log; import logging; start_log('info', False);"
    " [logging.warning('x' * 99999) for _ in range(9)]",
])
def test_nobody_who_reads_is_no_reason_to_stop(code):
    """As under a pipe whose other end has been closed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes) as program:
        program.stdout.close()
        program.stderr.close()
        assert program.wait(60) == 0
