"""What only PostgreSQL can do to a log: warn, undo, wait, go away and come back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select, text

from ledger.book import jose
from ledger.errors import CorruptError, LedgerError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import keyed, tables, writes
from tests import cluster as clusters
from tests.cluster import Cluster, Database
from tests.store import damage, plant

pytestmark = clusters.POSTGRESQL_ONLY
SECRET = "Hao Min"


def execute(ledger: Ledger, *statements: str) -> None:
    with engines.writing(ledger.engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def name_of(ledger: Ledger) -> str:
    return str(ledger.engine.url.database)


# Settings.


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("synchronous_commit = off", "synchronous_commit off, want on"),
        ("synchronous_commit = local", ""),
        ("synchronous_commit = remote_apply", ""),
    ],
)
def test_a_database_that_answers_before_it_has_written_is_refused(
    ledger: Ledger, opened: Callable[[], Ledger], setting: str, said: str
) -> None:
    execute(ledger, f"ALTER DATABASE {name_of(ledger)} SET {setting}")
    if not said:
        opened()
        return
    with pytest.raises(CorruptError, match=said) as raised:
        opened()
    assert raised.value.code == "SETTING_INVALID"
    assert "ALTER SYSTEM SET synchronous_commit = on" in raised.value.hint


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_a_power_cut_would_break_is_refused(
    opened: Callable[[], Ledger], cluster: Cluster, setting: str
) -> None:
    cluster.query(f"ALTER SYSTEM SET {setting} = off")
    cluster.query("SELECT pg_reload_conf()")
    try:
        with pytest.raises(CorruptError, match=f"{setting} off, want on"):
            until_refused(opened)
    finally:
        cluster.query(f"ALTER SYSTEM RESET {setting}")
        cluster.query("SELECT pg_reload_conf()")


def until_refused(opened: Callable[[], Ledger]) -> None:
    for _ in range(100):  # a reload takes a moment
        opened()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ENCODING 'SQL_ASCII' LOCALE 'C'", "encoding SQL_ASCII, want UTF8"),
        ("ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'", "collation"),
    ],
)
def test_a_database_that_cannot_hold_or_order_texts_is_refused_before_it_has_tables(
    cluster: Cluster, tmp_path: Path, options: str, said: str
) -> None:
    cluster.query(f"CREATE DATABASE odd TEMPLATE template0 {options}")
    (tmp_path / "database.url").write_text(cluster.url("odd"))
    with pytest.raises(CorruptError, match=said) as raised:
        plant.build(tmp_path)
    assert "LOCALE 'C'" in raised.value.hint
    tables = "SELECT count(*) FROM pg_class WHERE relname = 'entries'"
    assert cluster.query(tables, "odd") == [(0,)]
    assert not (tmp_path / "keys").exists()
    cluster.drop_database("odd")


# A commit that the server undoes.


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_commit_that_the_server_undoes_is_repeated(running: Ledger, sqlstate: str) -> None:
    fail(running, sqlstate, times=3)
    answers = plant.accept(running, *plant.story())
    assert [answer.n for answer in answers] == [*range(plant.SIZE, plant.SIZE + len(answers))]
    heads = [plant.check_answer(running, answer) for answer in answers]
    plant.check_consistent(running, heads)
    assert plant.audited(running).size == plant.SIZE + len(answers)


def test_a_commit_that_is_always_undone_is_given_up_and_the_writer_goes_on(running: Ledger) -> None:
    fail(running, "40001", times=6)
    with pytest.raises(RuleError) as raised:
        plant.record(running, plant.receipt("HF01/A"))
    assert raised.value.code == "NOT_READY"
    plant.accept(running, plant.receipt("HF01/A"))
    assert plant.audited(running).size == plant.SIZE + 1


def fail(ledger: Ledger, sqlstate: str, times: int) -> None:
    """The next commits fail so many times. A sequence counts: it is not undone with them."""
    execute(
        ledger,
        "CREATE SEQUENCE tries",
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF nextval('tries') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; "
        "END IF; RETURN NEW; END $$",
        "CREATE TRIGGER fail BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION fail()",
    )


# Many rows.


def many() -> list[plant.Envelope]:
    """Events whose rows go in by COPY: entries, touches, private fields, a run's edges."""
    lots = [f"HF01/M{i}" for i in range(writes.COPY_ROWS_MIN + 2)]
    events = [plant.receipt(lot, private={"note": f"{SECRET} {lot}"}) for lot in lots]
    return [*events, plant.melt("HF01/H-M", lots, "HF01/MANY", "80 t")]


def test_a_commit_of_many_rows_is_as_one_of_few(running: Ledger) -> None:
    answers = plant.accept(running, *many())
    with engines.reading(running.engine) as connection:
        notes = connection.execute(select(tables.disclosures.c.text)).scalars().all()
    assert sum(SECRET in str(jose.b64url_decode(note, "")) for note in notes) == len(answers) - 1
    assert plant.count(running, tables.edges) == len(answers) - 1
    assert plant.audited(running).size == plant.SIZE + len(answers)


