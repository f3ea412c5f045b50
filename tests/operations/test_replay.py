"""After a rollback: what the database lost comes back from tiles, and nothing else does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.commands import monitoring
from ledger import backup, highwater, mirror, replay, statements, tilesource
from ledger.book import encoding, jose
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables
from ledger.tlog import checkpoint, note, tree
from tests import harness
from tests.cluster import SQLITE_ONLY, Database
from tests.monitor import logs
from tests.operations.conftest import NewPlace, Place, Run, Said
from tests.store import plant

MANY = 300  # several chunks, and past a tile
Rows = dict[str, list[str]]


@dataclass
class History:
    """A ledger that went on after a backup, and is gone but for what others hold of it."""

    yesterday: Path
    today: Path
    leaves: list[bytes]
    signed: bytes
    rows: Rows
    before: int

    @property
    def files(self) -> logs.Files:
        """What a mirror of it holds."""
        return logs.static(self.leaves, self.signed)


def rows_of(ledger: Ledger) -> Rows:
    log = (tables.head, tables.entries, tables.tiles, *tables.VIEWS)
    with engines.reading(ledger.engine) as connection:
        return {t.name: sorted(map(repr, connection.execute(t.select()))) for t in log}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, database: Database) -> History:
    home = tmp_path_factory.mktemp("history")
    data = home / "data"
    plant.place(data, database)
    plant.build(data)
    ledger = Ledger.open(plant.settings_of(data))
    backup.make(ledger, home / "yesterday.zip", with_keys=True, progress=lambda done, size: None)
    ledger.sequencer.start()
    before = ledger.head().size
    plant.accept(ledger, plant.registration("TONGLING"), *plant.story())
    many = [plant.receipt(f"WH01/R{i}") for i in range(MANY)]
    prepared = [ledger.prepare(encoding.canonical(one), one["party"]) for one in many]
    assert not any(plant.codes(ledger.submit(prepared).result(60)))
    plant.accept(ledger, plant.certificate(["WH01/R7"]))
    with engines.reading(ledger.engine) as connection:
        size = ledger.head().size
        leaves = [row[2] for row in entries.read_leaves(connection, ledger.log_id, 0, size)]
        signed = entries.read_checkpoint(connection, ledger.log_id, size).encode()
    rows = rows_of(ledger)
    backup.make(ledger, home / "today.zip", with_keys=True, progress=lambda done, size: None)
    plant.close(ledger)
    database.drop(plant.url_of(data))
    return History(home / "yesterday.zip", home / "today.zip", leaves, signed, rows, before)


@pytest.fixture
def back(history: History, new_place: NewPlace, remelt: Run) -> Place:
    """The backup of yesterday, restored on another machine."""
    place = new_place("back")
    assert remelt("restore", history.yesterday, *place.options).status == 0
    return place


def head_of(place: Place) -> checkpoint.Checkpoint:
    head = place.open().head()
    place.close()
    return checkpoint.Checkpoint(head.origin, head.size, head.root)


def resigned(place: Place, leaves: Iterable[bytes]) -> logs.Files:
    """Other leaves under a checkpoint that the log's own key signed: a log that lies."""
    skey = (place.settings.keys / "log.key").read_text().strip()
    some = list(leaves)
    root = tree.root([tree.leaf_hash(leaf) for leaf in some])
    return logs.static(some, logs.sign(len(some), root, plant.ORIGIN, skey))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "BATCH_MAX", 100)


def operators(kind: str, body: dict[str, str]) -> plant.Envelope:
    return statements.envelope(plant.ORIGIN, plant.OPERATOR, kind, body)


def memory(files: logs.Files) -> tilesource.Source:
    return tilesource.Source("memory", lambda path, most: files.get(path))


