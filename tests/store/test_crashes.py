"""PostgreSQL is killed under load: what was acknowledged is there afterwards, in one log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.service import Ledger
from tests import cluster as clusters
from tests.cluster import Database
from tests.store import plant
from tests.store.load import ROOT, Load, api_key, serving, wait_ready

pytestmark = clusters.POSTGRESQL_ONLY
SCRIPT = ROOT / "scripts" / "standby"
ROUNDS = 3


def report(title: str, load: Load, unanswered: int, written: int) -> None:
    """For a reader of `pytest -rP`."""
    acknowledged = len({envelope["id"] for envelope, _ in load.answers})
    print(
        f"{title}: {acknowledged} acknowledged, none lost; {unanswered} unanswered when it", end=""
    )
    print(
        f" happened, of which {written} had been written; all of these recorded once on repeating"
    )


def written_of(data: Path, envelopes: list[plant.Envelope]) -> int:
    ledger = Ledger.open(plant.settings_of(data))
    stored = plant.stored(ledger)
    ledger.close()
    return sum(("HEFEI", envelope["id"]) in stored for envelope in envelopes)


@pytest.mark.slow
def test_a_server_of_postgresql_that_is_killed_under_load_loses_nothing_acknowledged(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with clusters.running() as cluster:
        plant.place(data, Database("postgresql", cluster))
        plant.build(data)
        key = api_key(data)
        with serving(data, plant.url_of(data)) as address:
            load, unanswered, written = Load(address, key), 0, 0
            for number in range(ROUNDS):
                load.start(f"K{number}")
                load.wait_for(60)
                cluster.stop(signal.SIGKILL)
                cluster.start()
                load.wait_for(20)  # the same process goes on
                load.stop()
                unanswered += len(load.unanswered)
                written += written_of(data, load.unanswered)
                load.repeat()
        with closing(Ledger.open(plant.settings_of(data))) as ledger:
            load.check(ledger)
    assert unanswered
    report(f"{ROUNDS} kills of one server", load, unanswered, written)


@pytest.fixture
def three() -> Iterator[tuple[Path, str]]:
    """The directory of a primary with two standbys, and the URL that finds the primary."""
    home = Path(tempfile.mkdtemp(prefix="remelt-pg-"))
    try:
        yield home, standby(home).splitlines()[-1]
    finally:
        standby(home, "stop")
        shutil.rmtree(home, ignore_errors=True)


def standby(home: Path, *what: str) -> str:
    done = subprocess.run(
        [SCRIPT, home, *what], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def kill(home: Path) -> None:
    """The machine of this server is gone: every process of it."""
    pid = int((home / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for process in [pid, *map(int, children)]:
        os.kill(process, signal.SIGKILL)


@pytest.mark.slow
def test_a_primary_that_is_lost_under_load_takes_nothing_acknowledged_with_it(
    three: tuple[Path, str], tmp_path: Path
) -> None:
    home, url = three
    data = tmp_path / "data"
    data.mkdir()
    (data / "database.url").write_text(url)
    plant.build(data)
    key = api_key(data)
    with serving(data, url) as address:
        load = Load(address, key)
        load.start("P")
        load.wait_for(200)
        kill(home / "primary")
        standby(home, "failover")
        wait_ready(address)
        load.wait_for(50)  # the same process found the new primary
        load.stop()
        unanswered, written = len(load.unanswered), written_of(data, load.unanswered)
        load.repeat()
    with closing(Ledger.open(plant.settings_of(data))) as ledger:
        load.check(ledger)
    assert unanswered
    report("a lost primary", load, unanswered, written)


def test_a_primary_that_answers_is_not_replaced(three: tuple[Path, str]) -> None:
    done = subprocess.run(
        [SCRIPT, three[0], "failover"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert "still answers" in done.stderr