@pytest.mark.parametrize("table", ["entries", "disclosures", "touches", "edges", "entry_parties"])
def test_a_table_that_refuses_many_rows_undoes_the_commit_and_quotes_none(
    running: Ledger, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    with engines.writing(running.engine) as connection:
        damage.refuse_inserts(connection, table)
    before, events = plant.audited(running), many()
    with pytest.raises(RuleError) as raised:
        plant.record(running, *events)
    assert raised.value.code == "NOT_READY"
    assert "refused" in caplog.text
    assert SECRET not in caplog.text
    assert plant.audited(running) == before
    with engines.writing(running.engine) as connection:
        damage.allow_inserts(connection, table)
    plant.accept(running, *events)
    plant.audited(running)


def test_many_keys_are_found_through_the_index_in_a_table_without_statistics(
    ledger: Ledger,
) -> None:
    execute(
        ledger,
        "INSERT INTO usage SELECT log_id, 'ticket:' || i, i, 'HEFEI' FROM head, "
        "generate_series(1, 20000) AS i",
    )
    query = keyed.keyed(tables.usage, "key", "key", "n")
    keys = [f"ticket:{i}" for i in range(1, 40_000, 80)]
    with engines.reading(ledger.engine) as connection:
        found = list(query.rows(connection, keys, log_id=ledger.log_id))
        compiled = query.by_loop.compile(dialect=ledger.engine.dialect)
        values = {**compiled.params, "keys": keys, "log_id": ledger.log_id}
        plan = connection.exec_driver_sql(f"EXPLAIN {compiled}", values).scalars().all()
    assert sorted(n for _, n in found) == list(range(1, 20_001, 80))
    assert "Seq Scan" not in " ".join(plan), plan


# Locks.


def test_a_second_writer_waits_for_the_head_and_begins_from_what_it_then_is(
    running: Ledger, opened: Callable[[], Ledger]
) -> None:
    other = opened()
    with engines.writing(other.engine) as connection:
        connection.execute(text("SELECT size FROM head FOR UPDATE"))
        waiting = plant.submit(running, plant.receipt("HF01/A"))
        time.sleep(0.3)
        assert not waiting.done()
        assert plant.audited(opened()).size == plant.SIZE  # readers do not wait
    assert plant.codes(waiting.result(30)) == [""]


def test_a_rival_who_keeps_the_head_delays_nothing_but_the_answer(
    running: Ledger, opened: Callable[[], Ledger]
) -> None:
    impatient = text("SET LOCAL lock_timeout = '100ms'")
    listen = lambda connection: connection.execute(impatient)  # noqa: E731
    with engines.writing(opened().engine) as connection:
        connection.execute(text("SELECT size FROM head FOR UPDATE"))
        event.listen(running.engine, "begin", listen)
        with pytest.raises(RuleError) as raised:
            plant.record(running, plant.receipt("HF01/A"))
        event.remove(running.engine, "begin", listen)
    assert raised.value.code == "NOT_READY"
    plant.accept(running, plant.receipt("HF01/A"))
    assert plant.audited(running).size == plant.SIZE + 1


# A server that goes away, and comes back.


@pytest.fixture
def own(template: Path, tmp_path: Path) -> Iterator[tuple[Cluster, Ledger]]:
    """A cluster that no other test uses, and a running ledger on it."""
    with clusters.running() as cluster:
        data = tmp_path / "own"
        plant.place(data, Database("postgresql", cluster))
        plant.build(data)
        ledger = Ledger.open(plant.settings_of(data))
        ledger.sequencer.start()
        yield cluster, ledger
        plant.close(ledger)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_the_log_goes_on_when_the_server_is_back(
    own: tuple[Cluster, Ledger], how: signal.Signals
) -> None:
    cluster, ledger = own
    kept = plant.accept(ledger, *plant.story()[:3])
    cluster.stop(how)
    with pytest.raises(RuleError) as raised:
        plant.record(ledger, plant.receipt("HF01/D"))
    assert raised.value.code == "NOT_READY"
    assert ledger.sequencer.fatal is None
    cluster.start()
    later = plant.accept(ledger, plant.receipt("HF01/D"), *plant.story()[3:])
    heads = [plant.check_answer(ledger, answer) for answer in kept + later]
    plant.check_consistent(ledger, heads)
    assert plant.audited(ledger).size == plant.SIZE + len(kept) + len(later)


def test_a_connection_that_was_closed_while_idle_is_noticed(running: Ledger) -> None:
    plant.accept(running, plant.receipt("HF01/A"))
    time.sleep(1.1)
    with engines.reading(running.engine) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    time.sleep(1.1)
    plant.accept(running, plant.receipt("HF01/B"))


def test_a_commit_that_no_standby_confirmed_is_not_acknowledged(
    own: tuple[Cluster, Ledger],
) -> None:
    """The server says COMMIT and warns: nobody may be told that the event is recorded."""
    cluster, ledger = own
    cluster.query("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (nobody)'")
    cluster.query("SELECT pg_reload_conf()")
    time.sleep(0.3)
    envelope = plant.receipt("HF01/A")
    waiting = plant.submit(ledger, envelope)
    threading.Thread(target=cancel, args=(cluster,)).start()
    error = waiting.exception(30)
    assert isinstance(error, LedgerError)
    assert error.code == "NOT_READY"
    assert "not confirmed" in error.message
    cluster.query("ALTER SYSTEM RESET synchronous_standby_names")
    cluster.query("SELECT pg_reload_conf()")
    (answer,) = plant.accept(ledger, envelope)
    assert answer.n == plant.SIZE
    assert plant.audited(ledger).size == plant.SIZE + 1


def cancel(cluster: Cluster) -> None:
    """Cancel the first statement that waits for a standby."""
    for _ in range(100):
        found = cluster.query(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        )
        if found:
            return
        time.sleep(0.05)
