"""The command line: A1111's flag names, declared once.

A flag is a field of `Flags`; the parser, `--help` and the API's list derive from it. Standard library only:
a mistyped flag is answered before anything is installed or loaded.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from modules.base.errors import Invalid
from modules.base.logs import LOG_LEVELS
from modules.settings.a1111_flags import ATTENTION_FLAGS, IGNORED_FLAGS, REFUSED
from modules.settings.flag_types import (
    Added,
    FlagAccounts,
    accounts_file,
    any_path,
    device_list,
    existing_file,
    existing_folder,
    host_list,
    name_list,
    network_list,
    origin_list,
    parse_accounts,
    port_number,
    regular_expression,
    seconds,
    url_path,
)

ROOT = Path(__file__).resolve().parents[2]
THREAD_WORKER, PROCESS_WORKER, RAY_WORKER = "thread", "process", "ray"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

FLAG_GROUPS = NETWORK_GROUP, FILES_GROUP, START_GROUP, DEVICE_GROUP, ATTENTION_GROUP = (
    "who can reach Easel", "where files are", "starting up", "device and precision",
    "how attention is computed (the setting \"Cross attention optimization\" goes before these)",
)
DEVICE_TASKS = ("all", "sd", "interrogate", "gfpgan", "bsrgan", "esrgan", "scunet", "codeformer")

UPSCALER_HELP = "one more folder of upscalers"

FLAGS_DESCRIPTION = """\
Easel, a Stable Diffusion web UI.

  python3 webui.py                        open the page in your browser
  python3 webui.py generate "a red fox"   make a picture from the terminal
  python3 webui.py backup FILE            save settings, styles, accounts and the database
  python3 webui.py restore FILE           put a backup back in place
  python3 webui.py worker                 let this machine draw for a server on another one
  python3 webui.py test                   run the tests
  python3 webui.py bench                  measure speed
  python3 webui.py docs                   write the tables of docs/ anew

