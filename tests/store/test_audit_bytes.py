"""The audit finds every flipped byte, and says in which entry and field, or which row and column.

One bit of every byte is flipped, another one at each position; nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger import audit, entry, service
from ledger.book import encoding
from ledger.service import Ledger
from ledger.store import tables
from tests.store import damage, plant


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """The smallest log with a row in every view: a party, a site, metal in, melted, certified."""
    data = tmp_path_factory.mktemp("small") / "data"
    ledger = service.create(plant.settings_of(data), plant.ORIGIN, plant.OPERATOR, {})
    ledger.sequencer.start()
    plant.accept(ledger, plant.registration("HEFEI"))
    plant.accept(ledger, plant.site_of("HF01", "HEFEI"))
    plant.accept(ledger, plant.receipt("HF01/A", private={"note": "yard 3"}))
    plant.accept(ledger, plant.melt("HF01/H-1", ["HF01/A"], "HF01/INGOT", "8.5 t"))
    plant.accept(ledger, plant.certificate(["HF01/INGOT"]))
    yield ledger
    plant.close(ledger)


@pytest.fixture
def damaged(small: Ledger) -> Iterator[damage.Damaged]:
    with damage.damaging(small) as damaged:
        assert damaged.report().finding is None
        yield damaged
        assert damaged.report().finding is None  # everything was put back


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every position, and the data with one bit of that byte flipped."""
    for at, byte in enumerate(data):
        yield at, data[:at] + bytes([byte ^ 1 << at % 8]) + data[at + 1 :]


def variants(value: Any) -> Iterator[Any]:
    """Every value that is one flipped byte (of an integer: one bit) away."""
    if value is None:
        yield from (b"", 0)
    elif isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(63))
        yield -value - 1  # the sign bit
    else:
        data = value.encode() if isinstance(value, str) else value
        yield from (changed for _, changed in flips(data))


def assignment(column: str, value: Any) -> str:
    """SQL that keeps the type of the column, also where the bytes are no text any more."""
    return f"{column} = CAST(? AS TEXT)" if isinstance(value, str) else f"{column} = ?"


@pytest.mark.parametrize("n", [0, 1, 2])
def test_every_flipped_byte_of_a_leaf(damaged: damage.Damaged, n: int) -> None:
    leaf = damaged.leaves()[n]
    for at, changed in flips(leaf):
        found = damaged.after("UPDATE entries SET leaf = ? WHERE n = ?", changed, n)
        assert (found.n, found.field) == (n, "leaf"), at


def members(leaf: bytes) -> dict[str, range]:
    """Where in a leaf each of its members stands, name included."""
    value, at, places = encoding.decode_object(leaf), 1, {}
    for name in sorted(value):
        length = len(encoding.canonical({name: value[name]})) - 2
        places[name] = range(at, at + length)
        at += length + 1
    return places


def belongs(field: str, member: str) -> bool:
    """Whether a finding's field is (in) that member of a leaf; a statement has its own fields."""
    unreadable = field == "leaf"
    return unreadable or member == "statement" or f"{field}.".startswith(f"{member}.")


@pytest.mark.parametrize("n", [1, 3, 5])
def test_every_flipped_byte_of_a_leaf_that_was_hashed_again(
    damaged: damage.Damaged, n: int
) -> None:
    leaf = damaged.leaves()[n]
    places, later = members(leaf), 0
    statement = "UPDATE entries SET leaf = ?, leaf_hash = ? WHERE n = ?"
    for at, changed in flips(leaf):
        found = damaged.after(statement, changed, entry.leaf_hash(changed), n)
        member = next((name for name, place in places.items() if at in place), "")
        if member == "at" and (found.n, found.field) in ((n + 1, "prev"), (None, "head.last_leaf")):
            later += 1  # nobody signs the time; the chain holds it
        else:
            assert found.n == n, (at, found)
            assert belongs(found.field, member), (at, found)
    assert 0 < later < 13  # digits that another digit replaced


VIEW_ROWS = {
    "objects": "key = 'lot:HF01/INGOT'",
    "usage": "n = 3",
    "touches": "key = 'lot:HF01/INGOT' AND n = 5",
    "edges": "child = 'HF01/INGOT'",
    "certificates": "n = 5",
    "lot_certificates": "n = 5",
    "entry_parties": "n = 5",
    "visible": "key = 'lot:HF01/INGOT'",
}


