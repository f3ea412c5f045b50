"""A database that was set back is noticed before anything is written on top of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger import highwater
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from tests import documents
from tests.operations.conftest import Run
from tests.operations.test_logs import Server, serving, wait_for
from tests.store import plant


def files(data: Path) -> list[Path]:
    return sorted(data.glob("ledger.sqlite*"))


def put_back(kept: Path, data: Path) -> None:
    for path in files(data):
        path.unlink()
    for path in files(kept):
        shutil.copy(path, data)


def mark_of(data: Path) -> int:
    return int(json.loads((data / highwater.NAME).read_text())["size"])


def record(server: Server, count: int) -> None:
    for _ in range(count):
        assert server.post(server.receipt()).status_code == 201


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """A ledger whose server recorded something, and beside it the database of before."""
    data = tmp_path / "data"
    plant.build(data)
    shutil.copytree(data, tmp_path / "before")
    with serving(data) as server:
        record(server, 3)
        wait_for(lambda: mark_of(data) == plant.SIZE + 3)
        record(server, 1)
    assert mark_of(data) == plant.SIZE + 4, "the end is noted too"
    return data


def serve(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", "--data", str(data), "--port", "1"],
        cwd=documents.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_server_does_not_start_on_a_database_that_was_set_back(
    grown: Path, tmp_path: Path, remelt: Run
) -> None:
    put_back(tmp_path / "before", grown)
    done = serve(grown)
    assert done.returncode == 1
    assert f"the log went on to {plant.SIZE + 4} entries, here it has {plant.SIZE}" in done.stderr
    assert "BACKUP_OLD" in done.stderr
    assert "a fork, signed by you" in done.stderr
    said = remelt("doctor", "--json", "--data", grown)
    assert said.status == 1
    (found,) = [check for check in said.json["checks"] if check["name"] == "log"]
    assert "the log went on" in found["message"]
    # Reading is free, and whoever decides to go on says so by removing the note.
    assert remelt("audit", "--data", grown).status == 0
    (grown / highwater.NAME).unlink()
    with serving(grown) as server:
        record(server, 1)


def test_a_server_does_not_start_on_another_history(grown: Path, tmp_path: Path) -> None:
    put_back(tmp_path / "before", grown)
    ledger = Ledger.open(plant.settings_of(grown))
    ledger.sequencer.start()
    plant.accept(ledger, *[plant.receipt(f"HF01/FORK{i}") for i in range(9)])
    plant.close(ledger)
    done = serve(grown)
    assert done.returncode == 1
    assert "PROOF_INVALID" in done.stderr
    assert f"at size {plant.SIZE + 4} the log had another root" in done.stderr


def test_a_restore_into_the_same_directory_heeds_the_note(
    grown: Path, tmp_path: Path, remelt: Run
) -> None:
    old, new = tmp_path / "old.zip", tmp_path / "new.zip"
    assert remelt("backup", old, "--data", tmp_path / "before").status == 0
    assert remelt("backup", new, "--data", grown).status == 0
    for path in files(grown):
        path.unlink()
    said = remelt("restore", old, "--data", grown)
    assert said.status == 1
    assert "BACKUP_OLD" in said.err
    assert not files(grown)
    assert remelt("restore", new, "--data", grown).status == 0
    with serving(grown) as server:
        record(server, 1)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"size": "x"}', b'{"size": 99}'])
def test_a_note_that_cannot_be_read_stops_nobody(grown: Path, content: bytes) -> None:
    (grown / highwater.NAME).write_bytes(content)
    with serving(grown) as server:
        record(server, 1)
    assert mark_of(grown) == plant.SIZE + 5


def test_the_note_of_another_log_says_nothing(grown: Path, tmp_path: Path) -> None:
    other = {"origin": "other.example/x", "size": 99, "root": "00" * 32}
    (grown / highwater.NAME).write_text(json.dumps(other))
    ledger = Ledger.open(plant.settings_of(grown))
    with engines.reading(ledger.engine) as connection:
        highwater.check(connection, ledger.log_id, ledger.settings)
    highwater.raise_to(ledger.settings, ledger.head())
    assert mark_of(grown) == plant.SIZE + 4
    ledger.engine.dispose()


def test_the_note_never_goes_down(grown: Path, tmp_path: Path) -> None:
    before = Ledger.open(plant.settings_of(tmp_path / "before"))
    highwater.raise_to(plant.settings_of(grown), before.head())
    before.engine.dispose()
    assert mark_of(grown) == plant.SIZE + 4


def test_a_process_that_is_slow_does_not_take_the_note_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    plant.build(data)
    settings = plant.settings_of(data)
    slow, go_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def waiting(handle: int) -> None:
        if threading.current_thread().name == "slow":
            slow.set()
            go_on.wait(10)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", waiting)
    monkeypatch.setattr(os, "getpid", threading.get_ident)  # as two processes
    heads = {
        name: entries.Head(plant.ORIGIN, size, bytes(32), bytes(32), 0)
        for name, size in (("slow", 1_007), ("fast", 1_010))
    }
    threads = [
        threading.Thread(name=name, target=highwater.raise_to, args=(settings, head))
        for name, head in heads.items()
    ]
    threads[0].start()
    assert slow.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    go_on.set()
    for thread in threads:
        thread.join()
    assert mark_of(data) == 1_010
