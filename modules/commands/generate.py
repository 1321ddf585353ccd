"""Pictures from the terminal: `python3 webui.py generate "a red fox" --steps 20`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, get_type_hints

from pydantic import ValidationError
from tqdm import tqdm

from modules.app.app import App
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import Invalid, JobFailed
from modules.base.fields import checker, declared
from modules.commands.assemble import assemble, start_worker, terminal_process
from modules.params.txt2img import Txt2Img
from modules.requests.model_choice import first_checkpoint, form_start
from modules.requests.resolve import prepared
from modules.settings.flags import Flags
from modules.store.jobs import DONE

STOPPED = 130      # what a shell expects of a program that Ctrl-C ended


def generate(flags: Flags, arguments: Sequence[str]) -> int:
    """Make what `arguments` ask for and print where it is; returns the exit code."""
    with terminal_process(flags.paths) as held:
        return made(assemble(flags, held), arguments)


def made(app: App, arguments: Sequence[str]) -> int:
    model = first_checkpoint(app)
    settings = replace(app.settings.current, sd_model_checkpoint=model.name if model else "")
    params = prepared(read(arguments, form_start(app, model)["defaults"]["txt2img"]))
    start_worker(app, resume=False)
    job = app.jobs.submit("txt2img", asdict(params), settings, LOCAL_ACCOUNT.name)
    try:
        follow(app, job)
    except KeyboardInterrupt:
        app.jobs.interrupt(job)
    record = app.jobs.wait(job)
    app.jobs.worker.stop()
    for picture in record.pictures:
        print(picture.path)
    if record.error:
        raise JobFailed(record.error["message"], record.error["hint"])
    return 0 if record.state == DONE else STOPPED


def read(arguments: Sequence[str], defaults: dict[str, Any]) -> Txt2Img:
    """Every field of the request is a flag: `--cfg-scale 5`. Raises Invalid naming a field outside its limits."""
    parser = argparse.ArgumentParser(prog="webui.py generate", allow_abbrev=False)
    parser.add_argument("prompt", help="what to draw")
    kinds = get_type_hints(Txt2Img)
    for name, param in declared(Txt2Img).items():
        if kinds[name] in (int, float, str) and name != "prompt":
            told = f"{param.help} ({defaults[name]})".replace("%", "%%")
            parser.add_argument(flag_of(name), type=kinds[name], default=defaults[name], help=told, metavar=name.upper())
        elif kinds[name] is bool:
            parser.add_argument(flag_of(name), action=argparse.BooleanOptionalAction, default=defaults[name], help=param.help)
    try:
        return checker(Txt2Img).validate_python(vars(parser.parse_args(arguments)))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise Invalid(f"{flag_of(name)} cannot be {first['input']!r:.80}.", f"{first['msg']}.", name) from error


def flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def follow(app: App, job: str) -> None:
    """A progress bar until the job has ended; none where no one watches."""
    with tqdm(total=100, disable=None, bar_format="{desc:<24.24} {percentage:3.0f} % {bar:30} {postfix}") as bar:
        while live := app.jobs.live.get(job):
            loading = app.jobs.state.loading
            bar.desc = f"loading {loading}" if loading else f"step {live.step}/{live.steps}"
            bar.postfix = f"{live.eta:.0f} s" if live.eta else ""
            bar.n = round(live.fraction * 100)
            bar.refresh()
            time.sleep(0.2)
        bar.n, bar.desc, bar.postfix = 100, "done", ""
