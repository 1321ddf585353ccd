"""`python -m benchmarks [names]`: each scenario prints ratios measured in one run; without names,
all but the long ones.
"""

from __future__ import annotations

import os
import sys
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
LONG = ("loading", "tiles", "lora_swap", "mixed_lora", "attention", "fidelity")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in SCENARIOS + LONG]
    if unknown:
        print(f"There is no benchmark called {unknown[0]!r}. There are: {', '.join(SCENARIOS + LONG)}.")
        return 2
    settle(os.environ)
    for name in names or SCENARIOS:
        scenario = import_module(f"benchmarks.{name}")      # after the quiet settings
        print(f"\n{name}: {scenario.run.__doc__}", flush=True)
        scenario.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
