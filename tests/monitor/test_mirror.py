"""A mirror is a whole log at every moment, and never of two histories."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api import cli
from ledger import mirror, tilesource
from ledger.errors import LedgerError, ProofError
from ledger.tlog import tiles, tree
from tests.monitor import logs

ENTRIES = [b"entry %d" % n for n in range(1_500)]
OTHERS = [*ENTRIES[:100], b"forged", *ENTRIES[101:]]


def memory(files: logs.Files) -> tilesource.Source:
    return tilesource.Source("memory", lambda path, most: files.get(path))


def keep(size: int, to: Path, entries: list[bytes] = ENTRIES) -> mirror.Kept:
    return mirror.keep(memory(logs.static(entries[:size])), to, [logs.VERIFIER])


def held(directory: Path) -> logs.Files:
    found = {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*")
             if p.is_file()}  # fmt: skip
    assert not [path for path in found if Path(path).name.startswith(".")], "nothing half is left"
    return found


def refused(call: Callable[[], object]) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        call()
    return caught.value


def test_a_mirror_holds_the_files_that_the_log_gives(tmp_path: Path) -> None:
    kept = keep(1_300, tmp_path)
    assert (kept.checkpoint.size, kept.added) == (1_300, 1_300)
    assert held(tmp_path) == logs.static(ENTRIES[:1_300])
    assert keep(1_300, tmp_path).added == 0


def test_it_grows_and_keeps_partial_files_until_the_full_ones_are_there(tmp_path: Path) -> None:
    for size in (1, 3, 255, 256, 300, 700, 1_500):
        keep(size, tmp_path)
        now = held(tmp_path)
        assert now.items() >= logs.static(ENTRIES[:size]).items()
        for path in now:
            if ".p/" in path:
                assert path.partition(".p/")[0] not in now
    read = tilesource.Tree(
        tilesource.open_source(str(tmp_path)), 1_500, tree.root([*map(tree.leaf_hash, ENTRIES)])
    )
    assert list(read.entries(0, 1_500)) == ENTRIES


def test_a_mirror_of_a_mirror_over_the_web(tmp_path: Path) -> None:
    keep(700, tmp_path / "one")
    with logs.serve(held(tmp_path / "one").get) as web:
        arguments = ["mirror", web.url, str(tmp_path / "two"), "--once",
                     "--log-key", logs.VERIFIER.vkey]  # fmt: skip
        assert cli.main(arguments) == 0
    assert held(tmp_path / "two") == held(tmp_path / "one")


def test_what_breaks_off_leaves_the_old_log_and_is_not_fetched_twice(tmp_path: Path) -> None:
    keep(300, tmp_path)
    before, files = held(tmp_path), logs.static(ENTRIES)
    lost, asked = "tile/entries/005.p/220", list[str]()

    def fetch(path: str, most: int) -> bytes | None:
        asked.append(path)
        return None if path == lost else files.get(path)

    error = refused(lambda: mirror.keep(tilesource.Source("m", fetch), tmp_path, [logs.VERIFIER]))
    assert error.code == "SOURCE_UNREADABLE"
    assert held(tmp_path).items() >= before.items()
    keep(300, tmp_path)
    damaged = tmp_path / "tile/entries/003"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    lost = ""
    asked.clear()
    mirror.keep(tilesource.Source("m", fetch), tmp_path, [logs.VERIFIER])
    assert sorted(path for path in asked if "entries" in path) == [
        "tile/entries/003", "tile/entries/005.p/220",
    ]  # fmt: skip
    assert held(tmp_path).items() >= files.items()


@pytest.mark.parametrize("size", [100, 200, 300, 400])
def test_another_history_is_not_mirrored_and_both_checkpoints_are_kept(
    tmp_path: Path, size: int
) -> None:
    to = tmp_path / "mirror"
    forked = [b"another", *ENTRIES[1:]]
    keep(300, to)
    before = held(to)
    error = refused(lambda: keep(size, to, forked))
    assert error.code == "LOG_FORKED"
    kept = {path: content for path, content in held(to).items() if path not in before}
    notes = {content for path, content in kept.items() if "checkpoint-" in path}
    assert notes == {before["checkpoint"], logs.static(forked[:size])["checkpoint"]}
    assert ("evidence/consistency-proof.txt" in kept) == (size != 300)
    again = refused(lambda: keep(400, to))
    assert (again.code, "move it" in again.hint) == ("LOG_FORKED", True)
    (to / "evidence").rename(tmp_path / "kept")
    assert keep(400, to).added == 100


def test_a_source_that_is_behind_changes_nothing(tmp_path: Path) -> None:
    keep(700, tmp_path)
    before = held(tmp_path)
    assert keep(300, tmp_path).behind == 400
    assert held(tmp_path) == before


def test_other_logs_other_keys_and_lies_are_refused(tmp_path: Path) -> None:
    keep(300, tmp_path)
    before = held(tmp_path)
    root = tree.root([*map(tree.leaf_hash, ENTRIES)])
    other = logs.static(ENTRIES, logs.sign(1_500, root, "other.example", logs.OTHER_SKEY))
    stranger = logs.static(ENTRIES, logs.sign(1_500, root, logs.ORIGIN, logs.STRANGER))
    borrowed = logs.static(ENTRIES, logs.sign(1_500, root, logs.ORIGIN, logs.OTHER_SKEY))
    keys, wrong = [logs.VERIFIER, logs.OTHER], tiles.encode_bundle(OTHERS[:256])
    for files, code in (
        (other, "LOG_MISMATCH"),
        (stranger, "CHECKPOINT_UNSIGNED"),
        (borrowed, "CHECKPOINT_UNSIGNED"),
        (logs.static(ENTRIES) | {"checkpoint": b"x"}, "NOTE_INVALID"),
        (logs.static(ENTRIES) | {"tile/entries/002": wrong}, "PROOF_INVALID"),
    ):  # fmt: skip
        error = refused(lambda: mirror.keep(memory(files), tmp_path, keys))  # noqa: B023
        assert error.code == code, error
        assert isinstance(error, ProofError)
        assert held(tmp_path)["checkpoint"] == before["checkpoint"]


def test_a_mirror_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    files = logs.static(ENTRIES)
    to = tmp_path / "mirror"

    def slowly(path: str) -> bytes | None:
        time.sleep(0.05 if "entries" in path else 0)
        return files.get(path)

    with logs.serve(slowly) as web:
        command = [sys.executable, "-m", "api.cli", "mirror", web.url, str(to), "--once",
                   "--log-key", logs.VERIFIER.vkey]  # fmt: skip
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        while process.poll() is None and not [*to.glob("tile/entries/*")]:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        assert process.returncode in (-signal.SIGKILL, 0)
        assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 0
    for path in [p for p in to.rglob(".*") if p.is_file()]:
        path.unlink()  # the file in the making; nobody is given a name with a dot
    assert held(to) == files
