"""`webui.py worker`: this machine draws for a server on another one, as a part of its Ray cluster."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
from collections.abc import Mapping

from modules.base.bootstrap import hand_over, say
from modules.base.errors import Invalid
from modules.commands.cluster_host import KEPT_GIGABYTES, MACHINE_FLAGS, MACHINE_FOLDER, STORE_FOLDER
from modules.settings.flag_types import ipv4_address, port_number
from modules.settings.flags import ROOT, Flags, Parser, unknown_argument
from modules.settings.told_flags import public_flags
from modules.worker.cluster.machine_files import KEEP_GIGABYTES
from modules.worker.cluster.node_address import node_address
from modules.worker.cluster.ray_cluster import RAY_ENVIRONMENT, SHARED_RESOURCE, SLOT_RESOURCE, ray_patience
from modules.worker.cluster.ray_token import AUTH_MODE, WITH_TOKEN, auth_mode, made_token, token_file

HEAD_PORT = 6379      # Ray's usual one
MOST_SLOTS = 64
NO_TOKEN = (
    "There is no token here. If the cluster asks for one, copy ~/.ray/auth_token from where it began, or "
    "set RAY_AUTH_TOKEN."
)


def worker(flags: Flags, arguments: list[str]) -> int:
    """Join, and stay until Ctrl+C. Raises Invalid."""
    chosen, rest = worker_parser().parse_known_args(arguments)
    if rest:
        raise unknown_argument(rest)
    if bool(flags.ray_address) == chosen.head:
        raise Invalid(
            "A worker needs the cluster that it joins.",
            "Say --ray-address HOST:6379, or --head on the server's machine to begin one.",
        )
    chosen.node_ip_address = chosen.node_ip_address or node_address(flags.ray_address)
    clear_folders(flags)
    os.environ.update(environment_of(flags, chosen))
    say(f"This machine draws with {chosen.slots} worker{'s' if chosen.slots > 1 else ''}; Ctrl+C ends it")
    if chosen.head or os.environ[AUTH_MODE] != WITH_TOKEN:
        say(how_to_join(os.environ, chosen) if chosen.head else NO_TOKEN)
    return hand_over(None, ray_arguments(flags.ray_address, chosen))      # so a signal reaches Ray itself


def worker_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="webui.py worker", description="This machine draws for an Easel server on another one.")
    parser.add_argument("--head", action="store_true", help="begin a cluster; for the server's own machine")
    parser.add_argument(
        "--ray-port", type=port_number, default=HEAD_PORT, metavar="N",
        help=f"the port of a cluster that begins (default: {HEAD_PORT})",
    )
    parser.add_argument(
        "--node-ip-address", type=ipv4_address, metavar="ADDRESS",
        help="by which the other machines reach this one (default: that of the network which leads to them)",
    )
    parser.add_argument("--slots", type=slots, default=1, metavar="N", help="workers, one a GPU (default: 1)")
    parser.add_argument(
        "--shared-files", action="store_true", help="the server's data folder is here too, under the same path"
    )
    parser.add_argument(
        "--keep-gb", type=int, default=KEEP_GIGABYTES, metavar="N",
        help=f"gigabytes of models from the server that are kept (default: {KEEP_GIGABYTES})",
    )
    return parser


def slots(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:3]) <= MOST_SLOTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers from 1 to {MOST_SLOTS}")
    return int(text)


def how_to_join(environment: Mapping[str, str], chosen: argparse.Namespace) -> str:
    """Return what is done on another machine so that it draws, too."""
    address = chosen.node_ip_address or socket.gethostname()
    command = f"python3 webui.py worker --ray-address {address}:{chosen.ray_port}"
    if environment[AUTH_MODE] != WITH_TOKEN:
        return f"On other machines: {command}. Whoever reaches this port may run programs here."
    return f"On other machines: {command}, once the token in {token_file()} (or RAY_AUTH_TOKEN) is there too."


def environment_of(flags: Flags, chosen: argparse.Namespace) -> Mapping[str, str]:
    """Return what all that Ray starts on this machine inherits. Raises Invalid if no token can be kept."""
    return {
        **RAY_ENVIRONMENT,
        **ray_patience(os.environ),
        **(made_token(os.environ) if chosen.head else auth_mode(os.environ)),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        MACHINE_FLAGS: json.dumps(public_flags(flags)),
        KEPT_GIGABYTES: str(chosen.keep_gb),
    }


def ray_arguments(address: str, chosen: argparse.Namespace) -> list[str]:
    """Return the arguments of Python that run Ray's own program."""
    resources = {SLOT_RESOURCE: chosen.slots, **({SHARED_RESOURCE: 1} if chosen.shared_files else {})}
    begun = ["--head", f"--port={chosen.ray_port}", "--include-dashboard=false"]
    here = [f"--node-ip-address={chosen.node_ip_address}"] if chosen.node_ip_address else []
    return [
        "-m", "ray.scripts.scripts", "start", *(begun if chosen.head else [f"--address={address}"]), *here,
        f"--node-name={socket.gethostname()}", "--disable-usage-stats", "--block", f"--num-cpus={chosen.slots}",
        f"--resources={json.dumps(resources)}",
    ]


def clear_folders(flags: Flags) -> None:
    """Delete what workers of an earlier start have left; the models are kept."""
    folder = flags.paths.cache / MACHINE_FOLDER
    for entry in os.scandir(folder) if folder.is_dir() else ():
        if entry.name != STORE_FOLDER:
            shutil.rmtree(entry.path, ignore_errors=True)
