"""Training from the terminal: `python3 webui.py train my-cat --max-train-steps 800`.

A server that runs on this data folder is given the run, which then shares its device; without one the run is carried
out here. Either way it may be stopped, killed and gone on with.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from modules.app.app import App
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import Conflict, Invalid, JobFailed
from modules.base.fields import declared_params, defaults
from modules.base.process_file import is_held, read_note
from modules.commands.assemble import assemble, terminal_process
from modules.commands.generate import STOPPED, carry_out, flag_of
from modules.params.training import Training
from modules.requests.read_fields import read_fields
from modules.requests.submit import Submission
from modules.requests.training_runs import TrainingRun, named_run, runs_of
from modules.settings.flags import Flags
from modules.store.jobs import DONE, INTERRUPTED
from modules.store.run_folder import PAUSE, STOP

TOML_READER = "tomllib" if sys.version_info >= (3, 11) else "tomlkit"      # which comes with gradio
FOLLOW_SECONDS = 0.5      # between two looks at a run that another process carries out
ANSWER_SECONDS = 30.0


def train(flags: Flags, arguments: Sequence[str]) -> int:
    """Train, or steer runs; returns the exit code."""
    given = vars(train_parser().parse_args(list(arguments)))
    with terminal_process(flags.paths) as held:
        app = assemble(flags, held)
        for name, act in ACTIONS.items():
            if (value := given.pop(name)) not in (None, False):
                return act(app, value)
        request = training_asked(app, given)
        if address := server_of(flags):
            return train_there(app, address, request)
        end_dead_jobs(app, request)
        try:
            return carry_out(app, Submission("train", request))
        finally:
            print("Its folder is below", app.data_of(LOCAL_ACCOUNT.name).paths.runs, file=sys.stderr)


def train_parser() -> ArgumentParser:
    """Return the parser: a folder or files, what to do with runs, and every field of a plan as a flag."""
    parser = ArgumentParser(prog="webui.py train", allow_abbrev=False)
    parser.add_argument("sources", nargs="*", help="A folder with pictures, or plans (.toml), of which later ones win.")
    parser.add_argument("--list", action="store_true", help="Show all runs.")
    for name, told in (("stop", "End a run, with a state."), ("pause", "Have a run wait, with a state."),
                       ("watch", "Follow a run to its end.")):
        parser.add_argument(f"--{name}", metavar="RUN", help=told)
    parser.add_argument("--fresh", action="store_true", help="Begin anew, though there is a run that could go on.")
    kinds = get_type_hints(Training)
    for name, param in declared_params(Training).items():
        if kinds[name] in (bool, bool | None):
            parser.add_argument(
                flag_of(name), f"--{name}", action=BooleanOptionalAction, default=None, help=param.label
            )
        elif name != "datasets":
            nargs = "*" if isinstance(defaults(Training)[name], tuple) else None
            told = param.help.replace("%", "%%")
            parser.add_argument(flag_of(name), f"--{name}", nargs=nargs, help=told, metavar=name.upper())
    return parser


def training_asked(app: App, given: dict[str, Any]) -> Training:
    """Return the plan of a command line: files, then a folder, then flags. Raises Invalid."""
    sources, fresh = given.pop("sources"), given.pop("fresh")
    fields = {name: value for source in sources for name, value in source_fields(source).items()}
    fields |= {name: value for name, value in given.items() if value is not None}
    if not fields:
        raise Invalid("There is nothing to train on.", "Name a folder with pictures, or a plan: webui.py train my-cat.")
    request: Training = read_fields(Training, {name: as_field(name, value) for name, value in fields.items()})
    going = None if fresh or request.resume else unfinished_run(app, request)
    if going:
        print(f"Going on with {going.name}; --fresh begins anew.", file=sys.stderr)
        return Training(resume=going.name, max_train_steps=request.max_train_steps)
    return replace(request, resume=named_run(app, request.resume, LOCAL_ACCOUNT).name) if request.resume else request


def source_fields(source: str) -> dict[str, Any]:
    """Return the fields of a folder or a plan's file, whose tables are flattened as sd-scripts does. Raises Invalid."""
    path = Path(source).expanduser()
    if path.is_dir():
        return {"train_data_dir": str(path.resolve())}
    try:
        told = import_module(TOML_READER).loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise Invalid(f"There is no folder or file {source!r:.200}.", "Check its path.") from error
    except ValueError as error:
        raise Invalid(f"{path.name} is no plan: {error}.", "Plans are TOML files.") from error
    flat: dict[str, Any] = {}
    for name, value in told.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def as_field(name: str, value: Any) -> Any:
    """Return a flag's text as the value of a field that is no text."""
    kind = str(get_type_hints(Training)[name]) if name in defaults(Training) else "str"
    if not isinstance(value, str) or "str" in kind:
        return value
    try:
        return json.loads(value.lower() if value in ("True", "False") else value)
    except ValueError:
        return value