The first start installs what Easel needs into .venv, beside webui.py."""
EPILOG = "Flags may also stand in the environment variable COMMANDLINE_ARGS; those of the command line win."


def flag(group: str, explain: str, default: Any = None, *, secret: bool = False, **how: Any) -> Any:
    """Declare a field of `Flags`; `how` goes to argparse. A flag whose default is False is a switch."""
    if default is False:
        how["action"] = "store_true"
    return field(
        default=default, repr=not secret, metadata={"group": group, "help": explain, "how": how, "secret": secret}
    )


@dataclass(frozen=True, kw_only=True)
class Flags:
    """The values of the command line."""

    listen: bool = flag(NETWORK_GROUP, "let other computers of your network in; people log in", False)
    port: int = flag(NETWORK_GROUP, "the number after the colon in the address", 7860, type=port_number, metavar="N")
    server_name: str | None = flag(NETWORK_GROUP, "answer only at this address of this computer", metavar="ADDRESS")
    subpath: str = flag(
        NETWORK_GROUP, "serve below this path, behind a reverse proxy", "", type=url_path, metavar="PATH"
    )
    gradio_auth: FlagAccounts = flag(NETWORK_GROUP, "accounts for the page: name:password, separated by commas", (),
                                 secret=True, type=parse_accounts, metavar="NAME:PASSWORD,…")
    api: bool = flag(
        NETWORK_GROUP, "a habit from A1111: here the API under /sdapi/v1 is always open beside the page", False
    )
    api_auth: FlagAccounts = flag(NETWORK_GROUP, "accounts for the API, in the same form", (),
                              secret=True, type=parse_accounts, metavar="NAME:PASSWORD,…")
    gradio_auth_path: FlagAccounts = flag(
        NETWORK_GROUP,
        "accounts out of a file of name:password, one to a line: nobody sees them in a list of processes",
        (),
        secret=True,
        type=accounts_file,
        metavar="FILE",
    )
    tls_certfile: Path | None = flag(
        NETWORK_GROUP, "speak https with this certificate (PEM, with those that vouch for it)", type=existing_file,
        metavar="FILE",
    )
    tls_keyfile: Path | None = flag(
        NETWORK_GROUP, "its private key (PEM, without a password)", type=existing_file, metavar="FILE"
    )
    timeout_keep_alive: int = flag(
        NETWORK_GROUP, "seconds an idle connection is kept open (default: 75)", 75, type=seconds, metavar="N"
    )
    nowebui: bool = flag(NETWORK_GROUP, "serve the API alone, without the page", False)
    metrics: bool = flag(
        NETWORK_GROUP, "give the administrator figures for Prometheus at /internal/metrics", False
    )
    trusted_proxy: tuple[str, ...] = flag(
        NETWORK_GROUP,
        "believe the X-Forwarded headers that come from these addresses: reverse proxies"
        " or their networks, separated by commas (default: none)",
        (),
        type=network_list,
        metavar="ADDRESS,…",
    )
    allowed_hosts: tuple[str, ...] = flag(
        NETWORK_GROUP,
        "other names by which this server is reached, such as a reverse proxy's, separated by commas",
        (),
        type=host_list,
        metavar="NAME,…",
    )
    cors_allow_origins: tuple[str, ...] = flag(
        NETWORK_GROUP,
        "other sites whose pages may use this server, like https://example.org,"
        " separated by commas; * for all needs accounts",
        (),
        type=origin_list,
        metavar="ORIGIN,…",
    )
    cors_allow_origins_regex: str | None = flag(
        NETWORK_GROUP,
        "the same as a regular expression that fits a whole origin",
        type=regular_expression,
        metavar="PATTERN",
    )

    data_dir: Path = flag(FILES_GROUP, "keep models, pictures and settings here (default: beside webui.py)", ROOT,
                          type=any_path, metavar="FOLDER")
    models_dir: Path | None = flag(FILES_GROUP, "the folder of Stable-diffusion, VAE, Lora … (default: models)",
                                   type=existing_folder, metavar="FOLDER")
    ckpt: Path | None = flag(FILES_GROUP, "start with this checkpoint", type=existing_file, metavar="FILE")
    ckpt_dir: Path | None = flag(FILES_GROUP, "one more folder of checkpoints", type=existing_folder, metavar="FOLDER")
    vae_dir: Path | None = flag(FILES_GROUP, "one more folder of VAEs", type=existing_folder, metavar="FOLDER")
    lora_dir: Path | None = flag(FILES_GROUP, "one more folder of LoRAs", type=existing_folder, metavar="FOLDER")
    lyco_dir: Path | None = flag(
        FILES_GROUP, "one more folder of LoRAs, as older LyCORIS files had", type=existing_folder, metavar="FOLDER"
    )
    lyco_dir_backcompat: Path | None = flag(
        FILES_GROUP, "the same under A1111's later name", type=existing_folder, metavar="FOLDER"
    )
    embeddings_dir: Path | None = flag(FILES_GROUP, "one more folder of textual-inversion embeddings",
                                       type=existing_folder, metavar="FOLDER")
    hypernetwork_dir: Path | None = flag(
        FILES_GROUP, "one more folder of hypernetworks", type=existing_folder, metavar="FOLDER"
    )
    esrgan_models_path: Path | None = flag(FILES_GROUP, UPSCALER_HELP, type=existing_folder, metavar="FOLDER")
    bsrgan_models_path: Path | None = flag(FILES_GROUP, UPSCALER_HELP, type=existing_folder, metavar="FOLDER")
    realesrgan_models_path: Path | None = flag(FILES_GROUP, UPSCALER_HELP, type=existing_folder, metavar="FOLDER")
    swinir_models_path: Path | None = flag(FILES_GROUP, UPSCALER_HELP, type=existing_folder, metavar="FOLDER")
    scunet_models_path: Path | None = flag(FILES_GROUP, UPSCALER_HELP, type=existing_folder, metavar="FOLDER")
    dat_models_path: Path | None = flag(FILES_GROUP, UPSCALER_HELP, type=existing_folder, metavar="FOLDER")
    gfpgan_models_path: Path | None = flag(
        FILES_GROUP, "one more folder of GFPGAN's files", type=existing_folder, metavar="FOLDER"
    )
    gfpgan_dir: Path | None = flag(
        FILES_GROUP, "the same under A1111's older name", type=existing_folder, metavar="FOLDER"
    )
    codeformer_models_path: Path | None = flag(
        FILES_GROUP, "one more folder of CodeFormer's files", type=existing_folder, metavar="FOLDER"
    )
    controlnet_dir: Path | None = flag(
        FILES_GROUP, "one more folder of ControlNets", type=existing_folder, metavar="FOLDER"
    )
    controlnet_annotator_models_path: Path | None = flag(
        FILES_GROUP, "one more folder of the networks of ControlNet's preprocessors", type=existing_folder,
        metavar="FOLDER",
    )
    batch_dir: tuple[Path, ...] = flag(
        FILES_GROUP,
        "folders that all users of a shared server may run batches in (default: none)",
        (),
        nargs="+",
        type=existing_folder,
        metavar="FOLDER",
    )
    styles_file: tuple[Path, ...] = flag(
        FILES_GROUP,
        "saved prompt styles, with * and ? for several files; may be given again (default: styles.csv)",
        (),
        action=Added,
        type=any_path,
        metavar="FILE",
    )
    ui_settings_file: Path | None = flag(
        FILES_GROUP, "saved settings (default: config.json)", type=any_path, metavar="FILE"
    )

    autolaunch: bool = flag(START_GROUP, "open the browser once the page is up", False)
    theme: str | None = flag(START_GROUP, "colours of the page (default: as the browser's)", choices=("light", "dark"))
    skip_install: bool = flag(START_GROUP, "never install anything, use what is there", False)
    loglevel: str = flag(
        START_GROUP, "what the log tells; debug adds remarks to jobs' owners, which may quote prompts (default: info)",
        "info", type=str.lower, choices=LOG_LEVELS,
    )
    log_json: bool = flag(START_GROUP, "write the log as JSON, an object a line", False)
    no_tcmalloc: bool = flag(
        START_GROUP, "on Linux, keep the system's own memory allocator though tcmalloc is installed", False
    )

    no_half: bool = flag(DEVICE_GROUP, "keep all weights in 32 bits", False)
    no_half_vae: bool = flag(DEVICE_GROUP, "keep the VAE in 32 bits: helps against black pictures", False)
    precision: str = flag(DEVICE_GROUP, "arithmetic of the model (default: autocast)", "autocast",
                          choices=("full", "half", "autocast"))
    device_id: tuple[str, ...] = flag(
        DEVICE_GROUP, "which GPU, counted from 0; several, like 0,1, each get a worker process of their own", (),
        type=device_list, metavar="N,…",
    )
    worker: str | None = flag(
        DEVICE_GROUP,
        "make pictures in a thread of the server, or in a process of its own that may crash or hang without the"
        " server, or on the machines of a Ray cluster (default: process with --listen or several devices, else thread)",
        choices=(THREAD_WORKER, PROCESS_WORKER, RAY_WORKER),
    )
    ray_address: str = flag(
        DEVICE_GROUP, "with --worker ray, the running cluster: host:port, or auto for the one that this machine is in"
        " (default: a cluster of this machine alone)", "", metavar="ADDRESS",
    )
    worker_timeout: int = flag(
        DEVICE_GROUP, "seconds without a finished step after which a worker process is taken to hang and is replaced"
        " (default: 600)", 600, type=seconds, metavar="N",
    )
    test_hooks: bool = flag(
        DEVICE_GROUP, "for tests, on this computer alone: the environment variable EASEL_FAULT makes a job fail", False
    )
    xformers: bool = flag(ATTENTION_GROUP, "by xformers, on an NVIDIA GPU; installs it there", False)
    force_enable_xformers: bool = flag(
        ATTENTION_GROUP, "the same: whether xformers works is tried here in any case", False
    )
    opt_split_attention: bool = flag(ATTENTION_GROUP, "row by row, with less memory (A1111's Doggettx)", False)
    opt_sdp_no_mem_attention: bool = flag(
        ATTENTION_GROUP, "by PyTorch without its memory-efficient kernel, so that a GPU repeats itself", False
    )
    opt_sdp_attention: bool = flag(ATTENTION_GROUP, "by PyTorch, which chooses the kernel: the usual way", False)
    opt_sub_quad_attention: bool = flag(ATTENTION_GROUP, "head by head, with the least memory", False)
    opt_split_attention_v1: bool = flag(ATTENTION_GROUP, "row by row (A1111's V1)", False)
    opt_split_attention_invokeai: bool = flag(ATTENTION_GROUP, "row by row (A1111's InvokeAI)", False)
    use_cpu: tuple[str, ...] = flag(DEVICE_GROUP, "do these tasks on the CPU: all, sd, …", (),
                                    nargs="+", type=str.lower, choices=DEVICE_TASKS, metavar="TASK")

    disable_all_extensions: bool = flag(START_GROUP, "load no extension but Easel's own parts, for this start", False)
    disable_extra_extensions: bool = flag(START_GROUP, "the same", False)
    disable_extensions: tuple[str, ...] = flag(
        START_GROUP, "load these extensions not, for this start: names of folders, separated by commas", (),
        type=name_list, metavar="NAME,…",
    )
    reload_extensions: bool = flag(
        START_GROUP, "take extensions of Easel's own API anew when their files change: for their authors, on this "
        "computer alone, with --worker thread", False,
    )
    enable_insecure_extension_access: bool = flag(
        NETWORK_GROUP, "let the administrator install and switch extensions beyond this computer too", False
    )

    extension_flags: tuple[str, ...] = field(default=(), repr=False)     # unknown ones, which an extension may know
    notes: tuple[str, ...] = field(default=(), repr=False)      # one line for each flag without effect

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.server_name or ("0.0.0.0" if self.listen else "127.0.0.1")

    @property
    def accounts(self) -> FlagAccounts:
        """The accounts given by flags; the first one is the administrator."""
        return self.gradio_auth + self.gradio_auth_path + self.api_auth

    @property
    def worker_kind(self) -> str:
        """What a worker is here: a thread of the server or a process."""
        alone = self.host in LOOPBACK and len(self.device_id) < 2
        return self.worker or (THREAD_WORKER if alone else PROCESS_WORKER)

    @property
    def attention(self) -> str:
        """The attention backend of the setting "Automatic"; of several flags the first in A1111's order counts."""
        return next((name for flag, name in ATTENTION_FLAGS.items() if getattr(self, flag)), "Automatic")

    @property
    def shared(self) -> bool:
        """True if others than the person at this computer may use the server."""
        return bool(self.accounts) or self.host not in LOOPBACK

    @property
    def paths(self) -> Paths:
        return locate(self)

    def public(self) -> dict[str, Any]:
        """Flag name → value, without the secret ones."""
        return {f.name: getattr(self, f.name) for f in flag_fields() if not f.metadata["secret"]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """The paths of program and data; all absolute, none need exist."""

    root: Path                          # the program
    data_dir: Path                      # the user's data
    models: Path                        # the folder of each kind is named in library/model_kinds.py
    vae_approximations: Path
    outputs: Path
    cache: Path
    settings_file: Path
    styles_files: tuple[Path, ...]      # their names may contain * and ?
    database: Path
    server_lock: Path                   # held by the one server of a data folder
    terminal_locks: Path                # the folder of the locks of `generate`, which may run beside the server
    configs: Path
    extensions: Path
    examples: Path                      # extensions that come with the program


def locate(flags: Flags) -> Paths:
    data = flags.data_dir
    models = flags.models_dir or data / "models"
    return Paths(
        root=ROOT,
        data_dir=data,
        models=models,
        vae_approximations=models / "VAE-approx",
        outputs=data / "outputs",
        cache=data / "cache",
        settings_file=flags.ui_settings_file or data / "config.json",
        styles_files=flags.styles_file or (data / "styles.csv",),
        database=data / "easel.sqlite",
        server_lock=data / "easel.lock",
        terminal_locks=data / "cache" / "terminals",
        configs=ROOT / "configs",
        extensions=data / "extensions",
        examples=ROOT / "extensions",
    )


def flag_fields() -> list[Field[Any]]:
    return [f for f in fields(Flags) if "group" in f.metadata]


def spelled(name: str) -> str:
    return "--" + name.replace("_", "-")


class Parser(argparse.ArgumentParser):
    """A parser that raises errors instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise Invalid(message[:1].upper() + message[1:] + ".", "`python3 webui.py --help` lists the flags.")


class IgnoredFlag(argparse.Action):
    """A flag of A1111's without effect here: noted, so that nobody waits for its effect."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        namespace.notes = (*namespace.notes, f"{option_string} {self.const}")


class Refused(argparse.Action):
    """A flag of A1111's that protects something, and is refused: ignored, it would leave the user unprotected."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> NoReturn:
        raise Invalid(f"Easel cannot do {option_string} yet.", str(self.const))


def build_parser(help_flag: bool) -> Parser:
    parser = Parser(prog="webui.py", usage="python3 webui.py [serve | generate | test | bench | docs] [flags]",
                    description=FLAGS_DESCRIPTION, epilog=EPILOG, allow_abbrev=False, add_help=False,
                    formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=32))
    groups = {title: parser.add_argument_group(title) for title in FLAG_GROUPS}
    for f in flag_fields():
        about = f.metadata
        groups[about["group"]].add_argument(
            spelled(f.name), dest=f.name, default=f.default, help=about["help"], **about["how"])
    if help_flag:
        groups[START_GROUP].add_argument("-h", "--help", action="help", help="show this and stop")
    add_unused(parser, IgnoredFlag, IGNORED_FLAGS)
    add_unused(parser, Refused, REFUSED)
    parser.set_defaults(notes=())
    return parser


def add_unused(parser: Parser, action: type[argparse.Action], table: Mapping[str, str]) -> None:
    """Add A1111's other flags to the parser; `--help` does not list them."""
    for explain, entries in table.items():
        for entry in entries.split():
            name, _, value = entry.partition("=")
            parser.add_argument(name, action=action, nargs=1 if value else 0, const=explain, help=argparse.SUPPRESS)


def parse_flags(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Flags:
    """Parse the flags of `serve`.

    Raises Invalid for a bad value or an unknown flag; `--help` prints and raises SystemExit(0).
    """
    flags, rest = read_flags(build_parser(help_flag=True), argv, environ)
    if rest and rest[0].startswith("--") and any(flags.paths.extensions.glob("*/preload.py")):
        return replace(flags, extension_flags=tuple(rest))
    if rest:
        raise unknown_argument(rest)
    return flags


def parse_known(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> tuple[Flags, list[str]]:
    """Return the flags and the other arguments in order, for a command with arguments of its own."""
    return read_flags(build_parser(help_flag=False), argv, environ)


def read_flags(parser: Parser, argv: Sequence[str], environ: Mapping[str, str]) -> tuple[Flags, list[str]]:
    found, rest = parser.parse_known_args([*from_environment(environ), *argv])
    values = vars(found)
    values |= {"extension_flags": ()} | {name: tuple(values[name]) for name in ("use_cpu", "batch_dir")}
    flags = Flags(**{f.name: values[f.name] for f in fields(Flags)})
    if "*" in flags.cors_allow_origins and not flags.accounts:
        raise Invalid(
            "--cors-allow-origins * would let every page of the web use Easel.",
            "Name the origins, or give accounts with --gradio-auth.",
        )
    if bool(flags.tls_certfile) != bool(flags.tls_keyfile):
        raise Invalid("For https there must be a certificate and its key.", "Give --tls-certfile and --tls-keyfile.")
    return flags, rest


def without_secrets(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the arguments into those that a list of processes may show, and those with passwords."""
    names = {spelled(f.name) for f in flag_fields() if f.metadata["secret"]} - {"--gradio-auth-path"}
    plain: list[str] = []
    secret: list[str] = []
    into = plain
    for word in argv:
        if word.partition("=")[0] in names:
            secret.append(word)
            into = plain if "=" in word else secret      # the list of the next word
        else:
            into.append(word)
            into = plain
    return plain, secret


def from_environment(environ: Mapping[str, str]) -> list[str]:
    try:
        return shlex.split(environ.get("COMMANDLINE_ARGS", ""))
    except ValueError as error:
        raise Invalid(
            "COMMANDLINE_ARGS has a quote that is never closed.", "Close it, or empty the variable."
        ) from error


def unknown_argument(rest: Sequence[str]) -> Invalid:
    """Return the error for an unknown argument, without its value: that may be a password."""
    first = next((word for word in rest if word.startswith("-")), rest[0])
    name = first.partition("=")[0]
    if not name.startswith("-"):
        return Invalid(f"What is {name!r}? A flag starts with --.", "A command, like generate, goes before all flags.")
    near = closest(name)
    return Invalid(f"There is no flag {name}.",
                   f"Did you mean {near}?" if near else "`python3 webui.py --help` lists the flags.")


def closest(name: str) -> str:
    """Return the known flag most like `name`; "" if none is."""
    known = list(known_flags())
    started = [flag for flag in known if len(name) > 3 and flag.startswith(name)]
    return next(iter(started or difflib.get_close_matches(name, known, n=1)), "")


def known_flags() -> Iterable[str]:
    """Return all flags, those with an effect first."""
    yield from (spelled(f.name) for f in flag_fields())
    yield "--help"
    for entries in (*IGNORED_FLAGS.values(), *REFUSED.values()):
        yield from (entry.partition("=")[0] for entry in entries.split())