def test_the_lost_entries_come_back_byte_for_byte_and_the_log_goes_on(
    history: History, back: Place, remelt: Run, tmp_path: Path
) -> None:
    where, before = logs.write(history.files, tmp_path / "mirror"), head_of(back)
    said = remelt("replay", where, *back.options)
    assert said.status == 0, said.err
    assert f"replayed {len(history.leaves) - history.before:,} entries" in said.out
    assert "private fields of 3 entries" in said.out
    assert "that was kept for TONGLING" in said.out
    ledger = back.open(writing=True)
    assert rows_of(ledger) == history.rows
    plant.audited(ledger)
    (answer,) = plant.accept(ledger, plant.receipt("WH01/AFTER"))
    signed, _ = checkpoint.open_checkpoint(history.signed, [ledger.verifier])
    plant.check_consistent(ledger, [before, signed, plant.check_answer(ledger, answer)])
    # The key that was kept for TONGLING is gone; the operator gives it another.
    lost = re.search(r"the key (\S+) that was kept for TONGLING", said.out)
    assert lost is not None
    body = {"party": "TONGLING", "custody": "operator"}
    plant.accept(ledger, operators("key_added", body))
    gone = {"party": "TONGLING", "kid": lost[1], "reason": "lost"}
    plant.accept(ledger, operators("key_revoked", gone))
    site = plant.site_of("TL01", "TONGLING") | {"party": "TONGLING"}
    plant.accept(ledger, site)
    plant.audited(ledger)
    back.close()
    again = remelt("replay", where, *back.options)
    assert again.status == 0
    assert "nothing to bring back" in again.out


def test_it_comes_back_from_another_server_too(history: History, back: Place, remelt: Run) -> None:
    with logs.serve(history.files.get) as web:
        said = remelt("replay", web.url, "--api-key", "rmk_key", "--json", *back.options)
    assert said.status == 0, said.err
    assert (said.json["before"], said.json["size"]) == (history.before, len(history.leaves))
    assert [row["party"] for row in said.json["custodial"]] == ["TONGLING"]
    assert not [*back.data.glob(".remelt-replay-*")]
    assert ("/prefix/checkpoint", "Bearer rmk_key") in web.asked
    assert rows_of(back.open()) == history.rows


@SQLITE_ONLY
def test_the_mark_of_this_machine_is_satisfied_only_by_all_of_it(
    history: History, back: Place, remelt: Run, tmp_path: Path
) -> None:
    ours = len(history.leaves)
    root = tree.root([tree.leaf_hash(leaf) for leaf in history.leaves])
    highwater.raise_to(back.settings, entries.Head(plant.ORIGIN, ours, root, b"", 0))
    short = logs.write(resigned(back, history.leaves[:-1]), tmp_path / "short")
    said = remelt("replay", short, *back.options)
    assert said.status == 1
    assert f"high-water.json has seen the log at {ours} entries" in said.err
    said = remelt("replay", logs.write(history.files, tmp_path / "whole"), *back.options)
    assert said.status == 0, said.err
    assert "replayed 1 entry" in said.out
    ledger = back.open()
    with engines.reading(ledger.engine) as connection:
        highwater.check(connection, ledger.log_id, back.settings)


def refused(back: Place, files: logs.Files, code: str) -> LedgerError:
    """The replay is refused and the database is as it was."""
    before = head_of(back)
    with pytest.raises(LedgerError) as caught:
        replay.run(back.settings, memory(files))
    assert caught.value.code == code, caught.value
    assert head_of(back) == before
    ledger = back.open()
    plant.audited(ledger)
    back.close()
    return caught.value


def test_a_fork_is_refused_with_both_checkpoints_kept(history: History, back: Place) -> None:
    ledger = back.open(writing=True)
    (forked,) = plant.accept(ledger, plant.receipt("HF01/FORK"))
    back.close()
    error = refused(back, history.files, "LOG_FORKED")
    place = back.data / "evidence"
    assert str(place) in error.message
    kept = {path.read_bytes() for path in place.glob("checkpoint-*")}
    assert kept == {history.signed, forked.checkpoint.encode()}


@SQLITE_ONLY
def test_a_fork_is_seen_from_the_longer_side_too(
    history: History, new_place: NewPlace, remelt: Run
) -> None:
    place = new_place("today")
    assert remelt("restore", history.today, *place.options).status == 0
    old = history.leaves[: history.before]
    refused(place, resigned(place, [*old[:-1], old[0]]), "LOG_FORKED")
    # An older checkpoint of the same history is no fork, and there is nothing to do.
    done = replay.run(place.settings, memory(resigned(place, old)))
    assert done.before == done.size == len(history.leaves)


ALTERED: dict[str, Callable[[list[bytes], int], list[bytes]]] = {
    "ENTRY_INVALID": lambda leaves, n: [*leaves[:n], leaves[n].replace(b'"v":1', b'"v":2')],
    "ENTRY_DIFFERS": lambda leaves, n: [*leaves[: n + 3], leaves[n + 4], leaves[n + 3]],
    "again": lambda leaves, n: [*leaves[: n + 3], leaves[n + 2]],
}


