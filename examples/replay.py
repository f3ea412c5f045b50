"""Sending a story to a running server: real keys, real signatures, one request per event."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import keys, statements
from ledger.book import jose, serial
from ledger.exchange import story


@dataclass
class Player:
    """Everybody in the story, with their keys."""

    url: str
    origin: str
    data: Path
    operator_key: str
    own_keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    api_keys: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)

    def play(self, told: story.Story) -> Iterator[tuple[dict[str, Any], httpx.Response, str]]:
        """Send every event; each with the answer and the code it was expected to get."""
        for event, expected in zip(told.events, told.expected, strict=True):
            yield event, self.send(event), expected

    def send(self, event: dict[str, Any]) -> httpx.Response:
        envelope = self._complete(event)
        party = envelope["party"]
        sent: dict[str, Any] = envelope
        if party in self.own_keys:
            sent = statements.sign(envelope, self.own_keys[party]).as_dict()
        answer = httpx.post(
            f"{self.url}/v1/events",
            json=sent,
            headers={"Authorization": f"Bearer {self._api_key(party)}"},
            timeout=30,
        )
        if answer.status_code == 201 and envelope["kind"] == "certificate_issued":
            number = serial.make(self.origin, party, envelope["id"])
            self.certificates[envelope["body"]["lots"][0]] = number
        return answer

    def _complete(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the story leaves out: the log's name, and keys for those who sign themselves."""
        envelope: dict[str, Any] = {"log": self.origin, **json.loads(json.dumps(event))}
        body = envelope["body"]
        if envelope["kind"] == "party_registered" and body["custody"] == "self":
            party = body["party"]
            key = self.own_keys.setdefault(party, keys.new_party_key())
            body["key"] = jose.public_jwk(key.public_key())
            body["proof"] = statements.proof_of_possession(self.origin, party, key)
        return envelope

    def _api_key(self, party: str) -> str:
        if party == "OPERATOR":
            return self.operator_key
        if party not in self.api_keys:
            self.api_keys[party] = new_api_key(self.data, party)
        return self.api_keys[party]


def new_api_key(data: Path, party: str, *scopes: str) -> str:
    """Ask the command line for an API key, as an operator would."""
    wanted = scopes or ("record", "read")
    command = [sys.executable, "-m", "api.cli", "apikey", "new", party, "--data", str(data)]
    made = subprocess.run(
        [*command, "--scope", *wanted, "--json"], check=True, capture_output=True, text=True
    )
    return str(json.loads(made.stdout)["api_key"])
