"""docs/client.md runs as printed, and the nightly batch may be killed at any moment."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import keys, reports
from tests import documents
from tests.client.road import ROOT, Road, Server, road_to, serving
from tests.http.door import ORIGIN, Door


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Server, Door]]:
    """A server for one test: the page counts what is in it."""
    with serving(tmp_path) as running:
        door = running.parties()
        door.site("YARD1", "YARD")
        yield running, door
        for client in door.clients.values():
            client.close()


def test_every_block_of_the_page_runs_as_printed(own: tuple[Server, Door], tmp_path: Path) -> None:
    _, door = own
    keys.save_party_key(tmp_path / "smelter.pem", door.signing["SMELTER"])
    (tmp_path / "policy.txt").write_bytes(reports.policy_file(door.ledger))
    blocks = documents.blocks("docs/client.md", "python client", "text client")
    program = [text if info == "python client" else "print('=====')\n" for info, text in blocks]
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "LEDGER_URL": door.address,
        "LOG_KEY": door.ledger.verifier.vkey, "REMELT_API_KEY": door.api_keys["YARD"],
        "SMELTER_API_KEY": door.api_keys["SMELTER"],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split("=====\n")
    shown = [text for info, text in blocks if info == "text client"]
    assert len(shown) == len(printed) - 1 > 4
    for text, said in zip(shown, printed, strict=False):
        assert not documents.unprinted(text, said), (text, said)


# The nightly batch.


def write_csv(path: Path, rows: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow("ticket weighed_at lot form gross tare waste_note seller".split())
        for i in range(rows):
            note = hashlib.sha256(f"waste note {i}".encode()).hexdigest()
            gross = "13.4 stone" if i == 2 else "13.4 t"
            when = "2026-01-05T09:15:00+08:00"
            out.writerow([f"T-{i}", when, f"CSV-{i}", "ubc", gross, "8 t", note, f"seller {i}"])
    return path


def start(file: Path, road: Road, door: Door, party: str, site: str, *more: str) -> Any:
    command = [sys.executable, "examples/nightly.py", str(file), road.url, *more]
    return subprocess.Popen(
        [*command, "--log", ORIGIN, "--party", party, "--site", site],
        cwd=ROOT,
        env={**os.environ, "REMELT_API_KEY": door.api_keys[party], "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(("party", "site"), [("YARD", "YARD1"), ("SMELTER", "SM01")])
def test_a_nightly_batch_that_was_killed_is_run_again(
    own: tuple[Server, Door], tmp_path: Path, party: str, site: str
) -> None:
    server, door = own
    keys.save_party_key(tmp_path / "own.pem", door.signing["SMELTER"])
    more = ["--key", str(tmp_path / "own.pem")] if party == "SMELTER" else []
    file, size = write_csv(tmp_path / "receipts.csv", 1_040), server.size()
    with road_to(server) as road:
        road.faults.append(lambda: road.stall.wait(60))  # recorded, but the answer does not come
        first = start(file, road, door, party, site, *more)
        while not road.answers_lost and first.poll() is None:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
        first.wait(30)
        assert server.size() == size + 999, "the first batch was recorded"
        road.stall.set()
        assert start(file, road, door, party, site, *more).wait(120) == 1
    assert server.size() == size + 1_039
    with Path(f"{file}.result.csv").open(newline="", encoding="utf-8") as result:
        rows = list(csv.DictReader(result))
    assert len(rows) == 1_040
    [wrong] = [row for row in rows if row["code"]]
    assert (wrong["row"], wrong["code"], wrong["field"]) == ("3", "UNIT_UNKNOWN", "body.gross")
    assert {int(row["entry"]) for row in rows if row["entry"]} == set(range(size, size + 1_039))
