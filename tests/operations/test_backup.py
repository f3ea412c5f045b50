"""Backup while the server writes, restore to an empty place, and everything that is refused."""

from __future__ import annotations

import json
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ledger import keys
from ledger.store import engine as engines
from ledger.store import tables
from ledger.tlog import checkpoint, tree
from tests import documents
from tests.cluster import Cluster, Database
from tests.operations.conftest import NewPlace, Place, Run
from tests.store import plant

SIZE = plant.SIZE + len(plant.story())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def archive_of(directory: Path) -> Path:
    (found,) = directory.glob("*.zip")
    return found


@pytest.fixture
def backup(place: Place, remelt: Run, tmp_path: Path) -> Path:
    """A backup with the keys in it."""
    path = tmp_path / "backup.zip"
    assert remelt("backup", path, "--with-keys", *place.options).status == 0
    return path


def left_over(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob(".remelt-*"))


def rows_of(place: Place) -> dict[str, list[Any]]:
    """Every row of every table."""
    ledger = place.open()
    with engines.reading(ledger.engine) as connection:
        found = {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in tables.metadata.sorted_tables
        }
    place.close()
    return found


# There and back.


def test_a_backup_is_of_one_moment_and_restores_whole(
    place: Place, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    ledger, done, lots = place.open(writing=True), threading.Event(), 0

    def write() -> None:
        nonlocal lots
        while not done.is_set() or lots < 20:
            plant.accept(ledger, plant.receipt(f"HF01/L{lots}"))
            lots += 1

    writer = threading.Thread(target=write)
    writer.start()
    (tmp_path / "kept").mkdir()
    made = remelt("backup", tmp_path / "kept", "--with-keys", "--json", *place.options)
    done.set()
    writer.join()
    place.close()
    assert made.status == 0, made.err
    assert SIZE <= made.json["size"] < SIZE + lots
    signed, _ = checkpoint.open_checkpoint(made.json["checkpoint"].encode(), [ledger.verifier])
    assert (signed.size, signed.root.hex()) == (made.json["size"], made.json["root"])

    new = new_place("second")
    said = remelt("restore", archive_of(tmp_path / "kept"), "--json", *new.options)
    assert said.status == 0, said.err
    assert {n: said.json[n] for n in ("size", "root", "checkpoint", "origin")} == {
        n: made.json[n] for n in ("size", "root", "checkpoint", "origin")
    }
    assert left_over(tmp_path) == []
    restored = new.open(writing=True)
    assert plant.audited(restored).root.hex() == made.json["root"]
    assert (restored.head().size, restored.head().root) == (signed.size, signed.root)
    # Custodial keys, the operator's key and the log's key work where they were put.
    (taken,) = plant.accept(restored, plant.receipt("HF01/NEW"))
    plant.accept(restored, plant.registration("XUZHOU"))
    assert taken.n == signed.size
    plant.check_consistent(restored, [signed, plant.check_answer(restored, taken)])
    assert plant.audited(restored).size == signed.size + 2


def test_everything_is_in_a_backup(
    place: Place, new_place: NewPlace, backup: Path, remelt: Run
) -> None:
    new = new_place("second")
    assert remelt("restore", backup, *new.options).status == 0
    before = rows_of(place)
    assert {"entries", "tiles", "disclosures", "party_keys", "api_keys"} <= before.keys()
    assert rows_of(new) == before
    assert (new.data / "policy.txt").read_bytes() == (place.data / "policy.txt").read_bytes()
    for name in ("log.key", "operator.pem", "master.key"):
        assert (new.data / "keys" / name).read_bytes() == (place.data / "keys" / name).read_bytes()
        assert mode(new.data / "keys" / name) == 0o600
    assert mode(new.data) == mode(new.data / "keys") == 0o700
    assert all(mode(path) == 0o600 for path in new.data.glob("*.sqlite"))


@pytest.mark.postgres
@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
def test_a_backup_moves_to_the_other_kind_of_database(
    there: str, place: Place, new_place: NewPlace, backup: Path, remelt: Run, cluster: Cluster
) -> None:
    kind = Database("sqlite") if there == "sqlite" else Database("postgresql", cluster)
    new = new_place("elsewhere", kind)
    said = remelt("restore", backup, *new.options)
    assert said.status == 0, said.err
    assert rows_of(new) == rows_of(place)
    ledger = new.open(writing=True)
    plant.accept(ledger, plant.receipt("HF01/NEW"))
    assert plant.audited(ledger).size == SIZE + 1


def test_what_is_printed_is_the_head(
    place: Place, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    made = remelt("backup", tmp_path / "b.zip", *place.options)
    said = remelt("restore", tmp_path / "b.zip", *new_place("second").options)
    root = re.search(r"root +([0-9a-f]{64})", made.out)
    assert root is not None
    for out in (made.out, said.out):
        assert f"clean       {SIZE} entries, log {plant.ORIGIN}" in out
        assert root[1] in out
        assert f"checkpoint  {plant.ORIGIN}\n              {SIZE}\n" in out
        assert "— store.remelt.example/test" in out
    assert "keys        not in it" in made.out
    assert "MISSING: log.key, operator.pem, master.key" in said.out
    assert f"ever signed more than {SIZE} entries" in said.err
    assert "is a fork" in said.err
    assert "--checkpoint FILE" in said.err


# Keys.


def test_keys_are_in_a_backup_only_if_asked_for(place: Place, remelt: Run, tmp_path: Path) -> None:
    plain, whole = tmp_path / "plain.zip", tmp_path / "whole.zip"
    said = remelt("backup", plain, *place.options)
    assert said.err == ""
    said = remelt("backup", whole, "--with-keys", *place.options)
    assert "who has whole.zip can be the operator" in said.err
    assert mode(plain) == mode(whole) == 0o600
    with zipfile.ZipFile(plain) as file:
        assert sorted(file.namelist()) == ["ledger.sqlite", "manifest.json", "policy.txt"]
    secrets = [path.read_bytes().strip() for path in (place.data / "keys").iterdir()]
    contents = b"".join(
        zipfile.ZipFile(plain).read(name) for name in ("ledger.sqlite", "manifest.json")
    )
    assert not any(secret in contents for secret in secrets)
    with zipfile.ZipFile(whole) as file:
        assert {name for name in file.namelist() if name.startswith("keys/")} == {
            "keys/log.key", "keys/operator.pem", "keys/master.key",
        }  # fmt: skip


def test_keys_of_the_environment_are_used_and_kept(
    place: Place, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    away = tmp_path / "safe"
    (place.data / "keys").rename(away)
    given = {
        "REMELT_LOG_KEY_FILE": str(away / "log.key"),
        "REMELT_OPERATOR_KEY_FILE": str(away / "operator.pem"),
        "REMELT_MASTER_KEY_FILE": str(away / "master.key"),
    }
    path = tmp_path / "b.zip"
    assert remelt("backup", path, "--with-keys", *place.options, **given).status == 0
    here, there = new_place("here"), new_place("there")
    said = remelt("restore", path, *here.options, **given)
    assert said.status == 0, said.err
    assert "keys        in place" in said.out
    assert not (here.data / "keys").exists()
    assert remelt("restore", path, *there.options).status == 0
    plant.accept(there.open(writing=True), plant.receipt("HF01/NEW"))


def test_keys_of_another_log_are_refused(
    place: Place, new_place: NewPlace, backup: Path, remelt: Run, tmp_path: Path
) -> None:
    new = new_place("second")
    keys.create_log_key(new.settings, plant.ORIGIN)
    other = (new.data / "keys/log.key").read_bytes()
    said = remelt("restore", backup, *new.options)
    assert said.status == 1
    assert f"TARGET_EXISTS: {new.data}/keys/log.key" in said.err
    assert remelt("backup", tmp_path / "plain.zip", *place.options).status == 0
    said = remelt("restore", tmp_path / "plain.zip", *new.options)
    assert said.status == 1
    assert "SETTING_INVALID: log key: it is not that of" in said.err
    assert sorted(p.name for p in new.data.rglob("*")) == ["keys", "log.key"]
    assert (new.data / "keys/log.key").read_bytes() == other
    # The right ones may lie there before.
    shutil.rmtree(new.data / "keys")
    shutil.copytree(place.data / "keys", new.data / "keys")
    said = remelt("restore", tmp_path / "plain.zip", *new.options)
    assert said.status == 0, said.err
    assert "keys        in place" in said.out


# Nothing is overwritten, nothing is left half.


def test_nothing_is_overwritten(place: Place, backup: Path, remelt: Run, tmp_path: Path) -> None:
    before = backup.read_bytes()
    said = remelt("backup", backup, *place.options)
    assert said.status == 1
    assert "TARGET_EXISTS" in said.err
    assert backup.read_bytes() == before
    said = remelt("restore", backup, *place.options)
    assert said.status == 1
    assert "TARGET_EXISTS" in said.err
    assert "hint: nothing is overwritten" in said.err
    assert plant.audited(place.open()).size == SIZE
    assert left_over(tmp_path) == []


def test_a_backup_to_nowhere_is_named(place: Place, remelt: Run, tmp_path: Path) -> None:
    said = remelt("backup", tmp_path / "not-mounted", *place.options)
    assert said.status == 1
    assert "neither a directory that is there, nor a .zip file" in said.err
    assert not (tmp_path / "not-mounted").exists()
    said = remelt("backup", tmp_path / "no/where.zip", *place.options)
    assert said.status == 2
    assert "No such file or directory" in said.err
    said = remelt("restore", tmp_path / "nowhere.zip", "--data", tmp_path / "new")
    assert said.status == 2
    assert "nowhere.zip: No such file" in said.err
    assert not (tmp_path / "new").exists()


def test_a_ledger_that_does_not_audit_clean_is_not_backed_up(
    place: Place, remelt: Run, tmp_path: Path
) -> None:
    with engines.writing(place.open().engine) as connection:
        connection.execute(tables.touches.delete().where(tables.touches.c.n == SIZE - 1))
    place.close()
    (tmp_path / "kept").mkdir()
    said = remelt("backup", tmp_path / "kept", *place.options)
    assert said.status == 1
    assert "STORE_CORRUPT: the copy does not audit clean" in said.err
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("command", ["backup", "restore"])
def test_what_is_interrupted_leaves_nothing_half(
    command: str, how: signal.Signals, place: Place, new_place: NewPlace, backup: Path, remelt: Run,
    tmp_path: Path,
) -> None:  # fmt: skip
    began = time.monotonic()
    assert remelt("backup", tmp_path / "whole.zip", *place.options).status == 0
    takes_s = time.monotonic() - began + 1.0  # the start of a process too
    for i in range(3):
        new = new_place(f"new{i}")
        target = tmp_path / f"kept{i}.zip"
        arguments = [target, *place.options] if command == "backup" else [backup, *new.options]
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", command, *map(str, arguments)], cwd=documents.ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(takes_s * (i + 1) / 3)
        process.send_signal(how)
        process.wait(30)
        if how != signal.SIGKILL:
            assert left_over(tmp_path) == []
        if command == "backup":
            if target.exists():
                new = new_place(f"from{i}")
                assert remelt("restore", target, *new.options).status == 0
            continue
        # Done, or it can be done again.
        again = remelt("restore", backup, *new.options)
        assert again.status == 0 or "TARGET_EXISTS" in again.err
        assert plant.audited(new.open()).size == SIZE


# Archives that are none, or no longer.


def rebuilt(path: Path, changed: dict[str, bytes | None], made: Path) -> Path:
    """An archive with other parts, and nothing else wrong with it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = changed.get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return made


def spoiled_manifest(path: Path, **changes: Any) -> dict[str, bytes | None]:
    found = json.loads(zipfile.ZipFile(path).read("manifest.json"))
    return {"manifest.json": json.dumps({**found, **changes}).encode()}


def refused(remelt: Run, new: Place, path: Path, code: str, part: str) -> None:
    said = remelt("restore", path, *new.options)
    assert said.status == 1, said.out
    assert f"{code}: {part}" in said.err
    assert "hint: " in said.err
    assert not new.data.exists(), "nothing was written"


@pytest.mark.parametrize("part", ["manifest.json", "ledger.sqlite", "policy.txt", "keys/log.key"])
def test_a_damaged_archive_is_refused_naming_the_part(
    part: str, backup: Path, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    new, data = new_place("second"), zipfile.ZipFile(backup).read(part)
    broken = bytearray(backup.read_bytes())
    with zipfile.ZipFile(backup) as file:
        at = file.getinfo(part).header_offset + 30 + len(part) + 20
    broken[at] ^= 0x10
    (tmp_path / "bit.zip").write_bytes(broken)
    refused(remelt, new, tmp_path / "bit.zip", "BACKUP_INVALID", part)
    gone = rebuilt(backup, {part: None}, tmp_path / "gone.zip")
    refused(remelt, new, gone, "BACKUP_INVALID", f"{part}: it is missing")
    if part != "manifest.json":
        for i, other in enumerate((data[:-1], data + b"x", b"", data[:10] + b"?" + data[11:])):
            path = rebuilt(backup, {part: other}, tmp_path / f"other{i}.zip")
            said = f"{part}: its bytes are not those of the manifest"
            refused(remelt, new, path, "BACKUP_INVALID", said)


def test_an_archive_that_was_cut_off_is_refused(
    backup: Path, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    data, new, path = backup.read_bytes(), new_place("second"), tmp_path / "cut.zip"
    for keep in (0, 1, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:keep])
        refused(remelt, new, path, "BACKUP_INVALID", "cut.zip: it is not a backup of Remelt")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "manifest.json: format 2, this program reads 1"),
        ({"format": None}, "manifest.json: it names no format"),
        ({"size": "7"}, "manifest.json: size is missing"),
        ({"parts": {}}, "manifest.json: parts: ledger.sqlite is missing"),
        ({"parts": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}}, "manifest.json: parts: '../"),
        ({"parts": {"ledger.sqlite": 1}}, "manifest.json: parts: 'ledger.sqlite'"),
        ({"size": 3}, "ledger.sqlite: its head is not that of the manifest"),
        ({"origin": "other.example/x"}, "ledger.sqlite: its head is not that of the manifest"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(
    changes: dict[str, Any],
    said: str,
    backup: Path,
    new_place: NewPlace,
    remelt: Run,
    tmp_path: Path,
) -> None:
    path = rebuilt(backup, spoiled_manifest(backup, **changes), tmp_path / "spoiled.zip")
    refused(remelt, new_place("second"), path, "BACKUP_INVALID", said)


def test_a_copy_that_was_altered_and_summed_again_does_not_pass_the_audit(
    place: Place, backup: Path, new_place: NewPlace, remelt: Run, tmp_path: Path
) -> None:
    if not place.url.startswith("sqlite"):
        pytest.skip("the archive is the same whatever the database")
    import hashlib
    import sqlite3

    path = tmp_path / "altered.sqlite"
    path.write_bytes(zipfile.ZipFile(backup).read("ledger.sqlite"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE objects SET n = n + 1 WHERE key = 'lot:HF01/A'")
    connection.close()
    data = path.read_bytes()
    manifest = json.loads(zipfile.ZipFile(backup).read("manifest.json"))
    sums = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["parts"]["ledger.sqlite"] = sums
    changed: dict[str, bytes | None] = {
        "ledger.sqlite": data, "manifest.json": json.dumps(manifest).encode(),
    }  # fmt: skip
    made = rebuilt(backup, changed, tmp_path / "altered.zip")
    refused(remelt, new_place("second"), made, "STORE_CORRUPT", "the copy does not audit clean")


# Forks.


def test_a_backup_that_the_log_went_beyond_is_refused(
    place: Place, new_place: NewPlace, backup: Path, remelt: Run, tmp_path: Path
) -> None:
    new, newest = new_place("second"), tmp_path / "newest.txt"
    (taken,) = plant.accept(place.open(writing=True), plant.receipt("HF01/LATER"))
    place.close()
    newest.write_text(taken.checkpoint)
    for option in (["--expect-size", SIZE + 1], ["--checkpoint", newest]):
        said = remelt("restore", backup, *option, *new.options)
        assert said.status == 1
        assert f"the log went on to {SIZE + 1} entries, here it has {SIZE}" in said.err
        assert "BACKUP_OLD" in said.err
        assert "find a newer backup" in said.err
        assert not new.data.exists()
    assert remelt("backup", tmp_path / "newer.zip", *place.options).status == 0
    said = remelt(
        "restore", tmp_path / "newer.zip", "--checkpoint", newest, "--expect-size", SIZE + 1,
        *new.options,
    )  # fmt: skip
    assert said.status == 0, said.err
    assert "hint: ask those who hold" not in said.err


def test_a_checkpoint_of_another_history_or_log_is_refused(
    place: Place, new_place: NewPlace, backup: Path, remelt: Run, tmp_path: Path
) -> None:
    new, path = new_place("second"), tmp_path / "known.txt"
    signer, *_ = keys.load_log_keys(place.settings)
    fork = checkpoint.Checkpoint(plant.ORIGIN, 7, tree.leaf_hash(b"another history"))
    path.write_bytes(checkpoint.sign_checkpoint(fork, [signer]))
    said = remelt("restore", backup, "--checkpoint", path, *new.options)
    assert said.status == 1
    assert "PROOF_INVALID: by the checkpoint, at size 7 the log had another root" in said.err
    stranger = keys.create_log_key(new_place("stranger").settings, plant.ORIGIN)
    path.write_bytes(checkpoint.sign_checkpoint(fork, [stranger]))
    said = remelt("restore", backup, "--checkpoint", path, *new.options)
    assert said.status == 1
    assert "CHECKPOINT_UNSIGNED" in said.err
    path.write_bytes(b"no checkpoint\n")
    said = remelt("restore", backup, "--checkpoint", path, *new.options)
    assert said.status == 1
    assert "NOTE_INVALID" in said.err
    assert not new.data.exists()
