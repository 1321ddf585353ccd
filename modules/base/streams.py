"""Random numbers by counters: what a number is follows from whose it is, not from how many were drawn before.

Training draws all its random numbers from such streams. So there is no generator whose state could be lost, a run
that was stopped goes on as if it had not been, and a batch that is cut in two for want of memory gets the noise of
the whole.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def stream(seed: int, purpose: str, step: int = 0, slot: int = 0) -> np.random.Generator:
    """Return a generator of its own for one purpose at one step, for one place in the batch.

    purpose: what its numbers are for: "order", "caption", "noise" …
    step: an update, or an epoch for what is drawn once in each; slot: a picture's place in the effective batch
    It is Philox 4x64 (Salmon et al. 2011) whose key is the hash of all four, so that equal arguments give equal
    numbers in every process.
    """
    key = blake2b(f"{seed}/{purpose}/{step}/{slot}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype="<u8")))
