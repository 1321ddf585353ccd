"""Ratios that hold on a noisy machine: both sides in turn, CPU time, medians and their spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median


def alternating(
    sides: Mapping[str, Callable[[], object]], rounds: int = 5, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of each side, in turn, after one uncounted round; of the CPU, if no other clock is given."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for count in range(rounds + 1):
        for name, side in sides.items():
            began = clock()
            side()
            if count:
                seconds[name].append(clock() - began)
    return seconds


def report(seconds: Mapping[str, list[float]], over: str, under: str, goal: str) -> float:
    """Print both sides and the median of their ratios, round by round."""
    for name, each in seconds.items():
        print(f"  {name:<24} {median(each):8.3f} CPU s   ({min(each):.3f} – {max(each):.3f})")
    ratios = [a / b for a, b in zip(seconds[over], seconds[under], strict=True)]
    print(f"  {over} ÷ {under} = {median(ratios):.3f}   ({min(ratios):.3f} – {max(ratios):.3f}), goal {goal}")
    return median(ratios)
