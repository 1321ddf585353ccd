"""Everything Easel refuses on purpose.

    WebUIError              bad_request   400
    ├── Invalid             validation    422   a value outside its limits
    │   └── PromptTooLong   prompt_too_long
    ├── NotFound            not_found     404   there is nothing at that address
    │   └── UnknownName                         nobody registered that sampler, model …
    ├── Unauthenticated     unauthenticated 401
    ├── Forbidden           forbidden     403
    │   ├── BadHost         bad_host
    │   └── BadOrigin       bad_origin
    ├── UnsupportedMedia    unsupported_media_type 415
    ├── TooLarge            too_large     413
    ├── TooSlow             request_timeout 408
    ├── Conflict            conflict      409   not in the state it is in, or in the way of something that is there
    ├── Busy                busy          429   later it will do
    ├── RateLimited         rate_limited  429   after `retry_after` seconds it will do
    ├── OverQuota           quota         429   the account has its share
    ├── Stopping            busy          503   the server is being shut down
    ├── Draining            busy          503   no new jobs for now
    ├── WorkerDown          busy          503   the worker died again and again, and is left alone for a while
    ├── InvalidImage        invalid_image 422
    ├── ModelError                        422   names the file
    │   ├── ModelMissing    model_missing       there is none at all
    │   ├── ModelCorrupt    model_corrupt
    │   ├── ModelUnsafe     model_unsafe
    │   ├── ModelMismatch   model_mismatch
    │   ├── ModelUnsupported model_unsupported
    │   └── ModelTooLarge   model_too_large
    ├── AlreadyRunning      already_running     another Easel has this data folder
    ├── DatabaseUnusable    database            of a newer Easel, damaged, or not to be opened
    └── JobFailed                         500   a job that ended without its pictures
        ├── OutOfMemory     oom           507
        ├── NotANumber      nan
        ├── DiskFull        disk_full     507
        ├── Unwritable      unwritable    507   a file that may not be written
        ├── PicturesRefused refused       422   the safety checker refused all of its pictures
        ├── NoWorkerFits    no_worker     507   of several workers none has what it needs
        ├── WorkerCrashed   worker_crashed      the program died over it, twice
        └── TimedOut        timeout       504   it was begun twice, and came to a standstill twice
"""

from __future__ import annotations

import difflib
import errno
import math
from collections.abc import Iterable, Sequence
from typing import Any

COMPARED = 200       # characters of a name that nobody knows
MOST_NAMES_IN_HINT = 50            # names that a hint lists


class StopAsked(Exception):
    """An end that somebody asked for, raised through the code that is in hand: no failure of it."""


class WebUIError(Exception):
    """Anything we refuse on purpose. `hint` says what the user can do; every face shows both.

    `code` is the machine's word for it (the API's `error` field), `status` its HTTP status.
    """

    code = "bad_request"
    status = 400
    retry_after = 10      # seconds, told with 429 and 503

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Invalid(WebUIError):
    """A value outside its limits. `field` is the request's name for it."""

    code, status = "validation", 422

    def __init__(self, message: str, hint: str = "", field: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class PromptTooLong(Invalid):
    code = "prompt_too_long"


class NotFound(WebUIError):
    """An address with nothing behind it, or nothing for this account."""

    code, status = "not_found", 404


class UnknownName(NotFound):
    """An unknown name of a sampler, model, network or upscaler."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = difflib.get_close_matches(name[:COMPARED], known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {some(known)}."
        super().__init__(f"There is no {kind} called {name!r:.{COMPARED}}.", hint)
        if kind == "checkpoint":
            self.code = "model_not_found"


class Unauthenticated(WebUIError):
    code, status = "unauthenticated", 401


class Forbidden(WebUIError):
    code, status = "forbidden", 403


class BadHost(Forbidden):
    code = "bad_host"


class BadOrigin(Forbidden):
    code = "bad_origin"


class UnsupportedMedia(WebUIError):
    code, status = "unsupported_media_type", 415


class TooLarge(WebUIError):
    code, status = "too_large", 413


class TooSlow(WebUIError):
    """A request whose head or body did not arrive in time."""

    code, status = "request_timeout", 408


class Busy(WebUIError):
    """A request that could succeed later."""

    code, status = "busy", 429


class Conflict(WebUIError):
    """A request in conflict with an existing thing, or with its state."""

    code, status = "conflict", 409


class RateLimited(WebUIError):
    """A request that could succeed after `retry_after` seconds."""

    code, status = "rate_limited", 429

    def __init__(self, message: str, hint: str = "", retry_after: float = 10) -> None:
        super().__init__(message, hint)
        self.retry_after = max(1, math.ceil(retry_after))


class OverQuota(RateLimited):
    """More than the account's share; `retry_after`: seconds until it is likely to have room."""

    code = "quota"


class Stopping(WebUIError):
    """A request that came while the server is being shut down."""

    code, status = "busy", 503


class Draining(WebUIError):
    """A new job while the administrator lets the queue run empty."""

    code, status, retry_after = "busy", 503, 60


class WorkerDown(RateLimited):
    """A new job while there is nobody to carry it out."""

    code, status = "busy", 503


class InvalidImage(WebUIError):
    code, status = "invalid_image", 422


class ModelError(WebUIError):
    """A model file that cannot be used; the message starts with the file's name."""

    status = 422


class ModelMissing(ModelError):
    code = "model_missing"


class ModelCorrupt(ModelError):
    code = "model_corrupt"


class ModelUnsafe(ModelError):
    code = "model_unsafe"


class ModelMismatch(ModelError):
    code = "model_mismatch"


class ModelUnsupported(ModelError):
    code = "model_unsupported"


class ModelTooLarge(ModelError):
    code = "model_too_large"


class JobFailed(WebUIError):
    """A job that ended without its pictures."""

    code, status = "failed", 500


class OutOfMemory(JobFailed):
    code, status = "oom", 507


class NotANumber(JobFailed):
    code = "nan"


class DiskFull(JobFailed):
    code, status = "disk_full", 507


class Unwritable(JobFailed):
    code, status = "unwritable", 507


class PicturesRefused(JobFailed):
    code, status = "refused", 422


class NoWorkerFits(JobFailed):
    code, status = "no_worker", 507


class WorkerCrashed(JobFailed):
    code = "worker_crashed"


class TimedOut(JobFailed):
    code, status = "timeout", 504


class DatabaseUnusable(WebUIError):
    code, status = "database", 500


class AlreadyRunning(WebUIError):
    code, status = "already_running", 500


def some(names: Sequence[str]) -> str:
    """Return the first names, with commas between."""
    more = f" and {len(names) - MOST_NAMES_IN_HINT} more" if len(names) > MOST_NAMES_IN_HINT else ""
    return (", ".join(names[:MOST_NAMES_IN_HINT]) or "none") + more


def sentence(error: BaseException) -> str:
    """Return an error as sentences: what happened, and what to do."""
    told = error_data(error)
    return f"{told['message']} {told['hint']}".strip()


def error_data(error: BaseException) -> dict[str, Any]:
    """Return an error as plain data: code, HTTP status, message, hint."""
    if isinstance(error, WebUIError):
        return {"error": error.code, "status": error.status, "message": str(error), "hint": error.hint}
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return error_data(OutOfMemory("There is too little memory.", "Ask for a smaller picture or fewer at once."))
    return {
        "error": "failed",
        "status": 500,
        "message": f"Something went wrong inside Easel ({type(error).__name__}).",
        "hint": "The server's log tells more.",
    }
