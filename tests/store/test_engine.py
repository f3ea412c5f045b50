"""Connections are durable, and a writer holds the database from its first moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import IntegrityError

from ledger.errors import CorruptError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, writes
from tests.cluster import SQLITE_ONLY
from tests.store import plant

LOG = "0000AAAA"


@pytest.fixture
def impatient(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Another process's engine, as far as the database can tell; it waits 50 ms for its turn."""
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 50)
    with engines.opened(plant.url_of(data)) as engine:
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50"))
        yield engine


def _create_heads(connection: Connection, *log_ids: str) -> None:
    for log_id in log_ids:
        writes.create_head(connection, log_id, "another")


def size_of(engine: Engine, log_id: str) -> int | None:
    with engines.reading(engine) as connection:
        head = entries.read_head(connection, log_id)
    return None if head is None else head.size


@SQLITE_ONLY
def test_every_connection_keeps_what_it_commits_and_waits_for_its_turn(ledger: Ledger) -> None:
    held = [ledger.engine.connect() for _ in range(5)]  # five different ones
    for connection in held:
        pragma = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
        assert pragma == {
            "journal_mode": "wal",
            "synchronous": 2,
            "busy_timeout": 30_000,
            "foreign_keys": 1,
        }
        connection.close()


@SQLITE_ONLY
@pytest.mark.parametrize("pragma", ["journal_mode=DELETE", "synchronous=NORMAL", "synchronous=OFF"])
def test_a_database_that_may_lose_commits_is_refused(data: Path, pragma: str) -> None:
    engine = engines.connect(f"sqlite:///{data}/ledger.sqlite")
    event.listen(engine, "connect", lambda raw, _: raw.execute(f"PRAGMA {pragma}").fetchall())
    with pytest.raises(CorruptError, match="want wal and 2") as raised:
        engines.check_durable(engine)
    assert raised.value.code == "SETTING_INVALID"
    engine.dispose()


@SQLITE_ONLY
def test_a_writer_locks_before_it_has_written_anything(ledger: Ledger, impatient: Engine) -> None:
    with engines.writing(ledger.engine), pytest.raises(RuleError, match="another writer"):
        engines.writing(impatient).__enter__()
    with engines.writing(impatient):
        pass  # free again


def test_readers_are_not_kept_waiting_and_see_the_last_commit(
    ledger: Ledger, impatient: Engine
) -> None:
    with engines.writing(ledger.engine) as connection:
        writes.create_head(connection, LOG, "another")
        assert size_of(impatient, LOG) is None
    assert size_of(impatient, LOG) == 0


def test_a_reader_sees_one_moment_whatever_is_committed_meanwhile(
    ledger: Ledger, impatient: Engine
) -> None:
    with engines.reading(impatient) as connection:
        before = entries.log_ids(connection)
        with engines.writing(ledger.engine) as other:
            writes.create_head(other, LOG, "another")
        assert entries.log_ids(connection) == before
    with engines.reading(impatient) as connection:
        assert entries.log_ids(connection) == sorted([*before, LOG])


@SQLITE_ONLY
def test_a_second_writer_waits_and_then_sees_what_the_first_one_wrote(
    ledger: Ledger, opened: Callable[[], Ledger]
) -> None:
    second = opened().engine
    saw: list[list[str]] = []

    def write() -> None:
        with engines.writing(second) as connection:
            saw.append(entries.log_ids(connection))

    thread = threading.Thread(target=write)
    with engines.writing(ledger.engine) as connection:
        thread.start()
        time.sleep(0.1)
        assert not saw
        writes.create_head(connection, LOG, "another")
    thread.join(10)
    assert LOG in saw[0]


def test_what_raises_inside_a_transaction_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError), engines.writing(ledger.engine) as connection:
        _create_heads(connection, LOG, LOG)
    assert size_of(ledger.engine, LOG) is None
    with engines.writing(ledger.engine):
        pass  # and no lock


def test_the_head_moves_only_from_where_it_was_found(ledger: Ledger) -> None:
    with engines.writing(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        assert head is not None
        after = entries.Head(head.origin, head.size + 1, b"r" * 32, b"l" * 32, head.at_ms + 1)
        writes.swap_head(connection, ledger.log_id, head, after)
        with pytest.raises(CorruptError, match="the head moved"):
            writes.swap_head(connection, ledger.log_id, head, after)
        connection.rollback()


def test_a_size_has_one_checkpoint(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError), engines.writing(ledger.engine) as connection:
        writes.write_checkpoint(connection, ledger.log_id, 5, "another")


def test_errors_of_the_database_do_not_repeat_private_values(ledger: Ledger) -> None:
    secret = "Li Wei, +86 551 0000"
    row = {"log_id": ledger.log_id, "n": None, "digest": "d", "text": secret}
    with pytest.raises(IntegrityError) as raised, engines.writing(ledger.engine) as connection:
        writes.Batch(ledger.log_id, disclosures=[row]).write(connection)
    assert secret not in str(raised.value)
