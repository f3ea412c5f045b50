"""A real server process over a real ledger, and the hands that knock at it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import apikeys, audit, errors, keys, service, settings, statements
from ledger.book import jose
from ledger.service import Ledger
from ledger.store import engine as engines
from tests.cluster import SQLITE, Database

ROOT = Path(__file__).parent.parent.parent
ORIGIN = "demo.remelt.example/http"
OPERATOR = "OPERATOR"
EVERYTHING = ["record", "read", "audit"]
# A status of 500 or more is a fault of the server, whatever was sent to it.
FAULT = 500
# Stands in every private value: nobody but the parties of the event may ever read it.
SECRET = "Grossmann7P3"
SCRAP = {"metal": "aluminium", "form": "scrap"}
CLEAN_ENDS = (0, -signal.SIGTERM)


@dataclass
class Door:
    """The server, the API keys of the parties, and every status it ever answered."""

    ledger: Ledger
    address: str
    log_file: Path
    api_keys: dict[str, str] = field(default_factory=dict)
    signing: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    answers: list[tuple[str, str, int]] = field(default_factory=list)
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    names: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def _record(self, response: httpx.Response) -> None:
        request = response.request
        self.answers.append((request.method, str(request.url)[:200], response.status_code))

    def client(self, who: str = "") -> httpx.Client:
        """A client with the API key of a party, or with none."""
        with self.lock:
            if who not in self.clients:
                headers = {"Authorization": f"Bearer {self.api_keys[who]}"} if who else {}
                self.clients[who] = self.new_client(headers)
            return self.clients[who]

    def new_client(self, headers: Mapping[str, str]) -> httpx.Client:
        hooks = {"response": [self._record]}
        return httpx.Client(
            base_url=self.address, headers=headers, event_hooks=hooks, timeout=60,
            limits=httpx.Limits(max_connections=64),
        )  # fmt: skip

    def api_key(self, party: str, scopes: list[str], name: str = "") -> str:
        """A new API key, under which `client(name or party)` speaks."""
        self.api_keys[name or party] = apikeys.create(self.ledger, party, scopes, "test")
        return self.api_keys[name or party]

    def get(self, path: str, who: str = "", **query: Any) -> httpx.Response:
        return self.client(who).get(path, params=query or None)

    def name(self, letter: str) -> str:
        """A name that nothing has yet."""
        self.names += 1
        return f"{letter}{self.names}"

    # Recording.

    def event(
        self, kind: str, body: Mapping[str, Any], party: str = OPERATOR, **more: Any
    ) -> dict[str, Any]:
        return statements.envelope(ORIGIN, party, kind, body, **more)

    def sealed(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """What a party sends: the envelope, or its own statement where it signs itself."""
        key = self.signing.get(envelope["party"])
        return statements.sign(envelope, key).as_dict() if key else dict(envelope)

    def send(self, envelope: Mapping[str, Any], who: str = "", **query: Any) -> httpx.Response:
        """Post an envelope with the API key of its party, signed if the party signs itself."""
        return self.post(self.sealed(envelope), who or envelope["party"], **query)

    def post(self, value: Any, who: str = OPERATOR, **query: Any) -> httpx.Response:
        data = value if isinstance(value, bytes) else orjson.dumps(value)
        json = {"Content-Type": "application/json"}
        return self.client(who).post("/v1/events", content=data, headers=json, params=query or None)

    def batch(self, rows: Iterable[Any], who: str = OPERATOR) -> httpx.Response:
        data = b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)
        ndjson = {"Content-Type": "application/x-ndjson"}
        return self.client(who).post("/v1/events/batch", content=data, headers=ndjson)

    def record(
        self, kind: str, body: Mapping[str, Any], party: str = OPERATOR, **more: Any
    ) -> dict[str, Any]:
        """Record an event that has to be taken; the answer, with the event's id."""
        envelope = self.event(kind, body, party, **more)
        return {**self.ok(envelope), "id": envelope["id"]}

    def size(self) -> int:
        return self.ledger.head().size

    # What parties do.

    def party(self, party: str, *, custody: str = "operator", share: str = "open") -> None:
        """Register a party with an API key; with custody "self" it signs with a key of its own."""
        self.record("party_registered", **self.registration(party, custody=custody, share=share))
        self.api_key(party, ["record", "read"])

    def registration(self, party: str, *, custody: str, share: str = "open") -> dict[str, Any]:
        """Body and private name of a registration; the key of a self-signing party is kept."""
        about = {"party": party, "country": "CN", "roles": ["recycler"], "share": share}
        body: dict[str, Any] = {**about, "custody": custody}
        if custody == "self":
            self.signing[party] = keys.new_party_key()
            body |= new_key(party, self.signing[party])
        return {"body": body, "private": {"name": f"{SECRET} {party.title()} Ltd"}}

    def site(self, site: str, party: str, *, by: str = OPERATOR) -> None:
        self.owners[site] = party
        body = {
            "site": site, "party": party, "type": "plant", "country": "CN",
            "scopes": [{"id": "MAIN", "level": "line"}, {"id": "ELSE", "level": "line"}],
            "equipment": ["F1", "F2"], "zone": "Asia/Shanghai",
        }  # fmt: skip
        self.record("site_registered", body, by, private={"name": f"{SECRET} yard {site}"})

    def at(
        self, site: str, kind: str, body: Mapping[str, Any], *papers: str, **more: Any
    ) -> dict[str, Any]:
        """The envelope of an event at a site, stated by its party, with new documents."""
        if papers:
            more["evidence"] = [document(paper, self.name("document ")) for paper in papers]
        return self.event(kind, body, self.owners[site], site=site, **more)

    def take(
        self, site: str, kind: str, body: Mapping[str, Any], *papers: str, **more: Any
    ) -> dict[str, Any]:
        """Record an event at a site, which has to be taken; the answer, with the event's id."""
        envelope = self.at(site, kind, body, *papers, **more)
        return {**self.ok(envelope), "id": envelope["id"]}

    def stock(self, site: str, mass: str = "10 t", origin: str = "POST", **more: Any) -> str:
        """A new lot at a site, received from outside; its name."""
        lot = f"{site}/{self.name('L')}"
        paper = {"POST": "waste_note", "PRE": "scrap_declaration", "PRIM": "invoice"}[origin]
        self.take(site, "lot_received", received(lot, mass, origin, **more), paper)
        return lot

    def run(
        self, site: str, step: str, inputs: Mapping[str, str], outputs: Mapping[str, Any],
        **more: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """The envelope of a new run. outputs: lot -> mass (inherits), or (mass, assay)."""
        made = []
        for lot, written in outputs.items():
            mass, assay = (written, None) if isinstance(written, str) else written
            output: dict[str, Any] = {"lot": lot, "role": "product", "mass": mass}
            made.append(output | ({"assay": assay, "assay_grade": "final"} if assay else {}))
        body = {
            "run": f"{site}/{self.name('R')}", "step": step, "scope": "MAIN",
            "inputs": [{"lot": lot, "mass": mass} for lot, mass in inputs.items()],
            "outputs": made, **more,
        }  # fmt: skip
        return self.at(site, "run_recorded", body)

    def certify(self, lots: list[str], **more: Any) -> dict[str, Any]:
        """The envelope of a certificate on lots that lie where the first was made."""
        body = {
            "lots": lots, "substance": "Al", "method": "iso14021-batch", "classes": ["POST"],
            "amount": "all", **more,
        }  # fmt: skip
        return self.at(lots[0].partition("/")[0], "certificate_issued", body)

    def ok(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """Send an event that has to be taken; the answer."""
        response = self.send(envelope)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer


def received(lot: str, mass: str = "10 t", origin: str = "POST", **more: Any) -> dict[str, Any]:
    """The body of a receipt from outside."""
    return {
        "lot": lot, "from": {"external": True}, "material": SCRAP, "mass": mass,
        "assay": {"Al": "95 %"}, "assay_grade": "final", "origin": {origin: "100 %"}, **more,
    }  # fmt: skip


def refused(response: httpx.Response, code: str, field: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem with this code, and one that a person can act on."""
    shown: dict[str, Any] = response.json()
    assert shown.get("code") == code, response.text[:400]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == shown["status"] == errors.CODES[code].status
    check_error(shown, shown["detail"])
    if field is not None:
        assert shown["field"] == field, response.text[:400]
    return shown


def check_error(shown: Mapping[str, Any], message: str) -> None:
    """An error says what, where and how to go on; it is short, and shows nothing private."""
    assert {"code", "field", "value", "hint"} <= set(shown)
    assert message
    assert shown["hint"]
    assert len(message) <= 400
    assert SECRET not in str(shown)


def new_key(party: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """The public half of a party's new key, and the proof that the party has the other half."""
    proof = statements.proof_of_possession(ORIGIN, party, key)
    return {"key": jose.public_jwk(key.public_key()), "proof": proof}


def document(kind: str, text: str) -> dict[str, str]:
    return {"type": kind, "sha256": hashlib.sha256(text.encode()).hexdigest()}


@contextlib.contextmanager
def open_door(
    data: Path,
    origin: str = ORIGIN,
    database: Database = SQLITE,
    more: Mapping[str, str] | None = None,
) -> Iterator[Door]:
    """Create a ledger, start a server over it; afterwards both must be found in order.

    more: settings of the server, as environment variables.
    """
    url = database.new(data)
    ledger = service.create(settings.load(str(data), url), origin, OPERATOR, {})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log_file = data / "server.log"
    command = [sys.executable, "-m", "api.cli", "serve", "--data", str(data), "--port", str(port)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")}
    environment |= {"REMELT_DATABASE": url, **(more or {})}
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    door = Door(ledger, f"http://127.0.0.1:{port}", log_file)
    try:
        _wait(door, process)
        door.api_key(OPERATOR, EVERYTHING)
        yield door
    finally:
        process.terminate()
        status = process.wait(30)
        for client in door.clients.values():
            client.close()
    _inspect(door, status)


def _wait(door: Door, process: subprocess.Popen[bytes]) -> None:
    """Until the server serves. Its first answers are not recorded: it may not be ready yet."""
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {door.log_file.read_text()}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{door.address}/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer: {door.log_file.read_text()}")


def _inspect(door: Door, status: int) -> None:
    """The server never failed, said nothing of failures, ended well, and its log audits clean."""
    faults = sorted({answer for answer in door.answers if answer[2] >= FAULT})
    assert not faults, faults
    written = door.log_file.read_text()
    assert "Traceback" not in written, written
    assert status in CLEAN_ENDS, f"the server ended with status {status}"
    with engines.reading(door.ledger.engine) as connection:
        report = audit.run(connection, door.ledger.log_id, door.ledger.verifier)
    door.ledger.engine.dispose()
    assert report.finding is None, report.finding
    assert report.size > 0
