"""The link by which the first account is made, on a server that others can reach and nobody can log in to."""

from __future__ import annotations

import hmac
import secrets

from modules.store.accounts import secret_hash


class SetupLink:
    """Its token opens once, for one browser, which has a secret of its own from then on. It ends with the process."""

    def __init__(self, token: str = "") -> None:
        self._token = secret_hash(token) if token else ""
        self._browser = ""

    @classmethod
    def new(cls) -> tuple[SetupLink, str]:
        """The link, and the token to print."""
        token = secrets.token_urlsafe(32)
        return cls(token), token

    def open(self, token: str) -> str:
        """The secret of the browser that opened it; "" for a token that is wrong or used."""
        if not self._token or not hmac.compare_digest(self._token, secret_hash(token)):
            return ""
        self._token, secret = "", secrets.token_urlsafe(32)
        self._browser = secret_hash(secret)
        return secret

    def is_opened_by(self, secret: str) -> bool:
        return bool(self._browser) and hmac.compare_digest(self._browser, secret_hash(secret))

    def end(self) -> None:
        """The first account is there."""
        self._token = self._browser = ""
