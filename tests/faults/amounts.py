"""How much is done: little in `make test`, what the environment says in `make hammer`, `faults`.

    HAMMER_SECONDS   how long writers and readers work, for each database        600 long, 3 short
    FAULTS_ROUNDS    processes killed, for each kind                             200 long, 2 short
    FAULTS_SCHEDULES random schedules of the writer                       10,000 long, 120 short
    FAULTS_SEED      of every random choice                             printed; 1 in the short form

FAULTS=long asks for the long form.
"""

from __future__ import annotations

import os
import random
from typing import Final

LONG: Final = os.environ.get("FAULTS") == "long"


def amount(name: str, long: int, short: int) -> int:
    return int(os.environ.get(name) or (long if LONG else short))


SECONDS: Final = amount("HAMMER_SECONDS", 600, 3)
ROUNDS: Final = amount("FAULTS_ROUNDS", 200, 2)
SCHEDULES: Final = amount("FAULTS_SCHEDULES", 10_000, 120)
SEED: Final = amount("FAULTS_SEED", random.SystemRandom().randrange(10**6), 1)
IN_FLIGHT_MIN: Final = 50


def seeded(what: str) -> random.Random:
    """Random choices that the seed and the name of a test repeat."""
    print(f"{what}: FAULTS_SEED={SEED}")
    return random.Random(f"{SEED} {what}")


def quantile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(int(share * len(sorted_values)), len(sorted_values) - 1)]


def histogram(counts: list[int], width: int) -> str:
    """How many of the counts fall into each interval."""
    bins: dict[int, int] = {}
    for count in counts:
        bins[count // width] = bins.get(count // width, 0) + 1
    return "\n".join(
        f"    {low * width:>4}-{low * width + width - 1:<4} {bins[low]:>4}  {'#' * bins[low]}"
        for low in sorted(bins)
    )
