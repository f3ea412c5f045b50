"""An operator who certifies the same grams twice, with real processes over HTTP.

Every signature is genuine, the log key is the operator's own, every entry is clean by itself, and
each certificate's dossier verifies. Only who looks at the whole log can tell: `remelt audit --url`
does, and the auditing witness refuses; nobody else sees anything.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from api import cli
from ledger import apikeys, reports, service
from ledger import witness as witnesses
from ledger.book import serial
from ledger.certificate import policy as policies
from ledger.certificate import verify
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from ledger.tlog import note, witness
from tests.store import plant
from tests.witness import serving

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60
CLEAN = {name: text for name, text in os.environ.items() if not name.startswith("REMELT_")}


@contextmanager
def running(*command: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A `remelt` process that ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *map(str, command)],
        cwd=ROOT, env={**CLEAN, "REMELT_LOG_FORMAT": "text", **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(address: str, wanted: int = 200) -> httpx.Response:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = httpx.get(address, timeout=5)
        except httpx.HTTPError:
            found = None
        if found is not None and found.status_code == wanted:
            return found
        assert time.monotonic() < until, f"{address}: {found}"
        time.sleep(0.05)


@dataclass
class Spent:
    """A log whose operator let a lot be certified twice."""

    data: Path
    key: str
    serials: tuple[str, ...]
    size: int
    policy: policies.Policy


def spend_twice(data: Path) -> Spent:
    """Between the two certificates the operator sets the lot's row back, as if nothing had been."""
    ledger = service.create(plant.settings_of(data), plant.ORIGIN, plant.OPERATOR, {})
    ledger.sequencer.start()
    plant.accept(ledger, plant.registration("HEFEI"), plant.site_of("HF01", "HEFEI"))
    plant.accept(ledger, plant.receipt("HF01/A"))
    row = lot_row(ledger)
    first = plant.certificate(["HF01/A"])
    plant.accept(ledger, first)
    plant.close(ledger)
    ledger = Ledger.open(plant.settings_of(data))
    with engines.writing(ledger.engine) as connection:
        connection.execute(update(tables.objects).where(LOT).values(row))
    ledger.sequencer.start()
    second = plant.certificate(["HF01/A"])
    plant.accept(ledger, second)
    key = apikeys.create(ledger, plant.OPERATOR, ["read", "audit"], "")
    made = Spent(
        data, key, tuple(serial.make(plant.ORIGIN, "HEFEI", e["id"]) for e in (first, second)),
        ledger.head().size, policies.parse(reports.policy_file(ledger)),
    )  # fmt: skip
    plant.close(ledger)
    return made


LOT = tables.objects.c.key == "lot:HF01/A"


def lot_row(ledger: Ledger) -> dict[str, object]:
    with engines.reading(ledger.engine) as connection:
        return dict(connection.execute(select(tables.objects).where(LOT)).mappings().one())


def named_witness(directory: Path, name: str, url: str) -> policies.Witness:
    """A new witness's line for the log's list and for policies."""
    (key,) = witnesses.ensure(witnesses.Config(directory, f"witness.example/{name}"))
    return policies.Witness(name, key.cosigner.vkey, url)


@pytest.mark.slow
def test_grams_certified_twice_are_seen_by_who_audits_and_by_nobody_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spent = spend_twice(tmp_path / "data")
    vkey = spent.policy.logs[0].verifier.vkey
    ports = [serving.free_port() for _ in range(3)]
    log_url, plain_url, auditing_url = (f"http://127.0.0.1:{port}" for port in ports)
    plain, auditing = (
        named_witness(tmp_path / name, name, url)
        for name, url in (("plain", plain_url), ("auditing", auditing_url))
    )
    lines = "".join(f"witness {w.name} {w.vkey} {w.url}\n" for w in (plain, auditing))
    (spent.data / "witnesses.txt").write_text(f"{lines}quorum plain\n")
    asked = ("--log", vkey, "--host", "127.0.0.1", "--port")
    with ExitStack() as stack:
        for process in (
            running("witness", "--dir", tmp_path / "plain", *asked, str(ports[1])),
            running(
                "witness", "--dir", tmp_path / "auditing", *asked, str(ports[2]),
                "--audit", "--url", log_url, REMELT_API_KEY=spent.key,
            ),
        ):  # fmt: skip
            stack.enter_context(process)
        for url in (plain_url, auditing_url):
            wait_for(f"{url}/healthz")
        server = running(
            "serve", "--data", spent.data, "--port", str(ports[0]), REMELT_PUBLISH_GAP_MS="200"
        )
        stack.enter_context(server)
        evidence = tmp_path / "auditing/audit" / sha256(plant.ORIGIN.encode()).hexdigest()
        judged_by_all(spent, log_url, plain_url, evidence / "evidence")

        # The auditing witness cosigned nothing of it, and says why to whoever asks.
        path = witness.monitoring_path(plant.ORIGIN)
        assert httpx.get(f"{auditing_url}/{path}", timeout=5).status_code == 404
        signed = own_lines(httpx.get(f"{log_url}/checkpoint", timeout=5).content)
        answer = httpx.post(f"{auditing_url}/add-checkpoint", content=b"old 0\n\n" + signed)
        assert answer.status_code == 422
        assert f"entry {spent.size - 1}, reads.lot:HF01/A" in answer.text

        # Nobody who sees one certificate sees anything, not even with a witness asked for.
        buyer = policies.Policy(
            spent.policy.logs, spent.policy.operators, (plain, auditing), quorum="plain"
        )
        for number in spent.serials:
            dossier = httpx.get(f"{log_url}/v1/certificates/{number}/dossier", timeout=20)
            assert dossier.status_code == 200
            verdict = verify.verify(dossier.content, buyer, now_s=int(time.time()))
            assert (verdict.status, verdict.refusal) == (0, None)

        # Who reads the whole log does.
        policy = tmp_path / "buyer.txt"
        policy.write_bytes(policies.format_policy(buyer))
        command = ["audit", "--url", log_url, "--policy", str(policy), "--api-key", spent.key]
        assert cli.main([*command, "--json"]) == 1
        said = json.loads(capsys.readouterr().out)
        assert said["finding"]["n"] == spent.size - 1
        assert said["finding"]["field"] == "reads.lot:HF01/A"
        assert [made["witness"] for made in said["cosigned"]] == ["plain"]


def judged_by_all(spent: Spent, log_url: str, plain_url: str, evidence: Path) -> None:
    """Wait until the plain witness has cosigned the whole log and the other one found it out."""
    wait_for(f"{log_url}/checkpoint")
    cosigned = wait_for(f"{plain_url}/{witness.monitoring_path(plant.ORIGIN)}")
    assert f"\n{spent.size}\n" in cosigned.text
    until = time.monotonic() + PATIENCE_S
    while not (evidence / "finding.json").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    while b"witness.example/plain" not in httpx.get(f"{log_url}/checkpoint", timeout=5).content:
        assert time.monotonic() < until
        time.sleep(0.05)
    found = json.loads((evidence / "finding.json").read_bytes())
    assert found["entries"] == [spent.size - 2, spent.size - 1]


def own_lines(served: bytes) -> bytes:
    """A checkpoint with the log's own signature lines alone."""
    signed = note.parse_note(served)
    own = [line for line in signed.unverified if line.name == plant.ORIGIN]
    return note.format_note(signed.text, own)
