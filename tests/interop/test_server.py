"""Go's tools on the log of a real server, with a real witness, while it grows."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from ledger.tlog import checkpoint, note, proof, proof_file, tiles
from tests.http.door import ORIGIN, Door, open_door, received
from tests.interop import go
from tests.unit.ledger.tlog import vectors
from tests.witness import places, serving

FAST = {"REMELT_PUBLISH_GAP_MS": "100", "REMELT_RATE_READS": "0", "REMELT_RATE_EVENTS": "0"}
SIZES = [255, 256, 257, 600]


def grow(door: Door, size: int) -> None:
    """Receipts until the log has exactly `size` entries."""
    while (more := min(size - door.size(), 100)) > 0:
        rows = [
            door.at("HF01", "lot_received", received(f"HF01/{door.name('L')}"), "waste_note")
            for _ in range(more)
        ]
        answer = door.batch(rows, "HEFEI")
        assert answer.status_code == 200, answer.text
    assert door.size() == size


def cosigned(door: Door) -> bytes:
    """A checkpoint that the witness has cosigned, which may take a few of them."""
    for _ in range(200):
        signed = door.get("/checkpoint").content
        if vectors.W1_NAME.encode() in signed:
            return signed
        grow(door, door.size() + 1)
        time.sleep(0.2)
    raise AssertionError("the witness does not cosign")


def prove(address: str, vkey: str, index: int) -> bytes:
    """A proof file of an entry, made of nothing but what the server serves."""
    signed = httpx.get(f"{address}/checkpoint").content
    log = note.parse_vkey(vkey)
    size = checkpoint.open_checkpoint(signed, [log], ORIGIN)[0].size

    def read(level: int, at: int) -> bytes:
        path = tiles.tile_path(level, at, tiles.tile_width(level, at, size))
        return httpx.get(f"{address}/{path}").raise_for_status().content

    hashes = proof.inclusion(index, size, tiles.hash_reader(size, read))
    return proof_file.format_proof_file(proof_file.ProofFile(index, tuple(hashes), signed))


@pytest.mark.slow
def test_go_reads_the_log_of_a_server_at_every_size_and_its_witness(
    program: Path, tmp_path: Path
) -> None:
    port, data, older = serving.free_port(), tmp_path / "data", tmp_path / "older"
    data.mkdir()
    url = f"http://127.0.0.1:{port}"
    (data / "witnesses.txt").write_text(f"witness w1 {vectors.W1_VKEY} {url}\n")
    place = places.new(tmp_path)
    with open_door(data, more={**FAST, "REMELT_ENTRIES": "public"}) as door:
        vkey = door.ledger.verifier.vkey
        prefix = f"{door.address}/{ORIGIN.partition('/')[2]}"
        arguments = ("-url", prefix, "-vkey", vkey, "-witnesses", vectors.W1_VKEY)
        seen = go.read(program, *arguments)
        assert (seen["origin"], seen["size"], seen["records"]) == (ORIGIN, 1, 1)
        older.write_bytes(httpx.get(f"{prefix}/checkpoint").content)
        with serving.served(place, "--log", vkey, port=port):
            door.party("HEFEI")
            door.site("HF01", "HEFEI")
            older.write_bytes(cosigned(door))
            seen = go.read(program, *arguments, "-older", str(older))
            assert vectors.W1_NAME in seen["cosigned"]
            for size in SIZES:
                grow(door, size)
                more = ("-until", str(size), "-older", str(older))
                seen = go.read(program, *arguments, *more)
                assert seen["size"] == seen["records"] == seen["inclusion"] == size
                assert seen["consistency"] >= 1
                assert seen["gzipped"] == seen["bundles"]
                older.write_bytes(httpx.get(f"{prefix}/checkpoint").content)
            command = [str(program), *arguments, "-until", "800", "-older", str(older)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
                for size in range(620, 801, 20):
                    grow(door, size)
                said, _ = following.communicate(timeout=120)
            assert following.returncode == 0
            seen = json.loads(said)
            assert seen["size"] == seen["records"] == 800
            assert len(seen["checkpoints"]) > 1
            (tmp_path / "proof").write_bytes(prove(prefix, vkey, 300))
            assert go.read(program, *arguments, str(tmp_path / "proof"))["proofs"] == 1


@pytest.mark.slow
def test_go_reads_private_entries_with_a_key_and_not_without(program: Path, tmp_path: Path) -> None:
    with open_door(tmp_path, more=FAST) as door:
        door.party("HEFEI")
        key = door.api_key("HEFEI", ["audit"], "AUDITOR")
        arguments = ("-url", door.address, "-vkey", door.ledger.verifier.vkey, "-until", "2")
        seen = go.read(program, *arguments, "-key", key)
        assert seen["size"] == seen["records"] == 2
        done = go.run(program, *arguments)
        assert done.returncode == 1
        assert "status 401" in done.stderr
