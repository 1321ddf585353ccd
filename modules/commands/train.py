"""Training from the terminal: `python3 webui.py train my-cat --max-train-steps 800`.

A server that runs on this data folder is given the run, which then shares its device; without one the run is carried
out here. Either way it may be stopped, killed and gone on with.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
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
from modules.commands.train_plan import dry_run, write_plan
from modules.params.training import Training
from modules.params.training_files.plan_draft import PlanDraft
from modules.requests.read_fields import read_fields
from modules.requests.submit import Submission
from modules.requests.training_plan import plan_of_draft, read_sources
from modules.requests.training_runs import TrainingRun, named_run, runs_of
from modules.settings.flags import Flags
from modules.store.jobs import DONE, INTERRUPTED
from modules.store.run_folder import PAUSE, STOP

# fields by which a run is found, or that may be given anew
RUNS_OWN = ("resume", "max_train_steps", "train_data_dir", "output_name", "pretrained_model_name_or_path")
FOLLOW_SECONDS = 0.5      # between two looks at a run that another process carries out
ANSWER_SECONDS, MEASURE_SECONDS = 30.0, 1800.0


def train(flags: Flags, arguments: Sequence[str]) -> int:
    """Train, or steer runs; returns the exit code."""
    given = vars(train_parser().parse_args(list(arguments)))
    dry, path = given.pop("dry_run"), given.pop("write")
    if path:
        return write_plan(plan_of_draft(draft_of(given)), path)
    if dry:
        read = plan_of_draft(draft_of(given))
        return dry_run(read) or measure(flags, read.plan)
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


def measure(flags: Flags, plan: Training) -> int:
    """Print what three real steps take in time and memory; nothing is kept of them. Returns the exit code."""
    if address := server_of(flags):
        told = server_json(f"{address}/easel/v1/train/measure", changed_fields(plan), MEASURE_SECONDS)["told"]
        print(*told, sep="\n")
        return 0
    with terminal_process(flags.paths) as held:
        app = assemble(flags, held)
        if app.models.checkpoints.default() is None:
            print("Time and memory are not measured: there is no checkpoint to train on.")
            return 0
        return carry_out(app, Submission("measure_training", plan))


def train_parser() -> ArgumentParser:
    """Return the parser: a folder or files, what to do with runs, and every field of a plan as a flag."""
    parser = ArgumentParser(prog="webui.py train", allow_abbrev=False)
    parser.add_argument("sources", nargs="*", help="A folder with pictures, or plans of any tool; later ones win.")
    parser.add_argument("--dry-run", action="store_true",
                        help="Show what training would see, and measure three steps of which nothing is kept.")
    parser.add_argument("--write", metavar="FILE", help="Write the resolved plan as a .toml, and train nothing.")
    parser.add_argument("--list", action="store_true", help="Show all runs.")
    for name, told in (("stop", "End a run, with a state."), ("pause", "Have a run wait, with a state."),
                       ("watch", "Follow a run to its end.")):
        parser.add_argument(f"--{name}", metavar="RUN", help=told)
    parser.add_argument("--fresh", action="store_true", help="Begin anew, though there is a run that could go on.")
    kinds = get_type_hints(Training)
    for name, param in declared_params(Training).items():
        if kinds[name] in (bool, bool | None):
            # argparse would take a flag that begins so for another one's opposite
            action: Any = "store_true" if name.startswith("no_") else BooleanOptionalAction
            parser.add_argument(flag_of(name), f"--{name}", action=action, default=None, help=param.label)
        elif name != "datasets":
            nargs = "*" if isinstance(defaults(Training)[name], tuple) else None
            told = param.help.replace("%", "%%")
            parser.add_argument(flag_of(name), f"--{name}", nargs=nargs, help=told, metavar=name.upper())
    return parser


def training_asked(app: App, given: dict[str, Any]) -> Training:
    """Return the plan of a command line, or that of the run that goes on by itself. Raises Invalid."""
    draft = draft_of(given)
    for note in (*draft.ignored, *draft.unknown):
        print(note, file=sys.stderr)
    request: Training = read_fields(Training, draft.values)
    going = None if given["fresh"] or request.resume else unfinished_run(app, request)
    if going:
        print(f"Going on with {going.name}; --fresh begins anew.", file=sys.stderr)
    going = going or (named_run(app, request.resume, LOCAL_ACCOUNT) if request.resume else None)
    if going is None:
        return request
    if kept := kept_fields(request, draft.values.keys(), going.folder.params()):
        print(f"It keeps what it began with: {', '.join(kept)}.", file=sys.stderr)
    return Training(resume=going.name, max_train_steps=request.max_train_steps)


def kept_fields(request: Training, given: Iterable[str], recorded: Mapping[str, Any]) -> list[str]:
    """Return the fields that are given otherwise than in a run that goes on, which keeps its own; but for its steps."""
    asked = json.loads(json.dumps(asdict(request)))
    changed = (name for name in given if name in recorded and asked.get(name) != recorded[name])
    return sorted(name for name in changed if name not in RUNS_OWN)


def draft_of(given: Mapping[str, Any]) -> PlanDraft:
    """Return the draft of a command line: folders and files from left to right, then flags. Raises Invalid."""
    draft = read_sources(given["sources"])
    for name in declared_params(Training):
        if (value := given.get(name)) is not None:
            draft.set(name, as_field(name, value), flag_of(name))
    if not draft.values:
        raise Invalid("There is nothing to train on.", "Name a folder with pictures, or a plan: webui.py train my-cat.")
    return draft


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
    job = server_json(f"{address}/easel/v1/train", changed_fields(request))["job"]
    print(f"The server at {address} trains: job {job}.", file=sys.stderr)
    try:
        return follow_there(f"{address}/easel/v1/jobs/{job}")
    except KeyboardInterrupt:
        print("\nThe run goes on. Stop it with: webui.py train --stop NAME", file=sys.stderr)
        return STOPPED


def changed_fields(request: Training) -> dict[str, Any]:
    return {name: value for name, value in asdict(request).items() if value != defaults(Training)[name]}


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


def server_json(
    address: str, body: Mapping[str, Any] | None = None, patience: float = ANSWER_SECONDS
) -> dict[str, Any]:
    """Return the server's JSON. Raises JobFailed."""
    content = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(address, content, {"Content-Type": "application/json"}), timeout=patience) as reply:
            found: dict[str, Any] = json.load(reply)
            return found
    except HTTPError as error:
        told = json.loads(error.read() or b"{}")
        raise JobFailed(str(told.get("message", error)), str(told.get("hint", ""))) from error
    except (URLError, OSError, ValueError) as error:
        raise JobFailed(f"The server at {address} does not answer: {error}.", "Stop it, or wait for it.") from error