def unfinished_run(app: App, request: Training) -> TrainingRun | None:
    """Return a run of the same pictures and name that has not come to its end and could go on."""
    for run in runs_of(app, LOCAL_ACCOUNT):
        params = run.folder.params()
        alike = params.get("train_data_dir") == request.train_data_dir
        named = not request.output_name or params.get("output_name") == request.output_name
        if alike and named and request.train_data_dir and "finished" not in run.folder.manifest():
            return run
    return None


def end_dead_jobs(app: App, request: Training) -> None:
    """End the recorded job of a run whose process is gone: another carries the run on. Raises Conflict if it lives."""
    run = named_run(app, request.resume, LOCAL_ACCOUNT) if request.resume else None
    if run is None or run.record is None or run.record.ended:
        return
    if run.record.process and app.jobs.process.is_alive(run.record.process):
        raise Conflict(f"{run.name} is going on in another terminal.", "Stop it there first.")
    app.jobs.store.set_state(run.record.id, INTERRUPTED)


def show_runs(app: App, _: bool) -> int:
    for run in runs_of(app, LOCAL_ACCOUNT):
        facts = run.facts()
        print(f"{run.name:40} {facts['state']:12} step {facts['step']} of {facts['steps']}")
    return 0


def stop_run(app: App, name: str) -> int:
    named_run(app, name, LOCAL_ACCOUNT).folder.order(STOP)
    return 0


def let_run_wait(app: App, name: str) -> int:
    named_run(app, name, LOCAL_ACCOUNT).folder.order(PAUSE)
    return 0


def watch_run(app: App, name: str) -> int:
    """Print a run's steps until its job has ended; returns the exit code."""
    step = -1
    while True:
        run = named_run(app, name, LOCAL_ACCOUNT)
        for line in run.folder.log(step):
            step = max(step, line["step"])
            if "loss" in line:
                print(f"step {line['step'] + 1:6} loss {line['loss']:.4f}")
        if run.record is None or run.record.ended:
            return 0 if run.state == DONE else STOPPED
        time.sleep(FOLLOW_SECONDS)


ACTIONS: Mapping[str, Callable[[App, Any], int]] = {
    "list": show_runs, "stop": stop_run, "pause": let_run_wait, "watch": watch_run,
}


# A server on this data folder


def server_of(flags: Flags) -> str:
    """Return the address of the server that runs on this data folder; "" if there is none."""
    lock = flags.paths.server_lock
    return str(read_note(lock).get("address", "")) if is_held(lock) else ""


def train_there(app: App, address: str, request: Training) -> int:
    """Give the run to a server, and follow it; returns the exit code. Raises JobFailed with the server's words."""
    changed = {name: value for name, value in asdict(request).items() if value != defaults(Training)[name]}
    job = server_json(f"{address}/easel/v1/train", changed)["job"]
    print(f"The server at {address} trains: job {job}.", file=sys.stderr)
    try:
        return follow_there(f"{address}/easel/v1/jobs/{job}")
    except KeyboardInterrupt:
        print("\nThe run goes on. Stop it with: webui.py train --stop NAME", file=sys.stderr)
        return STOPPED


def follow_there(job: str) -> int:
    """Print how far a job is until it has ended."""
    while True:
        told = server_json(job)
        print(f"\rstep {told['step']} of {told['steps']}  ", end="", file=sys.stderr)
        if told["state"] not in ("queued", "running"):
            print(file=sys.stderr)
            print(*(output["name"] for output in told["outputs"]), sep="\n")
            if told["error"]:
                raise JobFailed(told["error"]["message"], told["error"]["hint"])
            return 0 if told["state"] == DONE else STOPPED
        time.sleep(FOLLOW_SECONDS)


def server_json(address: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the server's JSON. Raises JobFailed."""
    content = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(address, content, {"Content-Type": "application/json"}), timeout=ANSWER_SECONDS) as reply:
            found: dict[str, Any] = json.load(reply)
            return found
    except HTTPError as error:
        told = json.loads(error.read() or b"{}")
        raise JobFailed(str(told.get("message", error)), str(told.get("hint", ""))) from error
    except (URLError, OSError, ValueError) as error:
        raise JobFailed(f"The server at {address} does not answer: {error}.", "Stop it, or wait for it.") from error
