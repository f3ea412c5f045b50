"""The tables are those of the migrations, keyed as a log that may be sharded needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, Integer, inspect, text

from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests.cluster import SQLITE_ONLY, Database
from tests.store import plant

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def url(tmp_path: Path, database: Database) -> Iterator[str]:
    """A new, empty database."""
    url = database.new(tmp_path)
    yield url
    database.drop(url)


@pytest.fixture
def config(url: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """alembic.ini as it is, for the new database, which the environment names."""
    monkeypatch.setenv("REMELT_DATABASE", url)
    return Config(str(ROOT / "alembic.ini"))


@pytest.fixture
def migrated(url: str) -> Iterator[Engine]:
    with engines.opened(url) as engine:
        yield engine


def shape_of(engine: Engine) -> dict[str, object]:
    """Every table as the database itself describes it: columns, types, keys, indexes."""
    shape: dict[str, object] = {}
    with engines.reading(engine) as connection:
        found = inspect(connection)
        for name in found.get_table_names():
            if name == "alembic_version":
                continue
            columns = [{**c, "type": str(c["type"])} for c in found.get_columns(name)]
            indexes = [
                {name: str(value) for name, value in index.items() if name != "dialect_options"}
                | {name: str(value) for name, value in index.get("dialect_options", {}).items()}
                for index in found.get_indexes(name)
            ]
            shape[name] = (columns, found.get_pk_constraint(name), sorted(indexes, key=str))
    return shape


def test_upgrade_head_and_then_check_finds_nothing_to_do(config: Config) -> None:
    command.upgrade(config, "head")
    command.check(config)


def test_migrations_make_exactly_the_tables_of_the_metadata(
    tmp_path: Path, database: Database, config: Config, migrated: Engine
) -> None:
    command.upgrade(config, "head")
    (tmp_path / "other").mkdir()
    url = database.new(tmp_path / "other")
    with engines.opened(url) as other:
        with engines.writing(other) as connection:
            tables.metadata.create_all(connection)
        assert shape_of(migrated) == shape_of(other)
    database.drop(url)
    with engines.reading(migrated) as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_drift_would_be_seen(config: Config, migrated: Engine) -> None:
    command.upgrade(config, "head")
    with engines.writing(migrated) as connection:
        before = compare_metadata(MigrationContext.configure(connection), tables.metadata)
        connection.execute(text("DROP INDEX ix_edges_log_id_parent"))
        after = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    assert (len(before), len(after)) == (0, 1)


def test_downgrade_leaves_no_table_and_can_be_upgraded_again(
    config: Config, migrated: Engine
) -> None:
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    assert inspect(migrated).get_table_names() == ["alembic_version"]
    command.upgrade(config, "head")
    command.check(config)


def test_an_upgrade_that_fails_halfway_leaves_nothing(config: Config, migrated: Engine) -> None:
    with engines.writing(migrated) as connection:
        connection.execute(text("CREATE TABLE party_keys (something TEXT)"))  # in its way, last
    with pytest.raises(Exception, match=r'party_keys"? already exists'):
        command.upgrade(config, "head")
    assert inspect(migrated).get_table_names() == ["party_keys"]


def test_every_key_and_index_of_the_metadata_begins_with_log_id() -> None:
    assert tables.metadata.tables
    for table in tables.metadata.tables.values():
        assert next(iter(table.primary_key.columns)).name == "log_id", table.name
        for index in table.indexes:
            assert next(iter(index.columns)).name == "log_id", index.name
        for constraint in table.constraints:
            columns = [column.name for column in getattr(constraint, "columns", [])]
            assert columns[:1] == ["log_id"], constraint
        assert not table.foreign_keys


def test_every_key_and_index_in_the_database_begins_with_log_id(ledger: Ledger) -> None:
    found, seen = inspect(ledger.engine), 0
    for name in tables.metadata.tables:
        keys = [found.get_pk_constraint(name)["constrained_columns"]]
        for columns in keys + [index["column_names"] for index in found.get_indexes(name)]:
            assert columns[0] == "log_id", (name, columns)
            seen += 1
    assert seen >= len(tables.metadata.tables) + 2  # a primary key each, and two more


def test_positions_are_assigned_and_never_drawn_from_a_sequence(ledger: Ledger) -> None:
    for table in tables.metadata.tables.values():
        for column in table.columns:
            assert column.default is None, column
            assert column.server_default is None, column
            assert column.identity is None, column
            assert not (isinstance(column.type, Integer) and column is table.autoincrement_column)
    found = inspect(ledger.engine)
    for name in tables.metadata.tables:
        for made in found.get_columns(name):
            assert (made["default"], made.get("identity")) == (None, None), (name, made)
    if ledger.engine.dialect.name == "postgresql":
        assert found.get_sequence_names() == []


@SQLITE_ONLY
def test_no_key_is_the_counter_of_sqlite(ledger: Ledger) -> None:
    with engines.reading(ledger.engine) as connection:
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
        everything = " ".join(made.scalars()).upper()
        rowid_keys = [name for name in tables.metadata.tables if not _has_key(connection, name)]
    assert "AUTOINCREMENT" not in everything
    assert "SQLITE_SEQUENCE" not in everything
    assert not rowid_keys  # a single INTEGER PRIMARY KEY would be SQLite's own counter


def _has_key(connection: Connection, name: str) -> bool:
    rows = connection.execute(text(f"PRAGMA index_list({name})")).all()
    return any(row.origin == "pk" for row in rows)


FORBIDDEN = (
    "UPDATE entries SET leaf = leaf WHERE n = 1",
    "UPDATE entries SET n = 77 WHERE n = 1",
    "DELETE FROM entries WHERE n = 4",
    "DELETE FROM entries",
    "UPDATE checkpoints SET note = ''",
    "DELETE FROM checkpoints WHERE size = 5",
)
FORBIDDEN_BY = {
    "sqlite": (
        "INSERT OR REPLACE INTO entries SELECT log_id, n, party, event_id, leaf_hash, x'00' "
        "FROM entries WHERE n = 2",
        "REPLACE INTO entries SELECT log_id, 99, party, event_id, leaf_hash, leaf "
        "FROM entries WHERE n = 2",
        "REPLACE INTO checkpoints SELECT log_id, size, 'another' FROM checkpoints WHERE size = 5",
    ),
    "postgresql": (
        "TRUNCATE entries",
        "TRUNCATE head, checkpoints",
        "INSERT INTO entries SELECT * FROM entries WHERE n = 2 "
        "ON CONFLICT (log_id, n) DO UPDATE SET leaf = ''",
        "INSERT INTO checkpoints SELECT * FROM checkpoints WHERE size = 5 "
        "ON CONFLICT (log_id, size) DO UPDATE SET note = ''",
    ),
}


def test_the_log_is_append_only_for_whoever_has_the_database(ledger: Ledger) -> None:
    for statement in FORBIDDEN + FORBIDDEN_BY[ledger.engine.dialect.name]:
        with (
            pytest.raises(Exception, match="is append-only"),
            engines.writing(ledger.engine) as connection,
        ):
            connection.execute(text(statement))
    assert plant.audited(ledger).size == plant.SIZE


def test_a_copy_of_directory_and_database_is_a_whole_log(
    ledger: Ledger, database: Database, data: Path, tmp_path: Path
) -> None:
    ledger.sequencer.start()
    plant.accept(ledger, *plant.story())
    plant.close(ledger)
    other = Ledger.open(plant.settings_of(plant.copy(data, tmp_path / "copy", database)))
    assert plant.audited(other) == plant.audited(ledger)
    plant.close(other)
    plant.close(ledger)
    database.drop(plant.url_of(tmp_path / "copy"))
