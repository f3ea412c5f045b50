"""`python -m bench.audit [--heats N] [--rounds N]`: a log from outside, audited by one and by two.

The log is a smelter's, with signed statements of its parties, in a directory of tiles. The rounds
alternate, so that what else the machine does falls on both; CPU seconds are of all processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ledger import remote_audit, tilesource
from tests import harness
from tests.audit import shown

PROCESSES = (1, 2)


@dataclass(frozen=True)
class Round:
    wall_s: float
    cpu_s: float


def measure(log: harness.TestLedger, directory: Path, processes: int) -> Round:
    source = tilesource.open_source(str(directory))
    began, before = time.perf_counter(), os.times()
    report = remote_audit.run(source, shown.policy(log), processes)
    assert report.finding is None
    after = os.times()
    return Round(time.perf_counter() - began, sum(after[:4]) - sum(before[:4]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.audit")
    parser.add_argument("--heats", type=int, default=900, help="seven entries each")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    log, _ = harness.smelter(arguments.heats)
    size, leaf = len(log.leaves), statistics.mean(map(len, log.leaves))
    print(
        f"{size:,} entries of {leaf:,.0f} bytes, {os.cpu_count()} cores, load {os.getloadavg()[0]}"
    )
    rounds: dict[int, list[Round]] = {processes: [] for processes in PROCESSES}
    with tempfile.TemporaryDirectory() as scratch:
        directory = shown.write(log, Path(scratch) / "log")
        for _ in range(arguments.rounds):
            for processes in PROCESSES:
                rounds[processes].append(measure(log, directory, processes))
    for processes, made in rounds.items():
        rates = sorted(size / one.wall_s for one in made)
        cpu_us = statistics.median(one.cpu_s for one in made) / size * 1e6
        shown_rates = " ".join(f"{rate:,.0f}" for rate in rates)
        print(f"{processes} process(es): {shown_rates} entries/s, {cpu_us:,.0f} µs CPU an entry")
    one, two = (statistics.median(r.wall_s for r in rounds[n]) for n in PROCESSES)
    cpu = [statistics.median(r.cpu_s for r in rounds[n]) for n in PROCESSES]
    print(f"two against one: {one / two:.2f} (of the CPU: {2 * cpu[0] / cpu[1]:.2f} at most)")


if __name__ == "__main__":
    main()
