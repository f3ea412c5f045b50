"""The end of a log, looked at before a server begins: every kind of damage is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from ledger import entry, tail
from ledger.errors import CorruptError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables
from tests.store import plant


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log longer than what is looked at, and than a tile."""
    data = tmp_path_factory.mktemp("tail") / "data"
    plant.build(data)
    ledger = Ledger.open(plant.settings_of(data))
    ledger.sequencer.start()
    plant.accept(ledger, *[plant.receipt(f"HF01/R{i}") for i in range(300)])
    plant.close(ledger)
    return data


@pytest.fixture
def ledger(grown: Path, tmp_path: Path) -> Ledger:
    (tmp_path / "keys").symlink_to(grown / "keys")
    for name in ("ledger.sqlite", "ledger.sqlite-wal"):
        if (grown / name).exists():
            (tmp_path / name).write_bytes((grown / name).read_bytes())
    return Ledger.open(plant.settings_of(tmp_path))


def look(ledger: Ledger) -> int:
    with engines.reading(ledger.engine) as connection:
        return tail.check(connection, ledger.log_id, ledger.verifiers).size


def damage(ledger: Ledger, statement: str) -> None:
    with engines.writing(ledger.engine) as connection:
        for table in ("entries", "checkpoints"):
            for verb in ("update", "delete", "insert"):
                connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
        assert connection.execute(text(statement)).rowcount > 0


def test_a_sound_log_passes(ledger: Ledger) -> None:
    assert look(ledger) == plant.SIZE + 300 > tail.LAST
    ledger.engine.dispose()


SWAP = "UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE n = {0}) WHERE n = {1}"
BOTH = (
    "UPDATE entries SET (leaf, leaf_hash) = "
    "(SELECT leaf, leaf_hash FROM entries WHERE n = {0}) WHERE n = {1}"
)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM checkpoints WHERE size = 305", "checkpoint 305 is missing"),
        ("UPDATE checkpoints SET note = replace(note, 'test', 'test2')", "checkpoint 305"),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 5) "
            "WHERE size = 305",
            "checkpoint 305: it is not that of the head",
        ),
        ("UPDATE head SET root = zeroblob(32)", "checkpoint 305: it is not that of the head"),
        ("UPDATE tiles SET hashes = zeroblob(1568) WHERE level = 0 AND idx = 1", "tiles at size"),
        ("UPDATE tiles SET hashes = zeroblob(32) WHERE level = 1", "tiles at size 305"),
        (SWAP.format(100, 300), "entry 300: n"),
        (BOTH.format(100, 300), "entry 300: n"),
        ("UPDATE entries SET leaf_hash = zeroblob(32) WHERE n = 200", "entry 200: leaf"),
        ("UPDATE entries SET leaf = x'00' WHERE n = 304", ""),
        ("DELETE FROM entries WHERE n = 304", "the head of 305 is not that of entry 303"),
        ("DELETE FROM entries WHERE n = 200", "entry 200: n"),
        ("UPDATE head SET last_leaf = zeroblob(32)", "the head of 305"),
        ("UPDATE head SET at_ms = at_ms - 1", "the head of 305"),
    ],
)
def test_a_damaged_end_is_refused(ledger: Ledger, statement: str, said: str) -> None:
    damage(ledger, statement)
    with pytest.raises(CorruptError) as raised:
        look(ledger)
    assert raised.value.code == "STORE_CORRUPT"
    assert said in raised.value.message
    assert "remelt audit" in raised.value.hint
    ledger.engine.dispose()


def test_an_entry_that_was_replaced_with_all_its_hashes_but_the_tree_is_found(
    ledger: Ledger,
) -> None:
    n = plant.SIZE + 299
    leaf = plant.leaf(ledger, n)
    with engines.reading(ledger.engine) as connection:
        old = entries.read_leaf(connection, ledger.log_id, n)
    new = old.replace(f'"at":{leaf.at_ms}'.encode(), f'"at":{leaf.at_ms + 1}'.encode())
    assert new != old
    damage(ledger, "UPDATE entries SET leaf_hash = leaf_hash")  # no trigger is in the way now
    with engines.writing(ledger.engine) as connection:
        place = tables.entries.c.n == n
        changed = {"leaf": new, "leaf_hash": entry.leaf_hash(new)}
        connection.execute(tables.entries.update().where(place).values(changed))
        connection.execute(
            tables.head.update().values(last_leaf=entry.leaf_hash(new), at_ms=leaf.at_ms + 1)
        )
    with pytest.raises(CorruptError, match=f"entry {n}: tile"):
        look(ledger)
    ledger.engine.dispose()


def test_what_lies_further_back_is_left_to_the_audit(ledger: Ledger) -> None:
    damage(ledger, "UPDATE entries SET leaf_hash = zeroblob(32) WHERE n = 10")
    assert look(ledger) == 305
    ledger.engine.dispose()


@pytest.mark.parametrize(("revision", "hint"), [("9999", "newer"), ("0001", "remelt db upgrade")])
def test_no_command_works_on_tables_of_another_revision(
    ledger: Ledger, revision: str, hint: str
) -> None:
    damage(ledger, "UPDATE alembic_version SET version_num = '0000'".replace("0000", revision))
    ledger.engine.dispose()
    with pytest.raises(RuleError) as raised:
        Ledger.open(ledger.settings)
    assert raised.value.code == "SETTING_INVALID"
    assert f"at revision {revision}, this program works with" in raised.value.message
    assert hint in raised.value.hint