@SQLITE_ONLY
@pytest.mark.parametrize("name", ALTERED)
def test_entries_that_the_rules_do_not_make_are_refused_whoever_signed_them(
    history: History, back: Place, name: str
) -> None:
    leaves = ALTERED[name](history.leaves, history.before)
    refused(back, resigned(back, leaves), name if name.isupper() else "ENTRY_DIFFERS")


@SQLITE_ONLY
def test_another_log_and_another_key_are_refused(history: History, back: Place) -> None:
    root = tree.root([tree.leaf_hash(leaf) for leaf in history.leaves])
    stranger = note.generate_skey(plant.ORIGIN, bytes(32))
    signed = logs.sign(len(history.leaves), root, plant.ORIGIN, stranger)
    refused(back, logs.static(history.leaves, signed), "CHECKPOINT_UNSIGNED")
    refused(back, logs.static([b"x"]), "CHECKPOINT_UNSIGNED")


@SQLITE_ONLY
def test_an_empty_place_is_told_to_restore_first(
    new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    said: Said = remelt("replay", tmp_path, *new_place("empty").options)
    assert said.status != 0
    assert "remelt: error:" in said.err


@SQLITE_ONLY
def test_what_a_mirror_keeps_is_what_a_replay_reads(
    history: History, back: Place, tmp_path: Path
) -> None:
    key = back.open().verifier
    kept = mirror.keep(memory(history.files), tmp_path / "mirror", [key])
    assert kept.checkpoint.size == len(history.leaves)
    done = replay.run(back.settings, tilesource.open_source(str(tmp_path / "mirror")))
    assert done.size == kept.checkpoint.size
    assert rows_of(back.open()) == history.rows


@SQLITE_ONLY
def test_a_key_that_was_added_since_comes_back_with_its_list(
    place: Place, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    kept, back = tmp_path / "kept.zip", new_place("back")
    assert remelt("backup", kept, "--with-keys", *place.options).status == 0
    assert remelt("logkey", "add", *place.options).status == 0
    ledger = place.open(writing=True)
    (answer,) = plant.accept(ledger, plant.receipt("HF01/LATER"))
    with engines.reading(ledger.engine) as connection:
        leaves = [row[2] for row in entries.read_leaves(connection, ledger.log_id, 0, answer.size)]
        held = {
            n: entries.read_disclosures(connection, ledger.log_id, n) for n in range(len(leaves))
        }
    source = memory(logs.static(leaves, answer.checkpoint.encode()))
    named = answer.size - 2
    place.close()
    for disclosures, key_lists in (({}, (named,)), (held, ())):
        if back.settings.data.exists():
            shutil.rmtree(back.data)
        assert remelt("restore", kept, *back.options).status == 0
        (back.settings.keys / "log.key").write_bytes((place.settings.keys / "log.key").read_bytes())
        done = replay.run(back.settings, source, (), disclosures)
        assert (done.size, done.key_lists) == (answer.size, key_lists)
    assert done.private == 0
    assert remelt("audit", *back.options).status == 0
    ledger = back.open(writing=True)
    plant.accept(ledger, plant.receipt("HF01/AFTER"))
    assert len(ledger.verifiers) == 2


@SQLITE_ONLY
def test_lines_that_the_log_did_not_sign_are_left_out(history: History, back: Place) -> None:
    junk = note.Signature(plant.ORIGIN, b"junk", bytes(64))
    opened = note.parse_note(history.signed)
    added = note.format_note(opened.text, [junk, *opened.unverified])
    done = replay.run(back.settings, memory({**history.files, "checkpoint": added}))
    ledger = back.open()
    with engines.reading(ledger.engine) as connection:
        stored = entries.read_checkpoint(connection, ledger.log_id, done.size)
    assert stored.encode() == history.signed


@SQLITE_ONLY
def test_what_is_not_of_an_entry_is_not_kept_with_it(history: History, back: Place) -> None:
    n = history.before
    before = head_of(back)
    text = jose.b64url(encoding.canonical(["c2FsdA", "name", "Another Co."]))
    with pytest.raises(LedgerError) as caught:
        replay.run(back.settings, memory(history.files), (), {n: [text]})
    assert caught.value.code == "FIELD_INVALID"
    assert head_of(back) == before


def test_the_private_fields_of_dossiers_are_found(tmp_path: Path) -> None:
    log, issued = harness.smelter(1)
    (tmp_path / "one.json").write_bytes(log.dossier(issued))
    path = str(tmp_path / "one.json")
    found = monitoring._disclosures([path, path])
    assert found
    assert found.items() <= log.disclosures.items()
