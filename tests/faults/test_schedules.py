"""Thousands of schedules of two writers with a fault at any step, each from a seed of its own.

Always: the log only grows, each size has one root, what was acknowledged stays.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import audit
from ledger.store import engine as engines
from tests.faults import amounts
from tests.faults.world import STEPS, Log, World

AUDIT_EVERY = 20
ENOUGH = 100
MEMORY = Path("/dev/shm")  # noqa: S108 (a disk in memory: what is tested is not the disk)


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as home:
        yield Log.make(Path(home) / "data")


def run(log: Log, seed: str, *, audited: bool) -> Counter[str]:
    """One schedule; what happened in it, by kind."""
    world = World(log, random.Random(seed))
    try:
        for _ in range(STEPS):
            world.step()
        world.finish()
        if audited:
            with engines.reading(log.reader) as connection:
                report = audit.run(connection, log.log_id, log.verifier)
            assert report.finding is None, report.finding
    except BaseException:
        print(f"schedule {seed!r}:", *world.story, sep="\n  ")
        raise
    finally:
        world.close()
    kinds = Counter(
        line.split("name='")[1].split("'")[0] for line in world.story if "name=" in line
    )
    kinds["entries"] += len(world.hashes)
    kinds["commits"] += len(world.story)
    return kinds


@pytest.mark.slow
def test_no_schedule_of_faults_breaks_the_log(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ledger.sequencer.REPEAT_PAUSES_S", (0.0, 0.0))
    caplog.set_level("CRITICAL")  # thousands of faults, each with its traceback
    amounts.seeded("schedules")
    happened: Counter[str] = Counter()
    for number in range(amounts.SCHEDULES):
        happened += run(log, f"{amounts.SEED}/{number}", audited=number % AUDIT_EVERY == 0)
    print(f"  {amounts.SCHEDULES} schedules: {dict(happened)}")
    if amounts.SCHEDULES >= ENOUGH:
        assert {"before", "after", "commit", "wake", "undone"} <= happened.keys()
