"""A log made once per session and kind of database, and a copy of it for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.service import Ledger
from tests.cluster import Database
from tests.store import plant


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Path:
    """The directory of a log of plant.SIZE entries that nobody has open."""
    data = tmp_path_factory.mktemp("template") / "data"
    plant.place(data, database)
    plant.build(data)
    return data


@pytest.fixture
def data(template: Path, database: Database, tmp_path: Path) -> Iterator[Path]:
    """A copy of the template, directory and database."""
    yield plant.copy(template, tmp_path / "data", database)
    database.drop(plant.url_of(tmp_path / "data"))


@pytest.fixture
def opened(data: Path) -> Iterator[Callable[[], Ledger]]:
    """Opens the copy, as often as asked; each has a writer that is not started yet."""
    ledgers: list[Ledger] = []

    def open_one() -> Ledger:
        ledgers.append(Ledger.open(plant.settings_of(data)))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        plant.close(ledger)


@pytest.fixture
def ledger(opened: Callable[[], Ledger]) -> Ledger:
    """The copy, opened; its writer is not started yet."""
    return opened()


@pytest.fixture
def running(ledger: Ledger) -> Ledger:
    """The copy, opened, and its writer started."""
    ledger.sequencer.start()
    return ledger
