"""A client for programs: it signs with a party's own key, repeats safely, and checks proofs.

    from api.client import Client

    with Client("https://ledger.example", "rmk_…", party="YARD", log="example/one") as ledger:
        done = ledger.record(ledger.event("lot_received", {…}, site="YARD1"))

Light: the server and its libraries are not loaded. See docs/client.md.
"""

from __future__ import annotations

from api.client.aio import AsyncClient
from api.client.answers import Certificate, Checkpoint, Entry, Lineage, Lot, Recorded, Row, Tried
from api.client.core import serial_of
from api.client.errors import BadAnswer, ClientError, NoAnswer, Refusal, Untrusted
from api.client.retry import Retry
from api.client.sync import Client
from ledger.statements import envelope, uuid7

__all__ = [
    "AsyncClient", "BadAnswer", "Certificate", "Checkpoint", "Client", "ClientError", "Entry",
    "Lineage", "Lot", "NoAnswer", "Recorded", "Refusal", "Retry", "Row", "Tried", "Untrusted",
    "envelope", "serial_of", "uuid7",
]  # fmt: skip
