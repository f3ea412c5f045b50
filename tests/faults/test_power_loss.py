"""Power loss, simulated: what was not synced is gone, is there, or is there in part.

With our settings nothing acknowledged is lost. With unsafe ones it is: so these tests would notice.
The disk here is a model that is built from the system calls; a real one may lie about a sync, and
no test on this machine can tell.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from ledger.service import Ledger
from tests.cluster import SQLITE
from tests.faults import amounts, appending, tracing
from tests.faults.disk import OPTIONS, Call, Disk, calls_of
from tests.faults.nursery import Nursery
from tests.store import plant

KEPT = ("nothing", "all", "chance")
OFTEN = "PRAGMA wal_autocheckpoint=30"  # so that the database is written to amid appends too
CUTS = 30
AUDITS = 4


def traced(nursery: Nursery, data: Path, pragmas: str, count: int) -> tuple[Disk, list[Call]]:
    """The disk as it was, and the calls of a process that appended to it."""
    plant.place(data, SQLITE)
    plant.build(data)
    before = Disk.of(data)
    lots = [f"HF01/P{number}" for number in range(count)]
    run = tracing.run(nursery, data, lots, OPTIONS, {appending.PRAGMAS: pragmas})
    assert len(run.acknowledged()) == count, run.said
    calls = calls_of(run.calls, data)
    names = Counter(call.name for call in calls)
    assert names["told"] == count
    assert names["write"] > 10 * count
    return before, calls


def restored(data: Path, image: dict[str, bytes]) -> None:
    """What the machine finds when it has power again."""
    for path in data.glob("ledger.sqlite*"):
        path.unlink()
    for name, content in image.items():
        Path(name).write_bytes(content)


def lost(data: Path, told: dict[str, tuple[int, str]]) -> list[str]:
    """Acknowledged lots that are not where they were said to be; or that nothing can be read."""
    try:
        with closing(sqlite3.connect(data / "ledger.sqlite")) as connection:
            (fine,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            rows = connection.execute("SELECT event_id, n, leaf_hash FROM entries").fetchall()
    except sqlite3.DatabaseError as error:
        return [str(error)]
    stored = {event_id: (n, leaf_hash.hex()) for event_id, n, leaf_hash in rows}
    wrong = [lot for lot, place in told.items() if stored.get(id_of(lot)) != place]
    return wrong if fine == "ok" else [str(fine), *wrong]


def id_of(lot: str) -> str:
    return str(appending.envelope(lot)["id"])


def cuts(disk: Disk, calls: list[Call], data: Path, rng: random.Random) -> list[str]:
    """Power is lost after calls by chance, or after each; what was lost of what was told."""
    moments = range(len(calls) + 1)
    chosen = set(moments if amounts.LONG else rng.sample(moments, min(CUTS, len(moments))))
    audits = set(rng.sample(sorted(chosen), min(AUDITS, len(chosen))))
    found: list[str] = []
    for moment in moments:
        for kept in KEPT if moment in chosen else ():
            restored(data, disk.after_power_loss(kept, rng))
            found += lost(data, disk.told)
            if moment in audits and not found:
                go_on(data, disk.told)
        if moment < len(calls):
            disk.take(calls[moment])
    print(f"  power lost after {len(chosen)} of {len(calls)} calls, {len(KEPT)} ways each")
    return found


def go_on(data: Path, told: dict[str, tuple[int, str]]) -> None:
    """The log is whole, and takes what it was sent before, once."""
    ledger = Ledger.open(plant.settings_of(data))
    try:
        plant.audited(ledger)
        ledger.sequencer.start()
        lots = [*told, "HF01/AFTER"]
        answers = plant.accept(ledger, *map(appending.envelope, lots))
        assert [a.n for a in answers[:-1]] == [n for n, _ in told.values()]
        plant.audited(ledger)
    finally:
        plant.close(ledger)


@pytest.mark.slow
@pytest.mark.parametrize("pragmas", ["", OFTEN], ids=["", "checkpoints"])
def test_power_loss_takes_nothing_acknowledged(
    nursery: Nursery, tmp_path: Path, pragmas: str
) -> None:
    tracing.needed()
    rng, data = amounts.seeded(f"power loss {pragmas}"), tmp_path / "data"
    disk, calls = traced(nursery, data, pragmas, 12 if amounts.LONG else 4)
    assert cuts(disk, calls, data, rng) == []


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_an_unsafe_setting_loses_what_was_acknowledged(
    nursery: Nursery, tmp_path: Path, synchronous: str
) -> None:
    """The tests bite."""
    tracing.needed()
    rng, data = amounts.seeded(f"unsafe {synchronous}"), tmp_path / "data"
    disk, calls = traced(nursery, data, f"PRAGMA synchronous={synchronous}", 4)
    found = cuts(disk, calls, data, rng)
    print(f"  synchronous={synchronous}: lost {len(found)} times, such as {found[:3]}")
    assert found
