"""Dossiers and proof files as the server hands them out."""

from __future__ import annotations

import json
import time
from pathlib import Path

import orjson
import pytest

from api import cli
from ledger import dossiers, entry, reports
from ledger.certificate import policy, verify
from ledger.store import engine as engines
from ledger.store import entries, published
from ledger.tlog import checkpoint, cosignature, note, proof_file, tree
from tests.http.conftest import Road
from tests.http.door import Door, refused

WITNESS = cosignature.key_from_seed("witness.example/w1", 4, bytes(range(32)))


def publish(door: Door, *, cosigned: bool = True) -> int:
    """Put up the newest stored checkpoint, as a publisher with one witness does; its size."""
    with engines.writing(door.ledger.engine) as connection:
        size = door.ledger.head().size
        stored = entries.read_checkpoint(connection, door.ledger.log_id, size).encode()
        text = note.parse_note(stored).text
        lines = [cosignature.cosign(text, WITNESS, 1_800_000_000)] if cosigned else []
        made = stored + b"".join(note.format_signature(line) for line in lines)
        before = published.read(connection, door.ledger.log_id, lock=True)
        after = published.Published(size, made.decode(), time.time_ns() // 1_000_000, True)
        assert published.write(connection, door.ledger.log_id, before, after)
    return size


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_proof_file_leads_from_any_entry_to_a_checkpoint(door: Door, road: Road, n: int) -> None:
    answer = door.get(f"/v1/log/proof/{n}.tlog-proof")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    file = proof_file.parse_proof_file(answer.content)
    assert proof_file.format_proof_file(file) == answer.content
    leaf = door.get(f"/v1/entries/{n}", "AUDITOR").json()["entry"]
    leaf_hash = entry.leaf_hash(orjson.dumps(leaf, option=orjson.OPT_SORT_KEYS))
    seen, _ = proof_file.verify(file, [door.ledger.verifier], leaf_hash)
    assert (file.index, seen.origin) == (n, door.ledger.origin)


def test_a_new_entry_is_proven_at_once(door: Door, road: Road) -> None:
    door.stock("HF01")
    n = door.size() - 1
    file = proof_file.parse_proof_file(door.get(f"/v1/log/proof/{n}.tlog-proof").content)
    seen = checkpoint.parse_checkpoint(note.parse_note(file.signed).text)
    assert seen.size > n


@pytest.mark.parametrize("n", ["-1", "x", "1e3", str(2**63), "0x1", ""])
def test_what_is_no_index_has_no_proof_file(door: Door, n: str) -> None:
    answer = door.get(f"/v1/log/proof/{n}.tlog-proof")
    assert answer.json()["code"] in ("PARAMETER_INVALID", "NOT_FOUND")


def test_an_entry_that_is_not_there_yet_has_no_proof_file(door: Door) -> None:
    refused(door.get("/v1/log/proof/99999999.tlog-proof"), "NOT_FOUND", "n")


def test_a_dossier_stands_under_what_is_published_as_soon_as_that_covers_it(
    door: Door, road: Road
) -> None:
    ledger = door.ledger
    door.stock("HF01")
    size = publish(door)
    made = json.loads(dossiers.make(ledger, road.serial))
    with engines.reading(ledger.engine) as connection:
        shown = published.read(connection, ledger.log_id)
    assert shown is not None
    assert (made["checkpoint"], shown.size >= size) == (shown.note, True)
    buyer = policy.parse(reports.policy_file(ledger))
    assert verify.verify(dossiers.make(ledger, road.serial), buyer).status == 0
    lot = door.stock("HF01")
    fresh = door.ok(door.certify([lot]))
    with engines.reading(ledger.engine) as connection:
        at, _ = dossiers.checkpoint_over(connection, ledger.log_id, fresh["n"])
        old, _ = dossiers.checkpoint_over(connection, ledger.log_id, 0)
    assert at > fresh["n"]
    assert old >= size


def test_without_witnesses_nobody_waits(door: Door, road: Road) -> None:
    began = time.monotonic()
    dossiers.await_published(door.ledger, 10**9, 60)
    assert time.monotonic() - began < 30


# The same from the command line, and what it says of a file that does not hold.


@pytest.fixture(scope="module")
def bought(door: Door, road: Road, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """An entry, its proof file and a policy that wants the witness, as a buyer has them."""
    folder, n = tmp_path_factory.mktemp("bought"), road.answers["receipt"]["n"]
    publish(door)
    (folder / "3.json").write_bytes(door.get(f"/v1/entries/{n}", "AUDITOR").content)
    signed = dossiers.prove(door.ledger, n)
    (folder / "3.tlog-proof").write_bytes(signed)
    known = policy.parse(reports.policy_file(door.ledger))
    lines = policy.format_policy(known).decode().replace("quorum none", "")
    lines += f"witness W1 {WITNESS.cosigner.vkey}\nquorum W1\n"
    (folder / "policy.txt").write_text(lines)
    return folder, n


def check(folder: Path, *options: str) -> int:
    wanted = ["--check", str(folder / "3.tlog-proof"), "--policy", str(folder / "policy.txt")]
    return cli.main(["proof", *wanted, *options])


def test_a_proof_file_is_checked_without_a_ledger(
    bought: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, n = bought
    leaf_hash = json.loads((folder / "3.json").read_text())["leaf_hash"]
    for leaf in (["--entry", str(folder / "3.json")], ["--leaf-hash", leaf_hash]):
        assert check(folder, *leaf) == 0
        said = capsys.readouterr().out
        assert f"yes, entry {n} of " in said
        assert "SEEN BY      W1, 2027-01-15T08:00:00" in said


def test_another_leaf_another_log_and_a_missing_witness_are_refused(
    bought: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = bought
    leaf = json.loads((folder / "3.json").read_text())["leaf_hash"]
    assert check(folder, "--leaf-hash", tree.leaf_hash(b"other").hex()) == 1
    assert "PROOF_INVALID" in capsys.readouterr().err
    whole = (folder / "policy.txt").read_text()
    other = note.parse_skey(note.generate_skey("other.example/log", bytes(32))).verifier.vkey
    lines = [f"log {other}" if line[:4] == "log " else line for line in whole.split("\n")]
    (folder / "policy.txt").write_text("\n".join(lines))
    assert check(folder, "--leaf-hash", leaf) == 1
    assert "CHECKPOINT_UNSIGNED" in capsys.readouterr().err
    absent = cosignature.key_from_seed("witness.example/w2", 4, bytes(32)).cosigner.vkey
    (folder / "policy.txt").write_text(whole.replace(WITNESS.cosigner.vkey, absent))
    assert check(folder, "--leaf-hash", leaf) == 1
    assert "CHECKPOINT_UNWITNESSED" in capsys.readouterr().err
    (folder / "policy.txt").write_text(whole)
    assert check(folder, "--leaf-hash", leaf.upper()) == 2
    assert check(folder) == 1
