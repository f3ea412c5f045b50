"""`remelt serve --processes 2`: one port, one log."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ledger import apikeys
from ledger.service import Ledger
from tests.cluster import Database
from tests.store import plant

ROOT = Path(__file__).parent.parent.parent
EVENTS = 60


@pytest.fixture
def place(tmp_path: Path, database: Database) -> Path:
    """The directory of a log of plant.SIZE entries."""
    data = tmp_path / "data"
    plant.place(data, database)
    plant.build(data)
    return data


def test_several_processes_serve_one_log(place: Path) -> None:
    ledger = Ledger.open(plant.settings_of(place))
    key = apikeys.create(ledger, "HEFEI", ["record", "read"], "test")
    environment = {**os.environ, "REMELT_DATA": str(place), "REMELT_DATABASE": plant.url_of(place)}
    port = _free_port()
    command = [sys.executable, "-m", "api.cli", "serve", "--port", str(port), "--processes", "2"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address)
        headers = {"Authorization": f"Bearer {key}"}
        envelopes = [plant.receipt(f"HF01/P{i}") for i in range(EVENTS)]

        def send(i: int) -> tuple[int, int]:
            # A connection each, so that both processes get some; every third is sent twice.
            answer = httpx.post(
                f"{address}/v1/events", json=envelopes[i % EVENTS], headers=headers, timeout=60
            )
            return answer.status_code, answer.json()["n"]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, [*range(EVENTS), *range(0, EVENTS, 3)]))
        assert {status for status, _ in answers} == {201}
        assert sorted(n for _, n in answers[:EVENTS]) == list(
            range(plant.SIZE, plant.SIZE + EVENTS)
        )
        assert [n for _, n in answers[EVENTS:]] == [answers[i][1] for i in range(0, EVENTS, 3)]
    finally:
        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=30)
    assert server.returncode in (0, -signal.SIGTERM)
    assert re.search("Traceback|ERROR", said) is None, said
    assert plant.audited(ledger).finding is None
    ledger.engine.dispose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
