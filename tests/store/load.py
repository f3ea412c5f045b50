"""A real server under load: what clients were told, and what nobody answered them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ledger import apikeys
from ledger.sequencer import Accepted
from ledger.service import Ledger
from tests.store import plant

ROOT = Path(__file__).parent.parent.parent
ANSWER_S = 20  # a client that has waited so long gives up
PAUSE_S = 0.3


def api_key(data: Path) -> str:
    """A key of HEFEI's for the ledger in this directory."""
    ledger = Ledger.open(plant.settings_of(data))
    key = apikeys.create(ledger, "HEFEI", ["record", "read"], "test")
    ledger.close()
    return key


@contextmanager
def serving(data: Path, url: str) -> Iterator[str]:
    """The address of a server process over the ledger in this directory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api.cli", "serve", "--data", str(data), "--port", str(port)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")}
    environment["REMELT_DATABASE"] = url
    with (data / "server.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_ready(address)
        yield address
        assert server.poll() is None, "the server ended"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        finally:
            server.kill()


def wait_ready(address: str, patience_s: float = 60) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the server is not ready")


@dataclass
class Load:
    """Clients that record without end; whoever gets no answer goes on with another event."""

    address: str
    key: str
    answers: list[tuple[plant.Envelope, dict[str, Any]]] = field(default_factory=list)
    unanswered: list[plant.Envelope] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=ANSWER_S)

    def start(self, name: str, clients: int = 6) -> None:
        self._stopping.clear()
        for number in range(clients):
            thread = threading.Thread(target=self._record, args=(f"{name}{number}",))
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * ANSWER_S)
        self._threads.clear()

    def wait_for(self, more: int) -> None:
        """Until so many more events were acknowledged."""
        wanted, until = len(self.answers) + more, time.monotonic() + 60
        while len(self.answers) < wanted:
            assert time.monotonic() < until, "the load does not get on"
            time.sleep(0.01)

    def _record(self, name: str) -> None:
        with self.client() as client:
            for number in range(10**6):
                if self._stopping.is_set():
                    return
                if not self.send(client, plant.receipt(f"HF01/{name}-{number}")):
                    time.sleep(PAUSE_S)

    def send(self, client: httpx.Client, envelope: plant.Envelope) -> bool:
        """Whether the event was acknowledged. Anything but 201 and 503 is a problem."""
        answer = None
        with suppress(httpx.TransportError):
            answer = client.post("/v1/events", json=envelope)
        with self._lock:
            if answer is not None and answer.status_code == 201:
                self.answers.append((envelope, answer.json()))
                return True
            if answer is not None and answer.status_code != 503:
                self.problems.append(answer.text)
            self.unanswered.append(envelope)
            return False

    def repeat(self) -> None:
        """Send again what nobody answered, and a tenth of what was answered."""
        again, self.unanswered = self.unanswered, []
        with self.client() as client:
            for envelope in again + [envelope for envelope, _ in self.answers[::10]]:
                assert self.send(client, envelope), envelope["id"]

    def check(self, ledger: Ledger) -> int:
        """Nothing acknowledged is lost, doubled or forked; the number of events acknowledged."""
        assert not self.problems, self.problems[:3]
        told: dict[str, tuple[int, str]] = {}
        heads = []
        for envelope, answer in self.answers:
            place = (answer["n"], answer["leaf_hash"])
            first = told.setdefault(envelope["id"], place)
            assert first == place, f"{envelope['id']} was entry {first}, and then {place}"
            hashes = tuple(bytes.fromhex(node) for node in answer["proof"])
            accepted = Accepted(
                answer["n"], bytes.fromhex(answer["leaf_hash"]), answer["size"],
                answer["checkpoint"], hashes,
            )  # fmt: skip
            heads.append(plant.check_answer(ledger, accepted))
        plant.check_consistent(ledger, heads)
        stored = plant.stored(ledger)
        lost = {i for i, place in told.items() if stored.get(("HEFEI", i)) != place}
        assert not lost, f"{len(lost)} of {len(told)} acknowledged events are lost"
        plant.audited(ledger)
        return len(told)
