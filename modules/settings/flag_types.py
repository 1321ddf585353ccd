"""The values of flags: what argparse turns a text into, or refuses in words."""

from __future__ import annotations

import argparse
import ipaddress
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modules.base.accounts import account_key, account_name
from modules.base.errors import Invalid

FlagAccounts = tuple[tuple[str, str], ...]      # (name, password)
CPU_DEVICE = "cpu"      # among device numbers


def port_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports are 0 to 65535")
    return int(text)


def seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 3600 or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 3600")
    return int(text)


def device_list(text: str) -> tuple[str, ...]:
    """Numbers of GPUs, or `cpu`, separated by commas: a worker for each."""
    found = between_commas(text)
    for name in found or (text,):
        if name != CPU_DEVICE and not (name.isascii() and name.isdigit()):
            raise argparse.ArgumentTypeError(f"{name!r} is not a device number; the first device is 0")
    return found


def any_path(text: str) -> Path:
    """Return an absolute path: `~` is expanded, relative ones start at the current folder."""
    return Path(text).expanduser().absolute()


def existing_file(text: str) -> Path:
    path = any_path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def existing_folder(text: str) -> Path:
    path = any_path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return path


def url_path(text: str) -> str:
    """Return "/sd" for `sd`, `/sd` and `/sd/`."""
    parts = [part for part in text.split("/") if part]
    if not all(re.fullmatch(r"[\w.~-]+", part, re.ASCII) for part in parts) or {".", ".."} & set(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a path of an address, like sd or tools/sd")
    return "".join(f"/{part}" for part in parts)


def parse_accounts(text: str) -> FlagAccounts:
    """Parse `name:password,name2:password2`. A password may contain colons, not commas; errors never show one."""
    pairs = [entry.strip().partition(":") for entry in text.split(",") if entry.strip()]
    for number, (name, _, password) in enumerate(pairs, start=1):
        if not name or not password:
            raise argparse.ArgumentTypeError(f"account {number} is not of the form name:password")
        check_flag_account(number, name)
    if not pairs:
        raise argparse.ArgumentTypeError("expected at least one name:password")
    if len({account_key(name) for name, _, _ in pairs}) < len(pairs):
        raise argparse.ArgumentTypeError("a name stands there twice")
    return tuple((name, password) for name, _, password in pairs)


def check_flag_account(number: int, name: str) -> None:
    """Raise ArgumentTypeError for an invalid name, without showing it: it may be half of a password."""
    try:
        account_name(name)
    except Invalid as error:
        raise argparse.ArgumentTypeError(f"account {number} has a name that cannot be one. {error.hint}") from error


def accounts_file(text: str) -> FlagAccounts:
    """Read a file of name:password, one to a line or separated by commas, as in A1111."""
    path = existing_file(text)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error.__class__.__name__}") from error
    return parse_accounts(",".join(line for line in lines if line.strip()))


class Added(argparse.Action):
    """The action of a flag that may be given several times."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), values))


def between_commas(text: str) -> tuple[str, ...]:
    """Split at commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def network_list(text: str) -> tuple[str, ...]:
    """Parse addresses and networks (10.0.0.0/8), separated by commas."""
    try:
        return tuple(str(ipaddress.ip_network(part, strict=False)) for part in between_commas(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{error}; give addresses like 10.0.0.2 or networks like 10.0.0.0/8"
        ) from error


def ipv4_address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as 192.168.1.10") from error


def host_list(text: str) -> tuple[str, ...]:
    """Parse names without scheme and port, separated by commas."""
    for name in between_commas(text):
        if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
            raise argparse.ArgumentTypeError(f"{name!r} is not a host's name, like easel.example.org")
    return tuple(name.lower() for name in between_commas(text))


def name_list(text: str) -> tuple[str, ...]:
    """Parse names separated by commas."""
    return tuple(between_commas(text))


def normal_origin(text: str) -> str:
    """Return `scheme://host:port` as browsers send it: lower case, without a default port; "" for anything else."""
    try:
        parts = urlsplit(text)
        default, port = {"http": 80, "https": 443}.get(parts.scheme), parts.port
    except ValueError:
        return ""
    if not parts.hostname or parts.username is not None or parts.path or parts.query or parts.fragment:
        return ""
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, default) else "")


def origin_list(text: str) -> tuple[str, ...]:
    """Parse origins separated by commas, or `*`."""
    found = tuple(part if part == "*" else normal_origin(part.rstrip("/")) for part in between_commas(text))
    if "" in found:
        raise argparse.ArgumentTypeError(
            f"{between_commas(text)[found.index('')]!r} is not an origin, like https://example.org or "
            "http://localhost:5173"
        )
    return found


def regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from error
    return text
