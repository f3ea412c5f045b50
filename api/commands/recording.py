"""Certifying, and making dossiers, straight in the local ledger."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import orjson

from api.client import rows
from api.commands import output
from api.commands.ledgers import where
from ledger import dossiers, keys, reports, statements
from ledger.book import serial
from ledger.certificate import dossier as dossier_
from ledger.errors import RuleError
from ledger.service import Ledger


def certify(arguments: argparse.Namespace) -> int:
    disclose = dossiers.parse_disclose(arguments.disclose)
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
    try:
        data = dossiers.make(ledger, number, disclose=disclose, wait_s=dossiers.WAIT_S)
    except RuleError:  # only of what is to be disclosed
        print(f"remelt: certificate {number} was issued all the same", file=sys.stderr)
        raise
    path.write_bytes(data)
    view = reports.certificate_view(ledger, number)
    if arguments.json:
        output.json({**view, "dossier": str(path)})
        return 0
    classes = ", ".join(view["classes"])
    print(f"certificate {serial.printed(number)} on {', '.join(view['lots'])}")
    print(f"  at least {view['of_substance']} % of the {view['substance']} is {classes}")
    print(f"  at least {view['of_mass']} % of the mass")
    print(f"  dossier  {path} ({len(data):,} bytes)")
    _say_disclosed(disclose)
    policy = os.path.relpath(ledger.settings.data / "policy.txt")
    print(f"next: remelt verify {path} --policy {policy}")
    return 0


def dossier(arguments: argparse.Namespace) -> int:
    number = serial.parse(arguments.serial.replace("-", "").upper(), "serial")
    disclose = dossiers.parse_disclose(arguments.disclose)
    budget = _bytes(arguments.budget)
    path = Path(arguments.out or f"{number}.remelt.json")
    with contextlib.closing(Ledger.open(where(arguments))) as ledger:
        data = dossiers.make(
            ledger, number, disclose=disclose, budget_bytes=budget, wait_s=dossiers.WAIT_S
        )
    path.write_bytes(data)
    print(f"dossier {path} ({len(data):,} bytes)")
    if len(data) > budget:
        print(f"  more than {budget:,}: the certificate and what it rests on take that at least")
    _say_disclosed(disclose)
    return 0


def _say_disclosed(disclose: dossiers.Disclose) -> None:
    for n, names in sorted(disclose.items()):
        print(f"  discloses {', '.join(sorted(names))} of entry {n}: whoever has the file reads it")


_UNITS: Final = {"": 1, "kB": 1_000, "MB": 1_000_000}


def _bytes(text: str) -> int:
    """Bytes as written: 300kB, 1.5MB, 1500000."""
    match = re.fullmatch(r"([0-9]{1,8})(?:\.([0-9]))?(kB|MB)?", text, re.ASCII)
    tenths = int(match[1] + (match[2] or "0")) * _UNITS[match[3] or ""] if match else 0
    if not 0 < tenths // 10 <= dossier_.MAX_BYTES or tenths % 10:
        raise RuleError(
            "PARAMETER_INVALID",
            f"budget: {text[:40]!r}, want a size up to {dossier_.MAX_BYTES:,} bytes",
            field="budget",
            value=text[:40],
            hint="write 300kB, 1.5MB, or a number of bytes",
        )
    return tenths // 10
