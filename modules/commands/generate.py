"""Pictures from the terminal: `python3 webui.py generate "a red fox" --steps 20`."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_type_hints

from pydantic import ValidationError
from tqdm import tqdm

from modules.app.app import App
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import Invalid, JobFailed
from modules.base.fields import Choices, checker, declared_params
from modules.commands.assemble import assemble, start_worker, terminal_process
from modules.params.txt2img import Txt2Img
from modules.requests.form import start_values, with_script
from modules.requests.kinds import JOB_KINDS
from modules.requests.model_choice import first_checkpoint
from modules.requests.submit import Submission, submit
from modules.settings.flags import Flags
from modules.store.jobs import DONE

STOPPED = 130      # the exit code of a program ended by Ctrl-C


def generate(flags: Flags, arguments: Sequence[str]) -> int:
    """Make the pictures and print their paths; returns the exit code."""
    with terminal_process(flags.paths) as held:
        app = assemble(flags, held)
        submission = read_arguments(app, arguments)
        if submission.request.extensions:
            app.extensions.load(app)
        return carry_out(app, submission)


def carry_out(app: App, submission: Submission) -> int:
    """Run the job with a progress bar, and print the paths of its outputs; returns the exit code.

    Raises the error that refuses it, or JobFailed.
    """
    submitted = submit(app, submission, LOCAL_ACCOUNT)
    start_worker(app, resume=False)      # not earlier: a program that ends while a thread imports torch may crash
    for note in submitted.notes:
        print(note, file=sys.stderr)
    try:
        follow(app, submitted.job)
    except KeyboardInterrupt:
        app.jobs.interrupt(submitted.job)
    record = app.jobs.wait(submitted.job)
    app.jobs.stop_worker()
    for warning in record.warnings:
        print(warning, file=sys.stderr)
    for output in record.outputs:
        print(output.path)
    if record.error:
        raise JobFailed(record.error["message"], record.error["hint"])
    return 0 if record.state == DONE else STOPPED


def read_arguments(app: App, arguments: Sequence[str]) -> Submission:
    """Return the submission of a command line; its model, or the last choice here, decides on the defaults.

    Raises Invalid.
    """
    settings = pairs_of("--setting", settings_parser().parse_known_args(arguments)[0].setting)
    if not settings.get("sd_model_checkpoint"):
        model = first_checkpoint(app)
        settings |= {"sd_model_checkpoint": model.name if model else None}
    begun = start_values(app, JOB_KINDS["txt2img"], app.settings.current, settings)
    return parse_submission(arguments, begun, settings)


def parse_submission(
    arguments: Sequence[str], defaults: Mapping[str, Any], settings: Mapping[str, Any] = MappingProxyType({})
) -> Submission:
    """Parse a submission; every field of the request is a flag: `--cfg-scale 5`. Raises Invalid naming the flag."""
    given = vars(parser_of(defaults).parse_args(arguments))
    script = given.pop("script"), pairs_of("--script-argument", given.pop("script_argument"))
    given["extensions"] = arguments_by_extension(pairs_of("--extension", given.pop("extension")))
    del given["setting"]
    try:
        request = checker(Txt2Img).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise Invalid(f"{flag_of(name)} cannot be {first['input']!r:.80}.", f"{first['msg']}.", name) from error
    return Submission("txt2img", with_script(JOB_KINDS["txt2img"], request, *script), settings)


def parser_of(defaults: Mapping[str, Any]) -> ArgumentParser:
    parser = ArgumentParser(prog="webui.py generate", allow_abbrev=False, parents=[settings_parser()])
    parser.add_argument("prompt", help="what to draw")
    kinds = get_type_hints(Txt2Img)
    for name, param in declared_params(Txt2Img).items():
        if kinds[name] in (int, float, str) and name != "prompt":
            told = f"{param.help} ({defaults[name]})".replace("%", "%%")
            parser.add_argument(
                flag_of(name), type=kinds[name], default=defaults[name], help=told, metavar=name.upper()
            )
        elif kinds[name] is bool:
            parser.add_argument(flag_of(name), action=BooleanOptionalAction, default=defaults[name], help=param.help)
        elif isinstance(param.widget, Choices):
            parser.add_argument(
                flag_of(name), action="append", default=[], help=f"{param.help} May be given again.", metavar="NAME"
            )
    parser.add_argument(
        "--script", default="", help="What is done instead of drawing the request once.", metavar="NAME"
    )
    parser.add_argument(
        "--script-argument",
        action="append",
        default=[],
        help="An argument of the script. May be given again.",
        metavar="NAME=VALUE",
    )
    told = "An argument of an extension, such as warm-light.amount=0.5. May be given again."
    parser.add_argument("--extension", action="append", default=[], help=told, metavar="NAME.ARGUMENT=VALUE")
    return parser


def settings_parser() -> ArgumentParser:
    """Return the parser of settings, which runs first: the model named there decides on other defaults."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    told = "A setting for this call alone, such as sd_vae=None. May be given again."
    parser.add_argument("--setting", action="append", default=[], help=told, metavar="NAME=VALUE")
    return parser


def pairs_of(flag: str, given: Sequence[str]) -> dict[str, Any]:
    """Return `name=value` as name → value; JSON values are parsed, any other value is a text. Raises Invalid."""
    found = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not name or not equals:
            raise Invalid(f"{flag} cannot be {each!r:.80}.", "Write name=value.", flag.removeprefix("--"))
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def arguments_by_extension(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return extension → argument → value, from `warm-light.amount` → value. Raises Invalid for another name."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        extension, dot, argument = name.partition(".")
        if not dot or not argument:
            raise Invalid(f"--extension cannot be {name!r:.80}.", "Write warm-light.amount=0.5.", "extension")
        found.setdefault(extension, {})[argument] = value
    return found


def flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def follow(app: App, job: str) -> None:
    """Show a progress bar until the job has ended; none if the output is no terminal."""
    with tqdm(total=100, disable=None, bar_format="{desc:<24.24} {percentage:3.0f} % {bar:30} {postfix}") as bar:
        while live := app.jobs.unfinished.live.get(job):
            loading = app.jobs.status.state.loading
            bar.desc = f"loading {loading}" if loading else f"step {live.step}/{live.steps}"
            bar.postfix = f"{live.eta:.0f} s" if live.eta else ""
            bar.n = round(live.fraction * 100)
            bar.refresh()
            time.sleep(0.2)
        bar.n, bar.desc, bar.postfix = 100, "done", ""
