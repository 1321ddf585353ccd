"""Passwords: their allowed forms, and their hashes by Argon2id (RFC 9106)."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from modules.base.errors import Invalid

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256      # characters
MADE_UP_BYTES = 9
PASSWORD_HINT = "Four words are a good one."


def password_hasher() -> PasswordHasher:
    """Return a hasher with the costs of OWASP's password storage cheat sheet: 19 MiB, two passes, some 40 ms."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check_password_form(password: str, name: str = "") -> None:
    """Raise Invalid for a password that is easily guessed, or too long."""
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(f"A password has at least {SHORTEST_PASSWORD} characters.", PASSWORD_HINT, "password")
    if len(password) > LONGEST_PASSWORD:
        raise Invalid(f"A password has at most {LONGEST_PASSWORD} characters.", "", "password")
    if len(set(password)) < 3 or password.casefold() in (name.casefold(), "password", "12345678", "123456789"):
        raise Invalid("That password is guessed at once.", PASSWORD_HINT, "password")


def hash_password(password: str) -> str:
    """Hash a password. Slow on purpose: not to be called on the event loop."""
    return password_hasher().hash(password)


def matches_password(hashed: str, password: str) -> bool:
    """Return whether a password fits the hash; a wrong one takes as long as a right one."""
    try:
        return password_hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def made_up_password() -> str:
    return secrets.token_urlsafe(MADE_UP_BYTES)
