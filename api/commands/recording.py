"""Certifying, straight in the local ledger."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import orjson

from api.client import rows
from api.commands import output
from api.commands.ledgers import where
from ledger import dossiers, keys, reports, statements
from ledger.book import serial
from ledger.service import Ledger


def certify(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    body: dict[str, Any] = {
        "lots": arguments.lots,
        "substance": arguments.substance,
        "method": "iso14021-batch",
        "classes": arguments.classes,
        "amount": arguments.amount,
    }
    if arguments.holder:
        external = arguments.holder == "external"
        body["holder"] = {"external": True} if external else {"party": arguments.holder}
    event = statements.envelope(
        ledger.origin, arguments.party, "certificate_issued", body, site=arguments.site
    )
    if arguments.occurred_at:
        event["occurred_at"] = arguments.occurred_at
    ledger.sequencer.start()
    key = keys.load_party_key(Path(arguments.key)) if arguments.key else None
    ledger.record(rows.signed(event, key) if key else orjson.dumps(event), ledger.operator)
    ledger.sequencer.stop()
    number = serial.make(ledger.origin, arguments.party, event["id"])
    path = Path(arguments.out or f"{number}.remelt.json")
    path.write_bytes(dossiers.make(ledger, number, wait_s=dossiers.WAIT_S))
    view = reports.certificate_view(ledger, number)
    if arguments.json:
        output.json({**view, "dossier": str(path)})
        return 0
    classes = ", ".join(view["classes"])
    print(f"certificate {serial.printed(number)} on {', '.join(view['lots'])}")
    print(f"  at least {view['of_substance']} % of the {view['substance']} is {classes}")
    print(f"  at least {view['of_mass']} % of the mass")
    print(f"  dossier  {path} ({path.stat().st_size:,} bytes)")
    policy = os.path.relpath(ledger.settings.data / "policy.txt")
    print(f"next: remelt verify {path} --policy {policy}")
    return 0
