"""`webui.py users`: accounts from the terminal, also while the server runs, which notices changes within seconds."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable, Mapping

from modules.app.passwords import check_password_form, hash_password
from modules.base.accounts import Role, account_name, with_article
from modules.base.errors import Conflict, Invalid
from modules.settings.flags import Flags, Parser, unknown_argument
from modules.store.accounts import AccountStore

ROLE_NAMES = tuple(role.name.lower() for role in Role if role > Role.ANYONE)
TERMINAL = "terminal"      # the actor in the audit log


def users(flags: Flags, arguments: list[str]) -> int:
    """Run the command; returns the exit code. Raises WebUIError."""
    chosen, rest = users_parser().parse_known_args(arguments)
    if rest:
        raise unknown_argument(rest)
    store = AccountStore(flags.paths.database)
    USER_COMMANDS[chosen.command](store, chosen)
    return 0


def users_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="webui.py users", description="Accounts of the server with this --data-dir.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="add | list | passwd | role | …")
    add = commands.add_parser("add", help="add an account; the first one administers the server")
    add.add_argument("--returning", action="store_true", help="the same person as a deleted account of that name")
    commands.add_parser("list", help="list all accounts")
    commands.add_parser("passwd", help="set a new password; ends the account's sessions and tokens")
    commands.add_parser("role", help="change what an account may do")
    commands.add_parser("disable", help="let nobody log in to an account for now")
    commands.add_parser("enable", help="let its owner log in again")
    commands.add_parser("delete", help="let nobody log in to it any more; what it has made stays")
    for name, command in commands.choices.items():
        if name != "list":
            command.add_argument("name")
    commands.choices["role"].add_argument("role", choices=ROLE_NAMES)
    add.add_argument("--role", choices=ROLE_NAMES, help="(default: member; for the first one administrator)")
    return parser


def add_user(store: AccountStore, chosen: argparse.Namespace) -> None:
    name, first = account_name(chosen.name), not store.list()
    role = Role[chosen.role.upper()] if chosen.role else Role.ADMINISTRATOR if first else Role.MEMBER
    if first and role < Role.ADMINISTRATOR:
        raise Conflict("The first account is the administrator's.", "Leave out --role.")
    made = store.add(name, role, hash_password(asked_password(name)), chosen.returning)
    say_change(store, f"added {with_article(role.name.lower())}", made.name)


def list_users(store: AccountStore, chosen: argparse.Namespace) -> None:
    for record in store.list():
        made = time.strftime("%Y-%m-%d", time.localtime(record.created))
        state = "disabled" if record.disabled else ""
        print(f"{record.name:32}  {record.role.name.lower():13}  {made}  {state}".rstrip())


def set_user_password(store: AccountStore, chosen: argparse.Namespace) -> None:
    name = store.get(chosen.name).name
    store.set_password(name, hash_password(asked_password(name)))
    say_change(store, "set a password", name)


def set_user_role(store: AccountStore, chosen: argparse.Namespace) -> None:
    store.set_role(chosen.name, Role[chosen.role.upper()])
    say_change(store, f"made a {chosen.role} of", store.get(chosen.name).name)


def disable_user(store: AccountStore, chosen: argparse.Namespace) -> None:
    store.set_disabled(chosen.name, True)
    say_change(store, "disabled", store.get(chosen.name).name)


def enable_user(store: AccountStore, chosen: argparse.Namespace) -> None:
    store.set_disabled(chosen.name, False)
    say_change(store, "enabled", store.get(chosen.name).name)


def delete_user(store: AccountStore, chosen: argparse.Namespace) -> None:
    name = store.get(chosen.name).name
    store.delete(name)
    say_change(store, "deleted an account", name)


USER_COMMANDS: Mapping[str, Callable[[AccountStore, argparse.Namespace], None]] = {
    "add": add_user,
    "list": list_users,
    "passwd": set_user_password,
    "role": set_user_role,
    "disable": disable_user,
    "enable": enable_user,
    "delete": delete_user,
}


def say_change(store: AccountStore, action: str, name: str) -> None:
    """Write the change to the audit log and to the terminal."""
    store.note(TERMINAL, action, name)
    print(f"{action.capitalize()}: {name}.")


def asked_password(name: str) -> str:
    """Return a password typed twice, or the first line of piped input; never an argument, which others could list.

    Raises Invalid.
    """
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password for {name}: ")
        if password != getpass.getpass("Once more: "):
            raise Invalid("The two passwords differ.", "Nothing was changed; start again.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    check_password_form(password, name)
    return password
