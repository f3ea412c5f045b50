"""Making statements: envelopes, signatures with a party's own key, proofs of possession."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from ledger import entry, keys
from ledger.book import encoding, events, jose

SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its disclosures, as `POST /v1/events` takes it."""

    event: events.Event
    statement: str
    kid: str
    disclosures: tuple[entry.Disclosure, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON to send."""
        return {"statement": self.statement, "disclosures": [d.text for d in self.disclosures]}


def uuid7() -> str:
    """A time-ordered UUID (RFC 9562 section 5.7): kind to the database's index."""
    value = (time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64
    value |= 2 << 62 | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def envelope(
    log: str, party: str, kind: str, body: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """An envelope with a fresh id, dated now unless `more` says otherwise."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    head = {"log": log, "id": uuid7(), "kind": kind, "party": party, "occurred_at": now}
    return {**head, "body": dict(body), **more}


def sign(event: Mapping[str, Any], key: ec.EllipticCurvePrivateKey) -> Signed:
    """Conceal the private fields of an envelope and sign the rest. FormatError if it is wrong."""
    sent = events.decode(dict(event), signed=False)
    salts = [secrets.token_bytes(SALT_BYTES) for _ in sent.private or {}]
    payload, disclosures = entry.conceal(event, salts)
    kid = keys.kid_of(key)
    statement = jose.sign(encoding.canonical(payload), key, kid)
    return Signed(events.decode(payload, signed=True), statement, kid, tuple(disclosures))


def proof_of_possession(log: str, party: str, key: ec.EllipticCurvePrivateKey) -> str:
    """What a party signs with a new key so that it can be registered."""
    kid = keys.kid_of(key)
    return jose.sign(encoding.canonical({"log": log, "party": party, "kid": kid}), key, kid)
