"""The account for which an extension's code runs: what it reads, writes and asks for is that account's."""

from __future__ import annotations

from modules.base.accounts import LOCAL_ACCOUNT, Account, Role
from modules.plugins.asking import account_of_request
from modules.surface.binding import NotHere, bound_host


def asking_account() -> Account:
    """Return the account of the job whose hooks this thread calls, or of the request that it answers.

    Raises NotHere where there is neither and several people use the server.
    """
    host = bound_host()
    if job := host.generation:
        return Account(job.spec.owner, Role[job.spec.role.upper()])
    if account := account_of_request():
        return account
    if host.is_shared:
        raise NotHere(
            "An extension wants what is an account's, and it is not known whose.",
            "Ask for it in a hook of a picture, an event of the page, or a route.",
        )
    return LOCAL_ACCOUNT
