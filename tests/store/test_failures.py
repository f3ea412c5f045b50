"""Where a commit breaks, and whether it was persisted anyway: nothing is lost, halved or doubled.

Every failure is injected below our own code: in the driver's hands, in SQLite, or by a rival.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text, update

from ledger import audit
from ledger.errors import LedgerError, RuleError
from ledger.sequencer import Result
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests.cluster import SQLITE_ONLY
from tests.store import damage, plant


class Broken(Exception):
    """The connection to the database went away."""


def outcome(ledger: Ledger, *envelopes: plant.Envelope) -> str:
    """ "" when all was taken, else the code that every waiter was told."""
    try:
        results: list[Result] = plant.record(ledger, *envelopes)
    except LedgerError as error:
        return error.code
    assert plant.codes(results) == [""] * len(envelopes)
    return ""


def writes_only(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes"))


@contextmanager
def broken_before_statement(ledger: Ledger, number: int) -> Iterator[list[str]]:
    """The connection breaks before the given statement of a writing transaction (from 0)."""
    sent: list[str] = []

    def listen(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if writes_only(connection):
            sent.append(statement)
            if len(sent) == number + 1:
                raise Broken

    event.listen(ledger.engine, "before_cursor_execute", listen)
    yield sent
    event.remove(ledger.engine, "before_cursor_execute", listen)


@contextmanager
def broken_at_commit(ledger: Ledger, *, persisted: bool) -> Iterator[list[bool]]:
    """The connection breaks at COMMIT: before it was sent, or after it took effect."""
    broken: list[bool] = []

    def listen(connection: Connection) -> None:
        if writes_only(connection):
            if persisted:
                connection.connection.commit()
            broken.append(True)
            raise Broken

    event.listen(ledger.engine, "commit", listen)
    yield broken
    event.remove(ledger.engine, "commit", listen)


def statements_of(ledger: Ledger, envelopes: list[plant.Envelope]) -> list[str]:
    """The statements of the transaction that records these events."""
    with broken_before_statement(ledger, 10**9) as sent:
        assert outcome(ledger, *envelopes) == ""
    return sent


def test_a_commit_that_breaks_before_any_of_its_statements_never_happened(
    running: Ledger, opened: Callable[[], Ledger]
) -> None:
    story = plant.story()
    shadow = opened()  # another process, that looks on
    rehearsal = [plant.receipt(f"HF01/R{i}", private={"note": "x"}) for i in range(3)]
    most = len(statements_of(running, [*rehearsal, plant.registration("TONGLING")])) + 6
    before = plant.audited(shadow)
    broke = 0
    for number in range(most):
        with broken_before_statement(running, number) as sent:
            code = outcome(running, *story)
        if len(sent) <= number:
            break
        broke += 1
        assert code == "NOT_READY", sent[-1]
        assert plant.audited(shadow) == before, sent[-1]
    assert any(statement.startswith("UPDATE head") for statement in sent)
    assert broke >= 12  # inserts into eight tables, and what is read before
    assert code == ""  # the last one did not break: the same events, taken at last
    assert plant.audited(shadow).size == before.size + len(story)


@pytest.mark.parametrize("persisted", [True, False])
def test_a_commit_of_unknown_outcome_is_neither_lost_nor_doubled(
    running: Ledger, persisted: bool
) -> None:
    first, second = plant.story()[:3], plant.story()[3:]
    size = plant.audited(running).size
    with broken_at_commit(running, persisted=persisted) as broken:
        assert outcome(running, *first) == "NOT_READY"
    assert broken
    size += len(first) * persisted
    assert plant.audited(running).size == size
    again = plant.accept(running, *first)
    size += len(first) * (not persisted)
    assert [answer.n for answer in again] == [5, 6, 7]
    assert plant.audited(running).size == size
    heads = [plant.check_answer(running, answer) for answer in again]
    later = plant.accept(running, *second)
    plant.check_consistent(running, heads + [plant.check_answer(running, a) for a in later])
    assert plant.audited(running).size == plant.SIZE + len(first) + len(second)


@pytest.mark.parametrize("persisted", [True, False])
def test_other_events_after_an_unknown_outcome_go_on_from_what_the_database_says(
    running: Ledger, persisted: bool
) -> None:
    lost, kept = plant.receipt("HF01/A"), plant.receipt("HF01/B")
    with broken_at_commit(running, persisted=persisted):
        assert outcome(running, lost) == "NOT_READY"
    (answer,) = plant.accept(running, kept)
    assert answer.n == plant.SIZE + persisted
    plant.check_answer(running, answer)
    # What the writer remembered of the lost commit must not be believed.
    assert outcome(running, plant.certificate(["HF01/B"])) == ""
    codes = plant.codes(plant.record(running, plant.certificate(["HF01/A"])))
    assert codes == ([""] if persisted else ["LOT_UNKNOWN"])
    plant.audited(running)


def test_everybody_who_shared_a_broken_commit_is_told_and_can_repeat(ledger: Ledger) -> None:
    lots = [f"HF01/A{i}" for i in range(10)]
    envelopes = [plant.receipt(lot) for lot in lots]
    waiting = [plant.submit(ledger, envelope) for envelope in envelopes]
    with broken_at_commit(ledger, persisted=True):
        ledger.sequencer.start()
        told = [future.exception(30) for future in waiting]
    for error in told:
        assert isinstance(error, RuleError)
        assert (error.code, error.status_hint) == ("NOT_READY", 503)
        assert "same id" in error.hint
    answers = plant.accept(ledger, *envelopes)
    assert [answer.n for answer in answers] == [*range(5, 15)]
    assert plant.audited(ledger).size == 15


@pytest.mark.parametrize(
    "table", ["entries", "disclosures", "touches", "objects", "party_keys", "tiles", "checkpoints"]
)
def test_a_table_that_refuses_its_rows_undoes_the_whole_commit(running: Ledger, table: str) -> None:
    envelopes = [plant.receipt("HF01/A", private={"note": "x"}), plant.registration("TONGLING")]
    before = plant.audited(running)
    with engines.writing(running.engine) as connection:
        damage.refuse_inserts(connection, table)
    assert outcome(running, *envelopes) == "NOT_READY"
    assert plant.audited(running) == before
    assert plant.count(running, tables.party_keys) == 2
    with engines.writing(running.engine) as connection:
        damage.allow_inserts(connection, table)
    assert outcome(running, *envelopes) == ""
    assert plant.audited(running).size == before.size + 2


def on_connect(ledger: Ledger, pragma: str) -> None:
    """New connections of this ledger get a pragma; there are no old ones left."""
    event.listen(ledger.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA {pragma}"))
    ledger.engine.dispose()


@SQLITE_ONLY
def test_a_rival_who_keeps_the_lock_delays_nothing_but_the_answer(
    ledger: Ledger, data: Path
) -> None:
    on_connect(ledger, "busy_timeout=100")
    ledger.sequencer.start()
    rival = sqlite3.connect(data / "ledger.sqlite", isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    assert outcome(ledger, plant.receipt("HF01/A")) == "NOT_READY"
    assert plant.audited(ledger).size == plant.SIZE
    rival.execute("ROLLBACK")
    rival.close()
    assert outcome(ledger, plant.receipt("HF01/A")) == ""
    assert plant.audited(ledger).size == plant.SIZE + 1


@SQLITE_ONLY
def test_a_full_disk_loses_nothing_and_the_log_goes_on_when_there_is_room(
    ledger: Ledger, opened: Callable[[], Ledger]
) -> None:
    with engines.reading(ledger.engine) as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    on_connect(ledger, f"max_page_count={pages + 4}")
    ledger.sequencer.start()
    envelopes = [plant.receipt(f"HF01/A{i}") for i in range(60)]
    assert outcome(ledger, *envelopes) == "NOT_READY"
    assert plant.audited(ledger).size == plant.SIZE
    roomy = opened()
    roomy.sequencer.start()
    assert outcome(roomy, *envelopes) == ""
    assert plant.audited(ledger).size == plant.SIZE + 60


def test_a_writer_overtaken_by_another_process_begins_from_the_new_head(
    running: Ledger, opened: Callable[[], Ledger]
) -> None:
    other = opened()
    other.sequencer.start()
    heads = []
    for number in range(6):
        writer = (running, other)[number % 2]
        (answer,) = plant.accept(writer, plant.receipt(f"HF01/A{number}"))
        assert answer.n == plant.SIZE + number
        heads.append(plant.check_answer(writer, answer))
    # What one has made the other may use at once, and only once.
    assert outcome(other, plant.melt("HF01/H", ["HF01/A0", "HF01/A1"], "HF01/X", "17 t")) == ""
    assert plant.codes(plant.record(running, plant.certificate(["HF01/A0"]))) == ["LOT_CONSUMED"]
    plant.check_consistent(running, heads)
    plant.audited(running)


@pytest.mark.parametrize("table", ["tiles", "objects"])
def test_a_store_that_contradicts_the_log_stops_the_writer(
    ledger: Ledger, opened: Callable[[], Ledger], table: str
) -> None:
    envelope = plant.receipt("HF01/A")
    prepared = [plant.submit(ledger, envelope), plant.submit(ledger, plant.receipt("HF01/B"))]
    damaged = {"tiles": {"hashes": b"x" * 32 * plant.SIZE}, "objects": {"state": b"{"}}[table]
    with engines.writing(ledger.engine) as connection:
        connection.execute(update(tables.metadata.tables[table]).values(damaged))
    ledger.sequencer.start()
    told = [future.exception(30) for future in prepared]
    assert [getattr(error, "code", "") for error in told] == ["STORE_CORRUPT"] * 2
    with pytest.raises(RuleError, match="the writer has stopped") as raised:
        ledger.submit([])
    assert raised.value.code == "NOT_READY"
    assert plant.count(ledger, tables.entries) == plant.SIZE
    if table == "objects":  # a view: it can be made again, and the log goes on
        with engines.writing(ledger.engine) as connection:
            audit.rebuild_views(connection, ledger.log_id)
        reopened = opened()
        reopened.sequencer.start()
        assert outcome(reopened, envelope) == ""
        plant.audited(reopened)


def test_what_was_queued_when_the_writer_stopped_is_answered_and_not_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.sequencer.BATCH_MAX", 1)  # one group, one commit
    waiting = [plant.submit(ledger, plant.receipt(f"HF01/A{i}")) for i in range(3)]
    with engines.writing(ledger.engine) as connection:
        connection.execute(update(tables.tiles).values(hashes=b"x" * 32 * plant.SIZE))
    ledger.sequencer.start()
    told = [future.exception(30) for future in waiting]
    codes = [getattr(error, "code", "") for error in told]
    assert codes == ["STORE_CORRUPT", "NOT_READY", "NOT_READY"]
    assert plant.count(ledger, tables.entries) == plant.SIZE
