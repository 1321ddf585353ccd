"""The setup link: it makes the first account of a server that others can reach and nobody can log in to."""

from __future__ import annotations

import hmac
import secrets

from modules.store.accounts import secret_hash


class SetupLink:
    """The link's token, valid once, for one browser, which then has a secret of its own. It ends with the process."""

    def __init__(self, token: str = "") -> None:
        self._token = secret_hash(token) if token else ""
        self._browser = ""

    @classmethod
    def new(cls) -> tuple[SetupLink, str]:
        """Return the link, and the token to print."""
        token = secrets.token_urlsafe(32)
        return cls(token), token

    def open(self, token: str) -> str:
        """Return a secret for the browser that opens the link; "" for a token that is wrong or used."""
        if not self._token or not hmac.compare_digest(self._token, secret_hash(token)):
            return ""
        self._token, secret = "", secrets.token_urlsafe(32)
        self._browser = secret_hash(secret)
        return secret

    def is_opened_by(self, secret: str) -> bool:
        return bool(self._browser) and hmac.compare_digest(self._browser, secret_hash(secret))

    def end(self) -> None:
        """End the link, since there is an account."""
        self._token = self._browser = ""