def damaged_rows(
    damaged: damage.Damaged, table: str, where: str
) -> Iterator[tuple[str, audit.Finding]]:
    """(column, finding) for every flipped byte of every column of the one such row.

    Where the changed row would have the key of another one the database refuses it by itself.
    """
    select = f"SELECT * FROM {table} WHERE {where}"  # noqa: S608 (our own words)
    for column, value in damaged.execute(select).mappings().one().items():
        bytes_ = "CAST(? AS TEXT)" if isinstance(value, str) else "?"  # also if it is no text
        change = f"UPDATE OR IGNORE {table} SET {column} = {bytes_} WHERE {where}"  # noqa: S608 (the same)
        for changed in variants(value):
            with damaged.undone():
                if damaged.execute(change, changed).rowcount:
                    yield column, damaged.finding()


@pytest.mark.parametrize("table", VIEW_ROWS)
def test_every_flipped_byte_of_a_row_of_a_view(damaged: damage.Damaged, table: str) -> None:
    keys = tables.metadata.tables[table].primary_key.columns.keys()
    query = f"SELECT n FROM {table} WHERE {VIEW_ROWS[table]}"  # noqa: S608 (our own words)
    n = damaged.execute(query).scalar_one()
    for column, found in damaged_rows(damaged, table, VIEW_ROWS[table]):
        if column in keys:  # then there is another row, and this one is not
            assert found.field in (f"{table}.missing", f"{table}.unexpected"), found
            assert found.n == n or column == "n", found
        else:
            assert (found.n, found.field) == (n, f"{table}.{column}")


def test_every_flipped_byte_of_a_tile(damaged: damage.Damaged) -> None:
    hashes = damaged.execute("SELECT hashes FROM tiles").scalar_one()
    for at, changed in flips(hashes):
        found = damaged.after("UPDATE tiles SET hashes = ?", changed)
        assert (found.n, found.field) == (at // 32, "tile/0/0")
    for shorter in (hashes[:-1], hashes[:-32], hashes + b"x", hashes + hashes[:32]):
        found = damaged.after("UPDATE tiles SET hashes = ?", shorter)
        assert (found.n, found.field) == (min(len(shorter), len(hashes)) // 32, "tile/0/0")


@pytest.mark.parametrize("size", [3, 6])
def test_every_flipped_byte_of_a_checkpoint(damaged: damage.Damaged, size: int) -> None:
    note = damaged.execute("SELECT note FROM checkpoints WHERE size = ?", size).scalar_one()
    change = "UPDATE checkpoints SET note = CAST(? AS TEXT) WHERE size = ?"
    for _, changed in flips(note.encode()):
        found = damaged.after(change, changed, size)
        assert (found.n, found.field) == (None, "note")
        assert f" checkpoint {size}: " in found.message


COLUMNS_OF_HEAD = {
    "origin": (0, {"log"}),
    "size": (None, {"n"}),
    "root": (None, {"head.root"}),
    "last_leaf": (None, {"head.last_leaf"}),
    "at_ms": (None, {"head.at_ms"}),
    "log_id": (None, {"head"}),
}


def test_every_flipped_byte_of_the_head(damaged: damage.Damaged) -> None:
    for column, found in damaged_rows(damaged, "head", "1"):
        n, fields = COLUMNS_OF_HEAD[column]
        assert found.field in fields, (column, found)
        assert found.n == n or column == "size", found  # a size: the entry missing, or beyond it


COLUMNS_OF_ENTRIES = {"leaf_hash": "leaf", "leaf": "leaf", "log_id": "n"}


def test_every_flipped_byte_of_what_stands_beside_a_leaf(damaged: damage.Damaged) -> None:
    for column, found in damaged_rows(damaged, "entries", "n = 1"):
        assert (found.n, found.field) == (1, COLUMNS_OF_ENTRIES.get(column, column))


def test_every_flipped_byte_of_a_disclosure(damaged: damage.Damaged) -> None:
    row = damaged.execute("SELECT digest, text FROM disclosures WHERE n = 3").mappings().one()
    for column, value in row.items():
        change = f"UPDATE disclosures SET {column} = CAST(? AS TEXT) WHERE n = 3"  # noqa: S608
        for changed in variants(value):
            found = damaged.after(change, changed)
            assert (found.n, found.field) == (3, "disclosures")
    for n in (0, 2, 4, 6, -1):
        found = damaged.after("UPDATE disclosures SET n = ? WHERE n = 3", n)
        assert (found.n, found.field) == (n, "disclosures")


def test_an_erased_disclosure_is_not_missed(damaged: damage.Damaged) -> None:
    with damaged.undone():
        assert damaged.execute("DELETE FROM disclosures WHERE n = 3").rowcount == 1
        assert damaged.report().finding is None
