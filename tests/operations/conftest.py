"""Ledgers of both kinds of database, and the command line that runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from api import cli
from ledger import settings
from ledger.service import Ledger
from ledger.store import engine as engines
from tests.cluster import Database
from tests.store import plant


@dataclass
class Place:
    """A directory and a database in which a ledger may be."""

    data: Path
    url: str
    opened: list[Ledger] = field(default_factory=list)

    @property
    def options(self) -> list[str]:
        return ["--data", str(self.data), "--database", self.url]

    @property
    def settings(self) -> settings.Settings:
        return settings.Settings(self.data, self.url, "", "")

    def open(self, *, writing: bool = False) -> Ledger:
        self.opened.append(Ledger.open(self.settings))
        if writing:
            self.opened[-1].sequencer.start()
        return self.opened[-1]

    def close(self) -> None:
        for ledger in self.opened:
            plant.close(ledger)
        self.opened.clear()


@dataclass
class Said:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]
NewPlace = Callable[..., Place]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REMELT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def remelt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line here; keyword arguments are variables of the environment."""

    connect = engines.connect

    def run(*arguments: object, **environment: str) -> Said:
        made = []

        def kept(url: str) -> Engine:
            made.append(connect(url))
            return made[-1]

        with monkeypatch.context() as patch:
            patch.setattr(engines, "connect", kept)  # a process that ends closes its connections
            for name, text in environment.items():
                patch.setenv(name, text)
            status = cli.main([str(argument) for argument in arguments])
        for engine in made:
            engine.dispose()
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture
def new_place(tmp_path: Path, database: Database) -> Iterator[NewPlace]:
    """Empty places for ledgers, each with a new database of the kind under test, or of another."""
    made: list[tuple[Place, Database]] = []

    def new(name: str, kind: Database = database) -> Place:
        data = tmp_path / name
        made.append((Place(data, kind.new(data)), kind))
        return made[-1][0]

    yield new
    for place, kind in made:
        place.close()
        kind.drop(place.url)


@pytest.fixture
def place(new_place: NewPlace, remelt: Run) -> Place:
    """A ledger with two parties, and something of everything."""
    made = new_place("first")
    assert remelt("init", "--origin", plant.ORIGIN, *made.options).status == 0
    ledger = made.open(writing=True)
    for site, party in plant.OWNERS.items():
        plant.accept(ledger, plant.registration(party))
        plant.accept(ledger, plant.site_of(site, party))
    plant.accept(ledger, *plant.story())
    made.close()
    return made
