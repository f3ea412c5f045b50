"""The audit against rows that come and go, and against an operator who has the log's key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DatabaseError

from ledger import audit, keys
from ledger.book import encoding, jose
from ledger.errors import LedgerError, ProofError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables, writes
from ledger.tlog import note
from tests.cluster import SQLITE_ONLY, Database
from tests.store import damage, plant

VIEWS = tuple(table.name for table in tables.VIEWS)
LAST = plant.SIZE + len(plant.story()) - 1


@pytest.fixture(scope="module")
def told(
    template: Path, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """The template with the story told: twelve entries, a row in every view."""
    data = plant.copy(template, tmp_path_factory.mktemp("told") / "data", database)
    ledger = Ledger.open(plant.settings_of(data))
    ledger.sequencer.start()
    for envelope in plant.story():
        plant.accept(ledger, envelope)
    yield ledger
    plant.close(ledger)


@pytest.fixture
def damaged(told: Ledger) -> Iterator[damage.Damaged]:
    with damage.damaging(told) as damaged:
        yield damaged


def test_a_clean_log_is_clean_and_counted(told: Ledger) -> None:
    report = plant.audited(told)
    assert (report.origin, report.size) == (plant.ORIGIN, LAST + 1)
    assert report.checkpoints == len(plant.checkpoint_sizes(told))
    assert report.root == told.head().root
    assert report.closed_walks == ()


def test_an_empty_log_and_no_log_are_told_apart(told: Ledger) -> None:
    with damage.damaging(told) as damaged:
        writes.create_head(damaged.connection, "0000AAAA", "empty")
        report = audit.run(damaged.connection, "0000AAAA", told.verifier)
        assert (report.finding, report.size) == (None, 0)
        report = audit.run(damaged.connection, "0000BBBB", told.verifier)
        assert report.finding == audit.Finding(None, "head", "no log 0000BBBB")


def test_progress_is_told(told: Ledger) -> None:
    steps: list[tuple[int, int]] = []
    with engines.reading(told.engine) as connection:
        audit.run(connection, told.log_id, told.verifier, lambda *step: steps.append(step))
    assert steps == [(0, LAST + 1)]


def test_another_log_key_is_not_this_log(told: Ledger) -> None:
    skey = note.generate_skey(plant.ORIGIN, b"k" * 32)
    with engines.reading(told.engine) as connection:
        report = audit.run(connection, told.log_id, note.parse_skey(skey).verifier)
    assert report.finding is not None
    assert (report.finding.n, report.finding.field) == (0, "log_key")


# Rows that are gone, and rows too many.


@pytest.mark.parametrize("n", range(LAST + 1))
def test_a_deleted_entry_is_named(damaged: damage.Damaged, n: int) -> None:
    found = damaged.after("DELETE FROM entries WHERE n = ?", n)
    assert (found.n, found.field) == (n, "n")
    assert f"entry {n} is missing" in found.message


def rows(damaged: damage.Damaged, table: str) -> list[dict[str, Any]]:
    known = tables.metadata.tables[table]
    query = select(known).order_by(*known.primary_key.columns)
    return [dict(row) for row in damaged.connection.execute(query).mappings()]


@pytest.mark.parametrize("table", VIEWS)
def test_every_deleted_row_of_a_view_is_named(damaged: damage.Damaged, table: str) -> None:
    keys_of = tables.metadata.tables[table].primary_key.columns.keys()[1:]
    there = rows(damaged, table)
    assert there
    for row in there:
        where = " AND ".join(f"{name} = ?" for name in keys_of)
        values = [row[name] for name in keys_of]
        found = damaged.after(f"DELETE FROM {table} WHERE {where}", *values)  # noqa: S608
        assert (found.n, found.field) == (row["n"], f"{table}.missing")
        assert f"row {'/'.join(str(row[name]) for name in keys_of)}:" in found.message


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("objects", {"key": "lot:HF01/ZZ"}),
        ("usage", {"key": "document:none"}),
        ("touches", {"key": "lot:HF01/A", "n": 9}),
        ("edges", {"child": "WH01/C"}),
        ("certificates", {"serial": "ZZZZZZZZZZZZ"}),
        ("lot_certificates", {"lot": "HF01/ZZ"}),
        ("entry_parties", {"party": "ZZ"}),
        ("visible", {"party": "ZZ"}),
    ],
)
def test_an_added_row_of_a_view_is_named(
    damaged: damage.Damaged, table: str, changes: dict[str, Any]
) -> None:
    row = rows(damaged, table)[0] | changes
    damaged.connection.execute(insert(tables.metadata.tables[table]), row)
    found = damaged.finding()
    assert (found.n, found.field) == (row["n"], f"{table}.unexpected")


def test_deleted_and_added_tiles_are_named(damaged: damage.Damaged) -> None:
    found = damaged.after("DELETE FROM tiles")
    assert (found.n, found.field) == (0, "tile/0/0")
    for level, index in ((0, 1), (1, 0)):
        row = {"log_id": damaged.ledger.log_id, "level": level, "idx": index, "hashes": b"h" * 32}
        with damaged.undone():
            damaged.connection.execute(insert(tables.tiles), row)
            assert damaged.finding().field == f"tile/{level}/{index}"


def test_a_missing_last_checkpoint_is_named(damaged: damage.Damaged) -> None:
    found = damaged.after("DELETE FROM checkpoints WHERE size = ?", LAST + 1)
    assert found.field == "size"
    assert f"the last checkpoint is of {LAST}" in found.message


@pytest.mark.parametrize("size", [0, -1, LAST + 2])
def test_an_added_checkpoint_is_named(damaged: damage.Damaged, size: int) -> None:
    other = damaged.execute("SELECT note FROM checkpoints WHERE size = 5").scalar_one()
    row = {"log_id": damaged.ledger.log_id, "size": size, "note": other}
    damaged.connection.execute(insert(tables.checkpoints), row)
    found = damaged.finding()
    assert found.field == "note"
    assert f" checkpoint {size}: " in found.message


def test_a_checkpoint_signed_by_the_log_for_another_tree_is_named(damaged: damage.Damaged) -> None:
    with damaged.undone():
        damaged.forge(LAST, lambda leaf: leaf.update(at=leaf["at"] + 1))
        forked = damaged.execute("SELECT note FROM checkpoints WHERE size = ?", LAST + 1)
        other = forked.scalar_one()
    found = damaged.after("UPDATE checkpoints SET note = ? WHERE size = ?", other, LAST + 1)
    assert found.field == "note"
    assert "root is not that of the log" in found.message


@pytest.mark.parametrize("n", [LAST + 1, LAST + 2, -1, 2**62])
def test_an_added_entry_is_named(damaged: damage.Damaged, n: int) -> None:
    found = damaged.after(
        "INSERT INTO entries SELECT log_id, ?, party, ?, leaf_hash, leaf FROM entries WHERE n = 6",
        n,
        "another",
    )
    assert (found.n, found.field) == (n, "n")


def test_the_audit_reads_one_log_of_several_in_a_database(damaged: damage.Damaged) -> None:
    for table in (*VIEWS, "entries", "tiles", "checkpoints", "disclosures"):
        for row in rows(damaged, table)[:3]:
            row["log_id"] = "0000AAAA"
            damaged.connection.execute(insert(tables.metadata.tables[table]), row)
    assert damaged.report().finding is None


# An operator with the log's key, who makes everything fit but what the parties signed.


def test_a_forger_who_changes_nothing_is_not_found(damaged: damage.Damaged) -> None:
    damaged.forge(5, lambda leaf: None)
    assert damaged.report().finding is None
    damaged.forge(LAST, lambda leaf: leaf.update(at=leaf["at"] + 1))
    assert damaged.report().finding is None  # the time of the last entry is the operator's word


def swap_reads(leaf: damage.Leaf) -> None:
    reads = leaf["reads"]
    reads["lot:HF01/A"], reads["lot:HF01/B"] = reads["lot:HF01/B"], reads["lot:HF01/A"]


def set_in(*path: str, to: Any) -> Callable[[damage.Leaf], None]:
    def alter(leaf: damage.Leaf) -> None:
        place = leaf
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = to

    return alter


FORGERIES: list[tuple[int, Callable[[damage.Leaf], object], str]] = [
    (7, swap_reads, "reads.lot:HF01/A"),
    (7, set_in("reads", "lot:HF01/A", to=4), "reads.lot:HF01/A"),
    (7, set_in("reads", "lot:WH01/C", to=4), "reads.lot:WH01/C"),
    (7, lambda leaf: leaf["reads"].pop("log"), "reads.log"),
    (10, set_in("reads", "lot:HF01/INGOT", to=7), "reads.lot:HF01/INGOT"),
    (5, set_in("book", "source:HF01", "Al", "POST", to=-9_500_000_001), "book.source:HF01.Al.POST"),
    (
        7,
        set_in("book", "lot:HF01/INGOT", "Al", "POST", to=[17 * 10**9, 17 * 10**9]),
        "book.lot:HF01/INGOT.Al.POST",
    ),
    (7, lambda leaf: leaf["book"].pop("loss:HF01/MELT"), "book.loss:HF01/MELT"),
    (5, set_in("lots", "HF01/A", "grade", to="provisional"), "lots.HF01/A.grade"),
    (5, set_in("lots", "HF01/A", "marks", to=["internal:HEFEI"]), "lots.HF01/A.marks"),
    (5, set_in("at", to=1), "at"),
]


@pytest.mark.parametrize(("n", "alter", "field"), FORGERIES)
def test_what_a_forger_changes_is_named(
    damaged: damage.Damaged, n: int, alter: Callable[[damage.Leaf], object], field: str
) -> None:
    damaged.forge(n, alter)
    found = damaged.finding()
    assert (found.n, found.field) == (n, field)


def resigned(leaf: damage.Leaf, change: Callable[[damage.Leaf], object]) -> None:
    """The statement again with other content, signed with a key the party never had."""
    payload = encoding.decode_object(jose.parse(leaf["statement"]).payload)
    change(payload)
    key = keys.new_party_key()
    leaf["statement"] = jose.sign(encoding.canonical(payload), key, keys.kid_of(key))


def test_a_statement_signed_with_another_key_is_named(damaged: damage.Damaged) -> None:
    damaged.forge(6, lambda leaf: resigned(leaf, lambda payload: None))
    found = damaged.finding()
    assert (found.n, found.field) == (6, "kid")
    assert "KEY_UNKNOWN" in found.message


def test_a_statement_with_a_signature_of_other_bytes_is_named(damaged: damage.Damaged) -> None:
    other = encoding.decode_object(damaged.leaves()[5])["statement"].rpartition(".")[2]

    def alter(leaf: damage.Leaf) -> None:
        signed, _, _ = leaf["statement"].rpartition(".")
        leaf["statement"] = f"{signed}.{other}"

    damaged.forge(6, alter)
    found = damaged.finding()
    assert (found.n, found.field) == (6, "statement")
    assert "SIGNATURE_INVALID" in found.message


def test_a_statement_booked_twice_is_named(damaged: damage.Damaged) -> None:
    """What a party signed once, entered once more: every rule would take a site twice."""
    damaged.execute("DROP INDEX uq_entries_log_id_party_event_id")
    twice = encoding.decode_object(damaged.leaves()[2])
    with damaged.undone():
        damaged.append(twice | {"at": damaged.ledger.head().at_ms})
        found = damaged.finding()
        assert (found.n, found.field) == (LAST + 1, "id")


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("size", LAST + 2, (LAST + 1, "n")),
        ("size", LAST, (LAST, "n")),
        ("size", 0, (0, "n")),
        ("root", b"r" * 32, (None, "head.root")),
        ("last_leaf", bytes(32), (None, "head.last_leaf")),
        ("at_ms", 0, (None, "head.at_ms")),
        ("origin", "another.example/log", (0, "log")),
    ],
)
def test_a_head_that_lies_is_named(
    damaged: damage.Damaged, column: str, value: object, named: tuple[int | None, str]
) -> None:
    found = damaged.after(f"UPDATE head SET {column} = ?", value)  # noqa: S608 (our own words)
    assert (found.n, found.field) == named


def test_grams_that_nobody_received_or_declared_break_the_law(damaged: damage.Damaged) -> None:
    """No log reaches this that the rules have passed, so the sums are made up here."""

    def law(balances: dict[str, int], declared_mg: int = 0) -> None:
        made = audit._Audit(damaged.connection, "", "")
        made.totals.balances = {name: {"Al": {"POST": mg}} for name, mg in balances.items()}
        made.declared = {("Al", "POST"): declared_mg}
        audit._check_law(made)

    law({"source:HF01": -7, "lot:HF01/A": 4, "loss:HF01/MELT": 2, "transit:HF01/B": 1})
    law({"source:HF01": -7, "lot:HF01/A": 9, "gain:HF01": -5}, declared_mg=2)
    for balances in ({"lot:HF01/A": 1}, {"source:HF01": -7, "sink:HF01": 6}, {"source:HF01": -1}):
        with pytest.raises(ProofError) as raised:
            law(balances)
        assert raised.value.field == "Al.POST"


# Views can be made again.


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET n = n + 100"])
def test_rebuilt_views_are_as_they_were(damaged: damage.Damaged, statement: str) -> None:
    for table in VIEWS:
        before = {tuple(row.values())[1:] for row in rows(damaged, table)}
        damaged.execute(statement.format(table))
        assert damaged.finding().field.startswith(table)
        assert audit.rebuild_views(damaged.connection, damaged.ledger.log_id) == LAST + 1
        assert damaged.report().finding is None
        assert {tuple(row.values())[1:] for row in rows(damaged, table)} == before


def test_rebuilding_keeps_what_is_no_view(damaged: damage.Damaged) -> None:
    kept = [t.name for t in tables.metadata.sorted_tables if t not in tables.VIEWS]
    before = {name: rows(damaged, name) for name in kept}
    audit.rebuild_views(damaged.connection, damaged.ledger.log_id)
    assert {name: rows(damaged, name) for name in kept} == before


def test_rebuilt_views_carry_on_the_log(ledger: Ledger, opened: Callable[[], Ledger]) -> None:
    ledger.sequencer.start()
    story = plant.story()
    plant.accept(ledger, *story[:3])
    ledger.sequencer.stop()
    with engines.writing(ledger.engine) as connection:
        for table in tables.VIEWS:
            connection.execute(text(f"DELETE FROM {table.name}"))  # noqa: S608 (our own words)
        audit.rebuild_views(connection, ledger.log_id)
    reopened = opened()
    reopened.sequencer.start()
    plant.accept(reopened, *story[3:])
    assert plant.audited(reopened).size == LAST + 1


# The file itself.


@SQLITE_ONLY
def test_no_page_of_the_file_can_be_overwritten_unseen(told: Ledger, tmp_path: Path) -> None:
    """Whatever SQLite makes of a torn file: it refuses it, or the audit ends with a finding."""
    plant.close(told)  # nothing is left in the write-ahead log
    whole = (told.settings.data / "ledger.sqlite").read_bytes()
    file, page = tmp_path / "torn.sqlite", 4096
    assert len(whole) > 20 * page
    for start in range(0, len(whole), page):
        file.write_bytes(whole[:start] + b"Z" * page + whole[start + page :])
        assert outcome(f"sqlite:///{file}", told), f"page {start // page + 1}"


def outcome(url: str, ledger: Ledger) -> str:
    """What is said of a database that should be that of the ledger; "" if it is clean."""
    engine = engines.connect(url)
    try:
        with engines.reading(engine) as connection:
            finding = audit.run(connection, ledger.log_id, ledger.verifier).finding
        return "" if finding is None else finding.message
    except (DatabaseError, LedgerError) as error:
        return str(error)
    finally:
        engine.dispose()
