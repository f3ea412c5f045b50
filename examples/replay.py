"""Playing stories to a running server: real keys, real signatures, one request per event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from api.client import Client, Recorded, Refusal, serial_of
from ledger import keys, statements
from ledger.book import jose
from ledger.exchange import story


@dataclass
class Player:
    """Everybody in the stories, each with a client. log_key: every answer's proof is checked.

    new_api_key: what the operator does for a party. certificates: serial -> its first lot.
    """

    url: str
    origin: str
    log_key: str
    new_api_key: Callable[[str], str]
    own_keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)

    def play(self, told: story.Story) -> Iterator[tuple[dict[str, Any], Recorded | Refusal]]:
        """Send every event; each with what came of it."""
        for event in told.events:
            try:
                yield event, self.send(event)
            except Refusal as refusal:
                yield event, refusal

    def send(self, event: dict[str, Any]) -> Recorded:
        """Record an event of a story. Raises Refusal."""
        envelope = self._complete(event)
        party, body = envelope["party"], envelope["body"]
        done = self.client(party).record(envelope)
        if envelope["kind"] == "certificate_issued":
            self.certificates[serial_of(envelope)] = body["lots"][0]
        return done

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

    def client(self, party: str) -> Client:
        """The client of a party: with its API key, and its own key if it signs for itself."""
        if party not in self.clients:
            self.clients[party] = Client(
                self.url, self.new_api_key(party), party=party, log_key=self.log_key,
                key=self.own_keys.get(party),
            )  # fmt: skip
        return self.clients[party]

    def close(self) -> None:
        """Close every connection."""
        for client in self.clients.values():
            client.close()
