"""`python -m benchmarks [names]`: each scenario prints ratios measured in one run; without names, all but
the long ones.

A name's arguments follow it, as in `server --people 50 --minutes 10` or `kills 50 50`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module

from modules.base.bootstrap import settle

SCENARIOS = (
    "overhead",
    "pictures",
    "against_diffusers",
    "batching",
    "fairness",
    "latency",
    "startup",
    "index",
    "waiting",
)
# minutes, gigabytes, or a page of docs/ written: only by name
LONG = (
    "loading", "tiles", "lora_swap", "mixed_lora", "attention", "fidelity", "server", "memory", "kills", "worker",
    "library", "grid", "attacks", "plots", "extensions", "ray", "scaling", "control", "page", "training",
    "node_kills",
)


@dataclass
class Chosen:
    """A scenario, and the arguments of its `run`: by place and by name."""

    name: str
    places: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def chosen_scenarios(words: Sequence[str]) -> list[Chosen]:
    """The scenarios of a command line. Raises ValueError with a name that there is not."""
    found, rest = [], iter(words)
    for word in rest:
        if word.startswith("--") and found:
            found[-1].names[word[2:]] = next(rest, "")
        elif word.isdecimal() and found:
            found[-1].places.append(word)
        elif word in SCENARIOS + LONG:
            found.append(Chosen(word))
        else:
            raise ValueError(word)
    return found


def main(words: Sequence[str]) -> int:
    try:
        chosen = chosen_scenarios(words) or [Chosen(name) for name in SCENARIOS]
    except ValueError as unknown:
        print(f"There is no benchmark called {str(unknown)!r}. There are: {', '.join(SCENARIOS + LONG)}.")
        return 2
    settle(os.environ)
    for each in chosen:
        scenario = import_module(f"benchmarks.{each.name}")      # after the quiet settings
        print(f"\n{each.name}: {scenario.run.__doc__}", flush=True)
        scenario.run(*each.places, **each.names)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
