"""The token that keeps strangers out of a Ray cluster: who has it may run programs on its machines.

Ray reads it from RAY_AUTH_TOKEN, from the file of RAY_AUTH_TOKEN_PATH, or from ~/.ray/auth_token, but asks for one only
if RAY_AUTH_MODE says so. https://docs.ray.io/en/latest/ray-security/token-auth.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from modules.base.errors import Invalid
from modules.store.database import private_opener

AUTH_MODE, WITH_TOKEN, WITHOUT_TOKEN = "RAY_AUTH_MODE", "token", "disabled"
TOKEN_PLACES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def token_file() -> Path:
    """Return the file in which Ray looks for a token when the environment names none."""
    return Path.home() / ".ray" / "auth_token"


def has_token(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name) for name in TOKEN_PLACES) or token_file().is_file()


def auth_mode(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variable by which a machine shows its token, if it has one; what the environment says goes before."""
    mode = WITH_TOKEN if has_token(environment) else WITHOUT_TOKEN
    return {AUTH_MODE: environment.get(AUTH_MODE) or mode}


def made_token(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a cluster that begins: kept by a token, which is made where there is none.

    Raises Invalid if it cannot be kept.
    """
    mode = environment.get(AUTH_MODE) or WITH_TOKEN
    if mode == WITH_TOKEN and not has_token(environment):
        keep_token(token_file(), secrets.token_hex(32))
    return {AUTH_MODE: mode}


def keep_token(path: Path, token: str) -> None:
    """Write a token for its owner's eyes alone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "x", opener=private_opener) as file:
            file.write(token)
    except OSError as error:
        raise Invalid(
            f"The cluster's token cannot be kept in {path}: {error.strerror}.",
            "Name a file that holds one in RAY_AUTH_TOKEN_PATH.",
        ) from error
