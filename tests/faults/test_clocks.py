"""A clock that jumps: appends go on in their order, no entry is older than the one before it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import clock, readiness
from ledger.service import Ledger
from tests.cluster import Database
from tests.faults import amounts
from tests.store import plant

DAY_MS = 86_400_000
NOW_MS = time.time_ns() // 1_000_000
LEAP = (0, 999, 1_000, 1_000, 0, 500, 1_001)  # 23:59:60 is a second that a clock shows twice
JUMPS = (
    *(NOW_MS + ms for ms in (0, DAY_MS, 0, -DAY_MS, -365 * DAY_MS, 2 * DAY_MS, 0)),
    *(NOW_MS + 3 * DAY_MS + ms for ms in LEAP),
    *(0, -1, -(2**53), -(2**63), -(2**64)),
    *(clock.LAST_MS + 1, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**63 + 1, 2**64, 10**30),
    NOW_MS,
)


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Iterator[Ledger]:
    data = tmp_path / "data"
    plant.place(data, database)
    plant.build(data)
    opened = Ledger.open(plant.settings_of(data))
    yield opened
    plant.close(opened)
    database.drop(plant.url_of(data))


def recorded(ledger: Ledger, times: list[int]) -> list[int]:
    """An event at each time of the clock; the times of their entries."""
    shown = iter(times)
    ledger.sequencer.clock_ms = lambda: next(shown)
    ledger.sequencer.start()
    size = plant.audited(ledger).size
    for number in range(len(times)):
        (answer,) = plant.accept(ledger, plant.receipt(f"HF01/T{number}"))
        assert answer.n == size + number
    return [plant.leaf(ledger, size + number).at_ms for number in range(len(times))]


def test_no_jump_of_the_clock_stops_the_log_or_sets_it_back(ledger: Ledger) -> None:
    first_ms = plant.leaf(ledger, plant.SIZE - 1).at_ms
    made = recorded(ledger, list(JUMPS))
    want, last = [], first_ms
    for shown in JUMPS:
        last = last if shown > clock.LAST_MS else max(shown, last)
        want.append(last)
    assert made == want
    assert max(made) == NOW_MS + 3 * DAY_MS + 1_001
    plant.audited(ledger)
    assert readiness.clock(ledger.head().at_ms).state == "fail"  # three days before the last entry


def test_any_walk_of_the_clock(ledger: Ledger) -> None:
    rng = amounts.seeded("clock")
    steps = [rng.choice((1, 1_000, DAY_MS, 2**40, 2**53, 2**63)) for _ in range(40)]
    made = recorded(ledger, [NOW_MS + rng.randint(-step, step) for step in steps])
    assert made == sorted(made)
    assert made[-1] <= clock.LAST_MS
    plant.audited(ledger)


def test_a_clock_behind_the_log_is_an_alarm(ledger: Ledger) -> None:
    for ahead_ms, state in ((0, "ok"), (60_000, "warn"), (DAY_MS, "fail")):
        assert readiness.clock(time.time_ns() // 1_000_000 + ahead_ms).state == state
    recorded(ledger, [NOW_MS + DAY_MS])
    found = {check.name: check for check in readiness.look(ledger)}
    assert found["clock"].state == "fail"
    assert "before the last entry" in found["clock"].message


@pytest.mark.parametrize("set_by_ms", [DAY_MS, -DAY_MS, 61_000])
def test_a_clock_that_is_set_while_the_server_runs_is_an_alarm(
    monkeypatch: pytest.MonkeyPatch, set_by_ms: int
) -> None:
    """One that goes ahead would be noticed by nobody until it comes back."""
    assert readiness.clock(0).state == "ok"
    monkeypatch.setattr(clock, "_BEGAN", clock._BEGAN - set_by_ms)
    check = readiness.clock(0)
    assert check.state == "warn"
    assert f"{set_by_ms / 1000:+,.0f} s" in check.message
