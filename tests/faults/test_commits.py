"""The connection breaks at any moment of a commit, and nobody knows whether it happened.

test_failures.py breaks it before each statement; here it breaks after each, and on PostgreSQL
between any two messages to the server and around COMMIT itself, on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from ledger.errors import LedgerError
from ledger.service import Ledger
from tests import cluster as clusters
from tests.cluster import POSTGRESQL_ONLY, Cluster, Database
from tests.faults import amounts, cutting
from tests.faults.cutting import Plan, Proxy
from tests.store import plant

EVENTS = 12  # enough that PostgreSQL gets its rows by COPY
SAMPLE = 8


class Broken(Exception):
    """The connection went away."""


class Batches:
    """Events that were never sent before, and where the log is."""

    def __init__(self) -> None:
        self.count = 0

    def fresh(self) -> list[plant.Envelope]:
        self.count += 1
        private = {"note": "x"}
        return [plant.receipt(f"HF01/C{self.count}-{i}", private=private) for i in range(EVENTS)]


def code_of(ledger: Ledger, envelopes: list[plant.Envelope]) -> str:
    try:
        plant.accept(ledger, *envelopes)
    except LedgerError as error:
        return error.code
    return ""


def held(ledger: Ledger, envelopes: list[plant.Envelope], *, persisted: bool) -> None:
    """Whether the events are there, and that the same events sent again are there once."""
    before = plant.stored(ledger)
    there = [("HEFEI", envelope["id"]) in before for envelope in envelopes]
    assert there == [persisted] * len(envelopes)
    answers = plant.accept(ledger, *envelopes)
    after = plant.stored(ledger)
    assert len(after) == len(before) + len(envelopes) * (not persisted)
    assert sorted(n for n, _ in after.values()) == [*range(len(after))]
    for envelope, answer in zip(envelopes, answers, strict=True):
        assert after["HEFEI", envelope["id"]] == (answer.n, answer.leaf_hash.hex())
        assert before.get(("HEFEI", envelope["id"]), (answer.n, ""))[0] == answer.n
    plant.check_answer(ledger, answers[-1])


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Iterator[Ledger]:
    data = tmp_path / "data"
    plant.place(data, database)
    plant.build(data)
    opened = Ledger.open(plant.settings_of(data))
    opened.sequencer.start()
    yield opened
    plant.close(opened)
    database.drop(plant.url_of(data))


@contextmanager
def broken_after_statement(ledger: Ledger, number: int) -> Iterator[list[str]]:
    """The given statement of a writing transaction takes effect, and its answer gets lost."""
    sent: list[str] = []

    def listen(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.get_execution_options().get("writes"):
            sent.append(statement)
            if len(sent) == number + 1:
                raise Broken

    event.listen(ledger.engine, "after_cursor_execute", listen)
    yield sent
    event.remove(ledger.engine, "after_cursor_execute", listen)


def test_an_answer_lost_after_any_statement_undoes_the_commit(ledger: Ledger) -> None:
    batches, broke = Batches(), 0
    while True:
        envelopes = batches.fresh()
        with broken_after_statement(ledger, broke) as sent:
            code = code_of(ledger, envelopes)
        if len(sent) <= broke:
            break
        assert code == "NOT_READY", sent[-1]
        held(ledger, envelopes, persisted=False)
        broke += 1
    assert code == ""
    assert broke >= 10
    plant.audited(ledger)


def stumble(*_: object) -> None:
    raise Broken


@pytest.mark.parametrize("step", ["_wake", "on_commit"])
def test_a_fault_after_the_commit_is_an_unknown_outcome(
    ledger: Ledger, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told then but to send it again, and the writer begins from what is stored."""
    batches, sequencer = Batches(), ledger.sequencer
    envelopes = batches.fresh()
    with monkeypatch.context() as patch:
        patch.setattr(sequencer, step, stumble)
        assert code_of(ledger, envelopes) in ("NOT_READY", "")
    held(ledger, envelopes, persisted=True)
    assert code_of(ledger, batches.fresh()) == ""
    plant.audited(ledger)


class TestPostgresql:
    pytestmark = POSTGRESQL_ONLY

    @pytest.fixture
    def far(self, cluster: Cluster, tmp_path: Path) -> Iterator[tuple[Ledger, Proxy]]:
        """A ledger whose database is reached by a proxy."""
        data = tmp_path / "data"
        plant.place(data, Database("postgresql", cluster))
        plant.build(data)
        with clusters.new_home() as home, cutting.proxy(home, cluster.home) as between:
            found = plant.settings_of(data)
            url = found.database.replace(str(cluster.home), str(home))
            ledger = Ledger.open(replace(found, database=url))
            ledger.sequencer.start()
            yield ledger, between
            plant.close(ledger)

    @pytest.mark.parametrize("before", [True, False], ids=["not persisted", "persisted"])
    def test_a_connection_that_breaks_at_commit(
        self, far: tuple[Ledger, Proxy], before: bool
    ) -> None:
        ledger, between = far
        batches = Batches()
        for _ in range(20 if amounts.LONG else 3):
            envelopes = batches.fresh()
            between.plan = Plan(-1, before)
            assert code_of(ledger, envelopes) == "NOT_READY"
            assert between.plan.done
            between.plan = None
            held(ledger, envelopes, persisted=not before)
        plant.audited(ledger)

    def test_a_connection_that_breaks_between_any_two_messages(
        self, far: tuple[Ledger, Proxy]
    ) -> None:
        ledger, between = far
        batches, rng, cuts = Batches(), amounts.seeded("messages"), 0
        between.plan = Plan(10**9, True)
        assert code_of(ledger, batches.fresh()) == ""
        most = len(between.plan.seen)
        assert cutting._COMMIT in between.plan.seen[-1]
        assert most > 30
        places = [(at, before) for at in range(most - 1) for before in (True, False)]
        chosen = places if amounts.LONG else rng.sample(places, SAMPLE)
        for at, before in chosen:
            envelopes = batches.fresh()
            plan = between.plan = Plan(at, before)
            code = code_of(ledger, envelopes)
            between.plan = None
            # The driver prepares what it sends often: later commits have fewer messages.
            assert code == ("NOT_READY" if plan.done else ""), (at, before)
            at_commit = plan.done and cutting._COMMIT in plan.seen[-1]
            held(ledger, envelopes, persisted=not plan.done or (at_commit and not before))
            cuts += plan.done
        assert cuts
        print(f"  cut {cuts} times, at {len(chosen)} of {len(places)} places of {most} messages")
        plant.audited(ledger)
