"""The tables are those of the migrations, keyed as a log that may be sharded needs it."""

from __future__ import annotations

import shutil
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
from tests.store import plant

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """alembic.ini as it is, for a new database that the environment names."""
    monkeypatch.setenv("REMELT_DATABASE", f"sqlite:///{tmp_path}/new.sqlite")
    return Config(str(ROOT / "alembic.ini"))


def migrated(tmp_path: Path) -> Engine:
    return engines.connect(f"sqlite:///{tmp_path}/new.sqlite")


def shape_of(engine: Engine) -> dict[str, object]:
    """Every table as the database itself describes it: columns, types, keys, indexes."""
    shape: dict[str, object] = {}
    with engines.reading(engine) as connection:
        for name in inspect(connection).get_table_names():
            if name == "alembic_version":
                continue
            columns = connection.execute(text(f"PRAGMA table_info({name})")).all()
            indexes = connection.execute(text(f"PRAGMA index_list({name})")).all()
            named = sorted((row.name, row.unique, row.origin) for row in indexes)
            parts = [connection.execute(text(f"PRAGMA index_info({n})")).all() for n, *_ in named]
            shape[name] = [tuple(map(tuple, rows)) for rows in (columns, named, *parts)]
    return shape


def test_upgrade_head_and_then_check_finds_nothing_to_do(config: Config) -> None:
    command.upgrade(config, "head")
    command.check(config)


def test_migrations_make_exactly_the_tables_of_the_metadata(tmp_path: Path, config: Config) -> None:
    command.upgrade(config, "head")
    engine, other = migrated(tmp_path), engines.connect(f"sqlite:///{tmp_path}/other.sqlite")
    with engines.writing(other) as connection:
        tables.metadata.create_all(connection)
    assert shape_of(engine) == shape_of(other)
    with engines.reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()
    other.dispose()


def test_a_drift_would_be_seen(tmp_path: Path, config: Config) -> None:
    command.upgrade(config, "head")
    engine = migrated(tmp_path)
    with engines.writing(engine) as connection:
        before = compare_metadata(MigrationContext.configure(connection), tables.metadata)
        connection.execute(text("DROP INDEX ix_edges_log_id_parent"))
        after = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    engine.dispose()
    assert (len(before), len(after)) == (0, 1)


def test_downgrade_leaves_no_table_and_can_be_upgraded_again(
    tmp_path: Path, config: Config
) -> None:
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    engine = migrated(tmp_path)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    command.upgrade(config, "head")
    command.check(config)


def test_an_upgrade_that_fails_halfway_leaves_nothing(tmp_path: Path, config: Config) -> None:
    engine = migrated(tmp_path)
    with engines.writing(engine) as connection:
        connection.execute(text("CREATE TABLE party_keys (something TEXT)"))  # in its way, last
    with pytest.raises(Exception, match="party_keys already exists"):
        command.upgrade(config, "head")
    assert inspect(engine).get_table_names() == ["party_keys"]
    engine.dispose()


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
    seen = 0
    with engines.reading(ledger.engine) as connection:
        for name in tables.metadata.tables:
            indexes = connection.execute(text(f"PRAGMA index_list({name})")).all()
            for index in indexes:
                parts = connection.execute(text(f"PRAGMA index_info({index.name})")).all()
                assert parts[0].name == "log_id", index.name
                seen += 1
    assert seen >= len(tables.metadata.tables) + 2  # a primary key each, and two more


def test_positions_are_assigned_and_never_drawn_from_a_sequence(ledger: Ledger) -> None:
    for table in tables.metadata.tables.values():
        for column in table.columns:
            assert column.default is None, column
            assert column.server_default is None, column
            assert column.identity is None, column
            assert not (isinstance(column.type, Integer) and column is table.autoincrement_column)
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


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET leaf = x'00' WHERE n = 1",
        "UPDATE entries SET n = 77 WHERE n = 1",
        "DELETE FROM entries WHERE n = 4",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT log_id, n, party, event_id, leaf_hash, x'00' "
        "FROM entries WHERE n = 2",
        "REPLACE INTO entries SELECT log_id, 99, party, event_id, leaf_hash, leaf "
        "FROM entries WHERE n = 2",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints WHERE size = 5",
        "REPLACE INTO checkpoints SELECT log_id, size, 'another' FROM checkpoints WHERE size = 5",
    ],
)
def test_the_log_is_append_only_for_whoever_has_the_database(
    ledger: Ledger, statement: str
) -> None:
    with (
        pytest.raises(Exception, match="is append-only"),
        engines.writing(ledger.engine) as connection,
    ):
        connection.execute(text(statement))
    assert plant.audited(ledger).size == plant.SIZE


def test_a_copy_of_the_files_is_a_whole_log(ledger: Ledger, data: Path, tmp_path: Path) -> None:
    ledger.sequencer.start()
    plant.accept(ledger, *plant.story())
    plant.close(ledger)
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    other = Ledger.open(plant.settings_of(copy))
    assert plant.audited(other) == plant.audited(ledger)
    plant.close(other)
